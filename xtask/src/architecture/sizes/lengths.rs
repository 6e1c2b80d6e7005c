//! The length of files and functions.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::architecture::{tree::Tree, violation::Violation};

/// Maximum number of lines of a file, tests included.
const MAX_FILE_LINES: usize = 445;

/// Maximum number of lines of a function, from its `fn` to its last brace.
const MAX_FUNCTION_LINES: usize = 60;

/// Every Rust file that is too long.
pub(in crate::architecture) fn files(tree: &Tree) -> Vec<Violation> {
    let long = tree.rust().filter(|(file, _)| file.text.lines().count() > MAX_FILE_LINES);
    long.map(|(file, _)| {
        let lines = file.text.lines().count();
        Violation::new(
            &file.name,
            format!("{lines} lines, {MAX_FILE_LINES} are allowed"),
            "move one noun of it to another file",
        )
    })
    .collect()
}

/// Every function that is too long.
pub(in crate::architecture) fn functions(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (file, syntax) in tree.rust() {
        let long = lengths(syntax).into_iter().filter(|found| found.lines > MAX_FUNCTION_LINES);
        violations.extend(long.map(|Length { name, at, lines }| {
            Violation::new(
                format!("{}:{at}", file.name),
                format!("function `{name}` has {lines} lines, {MAX_FUNCTION_LINES} are allowed"),
                "split it into functions that each do one thing",
            )
        }));
    }
    violations
}

/// A function and its length.
struct Length {
    name: String,
    /// The line of its `fn`.
    at: usize,
    lines: usize,
}

fn lengths(syntax: &syn::File) -> Vec<Length> {
    let mut functions = Functions(Vec::new());
    functions.visit_file(syntax);
    functions.0
}

struct Functions(Vec<Length>);

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (first, last) =
            (signature.fn_token.span.start().line, block.brace_token.span.close().end().line);
        let name = signature.ident.to_string();
        self.0.push(Length { name, at: first, lines: last + 1 - first });
    }

    /// Adds functions in a macro call, such as the properties of proptest.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(word) if word == "fn" => {
                    let Some(TokenTree::Ident(name)) = tokens.get(index + 1) else { continue };
                    let body = tokens[index..].iter().find_map(|token| match token {
                        TokenTree::Group(group)
                            if group.delimiter() == proc_macro2::Delimiter::Brace =>
                        {
                            Some(group.span_close().end().line)
                        }
                        _ => None,
                    });
                    let (at, name) = (word.span().start().line, name.to_string());
                    self.0.extend(body.map(|last| Length { name, at, lines: last + 1 - at }));
                }
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.add_tokens(call.tokens.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_FILE_LINES, MAX_FUNCTION_LINES, Tree, files, functions};
    use crate::architecture::violation::texts;

    /// A function of `lines` lines, with a comment and an attribute that do not count.
    fn function(lines: usize) -> String {
        format!("/// Text.\n#[inline]\nfn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2))
    }

    #[test]
    fn a_file_over_the_limit_is_named() {
        let text = "// x\n".repeat(MAX_FILE_LINES + 1);
        let found = texts(&files(&Tree::of(&[("a.rs", &text)])));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a.rs: 446 lines, 445 are allowed"), "{}", found[0]);
        let text = "// x\n".repeat(MAX_FILE_LINES);
        assert!(files(&Tree::of(&[("a.rs", &text)])).is_empty());
    }

    #[test]
    fn a_function_over_the_limit_is_named() {
        let text = function(MAX_FUNCTION_LINES + 1);
        let found = texts(&functions(&Tree::of(&[("a.rs", &text)])));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a.rs:3: function `f` has 61 lines"), "{}", found[0]);
        assert!(functions(&Tree::of(&[("a.rs", &function(MAX_FUNCTION_LINES))])).is_empty());
    }

    #[test]
    fn methods_and_functions_in_macros_count() {
        let long = function(MAX_FUNCTION_LINES + 1);
        for text in [
            format!("impl A {{\n{long}}}\n"),
            format!("trait A {{\n{long}}}\n"),
            format!("proptest! {{\n{long}}}\n"),
            format!("mod a {{\n{long}}}\n"),
        ] {
            assert_eq!(functions(&Tree::of(&[("a.rs", &text)])).len(), 1, "{text}");
        }
    }
}
