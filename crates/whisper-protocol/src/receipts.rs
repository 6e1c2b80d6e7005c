//! Posts and their delivery receipts.

pub(crate) mod ending;
pub(crate) mod open_posts;
pub(crate) mod post;
pub(crate) mod publisher;
pub(crate) mod receipt;
pub(crate) mod resealer;
pub(crate) mod sealing;
pub(crate) mod settings;
pub(crate) mod tracker;
pub(crate) mod unconfirmed;
