//! When everything that was delivered was sent, and expires.

use crate::{Envelope, StoredEnvelope};

/// Seconds by which the clock of a reader may be slow. A node admits nothing that was sent later than now.
const MAX_SLOW: u32 = 3600;

/// A bound of what was delivered: all of it expires and was sent no later than this, in seconds since 1970.
///
/// A sender chooses both. But what was sent later than now cannot have been delivered, so an archive that claims otherwise
/// puts no more than an hour in doubt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) expiry: u32,
    pub(super) sent: u32,
}

impl Bound {
    /// Extends the bound, so that these are within it. `now`: seconds since 1970.
    pub(super) fn extend(&mut self, now: u32, delivered: &[StoredEnvelope]) {
        let latest = now.saturating_add(MAX_SLOW);
        for StoredEnvelope { envelope, .. } in delivered {
            let sent = envelope.sent().unwrap_or(0).min(latest);
            self.include(Self { expiry: envelope.expiry(), sent });
        }
    }

    /// Extends the bound, so that all within the other one is within it.
    pub(super) fn include(&mut self, other: Self) {
        self.expiry = self.expiry.max(other.expiry);
        self.sent = self.sent.max(other.sent);
    }

    /// Whether an envelope may be one of those within the bound.
    pub(super) fn contains(&self, envelope: &Envelope) -> bool {
        envelope.expiry() <= self.expiry && envelope.sent().unwrap_or(0) <= self.sent
    }
}
