//! Rules of work, as they are named on the command line.

use clap::ValueEnum;
use whisper_pow::Rule;
use whisper_protocol::{PeerRule, Sealing};

/// Whose rules own messages are made to satisfy.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SealFor {
    Peers,
    All,
    Own,
}

impl From<SealFor> for Sealing {
    fn from(seal: SealFor) -> Self {
        match seal {
            SealFor::Peers => Self::Peers,
            SealFor::All => Self::All,
            SealFor::Own => Self::Own,
        }
    }
}

/// How peers are taken to count work.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Assumed {
    Learn,
    Any,
    #[value(name = "1.8")]
    Old,
    #[value(name = "1.9")]
    New,
}

impl From<Assumed> for PeerRule {
    fn from(assumed: Assumed) -> Self {
        match assumed {
            Assumed::Learn => Self::Unknown,
            Assumed::Any => Self::Any,
            Assumed::Old => Self::Only(Rule::GETH_1_8),
            Assumed::New => Self::Only(Rule::EIP_627),
        }
    }
}
