//! Files and functions that the guides name between backticks: each must be there.
//!
//! A file or folder is a token with a `/` that ends in `.rs`, `.md` or `/`; its path begins at the root or in `crates/`.
//! A function is `function()`, `Type::member` or `Type::method()`, with or without arguments; some file of the
//! workspace must define it. If the text ties it to a file, that file must define it: `` `f()` in `FILE` ``,
//! `` `f()` (`FILE`) ``, `` `FILE`: `f()`, `g()` and `h()` ``.

mod definitions;

use super::{tree::Tree, violation::Violation};
use definitions::Definitions;

/// The documents that explain where things are. In those of a crate, only files are checked by `documents`.
const GUIDES: &[&str] = &["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"];

/// Every name in a guide for which there is nothing.
pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let definitions = Definitions::of(tree);
    let guides = GUIDES.iter().filter_map(|name| tree.get(name));
    guides
        .flat_map(|guide| {
            without_examples(&guide.text).into_iter().flat_map(|(line, text)| {
                let place = format!("{}:{line}", guide.name);
                in_paragraph(tree, &definitions, &text, &place)
            })
        })
        .collect()
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

fn in_paragraph(
    tree: &Tree,
    definitions: &Definitions<'_>,
    text: &str,
    place: &str,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    // Text and tokens in turn, beginning with text.
    let parts: Vec<&str> = text.split('`').collect();
    let mut tied: Option<String> = None;
    for at in (1..parts.len()).step_by(2) {
        let (before, token) = (parts[at - 1], parts[at]);
        if !matches!(before, ": " | ", " | " and ") {
            tied = None;
        }
        if is_file(token) {
            tied = file(tree, token);
            if tied.is_none() {
                let fault = format!("names `{token}`, which is not there");
                violations.push(Violation::new(place, fault, "name what is there"));
            }
        } else if let Some(name) = function(token) {
            let next =
                parts.get(at + 2).filter(|next| is_file(next)).and_then(|next| file(tree, next));
            let tied_to_next = matches!(parts.get(at + 1), Some(&" in " | &" ("));
            let home = if tied_to_next { next.or(tied.clone()) } else { tied.clone() };
            if !definitions.has(name, home.as_deref()) {
                let home = home.unwrap_or_else(|| "no file".to_owned());
                let fault = format!("names `{token}`, which {home} does not define");
                let fault = fault.replace("which no file does not define", "which no file defines");
                violations.push(Violation::new(place, fault, "name what is there"));
            }
        }
    }
    violations
}

fn is_file(token: &str) -> bool {
    let is_path = token.contains('/') && !token.contains([' ', ':', '*', '{', '<', '~']);
    is_path && !token.starts_with('/') && [".rs", ".md", "/"].iter().any(|end| token.ends_with(end))
}

/// The path from the root of a file or folder that is there.
fn file(tree: &Tree, token: &str) -> Option<String> {
    let candidates = [token.to_owned(), format!("crates/{token}")];
    candidates.into_iter().find(|path| tree.has(path))
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
            ("crates/a/src/b.rs", "pub struct B; impl B { pub fn f(&self) {} } pub enum E { V }"),
            ("crates/a/src/c.rs", "pub fn g() {}\nmod h {}"),
        ])))
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let found = faults("Some text.\nThe frame is in `a/src/frame.rs`.\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("ARCHITECTURE.md:1: names `a/src/frame.rs`"), "{}", found[0]);
        assert_eq!(faults("`crates/x/`").len(), 1);
        assert!(
            faults("`a/src/b.rs`, `crates/a/src/b.rs`, `a/src/`, `chunk/1`, `/tmp/x/`").is_empty()
        );
    }

    #[test]
    fn a_function_that_is_not_there_is_named() {
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
    fn a_function_that_is_tied_to_a_file_must_be_there() {
        for wrong in [
            "`g()` in `a/src/b.rs`",
            "`g()` (`a/src/b.rs`)",
            "`a/src/b.rs`: `g()`",
            "`a/src/b.rs`: `B::f`, `g()`",
            "`a/src/b.rs`: `B::f` and\n`g()`",
        ] {
            let found = faults(wrong);
            assert_eq!(found.len(), 1, "{wrong}");
            assert!(found[0].contains("which crates/a/src/b.rs does not define"), "{}", found[0]);
        }
        assert!(faults("`B::f` in `a/src/b.rs`. `g()` in `a/src/c.rs`; then `B::f`").is_empty());
    }

    #[test]
    fn examples_are_not_read() {
        assert!(faults("```rust\nlet x = `nothing()`;\n```\n").is_empty());
    }
}
