//! The unsigned integers of Rust as RLP integers.

use crate::ErrorKind;

mod sealed {
    #[expect(unnameable_types, reason = "so that only this crate can implement `Uint`")]
    pub trait Sealed: Sized {
        /// The value of `digits`, big-endian and without a leading zero; `None` if it does not fit.
        fn from_digits(digits: &[u8]) -> Option<Self>;
    }
}

/// An unsigned integer type that an [`Item`](crate::Item) can be read as: `u8`, `u16`, `u32`,
/// `u64`, `u128`, `usize`.
///
/// Larger integers are read as bytes with [`Item::digits`](crate::Item::digits) or
/// [`Item::padded`](crate::Item::padded). Sealed: there is nothing to implement.
pub trait Uint: sealed::Sealed {}

macro_rules! uint {
    ($($type:ty),+) => {$(
        impl sealed::Sealed for $type {
            fn from_digits(digits: &[u8]) -> Option<Self> {
                let mut be = [0; size_of::<$type>()];
                let start = be.len().checked_sub(digits.len())?;
                be[start..].copy_from_slice(digits);
                Some(Self::from_be_bytes(be))
            }
        }
        impl Uint for $type {}
    )+};
}

uint!(u8, u16, u32, u64, u128, usize);

/// `payload` as the digits of an integer, if they are canonical.
pub(crate) fn digits(payload: &[u8]) -> Result<&[u8], ErrorKind> {
    if payload.first() == Some(&0) { Err(ErrorKind::LeadingZero) } else { Ok(payload) }
}

/// `payload` as an integer of type `T`.
pub(crate) fn uint<T: Uint>(payload: &[u8]) -> Result<T, ErrorKind> {
    T::from_digits(digits(payload)?).ok_or(ErrorKind::Overflow)
}
