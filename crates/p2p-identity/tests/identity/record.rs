//! Node records: the vector of EIP-778, what is written and read again, and what is refused.

use std::net::IpAddr;

use p2p_identity::{Content, Enode, MAX_RECORD, Record, RecordError, SecretKey};
use proptest::prelude::*;
use rlp_codec::{Encodable, ErrorKind, Raw, encode, encode_list};
use serde_json::Value;

const GETH_RECORD: &str = "f8a2b840188ff93d9b09239ac87679183b9ece94947e2bbd940807f54d2affca29c9455854c7dbd0\
    e9787bdc057964937036358c5149b30f2977a6864900bc8435bd6f3f0583636170d2c5836574683e\
    c5836574683fc58373686806826964827634826970847f00000189736563703235366b31a1031063\
    87f2614054090588a5a5151d1d62dce4c08df3cf9fa8a2c2fb086eb80bb983746370827a45837564\
    70827a45";

fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32]).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_example_of_eip_778() {
    let vector: Value = serde_json::from_str(include_str!("../vectors/enr.json")).unwrap();
    let text = vector["text"].as_str().unwrap();
    let key = SecretKey::from_hex(vector["private_key"].as_str().unwrap()).unwrap();

    let record: Record = text.parse().unwrap();
    assert_eq!(record.to_string(), text);
    assert_eq!(record.public_key(), key.public_key());
    assert_eq!(hex::encode(record.id().hash()), vector["node_id"].as_str().unwrap());
    assert_eq!(record.sequence(), vector["seq"].as_u64().unwrap());
    assert_eq!(record.ip().map(IpAddr::V4), Some(ip(vector["ip"].as_str().unwrap())));
    assert_eq!(record.udp().map(u64::from), vector["udp"].as_u64());
    assert_eq!(
        (record.tcp(), record.ip6(), record.tcp6(), record.udp6()),
        (None, None, None, None)
    );

    // The same content signed by us is the same but for the signature, which has chance in it.
    let ours = Record::sign(&key, 1, &Content::new().ip(ip("127.0.0.1")).udp(30303)).unwrap();
    assert_eq!(ours.content(), record.content());
    assert_eq!(ours.encode()[68..], record.encode()[68..]);
    assert_eq!(Record::decode(&ours.encode()), Ok(ours));
}

/// What go-ethereum 1.8.27 said of itself in `admin_nodeInfo`.
#[test]
fn a_record_of_geth() {
    let record = Record::decode(&hex::decode(GETH_RECORD).unwrap()).unwrap();
    let id = "106387f2614054090588a5a5151d1d62dce4c08df3cf9fa8a2c2fb086eb80bb9\
              71a484fab1d8d307034d1f5417ea654ddcdb0e21029876a36c03b377b2e7ca95";
    assert_eq!(record.enode().unwrap().to_string(), format!("enode://{id}@127.0.0.1:31301"));
    assert!(record.raw("cap").is_some_and(|cap| cap.ends_with(b"\x83shh\x06")));
    assert_eq!(hex::encode(record.encode()), GETH_RECORD);
}

#[test]
fn every_field_is_read_as_it_was_set() {
    let content = Content::new()
        .ip(ip("10.0.0.7"))
        .ip(ip("2001:db8::1"))
        .tcp(1)
        .udp(2)
        .tcp6(3)
        .udp6(65535)
        .set("cap", &vec![vec!["shh", "6"]])
        .set("gone", &1u8)
        .without("gone")
        .set("id", &"v5")
        .set("secp256k1", &[0u8; 33]);
    let record = Record::sign(&key(7), 9, &content).unwrap();
    let record = record.to_string().parse::<Record>().unwrap();
    assert_eq!(record.id(), key(7).id());
    assert_eq!(record.sequence(), 9);
    assert_eq!((record.ip(), record.ip6()), ("10.0.0.7".parse().ok(), "2001:db8::1".parse().ok()));
    assert_eq!((record.tcp(), record.udp()), (Some(1), Some(2)));
    assert_eq!((record.tcp6(), record.udp6()), (Some(3), Some(65535)));
    assert_eq!(record.get("cap"), Some(vec![vec!["shh".to_owned(), "6".to_owned()]]));
    assert_eq!(record.raw("tcp6"), Some(&[3u8][..]));
    assert_eq!(record.get::<u8>("gone"), None);
    assert_eq!(record.get::<u8>("udp6"), None, "it does not fit");
    assert_eq!(record.get::<String>("id").as_deref(), Some("v4"), "the signature's business");
    assert_eq!(record.content(), content);
    assert_eq!(format!("{record:?}"), format!("Record(of {}…, 9)", &key(7).id().to_string()[..8]));
}

