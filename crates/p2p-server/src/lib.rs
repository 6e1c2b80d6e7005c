//! p2p-server (being written).
