use std::{
    net::IpAddr,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use p2p_world::rng;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::sleep,
};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// What the hosts of a test have seen, with the time in milliseconds.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(u64, String)>>>);

impl Log {
    fn add(&self, host: &Host, text: impl fmt::Display) {
        let at = host.wire.elapsed();
        self.0.lock().unwrap().push((u64::try_from(at.as_millis()).unwrap(), text.to_string()));
    }

    fn take(&self) -> Vec<(u64, String)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A host that sends back what it receives, and one that sends a word each second and logs what comes back.
fn echo_network(seed: u64, log: &Log) -> Network {
    let mut network = Network::new(seed).link(Link::default().latency(ms(50)..ms(50)));
    network.host(|host| async move {
        let mut listener = host.world().listen((host.id().ip(), 7).into(), false).unwrap();
        loop {
            let next = std::future::poll_fn(|cx| listener.poll_accept(cx)).await;
            let (mut stream, _) = next.unwrap();
            host.world().spawn(Box::pin(async move {
                let mut bytes = [0; 64];
                while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                    stream.write_all(&bytes[..read]).await.ok();
                }
            }));
        }
    });
    let log = log.clone();
    network.host(move |host| {
        let log = log.clone();
        async move {
            loop {
                let stream = host.world().connect((HostId(0).ip(), 7).into()).await;
                let Ok(mut stream) = stream else {
                    log.add(&host, "no connection");
                    continue;
                };
                log.add(&host, "connected");
                let mut bytes = [0; 64];
                loop {
                    if stream.write_all(b"word").await.is_err() {
                        break;
                    }
                    match stream.read(&mut bytes).await {
                        Ok(read @ 1..) => log.add(&host, String::from_utf8_lossy(&bytes[..read])),
                        end => {
                            log.add(&host, format!("{:?}", end.map_err(|error| error.kind())));
                            break;
                        }
                    }
                    sleep(SECOND).await;
                }
            }
        }
    });
    network
}

fn log_of(entries: &[(u64, &str)]) -> Vec<(u64, String)> {
    entries.iter().map(|(at, text)| (*at, (*text).to_owned())).collect()
}

#[test]
fn bytes_take_the_latency_of_the_line() {
    let log = Log::default();
    let mut network = echo_network(1, &log);
    network.run_for(ms(1_500)).unwrap();
    assert_eq!(log.take(), log_of(&[(100, "connected"), (200, "word"), (1_300, "word")]));
    assert_eq!(network.elapsed(), ms(1_500));
}

#[test]
fn a_slow_host_works_on_one_thing_after_the_other() {
    let log = Log::default();
    let mut network = Network::new(1).link(Link::default().latency(ms(50)..ms(50)));
    let logged = log.clone();
    let receiver = network.host(move |host| {
        let log = logged.clone();
        async move {
            let socket = host.world().bind((host.id().ip(), 9).into()).unwrap();
            loop {
                let mut bytes = [0; 8];
                let mut buffer = tokio::io::ReadBuf::new(&mut bytes);
                std::future::poll_fn(|cx| socket.poll_receive(cx, &mut buffer)).await.unwrap();
                log.add(&host, "received");
            }
        }
    });
    network.host(|host| async move {
        let socket = host.world().bind((host.id().ip(), 9).into()).unwrap();
        for _ in 0..3 {
            let to = (HostId(0).ip(), 9).into();
            std::future::poll_fn(|cx| socket.poll_send(cx, b"word", to)).await.unwrap();
        }
    });
    network.slow_down(receiver, ms(20));
    network.run_for(SECOND).unwrap();
    assert_eq!(log.take(), log_of(&[(70, "received"), (90, "received"), (110, "received")]));
    let mut slow = echo_network(1, &log);
    slow.slow_down(HostId(0), ms(30));
    slow.run_for(SECOND).unwrap();
    assert_eq!(log.take(), log_of(&[(100, "connected"), (230, "word")]));
}

