//! Files, functions and types that the guides name between backticks: each must exist.
//!
//! A file or folder is a token with a `/` that ends in `.rs`, `.md` or `/`, with its path from the root or from
//! `crates/`. A token that ends in `.rs` and has no `/` is the name of a file in any folder. A function is
//! `function()`, `Type::member` or `Type::method()`, with or without arguments; some file of the workspace must define
//! it. If the text ties a function or a type to a file, that file must define it: `` `f()` in `FILE` ``,
//! `` `f()` (`FILE`) ``, `` `Type` | `FILE` ``, `` `FILE`: `f()`, `g()` and `h()` ``.

mod definitions;

use super::{tree::Tree, violation::Violation};
use definitions::Definitions;

/// The guide that must be in the repository.
const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// The documents that explain where things are.
const GUIDES: &[&str] = &[ARCHITECTURE, "CONTRIBUTING.md", "README.md"];

/// Every name in a guide that does not exist, and the guide itself if it does not.
pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    if tree.get(ARCHITECTURE).is_none() {
        let remedy = "write it: it says where things are";
        violations.push(Violation::new(ARCHITECTURE, "there is no such file", remedy));
    }
    let definitions = Definitions::of(tree);
    for guide in GUIDES.iter().filter_map(|name| tree.get(name)) {
        for (line, text) in without_examples(&guide.text) {
            let paragraph = Paragraph { tree, definitions: &definitions, text: &text };
            let faults = paragraph.faults().into_iter();
            violations.extend(faults.map(|fault| {
                Violation::new(format!("{}:{line}", guide.name), fault, "name what exists")
            }));
        }
    }
    violations
}

/// The paragraphs outside of code blocks, with the number of their first line. A row of a table or an entry of a list
/// is a paragraph.
fn without_examples(text: &str) -> Vec<(usize, String)> {
    let mut paragraphs = Vec::<(usize, String)>::new();
    let (mut in_example, mut goes_on) = (false, false);
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        if start.starts_with("```") {
            in_example = !in_example;
            goes_on = false;
        } else if in_example || start.is_empty() {
            goes_on = false;
        } else {
            let begins = start.starts_with(['|', '#', '-', '*'])
                || start.split_once(". ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
            match paragraphs.last_mut() {
                Some((_, paragraph)) if goes_on && !begins => {
                    paragraph.push(' ');
                    paragraph.push_str(start);
                }
                _ => paragraphs.push((index + 1, start.to_owned())),
            }
            goes_on = true;
        }
    }
    paragraphs
}

/// A paragraph of a guide.
struct Paragraph<'a> {
    tree: &'a Tree,
    definitions: &'a Definitions<'a>,
    text: &'a str,
}

impl Paragraph<'_> {
    /// Everything that it names and that does not exist.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        // Text and tokens in turn, beginning with text.
        let parts: Vec<&str> = self.text.split('`').collect();
        let mut tied: Option<String> = None;
        for at in (1..parts.len()).step_by(2) {
            let (before, token) = (parts[at - 1], parts[at]);
            if !matches!(before, ": " | ", " | " and ") {
                tied = None;
            }
            if is_file(token) {
                tied = self.file(token);
                if tied.is_none() {
                    faults.push(format!("names `{token}`, which does not exist"));
                }
                continue;
            }
            let is_tied_to_next = matches!(parts.get(at + 1), Some(&" in " | &" (" | &" | "));
            let next = parts.get(at + 2).filter(|next| is_tied_to_next && is_file(next));
            let home = next.and_then(|next| self.file(next)).or_else(|| tied.clone());
            faults.extend(self.undefined(token, home.as_deref()));
        }
        faults
    }

    /// The fault of a token that names a function or type which `home`, or any file if `None`, does not define.
    fn undefined(&self, token: &str, home: Option<&str>) -> Option<String> {
        let is_defined = match (function(token), home) {
            (Some(name), _) => self.definitions.has(name, home),
            (None, Some(home)) if is_type(token) => self.definitions.has_type(token, home),
            _ => true,
        };
        match home {
            _ if is_defined => None,
            Some(home) => Some(format!("names `{token}`, which {home} does not define")),
            None => Some(format!("names `{token}`, which no file defines")),
        }
    }

    /// The path from the root of a file or folder that exists.
    fn file(&self, token: &str) -> Option<String> {
        if token.contains('/') {
            let candidates = [token.to_owned(), format!("crates/{token}")];
            return candidates.into_iter().find(|path| self.tree.has(path));
        }
        let in_folder = format!("/{token}");
        let mut files = self.tree.files().map(|file| &file.name);
        files.find(|name| *name == token || name.ends_with(&in_folder)).cloned()
    }
}