#[test]
fn a_change_raises_the_sequence() {
    let first = Record::sign(&key(7), 5, &Content::new().tcp(1)).unwrap();
    let same = first.update(&key(7), &Content::new().tcp(1)).unwrap();
    assert_eq!(same, first);
    let changed = first.update(&key(7), &Content::new().tcp(2)).unwrap();
    assert_eq!((changed.sequence(), changed.tcp()), (6, Some(2)));

    let foreign = first.update(&key(8), &Content::new().tcp(2));
    assert_eq!(foreign, Err(RecordError::ForeignKey));
    let last = Record::sign(&key(7), u64::MAX, &Content::new()).unwrap();
    assert_eq!(last.update(&key(7), &Content::new().tcp(2)), Err(RecordError::LastSequence));
}

#[test]
fn records_and_enode_urls() {
    let url = |content: Content| {
        Record::sign(&key(7), 1, &content).unwrap().enode().map(|enode| {
            assert_eq!(enode.id, key(7).id());
            enode.to_string().split_once('@').unwrap().1.to_owned()
        })
    };
    let four = Content::new().ip(ip("10.0.0.7"));
    let six = Content::new().ip(ip("2001:db8::1"));
    assert_eq!(url(four.clone().tcp(1).udp(2)).as_deref(), Some("10.0.0.7:1?discport=2"));
    assert_eq!(url(four.clone().udp(2)).as_deref(), Some("10.0.0.7:0?discport=2"));
    assert_eq!(url(four.clone().tcp(1)).as_deref(), Some("10.0.0.7:1?discport=0"));
    assert_eq!(url(six.clone().tcp(1).udp(1)).as_deref(), Some("[2001:db8::1]:1"));
    assert_eq!(url(six.tcp(1).udp(1).tcp6(3)).as_deref(), Some("[2001:db8::1]:3?discport=1"));
    // IPv4 comes first, with its own ports.
    let both = four.clone().ip(ip("2001:db8::1")).tcp(1).udp(1).tcp6(3);
    assert_eq!(url(both).as_deref(), Some("10.0.0.7:1"));
    assert_eq!(url(four), None);
    assert_eq!(url(Content::new().tcp(1)), None);

    for text in ["10.0.0.7:1?discport=2", "[2001:db8::1]:1", "10.0.0.7:1?discport=0"] {
        let enode: Enode = format!("enode://{}@{text}", key(7).id()).parse().unwrap();
        assert_eq!(url(Content::of(&enode)).as_deref(), Some(text));
    }
    let named: Enode = format!("enode://{}@example.org:1", key(7).id()).parse().unwrap();
    assert_eq!(Content::of(&named), Content::new());
}

/// A list with the form of a record, and any signature.
fn forged(signature: &[u8], sequence: u64, pairs: &[(&str, &[u8])]) -> Vec<u8> {
    let values: Vec<Raw<'_>> = pairs.iter().map(|(_, value)| Raw(value)).collect();
    let mut items: Vec<&dyn Encodable> = vec![&signature, &sequence];
    for ((name, _), value) in pairs.iter().zip(&values) {
        items.push(name);
        items.push(value);
    }
    let mut out = Vec::new();
    encode_list(&mut out, &items);
    out
}

