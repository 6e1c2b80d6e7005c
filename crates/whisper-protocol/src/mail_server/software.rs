//! The software of a mail server, as far as its client name tells.

use whisper_envelope::Dialect;

use crate::{peers::work_settings::OWN_NAMES, wire::packet::QueryForm};

/// The software of a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Software {
    /// go-ethereum, or a peer of shh/5, which has no end of an answer either.
    GoEthereum,
    /// This project.
    Own,
    /// Another one: status-go, of which the name does not tell the version.
    Other,
}

impl Software {
    /// The software of a peer with this client name.
    pub(crate) fn of_client(name: &str, dialect: Dialect) -> Self {
        match name.split('/').next().unwrap_or_default() {
            _ if dialect == Dialect::V5 => Self::GoEthereum,
            "Geth" | "wnode" => Self::GoEthereum,
            name if OWN_NAMES.contains(&name) => Self::Own,
            _ => Self::Other,
        }
    }

    /// Whether it says when an answer is whole.
    pub(crate) fn confirms(self) -> bool {
        self != Self::GoEthereum
    }

    /// The form of an encrypted request, and another one if that is refused. `goes_on`: the request has a cursor.
    ///
    /// All versions of status-go understand the binary form, but none reads its cursor. Each refuses the list of the others.
    pub(crate) fn forms(self, goes_on: bool) -> (QueryForm, Option<QueryForm>) {
        match self {
            Self::Own => (QueryForm::SevenFields, None),
            Self::Other if goes_on => (QueryForm::SixFields, Some(QueryForm::SevenFields)),
            Self::GoEthereum | Self::Other => (QueryForm::Binary, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_name_tells_the_software() {
        for (name, software) in [
            ("Geth/v1.8.27-stable/linux-amd64/go1.11.5", Software::GoEthereum),
            ("wnode/v6.0/linux-amd64/go1.11.5", Software::GoEthereum),
            ("whisper-node/v0.1.0", Software::Own),
            ("StatusIM/v0.38.0/linux-amd64/go1.13", Software::Other),
            ("Gethsemane/v1.8.27", Software::Other),
            ("", Software::Other),
        ] {
            assert_eq!(Software::of_client(name, Dialect::V6), software, "{name}");
            assert_eq!(Software::of_client(name, Dialect::V5), Software::GoEthereum, "{name}");
        }
    }
}
