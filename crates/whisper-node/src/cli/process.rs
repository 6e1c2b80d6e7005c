//! What a node has of its machine: the data directory, and the signals.

pub(crate) mod backup;
pub(crate) mod core_dump;
pub(crate) mod data_dir;
pub(crate) mod stop_signal;
