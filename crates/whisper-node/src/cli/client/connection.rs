//! A connection to the JSON-RPC of a running node, over its socket, HTTP or WebSocket.

#[cfg(unix)]
mod ipc;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use http::{HeaderMap, HeaderValue, header};
use jsonrpsee::core::client::{
    BatchResponse, Client, ClientT, Error, Subscription, SubscriptionClientT,
};
use jsonrpsee::core::params::BatchRequestBuilder;
use jsonrpsee::core::traits::ToRpcParams;
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use jsonrpsee_ws_client::WsClientBuilder;
use serde::de::DeserializeOwned;

use crate::cli::failure::Failure;
use crate::cli::process::data_dir::data_dir_path;

/// Maximum time of one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Which running node a command talks to.
#[derive(Args, Clone, Debug)]
pub(crate) struct Target {
    /// The running node: the path of its socket, or an http:// or ws:// URL [default: its socket in the data directory]
    #[arg(long, value_name = "URL")]
    rpc: Option<String>,

    /// Data directory of the running node [default: ~/.whisper-node]
    #[arg(long, value_name = "DIR")]
    datadir: Option<PathBuf>,

    /// File with the token of the node, for HTTP and WebSocket
    #[arg(long = "rpc.token-file", value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Target {
    /// Where the node is, as the user would write it.
    pub(crate) fn place(&self) -> Result<String, Failure> {
        match &self.rpc {
            Some(rpc) => Ok(rpc.clone()),
            None => {
                let datadir = data_dir_path(self.datadir.as_deref())?;
                Ok(datadir.join("whisper-node.ipc").display().to_string())
            }
        }
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// No node answers there, or the token cannot be read.
    pub(crate) async fn connect(&self) -> Result<Connection, Failure> {
        let token = self.token_file.as_deref().map(read_token).transpose()?;
        Connection::open(&self.place()?, token.as_deref()).await
    }
}

/// The token in a file.
pub(crate) fn read_token(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|source| Failure::TokenFile { path: file.to_owned(), source })?;
    Ok(text.trim().to_owned())
}

/// A connection to a running node. It has the typed calls of [`whisper_rpc::client`].
pub(crate) enum Connection {
    Stream(Client),
    Http(Box<HttpClient>),
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

impl Connection {
    /// Connects to the node at `place`: a path, or an `http://` or `ws://` URL.
    pub(crate) async fn open(place: &str, token: Option<&str>) -> Result<Self, Failure> {
        let failed = |source: Error| Failure::NoNode { place: place.to_owned(), source };
        if place.starts_with("http://") {
            let http = HttpClientBuilder::default().set_headers(headers(token));
            let http = http.request_timeout(CALL_TIMEOUT).build(place).map_err(failed)?;
            return Ok(Self::Http(Box::new(http)));
        }
        if place.starts_with("ws://") {
            let ws = WsClientBuilder::default().set_headers(headers(token));
            return Ok(Self::Stream(
                ws.request_timeout(CALL_TIMEOUT).build(place).await.map_err(failed)?,
            ));
        }
        if place.contains("://") {
            return Err(Failure::Scheme(place.to_owned()));
        }
        #[cfg(unix)]
        return ipc::connect(Path::new(place), CALL_TIMEOUT)
            .await
            .map(Self::Stream)
            .map_err(failed);
        #[cfg(not(unix))]
        Err(Failure::Scheme(place.to_owned()))
    }
}

/// The header with the token.
fn headers(token: Option<&str>) -> HeaderMap {
    let value = token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
    value.map(|value| (header::AUTHORIZATION, value)).into_iter().collect()
}

impl ClientT for Connection {
    async fn notification<P: ToRpcParams + Send>(
        &self,
        method: &str,
        params: P,
    ) -> Result<(), Error> {
        match self {
            Self::Stream(client) => client.notification(method, params).await,
            Self::Http(client) => client.notification(method, params).await,
        }
    }

    async fn request<R: DeserializeOwned, P: ToRpcParams + Send>(
        &self,
        method: &str,
        params: P,
    ) -> Result<R, Error> {
        match self {
            Self::Stream(client) => client.request(method, params).await,
            Self::Http(client) => client.request(method, params).await,
        }
    }

    async fn batch_request<'a, R: DeserializeOwned + fmt::Debug + 'a>(
        &self,
        batch: BatchRequestBuilder<'a>,
    ) -> Result<BatchResponse<'a, R>, Error> {
        match self {
            Self::Stream(client) => client.batch_request(batch).await,
            Self::Http(client) => client.batch_request(batch).await,
        }
    }
}

impl SubscriptionClientT for Connection {
    async fn subscribe<'a, N: DeserializeOwned, P: ToRpcParams + Send>(
        &self,
        subscribe: &'a str,
        params: P,
        unsubscribe: &'a str,
    ) -> Result<Subscription<N>, Error> {
        match self {
            Self::Stream(client) => client.subscribe(subscribe, params, unsubscribe).await,
            Self::Http(client) => client.subscribe(subscribe, params, unsubscribe).await,
        }
    }

    async fn subscribe_to_method<N: DeserializeOwned>(
        &self,
        method: &str,
    ) -> Result<Subscription<N>, Error> {
        match self {
            Self::Stream(client) => client.subscribe_to_method(method).await,
            Self::Http(client) => client.subscribe_to_method(method).await,
        }
    }
}
