//! The scripts of the clients, in JavaScript and Python.

use std::{ffi::OsStr, path::Path, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::check::Failure;

/// Limit of a whole script. Its steps have shorter limits; this one is for a script that hangs between them.
const SCRIPT_LIMIT: Duration = Duration::from_secs(180);

/// The folder of the scripts.
pub(crate) fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a script to its end. `args` are the script and its arguments.
///
/// # Errors
///
/// The script cannot be started, ends with an error, or exceeds [`SCRIPT_LIMIT`].
pub(crate) async fn run(interpreter: &OsStr, args: &[&str]) -> Result<(), Failure> {
    let script = args.first().copied().unwrap_or_default();
    let mut process = Command::new(interpreter)
        .args(args)
        .current_dir(folder())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{script} could not be started: {error}"))?;
    let limit = SCRIPT_LIMIT.as_secs();
    let ended = timeout(SCRIPT_LIMIT, process.wait())
        .await
        .map_err(|_| format!("{script} has not ended after {limit} s"))?;
    let status = ended?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{script} ended with {status} (see above)").into())
}

/// Whether a program starts with this argument and succeeds. It gets no input.
pub(crate) async fn has(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().await.is_ok_and(|status| status.success())
}
