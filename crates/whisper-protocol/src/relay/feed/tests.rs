use whisper_envelope::{Bloom, Topic};
use whisper_pow::Work;

use super::*;
use crate::relay::testing::{pooled, work};

fn demand(bloom: Bloom, min_work: f64) -> Demand {
    Demand { bloom, min_work: work(min_work) }
}

/// The numbers of the envelopes that a peer reads next.
fn read(feed: &Feed, cursor: u64, end: Option<u64>) -> Vec<u64> {
    let Unread::Bundle(segments) = feed.unread(cursor, end) else { panic!("no bundle") };
    segments.iter().flat_map(|it| it.entries().iter().map(|entry| entry.number())).collect()
}

#[test]
fn a_peer_reads_what_came_after_its_cursor() {
    let (mut feed, all) = (Feed::default(), pooled(0..5));
    assert!(matches!(feed.unread(0, None), Unread::Nothing));
    feed.append(&all[..2], None, true);
    feed.append(&all[2..], None, true);
    assert_eq!(read(&feed, 0, None), [0, 1, 2, 3, 4]);
    assert_eq!(read(&feed, 2, None), [2, 3, 4]);
    assert_eq!(read(&feed, 0, Some(2)), [0, 1], "as far as another peer read");
    assert!(matches!(feed.unread(5, None), Unread::Nothing));
}

#[test]
fn a_peer_that_is_far_behind_gets_all_or_learns_that_it_missed_some() {
    let (mut feed, all) = (Feed::default(), pooled(0..5000));
    for part in all.chunks(100) {
        feed.append(part, None, true);
    }
    feed.total += WINDOW; // as if they were larger
    let Unread::Gap(missed, segments) = feed.unread(0, None) else { panic!("no gap") };
    let kept: u64 = segments.iter().map(|segment| segment.entries().len() as u64).sum();
    assert_eq!(missed + kept, 5000);
    assert!(kept <= 4096);
    let Unread::Backlog(rest) = feed.unread(missed, None) else { panic!("no backlog") };
    assert_eq!(rest.len(), segments.len());
    feed.total -= WINDOW;
    assert!(matches!(feed.unread(4900, None), Unread::Bundle(_)));
}

#[test]
fn expired_segments_are_forgotten() {
    let (mut feed, all) = (Feed::default(), pooled(0..4));
    feed.append(&all, None, true);
    feed.expire(all[0].expiry());
    assert_eq!(feed.segments.len(), 1);
    feed.expire(all[0].expiry() + 1);
    assert_eq!(feed.segments.len(), 0);
    assert!(matches!(feed.unread(4, None), Unread::Nothing));
    assert!(matches!(feed.unread(1, None), Unread::Gap(3, _)));
}

#[test]
fn a_peer_waits_only_if_it_has_read_everything() {
    let (mut feed, all) = (Feed::default(), pooled(0..1));
    feed.join(0, &demand(Bloom::FULL, 0.0));
    feed.append(&all, None, true);
    assert!(!feed.wait(0, 0) && feed.take_wakes().is_empty());
    assert!(feed.wait(0, 1));
    feed.wake_all();
    feed.wake_all();
    assert_eq!(feed.take_wakes(), [0], "once");
}

#[test]
fn the_waiting_peers_that_want_an_envelope_are_found() {
    let (topic, other) = (Topic([1, 2, 3, 0]), Topic([201, 202, 203, 7]));
    let mut waiting = WaitingPeers::default();
    let blooms = [Bloom::FULL, Bloom::EMPTY, Bloom::of(topic), Bloom::of(other)];
    for index in 0..400 {
        waiting.set_demand(index, &demand(blooms[index % 4], if index < 200 { 2.0 } else { 0.0 }));
        waiting.insert(index);
    }
    let mut found = Vec::new();
    waiting.take_wanting(topic, work(1.0), Some(204), &mut found);
    let expected: Vec<usize> = (200..400).filter(|it| [0, 2].contains(&(it % 4))).collect();
    let expected: Vec<usize> = expected.into_iter().filter(|it| *it != 204).collect();
    assert_eq!(found, expected);
    found.clear();
    waiting.take_wanting(topic, work(1.0), None, &mut found);
    assert_eq!(found, [204], "the others wait no longer");
    waiting.set_demand(203, &demand(Bloom::of(topic), 0.0));
    found.clear();
    waiting.take_wanting(topic, Work::ZERO, None, &mut found);
    assert_eq!(found, [0; 0], "it does not wait");
    waiting.insert(203);
    waiting.take_wanting(topic, Work::ZERO, None, &mut found);
    assert_eq!(found, [203]);
}
