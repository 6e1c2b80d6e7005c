//! The functions and types that each file defines.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::architecture::tree::Tree;

/// The definitions of all files.
pub(super) struct Definitions<'a>(BTreeMap<&'a str, Defined>);

/// The definitions of one file, tests included.
#[derive(Default)]
struct Defined {
    /// Functions, with and without a type.
    functions: BTreeSet<String>,
    /// Methods, constants, variants and fields, with their type.
    members: BTreeSet<(String, String)>,
    /// Structs, enums, traits and type aliases.
    types: BTreeSet<String>,
    /// The type of the block that is being read.
    of: Option<String>,
}

impl<'a> Definitions<'a> {
    pub(super) fn of(tree: &'a Tree) -> Self {
        Self(
            tree.rust()
                .map(|(file, syntax)| {
                    let mut defined = Defined::default();
                    defined.visit_file(syntax);
                    (file.name.as_str(), defined)
                })
                .collect(),
        )
    }

    /// Whether `file`, or any file if `None`, defines `name`: `function`, `Type::member` or `module::function`.
    pub(super) fn has(&self, name: &str, file: Option<&str>) -> bool {
        let wanted = |path: &str| file.is_none_or(|file| file == path);
        self.0
            .iter()
            .filter(|(path, _)| wanted(path))
            .any(|(path, defined)| defined.has(name, path))
    }

    /// Whether `file` defines a type of this name.
    pub(super) fn has_type(&self, name: &str, file: &str) -> bool {
        self.0.get(file).is_some_and(|defined| defined.types.contains(name))
    }
}

impl Defined {
    fn has(&self, name: &str, path: &str) -> bool {
        let mut parts = name.rsplit("::");
        let (Some(last), before) = (parts.next(), parts.next()) else { return false };
        match before {
            None => self.functions.contains(last),
            Some(of) if of.starts_with(char::is_uppercase) => {
                self.members.contains(&(of.to_owned(), last.to_owned()))
            }
            Some(module) => {
                self.functions.contains(last) && path.ends_with(&format!("/{module}.rs"))
            }
        }
    }

    fn add(&mut self, name: &syn::Ident) {
        if let Some(of) = &self.of {
            self.members.insert((of.clone(), name.to_string()));
        }
    }

    /// Adds a type and returns its name.
    fn add_type(&mut self, name: &syn::Ident) -> String {
        self.types.insert(name.to_string());
        name.to_string()
    }

    /// Reads a block of the type called `of`.
    fn inside(&mut self, of: Option<String>, read: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.of, of);
        read(self);
        self.of = before;
    }

    /// Adds the functions and types that the tokens of a macro call spell out.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut keyword = String::new();
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    match keyword.as_str() {
                        "fn" => drop(self.functions.insert(word.to_string())),
                        "struct" | "enum" => drop(self.add_type(&word)),
                        _ => {}
                    }
                    keyword = word.to_string();
                }
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                _ => keyword.clear(),
            }
        }
    }
}

impl<'ast> Visit<'ast> for Defined {
    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.functions.insert(signature.ident.to_string());
        self.add(&signature.ident);
        visit::visit_signature(self, signature);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.inside(None, |defined| visit::visit_block(defined, block));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let of = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        self.inside(of, |defined| visit::visit_item_impl(defined, item));
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        let of = Some(self.add_type(&item.ident));
        self.inside(of, |defined| visit::visit_item_trait(defined, item));
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        let of = Some(self.add_type(&item.ident));
        self.inside(of, |defined| visit::visit_item_enum(defined, item));
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        let of = Some(self.add_type(&item.ident));
        self.inside(of, |defined| visit::visit_item_struct(defined, item));
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.add_type(&item.ident);
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.add(&variant.ident);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(name) = &field.ident {
            self.add(name);
        }
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.add(&item.ident);
    }

    fn visit_trait_item_const(&mut self, item: &'ast syn::TraitItemConst) {
        self.add(&item.ident);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.add_tokens(call.tokens.clone());
    }
}
