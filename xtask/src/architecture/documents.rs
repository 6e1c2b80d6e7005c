//! Documents that files cite: each must be in the repository, with the section that is named.
//!
//! A citation is a path that ends in `.md`, a link of a Markdown file, or the name of a document in capitals in a
//! comment. A path is relative to the file that cites, to a folder above it, or to `docs/`. A section sign belongs to the
//! last document named before it in the file. A document of the repository must have a heading with that number; an RFC
//! or EIP is not checked.

use super::{
    tree::{File, Tree},
    violation::Violation,
};

/// The kinds of files that cite.
const EXTENSIONS: &[&str] = &["rs", "toml", "md", "mjs", "py"];

/// Documents that may be cited by a name in capitals, without `.md`.
const NAMES: &[&str] = &[
    "ARCHITECTURE",
    "ARCHIVE",
    "BENCHMARKS",
    "DESIGN",
    "FEATURES",
    "HOUSE",
    "PROTOCOL",
    "ROADMAP",
    "SPEC",
    "STYLE",
];

/// Files whose tests cite documents that do not exist, and those that name the pages of the book.
const UNCHECKED: &[&str] =
    &["xtask/src/architecture/documents.rs", "xtask/src/book/", "xtask/book/"];

/// Every citation of something that does not exist.
pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let is_checked = |file: &&File| {
        EXTENSIONS.contains(&file.extension())
            && !UNCHECKED.iter().any(|unchecked| file.name.starts_with(unchecked))
    };
    let citing = tree.files().filter(is_checked);
    citing.flat_map(|file| in_file(tree, file)).collect()
}

/// The document to which a section sign belongs.
enum Source<'a> {
    Unnamed,
    /// A document outside the repository, such as an RFC, or one that is missing.
    Other,
    Document(&'a File),
}

fn in_file(tree: &Tree, file: &File) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut source = Source::Unnamed;
    for (index, line) in file.text.lines().enumerate() {
        let place = format!("{}:{}", file.name, index + 1);
        let is_prose = file.extension() == "md" || comment(line).is_some();
        let text = without_labels(line);
        for word in text.split(is_separator).filter(|word| !word.is_empty()) {
            if let Some(cited) = cited(word, is_prose) {
                let found = find(tree, file, &cited);
                if found.is_none() && !tree.has(&cited) {
                    let fault = format!("cites {cited}, which is not in the repository");
                    violations.push(Violation::new(
                        &place,
                        fault,
                        "cite what exists, or say it here",
                    ));
                }
                source = found.map_or(Source::Other, Source::Document);
            } else if is_specification(word) {
                source = Source::Other;
            } else if let Some(section) = section(word) {
                let fault = match source {
                    Source::Unnamed => Some(format!("§{section} of no document")),
                    Source::Document(document) if !has_section(document, section) => {
                        Some(format!("{} has no section {section}", document.name))
                    }
                    _ => None,
                };
                violations.extend(fault.map(|fault| {
                    Violation::new(&place, fault, "name a document and one of its sections")
                }));
            }
        }
        if file.extension() == "md" {
            violations.extend(dead_links(tree, file, line, &place));
        }
    }
    violations
}

/// The line without the labels of links: `[RPC.md](a/RPC.md)` cites `a/RPC.md`.
fn without_labels(line: &str) -> String {
    let mut parts = line.split("](").peekable();
    let mut text = String::new();
    while let Some(part) = parts.next() {
        let label = if parts.peek().is_some() { part.rfind('[') } else { None };
        text.push_str(&part[..label.unwrap_or(part.len())]);
        text.push(' ');
    }
    text
}

/// The comment on this line of Rust, JavaScript, Python or TOML. A comment sign in a string counts as well, which does no
/// harm.
fn comment(line: &str) -> Option<&str> {
    let at = line.find("//").or_else(|| line.find("# ")).or_else(|| line.find("/*"))?;
    line.get(at..)
}

fn is_separator(letter: char) -> bool {
    letter.is_whitespace() || "`'\"()[]{}<>,;|=\u{201c}\u{201d}".contains(letter)
}

/// The document that `word` cites.
fn cited(word: &str, is_prose: bool) -> Option<String> {
    let word = word.trim_end_matches(['.', ':', '!', '?']);
    let (path, _anchor) = word.split_once('#').unwrap_or((word, ""));
    if path.contains("://") || path.contains('*') {
        return None;
    }
    if path.len() > 3 && path.ends_with(".md") && !path.ends_with("/.md") {
        return Some(path.to_owned());
    }
    (is_prose && NAMES.contains(&word)).then(|| format!("{word}.md"))
}

