//! Distances between node ids.

use keccak_lanes::Digest;

/// The distance between two hashes: their exclusive or, as a big-endian number.
pub(crate) fn distance(a: &Digest, b: &Digest) -> Digest {
    core::array::from_fn(|index| a[index] ^ b[index])
}

/// The logarithmic distance between two hashes of node ids: 256 minus the number of leading bits
/// that they share. It is 0 only for equal hashes.
///
/// For any node, half of all others are at distance 256, a quarter at 255, and so on.
///
/// ```
/// use p2p_discovery::log_distance;
///
/// assert_eq!(log_distance(&[0; 32], &[0; 32]), 0);
/// assert_eq!(log_distance(&[0x00; 32], &[0x80; 32]), 256);
/// ```
#[must_use]
pub fn log_distance(a: &Digest, b: &Digest) -> usize {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    match (a.get(same), b.get(same)) {
        (Some(a), Some(b)) => 256 - 8 * same - (a ^ b).leading_zeros() as usize,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::table::bucket_index;

    /// Distances, buckets and comparisons of go-ethereum 1.8.27.
    #[test]
    fn distances_equal_those_of_go_ethereum() {
        let text = include_str!("../../tests/vectors/discv4-geth1.8.27.json");
        let file: Value = serde_json::from_str(text).unwrap();
        for pair in file["distance"].as_array().unwrap() {
            let hash = |name: &str| -> Digest {
                hex::decode(pair[name].as_str().unwrap()).unwrap().try_into().unwrap()
            };
            let (a, b, target) = (hash("a_id"), hash("b_id"), hash("target_id"));
            let log = log_distance(&a, &b);
            assert_eq!(log as u64, pair["logdist"].as_u64().unwrap());
            assert_eq!(bucket_index(log) as u64, pair["bucket_index_of_17"].as_u64().unwrap());
            let order = distance(&target, &a).cmp(&distance(&target, &b));
            assert_eq!(order as i64, pair["distcmp_target_node0"].as_i64().unwrap());
            if let Some(id) = pair["a_pubkey"].as_str() {
                assert_eq!(id.parse::<p2p_identity::NodeId>().unwrap().hash(), a);
            }
        }
    }
}
