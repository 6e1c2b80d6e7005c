//! The mark of damage: a file beside a damaged one. It says what was found while that one was in use.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use p2p_world::World;

/// Maximum bytes of the text in a mark.
const MAX_BYTES: usize = 1000;

/// Whether damage was found in a file while it was in use. Clones share it, and do not keep the file open.
#[derive(Debug, Clone, Default)]
pub struct Damage(Arc<OnceLock<String>>);

impl Damage {
    /// What was found first, and what happens next; `None` if no damage was found.
    #[must_use]
    pub fn found(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    /// Keeps what was found, if it is the first damage. Returns whether it is.
    pub(super) fn keep(&self, text: &str) -> bool {
        self.0.set(text.to_owned()).is_ok()
    }
}

/// Leaves a mark beside a file. It is on the disk when this returns.
pub(super) fn leave(world: &dyn World, path: &Path, text: &str) -> io::Result<()> {
    // Under another name until it is complete.
    let new = beside(path, ".damaged.new");
    let file = world.open_file(&new)?;
    file.set_len(0)?;
    file.write(0, &text.as_bytes()[..text.len().min(MAX_BYTES)])?;
    file.sync()?;
    drop(file);
    world.rename(&new, &mark_of(path))
}

/// What the mark of a file says; `None` if there is no mark.
pub(super) fn read(world: &dyn World, path: &Path) -> Option<String> {
    let mark = mark_of(path);
    let content = || {
        let file = world.open_file(&mark)?;
        let mut text = vec![0; MAX_BYTES.min(file.len()?.try_into().unwrap_or(MAX_BYTES))];
        file.read(0, &mut text)?;
        Ok::<_, io::Error>(String::from_utf8_lossy(&text).into_owned())
    };
    // A mark that cannot be read is one.
    world.exists(&mark).then(|| content().unwrap_or_else(|error| error.to_string()))
}

/// Puts the mark of a file, if there is one, beside the name that the file has now. Without a mark, the next file is not taken for a
/// damaged one.
pub(super) fn put_away(world: &dyn World, path: &Path, aside: &Path) -> io::Result<()> {
    let mark = mark_of(path);
    if world.exists(&mark) { world.rename(&mark, &beside(aside, ".txt")) } else { Ok(()) }
}

/// The mark of a file.
pub(super) fn mark_of(path: &Path) -> PathBuf {
    beside(path, ".damaged")
}

/// The path with this at its end.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    PathBuf::from(name)
}
