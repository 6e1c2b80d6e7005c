//! The signals that stop the program: Ctrl-C, SIGTERM from a service manager, and SIGHUP from a terminal that closes.

use std::io;

use tokio::signal;

/// Waits for a signal to stop. Signals are received from this call on, not only from the first poll.
///
/// SIGHUP stops like the others, unless the program was started with it ignored (`nohup`).
#[cfg(unix)]
pub(super) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use signal::unix::{SignalKind, signal};
    // Before the handler is set, which ends ignoring.
    let hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        let hung_up = async {
            match hangup {
                Some(mut hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hung_up => {}
        }
    })
}

/// Whether SIGHUP is ignored. Only Linux tells it without unsafe code.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGHUP is number 1, so it is the lowest bit.
    mask.is_some_and(|mask| mask & 1 != 0)
}

/// Waits for a signal to stop. Signals are received from this call on, not only from the first poll.
#[cfg(windows)]
pub(super) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
