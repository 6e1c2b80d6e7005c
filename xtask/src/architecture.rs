//! The rules of the architecture, and the check of the repository against them.
//!
//! Each rule is a function from the files of the repository to its violations, in its own file. The check prints the
//! violations of all rules.

mod circles;
mod dependencies;
mod documents;
mod floors;
mod guide;
mod impls;
mod manifests;
mod modules;
mod sizes;
mod tree;
mod unsafe_code;
mod violation;
mod words;
mod world;

use crate::{
    command::{Args, Command, Failure},
    workspace::{Workspace, root},
};
pub(crate) use manifests::RELEASED_FILES;
use tree::Tree;
use violation::Violation;

pub(crate) const COMMAND: Command = Command {
    name: "architecture",
    usage: "[--known]",
    about: "check the rules of the architecture, such as: crates use lower floors only, files are short;\n\
            --known also prints the violations that do not fail the check yet",
    run: |args| {
        let mut args = Args::new(args);
        let show_known = args.flag("--known");
        args.rest(0)?;
        check(show_known)
    },
};

/// One rule about the files.
struct Rule {
    /// A sentence that is true if there is no violation.
    name: &'static str,
    check: fn(&Tree) -> Vec<Violation>,
    /// Number of violations that the repository still has. More fail the check. It may only become lower.
    known: usize,
}

const fn rule(name: &'static str, check: fn(&Tree) -> Vec<Violation>) -> Rule {
    known(0, name, check)
}

/// A rule that the repository still violates `known` times.
const fn known(known: usize, name: &'static str, check: fn(&Tree) -> Vec<Violation>) -> Rule {
    Rule { name, check, known }
}

const RULES: &[Rule] = &[
    rule(
        "the lists of crates are complete and in the order of the floors",
        floors::lists::violations,
    ),
    rule("unsafe code is in keccak-lanes only", unsafe_code::violations),
    rule("a level has at most 15 modules", sizes::levels::crowded),
    rule("no file is named mod.rs", sizes::levels::mod_files),
    rule("circles of imports are small", circles::violations),
    rule("impl blocks of one type are close together", impls::violations),
    rule("a type has at most 12 fields", sizes::fields::violations),
    rule("files are short", sizes::lengths::files),
    rule("functions are short", sizes::lengths::functions),
    rule("cited documents are in the repository", documents::violations),
    rule("files, functions and types named in guides exist", guide::violations),
    rule("words are plain", words::violations),
    rule("below the program everything from outside is got from p2p-world", world::violations),
];

/// Checks the workspace: its manifests and its files.
///
/// # Errors
///
/// A rule has more violations than are known: they are printed. Or a file cannot be read.
pub(crate) fn check(show_known: bool) -> Result<(), Failure> {
    let packages = Workspace::read()?.packages;
    let tree = Tree::read(root())?;
    let order = format!("crates use lower floors only ({})", floors::names().join(", "));
    let mut results = vec![
        (order.as_str(), 0, floors::violations(&packages)),
        (
            "crates can be published, and their examples are tested",
            0,
            manifests::violations(&packages)?,
        ),
        ("crates bring few packages along", 0, dependencies::violations()?),
        ("code in C is listed", 0, dependencies::native::violations(&tree)?),
    ];
    results.extend(RULES.iter().map(|rule| (rule.name, rule.known, (rule.check)(&tree))));
    let mut count = 0;
    for (rule, known, violations) in results {
        println!("{}", describe(rule, known, &violations, show_known));
        count += violations.len().saturating_sub(known);
    }
    match count {
        0 => Ok(()),
        1 => Err(Failure::new("one violation of the architecture (see above)")),
        _ => Err(Failure::new(format!("{count} violations of the architecture (see above)"))),
    }
}

/// The result of a rule as a text, with the violations if there are more than known, or if known ones are to be shown.
fn describe(rule: &str, known: usize, violations: &[Violation], show_known: bool) -> String {
    let found = violations.len();
    let mut text = match found {
        0 => format!("  ok: {rule}"),
        _ if found <= known => format!("  ok, except {found} known violations: {rule}"),
        _ => format!("  BROKEN, {found} violations, {known} known: {rule}"),
    };
    if found > known || show_known {
        for violation in violations {
            text.push_str(&format!("\n    {violation}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{RULES, Tree, Violation, describe};

    /// A repository that breaks every rule.
    fn broken() -> Tree {
        let fields: String = (0..13).map(|index| format!("f{index}: u8, ")).collect();
        let modules: String = (0..16).map(|index| format!("mod m{index};\n")).collect();
        let calls = "    g();\n".repeat(500);
        let lib = format!(
            "//! {} reads {}.\nuse std::fs;\nmod b;\n{modules}unsafe fn f() {{\n{calls}}}\nstruct A {{ {fields} }}",
            ["No", "body"].concat(),
            ["NOWHERE", "md"].join(".")
        );
        let mut files = vec![
            ("crates/a/src/lib.rs".to_owned(), lib),
            ("crates/a/src/b/mod.rs".to_owned(), String::new()),
            ("ARCHITECTURE.md".to_owned(), "`crates/b/`".to_owned()),
        ];
        files.extend((0..16).map(|index| {
            let next = (index + 1) % 16;
            let text = format!(
                "use super::{{A, m{next}::S{next}}}; impl A {{}} pub struct S{index}(S{next});"
            );
            (format!("crates/a/src/m{index}.rs"), text)
        }));
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        Tree::of(&files)
    }

    #[test]
    fn every_rule_is_checked() {
        let tree = broken();
        for rule in RULES {
            assert!(!(rule.check)(&tree).is_empty(), "{}", rule.name);
        }
    }

    #[test]
    fn violations_are_shown_if_there_are_more_than_known() {
        let violations = [Violation::new("a.rs", "bad", "mend it")];
        assert_eq!(describe("files are good", 0, &[], true), "  ok: files are good");
        let broken = "  BROKEN, 1 violations, 0 known: files are good\n    a.rs: bad; mend it";
        assert_eq!(describe("files are good", 0, &violations, false), broken);
        let known = "  ok, except 1 known violations: files are good";
        assert_eq!(describe("files are good", 1, &violations, false), known);
        assert!(describe("files are good", 1, &violations, true).ends_with("bad; mend it"));
    }
}
