//! TLS for HTTP and WebSocket.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    self, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
};
use tokio_rustls::server::TlsStream;
use zeroize::Zeroizing;

use crate::config::RpcLimits;
use crate::team::credential::CertificateHash;
use crate::transport::clock::TlsTime;

/// A certificate and its key, for HTTP and WebSocket over TLS 1.2 and 1.3.
#[derive(Clone)]
pub struct Tls {
    /// Does not ask clients for a certificate.
    plain: TlsAcceptor,
    /// Asks for one. Browsers show a dialog then, so it is not done without need.
    asking: TlsAcceptor,
}

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
        let plain = acceptor(chain.clone(), secret.clone_key(), false)?;
        Ok(Self { plain, asking: acceptor(chain, secret, true)? })
    }

    /// Does the handshake. `ask`: whether the client is asked for a certificate. `None` if it failed or took too long.
    pub(crate) async fn accept<S>(
        &self,
        stream: S,
        ask: bool,
        limits: &RpcLimits,
    ) -> Option<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = if ask { &self.asking } else { &self.plain };
        match timeout(limits.step_time, acceptor.accept(stream)).await {
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

impl CertificateHash {
    /// The hash of the first certificate in a PEM file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is not in PEM form or contains no certificate.
    pub fn of_pem_file(path: &Path) -> Result<Self, TlsError> {
        use TlsContent::Certificate;
        let certificate = CertificateDer::from_pem_slice(&read(Certificate, path)?)
            .map_err(|source| not_pem(Certificate, path, source))?;
        Ok(Self::of_der(&certificate))
    }
}

/// Does the handshakes. `ask`: clients are asked for a certificate, which they need not have.
fn acceptor(
    chain: Vec<CertificateDer<'static>>,
    secret: PrivateKeyDer<'static>,
    ask: bool,
) -> Result<TlsAcceptor, TlsError> {
    let provider = ring::default_provider();
    let algorithms = provider.signature_verification_algorithms;
    let builder = ServerConfig::builder_with_details(Arc::new(provider), Arc::new(TlsTime))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?;
    let builder = match ask {
        true => builder.with_client_cert_verifier(Arc::new(AnyCertificate(algorithms))),
        false => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, secret).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch,
        error => TlsError::Unusable(error),
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Admits every certificate whose private key the client has, and clients without one. Which team a certificate belongs to, and
/// whether to any, is decided for each request.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Does not show the key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
