//! The modules of one crate, and the file to which a path leads.
//!
//! Resolved are paths that begin with `crate`, `self` or `super`, with a child module, or with a name that the module
//! imports or defines. They are followed through `use`, `pub use`, `as` and `use …::*`, and through modules, to the file
//! that defines the item. A variant, method or constant of a type (`Type::NAME`) leads to the file of the type. Paths into
//! other crates lead to no file.
//!
//! Not resolved are names that a macro creates and that are not in its call, modules with `#[path]`, and paths in the text
//! of attributes.

mod module;

use std::collections::{BTreeMap, BTreeSet};

use super::tree::Tree;
use module::{Module, Path};
pub(super) use module::{attributes, is_for_tests};

/// Maximum number of imports to follow from one to the next. A circle of re-exports would have no end.
const MAX_DEPTH: usize = 12;

/// All modules of one crate, the root first, without modules for tests.
pub(super) struct Modules<'a> {
    nodes: Vec<Node<'a>>,
}

struct Node<'a> {
    /// The file that contains the module.
    file: &'a str,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    module: Module,
}

/// The target of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Module(usize),
    /// An item by name, in the module that defines it.
    Item(usize, String),
}

/// One file uses an item that another defines.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) item: String,
}

impl<'a> Modules<'a> {
    /// The crates of the tree: one for each `src/lib.rs` and `src/main.rs`.
    pub(super) fn crates(tree: &'a Tree) -> Vec<Self> {
        let is_root = |name: &str| {
            let top = |root| name == root || name.ends_with(&format!("/{root}"));
            top("src/lib.rs") || top("src/main.rs")
        };
        let roots = tree.rust().filter(|(file, _)| is_root(&file.name));
        roots
            .map(|(file, syntax)| {
                let mut modules = Self { nodes: Vec::new() };
                modules.add(tree, &file.name, file.folder(), &syntax.items, None);
                modules
            })
            .collect()
    }

    /// Adds a module and its children, whose files are in `folder`.
    fn add(
        &mut self,
        tree: &'a Tree,
        file: &'a str,
        folder: &str,
        items: &'a [syn::Item],
        parent: Option<usize>,
    ) -> usize {
        let index = self.nodes.len();
        let module = Module::of(items);
        self.nodes.push(Node { file, parent, children: BTreeMap::new(), module });
        for item in items {
            let syn::Item::Mod(child) = item else { continue };
            if attributes(item).iter().any(is_for_tests) {
                continue;
            }
            let name = child.ident.to_string();
            let inner = format!("{folder}{name}/");
            let added = match &child.content {
                Some((_, items)) => Some(self.add(tree, file, &inner, items, Some(index))),
                None => [format!("{folder}{name}.rs"), format!("{inner}mod.rs")]
                    .iter()
                    .find_map(|path| tree.get(path))
                    .and_then(|file| Some((file.name.as_str(), file.syntax.as_ref()?)))
                    .map(|(file, syntax)| self.add(tree, file, &inner, &syntax.items, Some(index))),
            };
            if let Some(added) = added {
                self.nodes[index].children.insert(name, added);
            }
        }
        index
    }

    /// The files with modules of this crate. A file is named once for each module in it.
    pub(super) fn files(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let files: Vec<&str> = self.nodes.iter().map(|node| node.file).collect();
        files.into_iter()
    }

