//! Reads the configuration again while the node runs: on SIGHUP, and for `admin_reload`.

use std::path::PathBuf;

use p2p_identity::causes;
use tokio::sync::{mpsc, oneshot};
use whisper_node::whisper_store::StoreSecret;
use whisper_node::{Node, NodeConfig};
use whisper_rpc::types::ReloadReport;
use whisper_rpc::{ReloadOutcome, Reloader};

use super::node_config;
use crate::cli::config::{Given, Settings, Sources, read_teams};
use crate::cli::failure::Failure;
use crate::cli::flags::StoreFlags;
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
    /// The configuration file, if there is one. A file that is gone for a moment, because it is being saved, must not open
    /// the node.
    pub(super) file: Option<PathBuf>,
    /// What the sources gave.
    pub(super) given: Vec<Given>,
    pub(super) config: NodeConfig,
    /// The file with the teams, as it was named when the node started.
    pub(super) teams: Option<PathBuf>,
    /// The store, as it was named when the node started. Its secret is read again.
    pub(super) store: StoreFlags,
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
        if let (Some(file), None) = (&self.file, &read.file) {
            return Err(format!("the configuration file {} is gone", file.display()));
        }
        let mut report = differences(&self.given, &read.given);
        let log = read.flags.log.clone();
        let mut config = node_config::reloaded(read.flags, &self.config).map_err(text)?;
        // The file is read while no administrator changes it.
        let held = node.rpc().hold_teams().await;
        let teams = self.teams.as_deref().map(read_teams).transpose().map_err(text)?;
        let secret = self.store.secret_in_file().map_err(text)?;
        let before = change_secret(node, &mut config, secret).await?;
        if let Err(error) = node.reload(&self.config, &config).await {
            if let Some(before) = before {
                change_secret(node, &mut config, Some(before)).await?;
            }
            return Err(causes(&error).to_string());
        }
        report.applied.extend(before.map(|_| "store".to_owned()));
        if let Some(teams) = teams.filter(|teams| *teams != held.teams()) {
            held.set(teams);
            report.applied.push("teams".to_owned());
        }
        drop(held);
        self.log.set(log.verbosity, &log.levels());
        self.take_over(config, read.given, read.file);
        Ok(report)
    }

    /// Remembers the new settings. Those that need a restart stay as they are, so that the next report names them again.
    fn take_over(&mut self, config: NodeConfig, given: Vec<Given>, file: Option<PathBuf>) {
        let is_reloaded = |given: &Given| RELOADED.contains(&given.key.as_str());
        self.config = config;
        self.file = file;
        self.given.retain(|given| !is_reloaded(given));
        self.given.extend(given.into_iter().filter(is_reloaded));
    }
}

