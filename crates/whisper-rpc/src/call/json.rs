//! From the text of one JSON value to a typed one, with an error that tells a caller what to change.
//!
//! A value is classified by its first byte and then read by its type, so that the text of the error does not
//! depend on the parser. Nothing recurses: an object or list is split into the raw texts of its members first.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// A type that can be read from one JSON value.
pub(crate) trait FromJson: Sized {
    /// Reads the value.
    fn from_json(json: &RawValue) -> Result<Self, Unfit>;
}

/// Why a JSON value does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// Another kind of value was wanted.
    #[error("want {want}, got {got}")]
    Kind { want: &'static str, got: &'static str },
    /// A number outside the range of its type, or with a fraction where there may be none.
    #[error("want {want}, got {got}")]
    Number { want: &'static str, got: String },
    /// Not a string after all: a bad escape or a lone surrogate.
    #[error("the string has a bad escape")]
    Escape,
    /// Hexadecimal digits without the prefix.
    #[error("hex string without 0x prefix")]
    HexPrefix,
    /// Half a byte.
    #[error("hex string of odd length")]
    HexOddLength,
    /// A digit that is none.
    #[error("invalid hex string")]
    HexDigit,
    /// A topic of another length than four bytes.
    #[error("hex string has length {0}, want 8 for Topic")]
    TopicLength(usize),
    /// The beginning of a topic of none or of more than four bytes.
    #[error("hex string has length {0}, want 2, 4, 6 or 8 for the beginning of a Topic")]
    PartialTopicLength(usize),
    /// A field of an object does not fit.
    #[error("{name}: {unfit}")]
    Field { name: &'static str, unfit: Box<Self> },
    /// An item of a list does not fit.
    #[error("[{index}]: {unfit}")]
    Item { index: usize, unfit: Box<Self> },
}

/// What a JSON value is called in an error.
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

/// Whether the value is `null`, which go-ethereum takes for "not given".
pub(crate) fn is_null(json: &RawValue) -> bool {
    json.get() == "null"
}

fn expect(json: &RawValue, want: &'static str) -> Result<(), Unfit> {
    match kind_of(json) {
        got if got == want => Ok(()),
        got => Err(Unfit::Kind { want, got }),
    }
}

/// The longest part of a number's text that an error repeats.
const SHOWN: usize = 32;

/// Reads a number; `want` says which, in an error.
pub(crate) fn number<T: std::str::FromStr>(
    json: &RawValue,
    want: &'static str,
) -> Result<T, Unfit> {
    match kind_of(json) {
        "a number" => json
            .get()
            .parse()
            .map_err(|_| Unfit::Number { want, got: json.get().chars().take(SHOWN).collect() }),
        got => Err(Unfit::Kind { want, got }),
    }
}

impl FromJson for String {
    fn from_json(json: &RawValue) -> Result<Self, Unfit> {
        expect(json, "a string")?;
        serde_json::from_str(json.get()).map_err(|_| Unfit::Escape)
    }
}

impl FromJson for bool {
    fn from_json(json: &RawValue) -> Result<Self, Unfit> {
        expect(json, "a boolean")?;
        Ok(json.get() == "true")
    }
}

impl FromJson for u32 {
    fn from_json(json: &RawValue) -> Result<Self, Unfit> {
        number(json, "a whole number from 0 to 4294967295")
    }
}

impl FromJson for f64 {
    fn from_json(json: &RawValue) -> Result<Self, Unfit> {
        const WANT: &str = "a number of double precision";
        let value: Self = number(json, WANT)?;
        // Rust reads 1e400 as infinity; JSON has no such number.
        if value.is_finite() {
            return Ok(value);
        }
        Err(Unfit::Number { want: WANT, got: json.get().chars().take(SHOWN).collect() })
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(json: &RawValue) -> Result<Self, Unfit> {
        expect(json, "a list")?;
        let items: Vec<&RawValue> = serde_json::from_str(json.get()).map_err(|_| Unfit::Escape)?;
        let read = |(index, item)| {
            T::from_json(item).map_err(|unfit| Unfit::Item { index, unfit: Box::new(unfit) })
        };
        items.into_iter().enumerate().map(read).collect()
    }
}

/// The fields of one JSON object, by name.
///
/// Go's decoder, whose clients we serve, takes a name in any case where the exact one is absent, takes the last of
/// several, ignores unknown ones, and takes `null` for absent. So does this.
pub(crate) struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    /// Splits an object into its fields, without reading their values.
    pub(crate) fn of(json: &'a RawValue) -> Result<Self, Unfit> {
        expect(json, "an object")?;
        serde_json::from_str(json.get()).map(Self).map_err(|_| Unfit::Escape)
    }

    /// The field `name`, or `None` where it is absent or null.
    pub(crate) fn get<T: FromJson>(&self, name: &'static str) -> Result<Option<T>, Unfit> {
        let loose = || self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        match self.0.get(name).or_else(|| loose().map(|(_, value)| value)) {
            Some(json) if !is_null(json) => T::from_json(json)
                .map(Some)
                .map_err(|unfit| Unfit::Field { name, unfit: Box::new(unfit) }),
            _ => Ok(None),
        }
    }

    /// The field `name`, or its type's default.
    pub(crate) fn or_default<T: FromJson + Default>(&self, name: &'static str) -> Result<T, Unfit> {
        Ok(self.get(name)?.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: FromJson>(json: &str) -> Result<T, Unfit> {
        T::from_json(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn numbers_out_of_range_are_refused_with_their_text() {
        for text in ["-1", "0.5", "4294967296", "1e3"] {
            let unfit = read::<u32>(text).unwrap_err();
            assert_eq!(
                unfit.to_string(),
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
    fn an_unfit_item_is_found_by_its_index() {
        let unfit = read::<Vec<u32>>("[1, 2, \"3\"]").unwrap_err();
        assert!(unfit.to_string().starts_with("[2]: want a whole number"));
    }

    #[test]
    fn fields_are_found_as_go_finds_them() {
        let json = serde_json::from_str(r#"{"TTL":3,"a":1,"a":2,"A":9,"b":null,"c":"x"}"#).unwrap();
        let fields = Fields::of(json).unwrap();
        assert_eq!(fields.get::<u32>("ttl"), Ok(Some(3)));
        assert_eq!(fields.get::<u32>("a"), Ok(Some(2)));
        assert_eq!(fields.get::<u32>("b"), Ok(None));
        assert_eq!(fields.or_default::<u32>("d"), Ok(0));
        let unfit = fields.get::<u32>("c").unwrap_err();
        assert!(unfit.to_string().starts_with("c: want a whole number"), "{unfit}");
    }

    #[test]
    fn deep_nesting_is_split_without_recursion() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let json: &RawValue = serde_json::from_str(&deep).unwrap();
        let fields = Fields::of(json).unwrap();
        assert!(fields.get::<u32>("a").is_err());
    }
}
