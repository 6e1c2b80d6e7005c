//! Lists of fields of different types, known at compile time.

use alloy_rlp::Header;

use crate::{BufMut, Encodable};

/// A tuple of up to 12 fields, encoded as a list.
///
/// As fast as a derived [`Encodable`]: there are no calls through pointers, unlike in
/// [`encode_list`](crate::encode_list), which is for elements known at run time. Fields are values or references;
/// nest `Fields` for nested lists.
///
/// ```
/// use rlp_codec::{Fields, encode};
///
/// let client = String::from("x");
/// let hello = Fields((5u8, &client, vec![Fields(("shh", 6u8))], 30303u16));
/// assert_eq!(encode(&hello), [0xcc, 5, b'x', 0xc6, 0xc5, 0x83, b's', b'h', b'h', 6, 0x82, 0x76, 0x5f]);
/// ```
///
/// It implements both methods of the trait for other types:
///
/// ```
/// use rlp_codec::{BufMut, Encodable, Fields, encode};
///
/// struct Capability {
///     name: String,
///     version: u64,
/// }
///
/// impl Capability {
///     fn fields(&self) -> impl Encodable {
///         Fields((&self.name, self.version))
///     }
/// }
///
/// impl Encodable for Capability {
///     fn encode(&self, out: &mut dyn BufMut) {
///         self.fields().encode(out);
///     }
///
///     fn length(&self) -> usize {
///         self.fields().length()
///     }
/// }
///
/// let shh = Capability { name: "shh".to_owned(), version: 6 };
/// assert_eq!(encode(&shh), [0xc5, 0x83, b's', b'h', b'h', 6]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields<T>(pub T);

macro_rules! fields {
    ($(($($field:ident),+);)+) => {$(
        impl<$($field: Encodable),+> Encodable for Fields<($($field,)+)> {
            #[inline(always)]
            #[expect(non_snake_case, reason = "each field bears the name of its type")]
            fn encode(&self, out: &mut dyn BufMut) {
                let Self(($($field,)+)) = self;
                $(let $field = ($field, $field.length());)+
                Header { list: true, payload_length: 0 $(+ $field.1)+ }.encode(out);
                // As in alloy's derive macros, so that the length of a list is computed once.
                $($field.0.encode_with_length($field.1, out);)+
            }

            #[inline(always)]
            #[expect(non_snake_case, reason = "each field bears the name of its type")]
            fn length(&self) -> usize {
                let Self(($($field,)+)) = self;
                let payload_length = 0 $(+ $field.length())+;
                Header { list: true, payload_length }.length_with_payload()
            }
        }
    )+};
}

fields! {
    (A);
    (A, B);
    (A, B, C);
    (A, B, C, D);
    (A, B, C, D, E);
    (A, B, C, D, E, F);
    (A, B, C, D, E, F, G);
    (A, B, C, D, E, F, G, H);
    (A, B, C, D, E, F, G, H, I);
    (A, B, C, D, E, F, G, H, I, J);
    (A, B, C, D, E, F, G, H, I, J, K);
    (A, B, C, D, E, F, G, H, I, J, K, L);
}
