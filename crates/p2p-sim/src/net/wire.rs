//! The lines between the hosts, and the task that lets time pass on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use p2p_world::Task;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tokio::{
    runtime::Handle,
    sync::Notify,
    task::AbortHandle,
    time::{Instant, sleep_until},
};

use crate::{
    host::Hosts,
    host_id::HostId,
    net::{
        datagrams::Datagram,
        link::Link,
        listener::Dialing,
        pipe::{End, Ends, Part, Pipe},
        queue::EventQueue,
    },
    trace::{Trace, TraceEvent},
};

/// How long after a repaired line a stream sends again what was held back.
const RESEND: Duration = Duration::from_millis(200);

/// Everything that the hosts of one region share.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Shared>);

struct Shared {
    /// The number of this region, and of all.
    region: (usize, usize),
    /// Where its tasks run.
    runtime: Handle,
    state: Mutex<WireState>,
    /// An earlier event was added.
    earlier: Notify,
}

/// The state of the network.
pub(crate) struct WireState {
    pub(crate) start: Instant,
    pub(crate) link: Link,
    pub(crate) hosts: Hosts,
    pub(crate) trace: Trace,
    pub(crate) rng: ChaCha8Rng,
    queue: EventQueue<WireEvent>,
    latencies: BTreeMap<(HostId, HostId), Duration>,
    /// Lines that carry nothing in this direction.
    blocked: BTreeSet<(HostId, HostId)>,
    /// Pipes with parts that wait for a line.
    held: Vec<Pipe>,
    outside: Outside,
    /// Whether the processor of some host takes time.
    has_slow_hosts: bool,
    /// Number of events so far.
    pub(crate) events: u64,
}

/// What other regions learn when all rest.
#[derive(Default)]
struct Outside {
    leaving: Vec<Leaving>,
    /// Pipes from and to other regions that were read or have ended.
    touched: Vec<Pipe>,
}

/// An event in another region.
struct Leaving {
    region: usize,
    /// The time since the start.
    at: Duration,
    event: WireEvent,
}

