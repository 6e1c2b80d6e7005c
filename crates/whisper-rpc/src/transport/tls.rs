//! TLS for HTTP and WebSocket.

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

use crate::config::RpcLimits;
use crate::transport::clock::TlsTime;

/// A certificate and its key, for HTTP and WebSocket over TLS 1.2 and 1.3.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read the {} file {}", content.name(), path.display())]
    Read {
        /// What the file should contain.
        content: TlsContent,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file is not in PEM form, or does not contain what it should.
    #[error("{} does not contain a {} in PEM form", path.display(), content.name())]
    Pem {
        /// What the file should contain.
        content: TlsContent,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// The key does not belong to the first certificate.
    #[error("the private key does not belong to the first certificate")]
    Mismatch,
    /// The certificate or the key is of an unsupported kind.
    #[error("cannot use the certificate or its private key")]
    Unusable(#[source] rustls::Error),
}

/// What a file for TLS contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsContent {
    /// The certificate, followed by the certificates of its issuers.
    Certificate,
    /// The private key of the certificate.
    PrivateKey,
}

impl TlsContent {
    const fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::PrivateKey => "private key",
        }
    }
}

impl Tls {
    /// Reads a certificate, followed by the certificates of its issuers, and its private key (PKCS#8, PKCS#1 or SEC1)
    /// from two PEM files. Later changes of the files have no effect.
    ///
    /// # Errors
    ///
    /// A file cannot be read, is not in PEM form or contains something else, or the key belongs to another certificate.
    pub fn load(certificates: &Path, key: &Path) -> Result<Self, TlsError> {
        use TlsContent::{Certificate, PrivateKey};
        let chain = CertificateDer::pem_slice_iter(&read(Certificate, certificates)?)
            .collect::<Result<Vec<_>, _>>()
            .and_then(|chain| match chain.is_empty() {
                true => Err(pem::Error::NoItemsFound),
                false => Ok(chain),
            })
            .map_err(|source| not_pem(Certificate, certificates, source))?;
        let secret = PrivateKeyDer::from_pem_slice(&read(PrivateKey, key)?)
            .map_err(|source| not_pem(PrivateKey, key, source))?;
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_details(provider, Arc::new(TlsTime))
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

    /// Does the handshake. `None` if it failed or took too long.
    pub(crate) async fn accept<S>(&self, stream: S, limits: &RpcLimits) -> Option<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match timeout(limits.step_time, self.0.accept(stream)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the TLS handshake with a JSON-RPC client failed");
                None
            }
            Err(_) => {
                tracing::debug!("the TLS handshake with a JSON-RPC client took too long");
                None
            }
        }
    }
}

fn read(content: TlsContent, path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let failed = |source| TlsError::Read { content, path: path.to_owned(), source };
    fs::read(path).map(Zeroizing::new).map_err(failed)
}

fn not_pem(content: TlsContent, path: &Path, source: pem::Error) -> TlsError {
    TlsError::Pem { content, path: path.to_owned(), source }
}

/// Does not show the key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
