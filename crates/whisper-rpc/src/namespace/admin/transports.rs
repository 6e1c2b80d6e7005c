//! The methods of `admin` that start and stop HTTP and WebSocket while the node runs, under the names of go-ethereum
//! 1.8 and of go-ethereum 1.10.
//!
//! For a missing argument the value from the node's configuration is used, or the default if the transport was not
//! configured. The token and TLS apply as well.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::context::AdminContext;
use crate::call::error::CallError;
use crate::config::{HttpSettings, WsSettings};
use crate::declare::api::Api;
use crate::namespace::Namespace;
use crate::transport::error::{RpcError, Transport};
use crate::transport::transports::Transports;
use crate::web_name::{WebNameError, WebSetting};

/// Host, port, CORS origins, namespaces, virtual hosts.
type HttpArgs = (Option<String>, Option<u32>, Option<String>, Option<String>, Option<String>);

/// Host, port, origins, namespaces.
type WsArgs = (Option<String>, Option<u32>, Option<String>, Option<String>);

/// Declares the methods. All answer `true`.
pub(super) fn declare(api: &mut Api<AdminContext>) {
    for name in ["admin_startHTTP", "admin_startRPC"] {
        api.task(name, ["host", "port", "cors", "apis", "vhosts"], start_http)
            .about("Starts HTTP. Missing arguments are taken from the node's configuration.")
            .fails(start_errors(Transport::Http));
    }
    for name in ["admin_stopHTTP", "admin_stopRPC"] {
        api.task(name, [], |admin: Arc<AdminContext>, ()| async move {
            running(&admin)?.stop_http().await.map(|()| true)
        })
        .about("Stops HTTP.")
        .fails([CallError::NotServed { transport: Transport::Http }]);
    }
    api.task("admin_startWS", ["host", "port", "origins", "apis"], start_ws)
        .about("Starts WebSocket. Missing arguments are taken from the node's configuration.")
        .fails(start_errors(Transport::Ws));
    api.task("admin_stopWS", [], |admin: Arc<AdminContext>, ()| async move {
        running(&admin)?.stop_ws().await.map(|()| true)
    })
    .about("Stops WebSocket.")
    .fails([CallError::NotServed { transport: Transport::Ws }]);
}

fn start_errors(transport: Transport) -> [CallError; 4] {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 8545));
    let (setting, name, source) =
        (WebSetting::Cors, "app.example".to_owned(), WebNameError::Origin);
    [
        CallError::AlreadyServed { transport, at },
        CallError::Port { port: 1 << 16 },
        CallError::host("nowhere.invalid"),
        CallError::Transport(RpcError::WebName { setting, name, source }),
    ]
}

fn running(admin: &AdminContext) -> Result<Arc<Transports>, CallError> {
    admin.transports.upgrade().ok_or(CallError::Stopping)
}

async fn start_http(
    admin: Arc<AdminContext>,
    (host, port, cors, api, vhosts): HttpArgs,
) -> Result<bool, CallError> {
    let transports = running(&admin)?;
    let configured = transports.config().http.clone().unwrap_or_default();
    let settings = HttpSettings {
        addr: address(&admin, host, port, configured.addr).await?,
        cors: names(cors).unwrap_or(configured.cors),
        api: namespaces(api)?.unwrap_or(configured.api),
        vhosts: names(vhosts).unwrap_or(configured.vhosts),
        chat: configured.chat,
    };
    settings.check()?;
    transports.start_http(&settings)?;
    Ok(true)
}

async fn start_ws(
    admin: Arc<AdminContext>,
    (host, port, origins, api): WsArgs,
) -> Result<bool, CallError> {
    let transports = running(&admin)?;
    let configured = transports.config().ws.clone().unwrap_or_default();
    let settings = WsSettings {
        addr: address(&admin, host, port, configured.addr).await?,
        origins: names(origins).unwrap_or(configured.origins),
        api: namespaces(api)?.unwrap_or(configured.api),
    };
    settings.check()?;
    transports.start_ws(&settings)?;
    Ok(true)
}

/// The address to listen on. The host may be a name, such as `localhost`.
async fn address(
    admin: &AdminContext,
    host: Option<String>,
    port: Option<u32>,
    configured: SocketAddr,
) -> Result<SocketAddr, CallError> {
    let port = match port {
        None => configured.port(),
        Some(port) => port.try_into().map_err(|_| CallError::Port { port })?,
    };
    let Some(host) = host else { return Ok(SocketAddr::new(configured.ip(), port)) };
    let found = admin.world.resolve(&host, port).await.ok();
    found.and_then(|found| found.first().copied()).ok_or_else(|| CallError::host(&host))
}

/// The items of a comma-separated list. Empty items are ignored.
fn names(list: Option<String>) -> Option<Vec<String>> {
    let items = |list: String| -> Vec<String> {
        list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    };
    list.map(items)
}

fn namespaces(list: Option<String>) -> Result<Option<Vec<Namespace>>, CallError> {
    let Some(names) = names(list) else { return Ok(None) };
    Ok(Some(names.iter().map(|name| name.parse()).collect::<Result<_, _>>()?))
}
