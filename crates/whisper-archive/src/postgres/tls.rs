//! TLS to a database, as `sslmode` and `sslrootcert` of `libpq` say.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use p2p_world::World;
use percent_encoding::percent_decode_str;
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
    time_provider::TimeProvider,
};

use super::error::PostgresError;

/// What the certificate of the server must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// Anything: who listens learns nothing, but who answers may be anyone.
    Any,
    /// Valid for the name of the server, by the certificates of the system (`None`) or by those in a file.
    Verified(Option<PathBuf>),
}

/// Takes what `tokio-postgres` does not know out of the parameters of an address.
pub(super) fn split(address: &str) -> Result<(String, Trust), PostgresError> {
    let Some((place, parameters)) = address.split_once('?') else {
        return Ok((address.to_owned(), Trust::Any));
    };
    let (mut kept, mut verifies, mut roots) = (Vec::new(), false, None);
    for parameter in parameters.split('&') {
        match parameter.split_once('=') {
            Some(("sslmode", "verify-full")) => {
                verifies = true;
                kept.push("sslmode=require");
            }
            Some(("sslmode", mode)) if !["disable", "prefer", "require"].contains(&mode) => {
                return Err(PostgresError::TlsSettings);
            }
            Some(("sslrootcert", file)) => roots = Some(file),
            _ => kept.push(parameter),
        }
    }
    let trust = match (verifies, roots) {
        (true, None | Some("system")) => Trust::Verified(None),
        (true, Some(file)) => {
            Trust::Verified(Some(percent_decode_str(file).decode_utf8_lossy().as_ref().into()))
        }
        (false, None) => Trust::Any,
        (false, Some(_)) => return Err(PostgresError::TlsSettings),
    };
    Ok((format!("{place}?{}", kept.join("&")), trust))
}

/// What makes the connections.
pub(super) fn connector(
    trust: &Trust,
    world: Arc<dyn World>,
) -> Result<MakeRustlsConnect, PostgresError> {
    let provider = Arc::new(ring::default_provider());
    let config =
        ClientConfig::builder_with_details(Arc::clone(&provider), Arc::new(WorldTime(world)));
    let config =
        config.with_safe_default_protocol_versions().map_err(PostgresError::TlsVersions)?;
    let config = match trust {
        Trust::Any => {
            config.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
        }
        Trust::Verified(file) => config.with_root_certificates(roots(file.as_deref())?),
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

/// The certificates that are trusted.
fn roots(file: Option<&Path>) -> Result<RootCertStore, PostgresError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = file else {
        // A certificate of the system that cannot be read is left out.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let failed = |source: io::Error| {
        let path = path.to_owned();
        PostgresError::RootCertificates { path, source }
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(io::Error::other);
    for certificate in certificates.map_err(failed)? {
        let certificate = certificate.map_err(|error| failed(io::Error::other(error)))?;
        roots.add(certificate).map_err(|error| failed(io::Error::other(error)))?;
    }
    if roots.is_empty() {
        return Err(failed(io::Error::other("there is no certificate in it")));
    }
    Ok(roots)
}

/// The time by which certificates are valid.
#[derive(Debug)]
struct WorldTime(Arc<dyn World>);

impl TimeProvider for WorldTime {
    fn current_time(&self) -> Option<UnixTime> {
        let now = self.0.unix_time().duration_since(std::time::UNIX_EPOCH);
        now.ok().map(UnixTime::since_unix_epoch)
    }
}

/// Accepts every certificate.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_tls_are_taken_out_of_an_address() {
        let split = |parameters: &str| {
            let (address, trust) = split(&format!("postgres://db/archive?{parameters}"))?;
            Ok::<_, PostgresError>((address.split_once('?').unwrap().1.to_owned(), trust))
        };
        for kept in ["sslmode=disable", "sslmode=require&connect_timeout=3", "options=-cx%3Dy"] {
            assert_eq!(split(kept).unwrap(), (kept.to_owned(), Trust::Any));
        }
        let verified = |file: Option<&str>| Trust::Verified(file.map(PathBuf::from));
        for (given, kept, trust) in [
            ("sslmode=verify-full", "sslmode=require", verified(None)),
            ("sslrootcert=system&sslmode=verify-full&a=b", "sslmode=require&a=b", verified(None)),
            ("sslmode=verify-full&sslrootcert=/a%20b", "sslmode=require", verified(Some("/a b"))),
        ] {
            assert_eq!(split(given).unwrap(), (kept.to_owned(), trust));
        }
        for refused in ["sslmode=verify-ca", "sslmode=x", "sslmode=require&sslrootcert=/a"] {
            assert!(matches!(split(refused), Err(PostgresError::TlsSettings)), "{refused}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("roots.pem");
        for text in [None, Some(""), Some("-----BEGIN CERTIFICATE-----\nAA\n")] {
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            let refused = roots(Some(&path)).unwrap_err();
            assert!(matches!(refused, PostgresError::RootCertificates { .. }), "{refused:?}");
        }
    }
}
