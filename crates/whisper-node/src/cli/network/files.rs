//! The texts of the files of a network.

use super::plan::{Plan, PlannedNode};

/// The service of a node, the same for every machine.
pub(super) const UNIT: &str = include_str!("../../../packaging/whisper-node.service");

/// Installs a node on its machine.
pub(super) const INSTALL: &str = "\
#!/bin/sh
# Installs a node of this network as a service on this machine, as root: `sh install.sh node1`.
set -eu
cd \"$(dirname \"$0\")\"
node=$1
id whisper-node >/dev/null 2>&1 || useradd --system --home-dir /var/lib/whisper-node --shell /usr/sbin/nologin whisper-node
install -D -m 755 docker/whisper-node /usr/bin/whisper-node
install -d -m 700 -o whisper-node -g whisper-node /var/lib/whisper-node
install -m 600 -o whisper-node -g whisper-node \"$node/nodekey\" /var/lib/whisper-node/nodekey
install -d -m 755 /etc/whisper-node
install -m 640 -g whisper-node \"$node/whisper-node.toml\" /etc/whisper-node/whisper-node.toml
install -m 644 whisper-node.service /etc/systemd/system/whisper-node.service
systemctl daemon-reload
systemctl enable --now whisper-node
";

/// The image: the program of this machine on a small Debian.
pub(super) const DOCKERFILE: &str = "\
# An image with the program `whisper-node` of the machine that made this network. A program that was built on a newer system
# than Debian stable does not start in it: choose a newer base then.
FROM debian:stable-slim
COPY whisper-node /usr/bin/whisper-node
USER 7000
ENTRYPOINT [\"/usr/bin/whisper-node\", \"run\", \"--datadir\", \"/var/lib/whisper-node\"]
";

/// The configuration of the node with this index.
pub(super) fn configuration(plan: &Plan, index: usize) -> String {
    let node = &plan.nodes[index];
    let ids: Vec<_> = plan.nodes.iter().map(|node| node.id.to_string()).collect();
    let boot = match plan.boot_nodes(index) {
        boot if boot.is_empty() => String::new(),
        boot => format!("bootnodes = {}\n", list(&boot)),
    };
    format!(
        "# The node {name} of the network {network}. `whisper-node config default` prints all settings. The node reads this\n\
         # file again on SIGHUP (systemctl reload).\n\
         port = {port}\n\
         identity = \"{name}\"\n\
         networkid = {id}\n\
         # The nodes that are always dialed.\n\
         staticnodes = {statics}\n\
         {boot}\
         # The only nodes that may be peers. Add the id of a new node here, in every file.\n\
         allow = {allow}\n\
         \n\
         [http]\n\
         port = {http}\n\
         \n\
         [ws]\n\
         port = {ws}\n\
         \n\
         [metrics]\n\
         enabled = true\n\
         port = {metrics}\n",
        name = node.name,
        network = plan.name,
        port = node.ports.peers,
        id = plan.id,
        statics = list(&plan.dialed(index)),
        allow = list(&ids),
        http = node.ports.http,
        ws = node.ports.ws,
        metrics = node.ports.metrics,
    )
}

/// The compose file. `user` owns the folders, as UID:GID. Every node in a container of its own, with JSON-RPC on this machine only.
pub(super) fn compose(plan: &Plan, user: &str) -> String {
    let name_of = |node: &PlannedNode| PlannedNode { host: node.name.clone(), ..node.clone() };
    let inside = Plan { nodes: plan.nodes.iter().map(name_of).collect(), ..plan.clone() };
    let trial = plan.on_this_machine();
    let service = |(index, node): (usize, &PlannedNode)| {
        let ports = trial.nodes[index].ports;
        format!(
            "  {name}:\n    \
               build: docker\n    \
               restart: on-failure\n    \
               user: \"{user}\"\n    \
               volumes:\n      \
                 - ./{name}:/var/lib/whisper-node\n    \
               environment:\n      \
                 WHISPER_NODE_STATICNODES: \"{statics}\"\n      \
                 WHISPER_NODE_BOOTNODES: \"\"\n      \
                 WHISPER_NODE_PORT: \"{port}\"\n      \
                 WHISPER_NODE_HTTP_ADDR: 0.0.0.0\n      \
                 WHISPER_NODE_WS_ADDR: 0.0.0.0\n      \
                 WHISPER_NODE_METRICS_ADDR: 0.0.0.0\n    \
               ports:\n      \
                 - 127.0.0.1:{outer_http}:{http}\n      \
                 - 127.0.0.1:{outer_ws}:{ws}\n      \
                 - 127.0.0.1:{outer_metrics}:{metrics}\n",
            name = node.name,
            statics = inside.dialed(index).join(","),
            port = node.ports.peers,
            outer_http = ports.http,
            http = node.ports.http,
            outer_ws = ports.ws,
            ws = node.ports.ws,
            outer_metrics = ports.metrics,
            metrics = node.ports.metrics,
        )
    };
    let services: String = plan.nodes.iter().enumerate().map(service).collect();
    format!(
        "# The network {name} in containers: `docker compose up`. They run as the user that owns the folders of the nodes.\n\
         name: {name}\nservices:\n{services}",
        name = plan.name
    )
}

/// A TOML array of strings, one on each line.
fn list(entries: &[String]) -> String {
    let lines: String = entries.iter().map(|entry| format!("    \"{entry}\",\n")).collect();
    format!("[\n{lines}]")
}
