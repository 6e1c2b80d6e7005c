//! A simulated network: its hosts, its faults, and the time that passes.

mod addresses;
mod host;
mod regions;

use std::{
    fmt,
    future::Future,
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use p2p_world::World;

use self::{addresses::Addresses, regions::Regions};
use crate::{
    fault::{Fault, Schedule},
    host::{HostState, HostWorld},
    host_id::HostId,
    net::{link::Link, pipe::End},
    trace::{TraceEvent, TraceWriter, combined_hash},
    violation::Violation,
};

pub use host::Host;

/// How often [`Network::run_until`] looks at its condition, in virtual time.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How often the invariants are checked, in virtual time.
const CHECK_EVERY: Duration = Duration::from_secs(1);

type Program = Arc<dyn Fn(Host) -> p2p_world::Task>;
type Check = Box<dyn FnMut(&Network) -> Result<(), String>>;

/// A network of hosts. Time passes only in [`run_for`](Self::run_for) and its like, and only virtually: a quiet
/// hour takes no time at all.
///
/// Everything that happens follows from the seed: the same program with the same seed does the same. A program on a host
/// must get what it needs from its [`World`], from `p2p_world::rng` and from Tokio's timers, and its `tokio::select!` must be
/// `biased`.
///
/// The resolution of time is one millisecond.
pub struct Network {
    regions: Regions,
    addresses: Addresses,
    programs: Vec<Program>,
    /// How many programs were started.
    started: usize,
    /// What will go wrong, the last first.
    faults: Schedule,
    checks: Vec<(String, Check)>,
    /// The time since the start.
    next_check: Duration,
}

/// Building.
impl Network {
    /// A network without hosts.
    ///
    /// # Panics
    ///
    /// If the operating system does not let us make a runtime.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::in_regions(seed, 1)
    }

    /// A network without hosts that runs on several threads. Its hosts are spread over this many regions, and each region may run
    /// on a thread of its own.
    ///
    /// What happens follows from the seed and the number of regions; the number of threads changes nothing. Regions that rest wait
    /// for each other after each shortest latency of a line, so lines between hosts should have one of several milliseconds.
    /// Programs of different hosts must not share anything that they change.
    ///
    /// # Panics
    ///
    /// If the operating system does not let us make a runtime.
    #[must_use]
    pub fn in_regions(seed: u64, regions: usize) -> Self {
        Self {
            regions: Regions::new(seed, regions),
            addresses: Addresses::default(),
            programs: Vec::new(),
            started: 0,
            faults: Schedule::new(),
            checks: Vec::new(),
            next_check: CHECK_EVERY,
        }
    }

    /// Sets on how many threads the regions run; by default on all cores. A network of one region runs on the thread that lets time
    /// pass.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.regions.set_threads(threads);
        self
    }

    /// Adds a host with a program, which starts when time passes next, and again after a [`Fault::Restart`]. The host stays up
    /// when the program has ended.
    ///
    /// # Panics
    ///
    /// If another host has the address that [`addresses`](Self::addresses) gives to it.
    pub fn host<Run>(&mut self, program: impl Fn(Host) -> Run + 'static) -> HostId
    where
        Run: Future<Output = ()> + Send + 'static,
    {
        let ip = self.next_ip(0);
        self.programs.push(Arc::new(move |host| Box::pin(program(host))));
        let added: Vec<HostId> =
            self.regions.wires().map(|wire| wire.state().hosts.add(ip)).collect();
        added[0]
    }

    /// Sets how the lines between the hosts behave from now on.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "a builder takes what it keeps")]
    pub fn link(self, link: Link) -> Self {
        for wire in self.regions.wires() {
            wire.state().set_link(&link);
        }
        self
    }

    /// Leaves out the cryptography of handshakes and sessions: connections carry as many bytes, in the same form, and compute
    /// nothing. For networks of thousands of nodes; call it before time passes. Without it, the cryptography is real.
    #[must_use]
    pub const fn null_cryptography(mut self) -> Self {
        self.regions.null = true;
        self
    }

    /// Puts a host behind a gateway: no one can connect with it, and it gets datagrams only from where it has sent some.
    pub fn put_behind_nat(&mut self, host: HostId) {
        self.regions.of(host).wire.state().hosts.host_mut(host).behind_nat = true;
    }

    /// Makes a host slow: its processor works this long on each part of a stream, of at most 16 KiB, and on each datagram, one
    /// after the other, before its program gets it. By default nothing that a host computes takes time.
    pub fn slow_down(&mut self, host: HostId, work: Duration) {
        self.regions.of(host).wire.state().set_work(host, work);
    }

    /// Adds what will go wrong, at times since the start.
    #[must_use]
    pub fn faults(mut self, schedule: Schedule) -> Self {
        self.faults.extend(schedule);
        // The last first; of the same time the one that was added first comes first.
        self.faults.reverse();
        self.faults.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        self
    }

    /// Adds an invariant: it is checked each second of virtual time, and at the end of each run.
    #[must_use]
    pub fn invariant(
        mut self,
        name: impl Into<String>,
        check: impl FnMut(&Self) -> Result<(), String> + 'static,
    ) -> Self {
        self.checks.push((name.into(), Box::new(check)));
        self
    }

    /// Writes each event that the filter wants as a line: milliseconds since the start, kind, details. The network then runs on one
    /// thread. Lines of several regions are in the order of time only as far as each region goes.
    #[must_use]
    pub fn trace_to(
        self,
        out: impl Write + Send + 'static,
        filter: impl Fn(&TraceEvent<'_>) -> bool + Send + 'static,
    ) -> Self {
        let writer = TraceWriter::shared(Box::new(out), Box::new(filter));
        self.regions.wires().for_each(|wire| wire.state().trace.write_to(Arc::clone(&writer)));
        self.threads(1)
    }
}

/// Running.
impl Network {
    /// Lets this much time pass.
    ///
    /// # Errors
    ///
    /// The first [`Violation`] of an invariant.
    pub fn run_for(&mut self, time: Duration) -> Result<(), Violation> {
        self.run_to(self.elapsed() + time)?;
        self.check()
    }

    /// Lets time pass until the condition holds, at most this long. Returns whether it holds. It is looked at each 10 ms.
    ///
    /// # Errors
    ///
    /// The first [`Violation`] of an invariant.
    pub fn run_until(
        &mut self,
        most: Duration,
        mut condition: impl FnMut(&Self) -> bool,
    ) -> Result<bool, Violation> {
        let end = self.elapsed() + most;
        loop {
            if condition(self) {
                return Ok(true);
            }
            let next = (self.elapsed() + LOOK_EVERY).min(end);
            if self.elapsed() >= end {
                self.check()?;
                return Ok(false);
            }
            self.run_to(next)?;
        }
    }

    /// Lets time pass until a future is ready. Faults and invariants wait meanwhile. For a network of one region.
    pub fn block_on<T>(&mut self, future: impl Future<Output = T>) -> T {
        self.start_programs();
        self.regions.seeded(HostId(0), |runtime| runtime.block_on(future))
    }

    /// Calls a function as a program of this network would be called: with its clock, its tasks and its randomness. No time
    /// passes. In a network of several regions as a program of the first one: see [`call_on`](Self::call_on).
    pub fn call<T>(&mut self, function: impl FnOnce() -> T) -> T {
        self.call_on(HostId(0), function)
    }

    /// Calls a function as a program of this host would be called. No time passes.
    pub fn call_on<T>(&mut self, host: HostId, function: impl FnOnce() -> T) -> T {
        self.regions.seeded(host, |runtime| {
            let _context = runtime.enter();
            function()
        })
    }

    /// Causes a fault now, or repairs one.
    pub fn cause(&mut self, fault: &Fault) {
        // Once for all regions.
        self.regions.first().note(&TraceEvent::Fault(fault));
        match fault {
            Fault::Kill(host) => self.stop(*host, false),
            Fault::PowerLoss(host) => self.stop(*host, true),
            Fault::Restart(host) => self.restart(*host),
            Fault::Move(host) => {
                self.regions.wires().for_each(|wire| wire.state().hosts.move_away(*host));
            }
            Fault::Block(from, to) => self.block(from, to, true),
            Fault::Unblock(from, to) => self.block(from, to, false),
            Fault::Clock(host, seconds) => {
                self.change(*host, |state, elapsed| state.clock.set_offset(*seconds, elapsed));
            }
            Fault::Drift(host, drift) => {
                self.change(*host, |state, elapsed| state.clock.set_drift(*drift, elapsed));
            }
            Fault::Capacity(host, bytes) => {
                self.change(*host, |state, _| state.disk.capacity = *bytes);
            }
            Fault::FlipBit(host) => {
                let mut state = self.regions.of(*host).wire.state();
                let state = &mut *state;
                state.hosts.host_mut(*host).disk.flip_bit(&mut state.rng);
            }
        }
    }

    /// Changes a host. The function gets the time since the start as well.
    fn change(&self, host: HostId, change: impl FnOnce(&mut HostState, Duration)) {
        let elapsed = self.elapsed();
        change(self.regions.of(host).wire.state().hosts.host_mut(host), elapsed);
    }

    fn run_to(&mut self, end: Duration) -> Result<(), Violation> {
        self.start_programs();
        loop {
            let fault = self.faults.last().map(|(at, _)| *at);
            let next = fault.into_iter().chain([end, self.next_check]).min().unwrap_or(end);
            self.regions.run_to(next);
            while let Some((_, fault)) = self.faults.pop_if(|(at, _)| *at <= next) {
                self.cause(&fault);
            }
            if next >= self.next_check {
                self.next_check = next + CHECK_EVERY;
                self.check()?;
            }
            if next >= end {
                return Ok(());
            }
        }
    }

    fn start_programs(&mut self) {
        while self.started < self.programs.len() {
            let host = HostId(u32::try_from(self.started).unwrap_or(u32::MAX));
            self.started += 1;
            self.start(host);
        }
    }

    fn start(&mut self, id: HostId) {
        let wire = self.regions.of(id).wire.clone();
        wire.state().hosts.host_mut(id).up = true;
        wire.note(&TraceEvent::Started(id));
        let world: Arc<dyn World> = Arc::new(HostWorld::new(wire.clone(), id));
        let host = Host::new(id, wire, Arc::clone(&world));
        let program = Arc::clone(&self.programs[id.index()]);
        self.call_on(id, || world.spawn(program(host)));
    }

    fn restart(&mut self, host: HostId) {
        if !self.is_up(host) && host.index() < self.started {
            self.start(host);
        }
    }

    fn stop(&mut self, id: HostId, power_loss: bool) {
        if !self.is_up(id) {
            return;
        }
        let wire = self.regions.of(id).wire.clone();
        let (tasks, pipes) = {
            let mut state = wire.state();
            let state = &mut *state;
            let host = state.hosts.host_mut(id);
            let stopped = host.switch_off();
            if power_loss {
                host.disk.fail(&mut state.rng);
            } else {
                host.disk.release();
            }
            stopped
        };
        // Its tasks end before it can start again.
        self.regions.seeded(id, |runtime| runtime.block_on(tasks.cancel()));
        if !power_loss {
            self.regions.enter(id, || {
                for (output, input) in pipes {
                    wire.end(&output, End::Reset);
                    wire.refuse(&input);
                }
            });
        }
    }

    fn block(&self, from: &[HostId], to: &[HostId], blocked: bool) {
        for near in from {
            for far in to {
                // What arrives is held back in the region of the recipient.
                self.regions.wires().for_each(|wire| wire.block(*near, *far, blocked));
            }
        }
    }

    fn check(&mut self) -> Result<(), Violation> {
        let mut checks = std::mem::take(&mut self.checks);
        let failed = self.regions.enter(HostId(0), || {
            checks.iter_mut().find_map(|(name, check)| {
                let text = check(self).err()?;
                let (seed, name, at) = (self.seed(), name.clone(), self.elapsed());
                Some(Violation { seed, name, at, text })
            })
        });
        self.checks = checks;
        failed.map_or(Ok(()), Err)
    }
}

/// What is known.
impl Network {
    /// The seed.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.regions.seed()
    }

    /// How much time has passed.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.regions.elapsed()
    }

    /// The hosts, whether they are up or not.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> + use<> {
        let hosts = u32::try_from(self.programs.len()).unwrap_or(u32::MAX);
        (0..hosts).map(HostId)
    }

    /// Whether a host is up.
    #[must_use]
    pub fn is_up(&self, host: HostId) -> bool {
        self.regions.of(host).wire.state().hosts.host(host).up
    }

    /// Whether the line from one host to another one is blocked.
    #[must_use]
    pub fn is_blocked(&self, from: HostId, to: HostId) -> bool {
        self.regions.first().state().is_blocked(from, to)
    }

    /// Number of events of the network so far: parts of streams, datagrams, connections.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.regions.wires().map(|wire| wire.state().events).sum()
    }

    /// The hash of everything that has happened. Equal seeds give equal hashes.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        combined_hash(self.regions.wires().map(|wire| wire.state().trace.hash()))
    }

    /// Writes what is left of the trace.
    ///
    /// # Errors
    ///
    /// The error that ended the writing of the trace.
    pub fn flush_trace(&self) -> io::Result<()> {
        self.regions.wires().try_for_each(|wire| wire.state().trace.flush())
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("seed", &self.seed())
            .field("hosts", &self.programs.len())
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
