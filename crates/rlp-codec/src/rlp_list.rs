//! RLP of structs and enums, without a derive macro.

use alloy_rlp::{Error, Header, Result};

/// Implements [`Encodable`](crate::Encodable) and [`Decodable`](crate::Decodable) for a struct or an enum.
///
/// A struct becomes the list of its fields, in the order given here. A variant of an enum becomes a list of its number
/// and its fields. Decoding is strict: a list with fewer or more elements, and a number without a variant, are errors.
///
/// All fields must be named, and must have both traits themselves. Use `Bytes` for bytes: a `Vec<u8>` becomes a list of
/// numbers.
///
/// Unlike alloy's derive macros, which need `alloy-rlp` as a dependency of the crate that uses them, this macro needs
/// only this crate, or a crate that re-exports it.
///
/// ```
/// use rlp_codec::{decode, encode, rlp_list};
///
/// #[derive(Debug, PartialEq)]
/// struct Point { x: u64, y: u64 }
/// rlp_list!(struct Point { x, y });
///
/// #[derive(Debug, PartialEq)]
/// enum Shape { Dot { at: Point }, Circle { center: Point, radius: u64 }, Nothing }
/// rlp_list!(enum Shape { 0 => Dot { at }, 1 => Circle { center, radius }, 7 => Nothing {} });
///
/// let circle = Shape::Circle { center: Point { x: 1, y: 2 }, radius: 3 };
/// assert_eq!(encode(&circle), [0xc5, 0x01, 0xc2, 0x01, 0x02, 0x03]);
/// assert_eq!(decode(&encode(&circle)), Ok(circle));
/// assert_eq!(encode(&Shape::Nothing), [0xc1, 0x07]);
/// assert!(decode::<Shape>(&[0xc1, 0x08]).is_err());
/// ```
#[macro_export]
macro_rules! rlp_list {
    (struct $Type:ident { $($field:ident),* $(,)? }) => {
        impl $crate::Encodable for $Type {
            fn encode(&self, out: &mut dyn $crate::BufMut) {
                $crate::encode_list(out, &[$(&self.$field),*]);
            }

            fn length(&self) -> usize {
                $crate::list_length(&[$(&self.$field),*])
            }
        }

        impl $crate::Decodable for $Type {
            fn decode(input: &mut &[u8]) -> $crate::alloy_rlp::Result<Self> {
                $crate::decode_fields(input, |_fields| {
                    Ok(Self { $($field: $crate::Decodable::decode(_fields)?),* })
                })
            }
        }
    };
    (enum $Type:ident { $($number:literal => $Variant:ident { $($field:ident),* $(,)? }),+ $(,)? }) => {
        impl $crate::Encodable for $Type {
            fn encode(&self, out: &mut dyn $crate::BufMut) {
                match self {
                    $(Self::$Variant { $($field),* } => {
                        $crate::encode_list(out, &[&{ let number: u64 = $number; number } $(, $field)*]);
                    })+
                }
            }

            fn length(&self) -> usize {
                match self {
                    $(Self::$Variant { $($field),* } => {
                        $crate::list_length(&[&{ let number: u64 = $number; number } $(, $field)*])
                    })+
                }
            }
        }

        impl $crate::Decodable for $Type {
            fn decode(input: &mut &[u8]) -> $crate::alloy_rlp::Result<Self> {
                $crate::decode_fields(input, |fields| {
                    let number: u64 = $crate::Decodable::decode(fields)?;
                    match number {
                        $($number => Ok(Self::$Variant {
                            $($field: $crate::Decodable::decode(fields)?),*
                        }),)+
                        _ => Err($crate::alloy_rlp::Error::Custom("unknown variant")),
                    }
                })
            }
        }
    };
}

/// Decodes the list at the start of `input` with exactly the elements that `read` reads. For [`rlp_list`](crate::rlp_list).
///
/// # Errors
///
/// `input` does not begin with a list; any error of `read`; the list has more elements.
#[doc(hidden)]
pub fn decode_fields<T>(
    input: &mut &[u8],
    read: impl FnOnce(&mut &[u8]) -> Result<T>,
) -> Result<T> {
    let mut fields = Header::decode_bytes(input, true)?;
    let value = read(&mut fields)?;
    if fields.is_empty() { Ok(value) } else { Err(Error::Custom("extra list element")) }
}
