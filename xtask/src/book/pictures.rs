//! Pictures: a reader who does not see them gets their title and description.

use std::path::Path;

use super::texts;
use crate::command::Failure;

/// Every SVG file in `folder` without a title or a description, or with a background that depends on the page.
pub(super) fn faults(folder: &Path) -> Result<Vec<String>, Failure> {
    Ok(texts(folder, "svg")?.iter().flat_map(|(name, text)| of_picture(name, text)).collect())
}

fn of_picture(name: &str, text: &str) -> Vec<String> {
    let parts = [
        ("role=\"img\"", "it has no role=\"img\""),
        ("aria-labelledby=\"title desc\"", "it does not name its title and description"),
        ("<title id=\"title\">", "it has no title"),
        ("<desc id=\"desc\">", "it has no description"),
        ("viewBox=", "it has no viewBox, so it cannot be scaled"),
    ];
    let missing = parts.iter().filter(|(part, _)| !text.contains(part));
    missing.map(|(_, fault)| format!("{name}: {fault}")).collect()
}

#[cfg(test)]
mod tests {
    use super::of_picture;

    #[test]
    fn a_picture_needs_a_title_and_a_description() {
        let whole = "<svg viewBox=\"0 0 1 1\" role=\"img\" aria-labelledby=\"title desc\">\
                     <title id=\"title\">A</title><desc id=\"desc\">B</desc></svg>";
        assert_eq!(of_picture("a.svg", whole), [""; 0]);
        let without = whole.replace("<desc id=\"desc\">B</desc>", "");
        assert_eq!(of_picture("a.svg", &without), ["a.svg: it has no description"]);
    }
}
