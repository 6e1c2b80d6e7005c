//! The namespace `admin`.

use std::path::{Path, PathBuf};

use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use p2p_server::Server;

use super::arguments::Arguments;
use super::enode::{enode, node_id};
use super::error::CallError;

struct Admin {
    server: Server,
    datadir: PathBuf,
}

/// The methods of `admin`.
pub(super) fn module(server: Server, datadir: &Path) -> Result<RpcModule<()>, RegisterMethodError> {
    // An absolute path is what a client can use; where the current directory is gone, the given one must do.
    let datadir = std::path::absolute(datadir).unwrap_or_else(|_| datadir.to_owned());
    let mut module = RpcModule::new(Admin { server, datadir });
    module.register_method("admin_nodeInfo", |_, admin, _| {
        Ok::<_, CallError>(admin.server.node_info())
    })?;
    module
        .register_method("admin_peers", |_, admin, _| Ok::<_, CallError>(admin.server.peers()))?;
    module.register_method("admin_datadir", |_, admin, _| {
        Ok::<_, CallError>(admin.datadir.to_string_lossy().into_owned())
    })?;
    peers(&mut module)?;
    Ok(module.remove_context())
}

/// The methods that change who is a peer. All answer `true`, whether or not anything changed, as go-ethereum's do.
fn peers(module: &mut RpcModule<Admin>) -> Result<(), RegisterMethodError> {
    module.register_method("admin_addPeer", |params, admin, _| {
        let url: String = Arguments::of(&params, 1)?.required()?;
        admin.server.add_peer(enode(&url).map_err(CallError::Enode)?);
        Ok::<_, CallError>(true)
    })?;
    module.register_method("admin_removePeer", |params, admin, _| {
        let url: String = Arguments::of(&params, 1)?.required()?;
        admin.server.remove_peer(&node_id(&url).map_err(CallError::Enode)?);
        Ok::<_, CallError>(true)
    })?;
    module.register_method("admin_addTrustedPeer", |params, admin, _| {
        let url: String = Arguments::of(&params, 1)?.required()?;
        admin.server.add_trusted(node_id(&url).map_err(CallError::Enode)?);
        Ok::<_, CallError>(true)
    })?;
    module.register_method("admin_removeTrustedPeer", |params, admin, _| {
        let url: String = Arguments::of(&params, 1)?.required()?;
        admin.server.remove_trusted(&node_id(&url).map_err(CallError::Enode)?);
        Ok::<_, CallError>(true)
    })?;
    Ok(())
}
