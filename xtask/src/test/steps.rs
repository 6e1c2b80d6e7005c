//! The steps of the test command, in the order in which they run: quick steps come first.
//!
//! Steps that compile select the whole workspace where they can. Cargo unites the features of all packages that it
//! compiles, so another selection would compile many dependencies again.

use super::{archives, deny, needs::Need, oldest, targets};
use crate::{
    architecture, book,
    command::Failure,
    dist, fuzz, interop, postgres,
    process::{self, cargo},
    release::semver,
    sim, soak,
    workspace::Workspace,
};

/// One check.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// Programs besides cargo.
    pub(super) needs: &'static [Need],
    /// Whether it runs only when it is asked for: CI would wait for it too long.
    pub(super) is_long: bool,
    pub(super) run: fn(&Workspace) -> Result<(), Failure>,
}

const fn step(
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace) -> Result<(), Failure>,
) -> Step {
    Step { name, about, needs: &[], is_long: false, run }
}

impl Step {
    const fn needs(self, needs: &'static [Need]) -> Self {
        Self { needs, ..self }
    }

    const fn long(self) -> Self {
        Self { is_long: true, ..self }
    }

    /// A step that does nothing.
    #[cfg(test)]
    pub(super) const fn named(name: &'static str) -> Self {
        step(name, "", |_| Ok(()))
    }
}

pub(super) const STEPS: &[Step] = &[
    step("format", "every file is formatted", |_| here(&["fmt", "--all", "--check"]))
        .needs(&[Need::step("cargo-fmt")]),
    step(
        "architecture",
        "crates use lower floors only, files are short, and other rules of the architecture",
        |_| architecture::check(false),
    ),
    step("book", "the links, the pages and the pictures of the book exist", |_| book::check()),
    step("deny", "licences, sources and vulnerabilities of the packages", deny::check)
        .needs(&[Need::step(deny::PROGRAM).optional_in_ci()]),
    step("clippy", "no target has a warning", |_| {
        here(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])
    })
    .needs(&[Need::step("cargo-clippy")]),
    step(
        "alone",
        "each crate compiles alone, with its default features and without",
        |workspace| alone(workspace, default_and_none),
    ),
    step("wasm", "the crates for browsers compile for wasm32", targets::wasm).needs(&[
        Need::step("rustup").optional_in_ci(),
        Need::part("clang", "whisper-envelope with cryptography").optional_in_ci(),
    ]),
    step(
        "aarch64",
        "the NEON code compiles, and passes its tests in an emulator",
        targets::aarch64,
    )
    .needs(&[
        Need::step("rustup").optional_in_ci(),
        Need::part("aarch64-linux-gnu-gcc", "the tests").optional_in_ci(),
        Need::part("qemu-aarch64", "the tests").optional_in_ci(),
    ]),
    step("tests", "unit, property and integration tests of all crates", |_| {
        here(&["test", "--workspace", "--lib", "--bins", "--tests"])
    }),
    step("doctests", "the examples in the documentation run", |_| {
        here(&["test", "--workspace", "--doc"])
    }),
    step(
        "postgres",
        "the archive in a PostgreSQL database keeps its promises, on a server of its own",
        |_| with_postgres(&["--workspace", "--test", "contract", "--test", "archive"]),
    )
    .needs(&[Need::step("postgres").found_by(postgres::is_installed).optional_in_ci()]),
    step("docs", "the documentation builds without a warning", |_| {
        // An example selects the features that tests have, so that no dependency is compiled again.
        let doc = ["doc", "--workspace", "--no-deps", "--lib", "--example", "hundred_nodes"];
        process::run(cargo(&doc).env("RUSTDOCFLAGS", "--deny warnings"))
    }),
    step("fuzz", "every fuzz target accepts its corpus", |_| fuzz::replay()),
    step("benches", "every benchmark runs once", |_| {
        here(&["test", "--workspace", "--bench", "*"])
    }),
    step("package", "the archives of the crates are complete and compile", archives::package)
        .needs(&[Need::step("git"), Need::step("tar")]),
    step("sim", "simulated networks keep their promises, and repeat themselves", sim::test),
    step("planted", "simulated networks find bugs that are planted in them", |workspace| {
        sim::planted(workspace, false)
    }),
    step("soak", "nodes under load and churn work for a minute", soak::test),
    step("interop", "clients from npm and PyPI, and the examples, talk to our node", interop::run)
        .needs(&[
            Need::step("node"),
            Need::step("npm"),
            Need::part("python3", "web3.py and examples/chat.py"),
            Need::part("go", "examples/chat.go").optional_in_ci(),
            Need::part("chromium", "the dashboard and examples/chat.html").optional_in_ci(),
        ]),
    step("tampering", "100 000 attempts to change a handshake of sec/1 are refused", |_| {
        let test = &["test", "--release", "--package", "rlpx-transport", "--lib", "tampering"];
        process::run(cargo(test).env("RLPX_TAMPERINGS", "100000"))
    })
    .long(),
    step(
        "kills",
        "files keep what was acknowledged when their writer is killed 1000 times",
        |_| {
            let packages = ["node-store", "whisper-archive", "whisper-store"];
            let packages = packages.iter().flat_map(|name| ["--package", name]);
            let features = "node-store/test-util,whisper-store/test-util";
            let test = ["test", "--release", "--test", "kill", "--features", features];
            process::run(cargo(&test).args(packages).env("NODE_STORE_KILLS", "1000"))
        },
    )
    .long(),
    step("teams", "1 000 000 random calls of two teams show nothing of one to the other", |_| {
        let test = ["test", "--release", "--package", "whisper-rpc", "--test", "rpc", "random"];
        process::run(cargo(&test).env("RPC_TEAM_CALLS", "1000000"))
    })
    .long(),
    step("power", "files keep what was acknowledged when the power fails 10 000 times", |_| {
        let test = ["test", "--release", "--package", "sim", "--test", "power"];
        process::run(cargo(&test).env("POWER_FAILURES", "10000"))
    })
    .long(),
    step(
        "history",
        "readers of archives miss nothing of a million envelopes, in 1000 kills",
        |_| sim::archives(),
    )
    .long(),
    step("traced", "10 000 traces of messages are true, while nodes are killed", |_| sim::traced())
        .long(),
    step("optimized", "the optimized simulator does what the other one does", sim::optimized)
        .long(),
    step("calibrate", "a simulated network does what a real one does", |_| sim::calibrate()).long(),
    step("bugs", "simulated networks find every planted bug, and reduce it", |workspace| {
        sim::planted(workspace, true)
    })
    .long(),
    step("features", "each crate compiles alone with each of its features", |workspace| {
        alone(workspace, each_and_all)
    })
    .long(),
    step("msrv", "the crates compile with the oldest Rust that they declare", oldest::compiler)
        .needs(&[Need::step("rustup").optional_in_ci()])
        .long(),
    step("minimal", "the workspace compiles with the lowest versions it allows", oldest::packages)
        .needs(&[Need::step("git"), Need::step("rustup").optional_in_ci()])
        .long(),
    step("otel", "a collector of OpenTelemetry gets the spans of a post", |_| {
        here(&["test", "--package", "whisper-node", "--features", "otel", "--test", "otel"])
    })
    .long(),
    step(
        "dist",
        "the packages for operators are complete, and survive kills and an upgrade",
        dist::check,
    )
    .needs(&[
        Need::step("git"),
        Need::step("strip"),
        Need::part("cargo-deb", "the Debian package").optional_in_ci(),
        Need::part("dpkg", "unpacking it").optional_in_ci(),
        Need::part("systemd-analyze", "the check of the unit").optional_in_ci(),
        Need::part("musl-gcc", "the static program").optional_in_ci(),
    ])
    .long(),
    step("semver", "no interface has an incompatible change since its release", semver::check_all)
        .needs(&[Need::step("git"), Need::step(semver::PROGRAM).optional_in_ci()])
        .long(),
];

