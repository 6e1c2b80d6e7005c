//! Reads the configuration again while the node runs: on SIGHUP, and for `admin_reload`.

use p2p_identity::causes;
use tokio::sync::{mpsc, oneshot};
use whisper_node::{Node, NodeConfig};
use whisper_rpc::types::ReloadReport;
use whisper_rpc::{ReloadOutcome, Reloader};

use super::node_config;
use crate::cli::config::{Given, Settings, Sources};
use crate::cli::failure::Failure;
use crate::logs::LogControl;

/// The settings that change while the node runs. All others need a restart.
const RELOADED: [&str; 28] = [
    "allow",
    "ban",
    "dialratio",
    "log.levels",
    "maxpeers",
    "maxpeersperip",
    "maxpeerspernet",
    "maxpendpeers",
    "maxpendperip",
    "metrics.addr",
    "metrics.enabled",
    "metrics.port",
    "netrestrict",
    "shh.filtered",
    "shh.ipbytes",
    "shh.iprate",
    "shh.light",
    "shh.maxmessagesize",
    "shh.peerbytes",
    "shh.peerrate",
    "shh.pow",
    "shh.tolerance",
    "shh.unlimited",
    "shh.unlimitednets",
    "staticnodes",
    "throttle",
    "trustednodes",
    "verbosity",
];

/// Number of calls of `admin_reload` that wait for the one before.
const QUEUE: usize = 4;

/// A call of `admin_reload`, with the sender for its end.
pub(super) type Request = oneshot::Sender<ReloadOutcome>;

/// What `admin_reload` calls, and the calls that the node must run.
pub(super) fn requests() -> (Reloader, mpsc::Receiver<Request>) {
    let (sender, receiver) = mpsc::channel::<Request>(QUEUE);
    let reloader = Reloader::new(move || {
        let sender = sender.clone();
        async move {
            let stopping = || "the node is stopping".to_owned();
            let (request, outcome) = oneshot::channel();
            sender.send(request).await.map_err(|_| stopping())?;
            outcome.await.map_err(|_| stopping())?
        }
    });
    (reloader, receiver)
}

/// The configuration of the running node, and where to read it again.
pub(super) struct Reload {
    pub(super) sources: Sources,
    /// What the sources gave.
    pub(super) given: Vec<Given>,
    pub(super) config: NodeConfig,
    pub(super) log: LogControl,
}

impl Reload {
    /// Reads the configuration again and applies what can change. On an error nothing is changed.
    pub(super) async fn run(&mut self, node: &mut Node) -> ReloadOutcome {
        let outcome = self.try_run(node).await;
        match &outcome {
            Ok(report) => tracing::info!(
                applied = report.applied.join(","),
                needs_restart = report.needs_restart.join(","),
                "the configuration was read again"
            ),
            Err(error) => {
                tracing::error!(error, "the configuration was read again, and nothing was changed");
            }
        }
        outcome
    }

    async fn try_run(&mut self, node: &mut Node) -> ReloadOutcome {
        let text = |failure: Failure| failure.report();
        let read = self.sources.read().map_err(text)?;
        let report = differences(&self.given, &read.given);
        let log = read.flags.log.clone();
        let datadir = self.config.rpc.datadir.clone();
        let config = node_config::node_config(read.flags, datadir).map_err(text)?;
        node.reload(&self.config, &config).await.map_err(|error| causes(&error).to_string())?;
        self.log.set(log.verbosity, &log.levels());
        self.take_over(config, read.given);
        Ok(report)
    }

    /// Remembers the new settings. Those that need a restart stay as they are, so that the next report names them again.
    fn take_over(&mut self, config: NodeConfig, given: Vec<Given>) {
        let is_reloaded = |given: &Given| RELOADED.contains(&given.key.as_str());
        self.config = config;
        self.given.retain(|given| !is_reloaded(given));
        self.given.extend(given.into_iter().filter(is_reloaded));
    }
}

/// The settings that differ, by whether they change while the node runs.
fn differences(old: &[Given], new: &[Given]) -> ReloadReport {
    let settings = Settings::of_a_node();
    let differs = |key: &str| {
        let value = |all: &[Given]| all.iter().find(|given| given.key == key).map(Given::value);
        let default = settings.default_of(key);
        value(old).or(default.clone()) != value(new).or(default)
    };
    let mut report = ReloadReport::default();
    for setting in settings.iter().filter(|setting| differs(&setting.key)) {
        match RELOADED.contains(&setting.key.as_str()) {
            true => report.applied.push(setting.key.clone()),
            false => report.needs_restart.push(setting.key.clone()),
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_changes_exists() {
        let settings = Settings::of_a_node();
        for key in RELOADED {
            assert!(settings.iter().any(|setting| setting.key == key), "{key}");
        }
    }
}
