//! rlp-codec (being written).
