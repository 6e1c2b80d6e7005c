//! For the tests of errors, in this crate and in those above it.

use core::error::Error;
use core::iter::successors;

/// Checks that a printed chain of an error and its causes repeats nothing. Returns the number of texts in the chain, so 1
/// for an error without a cause.
///
/// ```
/// use p2p_identity::{EnodeError, HexError, test_util::check_causes};
///
/// assert_eq!(check_causes(&EnodeError::Host), 1);
/// assert_eq!(check_causes(&EnodeError::Id(HexError::Digit { at: 7 })), 2);
/// ```
///
/// # Panics
///
/// A text contains the text of a cause below it.
pub fn check_causes(error: &(dyn Error + 'static)) -> usize {
    let texts: Vec<String> =
        successors(Some(error), |error| (**error).source()).map(ToString::to_string).collect();
    for (index, text) in texts.iter().enumerate() {
        for cause in &texts[index + 1..] {
            assert!(!text.contains(cause.as_str()), "{text:?} contains its cause {cause:?}");
        }
    }
    texts.len()
}
