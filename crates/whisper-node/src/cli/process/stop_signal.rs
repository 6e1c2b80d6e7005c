//! The signals that stop the program: Ctrl-C, SIGTERM from a service manager, and SIGHUP from a terminal that closes.

use std::io;

use tokio::signal;

/// What SIGHUP means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnHangup {
    /// The terminal has closed: stop.
    Stop,
    /// Read the configuration again.
    Reload,
}

impl OnHangup {
    /// The meaning for a node: a service, which has no terminal, reads its configuration file again.
    pub(crate) fn with_file(has_file: bool) -> Self {
        if has_file && !has_terminal() { Self::Reload } else { Self::Stop }
    }
}

/// Whether a terminal controls the process, so that SIGHUP says that it has closed.
fn has_terminal() -> bool {
    cfg!(unix) && std::fs::File::open("/dev/tty").is_ok()
}

/// The signals that make a node read its configuration again.
#[derive(Debug)]
pub(crate) struct Hangups(#[cfg(unix)] Option<signal::unix::Signal>);

impl Hangups {
    /// Waits for the next one; without end if there is none.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(hangup) = &mut self.0 {
            hangup.recv().await;
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// The signal to stop of a program without a configuration file.
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    signals(OnHangup::Stop).map(|(stop, _)| stop)
}

/// Waits for a signal to stop, and the signals to read the configuration again. Signals are received from this call on, not
/// only from the first poll.
///
/// SIGHUP that stops is ignored if the program was started with it ignored (`nohup`).
#[cfg(unix)]
pub(crate) fn signals(on_hangup: OnHangup) -> io::Result<(impl Future<Output = ()>, Hangups)> {
    use signal::unix::{SignalKind, signal};
    let hangup = || signal(SignalKind::hangup());
    // `nohup` is asked before the handler is set, which ends ignoring.
    let (stops, reloads) = match on_hangup {
        OnHangup::Reload => (None, Some(hangup()?)),
        OnHangup::Stop if ignores_hangup() => (None, None),
        OnHangup::Stop => (Some(hangup()?), None),
    };
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = async move {
        let mut hung_up = Hangups(stops);
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = hung_up.next() => {}
        }
    };
    Ok((stop, Hangups(reloads)))
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
pub(crate) fn signals(_: OnHangup) -> io::Result<(impl Future<Output = ()>, Hangups)> {
    let mut interrupt = signal::windows::ctrl_c()?;
    let stop = async move {
        interrupt.recv().await;
    };
    Ok((stop, Hangups()))
}
