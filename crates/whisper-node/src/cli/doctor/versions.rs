//! Rules about the versions of programs and sub-protocols.

use std::collections::BTreeMap;

use whisper_rpc::types::{NodeInfoJson, PeerInfoJson};

use super::finding::{Finding, warning};
use crate::cli::console::one_line;

/// The version of this program, as in the name of a node.
const OWN: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// Compares the node with this program, and its peers with the node.
pub(super) fn check(node: &NodeInfoJson, peers: &[PeerInfoJson]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(running) = version(&node.name) else { return findings };
    if running != OWN {
        findings.push(warning(
            format!("the node runs version {running}, and the installed program is {OWN}"),
            "restart the node, so that it runs the installed program",
        ));
    }
    let mut others: BTreeMap<&str, usize> = BTreeMap::new();
    let versions = peers.iter().filter_map(|peer| version(&peer.name));
    for other in versions.filter(|other| *other != running) {
        *others.entry(other).or_default() += 1;
    }
    findings.extend(others.into_iter().map(|(other, count)| {
        warning(
            format!(
                "the node runs version {running}, and {count} of its peers run {}",
                one_line(other)
            ),
            "upgrade the older ones: until then both use what both have",
        )
    }));
    findings.extend(peers.iter().filter(|peer| !speaks_whisper(peer)).map(without_whisper));
    findings
}

/// The version of a node of this program; `None` for other programs. An identity may stand before the version.
fn version(name: &str) -> Option<&str> {
    let mut parts = name.strip_prefix("WhisperNode/")?.rsplit('/');
    parts.nth(1)
}

fn speaks_whisper(peer: &PeerInfoJson) -> bool {
    peer.caps.iter().any(|capability| capability.starts_with("shh/"))
}

fn without_whisper(peer: &PeerInfoJson) -> Finding {
    let id = peer.id.get(..8).unwrap_or(&peer.id);
    // The peer chose both.
    let offered = peer.caps.join(", ");
    let (name, offered) = (one_line(&peer.name), one_line(&offered));
    warning(
        format!("the peer {id}… ({name}) does not speak Whisper: it offers {offered}"),
        "switch Whisper on there (go-ethereum: --shh), or do without its messages",
    )
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    /// What is found of a node of this name with peers of these names and capabilities.
    fn findings(name: &str, peers: &[(&str, &[&str])]) -> Vec<String> {
        let peer = |(name, caps): &(&str, &[&str])| samples::peer(name, caps, "", true);
        let peers: Vec<_> = peers.iter().map(peer).collect();
        let found = check(&samples::node(name, "", ""), &peers);
        found.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn other_versions_and_peers_without_whisper_are_found() {
        let own = format!("WhisperNode/{OWN}/linux-x86_64");
        let whisper: &[&str] = &["shh/5", "shh/6"];
        assert_eq!(findings(&own, &[(&own, whisper), ("Geth/v1.8.27", whisper)]), [""; 0]);

        let older = "WhisperNode/rack 7/v0.0.1/linux-x86_64";
        let found = findings(older, &[(older, whisper), (&own, whisper), (&own, whisper)]);
        let installed = format!("the node runs version v0.0.1, and the installed program is {OWN}");
        let peers = format!("the node runs version v0.0.1, and 2 of its peers run {OWN}");
        assert_eq!(found, [installed, peers]);

        let found = findings(&own, &[("Geth/v1.9.6", &["eth/63", "les/2"])]);
        let what =
            "the peer 01234567… (Geth/v1.9.6) does not speak Whisper: it offers eth/63, les/2";
        assert_eq!(found, [what]);

        // Text that would clear the screen, and look like findings.
        let found = findings(&own, &[("x\u{1b}[2J\nerror: y", &["eth/63\n"])]);
        let what = "the peer 01234567… (x\\u001b[2J\\u000aerror: y) does not speak Whisper: it offers eth/63\\u000a";
        assert_eq!(found, [what]);
        let found = findings(&own, &[("WhisperNode/v1\n/linux", whisper)]);
        assert!(found[0].ends_with("1 of its peers run v1\\u000a"), "{found:?}");
    }
}
