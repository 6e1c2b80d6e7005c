//! p2p-identity (being written).
