//! The finished book. mdBook takes every link to a `.md` file for one to a page; those to files of the repository are
//! corrected here.

use std::{fs, path::Path};

use super::texts;
use crate::command::Failure;

/// The root of the repository, as the pages name it.
const FROM_PAGES: &str = "href=\"../../../";
/// The same, from the folder of the finished book.
const FROM_OUTPUT: &str = "href=\"../../";

/// Corrects the links in all files of the finished book.
pub(super) fn link_to_repository(folder: &Path) -> Result<(), Failure> {
    for (name, text) in texts(folder, "html")? {
        let path = folder.join(name);
        fs::write(&path, corrected(&text)).map_err(|error| {
            Failure::new(format!("{} cannot be written: {error}", path.display()))
        })?;
    }
    Ok(())
}

fn corrected(text: &str) -> String {
    let mut parts = text.split(FROM_PAGES);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (target, rest) = part.split_once('"').unwrap_or((part, ""));
        result.push_str(FROM_OUTPUT);
        result.push_str(&target.replace(".html", ".md"));
        result.push('"');
        result.push_str(rest);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::corrected;

    #[test]
    fn only_links_to_the_repository_change() {
        let page = "<a href=\"../../../README.html#x\">a</a> <a href=\"wire.html\">b</a> \
                    <a href=\"../../../crates/a/b.rs\">c</a>";
        assert_eq!(
            corrected(page),
            "<a href=\"../../README.md#x\">a</a> <a href=\"wire.html\">b</a> \
             <a href=\"../../crates/a/b.rs\">c</a>"
        );
    }
}
