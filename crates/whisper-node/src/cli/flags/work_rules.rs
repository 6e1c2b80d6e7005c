//! Rules of work, as they are named on the command line.

use clap::ValueEnum;
use whisper_pow::Rule;
use whisper_protocol::{PeerRule, Sealing};

/// The rules that can be named for sealing.
const NAMED_RULES: [(&str, Rule); 4] =
    [("1.8", Rule::GETH_1_8), ("1.9", Rule::EIP_627), ("parity", Rule::PARITY), ("nim", Rule::NIM)];

/// Reads which rules own messages are sealed for: `peers`, `all`, `own`, or rules by name, comma-separated.
pub(crate) fn parse_sealing(text: &str) -> Result<Sealing, String> {
    let named = |name: &str| {
        let known = NAMED_RULES.iter().find(|(known, _)| *known == name);
        known.map(|(_, rule)| *rule).ok_or_else(|| {
            format!("{name:?} is none of peers, all, own, and no rule: 1.8, 1.9, parity, nim")
        })
    };
    let entries: Vec<&str> =
        text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    match entries[..] {
        [] => Err("expected peers, all, own, or rules: 1.8, 1.9, parity, nim".to_owned()),
        ["peers"] => Ok(Sealing::Peers),
        ["all"] => Ok(Sealing::All),
        ["own"] => Ok(Sealing::Own),
        _ => entries.into_iter().map(named).collect::<Result<_, _>>().map(Sealing::Rules),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealing_is_a_word_or_a_list_of_rules() {
        let (old, new) = (Rule::GETH_1_8, Rule::EIP_627);
        for (text, expected) in [
            ("peers", Sealing::Peers),
            ("all", Sealing::All),
            ("own", Sealing::Own),
            ("1.8", Sealing::Rules(vec![old])),
            ("1.9,1.8,parity,nim", Sealing::Rules(vec![new, old, Rule::PARITY, Rule::NIM])),
        ] {
            assert_eq!(parse_sealing(text), Ok(expected), "{text}");
        }
        for wrong in ["", ",", "1.7", "1.8,peers", "Peers"] {
            assert!(parse_sealing(wrong).is_err(), "{wrong}");
        }
    }
}
