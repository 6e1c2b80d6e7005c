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
    /// status-go, of which the name does not tell the version.
    StatusGo,
    /// Another program: with go-ethereum's library, or a very early one of status-im.
    Other,
}

impl Software {
    /// The software of a peer with this client name. `is_extended`: its status has an element of status-im.
    pub(crate) fn of_client(name: &str, dialect: Dialect, is_extended: bool) -> Self {
        match name.split('/').next().unwrap_or_default() {
            _ if dialect == Dialect::V5 => Self::GoEthereum,
            "Geth" | "wnode" => Self::GoEthereum,
            name if OWN_NAMES.contains(&name) => Self::Own,
            _ if is_extended => Self::StatusGo,
            _ => Self::Other,
        }
    }

    /// Whether it says when an answer is whole.
    pub(crate) fn confirms(self) -> bool {
        matches!(self, Self::Own | Self::StatusGo)
    }

    /// The form of an encrypted request, and another one if that is refused.
    ///
    /// All versions of status-go understand the binary form, but none reads its cursor, and all refuse a time of more than 24 hours
    /// in it. Each refuses the list of the others.
    pub(crate) fn forms(self, query: &Query) -> (QueryForm, Option<QueryForm>) {
        // No upper limit is a long time.
        let is_long = query.to == 0 || query.to.saturating_sub(query.from) > MAX_BINARY_RANGE;
        let goes_on = !query.cursor.is_empty();
        match self {
            Self::Own => (QueryForm::SevenFields, None),
            // Only a server of status-im has given a cursor out.
            Self::StatusGo | Self::Other if goes_on => {
                (QueryForm::SixFields, Some(QueryForm::SevenFields))
            }
            Self::StatusGo if is_long => (QueryForm::SixFields, Some(QueryForm::SevenFields)),
            // go-ethereum's library reads no other form, and refuses nothing.
            Self::Other if is_long => (QueryForm::Binary, Some(QueryForm::SixFields)),
            Self::GoEthereum | Self::StatusGo | Self::Other => (QueryForm::Binary, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_name_tells_the_software() {
        let named = |name, is_extended| Software::of_client(name, Dialect::V6, is_extended);
        for (name, software) in [
            ("Geth/v1.8.27-stable/linux-amd64/go1.11.5", Some(Software::GoEthereum)),
            ("wnode/v6.0/linux-amd64/go1.11.5", Some(Software::GoEthereum)),
            ("whisper-node/v0.1.0", Some(Software::Own)),
            ("StatusIM/v0.38.0/linux-amd64/go1.13", None),
            ("Gethsemane/v1.8.27", None),
            ("", None),
        ] {
            assert_eq!(named(name, true), software.unwrap_or(Software::StatusGo), "{name}");
            assert_eq!(named(name, false), software.unwrap_or(Software::Other), "{name}");
            let of_old = Software::of_client(name, Dialect::V5, true);
            assert_eq!(of_old, Software::GoEthereum, "{name}");
        }
    }

    #[test]
    fn the_binary_form_is_for_a_day_at_most() {
        let lists = (QueryForm::SixFields, Some(QueryForm::SevenFields));
        let binary = (QueryForm::Binary, None);
        let from = 1_700_000_000;
        let (day, later) = (from + 86_400, from + 86_401);
        let either = (QueryForm::Binary, Some(QueryForm::SixFields));
        for (to, form, other) in [(day, binary, binary), (later, lists, either), (0, lists, either)]
        {
            let query = Query { from, to, ..Query::default() };
            assert_eq!(Software::StatusGo.forms(&query), form, "{to}");
            assert_eq!(Software::Other.forms(&query), other, "{to}");
            assert_eq!(Software::GoEthereum.forms(&query), binary, "its servers know no other");
        }
        let cursor = vec![1; 36].into();
        let query = Query { from, to: from + 9, cursor, ..Query::default() };
        assert_eq!(Software::StatusGo.forms(&query), lists);
        assert_eq!(Software::Other.forms(&query), lists);
    }
}
