//! `discover ping`.

use std::time::Duration;

use clap::Args;
use p2p_identity::{Enode, causes};
use serde::Serialize;

use super::client::{SocketFlags, explain};
use crate::cli::failure::Failure;
use crate::cli::flags::{Output, discovery_node};

/// Time between two pings.
const PING_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Args, Debug)]
pub(crate) struct Ping {
    /// The node: enode URL or record (enr:)
    #[arg(value_name = "NODE", value_parser = discovery_node)]
    node: Enode,

    /// Number of pings, one per second
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u32,

    #[command(flatten)]
    socket: SocketFlags,

    #[command(flatten)]
    output: Output,
}

/// What became of a ping.
#[derive(Serialize)]
struct Pong {
    number: u32,
    /// Round trip; `None` without an answer.
    millis: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Ping {
    /// Fails if no ping is answered.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let discv4 = self.socket.open().await?;
        // A boot node is pinged so that it also shows a wrong clock or another key.
        let events = discv4.events();
        discv4.add_boot_node(&self.node).await?;
        let mut last = None;
        let mut answered = 0;
        for number in 1..=self.count {
            if number > 1 {
                tokio::time::sleep(PING_INTERVAL).await;
            }
            match discv4.ping(&self.node).await {
                Ok(time) => {
                    answered += 1;
                    let millis = time.as_secs_f64() * 1e3;
                    let pong = Pong { number, millis: Some(millis), error: None };
                    self.output.print(&pong, || format!("pong {number} after {millis:.2} ms"))?;
                }
                Err(error) => {
                    if self.count > 1 {
                        let text = causes(&error).to_string();
                        let pong = Pong { number, millis: None, error: Some(text.clone()) };
                        self.output.print(&pong, || format!("ping {number}: {text}"))?;
                    }
                    last = Some(error);
                }
            }
        }
        let failure = match last {
            Some(error) if answered == 0 => Err(explain(events, error).await),
            _ => Ok(()),
        };
        discv4.stop().await;
        failure
    }
}
