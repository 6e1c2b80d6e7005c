//! Enode URLs: what is read, what is written, and what each wrong one is told.

use std::net::{IpAddr, SocketAddr};

use p2p_identity::{Enode, EnodeError, EnodeUseError, HexError, Host, NodeId, SecretKey};
use proptest::prelude::*;

const ID: &str = "ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd3138\
                  7574077f301b421bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7f";

/// The URL of a known id with this after the `@`.
fn url(address: &str) -> String {
    format!("enode://{ID}@{address}")
}

fn parse(address: &str) -> Result<Enode, EnodeError> {
    url(address).parse()
}

#[test]
fn addresses_of_each_kind() {
    let cases: [(&str, Host, u16, u16); 8] = [
        ("10.3.58.6:30303", ip("10.3.58.6"), 30303, 30303),
        ("10.3.58.6:30303?discport=30301", ip("10.3.58.6"), 30303, 30301),
        ("[::]:30303", ip("::"), 30303, 30303),
        ("[2001:db8::1]:1?discport=65535", ip("2001:db8::1"), 1, 65535),
        // What a node prints that has no discovery, and a boot node that has nothing else.
        ("127.0.0.1:31302?discport=0", ip("127.0.0.1"), 31302, 0),
        ("127.0.0.1:0?discport=30301", ip("127.0.0.1"), 0, 30301),
        ("boot.example.org:30303", name("boot.example.org"), 30303, 30303),
        ("node_1:30303", name("node_1"), 30303, 30303),
    ];
    for (address, host, tcp, udp) in cases {
        let enode = parse(address).unwrap();
        assert_eq!(enode, Enode { id: ID.parse().unwrap(), host, tcp, udp });
        assert_eq!(enode.to_string(), url(address));
    }
}

fn ip(text: &str) -> Host {
    Host::Ip(text.parse().unwrap())
}

fn name(text: &str) -> Host {
    Host::Name(text.into())
}

/// What is read in several forms is written in one.
#[test]
fn other_spellings() {
    let plain: Enode = url("10.0.0.7:30303").parse().unwrap();
    for text in [
        url("10.0.0.7:30303?discport=30303"),
        url("[::ffff:10.0.0.7]:30303"),
        url("10.0.0.7:030303"),
        url("10.0.0.7:30303").replace("enode", "ENODE"),
        format!("enode://{}@10.0.0.7:30303", ID.to_uppercase()),
        format!("enode://0x{ID}@10.0.0.7:30303"),
        format!(" {}\r\n", url("10.0.0.7:30303")),
        url("10.0.0.7:30303/"),
        url("10.0.0.7:30303/?discport=30303"),
        url("10.0.0.7:30303?"),
        url("10.0.0.7:30303?raftport=50400"),
        url("10.0.0.7:30303?discport=30303&raftport=50400"),
        url("10.0.0.7:30303?raftport=50400&discport=30303"),
        url("10.0.0.7:30303?discport=30303&discport=30303"),
        url("10.0.0.7:30303?DISCPORT=1"),
        url("10.0.0.7:30303?hostname=a=b&&x"),
    ] {
        assert_eq!(text.parse(), Ok(plain.clone()), "{text}");
    }
    assert_eq!(parse("Boot.Example.ORG:1"), parse("boot.example.org:1"));
    let mapped: SocketAddr = "[::ffff:10.0.0.7]:30303".parse().unwrap();
    assert_eq!(Enode::new(plain.id, mapped), plain);
    assert_eq!(plain.socket_addr(), Some("10.0.0.7:30303".parse().unwrap()));
}

#[test]
fn texts_that_are_no_enode_url() {
    let error = |text: &str| text.parse::<Enode>().unwrap_err();
    assert_eq!(error(""), EnodeError::Scheme);
    assert_eq!(error("enode:/"), EnodeError::Scheme);
    assert_eq!(error("http://example.org"), EnodeError::Scheme);
    assert_eq!(error(&url("10.0.0.7:1").replace("enode://", "")), EnodeError::Scheme);
    assert_eq!(error("eeeeeeeé//"), EnodeError::Scheme);
    assert_eq!(error("enr:-IS4QHCYrYZbAKWCBRlAy5zzaDZXJBGkcnh4MHcBFZntXNFr"), EnodeError::Record);
    assert_eq!(error("0xf8a2b840188ff93d9b09239ac8"), EnodeError::Record);
    assert_eq!(error(&format!("0xf8{}", &ID[2..])), EnodeError::BareId);
    assert_eq!(error(ID), EnodeError::BareId);
    assert_eq!(error(&format!("0x{ID}")), EnodeError::BareId);
    assert_eq!(error(&format!("enode://{ID}")), EnodeError::NoAddress);
}

