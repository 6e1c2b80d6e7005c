//! What to simulate.

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
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let text = args.next().ok_or(format!("{arg} needs a value"))?;
            let wrong = |_| format!("{arg} needs a number, not `{text}`");
            match arg.as_str() {
                "--seed" => settings.seed = text.parse().map_err(wrong)?,
                "--traces" => settings.traces = text.parse().map_err(wrong)?,
                "--nodes" => settings.nodes = text.parse().map_err(wrong)?,
                "--degree" => settings.degree = text.parse().map_err(wrong)?,
                _ => return Err(format!("unexpected argument `{arg}`")),
            }
        }
        match settings.nodes {
            0..2 => Err("--nodes needs at least 2".to_owned()),
            _ => Ok(settings),
        }
    }
}
