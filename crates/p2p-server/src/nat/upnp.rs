//! Asking a gateway by UPnP. The crate `igd-next` speaks SSDP, HTTP and SOAP: it bounds an answer to
//! 1 MiB, believes only URLs with the address of the machine that answered the search, and is given a
//! time limit for everything.

use std::{
    fmt,
    future::Future,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    time::Duration,
};

use igd_next::{
    AddPortError, GatewayIpVersion, GetExternalIpError, PortMappingProtocol, RemovePortError,
    RequestError, SearchError, SearchOptions,
    aio::tokio::{Tokio, search_gateway},
};
use rand::Rng as _;
use tokio::time;

use super::{
    gateway::{Grant, Seen, Wish},
    report::{NatFailure, Transport},
    routes::own_address,
    settings::Terms,
};

/// What the gateway shows its owner.
const DESCRIPTION: &str = "devp2p";

/// How often a mapping is asked for in a row, each time as the refusal before suggests.
const TRIES: u32 = 5;

/// A gateway that answered the search.
pub(crate) struct Upnp {
    gateway: igd_next::aio::Gateway<Tokio>,
    terms: Terms,
}

impl fmt::Debug for Upnp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upnp").field("at", &self.gateway.addr).finish_non_exhaustive()
    }
}

impl Upnp {
    /// Searches from the address `from` of this machine (which may be unspecified); the first that
    /// answers, and knows its external address, is it.
    pub(crate) async fn find(from: Ipv4Addr, terms: &Terms) -> Result<(Self, Seen), NatFailure> {
        let mut options = SearchOptions::default();
        options.bind_addr = SocketAddr::from((from, 0));
        options.broadcast_address = terms.ssdp;
        options.timeout = Some(terms.search);
        options.single_search_timeout = Some(terms.search);
        options.gateway_ip_version = GatewayIpVersion::V4;
        // Where one machine is asked and not all, it may be this one.
        options.allowed_gateway_ips =
            Some(terms.ssdp.ip()).filter(|ip| !ip.is_multicast()).into_iter().collect();
        let gateway = search_gateway(options).await.map_err(|error| match error {
            SearchError::IoError(error) => NatFailure::Unreachable(error.kind()),
            // The crate keeps searching after anything else, until the time is over.
            _ => NatFailure::NotFound,
        })?;
        let found = Self { gateway, terms: terms.clone() };
        let seen = found.check().await?;
        Ok((found, seen))
    }

    pub(crate) async fn check(&self) -> Result<Seen, NatFailure> {
        let ip =
            self.limited(self.gateway.get_external_ip()).await?.map_err(|error| match error {
                GetExternalIpError::ActionNotAuthorized => NatFailure::NotAuthorized,
                GetExternalIpError::RequestError(error) => request_failure(&error),
            })?;
        let ip = match ip {
            IpAddr::V4(ip) if !ip.is_unspecified() => Some(ip),
            _ => None,
        };
        Ok(Seen { ip, epoch: None })
    }

    /// A port that is taken gives way to one by chance, a lifetime that is not liked to none.
    pub(crate) async fn map(&self, wish: Wish) -> Result<Grant, NatFailure> {
        let internal = self.client(wish)?;
        let asked = u32::try_from(self.terms.lifetime.as_secs()).unwrap_or(u32::MAX);
        let (mut external, mut seconds) = (wish.external, asked);
        for _ in 0..TRIES {
            let added = self.gateway.add_port(
                protocol(wish.transport),
                external,
                internal.into(),
                seconds,
                DESCRIPTION,
            );
            match self.limited(added).await? {
                Ok(()) => {
                    let lifetime = (seconds != 0).then(|| Duration::from_secs(seconds.into()));
                    return Ok(Grant { external, lifetime, seen: Seen::default() });
                }
                Err(AddPortError::PortInUse) => {
                    external = rand::rng().random_range(1 << 15..=u16::MAX);
                }
                Err(AddPortError::OnlyPermanentLeasesSupported) if seconds != 0 => seconds = 0,
                Err(AddPortError::SamePortValuesRequired) if external != internal.port() => {
                    external = internal.port();
                }
                Err(error) => return Err(add_failure(&error)),
            }
        }
        Err(NatFailure::PortTaken)
    }

    pub(crate) async fn unmap(&self, wish: Wish) -> Result<(), NatFailure> {
        let removed = self.gateway.remove_port(protocol(wish.transport), wish.external);
        match self.limited(removed).await? {
            Ok(()) | Err(RemovePortError::NoSuchPortMapping) => Ok(()),
            Err(RemovePortError::ActionNotAuthorized) => Err(NatFailure::NotAuthorized),
            Err(RemovePortError::RequestError(error)) => Err(request_failure(&error)),
        }
    }

    /// Where the gateway is to send what comes: the address from which we reach it, unless the node
    /// listens on a certain one.
    fn client(&self, wish: Wish) -> Result<SocketAddrV4, NatFailure> {
        let mut client = wish.internal;
        if client.ip().is_unspecified() {
            let SocketAddr::V4(gateway) = self.gateway.addr else {
                return Err(NatFailure::Unsupported);
            };
            let own = own_address(*gateway.ip());
            client.set_ip(own.map_err(|error| NatFailure::Unreachable(error.kind()))?);
        }
        Ok(client)
    }

    async fn limited<T>(&self, request: impl Future<Output = T>) -> Result<T, NatFailure> {
        time::timeout(self.terms.request, request).await.map_err(|_| NatFailure::Silent)
    }
}

const fn protocol(transport: Transport) -> PortMappingProtocol {
    match transport {
        Transport::Tcp => PortMappingProtocol::TCP,
        Transport::Udp => PortMappingProtocol::UDP,
    }
}

fn add_failure(error: &AddPortError) -> NatFailure {
    match error {
        AddPortError::ActionNotAuthorized => NatFailure::NotAuthorized,
        AddPortError::SamePortValuesRequired => NatFailure::PortTaken,
        AddPortError::RequestError(error) => request_failure(error),
        // 725 to a request that was for a permanent lease, or what we never ask.
        _ => NatFailure::Unsupported,
    }
}

fn request_failure(error: &RequestError) -> NatFailure {
    match error {
        RequestError::ErrorCode(code, _) => NatFailure::Refused(*code),
        RequestError::UnsupportedAction(_) => NatFailure::Unsupported,
        RequestError::IoError(_) => NatFailure::Silent,
        RequestError::HyperClientError(error) if error.is_connect() => NatFailure::Silent,
        _ => NatFailure::Malformed,
    }
}