#[test]
fn ids_that_no_node_can_have() {
    let error = |id: &str| format!("enode://{id}@10.0.0.7:1").parse::<Enode>().unwrap_err();
    let short = HexError::Length { expected: 128, actual: 127 };
    assert_eq!(error(&ID[..127]), EnodeError::Id(short));
    assert_eq!(error(""), EnodeError::Id(HexError::Length { expected: 128, actual: 0 }));
    assert_eq!(error(&format!("{}g", &ID[..127])), EnodeError::Id(HexError::Digit { at: 127 }));
    assert_eq!(error(&"11".repeat(64)), EnodeError::NotOnCurve);
    // The short id of Kademlia's table is of another kind.
    let hashed = EnodeError::Id(HexError::Length { expected: 128, actual: 64 });
    assert_eq!(error(&ID[..64]), hashed);
}

#[test]
fn hosts_that_are_none() {
    for host in [
        "",
        "[",
        "[]",
        "[::1",
        "::1",
        "2001:db8::1",
        "[10.0.0.7]",
        "[fe80::1%eth0]",
        "[::1]x",
        "256.0.0.1",
        "10.0.0",
        "1",
        "-a.org",
        "a-.org",
        "a..org",
        ".org",
        "a b",
        "a/b",
        "a@b",
        "bücher.example",
        "[g::1]",
        "[boot.example.org]",
    ] {
        assert_eq!(parse(&format!("{host}:30303")), Err(EnodeError::Host), "{host}");
    }
    let label = "a".repeat(63);
    assert!(parse(&format!("{label}.org:1")).is_ok());
    assert_eq!(parse(&format!("a{label}.org:1")), Err(EnodeError::Host));
    let long = [label.as_str(); 4].join(".");
    assert_eq!(parse(&format!("{long}:1")), Err(EnodeError::Host));
    assert!(parse(&format!("{}:1", &long[2..])).is_ok());
}

#[test]
fn ports_that_are_none() {
    for (address, error) in [
        ("10.0.0.7", EnodeError::NoPort),
        ("[::1]", EnodeError::NoPort),
        ("10.0.0.7?discport=1", EnodeError::NoPort),
        ("10.0.0.7:", EnodeError::Port),
        ("10.0.0.7:65536", EnodeError::Port),
        ("10.0.0.7:+1", EnodeError::Port),
        ("10.0.0.7:-1", EnodeError::Port),
        ("10.0.0.7: 1", EnodeError::Port),
        ("10.0.0.7:0x10", EnodeError::Port),
        ("10.0.0.7:/", EnodeError::Port),
        ("10.0.0.7/", EnodeError::NoPort),
        ("10.0.0.7:1//", EnodeError::Path),
        ("10.0.0.7:1/24", EnodeError::Path),
        ("10.0.0.7:1/discport=1", EnodeError::Path),
        ("10.0.0.7:99999999999999999999", EnodeError::Port),
        ("10.0.0.7:1?discport=", EnodeError::DiscoveryPort),
        ("10.0.0.7:1?discport=65536", EnodeError::DiscoveryPort),
        ("10.0.0.7:1?discport=+1", EnodeError::DiscoveryPort),
        ("10.0.0.7:1?discport=1&discport=2", EnodeError::DiscoveryPort),
        ("10.0.0.7:1?raftport=1&discport=x", EnodeError::DiscoveryPort),
    ] {
        assert_eq!(parse(address), Err(error), "{address}");
    }
}

/// A URL of Quorum: `raftport` is not known here.
#[test]
fn unknown_parameters_are_ignored() {
    let text = "enode://ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd31387574077f301b42\
                1bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7f@10.99.0.3:21000?discport=0&raftport=50400";
    let enode: Enode = text.parse().unwrap();
    assert_eq!((enode.host, enode.tcp, enode.udp), (ip("10.99.0.3"), 21000, 0));
}

