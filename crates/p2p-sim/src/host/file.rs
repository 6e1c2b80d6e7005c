//! An open file of a machine.

use std::{io, path::PathBuf};

use p2p_world::File;
use tokio_util::sync::CancellationToken;

use crate::{host_id::HostId, net::wire::Wire};

/// An open file. After its machine was stopped it can no longer be used.
#[derive(Debug)]
pub(crate) struct SimFile {
    wire: Wire,
    host: HostId,
    path: PathBuf,
    stop: CancellationToken,
}

impl SimFile {
    pub(crate) fn new(wire: Wire, host: HostId, path: PathBuf, stop: CancellationToken) -> Self {
        Self { wire, host, path, stop }
    }

    fn check(&self) -> io::Result<()> {
        if self.stop.is_cancelled() { Err(io::ErrorKind::NotConnected.into()) } else { Ok(()) }
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
        if !self.stop.is_cancelled() {
            self.wire.state().hosts.host_mut(self.host).disk.unlock(&self.path);
        }
    }
}
