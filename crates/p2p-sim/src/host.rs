//! The simulated machines.

mod clock;
mod disk;
mod file;
mod load;
mod tasks;
mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
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

/// The address of the first machine that moves. Later ones follow downwards.
const LAST_ADDRESS: u32 = u32::from_be_bytes([10, 255, 255, 254]);

/// All machines.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    hosts: Vec<HostState>,
    /// The machines whose address does not follow from their number.
    elsewhere: BTreeMap<IpAddr, HostId>,
    /// How often a machine has moved.
    moves: u32,
}

impl Hosts {
    /// Adds a machine that is switched off.
    pub(crate) fn add(&mut self, ip: IpAddr) -> HostId {
        let number = u32::try_from(self.hosts.len()).expect("no more hosts than addresses");
        let (id, ip) = (HostId(number), ip.to_canonical());
        assert!(self.at(ip).is_none(), "{id} cannot have the address {ip}: another host has it");
        self.hosts.push(HostState::new(ip));
        if ip != id.ip() {
            self.elsewhere.insert(ip, id);
        }
        id
    }

    pub(crate) fn host(&self, id: HostId) -> &HostState {
        &self.hosts[id.index()]
    }

    pub(crate) fn host_mut(&mut self, id: HostId) -> &mut HostState {
        &mut self.hosts[id.index()]
    }

    /// Gives a machine that is off an address that no machine had before by moving.
    pub(crate) fn move_away(&mut self, id: HostId) {
        if self.host(id).up {
            return;
        }
        let ip = loop {
            let ip = Ipv4Addr::from_bits(LAST_ADDRESS - self.moves).into();
            self.moves += 1;
            if self.at(ip).is_none() {
                break ip;
            }
        };
        let left = std::mem::replace(&mut self.host_mut(id).ip, ip);
        self.elsewhere.remove(&left);
        self.elsewhere.insert(ip, id);
    }

    /// The machine with this address.
    pub(crate) fn at(&self, ip: IpAddr) -> Option<HostId> {
        let ip = ip.to_canonical();
        let first = || {
            let IpAddr::V4(ip) = ip else { return None };
            let [10, a, b, c] = ip.octets() else { return None };
            Some(HostId(u32::from_be_bytes([0, a, b, c]).checked_sub(1)?))
        };
        let id = self.elsewhere.get(&ip).copied().or_else(first)?;
        self.hosts.get(id.index()).filter(|host| host.ip == ip).map(|_| id)
    }

    /// The machine with this name: `host-0` is the first one.
    pub(crate) fn named(&self, name: &str) -> Option<HostId> {
        let number: u32 = name.strip_prefix("host-")?.parse().ok()?;
        (number as usize).lt(&self.hosts.len()).then_some(HostId(number))
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
        let ids: Vec<HostId> = (0..300).map(|number| hosts.add(HostId(number).ip())).collect();
        for id in ids {
            assert_eq!(hosts.at(id.ip()), Some(id));
            assert_eq!(hosts.named(&id.name()), Some(id));
        }
        assert_eq!(hosts.at([10, 0, 0, 0].into()), None);
        assert_eq!(hosts.at(HostId(300).ip()), None);
        assert_eq!(hosts.at([192, 0, 2, 1].into()), None);
        assert_eq!(hosts.named("host-300"), None);
    }

    #[test]
    fn a_host_that_has_moved_is_found_by_its_new_address_and_by_its_name() {
        let mut hosts = Hosts::default();
        let (first, second) = (hosts.add(HostId(0).ip()), hosts.add([44, 0, 0, 1].into()));
        for _ in 0..2 {
            let left = hosts.host(second).ip;
            hosts.move_away(second);
            let ip = hosts.host(second).ip;
            assert_eq!((hosts.at(left), hosts.at(ip)), (None, Some(second)));
        }
        hosts.move_away(first);
        assert_ne!(hosts.host(first).ip, hosts.host(second).ip);
        assert_eq!(hosts.at(second.ip()), None);
        assert_eq!(hosts.named(&second.name()), Some(second));
    }
}
