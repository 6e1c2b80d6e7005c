//! Rules about sizes: of files, functions, levels of modules, and types.

pub(super) mod fields;
pub(super) mod lengths;
pub(super) mod levels;
