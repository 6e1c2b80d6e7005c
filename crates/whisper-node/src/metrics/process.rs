//! What the process uses, under the names that all programs with metrics have. Linux only: elsewhere there is nothing.

#[cfg(target_os = "linux")]
mod linux;

use p2p_mux::Metric;

use super::exposition::Exposition;

const CPU: Metric =
    Metric::counter("process_cpu_seconds_total", "Processor time of all threads in seconds");
const RESIDENT: Metric = Metric::gauge("process_resident_memory_bytes", "Resident memory in bytes");
const VIRTUAL: Metric = Metric::gauge("process_virtual_memory_bytes", "Virtual memory in bytes");
const OPEN_FDS: Metric = Metric::gauge("process_open_fds", "Open file descriptors");
const MAX_FDS: Metric = Metric::gauge("process_max_fds", "Maximum number of open file descriptors");
const START: Metric =
    Metric::gauge("process_start_time_seconds", "Start of the process in seconds since 1970");
const THREADS: Metric = Metric::gauge("process_threads", "Threads");

/// What a process uses; `None` where the system does not say it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Usage {
    cpu_seconds: Option<f64>,
    resident_bytes: Option<f64>,
    virtual_bytes: Option<f64>,
    open_fds: Option<f64>,
    max_fds: Option<f64>,
    start_seconds: Option<f64>,
    threads: Option<f64>,
}

/// Adds what this process uses now.
pub(super) fn add(out: &mut Exposition) {
    #[cfg(target_os = "linux")]
    let usage = linux::usage();
    #[cfg(not(target_os = "linux"))]
    let usage = Usage::default();
    for (metric, value) in [
        (CPU, usage.cpu_seconds),
        (RESIDENT, usage.resident_bytes),
        (VIRTUAL, usage.virtual_bytes),
        (OPEN_FDS, usage.open_fds),
        (MAX_FDS, usage.max_fds),
        (START, usage.start_seconds),
        (THREADS, usage.threads),
    ] {
        if let Some(value) = value {
            out.value(&metric, value);
        }
    }
}
