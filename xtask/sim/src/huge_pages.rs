//! Memory in large pages.

/// The settings of the allocator with which it asks for pages of 2 MiB, and keeps them: giving parts of them back to the system
/// would split them.
#[cfg(target_os = "linux")]
const SETTINGS: [(&str, &str); 2] =
    [("MIMALLOC_ALLOW_LARGE_OS_PAGES", "1"), ("MIMALLOC_PURGE_DELAY", "-1")];

/// Starts this program again with memory in pages of 2 MiB, unless it has them or its settings come from outside. Returns if
/// it goes on as it is.
///
/// A simulation jumps between thousands of nodes. With pages of 4 KiB it spends more than half of its time in looking up
/// addresses.
pub fn restart_with_huge_pages() {
    #[cfg(target_os = "linux")]
    {
        use std::{env, os::unix::process::CommandExt as _, process::Command};

        if SETTINGS.iter().any(|(name, _)| env::var_os(name).is_some()) {
            return;
        }
        let Ok(program) = env::current_exe() else { return };
        let error = Command::new(program).args(env::args_os().skip(1)).envs(SETTINGS).exec();
        eprintln!("sim: cannot start again with large pages: {error}");
    }
}
