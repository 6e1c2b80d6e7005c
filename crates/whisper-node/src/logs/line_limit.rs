//! Limits the lines that one place of the code logs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata};
use tracing_subscriber::layer::{Context, Filter};

use super::call_sites::{CallSites, LeftOut, WINDOW};

/// How often windows that are over are looked for.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// A filter of lines: it leaves out further lines of a place that logs too many. Lines for developers (debug and trace) are
/// complete: they are turned on for a single module and a short time.
#[derive(Clone, Debug)]
pub(super) struct LineLimit(Arc<Mutex<CallSites>>);

impl LineLimit {
    /// A filter that lets `limit` lines of one place pass in ten seconds; 0: all.
    pub(super) fn new(limit: u32) -> Self {
        Self(Arc::new(Mutex::new(CallSites::new(limit))))
    }

    /// Logs how many lines were left out, when their time is over. Runs until it is dropped.
    pub(super) async fn report(self) {
        let mut ticks = interval(REPORT_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // Outside of the lock: the lines pass this filter as well.
            let left_out = self.with(|sites| sites.handle_timeout(Instant::now()));
            left_out.into_iter().for_each(log);
        }
    }

    fn with<R>(&self, run: impl FnOnce(&mut CallSites) -> R) -> R {
        // Poisoning is ignored: the counts are always consistent.
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S> Filter<S> for LineLimit {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        match is_limited(metadata) {
            // `event_enabled` decides about each event.
            true => Interest::sometimes(),
            false => Interest::always(),
        }
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        let handle_line = |sites: &mut CallSites| {
            sites.handle_line(metadata.name(), *metadata.level(), Instant::now())
        };
        !is_limited(metadata) || self.with(handle_line)
    }
}

/// Whether lines of this place may be left out. Reports about lines that were left out may not.
fn is_limited(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && *metadata.level() <= Level::INFO && metadata.target() != module_path!()
}

/// Logs that lines were left out, at the level of these lines.
fn log(LeftOut { place, level, lines }: LeftOut) {
    let place = place.trim_start_matches("event ");
    let seconds = WINDOW.as_secs();
    macro_rules! left_out {
        ($level:ident) => {
            tracing::$level!(place, lines, "further lines were left out: too many in {seconds} s")
        };
    }
    match level {
        Level::ERROR => left_out!(error),
        Level::WARN => left_out!(warn),
        _ => left_out!(info),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing_subscriber::Layer as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// A writer whose lines can be read.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(run: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer().with_ansi(false);
        let layer = layer.with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(LineLimit::new(2)));
        tracing::subscriber::with_default(subscriber, run);
        let lines = lines.0.lock().unwrap().clone();
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn a_place_that_logs_too_much_is_cut_and_lines_for_developers_are_complete() {
        let text = logged(|| {
            for _ in 0..5 {
                tracing::warn!("often");
                tracing::debug!("detail");
            }
            tracing::warn!("other");
        });
        let count = |word| text.matches(word).count();
        assert_eq!((count("often"), count("detail"), count("other")), (2, 5, 1), "{text}");
    }

    #[test]
    fn a_report_names_the_place_and_the_number() {
        let text = logged(|| {
            for _ in 0..3 {
                log(LeftOut { place: "event src/a.rs:7", level: Level::ERROR, lines: 12 });
            }
        });
        assert_eq!(text.matches("src/a.rs:7").count(), 3, "a report is not left out: {text}");
        assert!(text.contains("ERROR") && text.contains("lines=12"), "{text}");
    }
}
