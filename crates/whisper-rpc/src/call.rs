//! One call: from the bytes of a request to the bytes of its answer.

pub(crate) mod arguments;
pub(crate) mod clients;
pub(crate) mod dispatch;
pub(crate) mod error;
pub(crate) mod json;
pub(crate) mod memory;
pub(crate) mod push;
pub(crate) mod request;
pub(crate) mod request_id;
pub(crate) mod splitter;
pub(crate) mod stats;
pub(crate) mod subscription_id;
pub(crate) mod unknown_field;
pub(crate) mod unmet_rules;
pub(crate) mod wrong_clock;
