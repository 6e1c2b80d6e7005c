//! A page of the book, taken apart: links, headings, lines of code.

/// A Markdown file.
#[derive(Debug)]
pub(super) struct Page {
    /// Path from the root.
    pub(super) path: String,
    pub(super) links: Vec<Link>,
    /// The anchors of its headings.
    pub(super) anchors: Vec<String>,
}

/// A link or picture.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) line: usize,
    pub(super) target: String,
}

impl Page {
    pub(super) fn parse(path: &str, text: &str) -> Self {
        let (mut links, mut anchors) = (Vec::new(), Vec::new());
        let mut in_block = false;
        for (index, line) in text.lines().enumerate() {
            if line.starts_with("```") {
                in_block = !in_block;
            } else if in_block {
                links.extend(included(line).map(|target| Link { line: index + 1, target }));
            } else {
                if let Some(heading) = heading(line) {
                    anchors.push(unique(&anchor(heading), &anchors));
                }
                links.extend(targets(line).map(|target| Link { line: index + 1, target }));
            }
        }
        Self { path: path.to_owned(), links, anchors }
    }

    /// Its name in the folder.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// The text of a heading.
fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    ((1..=6).contains(&level) && text.starts_with(' ')).then(|| text.trim())
}

/// The anchor that mdBook and most other tools make of a heading.
fn anchor(heading: &str) -> String {
    let is_kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, '-' | '_');
    heading.to_lowercase().replace(' ', "-").chars().filter(is_kept).collect()
}

/// `anchor`, with a number if the page has it already.
fn unique(anchor: &str, anchors: &[String]) -> String {
    let numbered = (1..).map(|number| format!("{anchor}-{number}"));
    let mut candidates = std::iter::once(anchor.to_owned()).chain(numbered);
    candidates.find(|candidate| !anchors.contains(candidate)).unwrap_or_default()
}

/// The targets of the links and pictures in a line, without code in backticks.
fn targets(line: &str) -> impl Iterator<Item = String> {
    let text: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
    let targets: Vec<String> = text
        .split("](")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
        .collect();
    targets.into_iter()
}

/// The file that a line of code includes: `{{#include path:lines}}`.
fn included(line: &str) -> Option<String> {
    let rest = line.split_once("{{#")?.1.split_once(' ')?.1;
    let path = rest.split_once("}}")?.0;
    Some(path.split(':').next().unwrap_or(path).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn links_and_anchors_are_found_outside_of_code() {
        let page = Page::parse(
            "docs/a.md",
            "# What it is, in 5\n[a](b.md#c) `[x](y)` ![p](p.svg)\n```rust\n# no heading\n[x](y)\n```\n## Next\n## Next\n",
        );
        assert_eq!(page.anchors, ["what-it-is-in-5", "next", "next-1"]);
        let found: Vec<_> =
            page.links.iter().map(|link| (link.line, link.target.as_str())).collect();
        assert_eq!(found, [(2, "b.md#c"), (2, "p.svg")]);
        assert_eq!(page.name(), "a.md");
    }

    #[test]
    fn an_included_file_is_a_link() {
        let page = Page::parse(
            "a.md",
            "```rust\n{{#include ../x.rs:3:9}}\n{{#rustdoc_include y.rs}}\n```\n",
        );
        let found: Vec<_> = page.links.iter().map(|link| link.target.as_str()).collect();
        assert_eq!(found, ["../x.rs", "y.rs"]);
    }
}
