//! The texts about messages that are acknowledged, and about the store.

use super::{CallError, CursorError, Documented, NotAcknowledgedError, StateError};

/// Errors about messages that are acknowledged, and about the store.
pub(super) fn errors() -> Vec<Documented> {
    vec![
        (
            CursorError::Name.into(),
            "a name of a cursor has 1 to 64 bytes",
            "`history_ack(name, cursor)`",
        ),
        (
            CallError::AcknowledgedSubscription,
            "messages of a subscription are not acknowledged: use a filter",
            "`messages of a subscription are not acknowledged",
        ),
        (
            NotAcknowledgedError.into(),
            "messages of this filter are not acknowledged: make the filter with acknowledge",
            "`messages of this filter are not acknowledged",
        ),
        (
            StateError::new("the disk is full").into(),
            "nothing was changed: the store of keys, filters and messages cannot be used: the disk is full",
            "`nothing was changed: the store of keys, filters and messages cannot be used",
        ),
    ]
}