fn here(args: &[&str]) -> Result<(), Failure> {
    process::run(&mut cargo(args))
}

/// Runs the ignored tests of a selection with the address of a PostgreSQL server, one after another: one of them lets the server
/// crash.
fn with_postgres(selection: &[&str]) -> Result<(), Failure> {
    let server = postgres::PostgresServer::start()?;
    let server = server.ok_or_else(|| Failure::new("PostgreSQL is not installed"))?;
    let mut tests = cargo(&["test"]);
    tests.args(selection).args(["--", "--ignored", "--test-threads=1"]);
    process::run(tests.env(postgres::VARIABLE, server.address()))
}

/// The arguments that select features of a crate, from the names of its features.
type Selections = fn(&[String]) -> Vec<Vec<&str>>;

/// Checks each published crate with these selections of its features. A warning is a failure: it often names code that only
/// another feature needs.
fn alone(workspace: &Workspace, selections: Selections) -> Result<(), Failure> {
    for package in workspace.packages.iter().filter(|package| package.published) {
        for features in selections(&package.features) {
            let mut check = cargo(&["check", "--quiet", "--package", &package.name]);
            let warnings = process::warnings(check.args(&features))?;
            if !warnings.is_empty() {
                let features = features.join(" ");
                return Err(Failure::new(format!("{} has warnings with {features}", package.name)));
            }
        }
    }
    Ok(())
}

/// No features, and the default features, if they are others.
fn default_and_none(features: &[String]) -> Vec<Vec<&str>> {
    let has_default = features.iter().any(|feature| feature == "default");
    let default = has_default.then(Vec::new);
    std::iter::once(vec!["--no-default-features"]).chain(default).collect()
}

/// Each feature alone, and all features. A crate without features has none of these.
fn each_and_all(features: &[String]) -> Vec<Vec<&str>> {
    let named = features.iter().filter(|feature| *feature != "default");
    let each = named.map(|feature| vec!["--no-default-features", "--features", feature.as_str()]);
    let all = (!features.is_empty()).then(|| vec!["--all-features"]);
    each.chain(all).collect()
}

#[cfg(test)]
mod tests {
    use super::{default_and_none, each_and_all};

    fn joined(selections: &[Vec<&str>]) -> Vec<String> {
        selections.iter().map(|args| args.join(" ")).collect()
    }

    #[test]
    fn features_are_selected_each_alone() {
        let features = ["default", "std", "tokio"].map(str::to_owned);
        assert_eq!(joined(&default_and_none(&features)), ["--no-default-features", ""]);
        assert_eq!(
            joined(&each_and_all(&features)),
            [
                "--no-default-features --features std",
                "--no-default-features --features tokio",
                "--all-features"
            ]
        );
        // Without default features, both selections would be the same.
        assert_eq!(joined(&default_and_none(&["otel".to_owned()])), ["--no-default-features"]);
        assert_eq!(joined(&default_and_none(&[])), ["--no-default-features"]);
        assert!(each_and_all(&[]).is_empty());
    }
}
