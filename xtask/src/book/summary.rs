//! The list of pages: it has every page once, and nothing else.

use super::page::Page;

const SUMMARY: &str = "SUMMARY.md";

pub(super) fn faults(pages: &[Page]) -> Vec<String> {
    let Some(summary) = pages.iter().find(|page| page.name() == SUMMARY) else {
        return vec![format!("there is no {SUMMARY}")];
    };
    let mut faults = Vec::new();
    for page in pages.iter().filter(|page| page.name() != SUMMARY) {
        match summary.links.iter().filter(|link| link.target == page.name()).count() {
            1 => {}
            0 => faults.push(format!("{}: {SUMMARY} does not list it", page.path)),
            number => faults.push(format!("{}: {SUMMARY} lists it {number} times", page.path)),
        }
    }
    // That a listed page exists is checked with the other links.
    faults
}

#[cfg(test)]
mod tests {
    use super::{Page, faults};

    #[test]
    fn every_page_is_listed_once() {
        let pages = |list| [Page::parse("src/SUMMARY.md", list), Page::parse("src/a.md", "")];
        assert!(faults(&pages("- [A](a.md)")).is_empty());
        assert_eq!(faults(&pages("")), ["src/a.md: SUMMARY.md does not list it"]);
        assert_eq!(faults(&pages("[A](a.md) [A](a.md)")).len(), 1);
        assert_eq!(faults(&[]), ["there is no SUMMARY.md"]);
    }
}
