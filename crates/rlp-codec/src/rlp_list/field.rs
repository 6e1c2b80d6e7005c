//! How [`rlp_list!`](crate::rlp_list) encodes a field. Public for the macro only.

use alloc::vec::Vec;
use core::marker::PhantomData;

use alloy_rlp::{EMPTY_LIST_CODE, Error, Header, Result};

use crate::{BufMut, Decodable, Encodable};

/// How a `T` is encoded.
pub trait Encode<T> {
    /// Appends the encoding of `value` to `out`.
    fn encode(value: &T, out: &mut dyn BufMut);
    /// Number of bytes that [`encode`](Self::encode) appends.
    fn length(value: &T) -> usize;
}

/// How a `T` is decoded.
pub trait Decode<T> {
    /// Decodes a value at the start of `input`, and removes it from there.
    ///
    /// # Errors
    ///
    /// There is no such value.
    fn decode(input: &mut &[u8]) -> Result<T>;
}

/// As its traits encode it.
#[derive(Debug)]
pub struct Plain;
/// As a byte string.
#[derive(Debug)]
pub struct Bytes;
/// As a list with one element or none.
#[derive(Debug)]
pub struct Optional;
/// The value, or nothing at all.
#[derive(Debug)]
pub struct Trailing;

impl<T: Encodable> Encode<T> for Plain {
    fn encode(value: &T, out: &mut dyn BufMut) {
        value.encode(out);
    }

    fn length(value: &T) -> usize {
        value.length()
    }
}

impl<T: Decodable> Decode<T> for Plain {
    fn decode(input: &mut &[u8]) -> Result<T> {
        T::decode(input)
    }
}

impl<T: AsRef<[u8]>> Encode<T> for Bytes {
    fn encode(value: &T, out: &mut dyn BufMut) {
        value.as_ref().encode(out);
    }

    fn length(value: &T) -> usize {
        value.as_ref().length()
    }
}

impl<T: From<Vec<u8>>> Decode<T> for Bytes {
    fn decode(input: &mut &[u8]) -> Result<T> {
        Header::decode_bytes(input, false).map(|bytes| bytes.to_vec().into())
    }
}

impl<T: Encodable> Encode<Option<T>> for Optional {
    fn encode(value: &Option<T>, out: &mut dyn BufMut) {
        match value {
            Some(value) => crate::encode_list(out, &[&Field::<Plain, T>::new(value)]),
            None => out.put_u8(EMPTY_LIST_CODE),
        }
    }

    fn length(value: &Option<T>) -> usize {
        value.as_ref().map_or(1, |value| crate::list_length(&[&Field::<Plain, T>::new(value)]))
    }
}

impl<T: Decodable> Decode<Option<T>> for Optional {
    fn decode(input: &mut &[u8]) -> Result<Option<T>> {
        decode_list(input, Trailing::decode)
    }
}

impl<T: Encodable> Encode<Option<T>> for Trailing {
    fn encode(value: &Option<T>, out: &mut dyn BufMut) {
        if let Some(value) = value {
            value.encode(out);
        }
    }

    fn length(value: &Option<T>) -> usize {
        value.as_ref().map_or(0, Encodable::length)
    }
}

impl<T: Decodable> Decode<Option<T>> for Trailing {
    fn decode(input: &mut &[u8]) -> Result<Option<T>> {
        if input.is_empty() { Ok(None) } else { T::decode(input).map(Some) }
    }
}

/// A field and its form.
#[derive(Debug)]
pub struct Field<'a, F, T> {
    value: &'a T,
    form: PhantomData<F>,
}

impl<'a, F: Encode<T>, T> Field<'a, F, T> {
    /// The field with this value.
    pub const fn new(value: &'a T) -> Self {
        Self { value, form: PhantomData }
    }
}

impl<F: Encode<T>, T> Encodable for Field<'_, F, T> {
    fn encode(&self, out: &mut dyn BufMut) {
        F::encode(self.value, out);
    }

    fn length(&self) -> usize {
        F::length(self.value)
    }
}

/// Decodes the list at the start of `input` with exactly the elements that `read` reads. After an error, `input` begins at
/// the element with the fault.
///
/// # Errors
///
/// `input` does not begin with a list; any error of `read`; the list has more elements.
pub fn decode_list<T>(input: &mut &[u8], read: impl FnOnce(&mut &[u8]) -> Result<T>) -> Result<T> {
    let all = *input;
    let mut fields = Header::decode_bytes(input, true)?;
    let behind = all.len() - input.len();
    let value = read(&mut fields).and_then(|value| {
        if fields.is_empty() { Ok(value) } else { Err(Error::Custom("extra list element")) }
    });
    if value.is_err() {
        *input = &all[behind - fields.len()..];
    }
    value
}

/// The number of a variant.
#[must_use]
pub const fn number(number: u64) -> u64 {
    number
}

/// Checks at compile time that only the last of the fields is trailing.
///
/// # Panics
///
/// Another one is.
pub const fn check_forms(trailing: &[bool]) {
    let mut index = 1;
    while index < trailing.len() {
        assert!(!trailing[index - 1], "only the last field can be `as trailing`");
        index += 1;
    }
}

/// Checks at compile time that no two variants have the same number.
///
/// # Panics
///
/// Two have.
pub const fn check_numbers(numbers: &[u64]) {
    let mut index = 0;
    while index < numbers.len() {
        let mut other = 0;
        while other < index {
            assert!(numbers[other] != numbers[index], "two variants have the same number");
            other += 1;
        }
        index += 1;
    }
}
