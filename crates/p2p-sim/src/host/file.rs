//! An open file of a machine.

use std::{io, path::PathBuf};

use super::Running;
use crate::{host_id::HostId, net::wire::Wire};
use p2p_world::File;

/// An open file. After its machine was stopped it can no longer be used.
#[derive(Debug)]
pub(crate) struct SimFile {
    wire: Wire,
    host: HostId,
    path: PathBuf,
    running: Running,
}

impl SimFile {
    pub(crate) fn new(wire: Wire, host: HostId, path: PathBuf, running: Running) -> Self {
        Self { wire, host, path, running }
    }

    fn check(&self) -> io::Result<()> {
        if self.running.has_ended() { Err(io::ErrorKind::NotConnected.into()) } else { Ok(()) }
    }
}

impl File for SimFile {
    fn len(&self) -> io::Result<u64> {
        self.check()?;
        Ok(self.wire.state().hosts.host(self.host).disk.file(&self.path)?.len())
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.check()?;
        self.wire.state().hosts.host(self.host).disk.file(&self.path)?.read(offset, buffer)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        self.wire.state().hosts.host_mut(self.host).disk.write(&self.path, offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.wire.state().hosts.host_mut(self.host).disk.set_len(&self.path, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.check()?;
        self.wire.state().hosts.host_mut(self.host).disk.sync(&self.path)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if !self.running.has_ended() {
            self.wire.state().hosts.host_mut(self.host).disk.unlock(&self.path);
        }
    }
}
