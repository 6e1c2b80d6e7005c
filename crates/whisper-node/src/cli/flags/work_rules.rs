//! Rules of work, as they are named on the command line.

use clap::ValueEnum;
use whisper_pow::Rule;
use whisper_protocol::{PeerRule, Sealing};

/// Whose rules own messages satisfy.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum SealingName {
    #[default]
    Peers,
    All,
    Own,
}

impl From<SealingName> for Sealing {
    fn from(name: SealingName) -> Self {
        match name {
            SealingName::Peers => Self::Peers,
            SealingName::All => Self::All,
            SealingName::Own => Self::Own,
        }
    }
}

/// The rule of work of peers whose client name does not tell it.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum PeerRuleName {
    #[default]
    Learn,
    Any,
    #[value(name = "1.8")]
    Geth18,
    #[value(name = "1.9")]
    Geth19,
}

impl From<PeerRuleName> for PeerRule {
    fn from(name: PeerRuleName) -> Self {
        match name {
            PeerRuleName::Learn => Self::Unknown,
            PeerRuleName::Any => Self::Any,
            PeerRuleName::Geth18 => Self::Only(Rule::GETH_1_8),
            PeerRuleName::Geth19 => Self::Only(Rule::EIP_627),
        }
    }
}
