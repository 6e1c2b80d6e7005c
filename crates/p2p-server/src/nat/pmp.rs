//! Requests to a gateway over NAT-PMP, or over PCP if it supports only that.
//!
//! This is own code because the existing crate does not do what a node needs: it takes the first datagram
//! for the answer, waits for a timeout of PCP before it tries NAT-PMP, and reads neither the external
//! address nor the clock that shows a restarted gateway.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use tokio::{net::UdpSocket, time};

use super::{
    attempts::{Attempt, Attempts},
    gateway::{GatewayStatus, GrantedMapping, MappingRequest},
    report::{MappingError, Mechanism},
    settings::GatewaySettings,
    wire::{natpmp, pcp},
};
use crate::clock::now;

/// Maximum number of unrelated datagrams read for one request.
const MAX_JUNK: u32 = 64;

/// Identifies the mappings of this node in PCP. Always the same for a node with the same key.
pub(crate) type Nonce = [u8; 12];

/// A gateway at a known address.
#[derive(Debug)]
pub(crate) struct Pmp {
    at: SocketAddrV4,
    /// The address of this machine from which the gateway is checked.
    from: Ipv4Addr,
    /// `None`: it uses NAT-PMP.
    pcp: Option<Nonce>,
    settings: GatewaySettings,
}

impl Pmp {
    /// Asks the machine at `ip` for its external address, from the address `from` of this machine, which
    /// may be unspecified.
    pub(crate) async fn find(
        ip: Ipv4Addr,
        from: Ipv4Addr,
        nonce: Nonce,
        settings: &GatewaySettings,
    ) -> Result<(Self, GatewayStatus), MappingError> {
        let at = SocketAddrV4::new(ip, settings.pmp_port);
        let mut gateway = Self { at, from, pcp: None, settings: settings.clone() };
        let mut status = gateway.check().await;
        if status == Err(MappingError::Unsupported) {
            gateway.pcp = Some(nonce);
            status = gateway.check().await;
        }
        Ok((gateway, status?))
    }

    pub(crate) const fn mechanism(&self) -> Mechanism {
        if self.pcp.is_some() { Mechanism::Pcp } else { Mechanism::NatPmp }
    }

    pub(crate) async fn check(&self) -> Result<GatewayStatus, MappingError> {
        if self.pcp.is_some() {
            let answer = self.ask_pcp(self.from, 0, None).await?;
            return Ok(GatewayStatus { ip: None, epoch: Some(answer.epoch) });
        }
        let answer = self.ask_natpmp(self.from, natpmp::Request::Address).await?;
        let ip = match answer.body {
            natpmp::Body::Address(ip) if !ip.is_unspecified() => Some(ip),
            _ => None,
        };
        Ok(GatewayStatus { ip, epoch: Some(answer.epoch) })
    }

    pub(crate) async fn map(&self, wanted: MappingRequest) -> Result<GrantedMapping, MappingError> {
        let asked = u32::try_from(self.settings.lifetime.as_secs()).unwrap_or(u32::MAX);
        let (external, lifetime, status) = self.set(wanted, asked).await?;
        // No port, or no lifetime, is a refusal.
        if external == 0 || lifetime == 0 {
            return Err(MappingError::Malformed);
        }
        let lifetime = Some(Duration::from_secs(lifetime.into()));
        Ok(GrantedMapping { external, lifetime, status })
    }

    pub(crate) async fn unmap(&self, wanted: MappingRequest) -> Result<(), MappingError> {
        self.set(wanted, 0).await.map(drop)
    }

    /// Asks for a mapping with this lifetime, 0 to remove it. Returns external port, lifetime and status.
    async fn set(
        &self,
        wanted: MappingRequest,
        lifetime: u32,
    ) -> Result<(u16, u32, GatewayStatus), MappingError> {
        let MappingRequest { transport, internal, external } = wanted;
        let (from, internal) = (*internal.ip(), internal.port());
        let Some(nonce) = self.pcp else {
            // A removal must name no external port (RFC 6886 §3.4).
            let external = if lifetime == 0 { 0 } else { external };
            let request = natpmp::Request::Map { transport, internal, external, lifetime };
            let answer = self.ask_natpmp(from, request).await?;
            let natpmp::Body::Mapped { external, lifetime, .. } = answer.body else {
                return Err(MappingError::Malformed);
            };
            return Ok((external, lifetime, GatewayStatus { ip: None, epoch: Some(answer.epoch) }));
        };
        let ip = Ipv4Addr::UNSPECIFIED.into();
        let map = pcp::Map { nonce, transport, internal, external, ip };
        let answer = self.ask_pcp(from, lifetime, Some(map)).await?;
        let map = answer.map.ok_or(MappingError::Malformed)?;
        let ip = match map.ip {
            IpAddr::V4(ip) if !ip.is_unspecified() => Some(ip),
            _ => None,
        };
        Ok((map.external, answer.lifetime, GatewayStatus { ip, epoch: Some(answer.epoch) }))
    }

