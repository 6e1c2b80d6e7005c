//! One module: the items that it defines, its imports, and the paths that it uses.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A path as written, as its names: `crate`, `relay`, `Pool`.
pub(super) type Path = Vec<String>;

/// The content of one module, without its child modules and without code for tests.
#[derive(Default)]
pub(super) struct Module {
    /// Types, functions, constants, traits and macros that it defines.
    pub(super) items: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
    /// Modules from which everything is imported (`use super::*`).
    pub(super) globs: Vec<Path>,
    /// Paths of two or more names in code.
    pub(super) paths: Vec<Path>,
    /// All identifiers outside of imports.
    pub(super) words: BTreeSet<String>,
    /// The paths of the types that have an `impl` block in it.
    pub(super) impls: Vec<Path>,
}

/// One name that `use` brings into a module.
pub(super) struct Import {
    /// The name here, which `as` may have changed.
    pub(super) name: String,
    pub(super) path: Path,
    /// Visible outside of the module: a re-export.
    pub(super) public: bool,
}

impl Module {
    pub(super) fn of(items: &[syn::Item]) -> Self {
        let mut module = Self::default();
        items.iter().for_each(|item| module.add_item(item));
        items.iter().for_each(|item| module.visit_item(item));
        module
    }

    /// Adds the name that a top-level item defines.
    fn add_item(&mut self, item: &syn::Item) {
        let name = match item {
            syn::Item::Const(item) => &item.ident,
            syn::Item::Enum(item) => &item.ident,
            syn::Item::Fn(item) => &item.sig.ident,
            syn::Item::Static(item) => &item.ident,
            syn::Item::Struct(item) => &item.ident,
            syn::Item::Trait(item) => &item.ident,
            syn::Item::TraitAlias(item) => &item.ident,
            syn::Item::Type(item) => &item.ident,
            syn::Item::Union(item) => &item.ident,
            syn::Item::Macro(item) => match &item.ident {
                Some(name) => name,
                None => return self.add_defined_by_macro(item.mac.tokens.clone()),
            },
            _ => return,
        };
        if !attributes(item).iter().any(is_for_tests) {
            self.items.insert(name.to_string());
        }
    }

    /// Adds the items in the tokens of a macro call, such as `struct Name` in `counters! { struct Name … }`.
    fn add_defined_by_macro(&mut self, tokens: TokenStream) {
        let mut defines = false;
        for token in tokens {
            match token {
                TokenTree::Ident(word) if defines => {
                    self.items.insert(word.to_string());
                    defines = false;
                }
                TokenTree::Ident(word) => {
                    let word = word.to_string();
                    defines =
                        ["struct", "enum", "trait", "fn", "type", "const"].contains(&word.as_str());
                }
                TokenTree::Group(group) => self.add_defined_by_macro(group.stream()),
                _ => defines = false,
            }
        }
    }

    fn add_use(&mut self, tree: &syn::UseTree, before: &[String], public: bool) {
        let with = |name: &syn::Ident| {
            let mut path = before.to_vec();
            path.push(name.to_string());
            path
        };
        match tree {
            syn::UseTree::Path(part) => self.add_use(&part.tree, &with(&part.ident), public),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_use(tree, before, public));
            }
            syn::UseTree::Glob(_) => self.globs.push(before.to_vec()),
            // `use a::{self}` is `use a`.
            syn::UseTree::Name(part) if part.ident == "self" => {
                let name = before.last().cloned().unwrap_or_default();
                self.imports.push(Import { name, path: before.to_vec(), public });
            }
            syn::UseTree::Name(part) => {
                let name = part.ident.to_string();
                self.imports.push(Import { name, path: with(&part.ident), public });
            }
            syn::UseTree::Rename(part) => {
                let path = if part.ident == "self" { before.to_vec() } else { with(&part.ident) };
                self.imports.push(Import { name: part.rename.to_string(), path, public });
            }
        }
    }

    /// Adds the paths and words inside a macro call.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path = Path::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(sign) if sign.as_char() == ':' => colons += 1,
                TokenTree::Ident(name) => {
                    let name = name.to_string();
                    self.words.insert(name.clone());
                    if colons != 2 {
                        self.add_path(std::mem::take(&mut path));
                    }
                    // `::name` without anything before it is another crate.
                    if colons != 2 || !path.is_empty() {
                        path.push(name);
                    }
                    colons = 0;
                }
                other => {
                    self.add_path(std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.add_tokens(group.stream());
                    }
                }
            }
        }
        self.add_path(path);
    }

    fn add_path(&mut self, path: Path) {
        if path.len() > 1 {
            self.paths.push(path);
        }
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        // A child module has a `Module` of its own.
        if !matches!(item, syn::Item::Mod(_)) && !attributes(item).iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !function.attrs.iter().any(is_for_tests) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            let public = !matches!(item.vis, syn::Visibility::Inherited);
            self.add_use(&item.tree, &[], public);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let syn::Type::Path(of) = &*item.self_ty {
            self.impls.push(names(&of.path));
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.add_path(names(path));
        }
        visit::visit_path(self, path);
    }

    fn visit_ident(&mut self, name: &'ast syn::Ident) {
        self.words.insert(name.to_string());
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.add_tokens(call.tokens.clone());
    }

    // `pub(in crate::a)` and attributes are no imports.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

fn names(path: &syn::Path) -> Path {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

/// Whether an attribute restricts the item to tests: `#[cfg(test)]`, `#[cfg(all(test, …))]`, `#[test]`.
pub(in crate::architecture) fn is_for_tests(attribute: &syn::Attribute) -> bool {
    if attribute.path().is_ident("test") {
        return true;
    }
    let syn::Meta::List(list) = &attribute.meta else { return false };
    let mut tokens = list.tokens.clone().into_iter();
    let is = |token: Option<TokenTree>, name| matches!(token, Some(TokenTree::Ident(word)) if word == name);
    attribute.path().is_ident("cfg")
        && match tokens.next() {
            Some(TokenTree::Ident(word)) if word == "test" => true,
            Some(TokenTree::Ident(word)) if word == "all" => match tokens.next() {
                Some(TokenTree::Group(group)) => is(group.stream().into_iter().next(), "test"),
                _ => false,
            },
            _ => false,
        }
}

pub(in crate::architecture) fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::ExternCrate(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::ForeignMod(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::TraitAlias(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Union(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
