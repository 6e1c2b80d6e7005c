//! The disk of a machine, which forgets what was not synced when the power fails.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use rand::{Rng, seq::SliceRandom as _};

/// What a disk writes at once: of a longer write a part may be lost.
const SECTOR: usize = 512;

/// The files of a machine.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    files: BTreeMap<PathBuf, FileState>,
    /// Maximum number of bytes of all files; `None` for no limit.
    pub(crate) capacity: Option<u64>,
    /// Number of operations that changed something: writes, changes of a length, syncs, renames.
    operations: u64,
    /// The operation during which the power fails, if it is to fail.
    fails_at: Option<u64>,
    /// A rename during which the power has failed.
    half_renamed: Option<(PathBuf, PathBuf)>,
}

/// One file.
#[derive(Debug, Default)]
pub(crate) struct FileState {
    /// What the programs see.
    content: Vec<u8>,
    /// What stays if the power fails now.
    durable: Vec<u8>,
    /// What was changed since the last sync.
    unsynced: Vec<Change>,
    pub(crate) locked: bool,
}

#[derive(Debug)]
enum Change {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

impl Disk {
    pub(crate) fn exists(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }

    /// Locks a file, which is made if it is not there.
    pub(crate) fn lock(&mut self, path: &Path) -> io::Result<()> {
        self.check_power()?;
        let file = self.files.entry(path.to_owned()).or_default();
        if file.locked {
            return Err(ErrorKind::WouldBlock.into());
        }
        file.locked = true;
        Ok(())
    }

    pub(crate) fn unlock(&mut self, path: &Path) {
        if let Some(file) = self.files.get_mut(path) {
            file.locked = false;
        }
    }

    /// Lets the power fail during an operation from now on; the next one is number 1. Nothing can be read or written then,
    /// until [`fail`](Self::fail).
    pub(crate) fn fail_at(&mut self, operation: u64) {
        self.fails_at = Some(self.operations + operation);
    }

    /// Whether the power has failed.
    pub(crate) fn is_off(&self) -> bool {
        self.fails_at.is_some_and(|operation| self.operations >= operation)
    }

    fn check_power(&self) -> io::Result<()> {
        if self.is_off() { Err(io::Error::other("the power has failed")) } else { Ok(()) }
    }

    /// Counts an operation. An error if the power fails during it.
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        self.check_power()
    }

