//! Words that this project does not use, because there are plainer ones.

use super::{tree::Tree, violation::Violation};

/// The words and phrases, in lower case.
const AVOIDED: &[&[&str]] = &[
    &["nobody"],
    &["whoever"],
    &["somebody"],
    &["anew"],
    &["for", "ever"],
    &["so", "many"],
    &["for", "want", "of"],
    &["goes", "by"],
    &["words", "for"],
];

/// The folders to search.
const FOLDERS: &[&str] = &["crates/", "xtask/", "benches/", "fuzz/", "docs/"];

/// The extensions of the files to search.
const EXTENSIONS: &[&str] = &["rs", "md", "toml", "mjs", "py"];

/// Names that other programs use, so they cannot change: the file, and the text.
const KEPT: &[(&str, &str)] = &[
    // A label of a metric and a field in JSON.
    ("crates/whisper-protocol/src/stats.rs", "as \"nobody\""),
    // A field and a state of a receipt in JSON-RPC.
    ("crates/whisper-rpc/RPC.md", "`nobody`"),
    ("docs/book/src/publish-subscribe.md", "`nobody`"),
    ("docs/book/src/runbook.md", "`nobody`"),
    ("docs/book/src/metrics.md", "`nobody`"),
    ("crates/whisper-rpc/src/types/receipt.rs", "rename = \"nobody\""),
    ("crates/whisper-rpc/tests/rpc/explain.rs", "\"nobody\":"),
];

/// The file with the list is not searched.
const LIST: &str = "xtask/src/architecture/words.rs";

/// Every avoided word or phrase. A phrase may continue on the next line. The parts of a name are words as well.
pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let written = tree.files().filter(|file| {
        FOLDERS.iter().any(|folder| file.name.starts_with(folder))
            && EXTENSIONS.contains(&file.extension())
            && file.name != LIST
    });
    written
        .flat_map(|file| {
            avoided(&without_kept(&file.name, &file.text)).into_iter().map(|(line, phrase)| {
                Violation::new(
                    format!("{}:{line}", file.name),
                    format!("\"{phrase}\""),
                    "write plain technical English",
                )
            })
        })
        .collect()
}

/// The text of a file without the names that cannot change.
fn without_kept(name: &str, text: &str) -> String {
    let kept = KEPT.iter().filter(|(file, _)| *file == name);
    kept.fold(text.to_owned(), |text, (_, kept)| text.replace(kept, ""))
}

/// One word of a text.
struct Word {
    text: String,
    line: usize,
    /// Whether only blanks, comment signs or an underscore separate it from the previous word.
    follows: bool,
}

fn avoided(text: &str) -> Vec<(usize, String)> {
    let words = words(text);
    let phrase_at = |at: usize| {
        AVOIDED.iter().find(|phrase| {
            words.get(at..at + phrase.len()).is_some_and(|found| {
                found.iter().zip(**phrase).all(|(word, expected)| word.text == *expected)
                    && found[1..].iter().all(|word| word.follows)
            })
        })
    };
    (0..words.len()).filter_map(|at| Some((words[at].line, phrase_at(at)?.join(" ")))).collect()
}

/// The words of a text in lower case. `snake_case` and `CamelCase` are several words.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::<Word>::new();
    let (mut line, mut inside, mut follows, mut lower) = (1, false, false, false);
    for letter in text.chars() {
        if letter.is_alphabetic() {
            let next_hump = letter.is_uppercase() && lower;
            if !inside || next_hump {
                words.push(Word { text: String::new(), line, follows: follows || next_hump });
            }
            if let Some(word) = words.last_mut() {
                word.text.extend(letter.to_lowercase());
            }
            (inside, follows, lower) = (true, true, letter.is_lowercase());
        } else {
            (inside, lower) = (false, false);
            follows &= letter.is_whitespace() || matches!(letter, '/' | '!' | '#' | '_');
            line += usize::from(letter == '\n');
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{Tree, avoided, violations};
    use crate::architecture::violation::texts;

    #[test]
    fn an_avoided_word_is_named_with_its_line() {
        let tree = Tree::of(&[("crates/a/src/b.rs", "// Fine.\n// Nobody knows.\n")]);
        let found = texts(&violations(&tree));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/a/src/b.rs:2: \"nobody\""), "{}", found[0]);
        assert!(violations(&Tree::of(&[("README.md", "nobody")])).is_empty());
    }

    #[test]
    fn a_name_that_other_programs_use_stays_in_its_file() {
        let text = "// unsent as \"nobody\": nobody\n";
        let file = |name: &'static str| violations(&Tree::of(&[(name, text)])).len();
        assert_eq!(file("crates/whisper-protocol/src/stats.rs"), 1);
        assert_eq!(file("crates/whisper-protocol/src/relay.rs"), 2);
    }

    #[test]
    fn a_phrase_may_continue_on_the_next_line() {
        assert_eq!(avoided("/// It runs for\n/// ever."), [(1, "for ever".to_owned())]);
        assert!(avoided("It waits for. Ever since").is_empty());
        assert!(avoided("for every").is_empty());
        assert_eq!(avoided("a for want of b").len(), 1);
    }

    #[test]
    fn names_are_read_as_words() {
        assert_eq!(avoided("fn for_nobody() {}").len(), 1);
        assert_eq!(avoided("UnsentNobody").len(), 1);
        assert!(avoided("renewed").is_empty());
    }
}
