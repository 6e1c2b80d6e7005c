//! A sub-protocol's place on one connection: what it may take, and what becomes of it.

use std::time::Instant;

use crate::{
    DisconnectReason, RestartSettings, SharedCapability,
    assembly::Assembly,
    budget::{Budget, QueueLimits},
    patience::Patience,
    restart::Backoff,
};

/// Which slot of a connection: its place in the list that [`negotiate`](crate::negotiate) gave. One
/// that does not exist is treated as one that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub usize);

/// What happens when a sub-protocol has not taken its messages for
/// [`Config::stall_limit`](crate::Config::stall_limit) and more arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOverload {
    /// Its slot closes; the connection and the other slots go on.
    #[default]
    CloseSlot,
    /// What does not fit is dropped and counted, until half of the budget is free again.
    DropNewest,
    /// The whole connection ends with [`DisconnectReason::Subprotocol`].
    Disconnect,
}

/// What happens to the connection when a sub-protocol's task has ended, however it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnExit {
    /// Its slot closes; the connection ends with the last one.
    #[default]
    Close,
    /// The whole connection ends with this reason: the classic behaviour of devp2p.
    Disconnect(DisconnectReason),
    /// Its slot closes and, after a rest, opens again with a new task and a new channel. The
    /// connection does not end meanwhile, even if no other slot is open.
    ///
    /// What it had queued before it ended is still sent. What had arrived and was not taken, and
    /// what arrives while it rests, is dropped, the latter counted in
    /// [`DropStats::closed`](crate::DropStats::closed). The other end is not told, as RLPx has no words for
    /// it: this is for sub-protocols whose conversation can be taken up at any message.
    Restart(RestartSettings),
}

/// How a slot came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlotEndReason {
    /// The sub-protocol returned.
    Returned,
    /// It returned an error.
    Failed,
    /// It panicked.
    Panicked,
    /// It did not take its messages ([`OnOverload::CloseSlot`]).
    Overloaded,
    /// The owner removed it from the connection: whatever its terms say, it does not start again,
    /// and the connection ends only if it was the last.
    Removed,
}

/// What a sub-protocol may take of each connection it runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotSettings {
    /// Its share of the bytes sent, against the weights of the others. Default 1; 0 counts as 1.
    pub weight: u32,
    /// How much may have arrived without being taken. Default 2 MiB and 1024 messages. A message
    /// larger than that is still let in when nothing else waits.
    pub inbound: QueueLimits,
    /// How many bytes may wait to be sent, each message counted as its payload and 64 bytes.
    /// Default 1 MiB, at most 256 MiB. A message larger than that is still taken when nothing else
    /// waits.
    pub outbound: usize,
    /// What happens when it does not take its messages.
    pub on_overload: OnOverload,
    /// What its end means for the connection.
    pub on_exit: OnExit,
}

impl Default for SlotSettings {
    fn default() -> Self {
        Self {
            weight: 1,
            inbound: QueueLimits { bytes: 2 << 20, items: 1024 },
            outbound: 1 << 20,
            on_overload: OnOverload::default(),
            on_exit: OnExit::default(),
        }
    }
}

/// Where the permits for bytes that wait to be sent must end; far beyond any use.
const MAX_OUTBOUND: usize = 1 << 28;

impl SlotSettings {
    /// [`outbound`](Self::outbound), so that at least one message can wait.
    pub(crate) const fn outbound_capacity(&self) -> usize {
        match self.outbound {
            0 => 1,
            bytes if bytes > MAX_OUTBOUND => MAX_OUTBOUND,
            bytes => bytes,
        }
    }
}

/// What the connection keeps about one slot.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) settings: SlotSettings,
    pub(crate) inbound: Budget,
    /// What the connection's memory has been told that this slot holds.
    pub(crate) counted: usize,
    /// The message that arrives in pieces, if one does.
    pub(crate) assembly: Option<Assembly>,
    /// `None` while it runs.
    pub(crate) ended: Option<SlotEndReason>,
    pub(crate) backoff: Backoff,
    pub(crate) patience: Patience,
    /// When a slot that has ended opens again, if it does.
    pub(crate) reopens: Option<Instant>,
    /// Under [`OnOverload::DropNewest`]: full for so long that nobody waits for it any more.
    pub(crate) overloaded: bool,
}

impl Slot {
    pub(crate) const fn new(
        shared: &SharedCapability,
        settings: SlotSettings,
        now: Instant,
    ) -> Self {
        Self {
            offset: shared.offset,
            length: shared.length,
            settings,
            inbound: Budget::new(settings.inbound),
            counted: 0,
            assembly: None,
            ended: None,
            backoff: Backoff::new(now),
            patience: Patience::new(now),
            reopens: None,
            overloaded: false,
        }
    }

    /// Its task has ended, and what it did not take is gone.
    pub(crate) fn end(&mut self, now: Instant, ending: SlotEndReason) {
        self.ended = Some(ending);
        self.inbound = Budget::new(self.settings.inbound);
        if ending == SlotEndReason::Removed {
            self.reopens = None;
        } else if let OnExit::Restart(restart) = &self.settings.on_exit {
            // A moment that the clock cannot tell never comes.
            self.reopens = now.checked_add(self.backoff.handle_end(now, restart));
        }
    }

    /// A new task begins, with nothing in its channel.
    pub(crate) const fn reopen(&mut self, now: Instant) {
        self.ended = None;
        self.reopens = None;
        self.overloaded = false;
        self.backoff.handle_start(now);
    }

    /// DropStats what it has of an unfinished message. Whether there was anything that was still kept.
    pub(crate) fn discard_unfinished(&mut self) -> bool {
        self.assembly.as_mut().is_some_and(|unfinished| unfinished.discard(&mut self.inbound))
    }

    /// Adds `data` to the unfinished message, if there is room for them or it is dropped.
    pub(crate) fn add(&mut self, data: &[u8]) -> bool {
        self.assembly.as_mut().is_none_or(|unfinished| unfinished.add(data, &mut self.inbound))
    }

    /// What has arrived and was not taken, as it weighs in memory.
    pub(crate) fn weight(&self) -> usize {
        self.inbound.weight() + self.assembly.as_ref().map_or(0, Assembly::spare)
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// Whether the message id `code` is one of this slot's.
    pub(crate) const fn owns(&self, code: u64) -> bool {
        code >= self.offset && code - self.offset < self.length
    }
}
