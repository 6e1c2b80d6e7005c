use std::collections::HashSet;

use whisper_envelope::{Envelope, Unhashed};

use super::*;
use crate::{
    relay::testing::{eager, envelope, work},
    wire::packet::Rates,
};

/// Payloads as go-ethereum 1.8.27 sends them.
fn vectors() -> Vec<serde_json::Value> {
    let text = include_str!("../../tests/vectors/whisper-control-messages.json");
    let mut vectors: serde_json::Value = serde_json::from_str(text).unwrap();
    vectors["messages"].as_array_mut().map(std::mem::take).unwrap()
}

fn vectors_of(what: &str) -> Vec<(Vec<u8>, serde_json::Value)> {
    let matching =
        vectors().into_iter().filter(|it| it["what"].as_str().unwrap().starts_with(what));
    matching.map(|it| (hex::decode(it["payload"].as_str().unwrap()).unwrap(), it)).collect()
}

#[test]
fn status_as_go_ethereum_sends_it() {
    let statuses = vectors_of("v6 status");
    assert_eq!(statuses.len(), 9);
    for (payload, vector) in statuses {
        let status = (V6.decode_status)(&payload).unwrap();
        assert_eq!(status.min_work, work(vector["pow"].as_f64().unwrap()));
        let what = vector["what"].as_str().unwrap();
        assert_eq!(status.light, what.contains("light client"), "{what}");
        assert_eq!(status.bloom == Bloom::FULL, !what.contains("narrow"), "{what}");
        if !what.contains("full bloom") {
            assert_eq!((V6.encode_status)(&status), payload, "{what}");
        }
    }
}

#[test]
fn requirement_and_bloom_as_go_ethereum_sends_them() {
    let requirements = vectors_of("v6 pow requirement");
    assert_eq!(requirements.len(), 7);
    for (payload, vector) in requirements {
        let min_work = decode_min_work(2, &payload).unwrap();
        assert_eq!(min_work, work(vector["pow"].as_f64().unwrap()));
        assert_eq!(encode_min_work(min_work), payload);
    }
    let (payload, vector) = vectors_of("v6 bloom exchange").remove(0);
    let bloom = decode_bloom(3, &payload).unwrap();
    assert_eq!(hex::encode(bloom.0), vector["bloom"].as_str().unwrap());
    assert_eq!(encode_bloom(&bloom), payload);
}

#[test]
fn only_the_version_of_a_status_is_mandatory() {
    let with_work = Status { min_work: work(0.2), ..eager() };
    let extended = Status { is_extended: true, ..with_work };
    let confirming = Status { confirmations: true, ..extended };
    let rates = Some(Rates { per_ip: 1, per_peer: 2, per_topic: 3 });
    let limiting = Status { rates, ..confirming };
    let accepted = [
        ("c106", eager(), "version alone"),
        ("ca06883fc999999999999a", with_work, "and work"),
        ("cb06883fc999999999999a80", with_work, "and no bloom"),
        ("cd06883fc999999999999a80c005", with_work, "light client is a list, one more element"),
        ("ce06883fc999999999999a80800102", confirming, "rate limits are no list"),
        ("d106883fc999999999999a808001c3010203", limiting, "status-im's extensions"),
        ("d206883fc999999999999a808001c301020304", limiting, "and one more element"),
        ("d006883fc999999999999a808001c20102", confirming, "a rate limit is missing"),
        ("cc06883fc999999999999a8080", with_work, "no extension"),
        ("cd06883fc999999999999a808080", extended, "no confirmations are wanted"),
        (
            "cf06883fc999999999999a8080c20102",
            extended,
            "limits only, as the first ones of status-im",
        ),
        ("d106883fc999999999999a808005c3010203", extended, "confirmations are no boolean"),
        ("c206c0", eager(), "work is a list"),
        ("cb06883fc999999999999ac0", with_work, "bloom is a list"),
        ("c106ff", eager(), "bytes after it"),
    ];
    for (payload, expected, what) in accepted {
        assert_eq!((V6.decode_status)(&hex::decode(payload).unwrap()), Ok(expected), "{what}");
    }
}

#[test]
fn extensions_are_written_where_there_are_any() {
    let plain = Status { min_work: work(0.2), ..eager() };
    let extended = Status { is_extended: true, ..plain };
    let confirming = Status { confirmations: true, ..extended };
    let limiting = Status { rates: Some(Rates { per_peer: 2, ..Rates::default() }), ..extended };
    for (status, expected) in [
        (plain, "cc06883fc999999999999a8080"),
        (confirming, "cd06883fc999999999999a808001"),
        (limiting, "d106883fc999999999999a808080c3800280"),
    ] {
        let written = (V6.encode_status)(&status);
        assert_eq!(hex::encode(&written), expected);
        assert_eq!((V6.decode_status)(&written), Ok(status));
    }
}

