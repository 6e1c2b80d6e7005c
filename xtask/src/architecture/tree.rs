//! The text files of the repository, read and parsed once for all rules.

use std::{fs, path::Path};

use crate::command::Failure;

/// Folders of built or installed files and of test data.
const SKIPPED_FOLDERS: &[&str] = &["target", "node_modules", "corpus", "vectors", ".git"];

/// The files of the repository, sorted by name.
pub(super) struct Tree {
    files: Vec<File>,
    /// The names of the other files, such as pictures.
    others: Vec<String>,
}

/// One text file.
pub(super) struct File {
    /// Path relative to the root, with `/` between its parts.
    pub(super) name: String,
    pub(super) text: String,
    /// The parsed text; `None` for files that are not Rust.
    pub(super) syntax: Option<syn::File>,
}

impl Tree {
    /// Reads all files below `root`. Of those that are not UTF-8, only the names are kept.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or a Rust file cannot be parsed.
    pub(super) fn read(root: &Path) -> Result<Self, Failure> {
        let mut tree = Self { files: Vec::new(), others: Vec::new() };
        tree.read_folder(root, "")?;
        tree.files.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(tree)
    }

    /// A tree of these names and texts.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file =
            |(name, text): &(&str, &str)| File::parse((*name).to_owned(), (*text).to_owned());
        let files = files.iter().map(file).collect::<Result<_, _>>().unwrap();
        Self { files, others: Vec::new() }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// The Rust files with their syntax.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&File, &syn::File)> {
        self.files.iter().filter_map(|file| Some((file, file.syntax.as_ref()?)))
    }

    /// The file of this name.
    pub(super) fn get(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Whether `path` is a file, or a folder with files in it. With a `/` at the end, only a folder.
    pub(super) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        let is_other = || self.others.iter().any(|name| name == path);
        (!path.ends_with('/') && (self.get(path).is_some() || is_other()))
            || self.files.iter().any(|file| file.name.starts_with(&folder))
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> Result<(), Failure> {
        let unreadable =
            |error| Failure::new(format!("{} cannot be read: {error}", folder.display()));
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let Ok(last) = entry.file_name().into_string() else { continue };
            let (path, kind) = (entry.path(), entry.file_type().map_err(unreadable)?);
            let name = format!("{prefix}{last}");
            if kind.is_dir() {
                // `.target-*` is another target folder; see .gitignore.
                if !SKIPPED_FOLDERS.contains(&last.as_str()) && !last.starts_with(".target") {
                    self.read_folder(&path, &format!("{name}/"))?;
                }
            } else if kind.is_file() {
                match String::from_utf8(fs::read(&path).map_err(unreadable)?) {
                    Ok(text) => self.files.push(File::parse(name, text)?),
                    Err(_) => self.others.push(name),
                }
            }
        }
        Ok(())
    }
}

impl File {
    fn parse(name: String, text: String) -> Result<Self, Failure> {
        let is_rust = name.ends_with(".rs");
        let syntax = is_rust.then(|| syn::parse_file(&text)).transpose().map_err(|error| {
            let line = error.span().start().line;
            Failure::new(format!("{name}:{line} cannot be parsed: {error}"))
        })?;
        Ok(Self { name, text, syntax })
    }

    /// The folder of the file, with a `/` at the end; empty for the root.
    pub(super) fn folder(&self) -> &str {
        self.name.rfind('/').map_or("", |at| &self.name[..=at])
    }

    /// The extension; empty if there is none.
    pub(super) fn extension(&self) -> &str {
        let last = self.name.rsplit('/').next().unwrap_or_default();
        last.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;
    use crate::workspace::root;

    #[test]
    fn the_repository_can_be_read_and_parsed() {
        let tree = Tree::read(root()).unwrap();
        assert!(tree.get("xtask/src/architecture/tree.rs").unwrap().syntax.is_some());
        assert!(tree.get("README.md").unwrap().syntax.is_none());
        assert!(tree.has("docs/book/src/dashboard.png"));
        assert!(tree.files().all(|file| !file.name.starts_with("target/")));
    }

    #[test]
    fn files_and_folders_are_found_by_path() {
        let tree = Tree::of(&[("a/b.rs", ""), ("README.md", "")]);
        assert!(tree.has("a/b.rs") && tree.has("a") && tree.has("a/") && tree.has("README.md"));
        assert!(!tree.has("a/b.rs/") && !tree.has("a/b") && !tree.has("b.rs"));
        assert_eq!(tree.get("a/b.rs").unwrap().folder(), "a/");
        assert_eq!(tree.get("README.md").unwrap().folder(), "");
        assert_eq!(tree.get("README.md").unwrap().extension(), "md");
    }
}
