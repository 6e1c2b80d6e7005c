//! How many lines each place of the code has logged lately. A machine: it has no clock.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tracing::Level;

/// The time in which the lines of one place are counted.
pub(super) const WINDOW: Duration = Duration::from_secs(10);

/// The places of the code that have logged in the last [`WINDOW`], by name. Their number is bounded by the code.
#[derive(Debug)]
pub(super) struct CallSites {
    /// How many lines one place may log in a window; 0: any number.
    limit: u32,
    windows: HashMap<&'static str, Window>,
}

/// The lines of one place since the first of them.
#[derive(Debug)]
struct Window {
    start: Instant,
    level: Level,
    lines: u32,
    left_out: u64,
}

/// A place of the code whose further lines were not logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// File and line.
    pub(super) place: &'static str,
    pub(super) level: Level,
    /// How many lines were not logged.
    pub(super) lines: u64,
}

impl CallSites {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, windows: HashMap::new() }
    }

    /// Counts a line. Whether it is to be logged.
    pub(super) fn handle_line(&mut self, place: &'static str, level: Level, now: Instant) -> bool {
        if self.limit == 0 {
            return true;
        }
        let new = Window { start: now, level, lines: 0, left_out: 0 };
        let window = self.windows.entry(place).or_insert(new);
        window.lines = window.lines.saturating_add(1);
        let is_within = window.lines <= self.limit;
        window.left_out += u64::from(!is_within);
        is_within
    }

    /// Ends the windows that are over. Returns the places whose lines were left out, sorted.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<LeftOut> {
        let is_over = |window: &Window| now.saturating_duration_since(window.start) >= WINDOW;
        let over = self.windows.extract_if(|_, window| is_over(window));
        let mut left_out: Vec<LeftOut> = over
            .filter(|(_, window)| window.left_out > 0)
            .map(|(place, window)| LeftOut { place, level: window.level, lines: window.left_out })
            .collect();
        left_out.sort_by_key(|left_out| left_out.place);
        left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_lines_of_one_place_are_counted_and_other_places_are_not_affected() {
        let mut sites = CallSites::new(2);
        let start = Instant::now();
        let logged = (0..5).filter(|_| sites.handle_line("a:1", Level::WARN, start)).count();
        assert_eq!(logged, 2);
        assert!(sites.handle_line("b:1", Level::INFO, start));
        let almost = start + WINDOW - Duration::from_millis(1);
        assert_eq!(sites.handle_timeout(almost), []);
        let expected = LeftOut { place: "a:1", level: Level::WARN, lines: 3 };
        assert_eq!(sites.handle_timeout(start + WINDOW), [expected]);
    }

    #[test]
    fn after_its_window_a_place_logs_again() {
        let mut sites = CallSites::new(1);
        let start = Instant::now();
        assert!(sites.handle_line("a:1", Level::WARN, start));
        assert!(!sites.handle_line("a:1", Level::WARN, start));
        sites.handle_timeout(start + WINDOW);
        assert!(sites.handle_line("a:1", Level::WARN, start + WINDOW));
        assert_eq!(sites.handle_timeout(start + WINDOW + WINDOW), []);
    }

    #[test]
    fn limit_0_leaves_nothing_out() {
        let mut sites = CallSites::new(0);
        let start = Instant::now();
        assert!((0..1000).all(|_| sites.handle_line("a:1", Level::WARN, start)));
    }
}