fn is_file(token: &str) -> bool {
    let is_path = !token.starts_with(['/', '.']) && !token.contains([' ', ':', '*', '{', '<', '~']);
    let ends = |ends: &[&str]| ends.iter().any(|end| token.ends_with(end));
    is_path && if token.contains('/') { ends(&[".rs", ".md", "/"]) } else { ends(&[".rs"]) }
}

/// Whether a token is the name of a type alone.
fn is_type(token: &str) -> bool {
    token.starts_with(char::is_uppercase)
        && token.contains(char::is_lowercase)
        && token.chars().all(char::is_alphanumeric)
}

/// The name of the function, method or other member that a token means.
fn function(token: &str) -> Option<&str> {
    let (name, is_call) = match token.split_once('(') {
        Some((name, rest)) if rest.ends_with(')') => (name, true),
        Some(_) => return None,
        None => (token, false),
    };
    let mut parts = name.split("::").peekable();
    let is_name = |part: &str| {
        part.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && part.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
    };
    let of_type = name.rsplit("::").nth(1).is_some_and(|of| of.starts_with(char::is_uppercase));
    (parts.all(is_name) && (is_call || of_type)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::{Tree, violations};
    use crate::architecture::violation::texts;

    fn faults(text: &str) -> Vec<String> {
        texts(&violations(&Tree::of(&[
            ("ARCHITECTURE.md", text),
            (
                "crates/a/src/b.rs",
                "pub struct B; impl B { pub fn f(&self) {} } pub enum E { V } struct Opener;",
            ),
            ("crates/a/src/c.rs", "pub fn g() {}\nmod h {}"),
        ])))
    }

    #[test]
    fn the_guide_itself_must_exist() {
        let found = texts(&violations(&Tree::of(&[("README.md", "`a/b.rs`")])));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("ARCHITECTURE.md: there is no such file"), "{}", found[0]);
        assert!(found[1].starts_with("README.md:1: names `a/b.rs`"), "{}", found[1]);
    }

    #[test]
    fn a_file_that_does_not_exist_is_named() {
        let found = faults("Some text.\nThe frame is in `a/src/frame.rs`.\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("ARCHITECTURE.md:1: names `a/src/frame.rs`"), "{}", found[0]);
        assert_eq!(faults("`crates/x/`").len(), 1);
        assert_eq!(faults("`frame.rs`").len(), 1);
        assert!(faults("`b.rs`, `mod.rsx`, `foo`").is_empty());
        assert!(
            faults("`a/src/b.rs`, `crates/a/src/b.rs`, `a/src/`, `chunk/1`, `/tmp/x/`").is_empty()
        );
    }

    #[test]
    fn a_function_that_does_not_exist_is_named() {
        let found = faults("- The call of `B::g`.\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("names `B::g`, which no file defines"), "{}", found[0]);
        assert_eq!(faults("| `h()` | x |").len(), 1);
        assert!(
            faults("`B::f`, `B::f()`, `a::B::f(now)`, `g()`, `c::g()`, `E::V`, `Option`")
                .is_empty()
        );
        assert_eq!(faults("`b::g()`").len(), 1);
    }

    #[test]
    fn what_is_tied_to_a_file_must_be_defined_there() {
        for wrong in [
            "`g()` in `a/src/b.rs`",
            "`g()` (`a/src/b.rs`)",
            "`a/src/b.rs`: `g()`",
            "`a/src/b.rs`: `B::f`, `g()`",
            "`a/src/b.rs`: `B::f` and\n`g()`",
            "| `g()` | `a/src/b.rs` |",
            "`Opener` in `a/src/c.rs`",
            "| `Missing` | `a/src/b.rs` | text |",
        ] {
            let found = faults(wrong);
            assert_eq!(found.len(), 1, "{wrong}");
            assert!(found[0].contains(".rs does not define"), "{}", found[0]);
        }
        assert!(faults("`B::f` in `a/src/b.rs`. `g()` in `a/src/c.rs`; then `B::f`").is_empty());
        assert!(
            faults("| `Opener` | `a/src/b.rs` |\n\n`E` in `a/src/b.rs`, a `Type` of others")
                .is_empty()
        );
    }

    #[test]
    fn examples_are_not_read() {
        assert!(faults("```rust\nlet x = `nothing()`;\n```\n").is_empty());
    }
}