/// An operator must not wait for a node that can never answer.
#[test]
fn addresses_that_cannot_be_used_are_refused_with_the_reason() {
    use EnodeUseError::{Group, LinkLocal, NoTcpPort, NoUdpPort, Unspecified};
    let at = |text: &str| text.parse::<IpAddr>().unwrap();
    for (address, connectable, discoverable) in [
        ("127.0.0.9:0?discport=30301", Err(NoTcpPort), Ok(())),
        ("127.0.0.9:30303?discport=0", Ok(()), Err(NoUdpPort)),
        ("127.0.0.9:0", Err(NoTcpPort), Err(NoUdpPort)),
        ("boot.example.org:0", Err(NoTcpPort), Err(NoUdpPort)),
        ("boot.example.org:30303", Ok(()), Ok(())),
        ("127.0.0.9:30303", Ok(()), Ok(())),
        ("169.254.1.1:30303", Ok(()), Ok(())),
        ("[fd00::1]:30303", Ok(()), Ok(())),
    ] {
        let enode = parse(address).unwrap();
        assert_eq!(enode.check_connectable(), connectable, "{address}");
        assert_eq!(enode.check_discoverable(), discoverable, "{address}");
    }
    for (host, error) in [
        ("[::]", Unspecified(at("::"))),
        ("0.0.0.0", Unspecified(at("0.0.0.0"))),
        ("[::ffff:0.0.0.0]", Unspecified(at("0.0.0.0"))),
        ("0.1.2.3", Unspecified(at("0.1.2.3"))),
        ("224.0.0.1", Group(at("224.0.0.1"))),
        ("255.255.255.255", Group(at("255.255.255.255"))),
        ("[ff02::1]", Group(at("ff02::1"))),
        ("[fe80::1]", LinkLocal(at("fe80::1"))),
    ] {
        let enode = parse(&format!("{host}:30303")).unwrap();
        assert_eq!(enode.check_connectable(), Err(error), "{host}");
        assert_eq!(enode.check_discoverable(), Err(error), "{host}");
        assert!(error.to_string().contains("write "), "{error}");
    }
}

#[test]
#[cfg(feature = "serde")]
fn enodes_are_strings_in_json() {
    let enode = parse("[2001:db8::1]:30303?discport=30301").unwrap();
    let json = serde_json::to_string(&enode).unwrap();
    assert_eq!(json, format!("\"{enode}\""));
    assert_eq!(serde_json::from_str::<Enode>(&json).unwrap(), enode);
    // The reader of a configuration is told what is wrong, not only that something is.
    let error = serde_json::from_str::<Enode>(&format!("\"{ID}\"")).unwrap_err().to_string();
    assert!(error.contains("enode://<id>@<host>:<port>"), "{error}");
}

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        any::<IpAddr>().prop_map(|address| Host::Ip(address.to_canonical())),
        "([a-z0-9]([a-z0-9_-]{0,5}[a-z0-9])?\\.){0,3}[a-z]{1,5}\\.?".prop_map(Host::Name),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_url_reads_as_it_is_written(
        secret in 1..u64::MAX, host in host(), tcp: u16, udp: u16, same: bool,
    ) {
        let mut bytes = [0; 32];
        bytes[24..].copy_from_slice(&secret.to_be_bytes());
        let id: NodeId = SecretKey::from_bytes(&bytes).unwrap().id();
        let enode = Enode { id, host, tcp, udp: if same { tcp } else { udp } };
        prop_assert_eq!(enode.to_string().parse(), Ok(enode));
    }

    #[test]
    fn parameters_change_no_address(
        tcp: u16, udp: u16, names in prop::collection::vec("[a-ce-z][a-z]{0,8}", 0..4),
        values in prop::collection::vec("[a-z0-9=%.-]{0,9}", 4), at: prop::sample::Index, slash: bool,
    ) {
        let mut query: Vec<String> =
            names.iter().zip(&values).map(|(name, value)| format!("{name}={value}")).collect();
        query.insert(at.index(query.len() + 1), format!("discport={udp}"));
        let slash = if slash { "/" } else { "" };
        let enode = parse(&format!("10.0.0.7:{tcp}{slash}?{}", query.join("&"))).unwrap();
        prop_assert_eq!((enode.tcp, enode.udp, enode.host), (tcp, udp, ip("10.0.0.7")));
    }

    #[test]
    fn no_text_panics(text in "\\PC*", address in "[\\[\\]:@?/&.0-9a-z=é% ]{0,20}") {
        prop_assert!(text.parse::<Enode>().is_err());
        if let Ok(enode) = parse(&address) {
            prop_assert_eq!(enode.to_string().parse(), Ok(enode));
        }
    }
}
