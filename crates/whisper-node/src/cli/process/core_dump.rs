//! Secrets in memory are not written to a disk: not when the program crashes, and not in swap.

use std::io;

/// No core dump is made of this process, on Linux and other systems that have limits of processes. On Linux, other programs of the same
/// user cannot read its memory either.
pub(crate) fn forbid_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let none = Rlimit { current: Some(0), ..getrlimit(Resource::Core) };
        if let Err(error) = setrlimit(Resource::Core, none) {
            tracing::warn!(%error, "a crash may write secrets to the disk: no limit of core dumps");
        }
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};

        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::warn!(%error, "a crash may write secrets to the disk");
        }
    }
}

/// From now on all memory of this process stays out of swap. It needs an unlimited "max locked memory": with a limit, the program
/// would end when it reaches it.
pub(crate) fn lock_memory() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::mm::{MlockAllFlags, mlockall};
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        if getrlimit(Resource::Memlock).current.is_some() {
            setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None })?;
        }
        // Memory that was never used takes no room.
        mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)?;
        Ok(())
    }
    #[cfg(not(target_os = "linux"))]
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn no_core_is_dumped() {
        forbid_core_dumps();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        // The process still reads what the metrics show of it.
        assert!(std::fs::read_dir("/proc/self/fd").unwrap().count() > 2);
    }

    #[test]
    fn memory_is_locked_if_that_is_allowed() {
        let locked = || -> u64 {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("VmLck:")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        match lock_memory() {
            Ok(()) => {
                assert!(locked() > 0);
                rustix::mm::munlockall().unwrap();
            }
            // Without the right to raise the limit.
            Err(error) => {
                assert_eq!((error.kind(), locked()), (io::ErrorKind::PermissionDenied, 0));
            }
        }
    }
}