/// What happens at some time. The rare ones are in boxes, so that all are small.
pub(crate) enum WireEvent {
    /// Bytes leave the sending host, for which a writer waits.
    Depart(Pipe),
    /// A part of a stream arrives.
    Arrive(Pipe, Part),
    /// What a blocked line has held back arrives.
    Resent(Pipe),
    /// The writer of a pipe is told that its other end reads no longer.
    Refused(Pipe),
    /// A datagram arrives.
    Datagram(Box<Datagram>),
    /// A slow host has worked on what has arrived.
    Worked(Box<Self>),
    /// A request for a connection arrives.
    Dial(Box<Dialing>),
    /// The answer to such a request arrives.
    Dialed(Box<Dialing>),
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    /// A region without hosts. Must be called on its runtime. `region`: its number, and that of all regions.
    pub(crate) fn new(seed: u64, region: (usize, usize)) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(region.0 as u64);
        let state = WireState {
            start: Instant::now(),
            link: Link::default(),
            hosts: Hosts::default(),
            trace: Trace::default(),
            rng,
            queue: EventQueue::default(),
            latencies: BTreeMap::new(),
            blocked: BTreeSet::new(),
            held: Vec::new(),
            outside: Outside::default(),
            has_slow_hosts: false,
            events: 0,
        };
        let (state, earlier) = (Mutex::new(state), Notify::new());
        Self(Arc::new(Shared { region, runtime: Handle::current(), state, earlier }))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, WireState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time since the start. The caller may be outside of the region.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now() - self.state().start
    }

    fn now(&self) -> Instant {
        let _context = self.0.runtime.enter();
        Instant::now()
    }

    /// Starts a task of a host of this region.
    pub(crate) fn spawn(&self, task: Task) -> AbortHandle {
        self.0.runtime.spawn(task).abort_handle()
    }

    /// A direction of a connection.
    pub(crate) fn pipe(&self, ends: Ends) -> Pipe {
        Pipe::new(ends, self.region_of(ends.from) != self.region_of(ends.to))
    }

    fn region_of(&self, host: HostId) -> usize {
        host.index() % self.0.region.1
    }

    /// Adds an event that happens at a host, and wakes the task of the wire if it is the first one. If the host is in another
    /// region, the event comes there when both regions rest.
    pub(crate) fn add(&self, state: &mut WireState, host: HostId, at: Instant, event: WireEvent) {
        let region = self.region_of(host);
        if region != self.0.region.0 {
            let at = at - state.start;
            return state.outside.leaving.push(Leaving { region, at, event });
        }
        if state.queue.add(at, event) {
            self.0.earlier.notify_one();
        }
    }

    /// All regions rest: what has happened in this one for others comes to them.
    pub(crate) fn exchange(&self, wires: &[&Self]) {
        let Outside { leaving, touched } = std::mem::take(&mut self.state().outside);
        touched.iter().for_each(Pipe::settle);
        for Leaving { region, at, event } in leaving {
            let Shared { state, earlier, .. } = &*wires[region].0;
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let at = state.start + at;
            if state.queue.add(at, event) {
                earlier.notify_one();
            }
        }
    }

    /// The task: lets the events happen as their time comes.
    pub(crate) async fn run(self) {
        loop {
            let next = self.state().queue.next();
            let Some(next) = next else {
                self.0.earlier.notified().await;
                continue;
            };
            tokio::select! {
                biased;
                () = self.0.earlier.notified() => continue,
                () = sleep_until(next) => {}
            }
            let now = Instant::now();
            while let Some(event) = self.take_due(now) {
                self.happen(now, event);
            }
        }
    }

    fn take_due(&self, now: Instant) -> Option<WireEvent> {
        let mut state = self.state();
        let event = state.queue.take_due(now)?;
        state.events += 1;
        Some(event)
    }

    fn happen(&self, now: Instant, event: WireEvent) {
        if let Some(event) = self.work_on(now, event) {
            self.reach(now, event);
        }
    }

    /// A slow host works on what arrives before its program gets it. Returns everything else.
    fn work_on(&self, now: Instant, event: WireEvent) -> Option<WireEvent> {
        let mut state = self.state();
        if !state.has_slow_hosts {
            return Some(event);
        }
        let host = match &event {
            WireEvent::Arrive(pipe, _) => Some(pipe.ends().to),
            WireEvent::Datagram(datagram) => state.hosts.at(datagram.to.ip()),
            _ => None,
        };
        let Some(host) = host else { return Some(event) };
        let done = state.hosts.host_mut(host).load.receive(now);
        let Some(done) = done else { return Some(event) };
        self.add(&mut state, host, done, WireEvent::Worked(Box::new(event)));
        None
    }

    /// An event has its effect.
    fn reach(&self, now: Instant, event: WireEvent) {
        match event {
            WireEvent::Depart(pipe) => pipe.depart(),
            WireEvent::Arrive(pipe, part) => self.arrive(now, &pipe, part),
            WireEvent::Resent(pipe) => self.arrive_resent(now, &pipe),
            WireEvent::Refused(pipe) => self.arrive_refused(now, pipe),
            WireEvent::Datagram(datagram) => self.receive_datagram(now, &datagram),
            WireEvent::Dial(dialing) => self.receive_dial(now, dialing),
            WireEvent::Dialed(dialing) => dialing.finish(),
            WireEvent::Worked(arrived) => self.reach(now, *arrived),
        }
    }

    fn arrive(&self, now: Instant, pipe: &Pipe, part: Part) {
        let ends = pipe.ends();
        let mut state = self.state();
        {
            // Behind what is held back, so that the bytes stay in order.
            let mut held = pipe.state();
            let is_first = held.held.is_empty();
            if !is_first || state.is_blocked(ends.from, ends.to) {
                held.held.push(part);
                drop(held);
                if is_first {
                    state.held.push(pipe.clone());
                }
                return;
            }
        }
        Self::deliver(now, state, pipe, part);
    }

    /// A repaired line carries what it has held back, unless it is blocked again.
    fn arrive_resent(&self, now: Instant, pipe: &Pipe) {
        let ends = pipe.ends();
        let mut state = self.state();
        if state.is_blocked(ends.from, ends.to) {
            return state.held.push(pipe.clone());
        }
        drop(state);
        let parts = std::mem::take(&mut pipe.state().held);
        for part in parts {
            Self::deliver(now, self.state(), pipe, part);
        }
    }

    /// The other end of a pipe reads no longer. A blocked line is tried again.
    fn arrive_refused(&self, now: Instant, pipe: Pipe) {
        let ends = pipe.ends();
        let mut state = self.state();
        if state.is_blocked(ends.to, ends.from) {
            return self.add(&mut state, ends.from, now + RESEND, WireEvent::Refused(pipe));
        }
        Self::trace(now, &mut state, &pipe, &Part::End(End::Reset));
        drop(state);
        pipe.refuse();
    }

    fn deliver(now: Instant, mut state: MutexGuard<'_, WireState>, pipe: &Pipe, part: Part) {
        Self::trace(now, &mut state, pipe, &part);
        drop(state);
        pipe.arrive(part);
    }

    /// Adds a part of a stream to the trace.
    fn trace(now: Instant, state: &mut WireState, pipe: &Pipe, part: &Part) {
        let Ends { from, to } = pipe.ends();
        let at = now - state.start;
        let event = match part {
            Part::Bytes(bytes) => TraceEvent::Bytes { from, to, bytes },
            Part::End(end) => TraceEvent::End { from, to, reset: *end == End::Reset },
        };
        state.trace.add(at, &event);
        if matches!(part, Part::End(_)) && pipe.crosses() {
            state.touch(pipe);
        }
    }

    /// Sends bytes through a pipe.
    pub(crate) fn send(&self, pipe: &Pipe, bytes: Bytes) {
        let (now, length) = (Instant::now(), bytes.len());
        let ends = pipe.ends();
        let mut state = self.state();
        let departure = state.departure(ends.from, now, length);
        let arrival = state.arrival(pipe, departure);
        pipe.send(length, now, departure);
        let event = WireEvent::Arrive(pipe.clone(), Part::Bytes(bytes));
        self.add(&mut state, ends.to, arrival, event);
    }

    /// Wakes the writer of a pipe when bytes leave the host.
    pub(crate) fn depart(&self, pipe: &Pipe, at: Instant) {
        let mut state = self.state();
        self.add(&mut state, pipe.ends().from, at, WireEvent::Depart(pipe.clone()));
    }

    /// Ends a pipe, after everything that was sent.
    pub(crate) fn end(&self, pipe: &Pipe, end: End) {
        let mut state = self.state();
        let arrival = state.arrival(pipe, Instant::now());
        let event = WireEvent::Arrive(pipe.clone(), Part::End(end));
        self.add(&mut state, pipe.ends().to, arrival, event);
    }

    /// Tells the writer of a pipe that its other end reads no longer.
    pub(crate) fn refuse(&self, pipe: &Pipe) {
        let ends = pipe.ends();
        let mut state = self.state();
        let at = Instant::now() + state.latency(ends.to, ends.from);
        self.add(&mut state, ends.from, at, WireEvent::Refused(pipe.clone()));
    }

    /// Blocks a line in one direction, or repairs it.
    pub(crate) fn block(&self, from: HostId, to: HostId, blocked: bool) {
        let now = self.now();
        let mut state = self.state();
        if blocked {
            state.blocked.insert((from, to));
            return;
        }
        state.blocked.remove(&(from, to));
        let at = now + RESEND + state.latency(from, to);
        let repaired = |pipe: &mut Pipe| {
            let ends = pipe.ends();
            (ends.from, ends.to) == (from, to)
        };
        let pipes: Vec<Pipe> = state.held.extract_if(.., repaired).collect();
        for pipe in pipes {
            self.add(&mut state, to, at, WireEvent::Resent(pipe));
        }
    }

    /// Adds a line to the trace.
    pub(crate) fn note(&self, event: &TraceEvent<'_>) {
        let at = self.elapsed();
        self.state().trace.add(at, event);
    }
}

