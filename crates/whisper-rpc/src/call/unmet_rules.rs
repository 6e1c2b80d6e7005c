//! The error of a post that was not sealed under all rules that peers need.

use serde_json::{Value, json};
use whisper_protocol::{Receipt, rule_name};

use crate::types::hex::HexBytes;

/// A post was sent, but only to the peers of some rules: under the others, the work was not reached in time.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "specified pow time was insufficient for the rule {}; the message was sent to the peers of the other rules",
    .unmet.join(", ")
)]
pub(crate) struct UnmetRules {
    hash: [u8; 32],
    unmet: Vec<&'static str>,
}

impl UnmetRules {
    /// The error for a receipt, if there are unmet rules.
    pub(crate) fn of(receipt: &Receipt) -> Option<Self> {
        let unmet: Vec<_> = receipt.unmet().iter().copied().map(rule_name).collect();
        (!unmet.is_empty()).then(|| Self { hash: receipt.hash(), unmet })
    }

    /// An example, for the description of the methods.
    pub(crate) fn example() -> Self {
        Self { hash: [0; 32], unmet: vec!["geth-1.8"] }
    }

    /// The error's data: the hash, by which the post is found, and the rules.
    pub(crate) fn data(&self) -> Value {
        json!({ "hash": HexBytes::from(self.hash), "unmet": self.unmet })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_names_the_post_and_the_rules() {
        let data = UnmetRules::example().data().to_string();
        let hash = "0".repeat(64);
        assert_eq!(data, format!(r#"{{"hash":"0x{hash}","unmet":["geth-1.8"]}}"#));
    }
}
