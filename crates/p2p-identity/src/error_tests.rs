//! No error contains the text of its cause, so that a printed chain of causes repeats nothing.

use std::error::Error;
use std::io;
use std::iter::successors;
use std::path::PathBuf;

use p2p_identity::{EnodeError, HexError, KeyError, KeyFileError, causes};

const HEX: HexError = HexError::Digit { at: 7 };

/// The texts of an error and of its causes, none of which may contain a text below it.
fn texts(error: &(dyn Error + 'static)) -> Vec<String> {
    let texts: Vec<String> =
        successors(Some(error), |error| (**error).source()).map(ToString::to_string).collect();
    for (index, text) in texts.iter().enumerate() {
        for cause in &texts[index + 1..] {
            assert!(!text.contains(cause.as_str()), "{text:?} contains its cause {cause:?}");
        }
    }
    texts
}

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
        assert_eq!(texts(error).len(), 2, "{error:?}");
    }
    assert_eq!(texts(&EnodeError::Id(HEX)).len(), 2);
    // Transparent: the text and the causes are those of the inner error.
    assert_eq!(texts(&KeyError::Hex(HEX)), [HEX.to_string()]);
}

#[cfg(feature = "record")]
#[test]
fn every_cause_of_a_record_is_printed_once() {
    let rlp = rlp_codec::ErrorKind::Truncated.at(3);
    assert_eq!(texts(&p2p_identity::RecordError::Rlp(rlp)).len(), 2);
}

#[test]
fn causes_joins_the_texts_from_the_outermost_in() {
    let error = EnodeError::Id(HEX);
    assert_eq!(causes(&error).to_string(), texts(&error).join(": "));
    assert_eq!(causes(&HEX).to_string(), HEX.to_string());
}
