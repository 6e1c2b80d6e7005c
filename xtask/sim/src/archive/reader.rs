//! A reader of archives, and what it has processed.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use p2p_sim::Host;
use tokio::time::{Instant, sleep, timeout_at};
use whisper_protocol::{HistoryCursor, HistoryEvent, HistoryFilter, HistoryRequest};

use super::{
    ARCHIVES, Settings,
    feed::{Feed, TOPIC},
    key, lock, start,
};

/// How often a reader commits what it has processed, together with its cursor.
const COMMIT: Duration = Duration::from_secs(1);

/// One part of the time in which a reader is busy: it commits, and is killed, while it has a part of a page.
const BUSY: u32 = 4;

/// What a reader has on its disk, and what was counted.
#[derive(Debug)]
pub(crate) struct Reader {
    /// How often each envelope was processed.
    times: Vec<u8>,
    /// The cursor after that.
    cursor: String,
    received: usize,
    /// How long it works on an envelope.
    pause: Duration,
    pub(crate) starts: u32,
    pub(crate) away: u32,
    pub(crate) behind: u32,
    /// Envelopes that were said to be perhaps repeated.
    pub(crate) doubtful: u32,
}

/// What a reader has, compared with what is stored.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) received: usize,
    pub(crate) missed: usize,
    pub(crate) doubled: usize,
}

impl Reader {
    pub(crate) fn new(settings: &Settings) -> Self {
        let times = vec![0; settings.envelopes as usize];
        let (cursor, pause) = (String::new(), settings.time / settings.envelopes.max(1) / BUSY);
        Self { times, cursor, received: 0, pause, starts: 0, away: 0, behind: 0, doubtful: 0 }
    }

    /// Whether it has processed everything that is stored.
    pub(crate) fn has(&self, feed: &Feed) -> bool {
        self.received >= feed.stored() && self.compare(feed).missed == 0
    }

    pub(crate) fn compare(&self, feed: &Feed) -> Compared {
        let mut compared = Compared { received: self.received, ..Compared::default() };
        for (times, stored) in self.times.iter().zip(feed.is_stored()) {
            compared.missed += usize::from(*times == 0 && *stored);
            compared.doubled += usize::from(*times).saturating_sub(1);
        }
        compared
    }

    fn commit(&mut self, numbers: &[u64], cursor: &HistoryCursor) {
        for number in numbers {
            let number = usize::try_from(*number).unwrap_or(usize::MAX);
            self.times[number] = self.times[number].saturating_add(1);
        }
        self.received += numbers.len();
        self.cursor = cursor.to_string();
    }
}

/// The program of a reader.
pub(super) async fn run(host: Host, index: usize, reader: Arc<Mutex<Reader>>) {
    if let Err(error) = read(&host, index, &reader).await {
        panic!("reader {index}: {error}");
    }
}

async fn read(host: &Host, index: usize, reader: &Mutex<Reader>) -> Result<(), String> {
    let archives: Vec<usize> = (0..ARCHIVES).collect();
    let (whisper, _server) = start(host, index, &archives).await?;
    let cursor = {
        let mut reader = lock(reader);
        reader.starts += 1;
        reader.cursor.parse::<HistoryCursor>().map_err(|error| error.to_string())?
    };
    let nodes: Vec<_> = archives.iter().map(|index| key(*index).id()).collect();
    let request = HistoryRequest::new(HistoryFilter::Topics(vec![TOPIC]), cursor);
    let request = request.live().nodes(nodes);
    let mut history = whisper.history(request).map_err(|error| error.to_string())?;
    let mut numbers = Vec::new();
    let mut commit = Instant::now() + COMMIT;
    loop {
        if commit <= Instant::now() {
            if !numbers.is_empty() {
                lock(reader).commit(&numbers, &history.cursor());
                numbers.clear();
            }
            commit = Instant::now() + COMMIT;
        }
        match timeout_at(commit, history.next_at_most(1)).await {
            Ok(Some(HistoryEvent::Envelopes(envelopes))) => {
                let doubtful = envelopes.iter().filter(|it| it.maybe_repeated).count();
                lock(reader).doubtful += u32::try_from(doubtful).unwrap_or(u32::MAX);
                numbers.extend(envelopes.iter().map(|it| it.envelope.nonce()));
                let pause = lock(reader).pause;
                sleep(pause).await;
            }
            Ok(Some(HistoryEvent::Away { .. })) => lock(reader).away += 1,
            Ok(Some(HistoryEvent::Behind { .. })) => lock(reader).behind += 1,
            Ok(Some(HistoryEvent::CaughtUp { .. })) | Err(_) => {}
            Ok(Some(other)) => return Err(format!("{other:?}")),
            Ok(None) => return Ok(()),
        }
    }
}