/// Gives the store the secret that was read, if it is another one. Returns the secret before it.
async fn change_secret(
    node: &Node,
    config: &mut NodeConfig,
    secret: Option<StoreSecret>,
) -> Result<Option<StoreSecret>, String> {
    let (Some(store), Some(secret)) = (&mut config.store, secret) else { return Ok(None) };
    if store.secret == secret {
        return Ok(None);
    }
    let changed = node.change_store_secret(secret.clone()).await;
    changed.map_err(|error| causes(&error).to_string())?;
    Ok(Some(std::mem::replace(&mut store.secret, secret)))
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
    use std::collections::BTreeSet;

    use p2p_identity::SecretKey;
    use whisper_rpc::RpcConfig;

    use super::*;
    use crate::cli::flags::Flags;

    /// A value of each setting that changes while the node runs.
    fn values() -> Vec<(&'static str, String)> {
        let id = SecretKey::from_bytes(&[2; 32]).unwrap().id();
        let node = format!("enode://{id}@127.0.0.1:1");
        [
            ("allow", id.to_string().as_str()),
            ("ban", "10.0.0.0/8"),
            ("dialratio", "7"),
            ("log.levels", "p2p_server=debug"),
            ("maxpeers", "7"),
            ("maxpeersperip", "7"),
            ("maxpeerspernet", "7"),
            ("maxpendpeers", "7"),
            ("maxpendperip", "7"),
            ("metrics.addr", "0.0.0.0"),
            ("metrics.enabled", "true"),
            ("metrics.port", "7"),
            ("netrestrict", "10.0.0.0/8"),
            ("shh.filtered", "true"),
            ("shh.ipbytes", "7"),
            ("shh.iprate", "7"),
            ("shh.light", "true"),
            ("shh.maxmessagesize", "7777"),
            ("shh.peerbytes", "7"),
            ("shh.peerrate", "7"),
            ("shh.pow", "7"),
            ("shh.tolerance", "7"),
            ("shh.unlimited", id.to_string().as_str()),
            ("shh.unlimitednets", "10.0.0.0/8"),
            ("staticnodes", node.as_str()),
            ("throttle", "7"),
            ("trustednodes", node.as_str()),
            ("verbosity", "4"),
        ]
        .map(|(key, value)| (key, value.to_owned()))
        .into()
    }

    fn config(words: &[String]) -> (NodeConfig, Flags) {
        let settings = Settings::of_a_node();
        let flags = settings.flags(words.to_vec()).unwrap();
        let key = SecretKey::from_bytes(&[7; 32]).unwrap();
        let rpc = RpcConfig { http: None, ws: None, ..RpcConfig::default() };
        let running = NodeConfig { rpc, ..NodeConfig::new(p2p_server::Config::new(key)) };
        (node_config::reloaded(flags.clone(), &running).unwrap(), flags)
    }

    /// The parts that [`Node::reload`] applies, and all others.
    fn parts(config: &NodeConfig) -> (String, String) {
        let (server, whisper) = (&config.server.settings, &config.whisper);
        let reloaded = format!(
            "{:?}",
            (
                (&server.nodes, server.limits, server.inbound, &server.access),
                (whisper.min_work, whisper.max_message_size, whisper.light, &whisper.interest),
                (&whisper.peers.rates, config.metrics),
            )
        );
        let mut rest = config.clone();
        let defaults = NodeConfig::new(p2p_server::Config::new(rest.server.key.clone()));
        let settings = defaults.server.settings;
        rest.server.settings.nodes = settings.nodes;
        rest.server.settings.limits = settings.limits;
        rest.server.settings.inbound = settings.inbound;
        rest.server.settings.access = settings.access;
        rest.whisper.min_work = defaults.whisper.min_work;
        rest.whisper.max_message_size = defaults.whisper.max_message_size;
        rest.whisper.light = defaults.whisper.light;
        rest.whisper.interest = defaults.whisper.interest;
        rest.whisper.peers.rates = defaults.whisper.peers.rates;
        rest.metrics = None;
        (reloaded, format!("{rest:?}"))
    }

    /// Each setting changes something that a reload applies, and nothing that it does not.
    #[test]
    fn every_setting_that_changes_is_applied_whole() {
        let values = values();
        let keys: BTreeSet<_> = values.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, RELOADED.into());
        let settings = Settings::of_a_node();
        for (key, value) in values {
            let setting = settings.iter().find(|setting| setting.key == key).unwrap();
            let on =
                if key.starts_with("metrics.") { vec!["--metrics".to_owned()] } else { Vec::new() };
            let base = if key == "metrics.enabled" { Vec::new() } else { on.clone() };
            let word = format!("--{}={value}", setting.flag);
            let (before, old) = config(&base);
            let (after, new) = config(&[base.clone(), vec![word]].concat());
            let log = |flags: &Flags| format!("{:?}", (flags.log.verbosity, flags.log.levels()));
            let changed = (parts(&before).0 != parts(&after).0, log(&old) != log(&new));
            assert!(changed == (true, false) || changed == (false, true), "{key}: {changed:?}");
            assert_eq!(parts(&before).1, parts(&after).1, "{key}");
        }
    }
}
