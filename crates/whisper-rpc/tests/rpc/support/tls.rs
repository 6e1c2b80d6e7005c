//! Clients over TLS.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SignatureScheme};
use tokio_tungstenite::tungstenite::{Error, client::IntoClientRequest as _};
use tokio_tungstenite::{WebSocketStream, client_async};
use whisper_rpc::{CertificateHash, Tls};

/// A file of the certificates for tests.
pub fn tls_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

/// The certificate of the server.
pub fn tls() -> Tls {
    Tls::load(&tls_file("cert.pem"), &tls_file("key.pem")).unwrap()
}

/// The fingerprint of a certificate.
pub fn fingerprint(name: &str) -> CertificateHash {
    CertificateHash::of_der(&CertificateDer::from_pem_file(tls_file(name)).unwrap())
}

/// The certificate of a client, which it shows when it is asked.
#[derive(Debug)]
pub struct ClientCertificate {
    key: Arc<CertifiedKey>,
    was_asked: AtomicBool,
}

impl ClientCertificate {
    /// The certificate in a file, with the key in another one, which need not belong to it.
    pub fn load(certificate: &str, key: &str) -> Arc<Self> {
        let chain = vec![CertificateDer::from_pem_file(tls_file(certificate)).unwrap()];
        let key = PrivateKeyDer::from_pem_file(tls_file(key)).unwrap();
        let key = ring::sign::any_supported_type(&key).unwrap();
        Arc::new(Self { key: Arc::new(CertifiedKey::new(chain, key)), was_asked: false.into() })
    }

    /// Whether a server has asked for it.
    pub fn was_asked(&self) -> bool {
        self.was_asked.load(Relaxed)
    }
}

impl ResolvesClientCert for ClientCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.was_asked.store(true, Relaxed);
        Some(Arc::clone(&self.key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A TLS connection to a node with the certificate of the tests.
pub async fn connect(
    addr: SocketAddr,
    certificate: Option<&Arc<ClientCertificate>>,
) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(tls_file("cert.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match certificate {
        None => config.with_no_client_auth(),
        Some(certificate) => config.with_client_cert_resolver(Arc::clone(certificate) as _),
    };
    let stream = TcpStream::connect(addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// Does a WebSocket handshake with these headers.
pub async fn handshake<S>(stream: S, headers: &[(&str, &str)]) -> Result<WebSocketStream<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = "ws://localhost/".into_client_request().unwrap();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    client_async(request, stream).await.map(|(socket, _)| socket)
}
