//! What to simulate.

use crate::settings::Options;

/// What to simulate.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    /// Number of traces. Before each a message is posted, and that one is traced, or an earlier one.
    pub(crate) traces: usize,
    pub(crate) nodes: usize,
    pub(crate) degree: usize,
}

impl Settings {
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let mut settings = Self { seed: 1, traces: 100, nodes: 20, degree: 6 };
        let mut options = Options::new(args);
        while let Some(option) = options.next_option() {
            match option {
                "--seed" => settings.seed = options.number()?,
                "--traces" => settings.traces = options.number()?,
                "--nodes" => settings.nodes = options.at_least(2)?,
                "--degree" => settings.degree = options.number()?,
                _ => return options.unexpected(),
            }
        }
        Ok(settings)
    }
}
