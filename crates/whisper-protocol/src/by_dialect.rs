//! One of something for each dialect of Whisper.

use whisper_envelope::Dialect;

/// One of something for each dialect: what does not translate between them is kept apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct ByDialect<T> {
    v5: T,
    v6: T,
}

impl<T> ByDialect<T> {
    /// Makes both.
    pub(crate) fn new(make: impl Fn(Dialect) -> T) -> Self {
        Self { v5: make(Dialect::V5), v6: make(Dialect::V6) }
    }

    pub(crate) fn get(&self, dialect: Dialect) -> &T {
        match dialect {
            Dialect::V5 => &self.v5,
            Dialect::V6 => &self.v6,
        }
    }

    /// Both, the newer dialect first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.v6, &self.v5].into_iter()
    }
}
