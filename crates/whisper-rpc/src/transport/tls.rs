//! TLS in front of HTTP and WebSocket.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;
use zeroize::Zeroizing;

use crate::config::Limits;

/// The certificate that HTTP and WebSocket are served with, and its key. TLS 1.2 and 1.3.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read ({flag})", path.display())]
    Read {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not PEM, or does not hold what it should.
    #[error("{} does not hold {want} in PEM form ({flag})", path.display())]
    Pem {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        want: &'static str,
        /// What is wrong.
        source: pem::Error,
    },
    /// The key is not that of the first certificate.
    #[error("the key (--rpc.tls-key) is not that of the first certificate (--rpc.tls-cert)")]
    Mismatch,
    /// A certificate or key of a kind that cannot be used.
    #[error("the certificate (--rpc.tls-cert) or its key (--rpc.tls-key) cannot be used")]
    Unusable(#[source] rustls::Error),
}

impl Tls {
    /// Reads the certificate, followed by those that vouch for it, and its key (PKCS#8, PKCS#1 or SEC1), from two PEM
    /// files. They are read once: a new certificate needs a new start.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, is not PEM or holds something else, and a key that is another certificate's.
    pub fn load(certificates: &Path, key: &Path) -> Result<Self, TlsError> {
        const CERTIFICATES: (&str, &str) = ("--rpc.tls-cert", "a certificate");
        const KEY: (&str, &str) = ("--rpc.tls-key", "a private key");
        let chain = CertificateDer::pem_slice_iter(&read(CERTIFICATES.0, certificates)?)
            .collect::<Result<Vec<_>, _>>()
            .and_then(|chain| match chain.is_empty() {
                true => Err(pem::Error::NoItemsFound),
                false => Ok(chain),
            })
            .map_err(|source| bad(CERTIFICATES, certificates, source))?;
        let secret = PrivateKeyDer::from_pem_slice(&read(KEY.0, key)?)
            .map_err(|source| bad(KEY, key, source))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => TlsError::Mismatch,
                error => TlsError::Unusable(error),
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// The handshake. `None`: the client broke it off, or took too long.
    pub(crate) async fn accept<S>(&self, stream: S, limits: &Limits) -> Option<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match timeout(limits.patience, self.0.accept(stream)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, "no TLS with a JSON-RPC client");
                None
            }
            Err(_) => {
                tracing::debug!("a JSON-RPC client took too long for its TLS handshake");
                None
            }
        }
    }
}

fn read(flag: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let failed = |source| TlsError::Read { flag, path: path.to_owned(), source };
    fs::read(path).map(Zeroizing::new).map_err(failed)
}

fn bad((flag, want): (&'static str, &'static str), path: &Path, source: pem::Error) -> TlsError {
    TlsError::Pem { flag, path: path.to_owned(), want, source }
}

/// The key is never shown.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
