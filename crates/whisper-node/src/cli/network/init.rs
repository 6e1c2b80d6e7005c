//! `whisper-node network init`: makes the files of a network.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use p2p_identity::{Enode, SecretKey};
use rand::Rng as _;

use super::files;
use super::plan::{self, NetworkJson, Plan};
use crate::cli::config::FILE_NAME;
use crate::cli::failure::Failure;
use crate::cli::flags::{List, Output, list};

/// Maximum number of nodes: their ports must fit on one machine.
const MAX_NODES: i64 = 200;

/// The flags of the command.
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// Name of the network, and of its folder: lower case letters, digits and hyphens
    #[arg(value_parser = name)]
    name: String,

    /// Number of nodes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=MAX_NODES))]
    nodes: u32,

    /// The machines of the nodes, IP addresses or names, comma-separated [default: this machine]
    #[arg(long, value_name = "HOSTS", value_parser = list(host))]
    hosts: Vec<List<String>>,

    /// Folder in which the folder of the network is made
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,

    #[command(flatten)]
    output: Output,
}

/// Reads the name of a network. It is a folder and a word in a compose file.
fn name(text: &str) -> Result<String, &'static str> {
    let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_name = text.starts_with(is_plain)
        && text.chars().all(|letter| is_plain(letter) || letter == '-')
        && text.len() <= 32;
    match is_name {
        true => Ok(text.to_owned()),
        false => Err("expected at most 32 lower case letters, digits and hyphens"),
    }
}

impl Init {
    /// Makes the network.
    pub(super) fn run(self) -> Result<(), Failure> {
        let hosts = List::joined(self.hosts);
        let nodes = usize::try_from(self.nodes).unwrap_or(usize::MAX);
        if !hosts.is_empty() && hosts.len() != nodes {
            return Err(Failure::Hosts { hosts: hosts.len(), nodes });
        }
        let twice = hosts.iter().enumerate().find(|(index, host)| hosts[..*index].contains(host));
        if let Some((_, host)) = twice {
            return Err(Failure::HostTwice(host.clone()));
        }
        let dir = self.dir.join(&self.name);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Failure::NetworkFile { path, source }
        };
        // Made new: an existing network has keys that must not be lost.
        fs::create_dir_all(&self.dir).map_err(failed(&self.dir))?;
        fs::create_dir(&dir).map_err(failed(&dir))?;
        let ids = (0..nodes).map(|index| {
            let datadir = dir.join(plan::node_name(index));
            fs::create_dir(&datadir).map_err(failed(&datadir))?;
            Ok(SecretKey::load_or_create(datadir.join("nodekey"), &mut rand::rng())?.id())
        });
        let ids = ids.collect::<Result<_, Failure>>()?;
        // Small numbers are in use by public networks.
        let id = rand::rng().random_range(1 << 20..u32::MAX);
        let plan = Plan::new(self.name, id, ids, &hosts);
        for (index, node) in plan.nodes.iter().enumerate() {
            let file = dir.join(&node.name).join(FILE_NAME);
            fs::write(&file, files::configuration(&plan, index)).map_err(failed(&file))?;
        }
        let docker = dir.join("docker");
        fs::create_dir(&docker).map_err(failed(&docker))?;
        let program = docker.join("whisper-node");
        copy_program(&program).map_err(failed(&program))?;
        let text = toml::to_string(&plan).map_err(Failure::Plan)?;
        for (file, text) in [
            (dir.join(plan::FILE), text),
            (dir.join("whisper-node.service"), files::UNIT.to_owned()),
            (dir.join("install.sh"), files::INSTALL.to_owned()),
            (dir.join("compose.yaml"), files::compose(&plan, &owner(&dir).map_err(failed(&dir))?)),
            (docker.join("Dockerfile"), files::DOCKERFILE.to_owned()),
        ] {
            fs::write(&file, text).map_err(failed(&file))?;
        }
        let made = NetworkJson { plan: &plan, dir: &dir, millis: None };
        self.output.print(&made, || next_steps(&plan, &dir))
    }
}

/// The user and the group that own a folder.
fn owner(dir: &Path) -> io::Result<String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let found = fs::metadata(dir)?;
        Ok(format!("{}:{}", found.uid(), found.gid()))
    }
    #[cfg(not(unix))]
    {
        let _ = dir;
        Ok("0:0".to_owned())
    }
}

/// A machine is neither an IP address nor a name.
#[derive(Debug, thiserror::Error)]
#[error("neither an IP address nor a name; the port is {}", plan::PEER_PORT)]
struct HostError;

/// Reads a machine: the host of an enode URL.
fn host(text: &str) -> Result<String, HostError> {
    let is_name = || {
        let Ok(key) = SecretKey::from_bytes(&[1; 32]) else { return false };
        let id = key.id();
        !text.contains(['@', ':', '?']) && format!("enode://{id}@{text}:1").parse::<Enode>().is_ok()
    };
    match text.parse::<IpAddr>().is_ok() || is_name() {
        true => Ok(text.to_owned()),
        false => Err(HostError),
    }
}

/// Copies the running program, for the image.
fn copy_program(to: &Path) -> io::Result<()> {
    let program = std::env::current_exe()?;
    // A second name costs no space; on another file system it is a copy.
    fs::hard_link(&program, to).or_else(|_| fs::copy(&program, to).map(drop))
}

/// What the user can do with the network.
fn next_steps(plan: &Plan, dir: &Path) -> String {
    let (dir, nodes) = (dir.display(), plan.nodes.len());
    let machines = match plan.nodes.first() {
        Some(first) if first.host != plan::THIS_MACHINE => format!(
            "on machines:    copy {dir} to each, and there, as root: sh install.sh {name} (its own name)",
            name = first.name
        ),
        _ => {
            format!("for machines of their own: make it with --hosts HOST1,HOST2,… ({nodes} hosts)")
        }
    };
    format!(
        "network {name} (number {id}) with {nodes} nodes in {dir}\n\
         \n\
         try it here:    whisper-node network up {dir}\n\
         look at it:     whisper-node network status {dir}\n\
         in containers:  docker compose --file {dir}/compose.yaml up\n\
         {machines}",
        name = plan.name,
        id = plan.id,
    )
}
