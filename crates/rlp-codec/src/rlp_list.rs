//! RLP of structs and enums, without a derive macro.

pub mod field;

/// Implements [`Encodable`](crate::Encodable) and [`Decodable`](crate::Decodable) for a struct or an enum.
///
/// The macro repeats the names of the fields, in the order in which they are encoded. A field that is left out does not
/// compile. Unlike alloy's derive macros, which need `alloy-rlp` as a dependency of the crate that uses them, it needs
/// only this crate, or a crate that re-exports it.
///
/// Decoding is strict. These are errors: too few or too many elements, a number without a variant, any encoding that is
/// not canonical.
///
/// # Structs
///
/// A struct becomes the list of its fields. The fields of a tuple struct get any names here. Structs may be nested, and may
/// have type parameters; each parameter must have both traits.
///
/// ```
/// use rlp_codec::{decode, encode, rlp_list};
///
/// #[derive(Debug, PartialEq)]
/// struct Point { x: u64, y: u64 }
/// rlp_list!(struct Point { x, y });
///
/// #[derive(Debug, PartialEq)]
/// struct Line(Point, Point);
/// rlp_list!(struct Line(from, to));
///
/// #[derive(Debug, PartialEq)]
/// struct Page<T> { items: Vec<T>, last: bool }
/// rlp_list!(struct Page<T> { items, last });
///
/// let line = Line(Point { x: 1, y: 2 }, Point { x: 3, y: 4 });
/// assert_eq!(encode(&line), [0xc6, 0xc2, 1, 2, 0xc2, 3, 4]);
/// let page = Page { items: vec![line], last: true };
/// assert_eq!(decode(&encode(&page)), Ok(page));
/// ```
///
/// # Enums
///
/// A variant becomes the list of its number and its fields. The numbers must differ; they need not be consecutive.
///
/// ```
/// use rlp_codec::{decode, encode, rlp_list};
///
/// #[derive(Debug, PartialEq)]
/// enum Request { Get { key: String }, Put(String, u64), Clear }
/// rlp_list!(enum Request { 0 => Get { key }, 1 => Put(key, value), 7 => Clear });
///
/// assert_eq!(encode(&Request::Put("a".into(), 5)), [0xc3, 1, b'a', 5]);
/// assert_eq!(decode(&[0xc1, 7]), Ok(Request::Clear));
/// assert_eq!(decode::<Request>(&[0xc1, 8]).unwrap_err().to_string(), "unknown variant at byte 1");
/// ```
///
/// # Newtypes
///
/// A struct with one unnamed field can be encoded like that field, without a list.
///
/// ```
/// use rlp_codec::{decode, encode, rlp_list};
///
/// #[derive(Debug, PartialEq)]
/// struct Height(u64);
/// rlp_list!(newtype Height);
///
/// assert_eq!(encode(&Height(5)), [5]);
/// assert_eq!(decode(&[5]), Ok(Height(5)));
/// ```
///
/// # Bytes, options
///
/// Some types need a word about their encoding, after `as`:
///
/// | | Type | Encoding |
/// |---|---|---|
/// | `as bytes` | `Vec<u8>`, `Box<[u8]>`, `Bytes` | a byte string. Without it, a `Vec<u8>` is a list of numbers |
/// | `as optional` | `Option<T>` | a list with the value or without an element |
/// | `as trailing` | `Option<T>`, the last field | the value, or nothing: the list is one element shorter |
///
/// With `as trailing`, a new version of a sub-protocol reads messages of the old one, which does not have the field. The
/// old version does not read those of the new one that have it.
///
/// ```
/// use rlp_codec::{decode, encode, rlp_list};
///
/// #[derive(Debug, Default, PartialEq)]
/// struct File { name: Option<String>, content: Vec<u8>, owner: Option<u64> }
/// rlp_list!(struct File { name as optional, content as bytes, owner as trailing });
///
/// let file = File { content: vec![1, 2], ..File::default() };
/// assert_eq!(encode(&file), [0xc4, 0xc0, 0x82, 1, 2]);
/// let file = File { name: Some("a".into()), owner: Some(3), ..file };
/// assert_eq!(encode(&file), [0xc6, 0xc1, b'a', 0x82, 1, 2, 3]);
/// assert_eq!(decode(&encode(&file)), Ok(file));
///
/// #[derive(Debug, PartialEq)]
/// struct Blob(Vec<u8>);
/// rlp_list!(newtype Blob as bytes);
/// assert_eq!(encode(&Blob(vec![1, 2])), [0x82, 1, 2]);
/// ```
///
/// Any other word, a trailing field that is not the last one, and a number of two variants do not compile:
///
/// ```compile_fail
/// struct Wrong { a: Option<u64>, b: u64 }
/// rlp_codec::rlp_list!(struct Wrong { a as trailing, b });
/// ```
///
/// ```compile_fail
/// struct Wrong { a: Vec<u8> }
/// rlp_codec::rlp_list!(struct Wrong { a as text });
/// ```
///
/// ```compile_fail
/// enum Wrong { A, B }
/// rlp_codec::rlp_list!(enum Wrong { 1 => A, 1 => B });
/// ```
///
/// # Types of fields
///
/// These have both traits: `bool`, `u8` to `u128` and `usize`, `String`, [`Bytes`](crate::Bytes), `[u8; N]`, `Vec<T>`,
/// `Box<T>`, `Arc<T>`, IP addresses (with the feature `std`), the types of this macro, and types that implement the traits
/// themselves. RLP has no signed numbers, floats and maps.
#[macro_export]
macro_rules! rlp_list {
    (struct $Type:ident $(<$($T:ident),+ $(,)?>)? { $($field:ident $(as $form:ident)?),* $(,)? }) => {
        $crate::rlp_list!(@struct $Type [$($($T)+)?] { $($field [$($form)?])* } { $($field),* });
    };
    (struct $Type:ident $(<$($T:ident),+ $(,)?>)? ( $($field:ident $(as $form:ident)?),* $(,)? )) => {
        $crate::rlp_list!(@struct $Type [$($($T)+)?] { $($field [$($form)?])* } ( $($field),* ));
    };
    (newtype $Type:ident $(<$($T:ident),+ $(,)?>)? $(as $form:ident)?) => {
        impl$(<$($T: $crate::Encodable),+>)? $crate::Encodable for $Type$(<$($T),+>)? {
            fn encode(&self, out: &mut dyn $crate::BufMut) {
                $crate::Encodable::encode(&$crate::rlp_list!(@field &self.0 => $($form)?), out);
            }

            fn length(&self) -> usize {
                $crate::Encodable::length(&$crate::rlp_list!(@field &self.0 => $($form)?))
            }
        }

        impl$(<$($T: $crate::Decodable),+>)? $crate::Decodable for $Type$(<$($T),+>)? {
            fn decode(input: &mut &[u8]) -> $crate::alloy_rlp::Result<Self> {
                $crate::rlp_list!(@decode input => $($form)?).map(Self)
            }
        }

        const _: () = $crate::field::check_forms(&[$crate::rlp_list!(@last $($form)?), true]);
    };
    (enum $Type:ident $(<$($T:ident),+ $(,)?>)? {
        $($number:literal => $Variant:ident
            $({ $($field:ident $(as $form:ident)?),* $(,)? })?
            $(( $($element:ident $(as $element_form:ident)?),* $(,)? ))?
        ),+ $(,)?
    }) => {
        $crate::rlp_list!(@enum $Type [$($($T)+)?] {$(
            $number $Variant
            { $($($field [$($form)?])*)? $($($element [$($element_form)?])*)? }
            [$({ $($field),* })? $(( $($element),* ))?]
        )+});
    };

    // From here on: internal.
    (@struct $Type:ident [$($T:ident)*] { $($field:ident [$($form:ident)?])* } $shape:tt) => {
        impl<$($T: $crate::Encodable),*> $crate::Encodable for $Type<$($T),*> {
            fn encode(&self, out: &mut dyn $crate::BufMut) {
                let $crate::rlp_list!(@shape Self $shape) = self;
                $crate::encode_list(out, &[$(&$crate::rlp_list!(@field $field => $($form)?)),*]);
            }

            fn length(&self) -> usize {
                let $crate::rlp_list!(@shape Self $shape) = self;
                $crate::list_length(&[$(&$crate::rlp_list!(@field $field => $($form)?)),*])
            }
        }

        impl<$($T: $crate::Decodable),*> $crate::Decodable for $Type<$($T),*> {
            fn decode(input: &mut &[u8]) -> $crate::alloy_rlp::Result<Self> {
                $crate::field::decode_list(input, |_fields| {
                    $(let $field = $crate::rlp_list!(@decode _fields => $($form)?)?;)*
                    Ok($crate::rlp_list!(@shape Self $shape))
                })
            }
        }

        const _: () = $crate::field::check_forms(&[$($crate::rlp_list!(@last $($form)?)),*]);
    };
    (@enum $Type:ident [$($T:ident)*] {$(
        $number:literal $Variant:ident { $($field:ident [$($form:ident)?])* } [$($shape:tt)?]
    )+}) => {
        impl<$($T: $crate::Encodable),*> $crate::Encodable for $Type<$($T),*> {
            fn encode(&self, out: &mut dyn $crate::BufMut) {
                match self {$(
                    $crate::rlp_list!(@shape Self::$Variant $($shape)?) => $crate::encode_list(
                        out,
                        &[&$crate::field::number($number) $(, &$crate::rlp_list!(@field $field => $($form)?))*],
                    ),
                )+}
            }

            fn length(&self) -> usize {
                match self {$(
                    $crate::rlp_list!(@shape Self::$Variant $($shape)?) => $crate::list_length(
                        &[&$crate::field::number($number) $(, &$crate::rlp_list!(@field $field => $($form)?))*],
                    ),
                )+}
            }
        }

        impl<$($T: $crate::Decodable),*> $crate::Decodable for $Type<$($T),*> {
            fn decode(input: &mut &[u8]) -> $crate::alloy_rlp::Result<Self> {
                $crate::field::decode_list(input, |fields| {
                    let start = *fields;
                    match <u64 as $crate::Decodable>::decode(fields)? {
                        $($number => {
                            $(let $field = $crate::rlp_list!(@decode fields => $($form)?)?;)*
                            Ok($crate::rlp_list!(@shape Self::$Variant $($shape)?))
                        })+
                        _ => {
                            *fields = start;
                            Err($crate::alloy_rlp::Error::Custom("unknown variant"))
                        }
                    }
                })
            }
        }

        const _: () = {
            $crate::field::check_numbers(&[$($number),+]);
            $($crate::field::check_forms(&[$($crate::rlp_list!(@last $($form)?)),*]);)+
        };
    };
    (@shape Self { $($field:ident),* }) => { Self { $($field),* } };
    (@shape Self ( $($field:ident),* )) => { Self($($field),*) };
    (@shape Self::$Variant:ident { $($field:ident),* }) => { Self::$Variant { $($field),* } };
    (@shape Self::$Variant:ident ( $($field:ident),* )) => { Self::$Variant($($field),*) };
    (@shape Self::$Variant:ident) => { Self::$Variant };
    (@field $value:expr =>) => { $crate::field::Field::<$crate::field::Plain, _>::new($value) };
    (@field $value:expr => bytes) => { $crate::field::Field::<$crate::field::Bytes, _>::new($value) };
    (@field $value:expr => optional) => { $crate::field::Field::<$crate::field::Optional, _>::new($value) };
    (@field $value:expr => trailing) => { $crate::field::Field::<$crate::field::Trailing, _>::new($value) };
    (@field $value:expr => $form:ident) => {
        compile_error!(concat!(
            "a field is encoded `as bytes`, `as optional` or `as trailing`, not `as ", stringify!($form), "`"
        ))
    };
    (@decode $input:ident =>) => { <$crate::field::Plain as $crate::field::Decode<_>>::decode($input) };
    (@decode $input:ident => bytes) => { <$crate::field::Bytes as $crate::field::Decode<_>>::decode($input) };
    (@decode $input:ident => optional) => { <$crate::field::Optional as $crate::field::Decode<_>>::decode($input) };
    (@decode $input:ident => trailing) => { <$crate::field::Trailing as $crate::field::Decode<_>>::decode($input) };
    // `@field` has reported it.
    (@decode $input:ident => $form:ident) => { <$crate::field::Plain as $crate::field::Decode<_>>::decode($input) };
    (@last trailing) => { true };
    (@last $($form:ident)?) => { false };
}