    /// A new name is durable at once: a rename syncs the folder. If the power fails meanwhile, the file has either name.
    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.check_power()?;
        if let Err(failed) = self.operate() {
            self.half_renamed = Some((from.to_owned(), to.to_owned()));
            return Err(failed);
        }
        self.finish_rename(from, to)
    }

    fn finish_rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let file = self.files.remove(from).ok_or(ErrorKind::NotFound)?;
        self.files.insert(to.to_owned(), file);
        Ok(())
    }

    pub(crate) fn file(&self, path: &Path) -> io::Result<&FileState> {
        self.check_power()?;
        self.files.get(path).ok_or_else(|| ErrorKind::NotFound.into())
    }

    pub(crate) fn write(&mut self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let end = offset.checked_add(bytes.len() as u64).ok_or(ErrorKind::InvalidInput)?;
        self.check_room(path, end)?;
        let offset = usize::try_from(offset).map_err(|_| ErrorKind::InvalidInput)?;
        self.change(path, Change::Write(offset, bytes.to_vec()))
    }

    pub(crate) fn set_len(&mut self, path: &Path, len: u64) -> io::Result<()> {
        self.check_room(path, len)?;
        let len = usize::try_from(len).map_err(|_| ErrorKind::InvalidInput)?;
        self.change(path, Change::SetLen(len))
    }

    pub(crate) fn sync(&mut self, path: &Path) -> io::Result<()> {
        self.check_power()?;
        self.operate()?;
        let file = self.files.get_mut(path).ok_or(ErrorKind::NotFound)?;
        for change in file.unsynced.drain(..) {
            change.apply(&mut file.durable);
        }
        Ok(())
    }

    /// The power fails. Of what was not synced, some is lost, some is written in part, in any order.
    pub(crate) fn fail(&mut self, rng: &mut impl Rng) {
        self.fails_at = None;
        if let Some((from, to)) = self.half_renamed.take().filter(|_| rng.random()) {
            // The file was there when it was renamed.
            let _ = self.finish_rename(&from, &to);
        }
        for file in self.files.values_mut() {
            file.locked = false;
            let mut changes = std::mem::take(&mut file.unsynced);
            changes.shuffle(rng);
            for change in changes {
                if let Some(change) = change.torn(rng) {
                    change.apply(&mut file.durable);
                }
            }
            file.content.clone_from(&file.durable);
        }
    }

    /// The programs are killed. What they have written stays.
    pub(crate) fn release(&mut self) {
        self.files.values_mut().for_each(|file| file.locked = false);
    }

    /// Flips a bit of some file. Returns the file.
    pub(crate) fn flip_bit(&mut self, rng: &mut impl Rng) -> Option<&Path> {
        let bytes: usize = self.files.values().map(|file| file.durable.len()).sum();
        let mut place = rng.random_range(0..bytes.max(1));
        for (path, file) in &mut self.files {
            if let Some(byte) = file.durable.get_mut(place) {
                *byte ^= 1 << rng.random_range(0..8);
                let flipped = *byte;
                if let Some(seen) = file.content.get_mut(place) {
                    *seen = flipped;
                }
                return Some(path);
            }
            place -= file.durable.len();
        }
        None
    }

    fn check_room(&self, path: &Path, len: u64) -> io::Result<()> {
        let Some(capacity) = self.capacity else { return Ok(()) };
        let others = self.files.iter().filter(|(other, _)| *other != path);
        let used: u64 = others.map(|(_, file)| file.content.len() as u64).sum();
        let present = self.files.get(path).map_or(0, |file| file.content.len() as u64);
        if len > present && used + len > capacity {
            return Err(ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn change(&mut self, path: &Path, change: Change) -> io::Result<()> {
        self.check_power()?;
        let file = self.files.get_mut(path).ok_or(ErrorKind::NotFound)?;
        change.apply(&mut file.content);
        file.unsynced.push(change);
        // Of a change during which the power fails, a part may be written.
        self.operate()
    }
}

impl FileState {
    pub(crate) fn len(&self) -> u64 {
        self.content.len() as u64
    }

    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let range = usize::try_from(offset).ok().and_then(|from| {
            let to = from.checked_add(buffer.len())?;
            self.content.get(from..to)
        });
        buffer.copy_from_slice(range.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(offset, bytes) => {
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(bytes);
            }
            Self::SetLen(len) => content.resize(*len, 0),
        }
    }

    /// What is left of an unsynced change after the power has failed.
    fn torn(self, rng: &mut impl Rng) -> Option<Self> {
        match (self, rng.random_range(0..3)) {
            (_, 0) => None,
            (Self::Write(offset, mut bytes), 1) => {
                let sectors = bytes.len() / SECTOR;
                bytes.truncate(rng.random_range(0..=sectors) * SECTOR);
                Some(Self::Write(offset, bytes))
            }
            (whole, _) => Some(whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    const FILE: &str = "file";

    fn content(disk: &Disk) -> Vec<u8> {
        disk.file(FILE.as_ref()).unwrap().content.clone()
    }

    #[test]
    fn what_was_synced_survives_and_what_was_not_may_be_lost() {
        let mut outcomes = BTreeMap::new();
        for seed in 0..200 {
            let (mut disk, path) = (Disk::default(), Path::new(FILE));
            disk.lock(path).unwrap();
            disk.write(path, 0, &[1; 2048]).unwrap();
            disk.sync(path).unwrap();
            disk.write(path, 0, &[2; 1024]).unwrap();
            disk.write(path, 1024, &[3; 1024]).unwrap();
            disk.fail(&mut StdRng::seed_from_u64(seed));
            let after = content(&disk);
            assert_eq!(after.len(), 2048);
            let sectors = after.chunks(SECTOR).map(|sector| sector[0]).collect::<Vec<u8>>();
            *outcomes.entry(sectors).or_insert(0) += 1;
            disk.lock(path).unwrap();
        }
        for outcome in [[1, 1, 1, 1], [2, 2, 1, 1], [1, 1, 3, 3], [2, 1, 3, 3], [2, 2, 3, 3]] {
            assert!(outcomes.contains_key(outcome.as_slice()), "{outcome:?} of {outcomes:?}");
        }
    }

    #[test]
    fn a_killed_program_loses_nothing_and_a_full_disk_is_an_error() {
        let (mut disk, path) = (Disk { capacity: Some(10), ..Disk::default() }, Path::new(FILE));
        disk.lock(path).unwrap();
        disk.write(path, 0, &[1; 10]).unwrap();
        let full = disk.write(path, 5, &[1; 10]).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        disk.release();
        assert_eq!(content(&disk), [1; 10]);
        disk.sync(path).unwrap();
        assert_eq!(disk.flip_bit(&mut StdRng::seed_from_u64(1)), Some(path));
        let flipped: u32 = content(&disk).iter().map(|byte| (byte ^ 1).count_ones()).sum();
        assert_eq!(flipped, 1);
    }
}
