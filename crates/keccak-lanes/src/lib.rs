//! keccak-lanes (being written).
