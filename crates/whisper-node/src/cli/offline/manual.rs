//! `whisper-node man` and `whisper-node completions`: what a package installs beside the program.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use crate::cli::console;
use crate::cli::failure::Failure;

/// The name of the program.
const NAME: &str = "whisper-node";

/// The flags of `whisper-node man`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Man {
    /// Folder for the pages; made if it does not exist
    folder: PathBuf,
}

impl Man {
    /// Writes a page for the program and for each of its commands.
    pub(crate) fn run(self, command: clap::Command) -> Result<(), Failure> {
        let failed = |source| Failure::ManPages { path: self.folder.clone(), source };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        clap_mangen::generate_to(command, &self.folder).map_err(failed)
    }
}

/// The flags of `whisper-node completions`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints a script that completes commands and flags.
    pub(crate) fn run(self, mut command: clap::Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, NAME, &mut script);
        console::print(String::from_utf8_lossy(&script).trim_end())
    }
}
