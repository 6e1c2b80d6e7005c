//! Errors at the start, and the addresses of a server that has started.

use p2p_server::{Config, Server, StartError, identity::Enode};

use crate::support::{added, addr, config, key, quiet, start};

#[tokio::test]
async fn the_error_for_an_address_in_use_names_it() {
    let a = start(config(1)).await;
    let taken = addr(&a);
    let error =
        Server::start(Config::new(key(2)).listen("127.0.0.1:0").listen(taken)).await.unwrap_err();
    assert!(matches!(error, StartError::AddressInUse { addr } if addr == taken));
    assert_eq!(error.to_string(), format!("address {taken} is already in use"));
}

#[tokio::test]
async fn the_error_for_a_bad_address_names_it() {
    for bad in ["127.0.0.1", "127.0.0.1:70000", ":x", "does-not-exist.invalid:1"] {
        let error = Server::start(Config::new(key(1)).listen(bad)).await.unwrap_err();
        assert!(
            matches!(&error, StartError::BadAddress { given, .. } if given == bad),
            "{bad}: {error}"
        );
    }
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_an_error() {
    #[cfg(not(feature = "nat"))]
    {
        let nat = p2p_server::Nat::Any;
        let error = Server::start(config(1).nat(nat)).await.unwrap_err();
        assert!(matches!(error, StartError::NatUnsupported(refused) if refused == nat));
    }
    let error = Server::start(config(1).protocol(quiet())).await.unwrap_err();
    assert_eq!(error.to_string(), "sub-protocol quiet/1 is registered twice");
    let long = p2p_server::mux::Protocol::new("ninechars", 1, 1, |_, _| async { Ok(()) });
    let error = Server::start(config(1).protocol(long)).await.unwrap_err();
    let text =
        "\"ninechars\" is no name of a sub-protocol: it must have 1 to 8 visible ASCII characters";
    assert_eq!(error.to_string(), text);
    let error = Server::start(config(1).name("n".repeat(2048))).await.unwrap_err();
    assert!(matches!(error, StartError::HelloTooLong { bytes } if bytes > 2048));
}

#[tokio::test]
async fn a_server_listens_on_several_addresses_on_all_or_on_none() {
    let a = start(config(1).listen("127.0.0.1:0")).await;
    assert_eq!(a.listen_addrs().len(), 2);
    let b = start(Config::new(key(2)).listen(":0")).await;
    assert!(b.listen_addrs()[0].ip().is_unspecified());
    assert_eq!(
        b.enode().socket_addr().unwrap().to_string(),
        format!("127.0.0.1:{}", addr(&b).port())
    );
    let without_address = start(Config::new(key(3))).await;
    assert_eq!((without_address.listen_addr(), without_address.enode().tcp), (None, 0));
}

#[tokio::test]
async fn a_node_is_reached_over_both_families_at_once() {
    let a = start(config(1).listen("[::1]:0")).await;
    let mut events = a.events();
    let mut others = Vec::new();
    for (number, at) in (2..).zip(a.listen_addrs()) {
        let b = start(config(number)).await;
        let mut b_events = b.events();
        b.add_peer(Enode::new(a.id(), *at));
        added(&mut events, b.id()).await;
        added(&mut b_events, a.id()).await;
        assert_eq!(b.peers()[0].network.remote_address, *at);
        others.push(b);
    }
    assert!(a.listen_addrs()[0].is_ipv4() && a.listen_addrs()[1].is_ipv6());
    assert_eq!(a.peer_count(), 2);

    // One port for both families, each with its own socket.
    let port = addr(&a).port();
    a.stop().await;
    let again = Config::new(key(1)).protocol(quiet());
    let again =
        start(again.listen(format!("127.0.0.1:{port}")).listen(format!("[::]:{port}"))).await;
    assert_eq!(again.listen_addrs().len(), 2);
}

#[tokio::test]
async fn the_enode_url_has_the_address_that_the_operator_set() {
    let a = start(config(1).nat("extip:203.0.113.7".parse().unwrap())).await;
    let port = addr(&a).port();
    assert_eq!(a.enode().to_string(), format!("enode://{}@203.0.113.7:{port}?discport=0", a.id()));
}
