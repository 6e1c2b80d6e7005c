//! Changes the configuration of a running node.

use std::net::SocketAddr;

use p2p_identity::{Enode, NodeId};
use p2p_server::ServerSettings;
use p2p_world::HashSet;
use whisper_protocol::{Config, MAX_MESSAGE_SIZE, MessageSizeError};

use crate::metrics::{self, MetricsError};
use crate::node::{Node, NodeConfig};

/// Why a configuration was not applied. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The metrics cannot be served at the new address.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The largest envelope is larger than the protocol allows.
    #[error(transparent)]
    MessageSize(#[from] MessageSizeError),
}

impl Node {
    /// Applies what differs between the configuration `old`, which the node has, and `new`: static, trusted, allowed and
    /// banned nodes, allowed networks, limits of peers and handshakes, work, size, rates, light mode and topics of Whisper,
    /// and the address of the metrics. Everything else in `new` is ignored.
    ///
    /// The teams are not part of it, because clients change them too: replace them with
    /// [`RpcServer::hold_teams`](whisper_rpc::RpcServer::hold_teams).
    ///
    /// What was changed by other means, such as a ban over JSON-RPC, stays unless the same thing differs between the two.
    ///
    /// # Errors
    ///
    /// Nothing was changed.
    pub async fn reload(&mut self, old: &NodeConfig, new: &NodeConfig) -> Result<(), ReloadError> {
        // What can fail comes first.
        let size = (old.whisper.max_message_size, new.whisper.max_message_size);
        if size.1 > MAX_MESSAGE_SIZE {
            return Err(MessageSizeError(size.1).into());
        }
        if old.metrics != new.metrics {
            self.move_metrics(old.metrics, new.metrics).await?;
        }
        if size.0 != size.1 {
            self.whisper.set_max_message_size(size.1)?;
        }
        self.reload_whisper(&old.whisper, &new.whisper);
        self.reload_server(&old.server.settings, &new.server.settings);
        Ok(())
    }

    /// Serves the metrics at another address, or no longer. If that fails, they stay where they are.
    async fn move_metrics(
        &mut self,
        from: Option<SocketAddr>,
        to: Option<SocketAddr>,
    ) -> Result<(), MetricsError> {
        // One port cannot be bound for one address and for all addresses at the same time.
        let same_port = from.zip(to).is_some_and(|(from, to)| from.port() == to.port());
        if same_port && let Some(old) = self.replace_metrics(None) {
            old.stop().await;
        }
        let new = match to {
            Some(address) => metrics::serve(address, self.sources()).await.map(Some),
            None => Ok(None),
        };
        match new {
            Ok(new) => {
                if let Some(old) = self.replace_metrics(new) {
                    old.stop().await;
                }
                Ok(())
            }
            Err(error) => {
                if same_port && let Some(address) = from {
                    // It was free a moment ago. If it is taken now, there are no metrics, and the error is the same.
                    let again = metrics::serve(address, self.sources()).await?;
                    self.replace_metrics(Some(again));
                }
                Err(error)
            }
        }
    }

    fn reload_whisper(&self, old: &Config, new: &Config) {
        if old.min_work != new.min_work {
            self.whisper.set_min_work(new.min_work);
        }
        if old.light != new.light {
            self.whisper.set_light(new.light);
        }
        if old.interest != new.interest {
            self.whisper.set_interest(new.interest);
        }
        if old.peers.rates != new.peers.rates {
            self.whisper.set_rate_limits(new.peers.rates.clone());
        }
    }

    fn reload_server(&self, old: &ServerSettings, new: &ServerSettings) {
        let server = &self.server;
        let (nodes, listed) = (&new.nodes, &old.nodes);
        // Rules first, so that a node that is added is not dialed against them.
        if old.access.allow != new.access.allow {
            server.set_allowed(new.access.allow.clone());
        }
        if old.access.net_restrict != new.access.net_restrict {
            server.set_net_restrict(new.access.net_restrict.clone());
        }
        for target in missing(&old.access.bans, &new.access.bans) {
            server.unban(target);
        }
        missing(&new.access.bans, &old.access.bans).for_each(|target| server.ban(*target, None));
        if (old.limits, old.inbound) != (new.limits, new.inbound) {
            server.set_limits(new.limits, new.inbound);
        }
        for id in removed(&listed.trusted, &nodes.trusted) {
            server.remove_trusted(&id);
        }
        for enode in missing(&nodes.trusted, &listed.trusted) {
            server.add_trusted(enode.id);
        }
        for id in removed(&listed.statics, &nodes.statics) {
            server.remove_peer(&id);
        }
        missing(&nodes.statics, &listed.statics).for_each(|enode| server.add_peer(enode.clone()));
    }
}

/// What is in the first list and not in the second.
fn missing<'a, T: PartialEq>(list: &'a [T], other: &'a [T]) -> impl Iterator<Item = &'a T> {
    list.iter().filter(|entry| !other.contains(entry))
}

/// The nodes of the old list that are not in the new one, whatever their addresses.
fn removed(old: &[Enode], new: &[Enode]) -> Vec<NodeId> {
    let kept: HashSet<NodeId> = new.iter().map(|enode| enode.id).collect();
    old.iter().map(|enode| enode.id).filter(|id| !kept.contains(id)).collect()
}
