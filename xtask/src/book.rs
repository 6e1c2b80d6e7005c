//! The book in `docs/book`: its links and pictures are checked, and mdBook builds it.
//!
//! The Rust programs of the book are compiled and run by the package `book`. The flags, commands and methods that it names
//! are compared with the program by a test of `whisper-node`.

mod links;
mod output;
mod page;
mod pictures;
mod summary;

use std::{fs, path::Path};

use crate::{
    command::{Args, Command, Failure},
    process,
    workspace::root,
};
use page::Page;

pub(crate) const COMMAND: Command = Command {
    name: "book",
    usage: "[--check]",
    about: "check the book in docs/book, and build it with mdBook into target/book; --check: no build",
    run,
};

/// The folder with the pages, from the root.
const PAGES: &str = "docs/book/src";

/// The folder with the finished book, from the root.
const OUTPUT: &str = "target/book";

fn run(args: &[String]) -> Result<(), Failure> {
    let mut args = Args::new(args);
    let only_check = args.flag("--check");
    args.rest(0)?;
    check()?;
    if only_check { Ok(()) } else { build() }
}

/// Checks the list of pages, every link and every picture.
pub(crate) fn check() -> Result<(), Failure> {
    let pages = read()?;
    let mut faults = summary::faults(&pages);
    faults.extend(links::faults(root(), &pages)?);
    faults.extend(pictures::faults(&root().join(PAGES))?);
    for fault in &faults {
        println!("  {fault}");
    }
    match faults.len() {
        0 => {
            println!("  ok: {} files of {PAGES}", pages.len());
            Ok(())
        }
        number => Err(Failure::new(format!("faults in the book: {number}"))),
    }
}

/// Reads all pages, sorted by name.
fn read() -> Result<Vec<Page>, Failure> {
    let mut pages = Vec::new();
    for (name, text) in texts(&root().join(PAGES), "md")? {
        pages.push(Page::parse(&format!("{PAGES}/{name}"), &text));
    }
    Ok(pages)
}

/// The names and texts of the files in `folder` with this extension, sorted by name.
fn texts(folder: &Path, extension: &str) -> Result<Vec<(String, String)>, Failure> {
    let failed = |error| Failure::new(format!("{} cannot be read: {error}", folder.display()));
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|found| found == extension) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            texts.push((name, fs::read_to_string(&path).map_err(failed)?));
        }
    }
    texts.sort();
    Ok(texts)
}

/// Builds the book, if mdBook is installed.
fn build() -> Result<(), Failure> {
    let mdbook = |args| process::program("mdbook", root(), args);
    if !process::works(&mut mdbook(&["--version"])) {
        return Err(Failure::new(
            "mdbook is not in the PATH, so the book was checked, but not built.\n\
             To get it: cargo install mdbook --locked\n\
             The book can also be read as it is: start at docs/book/src/SUMMARY.md",
        ));
    }
    process::run(&mut mdbook(&["build", "docs/book"]))?;
    output::link_to_repository(&root().join(OUTPUT))?;
    println!("  {OUTPUT}/index.html");
    Ok(())
}
