//! Outbound connections through a SOCKS5 proxy.

use std::{net::SocketAddr, sync::Arc};

use p2p_server::{
    DialError, Event, Events, Proxy, ProxyError, ProxyRefuseReason, RefuseReason,
    identity::{Enode, Host},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::support::{added, addr, config, id, start, until};

/// A name that only the proxy can resolve.
const HIDDEN: &str = "b.hidden.invalid";

/// A proxy that requires `login`, and connects to `target` if it is asked for [`HIDDEN`].
async fn proxy(login: &'static [u8], target: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client, login, target));
        }
    });
    at
}

async fn serve(
    mut client: TcpStream,
    login: &'static [u8],
    target: SocketAddr,
) -> std::io::Result<()> {
    let mut methods = [0; 2];
    client.read_exact(&mut methods).await?;
    let mut offered = vec![0; methods[1].into()];
    client.read_exact(&mut offered).await?;
    if !offered.contains(&2) {
        return client.write_all(&[5, 0xff]).await;
    }
    client.write_all(&[5, 2]).await?;
    let mut sent = vec![0; login.len()];
    client.read_exact(&mut sent).await?;
    if sent != login {
        return client.write_all(&[1, 1]).await;
    }
    client.write_all(&[1, 0]).await?;
    let mut head = [0; 5];
    client.read_exact(&mut head).await?;
    let mut name = vec![0; usize::from(head[4]) + 2];
    if head[3] != 3 {
        return client.write_all(&[5, 8, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    }
    client.read_exact(&mut name).await?;
    if &name[..name.len() - 2] != HIDDEN.as_bytes() {
        return client.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    }
    let mut node = TcpStream::connect(target).await?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    copy_bidirectional(&mut client, &mut node).await.map(drop)
}

fn url(login: &str, at: SocketAddr) -> Proxy {
    format!("socks5://{login}{at}").parse().unwrap()
}

/// The error of the next failed attempt.
async fn error(events: &mut Events) -> Arc<DialError> {
    until(events, |event| match event {
        Event::DialFailed { error, .. } => Some(Arc::clone(error)),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_name_that_only_the_proxy_can_resolve_is_reached_through_it() {
    let b = start(config(2)).await;
    let proxy = proxy(b"\x01\x02me\x06secret", addr(&b)).await;
    let a = start(config(1).proxy(url("me:secret@", proxy))).await;
    let mut events = a.events();
    let hidden = Enode { host: Host::Name(HIDDEN.into()), ..b.enode() };
    a.add_peer(hidden.clone());
    added(&mut events, id(2)).await;
    let info = &a.peers()[0];
    assert_eq!(info.enode, hidden.to_string());
    assert_eq!(
        info.network.remote_address.to_string(),
        "0.0.0.0:0",
        "only the proxy knows the address"
    );
    assert!(a.remove_peer(&id(2)));

    // The error has the reason that the proxy gives.
    a.add_peer(Enode { host: Host::Name("c.hidden.invalid".into()), ..b.enode() });
    let gone = error(&mut events).await;
    let unreachable = ProxyRefuseReason::HostUnreachable;
    assert!(matches!(*gone, DialError::Proxy(ProxyError::Refused(said)) if said == unreachable));
    a.add_peer(b.enode());
    loop {
        // An attempt with the name may still be running.
        let refused = error(&mut events).await;
        let DialError::Proxy(ProxyError::Refused(said)) = *refused else { panic!("{refused:?}") };
        if said == ProxyRefuseReason::Unsupported {
            break;
        }
    }
}

#[tokio::test]
async fn nothing_bypasses_a_proxy_that_fails() {
    let b = start(config(2)).await;
    let proxy = proxy(b"\x01\x02me\x06secret", addr(&b)).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (number, through) in
        [(11, url("", proxy)), (12, url("me:Secret@", proxy)), (13, url("", gone))]
    {
        let a = start(config(number).proxy(through).static_node(b.enode())).await;
        let error = error(&mut a.events()).await;
        let right = matches!(
            (number, &*error),
            (11, DialError::Proxy(ProxyError::LoginWanted))
                | (12, DialError::Proxy(ProxyError::LoginRefused))
                | (13, DialError::Proxy(ProxyError::Unreachable(_)))
        );
        assert!(right, "{number}: {error:?}");
        a.stop().await;
    }
    assert_eq!(b.stats().accepted, 0, "a connection bypassed the proxy");
}

#[tokio::test]
async fn a_name_that_the_proxy_would_resolve_is_not_dialed_where_networks_are_restricted() {
    let nowhere = "127.0.0.1:1".parse().unwrap();
    let restricted = config(1).net_restrict("127.0.0.0/8".parse().unwrap());
    let a = start(restricted.proxy(url("", nowhere))).await;
    let mut events = a.events();
    a.add_peer(format!("enode://{}@{HIDDEN}:30303", id(2)).parse().unwrap());
    assert!(matches!(*error(&mut events).await, DialError::Refused(RefuseReason::Restricted)));
}
