//! What a process uses.

use std::{fmt, fs, io, path::Path};

/// Memory, descriptors and disk of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Anonymous resident memory, in bytes.
    pub(super) memory: u64,
    /// Open descriptors.
    pub(super) descriptors: u64,
    /// Bytes of all files in the data directory.
    pub(super) disk: u64,
}

/// Maximum memory of a node under the load of a soak. It takes about 50 MiB.
const MAX_MEMORY: u64 = 256 << 20;

/// Maximum number of descriptors of a node under the load of a soak. It takes about 40.
const MAX_DESCRIPTORS: u64 = 150;

impl Usage {
    /// What is more than any node takes under the load of a soak.
    pub(super) fn excess(&self) -> Option<String> {
        let is_excess = self.memory > MAX_MEMORY || self.descriptors > MAX_DESCRIPTORS;
        is_excess.then(|| format!("{self} is too much"))
    }

    /// What the process uses now. Its files are in `dir`.
    pub(super) fn of(process: u32, dir: &Path) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let descriptors = fs::read_dir(format!("/proc/{process}/fd"))?.count();
        Ok(Self {
            memory: anonymous_bytes(&status).unwrap_or_default(),
            descriptors: u64::try_from(descriptors).unwrap_or(u64::MAX),
            disk: disk(dir)?,
        })
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let (memory, disk) = (mib(self.memory), mib(self.disk));
        write!(f, "{memory:5.1} MiB, {:3} fds, {disk:4.1} MiB on disk", self.descriptors)
    }
}

/// `RssAnon` of `/proc/PID/status`. Pages of files are left out: the system takes them back.
fn anonymous_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The bytes of all files in a folder. Files that are removed meanwhile are left out.
fn disk(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { disk(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_status_of_a_process() {
        let status = "Name:\tx\nVmRSS:\t   12000 kB\nRssAnon:\t    2048 kB\nRssFile:\t 1 kB\n";
        assert_eq!(anonymous_bytes(status), Some(2 << 20));
        assert_eq!(anonymous_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn a_leak_in_a_short_soak_is_an_excess() {
        let usage = Usage { memory: 50 << 20, descriptors: 40, disk: 0 };
        assert_eq!(usage.excess(), None);
        assert!(Usage { descriptors: 151, ..usage }.excess().is_some());
        assert!(Usage { memory: 300 << 20, ..usage }.excess().is_some());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_uses_something() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let usage = Usage::of(std::process::id(), &dir).unwrap();
        assert!(usage.memory > 0 && usage.descriptors > 2 && usage.disk > 10_000, "{usage:?}");
    }
}
