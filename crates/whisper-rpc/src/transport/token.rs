//! A secret that clients of HTTP and WebSocket have to show.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderValue};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The bytes of a token that is made here.
const RANDOM: usize = 32;

/// How many characters a token has at least and at most: a short one can be guessed, a long one fits no header.
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=1024;

/// What comes before the token in a WebSocket's list of sub-protocols.
const SUB_PROTOCOL: &str = "bearer.";

/// A secret that clients of HTTP and WebSocket have to show.
///
/// It travels in the header `Authorization: Bearer TOKEN`. The WebSockets of web pages cannot send that header: they
/// may ask for the sub-protocol `bearer.TOKEN` instead. Not in the URL, which is logged and remembered in many places.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file is there and cannot be read, or is not text.
    #[error("token file {} (--rpc.token-file) cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not there, and cannot be made.
    #[error("token file {} (--rpc.token-file) cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What should be a token is none.
    #[error(
        "a token has from {} to {} letters, digits or characters of -._~+/=, on one line (--rpc.token-file)",
        LENGTHS.start(),
        LENGTHS.end()
    )]
    Form,
}

impl Token {
    /// A token of so many letters, digits or characters of `-._~+/=`: from 16 to 1024.
    ///
    /// # Errors
    ///
    /// [`TokenError::Form`].
    pub fn new(token: impl Into<String>) -> Result<Self, TokenError> {
        let token = Zeroizing::new(token.into());
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        match LENGTHS.contains(&token.len()) && token.bytes().all(fits) {
            true => Ok(Self(token)),
            false => Err(TokenError::Form),
        }
    }

    /// Reads the token from the file at `path`, white space around it aside. Where there is no such file it is made,
    /// for its owner's eyes only (mode 0600 on Unix), with a random token of 64 hexadecimal digits: the operator hands
    /// the file to clients, and never has to think of a secret.
    ///
    /// # Errors
    ///
    /// All of [`TokenError`]. A file that holds no token stays as it is.
    pub fn load_or_create(path: impl AsRef<Path>) -> Result<Self, TokenError> {
        let path = path.as_ref();
        match fs::read_to_string(path).map(Zeroizing::new) {
            Ok(text) => Self::new(text.trim_ascii()),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::create(path),
            Err(source) => Err(TokenError::Read { path: path.to_owned(), source }),
        }
    }

    fn create(path: &Path) -> Result<Self, TokenError> {
        let random = Zeroizing::new(rand::random::<[u8; RANDOM]>());
        let token = Self(Zeroizing::new(hex::encode(*random)));
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

    /// Whether a request shows the token.
    pub(crate) fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        shown.and_then(bearer).is_some_and(|shown| self.is(shown))
    }

    /// Whether a WebSocket handshake shows the token, and the sub-protocol to answer it with, if it asks for some.
    pub(crate) fn is_shown_by_page(&self, headers: &HeaderMap) -> bool {
        sub_protocols(headers)
            .filter_map(|name| name.strip_prefix(SUB_PROTOCOL))
            .any(|shown| self.is(shown))
    }

    /// In the same time, whether few or many of the characters are right.
    fn is(&self, shown: &str) -> bool {
        self.0.as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

/// The sub-protocol to answer a handshake with: a page that asks for some hangs up where none is chosen. The first
/// that is not a token, or else the one that is.
pub(crate) fn chosen(headers: &HeaderMap) -> Option<HeaderValue> {
    let plain = sub_protocols(headers).find(|name| !name.starts_with(SUB_PROTOCOL));
    let name = plain.or_else(|| sub_protocols(headers).next())?;
    HeaderValue::from_str(name).ok()
}

/// The sub-protocols that a handshake asks for.
fn sub_protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lists = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',')).map(str::trim)
}

/// The token of an `Authorization` header, whose scheme is read without regard to case.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The token is never shown.
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
    fn only_the_whole_token_is_the_token() {
        let token = Token::new("0123456789abcdef").unwrap();
        for shown in ["Bearer 0123456789abcdef", "bearer  0123456789abcdef "] {
            assert!(token.is_shown(&headers(AUTHORIZATION, shown)), "{shown}");
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
            assert!(!token.is_shown(&headers(AUTHORIZATION, other)), "{other}");
        }
        assert!(!token.is_shown(&HeaderMap::new()));
    }

    #[test]
    fn a_page_shows_it_as_a_sub_protocol() {
        let token = Token::new("0123456789abcdef").unwrap();
        let both = headers(SEC_WEBSOCKET_PROTOCOL, "bearer.0123456789abcdef, jsonrpc");
        assert!(token.is_shown_by_page(&both));
        assert_eq!(chosen(&both).unwrap(), "jsonrpc");
        let alone = headers(SEC_WEBSOCKET_PROTOCOL, "bearer.0123456789abcdef");
        assert!(token.is_shown_by_page(&alone));
        assert_eq!(chosen(&alone).unwrap(), "bearer.0123456789abcdef");
        assert!(!token.is_shown_by_page(&headers(SEC_WEBSOCKET_PROTOCOL, "0123456789abcdef")));
        assert!(!token.is_shown_by_page(&HeaderMap::new()));
        assert_eq!(chosen(&HeaderMap::new()), None);
    }

    #[test]
    fn what_can_be_guessed_or_sent_in_no_header_is_no_token() {
        for text in ["", "short", "0123456789abcde", "with space 0123456789", "0123456789\nabcdef"]
        {
            assert!(matches!(Token::new(text), Err(TokenError::Form)), "{text}");
        }
        assert!(Token::new("x".repeat(1025)).is_err());
    }

    #[test]
    fn a_missing_file_is_made_and_then_kept() {
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
    fn debug_does_not_show_it() {
        assert_eq!(format!("{:?}", Token::new("0123456789abcdef").unwrap()), "Token");
    }
}
