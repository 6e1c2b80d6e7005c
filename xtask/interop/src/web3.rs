//! web3's package for Whisper against the real program, over WebSocket.

use std::{process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::{Failure, done, program::Program, scripts};

/// The script has limits of its own for each step; this is for the case that it hangs altogether.
const WHOLE_SCRIPT: Duration = Duration::from_secs(180);

/// Starts the program, lets the script use it, and ends it with Ctrl-C.
pub(crate) async fn hold() -> Result<(), Failure> {
    let mut program = Program::start()?;
    let url = program.url("ws://").await?;
    let mut script = Command::new("node")
        .args(["web3.mjs", &url])
        .current_dir(scripts())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("node web3.mjs could not be started: {error}"))?;
    let limit = WHOLE_SCRIPT.as_secs();
    let ended = timeout(WHOLE_SCRIPT, script.wait())
        .await
        .map_err(|_| format!("web3.mjs took over {limit} s"))?;
    let status = ended?;
    if !status.success() {
        return Err(format!("web3.mjs ended with {status} (see above)").into());
    }
    done("keys, subscribe, post, receive");
    program.interrupt().await?;
    done("Ctrl-C ends the program");
    Ok(())
}
