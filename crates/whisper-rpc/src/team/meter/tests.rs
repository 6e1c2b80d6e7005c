use std::num::NonZeroU32;

use super::*;

fn limited(quota: Quota, limit: u32) -> Quotas {
    Quotas::default().with(quota, NonZeroU32::new(limit))
}

#[tokio::test(start_paused = true)]
async fn posts_count_until_they_expire() {
    let meter = TeamMeter::default();
    let quotas = limited(Quota::PostBytes, 100);
    let start = Instant::now();
    let now = || 1000 + start.elapsed().as_secs();
    let post = |ttl, bytes| meter.begin_post(&quotas, now, ttl, bytes);
    assert_eq!(post(10, 60).await, Ok(()));
    assert_eq!(post(30, 40).await, Ok(()));
    let over = |retry_after| Err(OverQuota { quota: Quota::PostBytes, limit: 100, retry_after });
    sleep(Duration::from_secs(1)).await;
    assert_eq!(post(9, 50).await, over(Some(9)));
    assert_eq!(post(9, 70).await, over(Some(29)));
    assert_eq!(post(9, 101).await, over(None));
    assert_eq!(start.elapsed().as_secs(), 1, "there is no use in waiting");
    sleep(Duration::from_secs(8)).await;
    assert_eq!(post(10, 60).await, Ok(()));
    assert_eq!(start.elapsed().as_secs(), 10, "it waits for the first to expire");
    assert_eq!((meter.usage().posts, meter.usage().refused[3]), (3, (Quota::PostBytes, 3)));
}

#[tokio::test(start_paused = true)]
async fn calls_are_slowed_and_then_refused() {
    let meter = TeamMeter::default();
    let quotas = limited(Quota::Calls, 10);
    let (mut refused, start) = (0, Instant::now());
    for _ in 0..50 {
        // One after the other, so a wait lets the bucket fill.
        refused += u64::from(meter.begin_call(&quotas, 0).await.is_err());
    }
    assert_eq!((refused, start.elapsed().as_secs()), (0, 3));
    let at_once = (0..50).map(|_| meter.begin_call(&quotas, 0));
    let ends = futures_util::future::join_all(at_once).await;
    let error = OverQuota { quota: Quota::Calls, limit: 10, retry_after: Some(1) };
    let over = ends.iter().filter(|end| **end == Err(error)).count();
    assert!((35..45).contains(&over), "{over}");
    assert_eq!((meter.usage().calls, meter.usage().refused[0].1), (100, over as u64));
}

