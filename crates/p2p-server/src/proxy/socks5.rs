//! The client side of SOCKS5: greeting, login, request. It reads the answers of the proxy and not one byte
//! more, so that the bytes of the node are left to the caller.

use std::{io, net::IpAddr};

use p2p_mux::identity::Host;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{Login, ProxyError, ProxyRefuseReason};

const VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;
const CONNECT: u8 = 1;

/// Methods of authentication.
const NO_LOGIN: u8 = 0;
const PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;

/// Types of address.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Turns a stream to a proxy into one to the node at `host`. The caller sets a time limit.
///
/// A hostile proxy can make this function read at most 262 bytes.
pub(super) async fn connect<Io>(
    io: &mut Io,
    host: &Host,
    port: u16,
    login: Option<&Login>,
) -> Result<(), ProxyError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let request = request(host, port)?;
    let greeting: &[u8] = match login {
        Some(_) => &[VERSION, 2, NO_LOGIN, PASSWORD],
        None => &[VERSION, 1, NO_LOGIN],
    };
    let [version, method] = ask(io, greeting).await?;
    match (version, method, login) {
        (VERSION, NO_LOGIN, _) => {}
        (VERSION, PASSWORD, Some(login)) => log_in(io, login).await?,
        (VERSION, NO_METHOD, _) => return Err(ProxyError::LoginWanted),
        _ => return Err(ProxyError::NotSocks),
    }
    let [version, code, _, address_type] = ask(io, &request).await?;
    if version != VERSION {
        return Err(ProxyError::NotSocks);
    }
    refuse_reason(code).map_or(Ok(()), |reason| Err(ProxyError::Refused(reason)))?;
    // The address that the proxy connects from is not used.
    let length = match address_type {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(io.read_u8().await.map_err(ProxyError::Lost)?),
        _ => return Err(ProxyError::NotSocks),
    };
    let mut bound = [0; 255 + 2];
    io.read_exact(&mut bound[..length + 2]).await.map_err(ProxyError::Lost)?;
    Ok(())
}

async fn log_in<Io>(io: &mut Io, login: &Login) -> Result<(), ProxyError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let mut message = zeroize::Zeroizing::new(vec![LOGIN_VERSION]);
    for part in [login.user.as_str(), login.password.as_str()] {
        message.push(length(part).ok_or(ProxyError::LoginRefused)?);
        message.extend(part.as_bytes());
    }
    // Some proxies answer with the version of SOCKS instead.
    match ask(io, &message).await? {
        [LOGIN_VERSION | VERSION, 0] => Ok(()),
        [LOGIN_VERSION | VERSION, _] => Err(ProxyError::LoginRefused),
        _ => Err(ProxyError::NotSocks),
    }
}

fn request(host: &Host, port: u16) -> Result<Vec<u8>, ProxyError> {
    let mut request = vec![VERSION, CONNECT, 0];
    match host {
        Host::Ip(IpAddr::V4(ip)) => {
            request.push(IPV4);
            request.extend(ip.octets());
        }
        Host::Ip(IpAddr::V6(ip)) => {
            request.push(IPV6);
            request.extend(ip.octets());
        }
        Host::Name(name) => {
            request.extend([NAME, length(name).ok_or(ProxyError::NameTooLong)?]);
            request.extend(name.as_bytes());
        }
    }
    request.extend(port.to_be_bytes());
    Ok(request)
}

fn length(text: &str) -> Option<u8> {
    u8::try_from(text.len()).ok()
}

/// Sends a message and reads the fixed part of the answer.
async fn ask<Io, const N: usize>(io: &mut Io, message: &[u8]) -> Result<[u8; N], ProxyError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let mut answer = [0; N];
    let asked: io::Result<()> = async {
        io.write_all(message).await?;
        io.flush().await?;
        io.read_exact(&mut answer).await.map(drop)
    }
    .await;
    asked.map_err(ProxyError::Lost)?;
    Ok(answer)
}

