//! Checks the process of a running node on this machine. Linux only: elsewhere nothing is found.

use std::path::Path;

use super::finding::Finding;
#[cfg(target_os = "linux")]
use super::finding::{error, warning};

/// Whether the process that serves the socket may open enough files. `needed`: their number with all peers.
pub(super) async fn check(socket: &Path, needed: u64) -> Option<Finding> {
    #[cfg(target_os = "linux")]
    {
        let stream = tokio::net::UnixStream::connect(socket).await.ok()?;
        let process = stream.peer_cred().ok()?.pid()?;
        // They can be read by the user of the node and by root. Another user is told nothing.
        let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).ok()?;
        let open = std::fs::read_dir(format!("/proc/{process}/fd")).ok()?.count();
        files(u64::try_from(open).ok()?, limit(&limits)?, needed)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (socket, needed);
        None
    }
}

/// The soft limit of open files in `/proc/PID/limits`.
#[cfg(target_os = "linux")]
fn limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        soft => soft.parse().ok(),
    }
}

/// Judges the number of open files.
#[cfg(target_os = "linux")]
fn files(open: u64, limit: u64, needed: u64) -> Option<Finding> {
    let to_do = format!(
        "raise the limit to {needed} (LimitNOFILE in the unit, or ulimit -n), and restart the node"
    );
    if open.saturating_mul(10) >= limit.saturating_mul(9) {
        let what = format!("the node has {open} open files, and may open {limit}");
        return Some(error(what, to_do));
    }
    (limit < needed).then(|| {
        let what =
            format!("the node may open {limit} files, and may need {needed}; now it has {open}");
        warning(what, to_do)
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_low_limit_and_a_reached_limit_are_found() {
        assert_eq!(files(40, 1024, 356), None);
        assert!(files(40, 64, 356).unwrap().what.contains("may open 64 files, and may need 356"));
        assert!(files(922, 1024, 356).unwrap().what.contains("922 open files"));
        assert_eq!(files(922, u64::MAX, 356), None);
    }

    #[tokio::test]
    async fn the_process_behind_a_socket_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let _listener = tokio::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(check(&socket, 1).await, None);
        let found = check(&socket, u64::MAX).await;
        // Without a limit, nothing is found.
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        assert_eq!(found.is_some(), limit(&limits).unwrap() != u64::MAX, "{found:?}");
    }
}
