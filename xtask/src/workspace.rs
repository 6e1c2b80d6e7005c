//! The workspace as cargo sees it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{command::Failure, process};

/// The root of the workspace: the folder above this package.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The packages of the workspace, as `cargo metadata` lists them.
pub(crate) struct Workspace {
    pub(crate) target_dir: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One package of the workspace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The oldest Rust that it compiles with.
    pub(crate) rust_version: String,
    /// Whether it may be published.
    pub(crate) published: bool,
    pub(crate) manifest: PathBuf,
    /// Binaries by name: the fuzz targets.
    pub(crate) binaries: Vec<String>,
    /// Benchmarks by name: the layers.
    pub(crate) benches: Vec<String>,
    pub(crate) examples: Vec<Example>,
    /// Features by name, including `default`.
    pub(crate) features: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) listing: Listing,
}

/// A program in the folder `examples` of a package.
#[derive(Debug, Clone, Default)]
pub(crate) struct Example {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    /// Whether `cargo test` runs its tests.
    pub(crate) is_tested: bool,
}

/// What a registry shows of a package. A missing text is empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    pub(crate) description: String,
    pub(crate) license: String,
    pub(crate) keywords: Vec<String>,
    pub(crate) categories: Vec<String>,
    /// Path relative to the package.
    pub(crate) readme: String,
    /// Whether docs.rs builds the documentation with all features.
    pub(crate) docs_with_all_features: bool,
}

/// One line of a package's manifest.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// In `[dev-dependencies]`.
    pub(crate) dev: bool,
    pub(crate) default_features: bool,
    pub(crate) features: Vec<String>,
}

impl Workspace {
    /// Reads the workspace, without network.
    pub(crate) fn read() -> Result<Self, Failure> {
        let mut cargo =
            process::cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]);
        let text = process::output(&mut cargo)?;
        let json: Value = serde_json::from_str(&text)
            .map_err(|error| Failure::new(format!("cargo metadata printed no JSON: {error}")))?;
        Ok(Self {
            target_dir: PathBuf::from(text_of(&json, "target_directory")),
            packages: list_of(&json, "packages").map(Package::from_json).collect(),
        })
    }

    /// The package called `name`.
    pub(crate) fn package(&self, name: &str) -> Result<&Package, Failure> {
        let found = self.packages.iter().find(|package| package.name == name);
        found.ok_or_else(|| Failure::new(format!("the workspace has no package `{name}`")))
    }

    /// The names of the published crates.
    pub(crate) fn published(&self) -> impl Iterator<Item = &str> {
        self.packages
            .iter()
            .filter(|package| package.published)
            .map(|package| package.name.as_str())
    }
}

impl Package {
    /// Its folder, as a path from the root.
    pub(crate) fn folder(&self) -> &Path {
        let folder = self.manifest.parent().unwrap_or(&self.manifest);
        folder.strip_prefix(root()).unwrap_or(folder)
    }

    fn from_json(json: &Value) -> Self {
        let of_kind = |kind: &'static str| {
            list_of(json, "targets")
                .filter(move |target| list_of(target, "kind").any(|found| found == kind))
        };
        let targets = |kind| of_kind(kind).map(|target| text_of(target, "name")).collect();
        Self {
            name: text_of(json, "name"),
            version: text_of(json, "version"),
            rust_version: text_of(json, "rust_version"),
            // `publish = false` is an empty list of registries; everything else is null or names some.
            published: json["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
            manifest: PathBuf::from(text_of(json, "manifest_path")),
            binaries: targets("bin"),
            benches: targets("bench"),
            examples: of_kind("example").map(Example::from_json).collect(),
            features: json["features"].as_object().map(names).unwrap_or_default(),
            dependencies: list_of(json, "dependencies").map(Dependency::from_json).collect(),
            listing: Listing::from_json(json),
        }
    }
}

fn names(features: &serde_json::Map<String, Value>) -> Vec<String> {
    features.keys().cloned().collect()
}

impl Example {
    fn from_json(json: &Value) -> Self {
        Self {
            name: text_of(json, "name"),
            file: PathBuf::from(text_of(json, "src_path")),
            is_tested: json["test"] == true,
        }
    }
}

impl Listing {
    fn from_json(json: &Value) -> Self {
        Self {
            description: text_of(json, "description"),
            license: text_of(json, "license"),
            keywords: texts_of(json, "keywords"),
            categories: texts_of(json, "categories"),
            readme: text_of(json, "readme"),
            docs_with_all_features: json["metadata"]["docs"]["rs"]["all-features"] == true,
        }
    }
}

impl Dependency {
    fn from_json(json: &Value) -> Self {
        Self {
            name: text_of(json, "name"),
            dev: json["kind"] == "dev",
            default_features: json["uses_default_features"] != false,
            features: texts_of(json, "features"),
        }
    }
}

pub(crate) fn text_of(json: &Value, key: &str) -> String {
    json[key].as_str().unwrap_or_default().to_owned()
}

fn texts_of(json: &Value, key: &str) -> Vec<String> {
    list_of(json, key).filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(crate) fn list_of<'a>(json: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    json[key].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::Workspace;

    #[test]
    fn the_workspace_can_be_read() {
        let workspace = Workspace::read().unwrap();
        assert!(workspace.published().any(|name| name == "rlp-codec"));
        assert!(workspace.published().all(|name| name != "xtask"));
        let pow = workspace.package("whisper-pow").unwrap();
        assert!(pow.dependencies.iter().any(|dependency| dependency.name == "whisper-envelope"));
        assert!(workspace.package("no-such-crate").is_err());
    }
}
