//! Why the program ends with an error.

mod call;
mod hints;

use std::io;
use std::path::PathBuf;

use jsonrpsee::core::client::Error as ClientError;
use p2p_identity::{
    Enode, HexError, KeyError, KeyFileError, KeystoreError, RecordError, SignatureError, causes,
};
use p2p_mux::rlp;
use p2p_server::ProxyUrlError;
use p2p_server::p2p_discovery::dns::{LinkError, ListsError, QueryError};
use p2p_server::p2p_discovery::{
    BootNodeReason, ClockOffset, ClockWitness, Discv4Error, RequestError,
};
use whisper_archive::{OpenError as ArchiveFileError, PostgresError};
use whisper_envelope::{DraftError, EnvelopeError, OpenError};
use whisper_node::NodeError;
use whisper_node::StoreOpenError;
use whisper_node::whisper_store::SecretError;
use whisper_pow::SealError;
use whisper_protocol::{HistoryError, ParseCursorError};
use whisper_rpc::{AuditError, TlsError, TokenError};

use super::config::problem::ConfigError;
use hints::{rpc_hint, server_hint, store_hint, tls_hint};

/// Why the program ends with an error. The operator reads one line: the error, its causes, and the flag to change.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The default data directory is unknown.
    #[error("the home directory is unknown: choose a data directory with --datadir")]
    NoHome,
    /// The data directory cannot be made.
    #[error("cannot make the data directory {} (--datadir)", path.display())]
    DataDir { path: PathBuf, source: io::Error },
    /// `--config`.
    #[error("cannot read the configuration file {} (--config)", path.display())]
    ConfigFile { path: PathBuf, source: io::Error },
    /// `--teams`.
    #[error("cannot read the file of the teams {} (--teams)", path.display())]
    TeamsFile { path: PathBuf, source: io::Error },
    /// `team`: the change cannot be made.
    #[error("{0}")]
    Team(String),
    /// `--rpc`: no node answers.
    #[error("no node answers at {place} (--rpc, --datadir)")]
    NoNode { place: String, source: ClientError },
    /// `--rpc`: the scheme is unknown.
    #[error("--rpc {0}: expected the path of a socket, or an http:// or ws:// URL")]
    Scheme(String),
    /// `--rpc.token-file` of a command.
    #[error("cannot read the token in {} (--rpc.token-file)", path.display())]
    TokenFile { path: PathBuf, source: io::Error },
    /// A node answered a call with an error, or the call did not reach it.
    #[error("{}", call::text(.0))]
    Call(ClientError),
    /// No password for a topic.
    #[error("no password: give --password-file, or set the variable WHISPER_PASSWORD")]
    PasswordMissing,
    /// A secret in a variable.
    #[error("cannot read a secret in the variable {name} ({flag})")]
    SecretVariable { flag: &'static str, name: String, source: std::env::VarError },
    /// An empty secret.
    #[error("the secret is empty ({flag})")]
    SecretEmpty { flag: &'static str },
    /// A secret cannot be asked for.
    #[error(
        "there is no terminal to ask for a secret ({flag}): give file:PATH or env:NAME, or set its variable"
    )]
    NoTerminal { flag: &'static str },
    /// A new password was typed twice.
    #[error("the two passwords differ: nothing was written")]
    PasswordsDiffer,
    /// A keystore file.
    #[error("cannot use the keystore file")]
    Keystore(#[source] KeystoreError),
    /// A file with a key cannot be written.
    #[error("cannot write the key file {}", path.display())]
    KeyFileWrite { path: PathBuf, source: io::Error },
    /// A message to sign.
    #[error("cannot read the message in {}", path.display())]
    MessageFile { path: PathBuf, source: io::Error },
    /// A signature of a wrong length.
    #[error("a signature has 130 hex digits")]
    SignatureLength,
    /// A signature that is of no key.
    #[error("this is no signature")]
    Signature(#[source] SignatureError),
    /// A signer of a wrong length.
    #[error("a signer is an address of 40 hex digits, or a public key of 128 or 130")]
    SignerLength,
    /// Another key has signed.
    #[error("the message was signed by another key, that of {address}")]
    OtherSigner { address: String },
    /// The audit log.
    #[error("cannot use the audit log {} (--audit)", path.display())]
    AuditFile { path: PathBuf, source: io::Error },
    /// Two nodes with one audit log.
    #[error("another node writes the audit log {}: choose another one (--audit)", path.display())]
    AuditInUse { path: PathBuf },
    /// The end of the audit log.
    #[error(
        "the audit log {} cannot be continued, because its end is damaged: check it with `audit verify`, and move it \
         aside (--audit)",
        path.display()
    )]
    AuditEnd { path: PathBuf, source: AuditError },
    /// A line of an audit log.
    #[error("{}: line {number} is wrong, or the one before it", path.display())]
    AuditLine { path: PathBuf, number: u64, source: AuditError },
    /// The last line of an audit log has no end.
    #[error(
        "{}: line {number} is incomplete: the machine stopped while it was written. A node that is started with this log \
         removes it",
        path.display()
    )]
    AuditIncomplete { path: PathBuf, number: u64 },
    /// The audit log does not contain a hash that it should contain.
    #[error("{}: no line has this hash: the log was replaced, or its end was cut off", path.display())]
    AuditHash { path: PathBuf },
    /// No secret for the store.
    #[error(
        "no passphrase of the store: give --store.passphrase-file or --store.key-file, or set the variable \
         WHISPER_STORE_PASSPHRASE"
    )]
    StorePassphraseMissing,
    /// The passphrase of a new store was typed differently.
    #[error("the two passphrases differ: nothing was made")]
    StorePassphrasesDiffer,
    /// `--store.key-file`.
    #[error("no key in {} (--store.key-file)", path.display())]
    StoreKey { path: PathBuf, source: SecretError },
    /// `store passwd` in a data directory without a store.
    #[error("there is no store {}: give the data directory of a node that ran with --store (--datadir)", path.display())]
    NoStore { path: PathBuf },
    /// `--store.nodekey`, but there is another key in the data directory.
    #[error(
        "the store has the node key of {of_store}, and the file {} that of {other}: delete the file, or start without \
         --store.nodekey",
        path.display()
    )]
    TwoNodeKeys { path: PathBuf, of_store: String, other: String },
    /// `--store.nodekey` without `--store`.
    #[error(
        "--store.nodekey needs --store: without a store, the node key is in the file nodekey of the data directory"
    )]
    NodeKeyWithoutStore,
    /// `--store.mlock`.
    #[error(
        "the memory cannot be kept out of swap: allow the program to lock all memory, with LimitMEMLOCK=infinity in its unit or \
         ulimit -l unlimited, or start without --store.mlock"
    )]
    LockMemory(#[source] io::Error),
    /// A message is not known to have arrived.
    #[error("not delivered: {0}")]
    NotDelivered(String),
    /// The chat is not in a terminal.
    #[error("the chat needs a terminal: use `send` and `listen` in scripts")]
    NoScreen,
    /// The terminal cannot be used.
    #[error("cannot use the terminal")]
    Screen(#[source] io::Error),
    /// A file that is sent or received.
    #[error("cannot use {}", path.display())]
    TransferFile { path: PathBuf, source: io::Error },
    /// There is such a file already.
    #[error("{} is there already: move it away, or choose another folder", path.display())]
    TransferExists { path: PathBuf },
    /// The file is too large.
    #[error("the file has {size} bytes: at most {most} are received (--max-size)")]
    TransferSize { size: u64, most: u64 },
    /// The name of the file.
    #[error(
        "the file is offered under a name that is none here: the sender must rename it (letters, digits and ._-()+,=@)"
    )]
    TransferName,
    /// What was received is not what was offered.
    #[error(
        "the content is not what was offered, and was removed: the file changed while it was sent, or another one has the password"
    )]
    TransferChanged,
    /// A signal to stop.
    #[error("stopped; the same command goes on with it")]
    TransferStopped,
    /// No receiver.
    #[error("no receiver asked for {0} s (--wait)")]
    NoReceiver(u32),
    /// No sender.
    #[error("nothing came for {0} s (--wait)")]
    NoSender(u32),
    /// No node has the envelope.
    #[error("none of the {0} nodes that answered has the envelope, or remembers it")]
    NotTraced(usize),
    /// The connection to a node has ended.
    #[error("the node has closed the connection")]
    NodeGone,
    /// The doctor found errors.
    #[error("the doctor found {0} errors")]
    Ill(usize),
    /// There is nothing to back up.
    #[error("there is no data directory {} (--datadir)", path.display())]
    NoData { path: PathBuf },
    /// A file of a backup.
    #[error("cannot use {}", path.display())]
    Backup { path: PathBuf, source: io::Error },
    /// The list of a backup.
    #[error("{} is not the list of a backup", path.display())]
    BackupList { path: PathBuf, source: toml::de::Error },
    /// A file of a backup has changed.
    #[error("{} is not as it was backed up: use another backup", path.display())]
    BackupChanged { path: PathBuf },
    /// The data directory is used.
    #[error("the data directory {} is not empty: move its files away, or choose another --datadir", path.display())]
    DataDirNotEmpty { path: PathBuf },
    /// `--hosts`: an entry is there twice.
    #[error("--hosts: {0} is there twice: each node needs a machine of its own")]
    HostTwice(String),
    /// `--cursor`: the file is empty.
    #[error("the file {} is empty: put the last cursor back, or remove it to read everything (--cursor)", path.display())]
    EmptyCursor { path: PathBuf },
    /// A file of a network.
    #[error("cannot use {}", path.display())]
    NetworkFile { path: PathBuf, source: io::Error },
    /// The plan of a network.
    #[error("{} is not the plan of a network", path.display())]
    NetworkPlan { path: PathBuf, source: toml::de::Error },
    /// The plan cannot be written.
    #[error("cannot write the plan of the network")]
    Plan(#[source] toml::ser::Error),
    /// `--hosts`.
    #[error(
        "--hosts names {hosts} machines, and --nodes {nodes} nodes: name one machine for each node"
    )]
    Hosts { hosts: usize, nodes: usize },
    /// Nodes of a network have no peers.
    #[error("a node has no peer after a minute: see the logs of the nodes")]
    NetworkApart,
    /// A node of a network ended.
    #[error("{0} has ended: see its log")]
    NodeEnded(String),
    /// An answer cannot be printed as JSON.
    #[error("cannot print JSON")]
    Json(#[source] serde_json::Error),
    /// Values in the file, the environment or on the command line.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Another process uses the data directory.
    #[error("the data directory {} is in use: another node runs with it; stop that node, or choose another --datadir", path.display())]
    DataDirInUse { path: PathBuf },
    /// The data directory cannot be locked.
    #[error("cannot lock the data directory with the file {}", path.display())]
    Lock { path: PathBuf, source: io::Error },
    /// A file of a flag is a named pipe or a folder.
    #[error("{flag}: {} is not a regular file", path.display())]
    NotAFile { flag: &'static str, path: PathBuf },
    /// The key file cannot be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// `--nodekeyhex`.
    #[error("--nodekeyhex is not a key")]
    KeyHex(#[source] KeyError),
    /// `--proxy`.
    #[error("--proxy is not the URL of a proxy")]
    Proxy(#[source] ProxyUrlError),
    /// `--shh.pow`.
    #[error("--shh.pow {0} is not a proof of work: expected a number of at least 0")]
    MinPow(f64),
    /// `--shh.maxmessagesize`.
    #[error("--shh.maxmessagesize {0} is too large: the maximum is {1} bytes")]
    MaxMessageSize(u32, u32),
    /// The man pages cannot be written.
    #[error("cannot write the man pages into {}", path.display())]
    ManPages { path: PathBuf, source: io::Error },
    /// `--archive`.
    #[error("cannot make the directory {} of the archive (--archive)", path.display())]
    ArchiveDir { path: PathBuf, source: io::Error },
    /// `restore`.
    #[error(
        "the archive was restored, but cannot get another id: do not use it, and restore it again"
    )]
    RestoredArchive(#[source] ArchiveFileError),
    /// `--archive`.
    #[error("--archive is not the URL of a database")]
    ArchiveUrl(#[source] PostgresError),
    /// `--archive.db-password-file` with a directory.
    #[error(
        "--archive.db-password-file is for a database, but --archive is a directory: leave one of them out"
    )]
    ArchiveWithoutDatabase,
    /// A file with a password.
    #[error("cannot read the password in {} ({flag})", path.display())]
    PasswordFile { flag: &'static str, path: PathBuf, source: io::Error },
    /// A file without a password.
    #[error("the first line of {} is empty: write the password there ({flag})", path.display())]
    NoPassword { flag: &'static str, path: PathBuf },
    /// `--rpc.token-file`.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// `--rpc.tls-cert` and `--rpc.tls-key`.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The node did not start.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// Signals cannot be received, so the node could not be stopped properly.
    #[error("cannot receive signals")]
    Signals(#[source] io::Error),
    /// Standard input cannot be read.
    #[error("cannot read standard input")]
    Input(#[source] io::Error),
    /// The reader of standard output has closed it (`| head`). This is not an error for the user.
    #[error("nothing reads standard output any more")]
    ReaderGone,
    /// Standard output cannot be written.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// The input is not bytes in hexadecimal.
    #[error("the input is not hexadecimal")]
    Hex(#[source] hex::FromHexError),
    /// The input is not RLP.
    #[error("the input is not canonical RLP")]
    Rlp(#[from] rlp::Error),
    /// The input is not RLP in readable form.
    #[error("the input is not RLP in readable form")]
    RlpText(#[from] rlp::text::TextError),
    /// The input is not an envelope.
    #[error("the input is not an envelope (see --dialect)")]
    Envelope(#[from] EnvelopeError),
    /// The envelope cannot be opened.
    #[error("cannot open the envelope")]
    Open(#[from] OpenError),
    /// `--sym-key`.
    #[error("--sym-key is not a key of 64 hexadecimal digits")]
    SymmetricKey(#[source] hex::FromHexError),
    /// `--key`, `--sign` or `--pub-key`.
    #[error("not a key")]
    Key(#[source] KeyError),
    /// `--pub-key`.
    #[error("--pub-key is not a public key")]
    PublicKey(#[source] HexError),
    /// `--pow-target`.
    #[error("--pow-target {0} is not a proof of work: expected a number of at least 0")]
    PowTarget(f64),
    /// `--pow-time`.
    #[error("--pow-time {0} is not a time in seconds")]
    PowTime(f64),
    /// The message cannot be encrypted.
    #[error("cannot make an envelope")]
    Draft(#[from] DraftError),
    /// The proof of work was not found.
    #[error("cannot seal the envelope")]
    Seal(#[from] SealError),
    /// Discovery did not start.
    #[error(transparent)]
    Discovery(#[from] Discv4Error),
    /// A node or the network did not answer.
    #[error(transparent)]
    Ask(#[from] RequestError),
    /// No boot node answers.
    #[error("no boot node answers (--bootnodes)")]
    NoBootNode,
    /// A boot node is of no use.
    #[error("cannot use the boot node {0} (--bootnodes): {1}")]
    BootNode(Box<Enode>, BootNodeReason),
    /// A node is of no use.
    #[error("cannot use the node {0}: {1}")]
    Unusable(Box<Enode>, BootNodeReason),
    /// The clock of this machine is wrong.
    #[error("the clock of this machine is about {0} that of {1}: set it")]
    Clock(ClockOffset, ClockWitness),
    /// Boot nodes answer, but they are in another network.
    #[error("no boot node that answers is in the network (--networkid)")]
    ForeignBootNode,
    /// Lists in the DNS cannot be fetched.
    #[error(transparent)]
    Lists(#[from] ListsError),
    /// `--domain`.
    #[error("--domain is not the name of a list")]
    Domain(#[source] LinkError),
    /// A line is not a node record.
    #[error("line {line} is not a node record")]
    RecordLine { line: usize, source: RecordError },
    /// The DNS name has no root of a list.
    #[error("no list: the DNS has no root of a list at {0}")]
    NoList(String),
    /// The root of the list is signed with another key.
    #[error("the list at {0} is signed with another key")]
    ForeignList(String),
    /// No root was read, because the query failed.
    #[error("cannot read the list")]
    ListQuery(#[from] QueryError),
    /// No root was read in time.
    #[error("the root of the list was not read in time (--time)")]
    ListTime,
    /// The node's own record cannot be made.
    #[error("cannot make the node's record")]
    OwnRecord(#[source] RecordError),
    /// `--cursor`.
    #[error("cannot use the file {} of the cursor (--cursor)", path.display())]
    CursorFile { path: PathBuf, source: io::Error },
    /// `--cursor` has something else.
    #[error("the file {} has no cursor (--cursor): choose another file, or delete it to start over", path.display())]
    Cursor { path: PathBuf, source: ParseCursorError },
    /// The history cannot be read.
    #[error("cannot read the archives")]
    History(#[source] HistoryError),
    /// No archive has answered completely.
    #[error("no archive was read completely: see the lines above")]
    NoHistory,
    /// The demonstration failed.
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
            Self::Node(NodeError::Store(StoreOpenError::Open(error))) => store_hint(error),
            Self::Token(_) => Some("see --rpc.token-file"),
            Self::Tls(error) => Some(tls_hint(error)),
            Self::Discovery(_) => Some("see --addr and --port"),
            Self::History(HistoryError::OtherQuestion) => {
                Some("use another file with --cursor for other topics, keys or times")
            }
            _ => None,
        }
    }

    /// The error, its causes and a hint, on one line.
    pub(crate) fn report(&self) -> String {
        let line = causes(self).to_string();
        match self.hint() {
            Some(hint) => format!("{line}; {hint}"),
            None => line,
        }
    }
}