#[test]
fn the_other_end_of_a_killed_host_is_told_and_that_of_a_dead_one_is_not() {
    let log = Log::default();
    let mut network = echo_network(1, &log);
    network.run_for(ms(500)).unwrap();
    log.take();
    network.cause(&Fault::Kill(HostId(0)));
    network.run_for(ms(900)).unwrap();
    assert_eq!(log.take(), log_of(&[]), "it is told, but it reads later");
    network.cause(&Fault::Restart(HostId(0)));
    network.run_for(6 * SECOND).unwrap();
    let seen = log.take();
    assert_eq!(seen[0].1, "connected", "{seen:?}");
    network.cause(&Fault::PowerLoss(HostId(0)));
    network.run_for(20 * SECOND).unwrap();
    assert_eq!(log.take(), log_of(&[]));
}

#[test]
fn a_blocked_line_holds_streams_until_it_is_repaired() {
    let log = Log::default();
    let (from, to) = (vec![HostId(0)], vec![HostId(1)]);
    let faults = vec![
        (ms(250), Fault::Block(from.clone(), to.clone())),
        (ms(5_000), Fault::Unblock(from, to)),
    ];
    let mut network = echo_network(1, &log).faults(faults);
    network.run_for(ms(5_400)).unwrap();
    assert_eq!(log.take(), log_of(&[(100, "connected"), (200, "word"), (5_250, "word")]));
}

