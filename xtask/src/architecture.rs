//! The rules of the architecture, and the check of the repository against them.
//!
//! Each rule is a function from the files of the repository to its violations, in a file of its own. The check prints
//! all violations of all rules.

mod circles;
mod dependencies;
mod documents;
mod fields;
mod floors;
mod guide;
mod impls;
mod lengths;
mod levels;
mod manifests;
mod modules;
mod tree;
mod unsafe_code;
mod violation;
mod words;

use crate::{
    command::{Args, Command, Failure},
    workspace::{Workspace, root},
};
pub(crate) use manifests::RELEASED_FILES;
use tree::Tree;
use violation::Violation;

pub(crate) const COMMAND: Command = Command {
    name: "architecture",
    usage: "",
    about: "check the rules of the architecture, such as: dependencies point down, files are short",
    run: |args| {
        Args::new(args).rest(0)?;
        check()
    },
};

/// One rule about the files.
struct Rule {
    /// What holds if nothing breaks the rule.
    name: &'static str,
    check: fn(&Tree) -> Vec<Violation>,
    /// How many violations the repository still has. More fail the check; it is lowered as they are mended.
    known: usize,
}

const fn rule(name: &'static str, check: fn(&Tree) -> Vec<Violation>) -> Rule {
    known(0, name, check)
}

/// A rule that the repository does not keep everywhere yet.
const fn known(known: usize, name: &'static str, check: fn(&Tree) -> Vec<Violation>) -> Rule {
    Rule { name, check, known }
}

const RULES: &[Rule] = &[
    rule(
        "the lists of crates are complete and in the order of the floors",
        floors::lists::violations,
    ),
    rule("unsafe code is in keccak-lanes only", unsafe_code::violations),
    known(1, "a level has at most 15 modules", levels::crowded),
    known(1, "no file is named mod.rs", levels::mod_files),
    known(5, "circles of imports are small", circles::violations),
    known(2, "impl blocks of one type are close together", impls::violations),
    known(1, "a type has at most 12 fields", fields::violations),
    rule("files are short", lengths::files),
    known(1, "functions are short", lengths::functions),
    known(2, "cited documents are in the repository", documents::violations),
    rule("files and functions named in guides are there", guide::violations),
    known(281, "words are plain", words::violations),
];

/// Checks the workspace: its manifests and its files.
///
/// # Errors
///
/// Something breaks a rule: all violations are printed. Or the files cannot be read.
pub(crate) fn check() -> Result<(), Failure> {
    let workspace = Workspace::read()?;
    let tree = Tree::read(root())?;
    let order = format!("crates use lower floors only ({})", floors::names().join(", "));
    let mut count = report(&order, 0, &floors::violations(&workspace.packages));
    count += report("crates can be published", 0, &manifests::violations(&workspace.packages)?);
    count += report("crates bring few packages along", 0, &dependencies::violations()?);
    for rule in RULES {
        count += report(rule.name, rule.known, &(rule.check)(&tree));
    }
    match count {
        0 => Ok(()),
        1 => Err(Failure::new("one violation of the architecture (see above)")),
        _ => Err(Failure::new(format!("{count} violations of the architecture (see above)"))),
    }
}

/// Prints how a rule went, and returns the number of violations beyond the known ones.
fn report(rule: &str, known: usize, violations: &[Violation]) -> usize {
    let found = violations.len();
    if found == 0 {
        println!("  ok: {rule}");
    } else if found <= known {
        println!("  {found} known violations: {rule}");
        return 0;
    } else {
        println!("  BROKEN, {found} times, {known} were known: {rule}");
    }
    for violation in violations {
        println!("    {violation}");
    }
    found.saturating_sub(known)
}
