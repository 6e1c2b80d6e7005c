//! A JavaScript peer: a process that reads commands and writes events, each as one line of JSON.

use std::process::Stdio;

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{
    check::{Failure, within},
    script,
};

/// A script around a devp2p node of ethereumjs: `peer.mjs` for connections, `dpt.mjs` for discovery. Dropping it kills
/// the process.
pub(crate) struct Peer {
    commands: ChildStdin,
    events: Lines<BufReader<ChildStdout>>,
    /// Events that came before they were asked for.
    early: Vec<Value>,
    _process: Child,
}

impl Peer {
    pub(crate) fn start(script: &str) -> Result<Self, Failure> {
        let mut process = Command::new("node")
            .arg(script)
            .current_dir(script::folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("node {script} could not be started: {error}"))?;
        let commands = process.stdin.take().ok_or("the JavaScript peer has no stdin")?;
        let events = process.stdout.take().ok_or("the JavaScript peer has no stdout")?;
        Ok(Self {
            commands,
            events: BufReader::new(events).lines(),
            early: Vec::new(),
            _process: process,
        })
    }

    /// Sends a command; the scripts define the commands.
    pub(crate) async fn command(&mut self, command: Value) -> Result<(), Failure> {
        Ok(self.commands.write_all(format!("{command}\n").as_bytes()).await?)
    }

    /// Waits for the next event called `name`. Other events are kept in order. The event `error` is a failure.
    pub(crate) async fn event(&mut self, name: &str) -> Result<Value, Failure> {
        if let Some(index) = self.early.iter().position(|event| event["event"] == name) {
            return Ok(self.early.remove(index));
        }
        let what = format!("event `{name}` of the JavaScript peer");
        within(&what, self.read_until(name)).await?
    }

    async fn read_until(&mut self, name: &str) -> Result<Value, Failure> {
        while let Some(line) = self.events.next_line().await? {
            let event: Value = serde_json::from_str(&line)?;
            if event["event"] == "error" {
                return Err(
                    format!("the JavaScript peer failed before event `{name}`: {event}").into()
                );
            }
            if event["event"] == name {
                return Ok(event);
            }
            self.early.push(event);
        }
        Err(format!("the JavaScript peer ended before event `{name}`").into())
    }
}

/// The text under `key` in an event.
pub(crate) fn text<'a>(event: &'a Value, key: &str) -> Result<&'a str, Failure> {
    event[key].as_str().ok_or_else(|| format!("no text `{key}` in {event}").into())
}

/// The bytes under `key` in an event, which are hex.
pub(crate) fn bytes(event: &Value, key: &str) -> Result<Vec<u8>, Failure> {
    Ok(hex::decode(text(event, key)?)?)
}
