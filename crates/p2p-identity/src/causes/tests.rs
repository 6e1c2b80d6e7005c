//! No error contains the text of its cause, so that a printed chain of causes repeats nothing.

use std::io;
use std::path::PathBuf;

use super::test_util::check_causes;
use crate::{EnodeError, HexError, KeyError, KeyFileError, causes};

const HEX: HexError = HexError::Digit { at: 7 };

/// All variants that have a cause.
#[test]
fn every_cause_is_printed_once() {
    let path = PathBuf::from("nodekey");
    let denied = || io::Error::new(io::ErrorKind::PermissionDenied, "permission denied");
    let key_files = [
        KeyFileError::Read { path: path.clone(), source: denied() },
        KeyFileError::Content { path: path.clone(), source: KeyError::Zero },
        KeyFileError::Content { path: path.clone(), source: KeyError::Hex(HEX) },
        KeyFileError::Write { path, source: denied() },
    ];
    for error in &key_files {
        assert_eq!(check_causes(error), 2, "{error:?}");
    }
    assert_eq!(check_causes(&EnodeError::Id(HEX)), 2);
    // Transparent: the text and the causes are those of the inner error.
    let transparent = KeyError::Hex(HEX);
    assert_eq!((check_causes(&transparent), transparent.to_string()), (1, HEX.to_string()));
}

#[cfg(feature = "record")]
#[test]
fn every_cause_of_a_record_is_printed_once() {
    let rlp = rlp_codec::ErrorKind::Truncated.at(3);
    assert_eq!(check_causes(&crate::RecordError::Rlp(rlp)), 2);
}

#[test]
fn causes_joins_the_texts_from_the_outermost_in() {
    let error = EnodeError::Id(HEX);
    assert_eq!(causes(&error).to_string(), format!("{error}: {HEX}"));
    assert_eq!(causes(&HEX).to_string(), HEX.to_string());
}
