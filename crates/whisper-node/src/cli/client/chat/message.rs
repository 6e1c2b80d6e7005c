//! The content of a message in a chat: `NAME: TEXT` in UTF-8. The page of `--http.chat` and `examples/` have the same.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// Maximum length of a name, in UTF-16 units as in the page.
const MAX_NAME: usize = 32;

/// Maximum number of letters of a text that are shown.
const MAX_SHOWN: usize = 4000;

/// A message as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChatMessage {
    /// The name of the sender, as the message says; empty if it says none.
    pub(super) name: String,
    pub(super) text: String,
}

impl ChatMessage {
    /// Reads the content of a message, whatever it is.
    pub(super) fn parse(payload: &[u8]) -> Self {
        let text = String::from_utf8_lossy(payload);
        // Invisible characters could deceive.
        let visible: String = text.chars().filter(|letter| !is_invisible(*letter)).collect();
        let named = visible.split_once(':').and_then(|(name, rest)| {
            let text = rest.strip_prefix(' ')?;
            has_length(name).then(|| (name.to_owned(), text.to_owned()))
        });
        let (name, mut text) = named.unwrap_or((String::new(), visible));
        if let Some((end, _)) = text.char_indices().nth(MAX_SHOWN) {
            text.truncate(end);
            text.push('…');
        }
        Self { name, text }
    }
}

/// The content of a message.
pub(super) fn payload(name: &str, text: &str) -> Vec<u8> {
    format!("{name}: {text}").into_bytes()
}

/// A name on the command line.
pub(super) fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if !has_length(name) {
        return Err(format!("a name has 1 to {MAX_NAME} letters"));
    }
    if name.contains(':') || name.contains(is_invisible) {
        return Err("a name has no colon, and no invisible characters".to_owned());
    }
    Ok(name.to_owned())
}

fn has_length(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.encode_utf16().count())
}

/// Whether a character has no shape of its own: control and format characters, and those without a meaning.
pub(super) fn is_invisible(letter: char) -> bool {
    letter.general_category_group() == GeneralCategoryGroup::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_the_page_reads_it() {
        for (payload, name, text) in [
            ("alice: hello", "alice", "hello"),
            ("alice: to bob: hello", "alice", "to bob: hello"),
            ("Ärger 😀: x", "Ärger 😀", "x"),
            ("alice:hello", "", "alice:hello"),
            (": hello", "", ": hello"),
            ("no name", "", "no name"),
            ("", "", ""),
            ("a: ", "a", ""),
            // What could deceive, or be obeyed by a terminal, is not there any more.
            ("al\u{202e}ice: \u{1b}[2Jhel\nlo\u{200b}", "alice", "[2Jhello"),
        ] {
            let message = ChatMessage::parse(payload.as_bytes());
            assert_eq!((&*message.name, &*message.text), (name, text), "{payload:?}");
        }
        let long = "x".repeat(33);
        assert_eq!(ChatMessage::parse(&payload(&long, "y")).text, format!("{long}: y"));
        assert_eq!(ChatMessage::parse(&[0xff, b'a']).text, "\u{fffd}a");
        let huge = ChatMessage::parse("ä".repeat(MAX_SHOWN + 9).as_bytes());
        assert_eq!(huge.text.chars().count(), MAX_SHOWN + 1);
        assert_eq!(ChatMessage::parse(&payload("bob", "hi")).name, "bob");
    }

    #[test]
    fn a_name_that_others_could_not_read_is_an_error() {
        assert_eq!(name(" bob "), Ok("bob".to_owned()));
        for bad in ["", " ", "a:b", "a\u{200b}b", "a\nb", &"x".repeat(33)] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
