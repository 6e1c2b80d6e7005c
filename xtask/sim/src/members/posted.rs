//! The messages that were posted, and what became of them.

use std::time::Duration;

use whisper_protocol::{Ending, KeyId, Receipt, ReceiptState, Whisper};
use whisper_rpc::fuzzing::OfflineRpc;

use super::{MIN_WORK, NewPost, TOPICS};

/// Longest time from the call of an application until the time of sending is in the envelope.
const MAX_SEAL_SECS: u32 = 2;

/// A message that was posted.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    pub(crate) new: NewPost,
    /// The start of the node.
    pub(crate) start: u32,
    /// When, since the start of the network.
    pub(crate) at: Duration,
    /// When, by the clock of the node and by the corrected one, in seconds since 1970.
    before: [u32; 2],
    /// The same when it was sealed: the node may correct its clock in this moment, or no longer.
    after: [u32; 2],
    /// `None` until it is sealed; an error if it was refused here.
    pub(crate) receipt: Option<Result<Receipt, String>>,
    /// How it ended, when that was first seen.
    pub(crate) ended: Option<Ending>,
}

impl Posted {
    pub(super) const fn new(new: NewPost, start: u32, at: Duration, clocks: [u32; 2]) -> Self {
        Self { new, start, at, before: clocks, after: clocks, receipt: None, ended: None }
    }

    /// It was sealed, or refused here, when the clocks showed this.
    pub(super) fn handle_sealed(&mut self, clocks: [u32; 2], receipt: Result<Receipt, String>) {
        (self.after, self.receipt) = (clocks, Some(receipt));
    }

    /// When it expires, by a right clock.
    pub(crate) fn expiry(&self) -> Duration {
        self.at + Duration::from_secs(self.new.ttl.into())
    }

    /// Checks when it was sent, as it says itself.
    pub(super) fn check_sent(&self, sent: u32) -> Result<(), String> {
        let clocks = [self.before, self.after];
        let (first, last) =
            (clocks.as_flattened().iter().min(), clocks.as_flattened().iter().max());
        let first = first.map_or(0, |first| first.saturating_sub(MAX_SEAL_SECS));
        let between = first..=last.map_or(0, |last| last.saturating_add(MAX_SEAL_SECS));
        if between.contains(&sent) {
            return Ok(());
        }
        let new = self.new;
        Err(format!(
            "message {} of node {} was sent at {clocks:?} and says {sent}",
            new.number, new.node
        ))
    }

    /// Looks how it ended.
    ///
    /// # Errors
    ///
    /// It ended in another way before.
    pub(crate) fn look(&mut self) -> Result<(), String> {
        let Some(Ok(receipt)) = &self.receipt else { return Ok(()) };
        match (receipt.state(), &self.ended) {
            (ReceiptState::Ended(ending), None) => self.ended = Some(ending),
            (ReceiptState::Ended(ending), Some(before)) if ending == *before => {}
            (_, None) => {}
            (now, Some(before)) => {
                return Err(format!("message {} was {before:?} and is {now:?}", self.new.number));
            }
        }
        Ok(())
    }
}

/// The name of the end of a post; `None` while it has none.
pub(crate) fn ending(posted: &Posted) -> Option<&'static str> {
    match &posted.receipt {
        None => None,
        Some(Err(_)) => Some("refused here"),
        Some(Ok(receipt)) => match receipt.state() {
            ReceiptState::Pending(_) => None,
            ReceiptState::Ended(ending) => Some(match ending {
                Ending::Delivered { .. } => "delivered",
                Ending::Refused { .. } | Ending::Left { .. } => "refused",
                Ending::Expired { .. } | Ending::Evicted { .. } => "expired",
                Ending::Unsent(_) => "unsent",
                Ending::Untracked | Ending::Stopped => "unknown",
            }),
        },
    }
}

/// Posts a message with `shh_post`.
pub(super) fn over_rpc(
    rpc: &OfflineRpc,
    whisper: &Whisper,
    key: &KeyId,
    new: NewPost,
) -> Result<Receipt, String> {
    let (topic, payload) = (hex(&TOPICS[new.topic].0), hex(&new.number.to_be_bytes()));
    let (ttl, work) = (new.ttl, 2.0 * MIN_WORK);
    let request = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"shh_post","params":[{{"symKeyID":"{key}","topic":"{topic}",
           "payload":"{payload}","ttl":{ttl},"powTarget":{work},"powTime":1}}]}}"#
    );
    let answer = rpc.answer(request.as_bytes()).ok_or("shh_post was not answered")?;
    let hash = answer.split(r#""result":"0x"#).nth(1).and_then(|rest| rest.get(..64));
    let hash: [u8; 32] = hash.and_then(unhex).ok_or_else(|| answer.clone())?;
    whisper.receipt(&hash).ok_or_else(|| "a post over the JSON-RPC has no receipt".to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}
