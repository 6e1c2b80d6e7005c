//! Other protocols that answer at a port where RLPx is expected.

use std::fmt;

/// Another protocol than RLPx, as far as the first two bytes of a peer show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForeignProtocol {
    /// HTTP: the port of a JSON-RPC server, or a client that expects one.
    Http,
    /// SSH.
    Ssh,
    /// TLS, and so HTTPS.
    Tls,
    /// A protocol of text lines, such as SMTP, FTP or Redis.
    Text,
}

impl ForeignProtocol {
    /// The protocol that begins with these bytes. The size of a handshake packet never does: printable text and the
    /// first bytes of TLS are larger sizes than are allowed.
    pub(super) fn of(start: [u8; 2]) -> Option<Self> {
        let is_text = |byte: u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        Some(match &start {
            // The answer, and the methods of requests.
            b"HT" | b"GE" | b"HE" | b"PO" | b"PU" | b"DE" | b"OP" | b"CO" | b"PA" | b"TR"
            | b"PR" => Self::Http,
            b"SS" => Self::Ssh,
            // An alert or a handshake record, of TLS 1.x.
            [0x15 | 0x16, 0x03] => Self::Tls,
            [first, second] if is_text(*first) && is_text(*second) => Self::Text,
            _ => return None,
        })
    }
}

impl fmt::Display for ForeignProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Ssh => "SSH",
            Self::Tls => "TLS",
            Self::Text => "a protocol of text lines",
        })
    }
}
