//! The software of a mail server, as far as its client name tells.

use whisper_envelope::Dialect;

use crate::{
    peers::work_settings::OWN_NAMES,
    wire::packet::{Query, QueryForm},
};

/// The longest time of sending that status-go's servers accept in the binary form, in seconds.
const MAX_BINARY_RANGE: u32 = 24 * 3600;

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

    /// The form of an encrypted request, and another one if that is refused.
    ///
    /// All versions of status-go understand the binary form, but none reads its cursor, and all refuse a time of more than 24 hours
    /// in it. Each refuses the list of the others.
    pub(crate) fn forms(self, query: &Query) -> (QueryForm, Option<QueryForm>) {
        // No upper limit is a long time.
        let is_long = query.to == 0 || query.to.saturating_sub(query.from) > MAX_BINARY_RANGE;
        match self {
            Self::Own => (QueryForm::SevenFields, None),
            Self::Other if is_long || !query.cursor.is_empty() => {
                (QueryForm::SixFields, Some(QueryForm::SevenFields))
            }
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

    #[test]
    fn the_binary_form_is_for_a_day_at_most() {
        let lists = (QueryForm::SixFields, Some(QueryForm::SevenFields));
        let binary = (QueryForm::Binary, None);
        let from = 1_700_000_000;
        for (to, form) in [(from + 86_400, binary), (from + 86_401, lists), (0, lists)] {
            let query = Query { from, to, ..Query::default() };
            assert_eq!(Software::Other.forms(&query), form, "{to}");
            assert_eq!(Software::GoEthereum.forms(&query), binary, "its servers know no other");
        }
        let cursor = vec![1; 36].into();
        let query = Query { from, to: from + 9, cursor, ..Query::default() };
        assert_eq!(Software::Other.forms(&query), lists);
    }
}
