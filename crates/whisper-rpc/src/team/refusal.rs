//! Why a team may not do something.

use whisper_envelope::PartialTopic;

/// Why a call is refused although its method is served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The token or certificate was revoked, or its time is over, or its team is gone.
    #[error(
        "the token or certificate is no longer valid: it was revoked or has expired; ask the operator of the node for another one"
    )]
    Token,
    /// The method is not among those of the team.
    #[error("this team may not call {method}: it is not among the methods of the team")]
    Method { method: &'static str },
    /// The team may not post.
    #[error("this team may not post messages")]
    Post,
    /// The team may not read archives.
    #[error("this team may not read archives")]
    History,
    /// The team may not administer the node.
    #[error("this team may not administer the node: {method} is for administrators")]
    Administer { method: &'static str },
    /// The topic is not among those of the team.
    #[error("this team may not use the topic 0x{}: it is not among the topics of the team", hex::encode(.topic.as_bytes()))]
    Topic { topic: PartialTopic },
    /// All topics are wanted, and the team may use some only.
    #[error("this team may use some topics only: name the topics")]
    AllTopics,
}
