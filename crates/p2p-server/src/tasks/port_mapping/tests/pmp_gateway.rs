//! A NAT-PMP and PCP gateway on loopback; a test controls its behavior.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Instant,
};

use tokio::{net::UdpSocket, sync::watch, task::AbortHandle};

use super::server::soon;
use crate::{
    Transport,
    nat::wire::{natpmp, pcp},
};

/// The nonce of a PCP mapping; `None` for NAT-PMP.
type Nonce = Option<[u8; 12]>;

/// How the gateway behaves, and what it has done.
#[derive(Clone)]
pub(super) struct PmpGatewayState {
    pub(super) ip: Ipv4Addr,
    /// Whether it supports only PCP.
    pub(super) pcp: bool,
    /// The external port for an internal port; the same port by default.
    pub(super) ports: BTreeMap<u16, u16>,
    /// The lifetime that it grants, in seconds; the requested one by default.
    pub(super) grants: Option<u32>,
    /// The code of its refusals; `None` grants mappings.
    pub(super) refuses: Option<u8>,
    pub(super) silent: bool,
    /// Whether it sends junk before each answer.
    pub(super) junk: bool,
    /// Whether it sends junk instead of answers.
    pub(super) only_junk: bool,
    /// When it started, and what its clock showed then.
    pub(super) started: (Instant, u32),
    /// External port, lifetime in seconds and nonce, by transport (TCP?) and internal port.
    pub(super) mappings: BTreeMap<(bool, u16), (u16, u32, Nonce)>,
    /// Number of requests for mappings.
    pub(super) asked: usize,
    /// Number of requests for its address or clock.
    pub(super) checked: usize,
}

impl PmpGatewayState {
    fn epoch(&self) -> u32 {
        let passed = u32::try_from(self.started.0.elapsed().as_secs()).unwrap();
        self.started.1 + passed
    }

    /// Loses all mappings and restarts the clock.
    pub(super) fn restart(&mut self) {
        self.started = (Instant::now(), 0);
        self.mappings.clear();
    }

    fn map(
        &mut self,
        transport: Transport,
        internal: u16,
        lifetime: u32,
        nonce: Nonce,
    ) -> Result<(u16, u32), u8> {
        let key = (transport == Transport::Tcp, internal);
        if lifetime == 0 {
            // Only the client that made a mapping may remove it.
            return match self.mappings.remove(&key) {
                Some((_, _, made)) if made != nonce => Err(pcp::code::NOT_AUTHORIZED),
                _ => Ok((0, 0)),
            };
        }
        self.asked += 1;
        if let Some(code) = self.refuses {
            return Err(code);
        }
        // Only that client may renew it.
        if self.mappings.get(&key).is_some_and(|&(_, _, made)| made != nonce) {
            return Err(pcp::code::NOT_AUTHORIZED);
        }
        let external = self.ports.get(&internal).copied().unwrap_or(internal);
        let lifetime = self.grants.unwrap_or(lifetime);
        self.mappings.insert(key, (external, lifetime, nonce));
        Ok((external, lifetime))
    }

    fn answer(&mut self, datagram: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
        let epoch = self.epoch();
        if !self.pcp {
            let Some(request) = natpmp::Request::decode(datagram) else {
                let body = natpmp::Body::Refused { opcode: datagram[1] & 0x7f, code: 1 };
                return Some(natpmp::Answer { epoch, body }.encode());
            };
            let body = match request {
                natpmp::Request::Address => {
                    self.checked += 1;
                    natpmp::Body::Address(self.ip)
                }
                natpmp::Request::Map { transport, internal, external, lifetime } => {
                    assert_eq!(lifetime == 0, external == 0, "a removal has no external port");
                    let opcode = if transport == Transport::Tcp { 2 } else { 1 };
                    match self.map(transport, internal, lifetime, None) {
                        Ok((external, lifetime)) => {
                            natpmp::Body::Mapped { transport, internal, external, lifetime }
                        }
                        Err(code) => natpmp::Body::Refused { opcode, code: code.into() },
                    }
                }
            };
            return Some(natpmp::Answer { epoch, body }.encode());
        }
        let plain = pcp::Answer { opcode: 0, code: 0, lifetime: 0, epoch, map: None };
        let Some(request) = pcp::Request::decode(datagram) else {
            let code = pcp::code::UNSUPPORTED_VERSION;
            return Some(pcp::Answer { code, ..plain }.encode());
        };
        assert_eq!(request.client, from.ip());
        let Some(map) = request.map else {
            self.checked += 1;
            return Some(plain.encode());
        };
        let done = self.map(map.transport, map.internal, request.lifetime, Some(map.nonce));
        let (external, lifetime) = done.unwrap_or_default();
        let map = Some(pcp::Map { external, ip: self.ip.into(), ..map });
        let code = done.err().unwrap_or_default();
        Some(pcp::Answer { opcode: 1, code, lifetime, map, ..plain }.encode())
    }
}

/// The gateway.
pub(super) struct PmpGateway {
    pub(super) port: u16,
    pub(super) state: watch::Sender<PmpGatewayState>,
    task: AbortHandle,
}

impl PmpGateway {
    pub(super) async fn start() -> Self {
        let state = PmpGatewayState {
            ip: "203.0.113.7".parse().unwrap(),
            pcp: false,
            ports: BTreeMap::new(),
            grants: None,
            refuses: None,
            silent: false,
            junk: false,
            only_junk: false,
            started: (Instant::now(), 10_000),
            mappings: BTreeMap::new(),
            asked: 0,
            checked: 0,
        };
        let state = watch::Sender::new(state);
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let task = tokio::spawn(run(socket, state.clone())).abort_handle();
        Self { port, state, task }
    }

    /// Closes the socket; the mappings stay.
    pub(super) fn stop(&self) {
        self.task.abort();
    }

    /// Answers again, on the same port.
    pub(super) async fn resume(&mut self) {
        let socket = soon(async {
            loop {
                match UdpSocket::bind(("127.0.0.1", self.port)).await {
                    Ok(socket) => return socket,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        });
        self.task = tokio::spawn(run(socket.await, self.state.clone())).abort_handle();
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut PmpGatewayState)) {
        self.state.send_modify(change);
    }

    /// Waits until the condition holds.
    pub(super) async fn until(
        &self,
        holds: impl FnMut(&PmpGatewayState) -> bool,
    ) -> PmpGatewayState {
        let mut changes = self.state.subscribe();
        soon(changes.wait_for(holds)).await.unwrap().clone()
    }
}

impl Drop for PmpGateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(socket: UdpSocket, state: watch::Sender<PmpGatewayState>) {
    let mut buffer = [0; pcp::MAX_DATAGRAM];
    loop {
        let Ok((len, from)) = socket.recv_from(&mut buffer).await else { continue };
        let mut answer = None;
        let mut junk = Vec::new();
        state.send_modify(|state| {
            if state.junk || state.only_junk {
                junk = vec![vec![], vec![0], vec![0xff; 60], buffer[..len].to_vec(), vec![0, 131]];
            }
            if !state.silent && !state.only_junk {
                answer = state.answer(&buffer[..len], from);
            }
        });
        for datagram in junk.into_iter().chain(answer) {
            // An error means that the other end is gone.
            let _ = socket.send_to(&datagram, from).await;
        }
    }
}
