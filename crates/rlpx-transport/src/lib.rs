//! rlpx-transport (being written).