#[test]
fn refused_statuses() {
    let status = |payload: &str| (V6.decode_status)(&hex::decode(payload).unwrap());
    assert_eq!(status("c0"), Err(Fault::EmptyStatus), "Parity's");
    for payload in ["06", "", "c2", "c1c0"] {
        assert!(matches!(status(payload), Err(Fault::MalformedStatus(_))), "{payload}");
    }
    assert_eq!(status("c105"), Err(Fault::WrongVersion { theirs: 5, ours: 6 }));
    for (bits, what) in
        [("7ff8000000000000", "NaN"), ("7ff0000000000000", "infinite"), ("bff0000000000000", "-1")]
    {
        assert_eq!(status(&format!("ca0688{bits}")), Err(Fault::BadWork), "{what}");
        let payload = hex::decode(format!("88{bits}")).unwrap();
        assert_eq!(decode_min_work(2, &payload), Err(Fault::BadWork), "{what}");
    }
    assert_eq!(status("cb06883fc999999999999a01"), Err(Fault::BadBloom { length: 1 }));
}

#[test]
fn refused_requirements_and_blooms() {
    for payload in ["", "c0", "c101", "89010000000000000000", "00"] {
        let payload = hex::decode(payload).unwrap();
        let refused = decode_min_work(2, &payload);
        assert!(matches!(refused, Err(Fault::MalformedPacket { code: 2, .. })), "{payload:?}");
    }
    assert_eq!(decode_bloom(3, &[0x80]), Err(Fault::BadBloom { length: 0 }));
    let mut short = vec![0xb8, 63];
    short.resize(65, 0);
    assert_eq!(decode_bloom(3, &short), Err(Fault::BadBloom { length: 63 }));
    assert!(matches!(decode_bloom(3, &[0xc0]), Err(Fault::MalformedPacket { code: 3, .. })));
}

fn packed(envelopes: &[Envelope]) -> PackedEnvelopes {
    let mut packed = PackedEnvelopes::default();
    envelopes.iter().for_each(|envelope| packed.push(envelope.raw(), 0));
    packed
}

#[test]
fn a_bundle_is_one_list() {
    let sent: Vec<_> = (0..100).map(envelope).collect();
    let packets = (V6.encode_envelopes)(packed(&sent));
    let [packet] = packets.as_slice() else { panic!("{} packets", packets.len()) };
    let read: Result<Vec<_>, _> = (V6.envelopes)(packet).unwrap().collect();
    assert_eq!(Unhashed::into_envelopes(read.unwrap()), sent);
    assert_eq!((V6.encode_envelopes)(packed(&[])), [Bytes::from_static(&[0xc0])]);
}

#[test]
fn a_malformed_envelope_leaves_those_before_it() {
    let good = envelope(1);
    let mut packet = vec![0xf8, u8::try_from(good.raw().len() + 1).unwrap()];
    packet.extend_from_slice(good.raw());
    packet.push(0x05);
    let packet = Bytes::from(packet);
    let mut envelopes = (V6.envelopes)(&packet).unwrap();
    assert_eq!(envelopes.next().unwrap().unwrap().into_envelope(), good);
    assert!(matches!(envelopes.next(), Some(Err(_))));
}

#[test]
fn a_bundle_that_is_no_list_is_refused() {
    for packet in [&[][..], &[0x05], &[0xc1], &[0xf9, 0xff, 0xff]] {
        assert!((V6.envelopes)(&Bytes::copy_from_slice(packet)).is_err(), "{packet:?}");
    }
}

#[test]
fn a_direct_message_is_one_envelope_or_a_list() {
    let sent: Vec<_> = (0..3).map(envelope).collect();
    let read = |packet: &Bytes| {
        let read: Result<Vec<_>, _> = V6.direct(packet).unwrap().collect();
        Unhashed::into_envelopes(read.unwrap())
    };
    assert_eq!(read(sent[0].raw()), sent[..1]);
    assert_eq!(read(&(V6.encode_envelopes)(packed(&sent))[0]), sent);
    assert_eq!(read(&Bytes::from_static(&[0xc0])), []);
    assert!(V6.direct(&Bytes::from_static(&[0x05])).is_err());
}

#[test]
fn the_status_of_v5_is_the_version_alone() {
    let (status, _) = vectors_of("v5 status").remove(0);
    assert_eq!((V5.decode_status)(&status), Ok(eager()));
    assert_eq!((V5.encode_status)(&eager()), status);
    assert_eq!((V5.decode_status)(&[0x05, 0xff]), Ok(eager()), "bytes after it");
    for payload in [&[][..], &[0xc1, 0x05], &[0x00], &[0x85]] {
        assert!(matches!((V5.decode_status)(payload), Err(Fault::MalformedStatus(_))));
    }
    let wrong = Fault::WrongVersion { theirs: 6, ours: 5 };
    assert_eq!((V5.decode_status)(&[0x06]), Err(wrong));
}

#[test]
fn codes_and_kinds_are_a_table() {
    for wire in ALL {
        let codes: HashSet<_> = wire.codes.iter().map(|(code, _)| code).collect();
        assert_eq!(codes.len(), wire.codes.len());
        for (code, kind) in wire.codes {
            assert_eq!((wire.kind(*code), wire.code(*kind)), (Some(*kind), Some(*code)));
            assert!(*code < wire.length);
        }
        assert_eq!(wire.version, wire.dialect.version());
        assert!(std::ptr::eq(Wire::of(wire.dialect), wire));
    }
    for unknown in [4, 10, 13, 21, 122, 128, u64::MAX] {
        assert_eq!(V6.kind(unknown), None, "{unknown}");
    }
}
