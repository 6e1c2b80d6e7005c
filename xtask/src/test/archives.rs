//! The archives of the published crates: what they contain, and that they compile.
//!
//! `cargo package` by itself compiles each archive in a folder of its own, with all its dependencies: minutes. Here the
//! archives are unpacked into a copy of the workspace, in the place of the crates, and the copy is checked once. The
//! copy has the manifest, the lock file and therefore the features of the workspace, so that it uses the dependencies
//! that the step `clippy` has compiled. What the archives contain beside libraries and programs is compared by name.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    architecture::RELEASED_FILES,
    command::Failure,
    process::{self, cargo, program},
    workspace::{Package, Workspace, root},
};

/// Packages the published crates for release and checks the libraries and programs of the workspace with the crates from their
/// archives. What is not committed is packaged as well, so that the step can be run while working.
pub(super) fn package(workspace: &Workspace) -> Result<(), Failure> {
    let mut package = cargo(&["package", "--quiet", "--no-verify", "--allow-dirty"]);
    for name in workspace.published() {
        package.args(["--package", name]);
    }
    process::run(&mut package)?;

    let copy = Copy::new(workspace)?;
    for name in source_files()? {
        copy.add(workspace, &name)?;
    }
    copy.add_patches(workspace)?;
    let mut check = cargo(&["check", "--quiet", "--locked", "--workspace", "--lib", "--bins"]);
    // An example selects the features that tests have.
    check.args(["--example", "hundred_nodes"]);
    check.current_dir(&copy.folder).env("CARGO_TARGET_DIR", &workspace.target_dir);
    process::run(&mut check)
}

/// A copy of the repository in the folder `name` of the target folder: what is committed, and what is not ignored.
pub(super) fn copy_of_sources(workspace: &Workspace, name: &str) -> Result<PathBuf, Failure> {
    let folder = workspace.target_dir.join(name);
    remove(&folder)?;
    for name in source_files()? {
        copy_file(&name, &folder)?;
    }
    Ok(folder)
}

/// Removes a folder, if it is there.
fn remove(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(not_written(folder, &error)),
        _ => Ok(()),
    }
}

/// Copies the file `name` of the repository into `folder`, if it is not deleted.
fn copy_file(name: &str, folder: &Path) -> Result<(), Failure> {
    let (source, to) = (root().join(name), folder.join(name));
    if !source.is_file() {
        // Deleted, but not in the index yet.
        return Ok(());
    }
    let parent = to.parent().unwrap_or(folder);
    let copied = fs::create_dir_all(parent).and_then(|()| fs::copy(&source, &to));
    copied.map(drop).map_err(|error| not_written(&to, &error))
}

/// The files that belong to the repository, committed or not, by their paths from its root.
fn source_files() -> Result<Vec<String>, Failure> {
    let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let list = process::output(&mut program("git", root(), &args))?;
    Ok(list.split_terminator('\0').map(str::to_owned).collect())
}

/// A copy of the workspace, with the published crates as their archives contain them.
struct Copy {
    folder: PathBuf,
}

impl Copy {
    /// Makes the folder and unpacks the archives into it.
    fn new(workspace: &Workspace) -> Result<Self, Failure> {
        let folder = workspace.target_dir.join("archives");
        remove(&folder)?;
        for package in workspace.packages.iter().filter(|package| package.published) {
            let into = folder.join(package.folder());
            fs::create_dir_all(&into).map_err(|error| not_written(&into, &error))?;
            unpack(workspace, package, &into)?;
            if let Some(missing) = missing(RELEASED_FILES, &into) {
                return Err(not_in_archive(package, missing));
            }
        }
        Ok(Self { folder })
    }