#[test]
fn bytes_that_are_no_record() {
    let (v4, point) = (encode("v4"), encode(&key(7).public_key().to_compressed()));
    let signature = [1; 64];
    let refused =
        |pairs: &[(&str, &[u8])]| Record::decode(&forged(&signature, 1, pairs)).unwrap_err();
    let id: (&str, &[u8]) = ("id", &v4);
    let point: (&str, &[u8]) = ("secp256k1", &point);

    assert_eq!(refused(&[id, point]), RecordError::Signature);
    assert_eq!(refused(&[]), RecordError::Scheme);
    assert_eq!(refused(&[point]), RecordError::Scheme);
    assert_eq!(refused(&[("id", &encode("v5")), point]), RecordError::Scheme);
    assert_eq!(refused(&[id]), RecordError::NoKey);
    let off_the_curve = encode(&[5u8; 33]);
    assert_eq!(refused(&[id, ("secp256k1", &off_the_curve)]), RecordError::NotOnCurve);
    assert_eq!(refused(&[point, id]), RecordError::Order { offset: 113 });
    assert_eq!(refused(&[id, id, point]), RecordError::Order { offset: 75 });

    let rlp = |kind: ErrorKind, offset| RecordError::Rlp(kind.at(offset));
    let wrong = |expected, actual| ErrorKind::WrongLength { expected, actual };
    assert_eq!(refused(&[id, ("ip", &[0x83, 10, 0, 0])]), rlp(wrong(4, 3), 78));
    assert_eq!(refused(&[("ip6", &[0x84, 10, 0, 0, 7])]), rlp(wrong(16, 4), 73));
    assert_eq!(refused(&[("tcp", &[0x83, 1, 0, 0])]), rlp(ErrorKind::Overflow, 73));
    assert_eq!(refused(&[("udp6", &[0x00])]), rlp(ErrorKind::LeadingZero, 74));
    assert_eq!(refused(&[("a", &[])]), rlp(ErrorKind::MissingItem, 70));
    assert_eq!(Record::decode(&[]), Err(rlp(ErrorKind::Truncated, 0)));
    assert_eq!(Record::decode(&[0x80]), Err(rlp(ErrorKind::ExpectedList, 0)));
    let short = forged(&[1; 63], 1, &[id, point]);
    assert_eq!(Record::decode(&short), Err(rlp(wrong(64, 63), 2)));

    let mut trailing = Record::sign(&key(7), 1, &Content::new()).unwrap().encode();
    let length = trailing.len();
    trailing.push(0);
    assert_eq!(Record::decode(&trailing), Err(rlp(ErrorKind::TrailingBytes, length)));
}

#[test]
fn a_record_is_bounded() {
    let fill = |len: usize| Content::new().set("x", &vec![7u8; len].as_slice());
    let longest = (0..MAX_RECORD)
        .filter_map(|len| Record::sign(&key(7), 1, &fill(len)).ok())
        .map(|record| record.encode().len())
        .max();
    assert!(longest.is_some_and(|longest| (290..=MAX_RECORD).contains(&longest)), "{longest:?}");
    let too_long = Record::sign(&key(7), 1, &fill(300));
    assert_eq!(too_long, Err(RecordError::TooLong { len: 424 }));

    let long = forged(&[1; 64], 1, &[("x", &encode(&[7u8; 230][..]))]);
    assert_eq!(Record::decode(&long), Err(RecordError::TooLong { len: long.len() }));
    let text = format!("enr:{}", "A".repeat(1 << 20));
    assert!(matches!(text.parse::<Record>(), Err(RecordError::TooLong { .. })));
}

#[test]
fn texts_that_are_no_record() {
    let text = Record::sign(&key(7), 1, &Content::new().tcp(1)).unwrap().to_string();
    for (changed, error) in [
        (text.replace("enr:", ""), RecordError::Prefix),
        (text.replace("enr:", "ENR:"), RecordError::Prefix),
        (String::new(), RecordError::Prefix),
        (format!("{text}!"), RecordError::Base64),
        (format!("{text}=a"), RecordError::Base64),
        ("enr:+/+/".to_owned(), RecordError::Base64),
        ("0x".to_owned(), RecordError::Rlp(ErrorKind::Truncated.at(0))),
        ("0xf".to_owned(), RecordError::Hex),
        ("0xfg".to_owned(), RecordError::Hex),
        (format!("0x{}", "f8".repeat(301)), RecordError::TooLong { len: 301 }),
        ("enr:".to_owned(), RecordError::Rlp(ErrorKind::Truncated.at(0))),
    ] {
        assert_eq!(changed.parse::<Record>(), Err(error), "{changed}");
    }
    let json = serde_json::to_string(&text.parse::<Record>().unwrap()).unwrap();
    assert_eq!(json, format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<Record>(&json).unwrap().to_string(), text);
}

/// Texts as they are pasted: from `admin_nodeInfo`, from a base64 tool that pads, with line ends.
#[test]
fn pasted_records_are_read() {
    let sample: Value = serde_json::from_str(include_str!("../vectors/enr.json")).unwrap();
    let sample = sample["text"].as_str().unwrap();
    let record: Record = sample.parse().unwrap();
    let (start, end) = sample.split_at(60);
    let hex = hex::encode(record.encode());
    for text in [
        format!("{sample}="),
        format!("{sample}=="),
        format!("{sample}\n"),
        format!("{sample}=\r\n"),
        format!(" \t{sample}  "),
        format!("{start}\r\n  {end}"),
        format!("0x{hex}"),
        format!("0x{}\n", hex.to_uppercase()),
    ] {
        assert_eq!(text.parse(), Ok(record.clone()), "{text:?}");
    }
    let geth = Record::decode(&hex::decode(GETH_RECORD).unwrap()).unwrap();
    assert_eq!(format!("0x{GETH_RECORD}").parse(), Ok(geth));
}

