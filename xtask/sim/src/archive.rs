//! Archives and their readers: nothing is missed and nothing is delivered twice, whatever is late, killed or away.
//!
//! Envelopes reach each of two archives after up to ten minutes, in different orders. Archives and readers are killed, archives
//! lose their power, and one archive is away for an hour. A reader keeps its cursor together with what it has processed.

mod feed;
#[cfg(feature = "planted")]
pub(crate) mod planted;
mod reader;
mod settings;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use p2p_server::{
    Config, Server,
    mux::identity::{Enode, SecretKey},
};
use p2p_sim::{Fault, Host, HostId, Link, Network, Schedule, Violation};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use whisper_protocol::{Config as WhisperConfig, Whisper};

use feed::Feed;
use reader::Reader;
pub(crate) use settings::Settings;

/// The port of every node.
const PORT: u16 = 30_303;

/// Number of archives. Their hosts come first.
pub(crate) const ARCHIVES: usize = 2;

/// How long one archive is away.
const AWAY: Duration = Duration::from_secs(3600);

/// Longest time from the last envelope until every reader has all of them.
const DRAIN: Duration = Duration::from_secs(1800);

/// What was found.
#[derive(Debug)]
struct Outcome {
    readers: Vec<Arc<Mutex<Reader>>>,
    feed: Arc<Mutex<Feed>>,
    missed: usize,
    doubled: usize,
    /// What did not hold but that.
    violation: Option<Violation>,
    trace_hash: u64,
}

/// Runs the scenario. Returns whether every promise holds.
pub(crate) fn run(args: &[String]) -> Result<bool, String> {
    let settings = Settings::parse(args)?;
    let began = Instant::now();
    let outcome = simulate(&settings);
    report(&settings, &outcome, began.elapsed());
    Ok(outcome.broken_promise().is_none())
}

fn simulate(settings: &Settings) -> Outcome {
    let mut network = Network::new(settings.seed)
        .link(Link::default().latency(Duration::from_millis(20)..Duration::from_millis(80)))
        .null_cryptography()
        .faults(faults(settings));
    let feed = Arc::new(Mutex::new(Feed::new(settings)));
    for index in 0..ARCHIVES {
        let feed = Arc::clone(&feed);
        network.host(move |host| feed::run(host, index, Arc::clone(&feed)));
    }
    let readers: Vec<_> =
        (0..settings.readers).map(|_| Arc::new(Mutex::new(Reader::new(settings)))).collect();
    for (index, reader) in readers.iter().enumerate() {
        let reader = Arc::clone(reader);
        network.host(move |host| reader::run(host, ARCHIVES + index, Arc::clone(&reader)));
    }
    let have_all = || readers.iter().all(|reader| lock(reader).has(&lock(&feed)));
    let violation = network
        .run_for(settings.time + feed::DELAY)
        .and_then(|()| network.run_until(DRAIN, |_| have_all()))
        // A late copy would come now.
        .and_then(|_| network.run_for(Duration::from_secs(60)));
    let found = readers.iter().map(|reader| lock(reader).compare(&lock(&feed)));
    let (missed, doubled) = found
        .fold((0, 0), |(missed, doubled), found| (missed + found.missed, doubled + found.doubled));
    let (violation, trace_hash) = (violation.err(), network.trace_hash());
    Outcome { readers, feed, missed, doubled, violation, trace_hash }
}

impl Outcome {
    /// The promise that does not hold, if there is one.
    fn broken_promise(&self) -> Option<String> {
        // A run that a violation ended says nothing about what would have come later.
        if let Some(violation) = &self.violation {
            return Some(violation.name.clone());
        }
        if self.doubled > 0 {
            return Some("nothing comes twice".to_owned());
        }
        (self.missed > 0).then(|| "what is stored comes".to_owned())
    }
}

/// Prints what was found.
fn report(settings: &Settings, outcome: &Outcome, took: Duration) {
    let feed = lock(&outcome.feed);
    for (index, reader) in outcome.readers.iter().enumerate() {
        let reader = lock(reader);
        let found = reader.compare(&feed);
        println!(
            "reader {index}: {} envelopes, {} missed, {} doubled; {} starts, away {}, behind {}, perhaps repeated {}",
            found.received,
            found.missed,
            found.doubled,
            reader.starts,
            reader.away,
            reader.behind,
            reader.doubtful
        );
    }
    if let Some(violation) = &outcome.violation {
        println!("{violation}");
    }
    println!(
        "{} envelopes, {} stored, {} kills, {} h of virtual time in {} s: {} missed, {} doubled, {:016x}",
        settings.envelopes,
        feed.stored(),
        settings.kills,
        settings.time.as_secs() / 3600,
        took.as_secs(),
        outcome.missed,
        outcome.doubled,
        outcome.trace_hash,
    );
}

/// Kills at random times, and one archive away for an hour. Everything is repaired in the end.
fn faults(settings: &Settings) -> Schedule {
    let mut rng = StdRng::seed_from_u64(settings.seed);
    let mut schedule = Schedule::new();
    let second = |seconds: f64| Duration::from_secs_f64(seconds);
    let away_at = settings.time.saturating_sub(AWAY).mul_f64(rng.random_range(0.2..0.8));
    let away = HostId(rng.random_range(0..2));
    schedule.push((away_at, Fault::PowerLoss(away)));
    schedule.push((away_at + AWAY, Fault::Restart(away)));
    let hosts = u32::try_from(ARCHIVES + settings.readers).unwrap_or(u32::MAX);
    for _ in 0..settings.kills {
        let at = settings.time.mul_f64(rng.random_range(0.0..1.0));
        let host = HostId(rng.random_range(0..hosts));
        let back = at + second(rng.random_range(0.1..30.0));
        let is_away = at < away_at + AWAY && back + Duration::from_secs(60) > away_at;
        // While one archive is away, the other one stays: what neither has is lost for every reader.
        if is_away && host.index() < ARCHIVES {
            continue;
        }
        let fault = match rng.random_bool(0.5) {
            true => Fault::Kill(host),
            false => Fault::PowerLoss(host),
        };
        schedule.push((at, fault));
        schedule.push((back, Fault::Restart(host)));
    }
    schedule.sort_by_key(|(at, _)| *at);
    schedule
}

/// A node of a host with `archive/1`, which dials these.
async fn start(host: &Host, index: usize, dials: &[usize]) -> Result<(Whisper, Server), String> {
    let key = key(index);
    let whisper = Whisper::new(WhisperConfig { world: host.world(), ..WhisperConfig::default() });
    let config = Config::new(key.clone()).name("archive-sim").world(host.world());
    let config = config.listen(format!("{}:{PORT}", host.id().ip()));
    let config = config.protocol(whisper.archive_protocol(key.id()));
    let config = dials.iter().fold(config, |config, peer| config.static_node(enode(*peer)));
    let server = Server::start(config).await.map_err(|error| error.to_string())?;
    Ok((whisper, server))
}

fn key(index: usize) -> SecretKey {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&(index as u64 + 1).to_be_bytes());
    SecretKey::from_bytes(&bytes).expect("a key below the order of the curve")
}

fn enode(index: usize) -> Enode {
    let host = HostId(u32::try_from(index).unwrap_or(u32::MAX));
    Enode::new(key(index).id(), (host.ip(), PORT).into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive that a reader cannot go on with after a kill loses or repeats something here.
    #[test]
    fn nothing_is_missed_and_nothing_is_doubled() {
        for seed in ["1", "2"] {
            let args = ["--envelopes", "1000", "--kills", "40", "--seed", seed];
            assert_eq!(run(&args.map(str::to_owned)), Ok(true));
        }
    }
}