    /// Copies the file `name` of the repository, or fails if an archive should contain it and does not.
    fn add(&self, workspace: &Workspace, name: &str) -> Result<(), Failure> {
        let of = workspace
            .packages
            .iter()
            .find(|package| package.published && Path::new(name).starts_with(package.folder()));
        let Some(package) = of else { return copy_file(name, &self.folder) };
        // Tests and documentation may read every file of their crate. A deleted one is perhaps still in the index.
        let is_packed = self.folder.join(name).is_file() || !root().join(name).is_file();
        if is_packed { Ok(()) } else { Err(not_in_archive(package, name)) }
    }

    /// Lets the manifests from the archives, which name versions only, find each other.
    fn add_patches(&self, workspace: &Workspace) -> Result<(), Failure> {
        let manifest = self.folder.join("Cargo.toml");
        let mut text =
            fs::read_to_string(&manifest).map_err(|error| not_written(&manifest, &error))?;
        text.push_str(&patches(&workspace.packages));
        fs::write(&manifest, text).map_err(|error| not_written(&manifest, &error))
    }
}

/// The section that replaces the published crates of the registry by those of this folder.
fn patches(packages: &[Package]) -> String {
    let mut text = "\n[patch.crates-io]\n".to_owned();
    for package in packages.iter().filter(|package| package.published) {
        let folder = package.folder().display().to_string().replace('\\', "/");
        text.push_str(&format!("{} = {{ path = \"{folder}\" }}\n", package.name));
    }
    text
}

/// Unpacks what `cargo package` has made of `package`. In the archive all files are in one folder, which is left out.
fn unpack(workspace: &Workspace, package: &Package, into: &Path) -> Result<(), Failure> {
    let archive = format!("{}-{}.crate", package.name, package.version);
    let archive = workspace.target_dir.join("package").join(archive);
    let mut tar = program("tar", into, &["-xzf"]);
    process::output(tar.arg(archive).args(["--strip-components", "1"])).map(drop)
}

/// The first of these files that is not in `folder`.
fn missing<'a>(files: &[&'a str], folder: &Path) -> Option<&'a str> {
    files.iter().copied().find(|name| !folder.join(name).is_file())
}

fn not_in_archive(package: &Package, file: &str) -> Failure {
    Failure::new(format!("the archive of {} does not contain {file}", package.name))
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{Copy, Package, Workspace, fs, missing, patches, root};

    fn package(name: &str, published: bool) -> Package {
        Package {
            name: name.to_owned(),
            published,
            manifest: root().join("crates").join(name).join("Cargo.toml"),
            ..Package::default()
        }
    }

    /// A folder of its own for each test.
    fn folder(name: &str) -> Copy {
        let folder = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Copy { folder }
    }

    #[test]
    fn an_archive_without_a_licence_is_refused() {
        let Copy { folder } = folder("licences");
        let names = ["LICENSE-APACHE", "LICENSE-MIT"];
        names.iter().for_each(|name| fs::write(folder.join(name), "").unwrap());
        assert_eq!(missing(&names, &folder), None);
        fs::remove_file(folder.join("LICENSE-MIT")).unwrap();
        assert_eq!(missing(&names, &folder), Some("LICENSE-MIT"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_archive_contains_every_file_of_its_crate() {
        let copy = folder("files");
        let workspace = Workspace {
            target_dir: copy.folder.clone(),
            packages: vec![package("rlp-codec", true)],
        };
        let name = "crates/rlp-codec/src/lib.rs";
        let failure = copy.add(&workspace, name).unwrap_err().to_string();
        assert_eq!(failure, format!("the archive of rlp-codec does not contain {name}"));
        copy.add(&workspace, "crates/rlp-codec/src/no-such-file.rs").unwrap();
        // What belongs to no published crate is copied.
        copy.add(&workspace, "clippy.toml").unwrap();
        assert!(copy.folder.join("clippy.toml").is_file());
        fs::remove_dir_all(copy.folder).unwrap();
    }

    #[test]
    fn published_crates_find_each_other() {
        let packages = [package("rlp-codec", true), package("benches", false)];
        assert_eq!(
            patches(&packages),
            "\n[patch.crates-io]\nrlp-codec = { path = \"crates/rlp-codec\" }\n"
        );
    }
}
