//! Rules of work by name.

use clap::ValueEnum;
use whisper_pow::Rule;

/// A rule of work on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum RuleName {
    #[value(name = "geth-1.8")]
    Geth,
    #[value(name = "eip-627")]
    Eip627,
    #[value(name = "parity")]
    Parity,
    #[value(name = "nim")]
    Nim,
}

impl RuleName {
    /// The name on the command line.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl From<RuleName> for Rule {
    fn from(name: RuleName) -> Self {
        match name {
            RuleName::Geth => Self::GETH_1_8,
            RuleName::Eip627 => Self::EIP_627,
            RuleName::Parity => Self::PARITY,
            RuleName::Nim => Self::NIM,
        }
    }
}
