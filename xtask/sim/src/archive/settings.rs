//! What to simulate.

use std::time::Duration;

use crate::settings::Options;

/// What to simulate.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) envelopes: u32,
    /// Kills and power losses of archives and readers.
    pub(crate) kills: u32,
    pub(crate) readers: usize,
    /// Time in which the envelopes are sent.
    pub(crate) time: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let time = Duration::from_secs(2 * 3600);
        Self { seed: 1, envelopes: 10_000, kills: 10, readers: 2, time }
    }
}

impl Settings {
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let mut settings = Self::default();
        let mut options = Options::new(args);
        while let Some(option) = options.next_option() {
            match option {
                "--seed" => settings.seed = options.number()?,
                "--envelopes" => settings.envelopes = options.number()?,
                "--kills" => settings.kills = options.number()?,
                "--readers" => settings.readers = options.number()?,
                "--hours" => {
                    settings.time = Duration::from_secs(options.number::<u64>()?.max(2) * 3600);
                }
                _ => return options.unexpected(),
            }
        }
        Ok(settings)
    }
}