    /// The items that files use of other files.
    ///
    /// An import is a use of the file that defines the item. An import of a module is a use of the items that are then
    /// named. A re-export is a use only if the file itself uses the name.
    pub(super) fn uses(&self) -> BTreeSet<Use<'a>> {
        let mut uses = BTreeSet::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let module = &node.module;
            let imports = module
                .imports
                .iter()
                .filter(|import| !import.public || module.words.contains(&import.name));
            let mut targets: Vec<Target> = imports
                .map(|import| &import.path)
                .chain(&module.paths)
                .flat_map(|path| self.resolve(index, path, 0))
                .collect();
            for name in &module.words {
                targets.extend(self.look_up_in_globs(index, name, 0));
            }
            uses.extend(targets.into_iter().filter_map(|target| {
                let Target::Item(defined, item) = target else { return None };
                let to = self.nodes[defined].file;
                (to != node.file).then_some(Use { from: node.file, to, item })
            }));
        }
        uses
    }

    /// The types of this crate that have `impl` blocks: the file of the type, its name, the files of the blocks.
    pub(super) fn impls(&self) -> BTreeMap<(&'a str, String), BTreeSet<&'a str>> {
        let mut impls = BTreeMap::<_, BTreeSet<_>>::new();
        for (index, node) in self.nodes.iter().enumerate() {
            for path in &node.module.impls {
                for target in self.resolve(index, path, 0) {
                    if let Target::Item(defined, name) = target {
                        let key = (self.nodes[defined].file, name);
                        impls.entry(key).or_default().insert(node.file);
                    }
                }
            }
        }
        impls
    }

    /// The targets of `path` in the module `from`. There may be several: one name can be a module, a type and a function.
    fn resolve(&self, from: usize, path: &Path, depth: usize) -> BTreeSet<Target> {
        let mut at = from;
        let mut rest = path.as_slice();
        while let Some((first, others)) = rest.split_first() {
            match first.as_str() {
                "crate" => at = 0,
                "self" => {}
                "super" => at = self.nodes[at].parent.unwrap_or(0),
                _ => break,
            }
            rest = others;
        }
        let mut targets = BTreeSet::from([Target::Module(at)]);
        for name in rest {
            targets = targets
                .into_iter()
                .flat_map(|target| match target {
                    Target::Module(module) => self.look_up(module, name, depth),
                    item @ Target::Item(..) => BTreeSet::from([item]),
                })
                .collect();
        }
        targets
    }

    /// The targets of `name` in `module`.
    fn look_up(&self, module: usize, name: &str, depth: usize) -> BTreeSet<Target> {
        let node = &self.nodes[module];
        let mut found = BTreeSet::new();
        found.extend(node.children.get(name).map(|child| Target::Module(*child)));
        if node.module.items.contains(name) {
            found.insert(Target::Item(module, name.to_owned()));
        }
        if depth < MAX_DEPTH {
            for import in node.module.imports.iter().filter(|import| import.name == name) {
                found.extend(self.resolve(module, &import.path, depth + 1));
            }
            if found.is_empty() {
                found = self.look_up_in_globs(module, name, depth);
            }
        }
        found
    }

    /// The targets of `name` through the `use …::*` of `module`.
    fn look_up_in_globs(&self, module: usize, name: &str, depth: usize) -> BTreeSet<Target> {
        let mut found = BTreeSet::new();
        if depth >= MAX_DEPTH {
            return found;
        }
        for glob in &self.nodes[module].module.globs {
            for target in self.resolve(module, glob, depth + 1) {
                if let Target::Module(from) = target
                    && from != module
                {
                    found.extend(self.look_up(from, name, depth + 1));
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{Modules, Tree};

    /// The uses in the crate that these files make, as `from > to: item`; the folder `src/` is left out.
    fn uses(files: &[(&str, &str)]) -> Vec<String> {
        let names: Vec<String> = files.iter().map(|(name, _)| format!("src/{name}")).collect();
        let files: Vec<(&str, &str)> =
            names.iter().zip(files).map(|(name, (_, text))| (name.as_str(), *text)).collect();
        let tree = Tree::of(&files);
        let modules = Modules::crates(&tree).remove(0);
        let short = |name: &str| name.trim_start_matches("src/").to_owned();
        let shown = modules.uses().into_iter();
        shown
            .map(|found| format!("{} > {}: {}", short(found.from), short(found.to), found.item))
            .collect()
    }

    #[test]
    fn imports_lead_to_the_file_that_defines_the_item() {
        let files = [
            ("lib.rs", "mod a; mod b; pub use a::A;"),
            ("a.rs", "pub struct A; mod c; pub(crate) use c::C;"),
            ("a/c.rs", "use super::A; pub struct C(A);"),
            ("b.rs", "use crate::{A, a::C as D}; struct B(A, D);"),
        ];
        assert_eq!(uses(&files), ["a/c.rs > a.rs: A", "b.rs > a.rs: A", "b.rs > a/c.rs: C"]);
    }

    #[test]
    fn paths_in_code_and_in_macros_count() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "pub fn f() {} pub enum E { V }"),
            ("b.rs", "use crate::a; fn g() { a::f(); }"),
            ("c.rs", "fn g() { println!(\"{:?}\", $crate::a::E::V); }"),
        ];
        assert_eq!(uses(&files), ["b.rs > a.rs: f", "c.rs > a.rs: E"]);
    }

    #[test]
    fn a_re_export_is_a_use_only_where_the_name_is_used() {
        let lib = "mod a; pub use a::{A, B}; fn f(_: B) {}";
        assert_eq!(
            uses(&[("lib.rs", lib), ("a.rs", "pub struct A; pub struct B;")]),
            ["lib.rs > a.rs: B"]
        );
    }

    #[test]
    fn an_import_of_a_module_is_not_a_use() {
        let files =
            [("lib.rs", "mod a; mod b;"), ("a.rs", "pub fn f() {}"), ("b.rs", "use crate::a;")];
        assert!(uses(&files).is_empty());
    }

    #[test]
    fn globs_count_by_the_names_that_are_used() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "pub struct A; pub struct B;"),
            ("b.rs", "pub use crate::a::*;"),
            ("c.rs", "use crate::b::*; fn f(_: A) {}"),
        ];
        assert_eq!(uses(&files), ["c.rs > a.rs: A"]);
    }

    #[test]
    fn code_for_tests_does_not_count() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            (
                "a.rs",
                "pub struct A; #[cfg(test)] use crate::b::B; #[cfg(test)] mod tests { use crate::b::B; }",
            ),
            ("b.rs", "pub struct B; #[cfg(all(test, unix))] fn f(_: crate::a::A) {}"),
        ];
        assert!(uses(&files).is_empty());
    }

    #[test]
    fn a_circle_of_re_exports_ends() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "pub use crate::b::*; pub use super::b::A; fn f(_: A) {}"),
            ("b.rs", "pub use crate::a::*; pub use super::a::A;"),
        ];
        assert!(uses(&files).is_empty());
    }
}
