//! Which flag to change after an error of a library.

use p2p_server::StartError;
use whisper_node::whisper_store::OpenError as StoreFileError;
use whisper_rpc::{RpcError, TlsContent, TlsError, Transport, WebSetting};

pub(super) fn server_hint(error: &StartError) -> Option<&'static str> {
    match error {
        StartError::AddressInUse { .. } => Some("choose another port with --port"),
        StartError::Listen { .. } | StartError::BadAddress { .. } => Some("see --addr and --port"),
        StartError::Discv5(_) => Some("see --discovery.v5port and --bootnodesv5"),
        StartError::Discovery(_) => Some(
            "choose another port with --discovery.port, or turn discovery off with --nodiscover",
        ),
        _ => None,
    }
}

pub(super) fn store_hint(error: &StoreFileError) -> Option<&'static str> {
    match error {
        StoreFileError::WrongSecret { .. } => {
            Some("see --store.passphrase-file, --store.key-file and WHISPER_STORE_PASSPHRASE")
        }
        error if error.is_damage() => Some(
            "the node does not start without it. `whisper-node restore` puts a backup into an empty data directory; to begin \
             without keys, move the file away",
        ),
        _ => None,
    }
}

pub(super) fn rpc_hint(error: &RpcError) -> Option<&'static str> {
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
        RpcError::WebName { setting: WebSetting::Cors, .. } => "see --http.corsdomain",
        RpcError::WebName { setting: WebSetting::VirtualHosts, .. } => "see --http.vhosts",
        RpcError::WebName { setting: WebSetting::WsOrigins, .. } => "see --ws.origins",
        _ => return None,
    })
}

pub(super) const fn tls_hint(error: &TlsError) -> &'static str {
    match error {
        TlsError::Read { content: TlsContent::Certificate, .. }
        | TlsError::Pem { content: TlsContent::Certificate, .. } => "see --rpc.tls-cert",
        TlsError::Read { content: TlsContent::PrivateKey, .. }
        | TlsError::Pem { content: TlsContent::PrivateKey, .. } => "see --rpc.tls-key",
        _ => "see --rpc.tls-cert and --rpc.tls-key",
    }
}
