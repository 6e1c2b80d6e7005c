//! The number of fields of a type.

use syn::visit::{self, Visit};

use crate::architecture::{tree::Tree, violation::Violation};

/// Maximum number of fields of a struct, or of one variant of an enum.
const MAX_FIELDS: usize = 12;

/// The command line is exempt: one struct has all flags of a command.
const FLAGS: &str = "crates/whisper-node/src/cli";

/// Every type with too many fields.
pub(in crate::architecture) fn violations(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (file, syntax) in tree.rust().filter(|(file, _)| !file.name.starts_with(FLAGS)) {
        let mut large = Large(Vec::new());
        large.visit_file(syntax);
        violations.extend(large.0.into_iter().map(|(name, line, count)| {
            Violation::new(
                format!("{}:{line}", file.name),
                format!("`{name}` has {count} fields, {MAX_FIELDS} are allowed"),
                "group fields that belong together into a struct",
            )
        }));
    }
    violations
}

/// Types with too many fields: name, line, number of fields.
struct Large(Vec<(String, usize, usize)>);

impl Large {
    fn add(&mut self, name: &syn::Ident, fields: &syn::Fields) {
        if fields.len() > MAX_FIELDS {
            self.0.push((name.to_string(), name.span().start().line, fields.len()));
        }
    }
}

impl<'ast> Visit<'ast> for Large {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add(&item.ident, &item.fields);
        visit::visit_item_struct(self, item);
    }

    fn visit_variant(&mut self, item: &'ast syn::Variant) {
        self.add(&item.ident, &item.fields);
        visit::visit_variant(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_FIELDS, Tree, violations};
    use crate::architecture::violation::texts;

    fn fields(count: usize) -> String {
        (0..count).map(|index| format!("f{index}: u8, ")).collect()
    }

    #[test]
    fn thirteen_fields_are_too_many() {
        let text = format!("struct A {{ {} }}", fields(MAX_FIELDS + 1));
        let found = texts(&violations(&Tree::of(&[("crates/a/src/b.rs", &text)])));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/a/src/b.rs:1: `A` has 13 fields"), "{}", found[0]);
        let text = format!("enum A {{ B {{ {} }} }}", fields(MAX_FIELDS + 1));
        assert_eq!(violations(&Tree::of(&[("a.rs", &text)])).len(), 1);
        let text = format!("struct A {{ {} }}", fields(MAX_FIELDS));
        assert!(violations(&Tree::of(&[("a.rs", &text)])).is_empty());
    }

    #[test]
    fn flags_of_the_command_line_may_have_more() {
        let text = format!("struct A {{ {} }}", fields(MAX_FIELDS + 1));
        let tree = Tree::of(&[("crates/whisper-node/src/cli/run.rs", &text)]);
        assert!(violations(&tree).is_empty());
    }
}