/// The file to which `path` leads from `file`.
fn find<'a>(tree: &'a Tree, file: &File, path: &str) -> Option<&'a File> {
    let mut folder = file.folder();
    loop {
        if let Some(found) = tree.get(&normal(&format!("{folder}{path}"))) {
            return Some(found);
        }
        if folder.is_empty() {
            break;
        }
        let above = folder.trim_end_matches('/');
        folder = above.rfind('/').map_or("", |at| &above[..=at]);
    }
    tree.get(&format!("docs/{path}"))
}

/// `a/../b` as `b`.
fn normal(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn is_specification(word: &str) -> bool {
    ["RFC", "EIP", "BEP", "SEC"].iter().any(|kind| {
        word.strip_prefix(kind).is_some_and(|rest| !rest.starts_with(char::is_alphabetic))
    })
}

/// The number of a section sign: `4.2` of `§4.2).`.
fn section(word: &str) -> Option<&str> {
    let number = word.split_once('§')?.1;
    let end = number.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
    Some(number[..end.unwrap_or(number.len())].trim_end_matches('.'))
}

fn has_section(document: &File, section: &str) -> bool {
    let headings = document.text.lines().filter(|line| line.starts_with('#'));
    let mut numbers =
        headings.filter_map(|line| line.trim_start_matches('#').split_whitespace().next());
    numbers.any(|number| number.trim_end_matches('.') == section)
}

/// Links of a Markdown file to files that do not exist.
fn dead_links(tree: &Tree, file: &File, line: &str, place: &str) -> Vec<Violation> {
    let targets = line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    targets
        .map(|target| target.split_once('#').map_or(target, |(path, _)| path))
        .filter(|path| !path.is_empty() && !path.contains(':') && !path.ends_with(".md"))
        .filter(|path| !tree.has(&normal(&format!("{}{path}", file.folder()))))
        .map(|path| {
            Violation::new(
                place,
                format!("links to {path}, which does not exist"),
                "correct the link",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Tree, violations};
    use crate::architecture::violation::texts;

    /// The faults of a comment in a crate, beside a protocol document with sections 4 and 4.2.
    fn faults(comment: &str) -> Vec<String> {
        let text = format!("//! {comment}\n");
        texts(&violations(&Tree::of(&[
            ("docs/PROTOCOL.md", "# Facts\n\n## 4. Frames\n\n### 4.2 Sizes\n"),
            ("crates/a/CHUNK.md", ""),
            ("crates/a/src/b/c.rs", &text),
        ])))
    }

    /// A document that does not exist.
    fn missing() -> String {
        ["NOWHERE", "md"].join(".")
    }

    #[test]
    fn a_document_that_does_not_exist_is_named() {
        let found = faults(&format!("As `{}` has it.", missing()));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/a/src/b/c.rs:1: cites NOWHERE"), "{}", found[0]);
        let found = faults(&format!("An edge ({}: down only).", ["DES", "IGN"].concat()));
        assert_eq!(found.len(), 1, "a name in capitals");
        let manifest = format!("# See {}.\n", missing());
        assert_eq!(violations(&Tree::of(&[("Cargo.toml", &manifest)])).len(), 1);
    }

    #[test]
    fn a_path_may_be_relative_to_the_file_that_cites() {
        assert!(faults("See CHUNK.md, ../CHUNK.md and docs/PROTOCOL.md.").is_empty());
        assert!(faults("See [RPC.md](../CHUNK.md).").is_empty());
        assert!(faults("See https://example.org/NOTHING.md and *.md.").is_empty());
    }

    #[test]
    fn a_section_must_be_a_heading_of_its_document() {
        assert!(faults("See PROTOCOL.md §4.2, and §4 of it.").is_empty());
        let found = faults("See PROTOCOL.md §4.3.");
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("docs/PROTOCOL.md has no section 4.3"), "{}", found[0]);
    }

    #[test]
    fn a_section_needs_a_document() {
        assert_eq!(faults("The sizes (§3.2).").len(), 1);
        assert!(faults("RFC 6886: the sizes (§3.2).").is_empty());
    }

    #[test]
    fn a_dead_link_is_named() {
        let tree = Tree::of(&[("a/README.md", "[x](src/x.rs) [y](../b.rs) [z](#z)"), ("b.rs", "")]);
        let found = texts(&violations(&tree));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("links to src/x.rs"), "{}", found[0]);
    }
}
