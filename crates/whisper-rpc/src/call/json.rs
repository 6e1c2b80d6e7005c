//! Reads typed values from JSON, with errors that tell a caller what to change.
//!
//! The first byte of a value says what kind it is, so the text of an error does not depend on the parser. There is no
//! recursion: an object or a list is first split into the raw texts of its members.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::call::unknown_field::UnknownField;
use crate::types::hex::{HexBytes, HexBytesError};

/// A type that can be read from one JSON value.
pub(crate) trait FromJson: Sized {
    /// Reads the value.
    fn from_json(json: &RawValue) -> Result<Self, ValueError>;
}

/// Why a JSON value cannot be read as the wanted type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    /// The value is of another kind.
    #[error("want {want}, got {got}")]
    Kind { want: &'static str, got: &'static str },
    /// The number is out of range, or has a fraction where a whole number is wanted.
    #[error("want {want}, got {got}")]
    Number { want: &'static str, got: String },
    /// A string with an invalid escape sequence, or with a lone surrogate.
    #[error("the string has a bad escape")]
    Escape,
    /// Not a byte string.
    #[error(transparent)]
    Hex(#[from] HexBytesError),
    /// A topic that is not four bytes long.
    #[error("hex string has length {0}, want 8 for Topic")]
    TopicLength(usize),
    /// The beginning of a topic that is not one to four bytes long.
    #[error("hex string has length {0}, want 2, 4, 6 or 8 for the beginning of a Topic")]
    PartialTopicLength(usize),
    /// A field of an object cannot be read.
    // The inner error is not a `#[source]`: a client gets one line of text, so this text contains it.
    #[error("{name}: {error}")]
    Field { name: &'static str, error: Box<Self> },
    /// An object has a field that is not known.
    #[error("{0}")]
    UnknownField(UnknownField),
    /// An item of a list cannot be read.
    #[error("[{index}]: {error}")]
    Item { index: usize, error: Box<Self> },
}

/// The name of a value's kind in errors.
fn kind_of(json: &RawValue) -> &'static str {
    match json.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// Whether the value is `null`. go-ethereum treats it as "not given".
pub(crate) fn is_null(json: &RawValue) -> bool {
    json.get() == "null"
}

fn expect(json: &RawValue, want: &'static str) -> Result<(), ValueError> {
    match kind_of(json) {
        got if got == want => Ok(()),
        got => Err(ValueError::Kind { want, got }),
    }
}

/// Maximum number of characters of a number that an error repeats.
const MAX_SHOWN_CHARS: usize = 32;

/// Reads a number. `want` describes it in errors.
pub(crate) fn number<T: std::str::FromStr>(
    json: &RawValue,
    want: &'static str,
) -> Result<T, ValueError> {
    match kind_of(json) {
        "a number" => json.get().parse().map_err(|_| ValueError::Number {
            want,
            got: json.get().chars().take(MAX_SHOWN_CHARS).collect(),
        }),
        got => Err(ValueError::Kind { want, got }),
    }
}

impl FromJson for String {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        expect(json, "a string")?;
        serde_json::from_str(json.get()).map_err(|_| ValueError::Escape)
    }
}

impl FromJson for bool {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        expect(json, "a boolean")?;
        Ok(json.get() == "true")
    }
}

impl FromJson for u32 {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        number(json, "a whole number from 0 to 4294967295")
    }
}

impl FromJson for u64 {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        number(json, "a whole number from 0 to 18446744073709551615")
    }
}

impl FromJson for f64 {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        const WANT: &str = "a number of double precision";
        let value: Self = number(json, WANT)?;
        // Rust reads 1e400 as infinity; JSON has no such number.
        if value.is_finite() {
            return Ok(value);
        }
        Err(ValueError::Number {
            want: WANT,
            got: json.get().chars().take(MAX_SHOWN_CHARS).collect(),
        })
    }
}

impl FromJson for HexBytes {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        Ok(Self::parse(&String::from_json(json)?)?)
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        expect(json, "a list")?;
        let items: Vec<&RawValue> =
            serde_json::from_str(json.get()).map_err(|_| ValueError::Escape)?;
        let read = |(index, item)| {
            T::from_json(item).map_err(|error| ValueError::Item { index, error: Box::new(error) })
        };
        items.into_iter().enumerate().map(read).collect()
    }
}

