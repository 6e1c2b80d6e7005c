//! The newest section of a changelog.

/// What its heading says: `## 0.1.0 (2026-01-31)`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    version: String,
    /// The date, or `unreleased`.
    date: String,
}

/// The first section of a changelog.
///
/// # Errors
///
/// There is none, or its heading has no version and date; as a text.
pub(super) fn newest(changelog: &str) -> Result<Section, String> {
    let heading = changelog.lines().find_map(|line| line.strip_prefix("## "));
    let heading = heading.ok_or("has no section")?;
    let parts = heading.split_once(" (").and_then(|(version, rest)| {
        let date = rest.strip_suffix(')')?;
        Some(Section { version: version.to_owned(), date: date.to_owned() })
    });
    parts.ok_or_else(|| {
        format!(
            "its newest section is `{heading}`, not a version with a date: `0.1.0 (2026-01-31)`"
        )
    })
}

impl Section {
    /// This section, if it is about `version`.
    pub(super) fn of_version(self, version: &str) -> Result<Self, String> {
        if self.version == version {
            return Ok(self);
        }
        Err(format!(
            "its newest section is about {}, but the version in Cargo.toml is {version}",
            self.version
        ))
    }

    /// Whether there is something left to do for a release.
    pub(super) fn state(&self) -> String {
        match self.date.as_str() {
            "unreleased" => "its changelog has the section, which needs the date".to_owned(),
            date => format!("its changelog is dated {date}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::newest;

    const CHANGELOG: &str =
        "# Changelog\n\n## 0.2.0 (unreleased)\n\n- New.\n\n## 0.1.0 (2026-01-31)\n";

    #[test]
    fn the_first_section_counts() {
        let section = newest(CHANGELOG).unwrap().of_version("0.2.0").unwrap();
        assert!(section.state().contains("needs the date"));
        let dated = newest("## 0.1.0 (2026-01-31)\n").unwrap();
        assert!(dated.state().contains("2026-01-31"));
    }

    #[test]
    fn another_version_is_refused() {
        let fault = newest(CHANGELOG).unwrap().of_version("0.1.0").unwrap_err();
        assert!(fault.contains("0.2.0") && fault.contains("0.1.0"), "{fault}");
    }

    #[test]
    fn a_changelog_needs_a_section_with_version_and_date() {
        assert!(newest("# Changelog\n").is_err());
        assert!(newest("## Unreleased\n").unwrap_err().contains("`Unreleased`"));
        assert!(newest("## 0.1.0 (2026\n").is_err());
    }
}