#[tokio::test(start_paused = true)]
async fn refusals_are_answered_one_after_the_other() {
    let (meter, start) = (TeamMeter::default(), Instant::now());
    futures_util::future::join_all((0..200).map(|_| meter.delay_refusal())).await;
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn work_is_slowed_and_then_refused() {
    let meter = TeamMeter::default();
    let quotas = limited(Quota::Work, 6);
    let seconds = Duration::from_secs;
    // What was done before the quota was set does not count.
    assert_eq!(meter.begin_work(&Quotas::default(), seconds(100)).await, Ok(()));
    assert_eq!(meter.begin_work(&quotas, seconds(106)).await, Ok(()));
    let start = Instant::now();
    assert_eq!(meter.begin_work(&quotas, seconds(106) + Duration::from_millis(50)).await, Ok(()));
    assert_eq!(start.elapsed(), Duration::from_millis(500));
    let over = |after| OverQuota { quota: Quota::Work, limit: 6, retry_after: Some(after) };
    // A second of work is given in ten.
    assert_eq!(meter.begin_work(&quotas, Duration::from_millis(108_050)).await, Err(over(19)));
    assert_eq!(meter.usage().refused[Quota::Work as usize].1, 1);
}

/// Two cores that work on a post, unless it waits.
#[tokio::test(start_paused = true)]
async fn a_post_in_progress_waits_when_it_is_ahead_and_then_fails() {
    let meter = TeamMeter::default();
    let seconds = Duration::from_secs;
    let (quotas, start) = (std::cell::Cell::new(limited(Quota::Work, 6)), Instant::now());
    let (worked, since) = (std::cell::Cell::new(Duration::ZERO), std::cell::Cell::new(Some(start)));
    let core_time =
        || worked.get() + since.get().map_or(Duration::ZERO, |since| 2 * since.elapsed());
    let pause = |paused: bool| {
        if paused == since.get().is_some() {
            worked.set(core_time());
            since.set((!paused).then(Instant::now));
        }
    };
    let over = meter.slow_work(|| quotas.get(), core_time, pause, seconds(30)).await;
    // A minute's worth at once, in 3 s; then as much as the quota gives, for 30 s of waiting.
    assert!(
        start.elapsed() >= seconds(33) && start.elapsed() < seconds(36),
        "{:?}",
        start.elapsed()
    );
    assert!(core_time() >= seconds(9) && core_time() < seconds(10), "{:?}", core_time());
    assert_eq!((over.quota, over.limit), (Quota::Work, 6));
    assert!(since.get().is_some(), "other work of the team goes on");
    assert!((60..=65).contains(&over.retry_after.unwrap()), "{over:?}");
    assert_eq!(meter.usage().refused[Quota::Work as usize].1, 1);
    // A quota that is taken away lets it go on.
    quotas.set(Quotas::default());
    let on = meter.slow_work(|| quotas.get(), core_time, pause, seconds(30));
    assert!(tokio::time::timeout(seconds(5), on).await.is_err());
    assert!(since.get().is_some(), "it works");
}

/// Hundreds of posts that wait cost no more than one: their work is looked after once.
#[tokio::test(start_paused = true)]
async fn one_of_many_posts_in_progress_looks_after_the_work_of_all() {
    let meter = TeamMeter::default();
    let (quotas, seconds) = (limited(Quota::Work, 6), Duration::from_secs);
    // The team is ahead for longer than the posts are patient.
    assert_eq!(meter.begin_work(&quotas, Duration::ZERO).await, Ok(()));
    let (looks, worked) = (std::cell::Cell::new(0), seconds(12));
    let start = Instant::now();
    let post = |patience| {
        let core_time = || {
            looks.set(looks.get() + 1);
            worked
        };
        let (meter, quotas) = (&meter, &quotas);
        async move {
            let over = meter.slow_work(|| *quotas, core_time, |_| (), seconds(patience)).await;
            assert_eq!((over.quota, start.elapsed()), (Quota::Work, seconds(patience)));
        }
    };
    // The first one, which begins to look after the work, is not the last one.
    futures_util::future::join_all((0..300).map(|number| post(1 + number % 10))).await;
    assert!((40..80).contains(&looks.get()), "{}", looks.get());
    assert_eq!(meter.usage().refused[Quota::Work as usize].1, 300);
}

#[tokio::test(start_paused = true)]
async fn reading_is_slowed_and_then_refused() {
    let meter = TeamMeter::default();
    let quotas = limited(Quota::History, 60);
    assert_eq!(meter.begin_reading(&quotas).await, Ok(()));
    meter.count_read(&quotas, 180);
    let over = OverQuota { quota: Quota::History, limit: 60, retry_after: Some(119) };
    assert_eq!(meter.begin_reading(&quotas).await, Err(over));
    let start = Instant::now();
    meter.wait_to_read(&quotas).await;
    assert_eq!((start.elapsed().as_secs(), meter.usage().read), (120, 180));
    assert_eq!(meter.begin_reading(&quotas).await, Ok(()));
}

#[test]
fn filters_subscriptions_and_connections_are_counted_together() {
    let meter = TeamMeter::default();
    let quotas = limited(Quota::Filters, 2).with(Quota::Connections, NonZeroU32::new(1));
    let subscription = meter.admit_subscription(&quotas, 1, Duration::ZERO).unwrap();
    let over = |quota, limit| OverQuota { quota, limit, retry_after: None };
    let more = meter.admit_filter(&quotas, 1, Duration::ZERO);
    assert_eq!(more, Err(over(Quota::Filters, 2)));
    drop(subscription);
    assert_eq!(meter.admit_filter(&quotas, 1, Duration::ZERO), Ok(()));
    let connection = meter.admit_connection(&quotas).unwrap();
    assert_eq!(meter.admit_connection(&quotas).unwrap_err(), over(Quota::Connections, 1));
    drop(connection);
    assert!(meter.admit_connection(&quotas).is_ok());
    let quotas = limited(Quota::Trials, 9);
    assert_eq!(meter.admit_filter(&quotas, 0, Duration::from_secs(1)), Ok(()));
    let over = OverQuota { quota: Quota::Trials, limit: 9, retry_after: Some(7) };
    assert_eq!(meter.admit_filter(&quotas, 0, Duration::from_millis(6001)), Err(over));
}

#[tokio::test(start_paused = true)]
async fn a_full_outbox_waits_until_it_is_read_or_may_be_larger() {
    use futures_util::FutureExt as _;
    let meter = TeamMeter::default();
    let quotas = std::cell::Cell::new(limited(Quota::OutboxBytes, 10));
    let waits = || meter.wait_for_outbox(|| quotas.get());
    let [first, second] = [9, 9].map(|bytes| meter.add_to_outbox(bytes));
    let mut waiting = Box::pin(waits());
    assert!(waiting.as_mut().now_or_never().is_none());
    drop(first);
    waiting.await;
    let _third = meter.add_to_outbox(9);
    quotas.set(limited(Quota::OutboxBytes, 100));
    waits().await;
    drop(second);
    assert_eq!(meter.usage().outbox_bytes, 9);
}
