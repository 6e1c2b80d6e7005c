//! Gateways: the datagrams of NAT-PMP and PCP.

use p2p_server::{natpmp, pcp};

/// The bytes as a NAT-PMP request and answer: a decoded datagram encodes to the same bytes.
pub fn natpmp(data: &[u8]) {
    let request = natpmp::Request::decode(data);
    if let Some(request) = request {
        let bytes = request.encode();
        assert!(bytes.len() <= data.len());
        assert_eq!(natpmp::Request::decode(&bytes), Some(request));
    }
    let Some(answer) = natpmp::Answer::decode(data) else { return };
    // An answer does not decode as a request.
    assert_eq!(request, None);
    let bytes = answer.encode();
    assert!(bytes.len() <= data.len() && data.starts_with(&bytes));
    assert_eq!(natpmp::Answer::decode(&bytes), Some(answer));
    let _ = answer.is_to(&natpmp::Request::Address);
}

/// As [`natpmp`](fn@natpmp), for PCP, except that reserved bytes are not kept. An answer fits the request with the same
/// mapping, and no request with another nonce.
pub fn pcp(data: &[u8]) {
    if let Some(request) = pcp::Request::decode(data) {
        let bytes = request.encode();
        assert!(bytes.len() <= data.len());
        assert_eq!(pcp::Request::decode(&bytes), Some(request));
        assert_eq!(pcp::Answer::decode(data), None);
    }
    let Some(answer) = pcp::Answer::decode(data) else { return };
    let bytes = answer.encode();
    assert!(bytes.len() <= data.len());
    assert_eq!(pcp::Answer::decode(&bytes), Some(answer));
    let client = [127, 0, 0, 1].into();
    let request = pcp::Request { client, lifetime: 1200, map: answer.map };
    if answer.map.is_some() {
        assert!(answer.is_to(&request));
    }
    if let Some(mut map) = answer.map {
        map.nonce[0] ^= 1;
        assert!(!answer.is_to(&pcp::Request { map: Some(map), ..request }));
    }
}
