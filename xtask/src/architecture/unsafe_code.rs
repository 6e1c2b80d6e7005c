//! Unsafe code is in one crate only.

use proc_macro2::{TokenStream, TokenTree};

use super::{tree::Tree, violation::Violation};

/// The only crate that may contain unsafe code.
const ALLOWED: &str = "crates/keccak-lanes/";

/// The first `unsafe` of every file outside that crate.
pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let others = tree.rust().filter(|(file, _)| !file.name.starts_with(ALLOWED));
    others
        .filter_map(|(file, _)| {
            let line = first_unsafe(file.text.parse().ok()?)?;
            Some(Violation::new(
                format!("{}:{line}", file.name),
                "unsafe code outside keccak-lanes",
                "write it in safe Rust",
            ))
        })
        .collect()
}

/// The line of the first keyword `unsafe`. Comments and strings do not count.
fn first_unsafe(tokens: TokenStream) -> Option<usize> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(word) if word == "unsafe" => Some(word.span().start().line),
        TokenTree::Group(group) => first_unsafe(group.stream()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Tree, violations};
    use crate::architecture::violation::texts;

    #[test]
    fn unsafe_code_is_found() {
        let text = "// unsafe\nfn a() {\n    unsafe { go() }\n}\n";
        let found = texts(&violations(&Tree::of(&[("crates/x/src/a.rs", text)])));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/x/src/a.rs:3"), "{}", found[0]);
        assert!(violations(&Tree::of(&[("crates/keccak-lanes/src/a.rs", text)])).is_empty());
    }

    #[test]
    fn unsafe_in_a_comment_or_string_does_not_count() {
        let text = "#![forbid(unsafe_code)]\n// unsafe {}\nconst A: &str = \"unsafe\";\n";
        assert!(violations(&Tree::of(&[("a.rs", text)])).is_empty());
    }
}
