//! The clock of the settings, corrected by those of the peers.

pub(crate) mod skew;
pub(crate) mod skewing;
