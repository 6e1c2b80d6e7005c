//! Asking a gateway by NAT-PMP, and by PCP where it knows only that.
//!
//! Own code, because the crate for it does not do what a node needs: it takes the first datagram that
//! comes for the answer, waits for silence on PCP before it tries NAT-PMP, and looks neither for the
//! external address nor for a gateway that has started anew.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use tokio::{net::UdpSocket, time};

use super::{
    attempts::{Attempt, Attempts},
    gateway::{Grant, Seen, Wish},
    report::{Mechanism, NatFailure},
    settings::Terms,
    wire::{natpmp, pcp},
};
use crate::context::now;

/// How many datagrams that are no answer are read for one request.
const MAX_JUNK: u32 = 64;

/// What the own mappings are known by, in PCP. The same whenever a node with that key runs.
pub(crate) type Nonce = [u8; 12];

/// A gateway, by its address.
#[derive(Debug)]
pub(crate) struct Pmp {
    at: SocketAddrV4,
    /// From which address it is asked whether it is there.
    from: Ipv4Addr,
    /// None: it speaks NAT-PMP.
    pcp: Option<Nonce>,
    terms: Terms,
}

impl Pmp {
    /// Asks the machine at `ip` for its external address, from the address `from` of this one (which
    /// may be unspecified).
    pub(crate) async fn find(
        ip: Ipv4Addr,
        from: Ipv4Addr,
        nonce: Nonce,
        terms: &Terms,
    ) -> Result<(Self, Seen), NatFailure> {
        let at = SocketAddrV4::new(ip, terms.pmp_port);
        let mut gateway = Self { at, from, pcp: None, terms: terms.clone() };
        let mut seen = gateway.check().await;
        if seen == Err(NatFailure::Unsupported) {
            gateway.pcp = Some(nonce);
            seen = gateway.check().await;
        }
        Ok((gateway, seen?))
    }

    pub(crate) const fn mechanism(&self) -> Mechanism {
        if self.pcp.is_some() { Mechanism::Pcp } else { Mechanism::NatPmp }
    }

    pub(crate) async fn check(&self) -> Result<Seen, NatFailure> {
        if self.pcp.is_some() {
            let answer = self.ask_pcp(self.from, 0, None).await?;
            return Ok(Seen { ip: None, epoch: Some(answer.epoch) });
        }
        let answer = self.ask_natpmp(self.from, natpmp::Request::Address).await?;
        let ip = match answer.body {
            natpmp::Body::Address(ip) if !ip.is_unspecified() => Some(ip),
            _ => None,
        };
        Ok(Seen { ip, epoch: Some(answer.epoch) })
    }

    pub(crate) async fn map(&self, wish: Wish) -> Result<Grant, NatFailure> {
        let asked = u32::try_from(self.terms.lifetime.as_secs()).unwrap_or(u32::MAX);
        let (external, lifetime, seen) = self.set(wish, asked).await?;
        // To grant nothing, or nothing for no time, is to refuse.
        if external == 0 || lifetime == 0 {
            return Err(NatFailure::Malformed);
        }
        let lifetime = Some(Duration::from_secs(lifetime.into()));
        Ok(Grant { external, lifetime, seen })
    }

    pub(crate) async fn unmap(&self, wish: Wish) -> Result<(), NatFailure> {
        self.set(wish, 0).await.map(drop)
    }

    /// Asks for a lifetime, which may be 0. The port granted, for how long, and the rest.
    async fn set(&self, wish: Wish, lifetime: u32) -> Result<(u16, u32, Seen), NatFailure> {
        let Wish { transport, internal, external } = wish;
        let (from, internal) = (*internal.ip(), internal.port());
        let Some(nonce) = self.pcp else {
            // Whoever removes a mapping must name no port outside (RFC 6886 §3.4).
            let external = if lifetime == 0 { 0 } else { external };
            let request = natpmp::Request::Map { transport, internal, external, lifetime };
            let answer = self.ask_natpmp(from, request).await?;
            let natpmp::Body::Mapped { external, lifetime, .. } = answer.body else {
                return Err(NatFailure::Malformed);
            };
            return Ok((external, lifetime, Seen { ip: None, epoch: Some(answer.epoch) }));
        };
        let ip = Ipv4Addr::UNSPECIFIED.into();
        let map = pcp::Map { nonce, transport, internal, external, ip };
        let answer = self.ask_pcp(from, lifetime, Some(map)).await?;
        let map = answer.map.ok_or(NatFailure::Malformed)?;
        let ip = match map.ip {
            IpAddr::V4(ip) if !ip.is_unspecified() => Some(ip),
            _ => None,
        };
        Ok((map.external, answer.lifetime, Seen { ip, epoch: Some(answer.epoch) }))
    }

