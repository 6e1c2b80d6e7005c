//! The bearer token of clients of HTTP and WebSocket.

use crate::team::credential::TokenHash;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderValue};
use p2p_world::rng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Number of random bytes in a generated token.
const RANDOM_BYTES: usize = 32;

/// Minimum and maximum length of a token. A shorter one could be guessed, a longer one does not fit into a header.
const TOKEN_CHARS: std::ops::RangeInclusive<usize> = 16..=1024;

/// The prefix of the token in a WebSocket's list of sub-protocols.
const SUB_PROTOCOL: &str = "bearer.";

/// A secret that clients of HTTP and WebSocket must send.
///
/// It is sent in the header `Authorization: Bearer TOKEN`. Web pages cannot set this header for a WebSocket; they may ask
/// for the sub-protocol `bearer.TOKEN` instead. It is not sent in the URL, because URLs are logged in many places.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

/// Why a token cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file exists and cannot be read, or is not text.
    #[error("cannot read the token file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file does not exist and cannot be written.
    #[error("cannot write the token file {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The text is not a token.
    #[error(
        "not a token: {} to {} letters, digits or characters of -._~+/= on one line are wanted",
        TOKEN_CHARS.start(),
        TOKEN_CHARS.end()
    )]
    Form,
}

impl Token {
    /// Makes a token of 16 to 1024 characters: letters, digits and `-._~+/=`.
    ///
    /// # Errors
    ///
    /// [`TokenError::Form`].
    pub fn new(token: impl Into<String>) -> Result<Self, TokenError> {
        let token = Zeroizing::new(token.into());
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        match TOKEN_CHARS.contains(&token.len()) && token.bytes().all(fits) {
            true => Ok(Self(token)),
            false => Err(TokenError::Form),
        }
    }

    /// Reads the token from the file at `path`, without surrounding white space. If the file does not exist, it is written
    /// with a random token of 64 hexadecimal digits, readable by its owner only (mode 0600 on Unix). The operator gives
    /// the file to clients and does not have to choose a secret.
    ///
    /// # Errors
    ///
    /// All of [`TokenError`]. A file that does not contain a token is not changed.
    pub fn load_or_create(path: impl AsRef<Path>) -> Result<Self, TokenError> {
        let path = path.as_ref();
        match fs::read_to_string(path).map(Zeroizing::new) {
            Ok(text) => Self::new(text.trim_ascii()),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::create(path),
            Err(source) => Err(TokenError::Read { path: path.to_owned(), source }),
        }
    }

    fn create(path: &Path) -> Result<Self, TokenError> {
        let token = Self::random();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(path).and_then(|mut file| {
            file.write_all(token.0.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()
        });
        match written {
            Ok(()) => Ok(token),
            Err(source) => Err(TokenError::Write { path: path.to_owned(), source }),
        }
    }

    /// A random token of 64 hexadecimal digits.
    #[must_use]
    pub fn random() -> Self {
        let random = Zeroizing::new(rng().bytes::<RANDOM_BYTES>());
        Self(Zeroizing::new(hex::encode(*random)))
    }

    /// The hash by which a team knows the token.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }

    /// The secret text, for the client that is to send it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Compares in constant time, so that the time does not tell how many characters are right.
    pub(crate) fn is(&self, shown: &str) -> bool {
        self.0.as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

/// The token that a request carries.
pub(crate) fn shown(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer)
}

/// The tokens that a WebSocket handshake carries in its list of sub-protocols.
fn shown_in_sub_protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    sub_protocols(headers).filter_map(|name| name.strip_prefix(SUB_PROTOCOL))
}

/// All tokens that a WebSocket handshake carries.
pub(crate) fn shown_in_handshake(headers: &HeaderMap) -> Vec<&str> {
    shown(headers).into_iter().chain(shown_in_sub_protocols(headers)).collect()
}

/// The sub-protocol to accept in the handshake of a WebSocket that may show a token: the first that is not a token, or else the
/// token. Browsers close the connection if a page asks for sub-protocols and none is accepted.
#[must_use]
pub fn accepted_sub_protocol(headers: &HeaderMap) -> Option<HeaderValue> {
    let plain = sub_protocols(headers).find(|name| !name.starts_with(SUB_PROTOCOL));
    let name = plain.or_else(|| sub_protocols(headers).next())?;
    HeaderValue::from_str(name).ok()
}

/// The sub-protocols that a handshake asks for.
fn sub_protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lists = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',')).map(str::trim)
}

/// The token of an `Authorization` header. Upper and lower case of the scheme are not distinguished.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Does not show the token.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, value: &str) -> HeaderMap {
        [(name, HeaderValue::from_str(value).unwrap())].into_iter().collect()
    }

    #[test]
    fn only_the_exact_token_is_accepted() {
        let token = Token::new("0123456789abcdef").unwrap();
        let carries = |headers: &HeaderMap| shown(headers).is_some_and(|shown| token.is(shown));
        for shown in ["Bearer 0123456789abcdef", "bearer  0123456789abcdef "] {
            assert!(carries(&headers(AUTHORIZATION, shown)), "{shown}");
        }
        for other in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
            "Bearer 0123456789ABCDEF",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
        ] {
            assert!(!carries(&headers(AUTHORIZATION, other)), "{other}");
        }
        assert!(!carries(&HeaderMap::new()));
    }

    #[test]
    fn a_page_sends_the_token_as_a_sub_protocol() {
        let token = Token::new("0123456789abcdef").unwrap();
        let carries =
            |headers: &HeaderMap| shown_in_sub_protocols(headers).any(|shown| token.is(shown));
        let both = headers(SEC_WEBSOCKET_PROTOCOL, "bearer.0123456789abcdef, jsonrpc");
        assert!(carries(&both));
        assert_eq!(accepted_sub_protocol(&both).unwrap(), "jsonrpc");
        let alone = headers(SEC_WEBSOCKET_PROTOCOL, "bearer.0123456789abcdef");
        assert!(carries(&alone));
        assert_eq!(accepted_sub_protocol(&alone).unwrap(), "bearer.0123456789abcdef");
        assert!(!carries(&headers(SEC_WEBSOCKET_PROTOCOL, "0123456789abcdef")));
        assert!(!carries(&HeaderMap::new()));
        assert_eq!(accepted_sub_protocol(&HeaderMap::new()), None);
    }

    #[test]
    fn a_text_that_is_too_short_or_has_other_characters_is_not_a_token() {
        for text in ["", "short", "0123456789abcde", "with space 0123456789", "0123456789\nabcdef"]
        {
            assert!(matches!(Token::new(text), Err(TokenError::Form)), "{text}");
        }
        assert!(Token::new("x".repeat(1025)).is_err());
    }

    #[test]
    fn a_missing_file_is_written_once_and_then_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let made = Token::load_or_create(&path).unwrap();
        assert_eq!(made.0.len(), 64);
        assert!(Token::load_or_create(&path).unwrap().is(&made.0));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(&path, "\n").unwrap();
        assert!(matches!(Token::load_or_create(&path), Err(TokenError::Form)));
        let nowhere = folder.path().join("no/folder");
        assert!(matches!(Token::load_or_create(nowhere), Err(TokenError::Write { .. })));
        assert!(matches!(Token::load_or_create(folder.path()), Err(TokenError::Read { .. })));
    }

    #[test]
    fn debug_does_not_show_the_token() {
        assert_eq!(format!("{:?}", Token::new("0123456789abcdef").unwrap()), "Token");
    }
}
