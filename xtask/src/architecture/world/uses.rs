//! What the code of one file names: paths with their imports followed, and calls of `select!`.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::architecture::modules::{attributes, is_for_tests};

/// The name under which a `select!` that decides by chance is reported.
pub(super) const RANDOM_SELECT: &str = "select! without `biased;`";

/// A path outside of the crate, as `std::time::Instant::now`, and its line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named {
    pub(super) line: usize,
    pub(super) path: String,
}

/// Everything that a file names, without code for tests. Names that `use …::*` brings in are not followed.
pub(super) fn named(file: &syn::File) -> Vec<Named> {
    let mut found = Uses::default();
    found.visit_file(file);
    let mut named: Vec<Named> = found.paths.iter().flat_map(|path| found.resolve(path)).collect();
    let imported =
        |(line, path): &(usize, Vec<String>)| Named { line: *line, path: path.join("::") };
    named.extend(found.imported.iter().map(imported));
    named.extend(
        found.selects.iter().map(|line| Named { line: *line, path: RANDOM_SELECT.to_owned() }),
    );
    named.sort();
    named.dedup();
    named
}

#[derive(Default)]
struct Uses {
    /// Imports by the name that they have in the file. Functions may import the same name from several places.
    imports: BTreeMap<String, Vec<Vec<String>>>,
    imported: Vec<(usize, Vec<String>)>,
    paths: Vec<(usize, Vec<String>)>,
    /// The lines of `select!` without `biased`.
    selects: Vec<usize>,
}

impl Uses {
    /// The full paths of a path as it is written.
    fn resolve(&self, (line, path): &(usize, Vec<String>)) -> Vec<Named> {
        let named = |path: Vec<String>| Named { line: *line, path: path.join("::") };
        let (first, rest) = path.split_at(1);
        match self.imports.get(&first[0]) {
            Some(imports) => {
                let full = |import: &Vec<String>| [import.as_slice(), rest].concat();
                imports.iter().map(full).map(named).collect()
            }
            None => vec![named(path.clone())],
        }
    }

    fn add_use(&mut self, tree: &syn::UseTree, before: &[&Ident]) {
        let with = |name| [before, &[name]].concat();
        match tree {
            syn::UseTree::Path(part) => self.add_use(&part.tree, &with(&part.ident)),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_use(tree, before));
            }
            syn::UseTree::Glob(_) => self.add_import(None, before),
            syn::UseTree::Name(part) if part.ident == "self" => {
                self.add_import(before.last().copied(), before);
            }
            syn::UseTree::Name(part) => self.add_import(Some(&part.ident), &with(&part.ident)),
            syn::UseTree::Rename(part) if part.ident == "self" => {
                self.add_import(Some(&part.rename), before);
            }
            syn::UseTree::Rename(part) => self.add_import(Some(&part.rename), &with(&part.ident)),
        }
    }

    fn add_import(&mut self, name: Option<&Ident>, path: &[&Ident]) {
        let Some(last) = path.last() else { return };
        let line = last.span().start().line;
        let path: Vec<String> = path.iter().map(ToString::to_string).collect();
        if let Some(name) = name {
            self.imports.entry(name.to_string()).or_default().push(path.clone());
        }
        self.imported.push((line, path));
    }

    /// A macro call by its last name. A branch of `select!` is chosen at random unless its tokens begin with `biased`.
    fn add_call(&mut self, name: &Ident, tokens: &TokenStream) {
        let first = tokens.clone().into_iter().next();
        let is_biased = matches!(first, Some(TokenTree::Ident(word)) if word == "biased");
        if name == "select" && !is_biased {
            self.selects.push(name.span().start().line);
        }
    }

    /// Adds the paths and the macro calls inside the call of a macro.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<Ident> = Vec::new();
        let mut signs = String::new();
        for token in tokens {
            match token {
                TokenTree::Punct(sign) => signs.push(sign.as_char()),
                TokenTree::Ident(name) => {
                    if signs != "::" {
                        self.add_path(std::mem::take(&mut path).iter());
                    }
                    path.push(name);
                    signs.clear();
                }
                TokenTree::Group(group) => {
                    if let (Some(name), "!") = (path.last(), signs.as_str()) {
                        self.add_call(&name.clone(), &group.stream());
                    }
                    self.add_path(std::mem::take(&mut path).iter());
                    signs.clear();
                    self.add_tokens(group.stream());
                }
                TokenTree::Literal(_) => {
                    self.add_path(std::mem::take(&mut path).iter());
                    signs.clear();
                }
            }
        }
        self.add_path(path.iter());
    }

    fn add_path<'a>(&mut self, mut path: impl Iterator<Item = &'a Ident>) {
        let Some(first) = path.next() else { return };
        let line = first.span().start().line;
        let names = [first].into_iter().chain(path).map(ToString::to_string);
        self.paths.push((line, names.collect()));
    }
}

impl<'ast> Visit<'ast> for Uses {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !attributes(item).iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !function.attrs.iter().any(is_for_tests) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add_path(path.segments.iter().map(|segment| &segment.ident));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        if let Some(name) = call.path.segments.last() {
            self.add_call(&name.ident, &call.tokens);
        }
        self.add_tokens(call.tokens.clone());
    }

    // Documentation is an attribute; its examples are tests.
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}
