//! A field that an argument does not have, and the field that was probably meant.
//!
//! go-ethereum ignores unknown fields. Then a filter with `topic` instead of `topics` gets the messages of all topics.

use std::fmt;

/// The name of an unknown field, and the names of the known ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnknownField {
    /// The beginning of the name as given.
    name: String,
    known: &'static [&'static str],
}

/// Maximum number of characters of an unknown name that are compared and shown.
const MAX_NAME_CHARS: usize = 32;

/// Minimum length of a name that counts as similar to a longer name which contains it.
const MIN_PART_CHARS: usize = 3;

impl UnknownField {
    pub(crate) fn new(name: &str, known: &'static [&'static str]) -> Self {
        Self { name: name.chars().take(MAX_NAME_CHARS).collect(), known }
    }

    /// The known names that are most similar to the given one; none if no name is similar.
    fn nearest(&self) -> Vec<&'static str> {
        let name = plain(&self.name);
        let distances = self.known.iter().map(|known| (difference(&name, &plain(known)), *known));
        let similar: Vec<_> =
            distances.filter_map(|(distance, known)| Some((distance?, known))).collect();
        let least = similar.iter().map(|(distance, _)| *distance).min();
        let nearest = similar.into_iter().filter(|(distance, _)| Some(*distance) == least);
        nearest.map(|(_, known)| known).collect()
    }
}

impl fmt::Display for UnknownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown field '{}', ", self.name.escape_debug())?;
        match self.nearest().as_slice() {
            [] => write!(f, "the fields are {}", self.known.join(", ")),
            nearest => write!(f, "did you mean '{}'?", nearest.join("' or '")),
        }
    }
}

/// The letters and digits of a name, in lower case.
fn plain(name: &str) -> Vec<char> {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How different two names are; `None` if they are not similar.
fn difference(a: &[char], b: &[char]) -> Option<usize> {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.len() >= MIN_PART_CHARS && short.len() < long.len() {
        let is_part = long.windows(short.len()).any(|part| part == short);
        if is_part {
            return Some(1);
        }
    }
    let (edits, limit) = (edits(a, b), (long.len() / 3).max(1));
    (edits <= limit && edits < short.len()).then_some(edits)
}

/// The number of letters to insert, delete, replace or swap with the next one to make one name of the other.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &[
        "symKeyID",
        "pubKey",
        "sig",
        "ttl",
        "topic",
        "payload",
        "padding",
        "powTime",
        "powTarget",
        "targetPeer",
    ];

    fn nearest(name: &str) -> Vec<&'static str> {
        UnknownField::new(name, KNOWN).nearest()
    }

    #[test]
    fn similar_names_are_found() {
        for (name, meant) in [
            ("topics", "topic"),
            ("tpoic", "topic"),
            ("Topic ", "topic"),
            ("sym_key_id", "symKeyID"),
            ("symKey", "symKeyID"),
            ("symkeyIds", "symKeyID"),
            ("publicKey", "pubKey"),
            ("signature", "sig"),
            ("sgi", "sig"),
            ("tl", "ttl"),
            ("pay_load", "payload"),
            ("payloads", "payload"),
            ("pow-target", "powTarget"),
            ("powtme", "powTime"),
            ("peer", "targetPeer"),
        ] {
            assert_eq!(nearest(name), [meant], "{name}");
        }
        assert_eq!(nearest("pow"), ["powTime", "powTarget"]);
        assert_eq!(nearest("key"), ["symKeyID", "pubKey"]);
    }

    #[test]
    fn other_names_have_no_similar_one() {
        for name in ["colour", "", "_", "x", "id", "from", "expiry", "\u{1F980}"] {
            assert!(nearest(name).is_empty(), "{name}: {:?}", nearest(name));
        }
    }

    #[test]
    fn the_text_names_what_was_meant_or_all_fields() {
        const TWO: &[&str] = &["topics", "minPow"];
        let text = |name: &str| UnknownField::new(name, TWO).to_string();
        assert_eq!(text("topic"), "unknown field 'topic', did you mean 'topics'?");
        assert_eq!(text("colour"), "unknown field 'colour', the fields are topics, minPow");
        assert!(text(&"x".repeat(1 << 20)).len() < 100);
        assert!(!text("a\nb").contains('\n'));
    }
}
