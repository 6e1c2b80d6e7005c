//! The log of the program: lines on standard error, as text or as JSON.
//!
//! Standard output contains only results, so that a script can read them.

mod call_sites;
mod levels;
mod line_limit;
#[cfg(feature = "otel")]
mod traces;

use std::io::{self, IsTerminal as _};

use tracing::Subscriber;
use tracing_subscriber::filter::{FilterExt as _, Targets};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry, reload};

use levels::targets;
pub(crate) use levels::{ModuleLevel, Verbosity};
use line_limit::LineLimit;

/// The form of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// Text for people, with colors on a terminal.
    #[default]
    Text,
    /// One JSON object in each line.
    Json,
}

/// How the program logs.
#[derive(Clone, Debug)]
pub(crate) struct LogSettings {
    /// The form of the lines.
    pub(crate) format: LogFormat,
    /// The level of modules that are not in `levels`.
    pub(crate) verbosity: Verbosity,
    /// Levels of single modules.
    pub(crate) levels: Vec<ModuleLevel>,
    /// How many lines one place of the code may log in ten seconds; 0: any number.
    pub(crate) limit: u32,
}

/// Changes the levels of the running log.
#[derive(Clone, Debug)]
pub(crate) struct LogControl {
    levels: reload::Handle<Targets, Registry>,
    #[cfg(feature = "otel")]
    traces: Option<traces::Traces>,
}

impl LogControl {
    /// Sets the level of all modules, and the levels of single modules. Replaces all levels set before.
    pub(crate) fn set(&self, verbosity: Verbosity, levels: &[ModuleLevel]) {
        if let Err(error) = self.levels.reload(targets(verbosity, levels)) {
            tracing::warn!(%error, "the log levels do not change");
        }
    }

    /// Sends what waits for a collector of traces. The log goes on.
    pub(crate) fn stop(&self) {
        #[cfg(feature = "otel")]
        if let Some(traces) = &self.traces {
            traces.stop();
        }
    }
}

impl LogSettings {
    /// Starts the log. It stays until the process ends. Must be called within a tokio runtime.
    ///
    /// # Panics
    ///
    /// The process has a log already.
    pub(crate) fn start(self) -> LogControl {
        let (levels, control) = reload::Layer::new(targets(self.verbosity, &self.levels));
        let limit = LineLimit::new(self.limit);
        let lines = lines(self.format).with_filter(levels.and(limit.clone()));
        #[cfg(feature = "otel")]
        let (traces, failed) = match traces::Traces::start() {
            Ok(traces) => (traces, None),
            Err(error) => (None, Some(error)),
        };
        let subscriber = tracing_subscriber::registry().with(lines);
        #[cfg(feature = "otel")]
        let subscriber = subscriber.with(traces.as_ref().map(traces::Traces::layer));
        subscriber.init();
        #[cfg(feature = "otel")]
        if let Some(error) = failed {
            tracing::error!(%error, "no traces are sent: see the variables OTEL_EXPORTER_OTLP_…");
        }
        tokio::spawn(limit.report());
        LogControl {
            levels: control,
            #[cfg(feature = "otel")]
            traces,
        }
    }
}

/// The layer that writes lines to standard error.
fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // Without standard error, an error of the log itself must not be printed there: that panics.
    let lines = layer().log_internal_errors(false).with_writer(io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.with_ansi(false).json().flatten_event(true).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;

    use super::*;

    #[test]
    fn the_levels_change_while_the_log_runs() {
        let (levels, control) = reload::Layer::new(targets(Verbosity::default(), &[]));
        let lines = layer().with_writer(io::sink).with_filter(levels);
        let control = LogControl {
            levels: control,
            #[cfg(feature = "otel")]
            traces: None,
        };
        with_default(tracing_subscriber::registry().with(lines), || {
            let enabled = || {
                (
                    tracing::enabled!(target: "p2p_server::tasks", tracing::Level::DEBUG),
                    tracing::enabled!(target: "p2p_mux", tracing::Level::INFO),
                )
            };
            assert_eq!(enabled(), (false, true));
            control.set("1".parse().unwrap(), &["p2p_server=debug".parse().unwrap()]);
            assert_eq!(enabled(), (true, false));
            control.set(Verbosity::default(), &[]);
            assert_eq!(enabled(), (false, true), "levels set before are replaced");
        });
    }
}
