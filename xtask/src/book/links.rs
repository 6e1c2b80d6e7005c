//! Links of the pages: to pages, to headings, to files of the repository.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use super::page::{Link, Page};
use crate::command::Failure;

/// Every link to something that does not exist. `root` is the folder of the repository.
pub(super) fn faults(root: &Path, pages: &[Page]) -> Result<Vec<String>, Failure> {
    let mut faults = Vec::new();
    for page in pages {
        for link in &page.links {
            if let Some(fault) = fault(root, pages, page, link)? {
                faults.push(format!("{}:{}: {fault}", page.path, link.line));
            }
        }
    }
    Ok(faults)
}

fn fault(root: &Path, pages: &[Page], page: &Page, link: &Link) -> Result<Option<String>, Failure> {
    if link.target.contains("://") {
        return Ok(None);
    }
    let (path, anchor) = match link.target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (link.target.as_str(), None),
    };
    let folder = Path::new(&page.path).parent().unwrap_or(Path::new(""));
    let path = if path.is_empty() { PathBuf::from(&page.path) } else { normal(&folder.join(path)) };
    let shown = path.display();
    if !root.join(&path).exists() {
        return Ok(Some(format!("links to {shown}, which does not exist")));
    }
    let Some(anchor) = anchor else { return Ok(None) };
    let known = pages.iter().find(|page| Path::new(&page.path) == path);
    let found = match known {
        Some(page) => page.anchors.iter().any(|found| found == anchor),
        None => anchors(&root.join(&path))?.iter().any(|found| found == anchor),
    };
    Ok((!found).then(|| format!("links to #{anchor}, which {shown} does not have")))
}

/// The anchors of a file that is no page.
fn anchors(path: &Path) -> Result<Vec<String>, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))?;
    Ok(Page::parse("", &text).anchors)
}

/// `a/../b` as `b`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::{Page, faults};
    use crate::workspace::root;

    fn found(text: &str) -> Vec<String> {
        let page = Page::parse("docs/book/src/SUMMARY.md", text);
        faults(root(), &[page]).unwrap()
    }

    #[test]
    fn what_exists_can_be_linked() {
        let text = "## A b\n[a](#a-b) [b](SUMMARY.md#a-b) [c](../../../README.md#quick-start) \
                    [d](slots.svg) [e](https://example.org/x) [f](../../../crates/)";
        assert_eq!(found(text), [""; 0]);
    }

    #[test]
    fn dead_links_are_named_with_their_line() {
        let text = "x\n[a](nowhere.md)";
        assert_eq!(
            found(text),
            ["docs/book/src/SUMMARY.md:2: links to docs/book/src/nowhere.md, which does not exist"]
        );
        assert_eq!(found("[a](#nowhere)").len(), 1, "a heading of the page itself");
        assert_eq!(found("[a](../../../README.md#nowhere)").len(), 1, "a heading of another file");
        assert_eq!(found("![a](nowhere.svg)").len(), 1, "a picture");
        assert_eq!(found("```rust\n{{#include nowhere.rs}}\n```").len(), 1, "an included file");
    }
}
