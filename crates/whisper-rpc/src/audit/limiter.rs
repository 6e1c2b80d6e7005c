//! Keeps a flood of events from filling the disk.

use p2p_world::HashMap;

use super::{AuditActor, AuditEvent};

/// Maximum number of events of one team and one method that are written in a minute.
const A_MINUTE: u64 = 10;

/// The time for which events are counted, in seconds.
const PERIOD: u64 = 60;

/// What is counted together: the kind of event, the team, the method.
type Key = (&'static str, String, String);

/// Passes on the first events of each team and method in a minute, and says how many more there were. Changes of teams always
/// pass.
///
/// A pure value: the time, in seconds since 1970, is a parameter. It holds one entry for each team and method of the last
/// minute.
#[derive(Debug, Default)]
pub struct AuditLimiter {
    counts: HashMap<Key, u64>,
    /// When the minute ends.
    end: u64,
}

impl AuditLimiter {
    /// What is to be written for an event, in this order.
    pub fn admit(&mut self, now: u64, event: AuditEvent) -> Vec<AuditEvent> {
        let mut written = self.handle_timeout(now);
        let key = match &event {
            AuditEvent::Administration { by: AuditActor { team, .. }, method, .. } => {
                Some(("administration", team.clone(), method.clone()))
            }
            AuditEvent::Refused { by: AuditActor { team, .. }, method, .. } => {
                Some(("refused", team.clone(), method.clone()))
            }
            _ => None,
        };
        let Some(key) = key else {
            written.push(event);
            return written;
        };
        if self.counts.is_empty() {
            self.end = now.saturating_add(PERIOD);
        }
        let count = self.counts.entry(key).or_default();
        *count += 1;
        if *count <= A_MINUTE {
            written.push(event);
        }
        written
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to say; `None`: never.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        (!self.counts.is_empty()).then_some(self.end)
    }

    /// At the end of the minute: what is to be written about events that did not pass.
    pub fn handle_timeout(&mut self, now: u64) -> Vec<AuditEvent> {
        // A clock that was set back must not keep the minute open.
        if now < self.end && self.end - now <= PERIOD {
            return Vec::new();
        }
        self.finish()
    }

    /// What is to be written at the end.
    pub fn finish(&mut self) -> Vec<AuditEvent> {
        let counts = std::mem::take(&mut self.counts).into_iter();
        let repeated = counts.filter(|(_, count)| *count > A_MINUTE);
        let mut repeated: Vec<_> = repeated.collect();
        repeated.sort_unstable();
        let event = |((of, team, method), count): (Key, u64)| AuditEvent::Repeated {
            of: of.to_owned(),
            team,
            method,
            count: count - A_MINUTE,
        };
        repeated.into_iter().map(event).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(team: &str) -> AuditEvent {
        let by = AuditActor { team: team.to_owned(), token: None, certificate: None };
        AuditEvent::Refused { by, method: "shh_post".to_owned(), reason: String::new() }
    }

    fn repeated(team: &str, count: u64) -> AuditEvent {
        let (of, method) = ("refused".to_owned(), "shh_post".to_owned());
        AuditEvent::Repeated { of, team: team.to_owned(), method, count }
    }

    #[test]
    fn a_flood_becomes_a_few_lines() {
        let mut limiter = AuditLimiter::default();
        assert_eq!(limiter.next_timeout(), None);
        let written: usize = (0..10_000).map(|_| limiter.admit(1000, refused("a")).len()).sum();
        assert_eq!(written, 10);
        assert_eq!(limiter.admit(1001, refused("b")), [refused("b")], "another team has its own");
        let started = AuditEvent::Started { removed_bytes: 0 };
        assert_eq!(limiter.admit(1002, started.clone()), [started]);
        assert_eq!(limiter.next_timeout(), Some(1060));
        assert_eq!(limiter.handle_timeout(1059), []);
        assert_eq!(limiter.handle_timeout(1060), [repeated("a", 9990)]);
        assert_eq!(limiter.next_timeout(), None);
        (0..11).for_each(|_| drop(limiter.admit(2000, refused("a"))));
        let next = limiter.admit(2060, refused("a"));
        assert_eq!(next, [repeated("a", 1), refused("a")], "the next event ends a minute, too");
        // The clock is set back by an hour.
        (0..10).for_each(|_| drop(limiter.admit(2060, refused("a"))));
        assert_eq!(limiter.admit(0, refused("a")), [repeated("a", 1), refused("a")]);
        assert_eq!(limiter.finish(), []);
    }
}
