//! The address of a list: its key and its DNS name.

use std::{fmt, str::FromStr};

use data_encoding::BASE32_NOPAD;
use p2p_identity::PublicKey;
use thiserror::Error;

use super::label::Label;

/// The beginning of the URL.
pub(super) const SCHEME: &str = "enrtree://";

/// Maximum length of a DNS name in letters.
const MAX_NAME: usize = 253;
/// The letters that the name of an entry has before the name of the list.
const LABEL_PREFIX: usize = Label::LETTERS + 1;

/// The address of a list: `enrtree://`, the public key of its signer, `@`, its DNS name.
///
/// The name is in lower case, has no dot at its end, and is short enough for the labels of entries to be
/// put before it.
///
/// ```
/// use p2p_discovery::dns::Link;
///
/// let text = "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@nodes.example.org";
/// let link: Link = text.parse()?;
/// assert_eq!((link.domain(), link.to_string().as_str()), ("nodes.example.org", text));
/// # Ok::<_, p2p_discovery::dns::LinkError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Link {
    key: PublicKey,
    domain: String,
}

/// A text is not the address of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The text does not begin with `enrtree://`.
    #[error("the address of a list begins with enrtree://")]
    Scheme,
    /// There is no `@` between key and name.
    #[error("there is no DNS name after the key: the form is enrtree://<key>@<name>")]
    NoName,
    /// The key is not a point on the curve in base32 of 33 bytes (capitals, no padding).
    #[error("the key is not a public key in base32 (53 capitals and digits)")]
    Key,
    /// The text after the `@` is not a DNS name, or is too long to put labels of entries before it.
    #[error("not a DNS name of at most 226 letters")]
    Name,
}

impl Link {
    /// The address of the list at `domain` that `key` signs.
    ///
    /// # Errors
    ///
    /// [`LinkError::Name`].
    pub fn new(key: PublicKey, domain: &str) -> Result<Self, LinkError> {
        let domain = domain.strip_suffix('.').unwrap_or(domain).to_ascii_lowercase();
        if is_name(&domain) { Ok(Self { key, domain }) } else { Err(LinkError::Name) }
    }

    /// The public key that signs the list.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The DNS name of the list.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The DNS name of an entry of the list.
    #[must_use]
    pub fn name_of(&self, label: &Label) -> String {
        format!("{label}.{}", self.domain)
    }
}

fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    name.len() + LABEL_PREFIX <= MAX_NAME && name.split('.').all(is_label)
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let rest = text.strip_prefix(SCHEME).ok_or(LinkError::Scheme)?;
        let (letters, domain) = rest.split_once('@').ok_or(LinkError::NoName)?;
        let mut point = [0; 33];
        if BASE32_NOPAD.decode_len(letters.len()) != Ok(point.len()) {
            return Err(LinkError::Key);
        }
        BASE32_NOPAD.decode_mut(letters.as_bytes(), &mut point).map_err(|_| LinkError::Key)?;
        let key = PublicKey::from_compressed(&point).map_err(|_| LinkError::Key)?;
        Self::new(key, domain)
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}@{}", BASE32_NOPAD.encode(&self.key.to_compressed()), self.domain)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({self})")
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Link {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Link {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2";

    #[test]
    fn the_name_is_normalized() {
        let link: Link = format!("{SCHEME}{KEY}@Nodes.Example.ORG.").parse().unwrap();
        assert_eq!(link.to_string(), format!("{SCHEME}{KEY}@nodes.example.org"));
    }

    #[test]
    fn an_invalid_address_is_refused_with_its_cause() {
        let long = format!("{KEY}@{}", ["a"; 114].join("."));
        for (rest, error) in [
            (KEY.to_owned(), LinkError::NoName),
            (format!("{}@a", &KEY[1..]), LinkError::Key),
            (format!("{}@a", KEY.to_lowercase()), LinkError::Key),
            // The point is not on the curve.
            (format!("{}@a", "A".repeat(53)), LinkError::Key),
            (format!("{KEY}@"), LinkError::Name),
            (format!("{KEY}@a..b"), LinkError::Name),
            (format!("{KEY}@a b"), LinkError::Name),
            (format!("{KEY}@{}", "a".repeat(64)), LinkError::Name),
            (long, LinkError::Name),
        ] {
            assert_eq!(format!("{SCHEME}{rest}").parse::<Link>(), Err(error), "{rest}");
        }
        assert_eq!("enode://".parse::<Link>(), Err(LinkError::Scheme));
        assert!(format!("{SCHEME}{KEY}@{}", ["a"; 113].join(".")).parse::<Link>().is_ok());
    }
}
