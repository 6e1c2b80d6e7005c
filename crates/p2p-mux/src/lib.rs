//! p2p-mux (being written).
