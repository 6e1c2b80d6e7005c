//! The file in which a reader of archives keeps its cursor.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

use whisper_protocol::HistoryCursor;

use crate::cli::failure::Failure;

/// The file with a cursor. It is replaced as a whole, so that it is complete whenever the program ends.
#[derive(Debug)]
pub(super) struct CursorFile {
    path: PathBuf,
    cursor: HistoryCursor,
}

impl CursorFile {
    /// Reads the cursor. Without a file, it is the beginning.
    pub(super) fn open(path: PathBuf) -> Result<Self, Failure> {
        let text = match fs::read_to_string(&path) {
            // What was missed is not known. It must not be taken for a new reader, which gets everything.
            Ok(text) if text.trim().is_empty() => return Err(Failure::EmptyCursor { path }),
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(Failure::CursorFile { path, source }),
        };
        match text.parse() {
            Ok(cursor) => Ok(Self { path, cursor }),
            Err(source) => Err(Failure::Cursor { path, source }),
        }
    }

    /// The cursor that was read.
    pub(super) fn cursor(&self) -> HistoryCursor {
        self.cursor.clone()
    }

    /// Replaces the cursor.
    pub(super) fn write(&self, cursor: &HistoryCursor) -> Result<(), Failure> {
        let failed = |source| Failure::CursorFile { path: self.path.clone(), source };
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let mut file = File::create(&name).map_err(failed)?;
        file.write_all(format!("{cursor}\n").as_bytes()).map_err(failed)?;
        // Its content is on the disk before its name is.
        file.sync_all().map_err(failed)?;
        fs::rename(&name, &self.path).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cursor");
        let file = CursorFile::open(path.clone()).unwrap();
        assert_eq!(file.cursor(), HistoryCursor::default());
        let text = "ea0288030303030303030382010081ffd9d888010101010101010188020202020202020205800180808080";
        let cursor: HistoryCursor = text.parse().unwrap();
        file.write(&cursor).unwrap();
        assert_eq!(CursorFile::open(path.clone()).unwrap().cursor(), cursor);
        fs::write(&path, "").unwrap();
        assert!(matches!(CursorFile::open(path.clone()), Err(Failure::EmptyCursor { .. })));
        fs::write(&path, "nonsense").unwrap();
        assert!(matches!(CursorFile::open(path), Err(Failure::Cursor { .. })));
    }
}
