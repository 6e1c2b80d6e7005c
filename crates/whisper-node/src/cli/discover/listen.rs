//! `discover listen`.

use clap::Args;
use p2p_server::p2p_discovery::{ClockOffset, Event};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::client::DiscoveryClient;
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::process::stop_signal::stop_signal;

#[derive(Args, Debug)]
pub(crate) struct Listen {
    #[command(flatten)]
    client: DiscoveryClient,
}

impl Listen {
    /// Prints a line for each event.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let stop = stop_signal().map_err(Failure::Signals)?;
        let (discv4, events) = self.client.start().await?;
        console::print(&format!("listening  {}", discv4.enode()))?;
        tokio::select! {
            () = stop => {}
            printed = print_events(events) => printed?,
        }
        discv4.stop().await;
        Ok(())
    }
}

async fn print_events(mut events: Receiver<Event>) -> Result<(), Failure> {
    loop {
        let line = match events.recv().await {
            Ok(Event::Found(node)) => format!("found      {}", node.enode()),
            Ok(Event::Lost(id)) => format!("lost       {id}"),
            Ok(Event::ExternalAddr(addr)) => format!("seen at    {addr}"),
            Ok(Event::RecordChanged(record)) => format!("record     {record}"),
            Ok(Event::ClockOffset(ClockOffset::Ahead(by), _)) => {
                format!("clock      ahead by {by:?}")
            }
            Ok(Event::ClockOffset(ClockOffset::Behind(by), _)) => {
                format!("clock      behind by {by:?}")
            }
            Ok(Event::BootNodeFailed(node, reason)) => {
                format!("boot node  {}: {reason}", node.enode())
            }
            Ok(_) => continue,
            Err(RecvError::Lagged(events)) => format!("missed     {events} events"),
            Err(RecvError::Closed) => return Ok(()),
        };
        console::print(&line)?;
    }
}
