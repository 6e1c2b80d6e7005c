//! The commands, flags and methods that the README and the book name exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The first words of a command line that runs the program.
const STARTS: &[&str] = &["whisper-node", "cargo run --release --", "cargo run --release"];

/// The namespaces of JSON-RPC.
const NAMESPACES: &[&str] = &["admin", "debug", "history", "net", "rpc", "shh", "shhext", "web3"];

/// The texts to check, with their names. The archive of this crate has none.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let Ok(book) = fs::read_dir(root.join("docs/book/src")) else { return Vec::new() };
    let pages = book.map(|file| file.unwrap().path());
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    pages
        .chain([root.join("README.md")])
        .filter(is_page)
        .map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// Runs the program. Returns why it refuses the arguments.
fn refusal(args: &[&str]) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_whisper-node");
    let output = Command::new(program).args(args).arg("--help").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    // A missing value is not refused here: `--port --help` says that it needs one.
    let is_unknown = error.contains("unexpected argument") || error.contains("unrecognized");
    is_unknown.then_some(error)
}

/// The command lines in the shell blocks of a page that run the program, without their first words.
fn command_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for block in text.split("```sh\n").skip(1) {
        let block = block.split("```").next().unwrap().replace("\\\n", " ");
        for line in block.lines() {
            let start = STARTS.iter().find_map(|start| line.trim().strip_prefix(start));
            if let Some(rest) = start.filter(|rest| rest.is_empty() || rest.starts_with(' ')) {
                lines.push(rest.split(" #").next().unwrap().to_owned());
            }
        }
    }
    lines
}

/// The subcommands and the flags of a command line.
fn subcommands_and_flags(line: &str) -> (Vec<&str>, Vec<&str>) {
    let is_subcommand = |word: &&str| word.chars().all(|letter| letter.is_ascii_lowercase());
    let subcommands = line.split_whitespace().take_while(is_subcommand).collect();
    let flags = line.split_whitespace().filter(|word| word.starts_with("--")).collect();
    (subcommands, flags)
}

/// The flags that the prose of a page names, in backticks.
fn named_flags(text: &str) -> BTreeSet<&str> {
    let prose = text.split("```").step_by(2);
    let code = prose.flat_map(|prose| prose.split('`').skip(1).step_by(2));
    code.filter(|code| code.starts_with("--"))
        .flat_map(|code| code.split_whitespace().filter(|word| word.starts_with("--")))
        .map(|flag| flag.split('=').next().unwrap())
        .collect()
}

/// The methods that a page names.
fn named_methods(text: &str) -> BTreeSet<&str> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let names = text.split(|letter| !is_name(letter));
    let has_namespace = |name: &&str| {
        name.split_once('_').is_some_and(|(space, rest)| {
            NAMESPACES.contains(&space) && rest.starts_with(|letter: char| letter.is_lowercase())
        })
    };
    names.filter(has_namespace).collect()
}

#[test]
fn the_command_lines_of_the_book_are_accepted() {
    for (name, text) in pages() {
        for line in command_lines(&text) {
            let (subcommands, flags) = subcommands_and_flags(&line);
            assert_eq!(refusal(&subcommands), None, "{name}: {line}");
            for flag in flags {
                let args: Vec<&str> = subcommands.iter().copied().chain([flag]).collect();
                assert_eq!(refusal(&args), None, "{name}: {line}");
            }
        }
    }
}

#[test]
fn the_flags_that_the_book_names_exist() {
    for (name, text) in pages() {
        for flag in named_flags(&text) {
            let commands = [
                &[][..],
                &["bootnode"],
                &["chat"],
                &["discover", "crawl"],
                &["history"],
                &["network", "init"],
                &["network", "status"],
            ];
            let refused =
                commands.iter().all(|command| refusal(&[command, &[flag][..]].concat()).is_some());
            assert!(!refused, "{name}: {flag}");
        }
    }
}

#[test]
fn the_methods_that_the_book_names_exist() {
    let program = env!("CARGO_BIN_EXE_whisper-node");
    let output = Command::new(program).args(["rpc", "discover"]).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let methods: Vec<&str> = document["methods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|method| method["name"].as_str().unwrap())
        .collect();
    let pages = pages();
    // The names of metrics of JSON-RPC begin like methods. Another test compares this list with the program.
    let is_metric =
        |name: &str| pages.iter().any(|(_, text)| text.contains(&format!("\n| `{name}` |")));
    for (name, text) in &pages {
        for method in named_methods(text) {
            assert!(methods.contains(&method) || is_metric(method), "{name}: {method}");
        }
    }
}

#[test]
fn commands_and_names_are_found_in_a_page() {
    let page = "`--shh.pow=1` and `whisper-node --x`\n```sh\ncurl --silent x\n\
                cargo run --release -- discover crawl --time 5 \\\n    --records # all\n```\n`shh_post`, `admin_*`";
    let lines = command_lines(page);
    assert_eq!(lines.len(), 1);
    let (subcommands, flags) = subcommands_and_flags(&lines[0]);
    assert_eq!((subcommands, flags), (vec!["discover", "crawl"], vec!["--time", "--records"]));
    assert_eq!(named_flags(page), BTreeSet::from(["--shh.pow"]));
    assert_eq!(named_methods(page), BTreeSet::from(["shh_post"]));
}
