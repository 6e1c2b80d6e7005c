//! What shows that a client is in a team: a token, or a certificate.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// What shows that a client is in a team. Only its hash is kept, so that the configuration contains no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential<H> {
    /// The hash.
    pub hash: H,
    /// When it ends, in seconds since 1970. `None`: never.
    pub expires: Option<u64>,
}

/// A token of a team, which a client sends over HTTP or with the handshake of a WebSocket.
pub type TeamToken = Credential<TokenHash>;

/// A client certificate of a team. The client proves in the TLS handshake that it has the private key. Nothing else in the
/// certificate counts: neither its issuer nor its dates.
pub type TeamCertificate = Credential<CertificateHash>;

/// The SHA-256 hash of a token, printed as 64 hexadecimal digits. `printf %s TOKEN | sha256sum` prints it, too.
///
/// There is no salt and no slow function: a token is random and long, so it cannot be found by trying.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash([u8; 32]);

/// The SHA-256 hash of a certificate in DER form, its fingerprint, printed as 64 hexadecimal digits. `openssl x509 -noout
/// -fingerprint -sha256` prints it with colons, which are read as well.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateHash([u8; 32]);

/// A text that is not the hash of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the SHA-256 hash of a token: 64 hexadecimal digits are wanted, as sha256sum prints")]
pub struct TokenHashError;

/// A text that is not the hash of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the SHA-256 fingerprint of a certificate: 64 hexadecimal digits are wanted, as openssl x509 -noout -fingerprint \
     -sha256 prints"
)]
pub struct CertificateHashError;

impl TokenHash {
    /// The hash of a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// The beginning, by which people and programs name a token without knowing it.
    #[must_use]
    pub fn id(&self) -> String {
        hex::encode(&self.0[..4])
    }
}

impl CertificateHash {
    /// The hash of a certificate in DER form.
    #[must_use]
    pub fn of_der(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }

    /// The beginning, by which people and programs name a certificate.
    #[must_use]
    pub fn id(&self) -> String {
        hex::encode(&self.0[..4])
    }
}

impl FromStr for TokenHash {
    type Err = TokenHashError;

    fn from_str(text: &str) -> Result<Self, TokenHashError> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).map_err(|_| TokenHashError)?;
        Ok(Self(hash))
    }
}

impl FromStr for CertificateHash {
    type Err = CertificateHashError;

    fn from_str(text: &str) -> Result<Self, CertificateHashError> {
        let mut hash = [0; 32];
        let digits = text.replace(':', "");
        hex::decode_to_slice(digits, &mut hash).map_err(|_| CertificateHashError)?;
        Ok(Self(hash))
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Display for CertificateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({}..)", self.id())
    }
}

impl fmt::Debug for CertificateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateHash({}..)", self.id())
    }
}

/// What a client has shown. A certificate is public, so a token with its bytes must not count as the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Shown {
    Token(TokenHash),
    Certificate(CertificateHash),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_sha256sum() {
        let hash = TokenHash::of("0123456789abcdef");
        let text = "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f";
        assert_eq!((hash.to_string().as_str(), hash.id().as_str()), (text, "9f9f5111"));
        assert_eq!(text.parse(), Ok(hash));
        for wrong in ["", "9f", &text[1..], &text.replace('9', "x")] {
            assert_eq!(wrong.parse::<TokenHash>(), Err(TokenHashError), "{wrong}");
        }
    }

    #[test]
    fn a_fingerprint_is_read_as_openssl_prints_it() {
        let hash = CertificateHash::of_der(b"0123456789abcdef");
        let text = "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f";
        let pairs: Vec<_> =
            text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap()).collect();
        assert_eq!((pairs.join(":").to_uppercase().parse(), text.parse()), (Ok(hash), Ok(hash)));
        assert_eq!((hash.to_string().as_str(), hash.id().as_str()), (text, "9f9f5111"));
        for wrong in ["", "9f:9f", &text[1..], &text.replace('9', "x")] {
            assert_eq!(wrong.parse::<CertificateHash>(), Err(CertificateHashError), "{wrong}");
        }
    }
}
