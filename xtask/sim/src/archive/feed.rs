//! The network as archives see it: envelopes come late and in any order.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use p2p_sim::Host;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::time::sleep;
use whisper_archive::{EmbeddedArchive, Retention};
use whisper_envelope::{Envelope, Topic, Unsealed};
use whisper_protocol::{Archive, ArchiveSettings};

use super::{ARCHIVES, Settings, lock, start};

/// Longest delay of an envelope on its way to an archive.
pub(super) const DELAY: Duration = Duration::from_secs(600);

/// The topic of all envelopes.
pub(super) const TOPIC: Topic = Topic(*b"simu");

/// Time to live of an envelope, in seconds: what has arrived at an archive that was off for some minutes still lives.
const TTL: u32 = 1200;

/// How often an archive looks for what has arrived.
const TICK: Duration = Duration::from_millis(250);

/// Maximum number of envelopes of one append.
const MAX_APPEND: usize = 500;

/// What arrives at the archives, and which of it is stored.
#[derive(Debug)]
pub(crate) struct Feed {
    /// For each archive, the times in milliseconds since the start and the numbers of the envelopes, in order.
    arrivals: [Vec<(u64, u32)>; ARCHIVES],
    /// For each archive, the index of what arrives next.
    next: [usize; ARCHIVES],
    /// Whether an archive has said that it has stored the envelope.
    stored: Vec<bool>,
    /// When the envelopes were sent, in milliseconds since the start.
    sent: Vec<u64>,
    /// The time of the start by the clock of the hosts, in seconds since 1970.
    start: Option<u32>,
}

impl Feed {
    pub(crate) fn new(settings: &Settings) -> Self {
        let mut rng = StdRng::seed_from_u64(settings.seed ^ 0xfeed);
        let time = u64::try_from(settings.time.as_millis()).unwrap_or(u64::MAX);
        let count = settings.envelopes;
        let sent: Vec<_> =
            (0..count).map(|number| time * u64::from(number) / u64::from(count.max(1))).collect();
        let most = u64::try_from(DELAY.as_millis()).unwrap_or(u64::MAX);
        let mut arrivals = [(); ARCHIVES].map(|()| {
            let one = |(number, sent): (u32, &u64)| (sent + rng.random_range(0..most), number);
            (0..).zip(&sent).map(one).collect::<Vec<_>>()
        });
        arrivals.iter_mut().for_each(|arrivals| arrivals.sort_unstable());
        let stored = vec![false; sent.len()];
        Self { arrivals, next: [0; ARCHIVES], stored, sent, start: None }
    }

    /// Number of envelopes that an archive has stored.
    pub(crate) fn stored(&self) -> usize {
        self.stored.iter().filter(|stored| **stored).count()
    }

    /// Whether an archive has stored each envelope.
    pub(crate) fn is_stored(&self) -> &[bool] {
        &self.stored
    }

    /// What has arrived at an archive and is not stored there. What has expired while it was away is gone.
    fn arrived(&mut self, archive: usize, now: u64) -> Vec<u32> {
        let arrivals = &self.arrivals[archive];
        let next = &mut self.next[archive];
        let oldest = now.saturating_sub(u64::from(TTL) * 1000);
        let sent = &self.sent;
        let is_gone = |index: usize| {
            arrivals.get(index).is_some_and(|(_, number)| sent[*number as usize] < oldest)
        };
        while is_gone(*next) {
            *next += 1;
        }
        let rest = &arrivals[*next..];
        let arrived = rest.iter().take(MAX_APPEND).take_while(|(at, _)| *at <= now);
        arrived.map(|(_, number)| *number).collect()
    }

    /// An archive has stored these.
    fn handle_stored(&mut self, archive: usize, numbers: &[u32]) {
        self.next[archive] += numbers.len();
        for number in numbers {
            self.stored[*number as usize] = true;
        }
    }

    fn envelope(&self, number: u32) -> Envelope {
        let sent = u32::try_from(self.sent[number as usize] / 1000).unwrap_or(u32::MAX);
        let expiry = self.start.unwrap_or_default().saturating_add(sent).saturating_add(TTL);
        Unsealed::v6(expiry, TTL, TOPIC, &[0; 64]).seal(number.into())
    }
}

/// The program of an archive.
pub(super) async fn run(host: Host, index: usize, feed: Arc<Mutex<Feed>>) {
    if let Err(error) = serve(&host, index, &feed).await {
        panic!("archive {index}: {error}");
    }
}

async fn serve(host: &Host, index: usize, feed: &Mutex<Feed>) -> Result<(), String> {
    let world = host.world();
    let opened = EmbeddedArchive::open(host.world(), Path::new("archive"), Retention::default());
    let (archive, aside) = opened.map_err(|error| error.to_string())?;
    if let Some(aside) = aside {
        return Err(format!("moved aside: {}", aside.error));
    }
    let (whisper, _server) = start(host, index, &[]).await?;
    whisper.serve_archive(Arc::new(archive.clone()), ArchiveSettings::default());
    let now = || world.unix_time().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = u32::try_from(now().as_secs()).unwrap_or(u32::MAX);
    let start = *lock(feed).start.get_or_insert(seconds);
    loop {
        let since = now().saturating_sub(Duration::from_secs(start.into()));
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let (numbers, envelopes) = {
            let mut feed = lock(feed);
            let numbers = feed.arrived(index, millis);
            let envelopes: Vec<_> = numbers.iter().map(|number| feed.envelope(*number)).collect();
            (numbers, envelopes)
        };
        if numbers.is_empty() {
            sleep(TICK).await;
            continue;
        }
        archive.append(envelopes).await.map_err(|error| format!("{error:?}"))?;
        lock(feed).handle_stored(index, &numbers);
    }
}
