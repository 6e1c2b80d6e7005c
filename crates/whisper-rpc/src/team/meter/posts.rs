//! The posts of a team that have not expired.

use std::collections::BTreeMap;

/// The posts that have not expired. Times are in seconds since 1970.
#[derive(Debug, Default)]
pub(super) struct AlivePosts {
    bytes: u64,
    /// The bytes that are free again at a time.
    by_expiry: BTreeMap<u64, u64>,
}

impl AlivePosts {
    /// Adds a post that lives until `expiry`, if there is room below `limit`. Otherwise returns when there is; `None` if there
    /// never is.
    pub(super) fn add(
        &mut self,
        now: u64,
        expiry: u64,
        bytes: u64,
        limit: Option<u64>,
    ) -> Result<(), Option<u64>> {
        self.remove_expired(now);
        if let Some(limit) = limit
            && self.bytes + bytes > limit
        {
            return Err(self.free_at(bytes, limit));
        }
        self.bytes += bytes;
        *self.by_expiry.entry(expiry).or_default() += bytes;
        Ok(())
    }

    fn remove_expired(&mut self, now: u64) {
        let alive = self.by_expiry.split_off(&(now + 1));
        let expired = std::mem::replace(&mut self.by_expiry, alive);
        self.bytes -= expired.into_values().sum::<u64>();
    }

    /// When there is room for `bytes` more; `None` if there never is.
    fn free_at(&self, bytes: u64, limit: u64) -> Option<u64> {
        let mut left = self.bytes;
        let enough = |left: u64| left + bytes <= limit;
        self.by_expiry.iter().find_map(|(expiry, freed)| {
            left -= freed;
            enough(left).then_some(*expiry)
        })
    }
}
