//! What the operator reads when the program cannot go on.

use std::io;
use std::path::PathBuf;

use p2p_identity::{HexError, KeyError, KeyFileError, RecordError, causes};
use p2p_mux::rlp;
use p2p_server::p2p_discovery::dns::{LinkError, ListsError};
use p2p_server::p2p_discovery::{Discv4Error, RequestError};
use p2p_server::{ProxyUrlError, StartError};
use whisper_envelope::{DraftError, EnvelopeError, OpenError};
use whisper_node::NodeError;
use whisper_pow::SealError;
use whisper_rpc::{RpcError, TlsContent, TlsError, TokenError, Transport};

/// Why the program ends early. One line, the causes after it, and where a flag can mend it, its name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There is nowhere to keep the node key.
    #[error("no home directory is known: say where to keep the node key with --datadir")]
    NoHome,
    /// The data directory cannot be made.
    #[error("data directory {} (--datadir) cannot be made", path.display())]
    DataDir { path: PathBuf, source: io::Error },
    /// The key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The key on the command line.
    #[error("--nodekeyhex is not a key")]
    KeyHex(#[source] KeyError),
    /// `--proxy`.
    #[error("--proxy")]
    Proxy(#[source] ProxyUrlError),
    /// `--shh.pow`, which has to be a number that can be compared.
    #[error("--shh.pow {0} is not a proof of work: a number from 0 up is wanted")]
    MinPow(f64),
    /// `--shh.maxmessagesize`.
    #[error("--shh.maxmessagesize {0} is too large: at most {1} bytes")]
    MaxMessageSize(u32, u32),
    /// `--rpc.token-file`.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// `--rpc.tls-cert` and `--rpc.tls-key`.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The node did not start.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The system gives no signals: the node could not be stopped in good order.
    #[error("cannot listen for Ctrl-C")]
    Signals(#[source] io::Error),
    /// Standard input, where a command reads what it was not given as an argument.
    #[error("standard input cannot be read")]
    Input(#[source] io::Error),
    /// Standard output.
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
    /// An input that should be bytes.
    #[error("the input is not hexadecimal")]
    Hex(#[source] hex::FromHexError),
    /// Bytes that are not RLP.
    #[error("the input is not canonical RLP")]
    Rlp(#[from] rlp::Error),
    /// A text that is not RLP in the form for people.
    #[error("the input is not RLP in readable form")]
    RlpText(#[from] rlp::text::TextError),
    /// Bytes that are not an envelope.
    #[error("the input is no envelope (see --dialect)")]
    Envelope(#[from] EnvelopeError),
    /// An envelope that stays closed.
    #[error("the envelope does not open")]
    Open(#[from] OpenError),
    /// `--sym-key`.
    #[error("--sym-key is not a key of 64 hexadecimal digits")]
    SymmetricKey(#[source] hex::FromHexError),
    /// `--key`, `--sign` or a point of `--pub-key`.
    #[error("not a key")]
    Key(#[source] KeyError),
    /// `--pub-key`.
    #[error("--pub-key is not a public key")]
    PublicKey(#[source] HexError),
    /// `--pow-target`, which has to be a number that can be compared.
    #[error("--pow-target {0} is not a proof of work: a number from 0 up is wanted")]
    PowTarget(f64),
    /// `--pow-time`.
    #[error("--pow-time {0} is not a time in seconds")]
    PowTime(f64),
    /// A message that cannot be made into an envelope.
    #[error("no envelope can be made of this")]
    Draft(#[from] DraftError),
    /// The proof of work did not come to its end.
    #[error("the envelope is not sealed")]
    Seal(#[from] SealError),
    /// Discovery did not start.
    #[error(transparent)]
    Discovery(#[from] Discv4Error),
    /// A node, or the network, gave no answer.
    #[error(transparent)]
    Ask(#[from] RequestError),
    /// Nobody to ask.
    #[error("none of the boot nodes answers (--bootnodes)")]
    NoBootNode,
    /// Somebody to ask, but not about that network.
    #[error("no boot node that answers is of the network (--networkid)")]
    ForeignBootNode,
    /// A list in the DNS cannot be read.
    #[error(transparent)]
    Lists(#[from] ListsError),
    /// `--domain`.
    #[error("--domain")]
    Domain(#[source] LinkError),
    /// A line that should be a node record.
    #[error("line {line} is not a node record")]
    RecordLine { line: usize, source: RecordError },
    /// A list that is not there, or is signed by another key.
    #[error("no list signed by that key is there")]
    NoList,
    /// The own record.
    #[error("the node's record cannot be made")]
    OwnRecord(#[source] RecordError),
    /// The demonstration did not come to its end.
    #[error("the demonstration failed: {0}")]
    Demo(&'static str),
}

impl Failure {
    /// Which flag the operator can change. Library errors name no flags.
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Node(NodeError::Server(error)) => server_hint(error),
            Self::Node(NodeError::Rpc(error)) => rpc_hint(error),
            Self::Node(NodeError::Metrics(_)) => Some("see --metrics.addr and --metrics.port"),
            Self::Token(_) => Some("see --rpc.token-file"),
            Self::Tls(error) => Some(tls_hint(error)),
            Self::Discovery(_) => Some("see --addr and --port"),
            _ => None,
        }
    }

    /// The failure, its causes, and its remedy, on one line.
    pub(crate) fn report(&self) -> String {
        let line = causes(self).to_string();
        match self.hint() {
            Some(hint) => format!("{line}; {hint}"),
            None => line,
        }
    }
}

fn server_hint(error: &StartError) -> Option<&'static str> {
    match error {
        StartError::AddressInUse { .. } => Some("choose another port with --port"),
        StartError::Listen { .. } | StartError::BadAddress { .. } => Some("see --addr and --port"),
        StartError::Discovery(_) => Some(
            "choose another port with --discovery.port, or turn discovery off with --nodiscover",
        ),
        _ => None,
    }
}

fn rpc_hint(error: &RpcError) -> Option<&'static str> {
    Some(match error {
        RpcError::AddressInUse { transport: Transport::Http, .. } => {
            "choose another port with --http.port"
        }
        RpcError::AddressInUse { transport: Transport::Ws, .. } => {
            "choose another port with --ws.port"
        }
        RpcError::Bind { transport: Transport::Http, .. } => "see --http.addr and --http.port",
        RpcError::Bind { transport: Transport::Ws, .. } => "see --ws.addr and --ws.port",
        RpcError::IpcInUse { .. } => {
            "choose another --ipcpath or --datadir, or turn IPC off with --ipcdisable"
        }
        RpcError::IpcNotASocket { .. } => "choose another --ipcpath",
        RpcError::IpcPath { .. } => "choose a shorter --ipcpath",
        RpcError::IpcBind { .. } => "see --ipcpath",
        RpcError::CorsOrigin { .. } => "see --http.corsdomain",
        _ => return None,
    })
}

const fn tls_hint(error: &TlsError) -> &'static str {
    match error {
        TlsError::Read { content: TlsContent::Certificate, .. }
        | TlsError::Pem { content: TlsContent::Certificate, .. } => "see --rpc.tls-cert",
        TlsError::Read { content: TlsContent::PrivateKey, .. }
        | TlsError::Pem { content: TlsContent::PrivateKey, .. } => "see --rpc.tls-key",
        _ => "see --rpc.tls-cert and --rpc.tls-key",
    }
}
