//! Datagrams.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use p2p_world::Datagrams;
use tokio::{io::ReadBuf, time::Instant};

use crate::{
    host_id::HostId,
    net::wire::{Wire, WireEvent},
    trace::TraceEvent,
};

/// Maximum number of bytes that wait to be read, as in Linux. What comes then is lost.
const MAX_WAITING: usize = 208 * 1024;

/// A datagram on its way.
#[derive(Debug)]
pub(crate) struct Datagram {
    /// The host that has sent it. The source address may be that of another one.
    sender: HostId,
    from: SocketAddr,
    pub(crate) to: SocketAddr,
    bytes: Bytes,
}

/// The datagrams that have arrived at one socket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mailbox(Arc<Mutex<Arrived>>);

#[derive(Debug, Default)]
struct Arrived {
    datagrams: VecDeque<(SocketAddr, Bytes)>,
    bytes: usize,
    reader: Option<Waker>,
    closed: bool,
}

impl Mailbox {
    fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self, from: SocketAddr, bytes: Bytes) -> bool {
        let mut arrived = self.arrived();
        if arrived.closed || arrived.bytes + bytes.len() > MAX_WAITING {
            return false;
        }
        arrived.bytes += bytes.len();
        arrived.datagrams.push_back((from, bytes));
        let reader = arrived.reader.take();
        drop(arrived);
        reader.into_iter().for_each(Waker::wake);
        true
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.arrived().closed
    }
}

/// A socket for datagrams.
#[derive(Debug)]
pub(crate) struct SimDatagrams {
    wire: Wire,
    host: HostId,
    addr: SocketAddr,
    mailbox: Mailbox,
}

impl SimDatagrams {
    pub(crate) fn new(wire: Wire, host: HostId, addr: SocketAddr, mailbox: Mailbox) -> Self {
        Self { wire, host, addr, mailbox }
    }
}

impl Datagrams for SimDatagrams {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
    }

    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        let mut arrived = self.mailbox.arrived();
        let Some((from, bytes)) = arrived.datagrams.pop_front() else {
            arrived.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        arrived.bytes -= bytes.len();
        buffer.put_slice(&bytes[..bytes.len().min(buffer.remaining())]);
        Poll::Ready(Ok(from))
    }

    fn poll_send(
        &self,
        _: &mut Context<'_>,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.wire.send_datagram(self.host, self.addr, to, datagram);
        Poll::Ready(Ok(datagram.len()))
    }
}

impl Drop for SimDatagrams {
    fn drop(&mut self) {
        self.mailbox.arrived().closed = true;
    }
}

impl Wire {
    fn send_datagram(&self, host: HostId, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        let from = {
            let mut state = self.state();
            let sender = state.hosts.host_mut(host);
            sender.contacted.insert(to);
            // A socket that is bound to all addresses sends from the address of its host.
            SocketAddr::new(sender.ip, from.port())
        };
        self.send_datagram_as(host, from, to, datagram);
    }

    /// Sends a datagram with any source address.
    pub(crate) fn send_datagram_as(
        &self,
        sender: HostId,
        from: SocketAddr,
        to: SocketAddr,
        datagram: &[u8],
    ) {
        let now = Instant::now();
        let mut state = self.state();
        let departure = state.departure(sender, now, datagram.len());
        let Some(target) = state.hosts.at(to.ip()) else { return };
        let latency = state.latency(sender, target);
        let link = state.link.clone();
        let Some(delay) = link.datagram_delay(latency, &mut state.rng) else {
            let at = now - state.start;
            return state.trace.add(at, &TraceEvent::DatagramLost { from, to });
        };
        let bytes = Bytes::copy_from_slice(datagram);
        let datagram = Box::new(Datagram { sender, from, to, bytes });
        self.add(&mut state, target, departure + delay, WireEvent::Datagram(datagram));
    }

    /// A datagram arrives at its host.
    pub(crate) fn receive_datagram(&self, now: Instant, datagram: &Datagram) {
        let Datagram { sender, from, to, ref bytes } = *datagram;
        let mut state = self.state();
        let at = now - state.start;
        let Some(target) = state.hosts.at(to.ip()) else { return };
        let blocked = state.is_blocked(sender, target);
        let host = state.hosts.host_mut(target);
        let unknown = host.behind_nat && !host.contacted.contains(&from);
        let mailbox = host.sockets.get(&to.port()).cloned();
        let reaches = host.up && !blocked && !unknown;
        let event =
            if reaches && mailbox.is_some_and(|mailbox| mailbox.deliver(from, bytes.clone())) {
                TraceEvent::Datagram { from, to, bytes }
            } else {
                TraceEvent::DatagramLost { from, to }
            };
        state.trace.add(at, &event);
    }
}
