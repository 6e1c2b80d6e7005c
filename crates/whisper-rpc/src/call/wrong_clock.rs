//! The error of a post while the clock of this machine is known to be wrong.

use p2p_server::ClockError;
use serde_json::{Value, json};
use whisper_protocol::{Info, SYNC_ALLOWANCE};

use crate::types::hex::HexBytes;

/// A message was posted, but peers refuse it, because the clock of this machine is wrong.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the message was posted, but peers refuse it: {clock}; set the clock")]
pub(crate) struct WrongClock {
    hash: [u8; 32],
    clock: String,
}

impl WrongClock {
    /// The error for a post with this hash and time to live, if peers refuse it because of the clock. `clock`: what
    /// discovery knows.
    pub(crate) fn of(
        info: &Info,
        clock: Option<ClockError>,
        hash: [u8; 32],
        ttl: u32,
    ) -> Option<Self> {
        let is_refused =
            |ahead: i64| ahead > i64::from(SYNC_ALLOWANCE) || ahead.saturating_add(ttl.into()) <= 0;
        let excess = info.clock_excess;
        if excess != 0 {
            let side = if excess > 0 { "behind" } else { "ahead of" };
            let seconds = excess.unsigned_abs();
            let clock =
                format!("the clock of this machine is about {seconds} s {side} those of the peers");
            return is_refused(-i64::from(excess)).then_some(Self { hash, clock });
        }
        // A corrected clock follows those of the peers.
        let clock = clock.filter(|_| info.clock_correction == 0)?;
        is_refused(clock.ahead_secs).then(|| Self { hash, clock: clock.to_string() })
    }

    /// An example, for the description of the methods.
    pub(crate) fn example() -> Self {
        let clock =
            "the clock of this machine is about 3600 s ahead of that of the boot node 1a2b3c4d…";
        Self { hash: [0; 32], clock: clock.to_owned() }
    }

    /// The error's data: the hash, by which the post is found.
    pub(crate) fn data(&self) -> Value {
        json!({ "hash": HexBytes::from(self.hash) })
    }
}

#[cfg(test)]
mod tests {
    use whisper_protocol::{Config, Whisper};

    use super::*;

    /// The error for a post with a time to live of 50 s.
    fn refused(info: &Info, clock: Option<&ClockError>) -> Option<String> {
        let wrong = WrongClock::of(info, clock.cloned(), [7; 32], 50);
        wrong.map(|wrong| format!("{wrong} {}", wrong.data()))
    }

    #[tokio::test]
    async fn a_post_fails_if_peers_refuse_it_because_of_the_clock() {
        let whisper = Whisper::new(Config::default());
        let right = whisper.info();
        let peers = |clock_excess| Info { clock_excess, ..right };
        assert_eq!(refused(&right, None), None);
        let behind = refused(&peers(3600), None).unwrap();
        assert!(behind.contains("3600 s behind those of the peers"), "{behind}");
        assert!(behind.contains(&"07".repeat(32)), "{behind}");
        assert!(refused(&peers(-3600), None).unwrap().contains("ahead of"));
        for (ahead, is_refused) in
            [(45_i32, true), (11, true), (10, false), (-49, false), (-50, true)]
        {
            let clock = ClockError::new(ahead.into(), "the boot node 1a…");
            assert_eq!(refused(&right, Some(&clock)).is_some(), is_refused, "{ahead}");
            let corrected = Info { clock_correction: -ahead, ..right };
            assert_eq!(refused(&corrected, Some(&clock)), None, "it follows the peers");
        }
        whisper.stop().await;
    }
}
