//! An error and its causes as one line of text.

#[cfg(any(test, feature = "test-util"))]
pub mod test_util;
#[cfg(test)]
mod tests;

use core::error::Error;
use core::fmt;
use core::iter::successors;

/// Displays an error and all its causes on one line, outermost first: `a: b: c`.
///
/// The errors of this crate and of the crates above it do not include their cause in their own text; it is in
/// [`source`](Error::source). Use this function wherever a person reads the error.
///
/// ```
/// use p2p_identity::{KeyFileError, SecretKey, causes};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("nodekey");
/// std::fs::write(&path, "c0ffee")?;
/// let error: KeyFileError = SecretKey::load(&path).unwrap_err();
/// let line = causes(&error).to_string();
/// assert!(line.ends_with("does not contain a key: 6 hexadecimal digits instead of 64"));
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl fmt::Display + use<'a> {
    Chain(error)
}

struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        for cause in successors(self.0.source(), |cause| (**cause).source()) {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}
