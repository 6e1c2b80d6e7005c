//! A system clock before 1970, with which HTTP cannot be spoken.
//!
//! `hyper` keeps the current time in the form of the `Date` header, which begins in 1970, and panics before. So such a
//! connection does not reach it: it gets an answer that names the clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::time_provider::TimeProvider;

/// The answer to every request. It ends the connection.
const RESPONSE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 79\r\nconnection: close\r\n\r\n\
    the system clock of this node is before 1970: set it, or use JSON-RPC over IPC\n";

/// Whether HTTP can be spoken at this time.
pub(crate) fn is_usable(now: SystemTime) -> bool {
    now >= UNIX_EPOCH
}

/// Waits for a request, answers that the clock is wrong, and ends the connection.
pub(crate) async fn refuse<S>(mut stream: S, step_time: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    tracing::warn!("a JSON-RPC request is refused: the system clock is before 1970");
    let answer = async {
        let mut head = [0; 4096];
        if stream.read(&mut head).await? > 0 {
            stream.write_all(RESPONSE).await?;
        }
        stream.shutdown().await
    };
    // The result does not matter: the connection ends either way.
    let _ = timeout(step_time, answer).await;
}

/// The time for TLS. Before 1970 it is 1970; `rustls` by itself panics.
#[derive(Debug)]
pub(crate) struct TlsTime;

impl TimeProvider for TlsTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(SystemTime::now()))
    }
}

fn unix_time(now: SystemTime) -> UnixTime {
    UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_before_1970_is_not_usable() {
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert!(!is_usable(before) && is_usable(UNIX_EPOCH) && is_usable(SystemTime::now()));
        assert_eq!(unix_time(before).as_secs(), 0);
    }

    #[tokio::test]
    async fn a_request_is_told_about_the_clock() {
        let (mut client, server) = tokio::io::duplex(64);
        let serving = tokio::spawn(refuse(server, Duration::from_secs(20)));
        client.write_all(b"POST / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        serving.await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{answer}");
        assert!(body.contains("clock"), "{answer}");
    }
}