#[test]
fn the_bytes_of_a_stream_stay_in_order_over_lines_that_are_blocked_again_and_again() {
    let log = Log::default();
    let mut network = Network::new(1).link(Link::default().latency(ms(30)..ms(30)).loss(0.1));
    let logged = log.clone();
    network.host(move |host| {
        let log = logged.clone();
        async move {
            let mut listener = host.world().listen((host.id().ip(), 7).into(), false).unwrap();
            let (mut stream, _) =
                std::future::poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
            while let Ok(number) = stream.read_u64().await {
                log.add(&host, number);
            }
        }
    });
    network.host(|host| async move {
        let mut stream = host.world().connect((HostId(0).ip(), 7).into()).await.unwrap();
        for number in 0..2_000 {
            stream.write_u64(number).await.unwrap();
            sleep(ms(7)).await;
        }
        std::future::pending::<()>().await;
    });
    let (from, to) = (vec![HostId(1)], vec![HostId(0)]);
    let faults = (1..40).flat_map(|step| {
        let block = Fault::Block(from.clone(), to.clone());
        let unblock = Fault::Unblock(from.clone(), to.clone());
        [(ms(300 * step), block), (ms(300 * step + 90), unblock)]
    });
    network.faults(faults.collect()).run_for(60 * SECOND).unwrap();
    let numbers: Vec<String> = log.take().into_iter().map(|(_, number)| number).collect();
    assert_eq!(numbers, (0..2_000).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn nothing_connects_with_a_host_that_is_off_or_behind_a_gateway() {
    let log = Log::default();
    let mut network = echo_network(1, &log);
    network.put_behind_nat(HostId(0));
    network.run_for(120 * SECOND).unwrap();
    assert_eq!(log.take(), log_of(&[(63_050, "no connection")]));
}

#[test]
fn equal_seeds_give_equal_traces() {
    let run = |seed| {
        let mut network = Network::new(seed).link(Link::default().latency(ms(5)..ms(90)).loss(0.1));
        for _ in 0..4 {
            network.host(|host| async move {
                let world = host.world();
                let socket = world.bind((host.id().ip(), 9).into()).unwrap();
                loop {
                    let to = HostId(u32::try_from(rng().number() % 4).unwrap());
                    let word = rng().number().to_be_bytes();
                    let to = (to.ip(), 9).into();
                    std::future::poll_fn(|cx| socket.poll_send(cx, &word, to)).await.unwrap();
                    sleep(ms(rng().number() % 50)).await;
                }
            });
        }
        network.run_for(10 * SECOND).unwrap();
        (network.trace_hash(), network.events())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
    assert!(run(1).1 > 1000);
}

/// Public addresses, each in a subnet of its own.
fn public(host: HostId) -> IpAddr {
    [44, 0, u8::try_from(host.0).unwrap(), 1].into()
}

#[test]
fn a_datagram_from_a_forged_address_is_answered_at_that_address() {
    let log = Log::default();
    let logged = log.clone();
    let mut network = Network::new(1).addresses(public);
    for number in 0..2 {
        let log = logged.clone();
        network.host(move |host| {
            let log = log.clone();
            async move {
                let socket = host.world().bind(([0, 0, 0, 0], 9).into()).unwrap();
                loop {
                    let mut bytes = [0; 8];
                    let mut buffer = tokio::io::ReadBuf::new(&mut bytes);
                    let from = std::future::poll_fn(|cx| socket.poll_receive(cx, &mut buffer));
                    let from = from.await.unwrap();
                    log.add(&host, format!("{number} from {from}"));
                    std::future::poll_fn(|cx| socket.poll_send(cx, b"back", from)).await.unwrap();
                }
            }
        });
    }
    let attacker = network.host(|host| async move {
        let (from, to) = ((public(HostId(1)), 9).into(), (public(HostId(0)), 9).into());
        host.send_forged(from, to, b"word");
    });
    let blocked = Fault::Block(vec![HostId(0)], vec![HostId(1)]);
    network.cause(&Fault::Block(vec![HostId(1)], vec![HostId(0)]));
    network.run_for(ms(3)).unwrap();
    let first = log_of(&[(1, "0 from 44.0.1.1:9"), (2, "1 from 44.0.0.1:9")]);
    assert_eq!(log.take(), first, "the line from the attacker is not blocked");
    network.cause(&blocked);
    for fault in [Fault::Kill(attacker), Fault::Restart(attacker)] {
        network.cause(&fault);
    }
    network.run_for(SECOND).unwrap();
    assert_eq!(log.take(), log_of(&[(4, "0 from 44.0.1.1:9")]));
}

#[test]
#[should_panic(expected = "host 1 cannot have the address 44.0.0.1: another host has it")]
fn two_hosts_cannot_have_one_address() {
    let mut network = Network::new(1).addresses(|_| public(HostId(0)));
    network.host(|_| async {});
    network.host(|_| async {});
}

#[test]
fn an_invariant_that_does_not_hold_ends_the_run() {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let mut network = Network::new(3).invariant("fewer than three", move |_| {
        let seen = count.load(Ordering::Relaxed);
        if seen < 3 { Ok(()) } else { Err(format!("{seen} seen")) }
    });
    network.host(move |_| {
        let counted = Arc::clone(&counted);
        async move {
            loop {
                sleep(ms(700)).await;
                counted.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let violation = network.run_for(60 * SECOND).unwrap_err();
    let text = "4 seen".to_owned();
    let name = "fewer than three".to_owned();
    assert_eq!(violation, Violation { seed: 3, name, at: 3 * SECOND, text });
}

#[test]
fn files_survive_a_restart_as_far_as_they_were_synced() {
    let log = Log::default();
    let logged = log.clone();
    let mut network = Network::new(1);
    network.host(move |host| {
        let log = logged.clone();
        async move {
            let world = host.world();
            let file = world.open_file("state".as_ref()).unwrap();
            log.add(&host, file.len().unwrap());
            assert!(world.open_file("state".as_ref()).is_err(), "it is locked");
            file.write(0, b"synced").unwrap();
            file.sync().unwrap();
            std::future::pending::<()>().await;
        }
    });
    network.run_for(SECOND).unwrap();
    for fault in [Fault::PowerLoss(HostId(0)), Fault::Restart(HostId(0))] {
        network.cause(&fault);
    }
    network.run_for(SECOND).unwrap();
    assert_eq!(log.take(), log_of(&[(0, "0"), (1_000, "6")]));
}

#[test]
fn a_clock_is_wrong_as_a_fault_says() {
    let mut network = Network::new(1);
    let log = Log::default();
    let logged = log.clone();
    network.host(move |host| {
        let log = logged.clone();
        async move {
            let begin = host.world().unix_time();
            sleep(10 * SECOND).await;
            log.add(&host, host.world().unix_time().duration_since(begin).unwrap().as_secs());
        }
    });
    let faults = vec![(5 * SECOND, Fault::Clock(HostId(0), 3600.0))];
    network.faults(faults).run_for(20 * SECOND).unwrap();
    assert_eq!(log.take(), log_of(&[(10_000, "3610")]));
}

/// What a network of four hosts does: each sends to the next one, and one is killed and comes back.
fn ring_in_regions(regions: usize, threads: usize) -> (u64, u64, Vec<(u64, String)>) {
    let log = Log::default();
    let link = Link::default().latency(ms(20)..ms(60)).jitter(ms(5)).bandwidth(50_000_000);
    let mut network = Network::in_regions(7, regions).threads(threads).link(link);
    for number in 0..4 {
        let (log, next) = (log.clone(), HostId((number + 1) % 4));
        network.host(move |host| ring_member(host, next, (number == 0).then(|| log.clone())));
    }
    let faults = vec![
        (ms(500), Fault::Kill(HostId(2))),
        (ms(800), Fault::Restart(HostId(2))),
        (ms(1_000), Fault::Block(vec![HostId(3)], vec![HostId(0)])),
        (ms(1_300), Fault::Unblock(vec![HostId(3)], vec![HostId(0)])),
    ];
    let mut network = network.faults(faults.into_iter().collect());
    network.run_for(2 * SECOND).unwrap();
    (network.trace_hash(), network.events(), log.take())
}

/// Reads all that comes, and sends more than a window to the next host, again when that fails.
async fn ring_member(host: Host, next: HostId, log: Option<Log>) {
    let mut listener = host.world().listen((host.id().ip(), 7).into(), false).unwrap();
    let of_reader = host.clone();
    host.world().spawn(Box::pin(async move {
        while let Ok((mut stream, _)) = std::future::poll_fn(|cx| listener.poll_accept(cx)).await {
            let (host, log) = (of_reader.clone(), log.clone());
            of_reader.world().spawn(Box::pin(async move {
                let (mut bytes, mut total) = (vec![0; 8192], 0);
                while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                    total += read;
                    if let Some(log) = &log {
                        log.add(&host, total);
                    }
                    sleep(ms(rng().number() % 3)).await;
                }
            }));
        }
    }));
    loop {
        if let Ok(mut stream) = host.world().connect((next.ip(), 7).into()).await {
            while stream.write_all(&[1; 50_000]).await.is_ok() {}
        }
        sleep(ms(100)).await;
    }
}

#[test]
fn regions_do_the_same_on_any_number_of_threads() {
    let one = ring_in_regions(4, 1);
    assert!(one.2.len() > 100, "{}", one.2.len());
    for threads in [2, 3] {
        assert_eq!(ring_in_regions(4, threads), one, "{threads}");
    }
}

#[test]
fn bytes_between_regions_take_the_latency_of_the_line() {
    let log = Log::default();
    let mut network = Network::in_regions(3, 2).link(Link::default().latency(ms(50)..ms(50)));
    network.host(|host| async move {
        let mut listener = host.world().listen((host.id().ip(), 7).into(), false).unwrap();
        let (mut stream, _) = std::future::poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        stream.write_all(b"word").await.unwrap();
    });
    let of_host = log.clone();
    network.host(move |host| {
        let log = of_host.clone();
        async move {
            let mut stream = host.world().connect((HostId(0).ip(), 7).into()).await.unwrap();
            log.add(&host, "connected");
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            log.add(&host, text);
        }
    });
    network.run_for(SECOND).unwrap();
    assert_eq!(log.take(), [(100, "connected".to_owned()), (100, "word".to_owned())]);
}
