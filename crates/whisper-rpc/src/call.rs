//! One call: from the bytes of a request to the bytes of its answer.

pub(crate) mod arguments;
pub(crate) mod calls;
pub(crate) mod error;
pub(crate) mod hex;
pub(crate) mod json;
pub(crate) mod push;
pub(crate) mod refusal;
pub(crate) mod request;
pub(crate) mod request_id;
pub(crate) mod subscription_id;
pub(crate) mod values;
