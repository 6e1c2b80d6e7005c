//! Why a call to a running node failed.

use jsonrpsee::core::client::Error as ClientError;
use p2p_identity::causes;

/// The error in words. What the library writes of an answer is for developers.
pub(super) fn text(error: &ClientError) -> String {
    match error {
        ClientError::Call(answer) => {
            format!("the node answers with an error: {}", answer.message())
        }
        other => format!("the call failed: {}", causes(other)),
    }
}

#[cfg(test)]
mod tests {
    use jsonrpsee::types::ErrorObject;

    use super::super::Failure;
    use super::*;

    #[test]
    fn what_a_node_answers_is_told_once() {
        let answer = ErrorObject::owned(-32000, "no such key", None::<()>);
        let report = Failure::Call(ClientError::Call(answer)).report();
        assert_eq!(report, "the node answers with an error: no such key");
        let report = Failure::Call(ClientError::RequestTimeout).report();
        assert_eq!(report, "the call failed: Request timeout");
    }
}