/// The fields of one JSON object, by name.
///
/// It follows Go's decoder: if the exact name is absent, upper and lower case are not distinguished; the last of several
/// equal names counts; `null` means absent. Unlike there, unknown names are errors.
pub(crate) struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    /// Splits an object into its fields, which must be among the `known` ones. The values are not read yet.
    pub(crate) fn of(
        json: &'a RawValue,
        known: &'static [&'static str],
    ) -> Result<Self, ValueError> {
        expect(json, "an object")?;
        let fields: BTreeMap<String, _> =
            serde_json::from_str(json.get()).map_err(|_| ValueError::Escape)?;
        let is_known = |name: &str| known.iter().any(|known| known.eq_ignore_ascii_case(name));
        match fields.keys().find(|name| !is_known(name)) {
            Some(name) => Err(ValueError::UnknownField(UnknownField::new(name, known))),
            None => Ok(Self(fields)),
        }
    }

    /// The field `name`, or `None` where it is absent or null.
    pub(crate) fn get<T: FromJson>(&self, name: &'static str) -> Result<Option<T>, ValueError> {
        let loose = || self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        match self.0.get(name).or_else(|| loose().map(|(_, value)| value)) {
            Some(json) if !is_null(json) => T::from_json(json)
                .map(Some)
                .map_err(|error| ValueError::Field { name, error: Box::new(error) }),
            _ => Ok(None),
        }
    }

    /// The field `name`, or its type's default.
    pub(crate) fn or_default<T: FromJson + Default>(
        &self,
        name: &'static str,
    ) -> Result<T, ValueError> {
        Ok(self.get(name)?.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: FromJson>(json: &str) -> Result<T, ValueError> {
        T::from_json(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn numbers_out_of_range_are_refused_with_their_text() {
        for text in ["-1", "0.5", "4294967296", "1e3"] {
            let error = read::<u32>(text).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("want a whole number from 0 to 4294967295, got {text}")
            );
        }
        assert!(read::<f64>("1e400").is_err());
        assert!(read::<f64>("-1e400").is_err());
        assert_eq!(read::<f64>("2e-1"), Ok(0.2));
    }

    #[test]
    fn a_huge_number_is_not_repeated_in_full() {
        let text = "9".repeat(10_000);
        assert!(read::<u32>(&text).unwrap_err().to_string().len() < 100);
    }

    #[test]
    fn kinds_are_named() {
        assert_eq!(read::<String>("5").unwrap_err().to_string(), "want a string, got a number");
        assert_eq!(read::<bool>("\"x\"").unwrap_err().to_string(), "want a boolean, got a string");
        assert_eq!(read::<Vec<u32>>("{}").unwrap_err().to_string(), "want a list, got an object");
    }

    #[test]
    fn an_invalid_item_is_named_by_its_index() {
        let error = read::<Vec<u32>>("[1, 2, \"3\"]").unwrap_err();
        assert!(error.to_string().starts_with("[2]: want a whole number"));
    }

    #[test]
    fn fields_are_found_as_go_finds_them() {
        let json = serde_json::from_str(r#"{"TTL":3,"a":1,"a":2,"A":9,"b":null,"c":"x"}"#).unwrap();
        let fields = Fields::of(json, &["ttl", "a", "b", "c", "d"]).unwrap();
        assert_eq!(fields.get::<u32>("ttl"), Ok(Some(3)));
        assert_eq!(fields.get::<u32>("a"), Ok(Some(2)));
        assert_eq!(fields.get::<u32>("b"), Ok(None));
        assert_eq!(fields.or_default::<u32>("d"), Ok(0));
        let error = fields.get::<u32>("c").unwrap_err();
        assert!(error.to_string().starts_with("c: want a whole number"), "{error}");
    }

    #[test]
    fn deep_nesting_is_split_without_recursion() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let json: &RawValue = serde_json::from_str(&deep).unwrap();
        let fields = Fields::of(json, &["a"]).unwrap();
        assert!(fields.get::<u32>("a").is_err());
    }

    #[test]
    fn an_unknown_field_is_an_error() {
        let json = serde_json::from_str(r#"{"topics":[],"topic":null}"#).unwrap();
        let error = Fields::of(json, &["topics"]).err().unwrap();
        assert_eq!(error.to_string(), "unknown field 'topic', did you mean 'topics'?");
    }
}