    async fn ask_natpmp(
        &self,
        from: Ipv4Addr,
        request: natpmp::Request,
    ) -> Result<natpmp::Answer, MappingError> {
        let read = |datagram: &[u8]| {
            if pcp::Answer::decode(datagram).is_some() {
                return Some(Err(MappingError::Unsupported));
            }
            let answer =
                natpmp::Answer::decode(datagram).filter(|answer| answer.is_to(&request))?;
            Some(match answer.body {
                natpmp::Body::Refused { code, .. } => Err(natpmp_error(code)),
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
    ) -> Result<pcp::Answer, MappingError> {
        let request = |client: IpAddr| pcp::Request { client, lifetime, map };
        let read = |datagram: &[u8]| {
            if natpmp::Answer::decode(datagram).is_some() {
                return Some(Err(MappingError::Unsupported));
            }
            let asked = request(Ipv4Addr::UNSPECIFIED.into());
            let answer = pcp::Answer::decode(datagram).filter(|answer| answer.is_to(&asked))?;
            Some(if answer.code == 0 { Ok(answer) } else { Err(pcp_error(answer.code)) })
        };
        self.ask(from, |client| request(client).encode(), read).await
    }

    /// Sends a request until `read` recognizes an answer. The socket is connected, so only datagrams from
    /// the gateway arrive.
    async fn ask<T>(
        &self,
        from: Ipv4Addr,
        request: impl FnOnce(IpAddr) -> Vec<u8>,
        read: impl Fn(&[u8]) -> Option<Result<T, MappingError>>,
    ) -> Result<T, MappingError> {
        let failed = |error: io::Error| match error.kind() {
            // No process listens there.
            io::ErrorKind::ConnectionRefused => MappingError::Silent,
            kind => MappingError::Unreachable(kind),
        };
        let socket = UdpSocket::bind((from, 0)).await.map_err(failed)?;
        socket.connect(self.at).await.map_err(failed)?;
        let request = request(socket.local_addr().map_err(failed)?.ip());
        let mut attempts = Attempts::new(self.settings.first_wait, self.settings.tries);
        let mut junk = 0;
        let mut buffer = [0; pcp::MAX_DATAGRAM];
        loop {
            match attempts.poll(now()) {
                Attempt::Send => drop(socket.send(&request).await.map_err(failed)?),
                Attempt::Fail if junk == 0 => return Err(MappingError::Silent),
                Attempt::Fail => return Err(MappingError::Malformed),
                Attempt::Wait(until) => {
                    let received = time::timeout_at(until.into(), socket.recv(&mut buffer)).await;
                    let Ok(received) = received else { continue };
                    let datagram = &buffer[..received.map_err(failed)?];
                    if let Some(answer) = read(datagram) {
                        return answer;
                    }
                    junk += 1;
                    if junk == MAX_JUNK {
                        return Err(MappingError::Malformed);
                    }
                }
            }
        }
    }
}

/// Why NAT-PMP refused.
const fn natpmp_error(code: u16) -> MappingError {
    match code {
        natpmp::code::UNSUPPORTED_VERSION | natpmp::code::UNSUPPORTED_OPCODE => {
            MappingError::Unsupported
        }
        natpmp::code::NOT_AUTHORIZED => MappingError::NotAuthorized,
        natpmp::code::NETWORK_FAILURE => MappingError::NoConnection,
        natpmp::code::OUT_OF_RESOURCES => MappingError::NoRoom,
        code => MappingError::Refused(code),
    }
}

/// The error of a PCP result code.
fn pcp_error(code: u8) -> MappingError {
    match code {
        pcp::code::UNSUPPORTED_VERSION
        | pcp::code::UNSUPPORTED_OPCODE
        | pcp::code::UNSUPPORTED_PROTOCOL => MappingError::Unsupported,
        pcp::code::NOT_AUTHORIZED => MappingError::NotAuthorized,
        pcp::code::NETWORK_FAILURE => MappingError::NoConnection,
        pcp::code::NO_RESOURCES | pcp::code::USER_EXCEEDED_QUOTA => MappingError::NoRoom,
        pcp::code::CANNOT_PROVIDE_EXTERNAL => MappingError::PortTaken,
        code => MappingError::Refused(code.into()),
    }
}