impl WireState {
    /// A pipe from or to another region was read or has ended.
    pub(crate) fn touch(&mut self, pipe: &Pipe) {
        self.outside.touched.push(pipe.clone());
    }

    pub(crate) fn is_blocked(&self, from: HostId, to: HostId) -> bool {
        self.blocked.contains(&(from, to))
    }

    /// The latency between two hosts. It is drawn when it is first asked for.
    pub(crate) fn latency(&mut self, from: HostId, to: HostId) -> Duration {
        let pair = (from.min(to), from.max(to));
        if let Some(latency) = self.latencies.get(&pair) {
            return *latency;
        }
        let latency = self.link.draw_latency(&mut self.rng);
        self.latencies.insert(pair, latency);
        latency
    }

    /// Forgets the latencies, so that they are drawn from the new link.
    pub(crate) fn set_link(&mut self, link: &Link) {
        self.link.clone_from(link);
        self.latencies.clear();
    }

    /// Sets how long a host works on what arrives.
    pub(crate) fn set_work(&mut self, host: HostId, work: Duration) {
        self.has_slow_hosts = true;
        self.hosts.host_mut(host).load.set_work(work);
    }

    /// When the last of these bytes leaves a host that sends them now.
    pub(crate) fn departure(&mut self, from: HostId, now: Instant, bytes: usize) -> Instant {
        let time = self.link.sending_time(bytes);
        self.hosts.host_mut(from).load.send(now, time)
    }

    /// When a part that leaves its host at this time arrives, after all before it, and was worked on.
    fn arrival(&mut self, pipe: &Pipe, departure: Instant) -> Instant {
        let ends = pipe.ends();
        let latency = self.latency(ends.from, ends.to);
        let delay = self.link.stream_delay(latency, &mut self.rng);
        let mut pipe = pipe.state();
        let arrival =
            pipe.last_arrival.map_or(departure + delay, |last| last.max(departure + delay));
        pipe.last_arrival = Some(arrival);
        arrival
    }
}
