//! How a command takes part in the network.

use std::net::{IpAddr, SocketAddr};

use clap::Args;
use p2p_identity::{Content, Enode, Record};
use p2p_server::p2p_discovery::{
    Discv4, Discv4Config, Event, NetworkId, NoAnswerError, RequestError,
};
use tokio::sync::broadcast::Receiver;

use crate::cli::bootnode::sequence;
use crate::cli::failure::Failure;
use crate::cli::key::KeyFlags;
use crate::cli::node_url::node_url;

/// The socket and the identity.
#[derive(Args, Clone, Debug)]
pub(super) struct Socket {
    /// UDP port [default: a free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,

    /// Address to send from
    #[arg(long, value_name = "IP", default_value = "0.0.0.0")]
    addr: IpAddr,

    #[command(flatten)]
    key: KeyFlags,

    /// A network of your own: only its nodes count
    #[arg(long, value_name = "N")]
    networkid: Option<u64>,
}

/// The same, and where to begin.
#[derive(Args, Clone, Debug)]
pub(super) struct Party {
    #[command(flatten)]
    socket: Socket,

    /// Nodes to begin with, comma-separated enode URLs or records (enr:)
    #[arg(long, value_name = "NODE", value_delimiter = ',', value_parser = node_url)]
    bootnodes: Vec<Enode>,
}

impl Socket {
    /// Opens the socket, under a key for this time only unless one is named.
    pub(super) async fn open(&self) -> Result<Discv4, Failure> {
        let key = self.key.read_or_random()?;
        let record = Record::sign(&key, sequence(), &Content::new()).map_err(Failure::OwnRecord)?;
        let mut config = Discv4Config::new();
        config.network = self.networkid.map(NetworkId);
        let addr = SocketAddr::new(self.addr, self.port);
        Ok(Discv4::start(config, key, &record, addr).await?)
    }
}

impl Party {
    /// Opens the socket and makes the boot nodes known. Whoever listens to the events given misses none: there is
    /// nobody to hear of before that.
    pub(super) async fn join(&self) -> Result<(Discv4, Receiver<Event>), Failure> {
        let discv4 = self.socket.open().await?;
        let events = discv4.events();
        for enode in &self.bootnodes {
            discv4.add_boot_node(enode).await?;
        }
        Ok((discv4, events))
    }

    /// The same, and waits until one of them can be asked for others.
    pub(super) async fn enter(&self) -> Result<Discv4, Failure> {
        let (discv4, _) = self.join().await?;
        let network = self.socket.networkid.map(NetworkId);
        let mut failure = Failure::NoBootNode;
        for enode in &self.bootnodes {
            let answers = match network {
                None => discv4.ping(enode).await.is_ok(),
                // It is nobody until its record says that it is of the network.
                Some(network) => match discv4.request_record(enode).await {
                    Ok(record) if network.is_of(&record) => true,
                    Ok(_)
                    | Err(RequestError::NoAnswer(
                        NoAnswerError::Refused | NoAnswerError::BadRecord,
                    )) => {
                        failure = Failure::ForeignBootNode;
                        false
                    }
                    Err(_) => false,
                },
            };
            if answers {
                return Ok(discv4);
            }
        }
        Err(failure)
    }
}
