//! Rust's unsigned integers as RLP integers.

use crate::ErrorKind;

mod sealed {
    #[expect(unnameable_types, reason = "so that only this crate can implement `Uint`")]
    pub trait Sealed: Sized {
        /// Size of the type in bytes.
        const SIZE: usize;
        /// The value of `digits`, big-endian, at most [`SIZE`](Self::SIZE) bytes.
        fn from_digits(digits: &[u8]) -> Self;
        /// The value of the first `digits` (at least one) bytes of `bytes`; `None` if `bytes` has fewer than
        /// [`SIZE`](Self::SIZE).
        fn from_start(bytes: &[u8], digits: usize) -> Option<Self>;
        /// The value of a single digit.
        fn from_digit(digit: u8) -> Self;
    }
}

/// An unsigned integer type for [`Item::uint`](crate::Item::uint): `u8`, `u16`, `u32`, `u64`, `u128`, `usize`.
///
/// Read larger integers as bytes with [`Item::digits`](crate::Item::digits) or
/// [`Item::padded`](crate::Item::padded). The trait is sealed.
pub trait Uint: sealed::Sealed {}

macro_rules! uint {
    ($value:ident: $($type:ty),+) => {$(
        impl sealed::Sealed for $type {
            const SIZE: usize = size_of::<Self>();

            #[inline]
            #[allow(clippy::cast_possible_truncation, reason = "that many digits fit the type")]
            fn from_digits(digits: &[u8]) -> Self {
                $value(digits) as Self
            }

            #[inline]
            fn from_start(bytes: &[u8], digits: usize) -> Option<Self> {
                let bytes = bytes.first_chunk()?;
                Some(Self::from_be_bytes(*bytes) >> (8 * (Self::SIZE - digits)))
            }

            #[inline]
            fn from_digit(digit: u8) -> Self {
                Self::from(digit)
            }
        }
        impl Uint for $type {}
    )+};
}

uint!(word: u8, u16, u32, u64, usize);
uint!(long: u128);

/// The value of up to 16 digits.
#[inline]
fn long(digits: &[u8]) -> u128 {
    let (high, low) = digits.split_at(digits.len().saturating_sub(8));
    u128::from(word(high)) << 64 | u128::from(word(low))
}

/// The value of up to 8 digits, from 4 on without a loop: two overlapping words of a fixed size contain them all.
#[inline]
fn word(digits: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (digits.first_chunk(), digits.last_chunk()) {
        let shift = 8 * (digits.len() - 4);
        return u64::from(u32::from_be_bytes(*first)) << shift
            | u64::from(u32::from_be_bytes(*last));
    }
    digits.iter().fold(0, |number, &digit| number << 8 | u64::from(digit))
}

/// `payload` as the digits of an integer, if they are canonical.
#[inline]
pub(crate) fn digits(payload: &[u8]) -> Result<&[u8], ErrorKind> {
    if payload.first() == Some(&0) { Err(ErrorKind::LeadingZero) } else { Ok(payload) }
}

/// `payload` as an integer of type `T`.
#[inline]
pub(crate) fn uint<T: Uint>(payload: &[u8]) -> Result<T, ErrorKind> {
    let digits = digits(payload)?;
    if digits.len() > T::SIZE { Err(ErrorKind::Overflow) } else { Ok(T::from_digits(digits)) }
}

/// The integer at the start of `input`, and the bytes after it. `None` if it is long or invalid:
/// [`Item`](crate::Item) then finds the error.
#[inline]
pub(crate) fn short<T: Uint>(input: &[u8]) -> Option<(T, &[u8])> {
    let (&first, rest) = input.split_first()?;
    if first < 0x80 {
        return (first != 0).then_some((T::from_digit(first), rest));
    }
    let count = usize::from(first - 0x80);
    if count.wrapping_sub(1) >= T::SIZE {
        return (count == 0).then_some((T::from_digit(0), rest));
    }
    // A leading zero is not canonical, and neither is a header before a single byte below 0x80.
    let least = if count == 1 { 0x80 } else { 0x01 };
    if *rest.first()? < least {
        return None;
    }
    match T::from_start(rest, count) {
        Some(value) => Some((value, &rest[count..])),
        None => rest.split_at_checked(count).map(|(digits, rest)| (T::from_digits(digits), rest)),
    }
}
