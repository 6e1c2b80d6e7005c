//! A file of the machine, as the database uses it.

use std::{io, sync::Arc};

use p2p_world::File;
use redb::StorageBackend;

/// A file of the machine. It is locked while it is open.
#[derive(Debug)]
pub(super) struct DatabaseFile(pub(super) Arc<dyn File>);

impl StorageBackend for DatabaseFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}