    async fn ask_natpmp(
        &self,
        from: Ipv4Addr,
        request: natpmp::Request,
    ) -> Result<natpmp::Answer, NatFailure> {
        let read = |datagram: &[u8]| {
            if pcp::Answer::decode(datagram).is_some() {
                return Some(Err(NatFailure::Unsupported));
            }
            let answer =
                natpmp::Answer::decode(datagram).filter(|answer| answer.is_to(&request))?;
            Some(match answer.body {
                natpmp::Body::Refused { code, .. } => Err(refusal(code)),
                _ => Ok(answer),
            })
        };
        self.ask(from, |_| request.encode(), read).await
    }

    async fn ask_pcp(
        &self,
        from: Ipv4Addr,
        lifetime: u32,
        map: Option<pcp::Map>,
    ) -> Result<pcp::Answer, NatFailure> {
        let request = |client: IpAddr| pcp::Request { client, lifetime, map };
        let read = |datagram: &[u8]| {
            if natpmp::Answer::decode(datagram).is_some() {
                return Some(Err(NatFailure::Unsupported));
            }
            let asked = request(Ipv4Addr::UNSPECIFIED.into());
            let answer = pcp::Answer::decode(datagram).filter(|answer| answer.is_to(&asked))?;
            Some(if answer.code == 0 { Ok(answer) } else { Err(pcp_refusal(answer.code)) })
        };
        self.ask(from, |client| request(client).encode(), read).await
    }

    /// Sends a request until `read` takes something for an answer. Datagrams from anywhere else do
    /// not get here.
    async fn ask<T>(
        &self,
        from: Ipv4Addr,
        request: impl FnOnce(IpAddr) -> Vec<u8>,
        read: impl Fn(&[u8]) -> Option<Result<T, NatFailure>>,
    ) -> Result<T, NatFailure> {
        let failed = |error: io::Error| match error.kind() {
            // Nobody listens there.
            io::ErrorKind::ConnectionRefused => NatFailure::Silent,
            kind => NatFailure::Unreachable(kind),
        };
        let socket = UdpSocket::bind((from, 0)).await.map_err(failed)?;
        socket.connect(self.at).await.map_err(failed)?;
        let request = request(socket.local_addr().map_err(failed)?.ip());
        let mut attempts = Attempts::new(self.terms.first_wait, self.terms.tries);
        let mut junk = 0;
        let mut buffer = [0; pcp::MAX_DATAGRAM];
        loop {
            match attempts.poll(now()) {
                Attempt::Send => drop(socket.send(&request).await.map_err(failed)?),
                Attempt::GiveUp if junk == 0 => return Err(NatFailure::Silent),
                Attempt::GiveUp => return Err(NatFailure::Malformed),
                Attempt::Wait(until) => {
                    let received = time::timeout_at(until.into(), socket.recv(&mut buffer)).await;
                    let Ok(received) = received else { continue };
                    let datagram = &buffer[..received.map_err(failed)?];
                    if let Some(answer) = read(datagram) {
                        return answer;
                    }
                    junk += 1;
                    if junk == MAX_JUNK {
                        return Err(NatFailure::Malformed);
                    }
                }
            }
        }
    }
}

/// Why NAT-PMP refused.
const fn refusal(code: u16) -> NatFailure {
    match code {
        natpmp::code::UNSUPPORTED_VERSION | natpmp::code::UNSUPPORTED_OPCODE => {
            NatFailure::Unsupported
        }
        natpmp::code::NOT_AUTHORIZED => NatFailure::NotAuthorized,
        natpmp::code::NETWORK_FAILURE => NatFailure::NoConnection,
        natpmp::code::OUT_OF_RESOURCES => NatFailure::NoRoom,
        code => NatFailure::Refused(code),
    }
}

/// Why PCP refused.
fn pcp_refusal(code: u8) -> NatFailure {
    match code {
        pcp::code::UNSUPPORTED_VERSION
        | pcp::code::UNSUPPORTED_OPCODE
        | pcp::code::UNSUPPORTED_PROTOCOL => NatFailure::Unsupported,
        pcp::code::NOT_AUTHORIZED => NatFailure::NotAuthorized,
        pcp::code::NETWORK_FAILURE => NatFailure::NoConnection,
        pcp::code::NO_RESOURCES | pcp::code::USER_EXCEEDED_QUOTA => NatFailure::NoRoom,
        pcp::code::CANNOT_PROVIDE_EXTERNAL => NatFailure::PortTaken,
        code => NatFailure::Refused(code.into()),
    }
}