/// An address without ports, or one of no machine, does not win over a good one.
#[test]
fn the_enode_is_of_the_family_that_can_be_reached() {
    let url = |ip4: &str, four: [Option<u16>; 2], ip6: &str, six: [Option<u16>; 2]| {
        let mut content = Content::new().ip(ip(ip4)).ip(ip(ip6));
        let ports = [("tcp", four[0]), ("udp", four[1]), ("tcp6", six[0]), ("udp6", six[1])];
        for (name, port) in ports {
            content = port.map_or(content.clone(), |port| content.set(name, &port));
        }
        let enode = Record::sign(&key(7), 1, &content).unwrap().enode();
        enode.map(|enode| enode.to_string().split_once('@').unwrap().1.to_owned())
    };
    let (six, port) = ("2606:4700::1", Some(30303));
    let at_six = Some("[2606:4700::1]:30303".to_owned());
    assert_eq!(url("10.0.0.1", [None; 2], six, [port; 2]), at_six);
    assert_eq!(url("10.0.0.1", [Some(0); 2], six, [port; 2]), at_six);
    assert_eq!(url("0.0.0.0", [port, None], six, [port; 2]), at_six);
    assert_eq!(url("224.0.0.1", [port; 2], six, [port; 2]), at_six);
    let udp_only = url("10.0.0.1", [None, port], six, [port, None]);
    assert_eq!(udp_only, at_six, "the port of the other family is used");
    let at_four = Some("10.0.0.1:30303".to_owned());
    assert_eq!(url("10.0.0.1", [port; 2], six, [port; 2]), at_four);
    assert_eq!(url("10.0.0.1", [port; 2], "::", [port; 2]), at_four);
    assert_eq!(url("0.0.0.0", [port; 2], "::", [port; 2]), None);
}

#[test]
fn a_record_in_a_list() {
    let record = Record::sign(&key(7), 1, &Content::new().tcp(1)).unwrap();
    let mut out = Vec::new();
    encode_list(&mut out, &[&5u8, &record]);
    let read = rlp_codec::decode_list(&out, |list| {
        Ok::<_, rlp_codec::Error>((list.uint::<u8>()?, list.decode::<Record>()?))
    });
    assert_eq!(read, Ok((5, record)));
}

fn content() -> impl Strategy<Value = Content> {
    let name = prop_oneof!["[a-z]{1,6}", Just("ip7".to_owned())];
    let value = prop::collection::vec(any::<u8>(), 0..20);
    let others = prop::collection::vec((name, value), 0..4);
    (any::<IpAddr>(), any::<u16>(), any::<u16>(), others).prop_map(|(ip, tcp, udp, others)| {
        let known = ["ip", "tcp", "udp", "id"];
        let others = others.iter().filter(|(name, _)| !known.contains(&name.as_str()));
        others.fold(Content::new().ip(ip).tcp(tcp).udp6(udp), |content, (name, value)| {
            content.set(name, value.as_slice())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_record_reads_as_it_is_written(sequence: u64, content in content()) {
        let record = Record::sign(&key(7), sequence, &content).unwrap();
        let bytes = record.encode();
        prop_assert_eq!(Record::decode(&bytes), Ok(record.clone()));
        prop_assert_eq!(record.to_string().parse(), Ok(record.clone()));
        prop_assert_eq!((record.sequence(), record.content()), (sequence, content));
        prop_assert_eq!(Record::decode(&bytes).unwrap().encode(), bytes);
    }

    #[test]
    fn not_one_bit_can_be_changed(content in content(), at: prop::sample::Index, bit in 0..8u32) {
        let mut bytes = Record::sign(&key(7), 1, &content).unwrap().encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(Record::decode(&bytes).is_err());
    }

    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..120), text in "enr:[A-Za-z0-9_-]{0,80}") {
        prop_assert!(Record::decode(&bytes).is_err());
        prop_assert!(text.parse::<Record>().is_err());
    }
}
