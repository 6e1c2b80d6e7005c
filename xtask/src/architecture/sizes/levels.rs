//! Folders of modules: the number of modules in a folder, and files named `mod.rs`.

use std::collections::BTreeMap;

use crate::architecture::{tree::Tree, violation::Violation};

/// Maximum number of modules in one folder of `src`, without `lib.rs` and `main.rs`.
const MAX_MODULES: usize = 15;

/// Every folder in a `src` with too many modules.
pub(in crate::architecture) fn crowded(tree: &Tree) -> Vec<Violation> {
    let mut modules = BTreeMap::<&str, usize>::new();
    for (file, _) in tree.rust() {
        let last = &file.name[file.folder().len()..];
        let in_src = file.folder().starts_with("src/") || file.folder().contains("/src/");
        if in_src && last != "lib.rs" && last != "main.rs" {
            *modules.entry(file.folder()).or_default() += 1;
        }
    }
    let crowded = modules.into_iter().filter(|(_, count)| *count > MAX_MODULES);
    crowded
        .map(|(folder, count)| {
            Violation::new(
                folder,
                format!("{count} modules on one level, {MAX_MODULES} are allowed"),
                "group them: `foo.rs` with the folder `foo/`",
            )
        })
        .collect()
}

/// Every `mod.rs`.
pub(in crate::architecture) fn mod_files(tree: &Tree) -> Vec<Violation> {
    let named_mod = tree.rust().filter(|(file, _)| file.name.ends_with("/mod.rs"));
    named_mod
        .map(|(file, _)| {
            let module = file.folder().trim_end_matches('/');
            Violation::new(
                &file.name,
                "a module file named mod.rs",
                format!("rename it to {module}.rs (in tests/: let one target own the folder)"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{MAX_MODULES, Tree, crowded, mod_files};
    use crate::architecture::violation::texts;

    #[test]
    fn sixteen_modules_on_one_level_are_too_many() {
        let names: Vec<String> =
            (0..=MAX_MODULES).map(|index| format!("crates/a/src/b/m{index}.rs")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        let found = texts(&crowded(&Tree::of(&files)));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/a/src/b/: 16 modules"), "{}", found[0]);

        let mut allowed = files[..MAX_MODULES].to_vec();
        allowed.extend([("crates/a/src/b/c/d.rs", ""), ("crates/a/tests/e.rs", "")]);
        assert!(crowded(&Tree::of(&allowed)).is_empty());
    }

    #[test]
    fn the_root_of_a_crate_is_not_counted() {
        let names: Vec<String> =
            (0..MAX_MODULES).map(|index| format!("crates/a/src/m{index}.rs")).collect();
        let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        files.extend([("crates/a/src/lib.rs", ""), ("crates/a/src/main.rs", "")]);
        assert!(crowded(&Tree::of(&files)).is_empty());
    }

    #[test]
    fn a_mod_file_is_refused_everywhere() {
        let tree = Tree::of(&[("crates/a/tests/b/mod.rs", ""), ("crates/a/src/model.rs", "")]);
        let found = texts(&mod_files(&tree));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("rename it to crates/a/tests/b.rs"), "{}", found[0]);
    }
}
