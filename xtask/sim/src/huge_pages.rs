//! Memory in large pages.

/// The settings of the C library's allocator: with this one it asks for pages of 2 MiB.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const TUNABLES: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");

/// Starts this program again with memory in pages of 2 MiB, unless it has them or its settings come from outside. Returns if
/// it goes on as it is.
///
/// A simulation jumps between thousands of nodes. With pages of 4 KiB it spends more than half of its time in looking up
/// addresses.
pub fn restart_with_huge_pages() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::{env, os::unix::process::CommandExt as _, process::Command};

        let (name, value) = TUNABLES;
        if env::var_os(name).is_some() {
            return;
        }
        let Ok(program) = env::current_exe() else { return };
        let error = Command::new(program).args(env::args_os().skip(1)).env(name, value).exec();
        eprintln!("sim: cannot start again with large pages: {error}");
    }
}
