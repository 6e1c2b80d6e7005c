//! The number of files with `impl` blocks of one type.

use super::{modules::Modules, tree::Tree, violation::Violation};

/// Maximum number of files with `impl` blocks of one type.
const MAX_FILES: usize = 3;

/// Every type with `impl` blocks, of itself or of traits, in too many files. Tests do not count.
pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for modules in Modules::crates(tree) {
        let spread = modules.impls().into_iter().filter(|(_, files)| files.len() > MAX_FILES);
        violations.extend(spread.map(|((file, name), files)| {
            let files: Vec<&str> = files.into_iter().collect();
            Violation::new(
                file,
                format!(
                    "`{name}` has impl blocks in {} files ({}), {MAX_FILES} are allowed",
                    files.len(),
                    files.join(", ")
                ),
                "split it into values that each have their own methods",
            )
        }));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::{Tree, violations};
    use crate::architecture::violation::texts;

    #[test]
    fn an_impl_in_four_files_is_spread_too_far() {
        let child = "use super::A; impl A {}";
        let mut files = vec![
            ("src/lib.rs", "mod b; mod c; mod d; pub struct A; impl A {}"),
            ("src/b.rs", child),
            ("src/c.rs", "impl Clone for super::A {}"),
            ("src/d.rs", child),
        ];
        let found = texts(&violations(&Tree::of(&files)));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("`A` has impl blocks in 4 files"), "{}", found[0]);

        // Another type of that name.
        files[3].1 = "struct A; impl A {}";
        assert!(violations(&Tree::of(&files)).is_empty());
    }
}
