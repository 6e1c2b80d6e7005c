//! The rules of the architecture, and the check of the repository against them.
//!
//! Each rule is a function from the files of the repository to its violations, in a file of its own. The check prints
//! all violations of all rules.

mod circles;
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
}

const fn rule(name: &'static str, check: fn(&Tree) -> Vec<Violation>) -> Rule {
    Rule { name, check }
}

const RULES: &[Rule] = &[
    rule("unsafe code is in keccak-lanes only", unsafe_code::violations),
    rule("a level has at most 15 modules", levels::crowded),
    rule("no file is named mod.rs", levels::mod_files),
    rule("circles of imports are small", circles::violations),
    rule("impl blocks of one type are close together", impls::violations),
    rule("a type has at most 12 fields", fields::violations),
    rule("files are short", lengths::files),
    rule("functions are short", lengths::functions),
    rule("cited documents are in the repository", documents::violations),
    rule("files and functions named in guides are there", guide::violations),
    rule("words are plain", words::violations),
];

/// Checks the workspace: its manifests and its files.
///
/// # Errors
///
/// Something breaks a rule: all violations are printed. Or the files cannot be read.
pub(crate) fn check() -> Result<(), Failure> {
    let workspace = Workspace::read()?;
    let tree = Tree::read(root())?;
    let mut count =
        report("crates use lower floors only", &floors::violations(&workspace.packages));
    count += report("crates can be published", &manifests::violations(&workspace.packages)?);
    for rule in RULES {
        count += report(rule.name, &(rule.check)(&tree));
    }
    match count {
        0 => Ok(()),
        1 => Err(Failure::new("one violation of the architecture (see above)")),
        _ => Err(Failure::new(format!("{count} violations of the architecture (see above)"))),
    }
}

/// Prints how a rule went, and returns the number of its violations.
fn report(rule: &str, violations: &[Violation]) -> usize {
    if violations.is_empty() {
        println!("  ok: {rule}");
    } else {
        println!("  BROKEN, {} times: {rule}", violations.len());
    }
    for violation in violations {
        println!("    {violation}");
    }
    violations.len()
}
