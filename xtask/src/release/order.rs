//! The order in which crates can be published.

use crate::{
    command::Failure,
    workspace::{Package, Workspace},
};

/// The published crates, each after all crates that it depends on, those of its tests included.
///
/// # Errors
///
/// Crates depend on each other in a circle.
pub(super) fn lowest_first(workspace: &Workspace) -> Result<Vec<&Package>, Failure> {
    let mut waiting: Vec<&Package> =
        workspace.packages.iter().filter(|package| package.published).collect();
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let is_waited_for = |package: &Package| {
            package
                .dependencies
                .iter()
                .any(|dependency| waiting.iter().any(|other| other.name == dependency.name))
        };
        let (blocked, free): (Vec<_>, Vec<_>) =
            waiting.iter().copied().partition(|package| is_waited_for(package));
        if free.is_empty() {
            let names: Vec<&str> = blocked.iter().map(|package| package.name.as_str()).collect();
            return Err(Failure::new(format!(
                "these crates depend on each other in a circle, perhaps by tests: {}",
                names.join(", ")
            )));
        }
        ordered.extend(free);
        waiting = blocked;
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::lowest_first;
    use crate::workspace::{Dependency, Package, Workspace};

    fn package(name: &str, dependencies: &[(&str, bool)]) -> Package {
        let dependency = |&(name, dev): &(&str, bool)| Dependency {
            name: name.to_owned(),
            dev,
            default_features: true,
            features: Vec::new(),
        };
        Package {
            name: name.to_owned(),
            published: name != "benches",
            dependencies: dependencies.iter().map(dependency).collect(),
            ..Package::default()
        }
    }

    fn names(packages: Vec<Package>) -> Result<Vec<String>, String> {
        let workspace = Workspace { target_dir: PathBuf::new(), packages };
        let ordered = lowest_first(&workspace).map_err(|failure| failure.to_string())?;
        Ok(ordered.iter().map(|package| package.name.clone()).collect())
    }

    #[test]
    fn a_crate_comes_after_what_it_depends_on() {
        let packages = vec![
            package("node", &[("mux", false), ("serde", false)]),
            package("benches", &[("node", false)]),
            package("mux", &[("codec", false), ("codec-tests", true)]),
            package("codec-tests", &[("codec", false)]),
            package("codec", &[]),
        ];
        assert_eq!(names(packages).unwrap(), ["codec", "codec-tests", "mux", "node"]);
    }

    #[test]
    fn a_circle_is_named() {
        let packages = vec![
            package("a", &[]),
            package("b", &[("a", false), ("c", true)]),
            package("c", &[("b", false)]),
        ];
        let fault = names(packages).unwrap_err();
        assert!(fault.ends_with("b, c"), "{fault}");
    }

    #[test]
    fn the_crates_of_the_workspace_can_be_ordered() {
        let workspace = Workspace::read().unwrap();
        let ordered = lowest_first(&workspace).unwrap();
        assert_eq!(ordered.len(), workspace.published().count());
        assert_eq!(ordered.last().unwrap().name, "whisper-node");
    }
}
