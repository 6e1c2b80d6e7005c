//! Reads `/proc`.

use std::fs;

use rustix::param::clock_ticks_per_second;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::Usage;

/// What this process uses now.
pub(super) fn usage() -> Usage {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let (stat, status) = (read("/proc/self/stat"), read("/proc/self/status"));
    let kib = |name| field(&status, name).map(|kib| kib * 1024.0);
    // One of them is that of the folder that is read.
    let open_fds = fs::read_dir("/proc/self/fd").map(|fds| fds.count().saturating_sub(1)).ok();
    Usage {
        cpu_seconds: Some(cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9),
        resident_bytes: kib("VmRSS:"),
        virtual_bytes: kib("VmSize:"),
        open_fds: open_fds.map(|count| count as f64),
        max_fds: Some(getrlimit(Resource::Nofile).current.map_or(f64::INFINITY, |max| max as f64)),
        start_seconds: start(&stat, &read("/proc/stat"), clock_ticks_per_second() as f64),
        threads: field(&status, "Threads:"),
    }
}

/// The number after a name at the start of a line.
fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The start of a process in seconds since 1970: `stat` has it in ticks since the start of the system.
fn start(stat: &str, system: &str, ticks_per_second: f64) -> Option<f64> {
    // The name of the program is in parentheses, and may contain blanks. Field 22 is the 20th after it.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: f64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    Some(field(system, "btime ")? + ticks / ticks_per_second)
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_start_is_read_behind_any_name() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194304 1 0 0 0 5 6 0 0 20 0 3 0 250 1000 9";
        assert_eq!(start(stat, "cpu 1\nbtime 1000\n", 100.0), Some(1002.5));
        assert_eq!(start("", "", 100.0), None);
    }

    #[test]
    fn this_process_uses_something() {
        let usage = usage();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let started = usage.start_seconds.unwrap();
        assert!(started < now + 2.0 && started > now - 24.0 * 3600.0, "{started} {now}");
        assert!(usage.resident_bytes.unwrap() > 1e6);
        assert!(usage.virtual_bytes >= usage.resident_bytes);
        assert!(usage.open_fds.unwrap() >= 3.0 && usage.max_fds >= usage.open_fds, "{usage:?}");
        assert!(usage.threads.unwrap() >= 1.0 && usage.cpu_seconds.unwrap() > 0.0, "{usage:?}");
    }
}
