//! The simulated machines.

mod clock;
mod disk;
mod file;
mod load;
mod tasks;
mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use self::load::Load;
pub(crate) use self::{
    clock::HostClock,
    disk::Disk,
    tasks::{HostTasks, Running},
    world::HostWorld,
};
use crate::{
    host_id::HostId,
    net::{datagrams::Mailbox, listener::Backlog, pipe::Pipe},
};

/// The first port that a host chooses by itself.
const FIRST_FREE_PORT: u16 = 49_152;

/// All machines.
#[derive(Debug, Default)]
pub(crate) struct Hosts(Vec<HostState>);

impl Hosts {
    /// Adds a machine that is switched off.
    pub(crate) fn add(&mut self) -> HostId {
        let number = u32::try_from(self.0.len()).expect("no more hosts than addresses");
        let id = HostId(number);
        self.0.push(HostState::new(id.ip()));
        id
    }

    pub(crate) fn host(&self, id: HostId) -> &HostState {
        &self.0[id.index()]
    }

    pub(crate) fn host_mut(&mut self, id: HostId) -> &mut HostState {
        &mut self.0[id.index()]
    }

    /// The machine with this address.
    pub(crate) fn at(&self, ip: IpAddr) -> Option<HostId> {
        let IpAddr::V4(ip) = ip.to_canonical() else { return None };
        let [10, a, b, c] = ip.octets() else { return None };
        let number = u32::from_be_bytes([0, a, b, c]).checked_sub(1)?;
        (number as usize).lt(&self.0.len()).then_some(HostId(number))
    }

    /// The machine with this name: `host-0` is the first one.
    pub(crate) fn named(&self, name: &str) -> Option<HostId> {
        let number: u32 = name.strip_prefix("host-")?.parse().ok()?;
        (number as usize).lt(&self.0.len()).then_some(HostId(number))
    }
}

/// One machine.
#[derive(Debug)]
pub(crate) struct HostState {
    pub(crate) ip: IpAddr,
    /// Whether it runs.
    pub(crate) up: bool,
    /// Whether it cannot be reached from outside, except at the addresses that it has sent datagrams to.
    pub(crate) behind_nat: bool,
    pub(crate) load: Load,
    pub(crate) listeners: BTreeMap<u16, Backlog>,
    pub(crate) sockets: BTreeMap<u16, Mailbox>,
    /// Where it has sent datagrams to.
    pub(crate) contacted: BTreeSet<SocketAddr>,
    pub(crate) clock: HostClock,
    pub(crate) disk: Disk,
    pub(crate) tasks: HostTasks,
    /// Both directions of its connections: what it sends, and what it receives.
    pipes: Vec<(Pipe, Pipe)>,
    next_port: u16,
}

impl HostState {
    fn new(ip: IpAddr) -> Self {
        Self {
            ip,
            up: false,
            behind_nat: false,
            load: Load::default(),
            listeners: BTreeMap::new(),
            sockets: BTreeMap::new(),
            contacted: BTreeSet::new(),
            clock: HostClock::default(),
            disk: Disk::default(),
            tasks: HostTasks::default(),
            pipes: Vec::new(),
            next_port: FIRST_FREE_PORT,
        }
    }

    /// An address with a port that no socket has.
    pub(crate) fn free_addr(&mut self) -> SocketAddr {
        loop {
            let port = self.next_port;
            self.next_port = port.checked_add(1).unwrap_or(FIRST_FREE_PORT);
            if !self.listeners.contains_key(&port) && !self.sockets.contains_key(&port) {
                return SocketAddr::new(self.ip, port);
            }
        }
    }

    /// A connection of this host was opened.
    pub(crate) fn add_pipes(&mut self, output: &Pipe, input: &Pipe) {
        if self.pipes.len().is_power_of_two() {
            self.pipes.retain(|(output, input)| !(output.is_ended() && input.is_ended()));
        }
        self.pipes.push((output.clone(), input.clone()));
    }

    /// The host stops: its sockets are gone. Returns its tasks, which are to be cancelled, and its connections.
    pub(crate) fn switch_off(&mut self) -> (HostTasks, Vec<(Pipe, Pipe)>) {
        self.up = false;
        self.load.end();
        self.listeners.clear();
        self.sockets.clear();
        self.contacted.clear();
        (self.tasks.end(), std::mem::take(&mut self.pipes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_found_by_address_and_by_name() {
        let mut hosts = Hosts::default();
        let ids: Vec<HostId> = (0..300).map(|_| hosts.add()).collect();
        for id in ids {
            assert_eq!(hosts.at(id.ip()), Some(id));
            assert_eq!(hosts.named(&format!("host-{}", id.0)), Some(id));
        }
        assert_eq!(hosts.at([10, 0, 0, 0].into()), None);
        assert_eq!(hosts.at(HostId(300).ip()), None);
        assert_eq!(hosts.at([192, 0, 2, 1].into()), None);
        assert_eq!(hosts.named("host-300"), None);
    }
}
