//! The tags of releases: `rlp-codec-v0.1.0`, one for each version of each crate.

use crate::{
    command::Failure,
    process::{self, program},
    workspace::{Package, root},
};

/// All tags of the repository.
pub(crate) struct Tags(Vec<String>);

/// The tag of the version that `package` has now.
pub(super) fn tag(package: &Package) -> String {
    format!("{}-v{}", package.name, package.version)
}

impl Tags {
    pub(crate) fn read() -> Result<Self, Failure> {
        let list = process::output(&mut program("git", root(), &["tag", "--list"]))?;
        Ok(Self(list.lines().map(str::to_owned).collect()))
    }

    #[cfg(test)]
    pub(super) fn of(tags: &[&str]) -> Self {
        Self(tags.iter().map(|&tag| tag.to_owned()).collect())
    }

    pub(super) fn has(&self, tag: &str) -> bool {
        self.0.iter().any(|found| found == tag)
    }

    /// The tag of the highest released version of the crate `name`. Versions such as `1.0.0-rc.1` do not count.
    pub(super) fn last(&self, name: &str) -> Option<&str> {
        let released = self.0.iter().filter_map(|tag| {
            let version = tag.strip_prefix(name)?.strip_prefix("-v")?;
            Some((numbers(version)?, tag.as_str()))
        });
        released.max().map(|(_, tag)| tag)
    }
}

/// The numbers of a version of three numbers.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let numbers: Vec<u64> = version.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::Tags;

    #[test]
    fn the_last_release_has_the_highest_version() {
        let tags = Tags::of(&[
            "p2p-mux-v0.9.0",
            "p2p-mux-v0.10.0",
            "p2p-mux-v0.11.0-rc.1",
            "p2p-v7.0.0",
            "p2p-mux-tools-v8.0.0",
            "v9.0.0",
        ]);
        assert_eq!(tags.last("p2p-mux"), Some("p2p-mux-v0.10.0"));
        assert_eq!(tags.last("p2p-server"), None);
        assert!(tags.has("p2p-mux-v0.9.0") && !tags.has("p2p-mux-v0.9"));
    }
}
