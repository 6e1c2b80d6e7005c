//! What to simulate.

use std::time::Duration;

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
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let text = args.next().ok_or(format!("{arg} needs a value"))?;
            let wrong = |_| format!("{arg} needs a number, not `{text}`");
            match arg.as_str() {
                "--seed" => settings.seed = text.parse().map_err(wrong)?,
                "--envelopes" => settings.envelopes = text.parse().map_err(wrong)?,
                "--kills" => settings.kills = text.parse().map_err(wrong)?,
                "--readers" => settings.readers = text.parse().map_err(wrong)?,
                "--hours" => {
                    let hours: u64 = text.parse().map_err(wrong)?;
                    settings.time = Duration::from_secs(hours.max(2) * 3600);
                }
                _ => return Err(format!("unexpected argument `{arg}`")),
            }
        }
        Ok(settings)
    }
}
