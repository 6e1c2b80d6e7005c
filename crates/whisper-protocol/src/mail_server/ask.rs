//! What this node asks a mail server, and how the server answers.

use std::time::Duration;

use p2p_identity::PublicKey;
use whisper_envelope::{DraftError, SymmetricKey};
use whisper_pow::{Rule, SealError, Work};

use crate::{
    peers::direct::DirectError,
    wire::packet::{Cursor, Query, QueryForm},
};

/// A request for old messages, to a mail server of go-ethereum, of status-go or of this project.
///
/// ```
/// use whisper_protocol::{MailAsk, MailSeal, SymmetricKey, packet::{Query, QueryForm}};
///
/// let query = Query { from: 1_700_000_000, ..Query::default() };
/// // go-ethereum's servers understand only encrypted requests. status-go's also understand others: `MailSeal::Open`.
/// let password = MailSeal::Password(SymmetricKey::from_password(b"shared by the clients"));
/// // Written as the server understands it, unless a form is given.
/// let ask = MailAsk { form: Some(QueryForm::Binary), ..MailAsk::new(query, password) };
/// ```
#[derive(Debug, Clone)]
pub struct MailAsk {
    /// What is asked for. If its upper limit of the time is 0, there is none.
    pub query: Query,
    /// How the request is encrypted.
    pub seal: MailSeal,
    /// How the query is written in an encrypted request. Default `None`: as the server understands it, by its client name and by
    /// what it has said when the connection began. That is [`QueryForm::Binary`] for programs with go-ethereum's library, and
    /// [`QueryForm::SevenFields`] for this project. status-go is asked in the binary form. With a cursor, which it does not read there,
    /// or for more than a day, which it refuses there, it is asked in [`QueryForm::SixFields`] (until 0.38) and, if that is refused, in
    /// [`QueryForm::SevenFields`] (from 0.41 on).
    pub form: Option<QueryForm>,
    /// The least work of the envelope of an encrypted request. Default 0.2, which go-ethereum's `wnode` requires.
    pub min_work: Work,
    /// The rule under which it is work. Default `None`: that of the server, if it is known; else [`Rule::GETH_1_8`] in the binary
    /// form, and this node's own in the others. A server that then refuses the work is asked once more, under another rule.
    pub rule: Option<Rule>,
    /// Maximum time for the proof of work, and maximum time without anything from the server. Default 10 s, as in status-go.
    pub timeout: Duration,
}

/// How a request to a mail server is encrypted.
#[derive(Debug, Clone)]
pub enum MailSeal {
    /// Not at all. go-ethereum's servers disconnect a client that sends such a request.
    Open,
    /// With the password that the clients of the server share.
    Password(SymmetricKey),
    /// To the key of the server. go-ethereum's servers cannot open such requests.
    Server(PublicKey),
}

impl MailAsk {
    /// A request with the defaults of the other fields.
    #[must_use]
    pub fn new(query: Query, seal: MailSeal) -> Self {
        Self {
            query,
            seal,
            form: None,
            min_work: Work::new(0.2).unwrap_or(Work::ZERO),
            rule: None,
            timeout: Duration::from_secs(10),
        }
    }
}

/// How a mail server has answered. The messages themselves came as direct messages, to the filters that allow those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailAnswer {
    /// The id of the request.
    pub id: [u8; 32],
    /// Number of envelopes that the server has sent for it.
    pub received: u64,
    /// The hash of the last envelope, if the server tells it.
    pub last: Option<[u8; 32]>,
    /// Where the next part begins ([`Query::cursor`]); `None` if nothing is left, as far as is known.
    pub cursor: Option<Cursor>,
    /// Whether the server has said that this is the whole answer. Servers with go-ethereum's library and those of shh/5 never do:
    /// their answer is taken to end when nothing has come for the time of [`MailAsk::timeout`], and more may follow. Silence of
    /// a server of this project or of status-go is [`MailAskError::Stalled`].
    pub is_confirmed: bool,
}

/// Why a mail server has not answered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MailAskError {
    /// The request cannot be sent.
    #[error("the request to the mail server cannot be sent")]
    Unsent(#[source] DirectError),
    /// The request cannot be made into an envelope.
    #[error("the request to the mail server cannot be encrypted")]
    Unencrypted(#[source] DraftError),
    /// The proof of work of the request has failed.
    #[error("the proof of work of the request to the mail server has failed: allow more time")]
    Unsealed(#[source] SealError),
    /// The server has sent nothing.
    #[error(
        "the mail server has sent nothing within {} s: it stores nothing of what was asked for, or the password is wrong, or \
         it is no mail server (go-ethereum's servers do not tell which)",
        .0.as_secs()
    )]
    Unanswered(Duration),
    /// The server has begun an answer, but neither continued nor ended it in time. What has come was delivered.
    #[error(
        "the mail server has sent {received} envelopes, but no end of its answer within {} s: ask again from there",
        .timeout.as_secs()
    )]
    Stalled {
        /// Number of envelopes that have come.
        received: u64,
        /// The time without anything from the server.
        timeout: Duration,
    },
    /// The server has refused the request, with this text of at most 256 bytes. It may be any text, so quote it.
    #[error("the mail server has refused the request: {0:?}")]
    Refused(String),
    /// The connection has ended before the answer.
    #[error(
        "the mail server has disconnected after {received} envelopes: connect again, and ask again (go-ethereum's servers \
         disconnect after an unencrypted request)"
    )]
    Disconnected {
        /// Number of envelopes that have come.
        received: u64,
    },
}
