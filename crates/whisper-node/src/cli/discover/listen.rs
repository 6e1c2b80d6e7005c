//! `discover listen`.

use clap::Args;
use p2p_server::p2p_discovery::{ClockOffset, Event};
use serde::Serialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::client::DiscoveryClient;
use crate::cli::failure::Failure;
use crate::cli::flags::Output;
use crate::cli::process::stop_signal::stop_signal;

#[derive(Args, Debug)]
pub(crate) struct Listen {
    #[command(flatten)]
    client: DiscoveryClient,

    #[command(flatten)]
    output: Output,
}

/// Something that happened.
#[derive(Serialize)]
struct Line {
    event: &'static str,
    /// The node, record, address or number.
    value: String,
}

impl Listen {
    /// Prints a line for each event.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let stop = stop_signal().map_err(Failure::Signals)?;
        let (discv4, events) = self.client.start().await?;
        let listening = Line { event: "listening", value: discv4.enode().to_string() };
        listening.print(self.output)?;
        tokio::select! {
            () = stop => {}
            printed = print_events(events, self.output) => printed?,
        }
        discv4.stop().await;
        Ok(())
    }
}

impl Line {
    fn print(&self, output: Output) -> Result<(), Failure> {
        output.print(self, || format!("{:10} {}", self.event, self.value))
    }

    /// An event; `None` for one that is not printed.
    fn of(event: Event) -> Option<Self> {
        let (event, value) = match event {
            Event::Found(node) => ("found", node.enode().to_string()),
            Event::Lost(id) => ("lost", id.to_string()),
            Event::ExternalAddr(addr) => ("seen at", addr.to_string()),
            Event::RecordChanged(record) => ("record", record.to_string()),
            Event::ClockOffset(ClockOffset::Ahead(by), _) => ("clock", format!("ahead by {by:?}")),
            Event::ClockOffset(ClockOffset::Behind(by), _) => {
                ("clock", format!("behind by {by:?}"))
            }
            Event::BootNodeFailed(node, reason) => {
                ("boot node", format!("{}: {reason}", node.enode()))
            }
            _ => return None,
        };
        Some(Self { event, value })
    }
}

async fn print_events(mut events: Receiver<Event>, output: Output) -> Result<(), Failure> {
    loop {
        let line = match events.recv().await {
            Ok(event) => Line::of(event),
            Err(RecvError::Lagged(events)) => {
                Some(Line { event: "missed", value: format!("{events} events") })
            }
            Err(RecvError::Closed) => return Ok(()),
        };
        if let Some(line) = line {
            line.print(output)?;
        }
    }
}