const fn refuse_reason(code: u8) -> Option<ProxyRefuseReason> {
    Some(match code {
        0 => return None,
        2 => ProxyRefuseReason::Forbidden,
        3 => ProxyRefuseReason::NetworkUnreachable,
        4 => ProxyRefuseReason::HostUnreachable,
        5 => ProxyRefuseReason::ConnectionRefused,
        6 => ProxyRefuseReason::TimedOut,
        7 | 8 => ProxyRefuseReason::Unsupported,
        _ => ProxyRefuseReason::Failure,
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    /// Connects through a proxy that sends `answers`. Returns what the client sent, and the result.
    async fn talk(
        host: &str,
        login: Option<Login>,
        answers: &[u8],
    ) -> (Vec<u8>, Result<(), ProxyError>) {
        let host = host.parse().map_or_else(|_| Host::Name(host.into()), Host::Ip);
        let (mut client, mut proxy) = duplex(4096);
        proxy.write_all(answers).await.unwrap();
        proxy.shutdown().await.unwrap();
        let ended = connect(&mut client, &host, 30303, login.as_ref()).await;
        drop(client);
        let mut said = Vec::new();
        proxy.read_to_end(&mut said).await.unwrap();
        (said, ended)
    }

    fn login() -> Option<Login> {
        "me:secret".parse().ok()
    }

    #[tokio::test]
    async fn a_host_name_is_sent_to_the_proxy_and_no_byte_of_the_node_is_read() {
        let answers = [&[5, 0, 5, 0, 0, NAME, 2, b'p', b'x', 1, 2][..], b"node"].concat();
        let (mut client, mut proxy) = duplex(4096);
        proxy.write_all(&answers).await.unwrap();
        let name = Host::Name("db-0.db.svc".into());
        connect(&mut client, &name, 30303, None).await.unwrap();
        let mut first = [0; 4];
        client.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"node");
        drop(client);
        let mut said = Vec::new();
        proxy.read_to_end(&mut said).await.unwrap();
        let expected =
            [&[5, 1, 0, 5, 1, 0, NAME, 11][..], b"db-0.db.svc", &30303u16.to_be_bytes()].concat();
        assert_eq!(said, expected);
    }

    #[tokio::test]
    async fn addresses_of_both_families_and_a_login() {
        let good = [5, PASSWORD, 1, 0, 5, 0, 0, IPV4, 0, 0, 0, 0, 0, 0];
        let (said, ended) = talk("10.0.0.7", login(), &good).await;
        assert!(ended.is_ok());
        let parts =
            [&[5, 2, 0, 2, 1, 2][..], b"me", &[6], b"secret", &[5, 1, 0, IPV4, 10, 0, 0, 7]];
        assert_eq!(said, [parts.concat(), 30303u16.to_be_bytes().to_vec()].concat());
        let good = [&[5, 0, 5, 0, 0, IPV6][..], &[0; 18]].concat();
        let (said, ended) = talk("2001:db8::1", None, &good).await;
        assert!(ended.is_ok() && said[3..7] == [5, 1, 0, IPV6] && said.len() == 3 + 4 + 16 + 2);
    }

    #[tokio::test]
    async fn every_failure_has_its_error() {
        use ProxyRefuseReason::*;
        for (code, reason) in [
            (1, Failure),
            (2, Forbidden),
            (3, NetworkUnreachable),
            (4, HostUnreachable),
            (5, ConnectionRefused),
            (6, TimedOut),
            (7, Unsupported),
            (8, Unsupported),
            (200, Failure),
        ] {
            let (_, ended) = talk("a.test", None, &[5, 0, 5, code, 0, IPV4]).await;
            assert!(matches!(ended, Err(ProxyError::Refused(said)) if said == reason), "{code}");
        }
        let failed =
            async |login, answers: &[u8]| talk("a.test", login, answers).await.1.unwrap_err();
        assert!(matches!(failed(None, &[5, 0xff]).await, ProxyError::LoginWanted));
        assert!(matches!(failed(login(), &[5, 0xff]).await, ProxyError::LoginWanted));
        assert!(matches!(failed(login(), &[5, 2, 1, 1]).await, ProxyError::LoginRefused));
        for junk in
            [&b"HTTP/1.1 400"[..], &[4, 90], &[5, 1], &[5, 0, 4, 0, 0, 1], &[5, 0, 5, 0, 0, 9]]
        {
            assert!(matches!(failed(None, junk).await, ProxyError::NotSocks), "{junk:?}");
        }
        // A method that was not offered.
        assert!(matches!(failed(None, &[5, 2]).await, ProxyError::NotSocks));
        let whole = [5, 0, 5, 0, 0, NAME, 3, b'a', b'b', b'c', 0, 0];
        for length in 0..whole.len() {
            assert!(
                matches!(failed(None, &whole[..length]).await, ProxyError::Lost(_)),
                "{length}"
            );
        }
        let (said, ended) = talk(&"a".repeat(256), None, &whole).await;
        assert!(said.is_empty() && matches!(ended, Err(ProxyError::NameTooLong)));
    }
}
