//! Requests to a gateway over UPnP. The crate `igd-next` implements SSDP, HTTP and SOAP. It limits an
//! answer to 1 MiB, accepts only URLs with the address of the machine that answered the search, and gets
//! a time limit for every request.

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
use p2p_world::rng;
use tokio::time;

use super::{
    gateway::{GatewayStatus, GrantedMapping, MappingRequest},
    report::{MappingError, Transport},
    routes::own_address,
    settings::GatewaySettings,
};

/// The description of the mapping in the user interface of the gateway.
const DESCRIPTION: &str = "devp2p";

/// Maximum number of requests for one mapping; each follows what the refusal before suggests.
const MAX_TRIES: u32 = 5;

/// A gateway that answered the search.
pub(crate) struct Upnp {
    gateway: igd_next::aio::Gateway<Tokio>,
    settings: GatewaySettings,
}

impl fmt::Debug for Upnp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upnp").field("at", &self.gateway.addr).finish_non_exhaustive()
    }
}

impl Upnp {
    /// Searches from the address `from` of this machine, which may be unspecified. Returns the first
    /// gateway that answers and knows its external address.
    pub(crate) async fn find(
        from: Ipv4Addr,
        settings: &GatewaySettings,
    ) -> Result<(Self, GatewayStatus), MappingError> {
        let mut options = SearchOptions::default();
        options.bind_addr = SocketAddr::from((from, 0));
        options.broadcast_address = settings.ssdp;
        options.timeout = Some(settings.search);
        options.single_search_timeout = Some(settings.search);
        options.gateway_ip_version = GatewayIpVersion::V4;
        // If a single machine is asked instead of the multicast address, only it may answer.
        options.allowed_gateway_ips =
            Some(settings.ssdp.ip()).filter(|ip| !ip.is_multicast()).into_iter().collect();
        let gateway = search_gateway(options).await.map_err(|error| match error {
            SearchError::IoError(error) => MappingError::Unreachable(error.kind()),
            // After other errors the crate searches on until the time limit.
            _ => MappingError::NotFound,
        })?;
        let found = Self { gateway, settings: settings.clone() };
        let status = found.check().await?;
        Ok((found, status))
    }

    pub(crate) async fn check(&self) -> Result<GatewayStatus, MappingError> {
        let ip =
            self.limited(self.gateway.get_external_ip()).await?.map_err(|error| match error {
                GetExternalIpError::ActionNotAuthorized => MappingError::NotAuthorized,
                GetExternalIpError::RequestError(error) => request_error(&error),
            })?;
        let ip = match ip {
            IpAddr::V4(ip) if !ip.is_unspecified() => Some(ip),
            _ => None,
        };
        Ok(GatewayStatus { ip, epoch: None })
    }

    /// If the port is taken, a random one is tried; if a limited lifetime is refused, an unlimited one.
    pub(crate) async fn map(&self, wanted: MappingRequest) -> Result<GrantedMapping, MappingError> {
        let internal = self.client(wanted)?;
        let asked = u32::try_from(self.settings.lifetime.as_secs()).unwrap_or(u32::MAX);
        let (mut external, mut seconds) = (wanted.external, asked);
        for _ in 0..MAX_TRIES {
            let added = self.gateway.add_port(
                protocol(wanted.transport),
                external,
                internal.into(),
                seconds,
                DESCRIPTION,
            );
            match self.limited(added).await? {
                Ok(()) => {
                    let lifetime = (seconds != 0).then(|| Duration::from_secs(seconds.into()));
                    return Ok(GrantedMapping {
                        external,
                        lifetime,
                        status: GatewayStatus::default(),
                    });
                }
                Err(AddPortError::PortInUse) => {
                    // Of the upper half: many of the lower ports belong to services.
                    external = u16::from_be_bytes(rng().bytes()) | 1 << 15;
                }
                Err(AddPortError::OnlyPermanentLeasesSupported) if seconds != 0 => seconds = 0,
                Err(AddPortError::SamePortValuesRequired) if external != internal.port() => {
                    external = internal.port();
                }
                Err(error) => return Err(add_error(&error)),
            }
        }
        Err(MappingError::PortTaken)
    }

    pub(crate) async fn unmap(&self, wanted: MappingRequest) -> Result<(), MappingError> {
        let removed = self.gateway.remove_port(protocol(wanted.transport), wanted.external);
        match self.limited(removed).await? {
            Ok(()) | Err(RemovePortError::NoSuchPortMapping) => Ok(()),
            Err(RemovePortError::ActionNotAuthorized) => Err(MappingError::NotAuthorized),
            Err(RemovePortError::RequestError(error)) => Err(request_error(&error)),
        }
    }

    /// The target of the mapping: the address from which this machine reaches the gateway, unless the node
    /// listens on a specific one.
    fn client(&self, wanted: MappingRequest) -> Result<SocketAddrV4, MappingError> {
        let mut client = wanted.internal;
        if client.ip().is_unspecified() {
            let SocketAddr::V4(gateway) = self.gateway.addr else {
                return Err(MappingError::Unsupported);
            };
            let own = own_address(*gateway.ip());
            client.set_ip(own.map_err(|error| MappingError::Unreachable(error.kind()))?);
        }
        Ok(client)
    }

    async fn limited<T>(&self, request: impl Future<Output = T>) -> Result<T, MappingError> {
        time::timeout(self.settings.request, request).await.map_err(|_| MappingError::Silent)
    }
}

const fn protocol(transport: Transport) -> PortMappingProtocol {
    match transport {
        Transport::Tcp => PortMappingProtocol::TCP,
        Transport::Udp => PortMappingProtocol::UDP,
    }
}

fn add_error(error: &AddPortError) -> MappingError {
    match error {
        AddPortError::ActionNotAuthorized => MappingError::NotAuthorized,
        AddPortError::SamePortValuesRequired => MappingError::PortTaken,
        AddPortError::RequestError(error) => request_error(error),
        // 725 for a permanent lease, or the answer to requests that are never sent.
        _ => MappingError::Unsupported,
    }
}

fn request_error(error: &RequestError) -> MappingError {
    match error {
        RequestError::ErrorCode(code, _) => MappingError::Refused(*code),
        RequestError::UnsupportedAction(_) => MappingError::Unsupported,
        RequestError::IoError(_) => MappingError::Silent,
        RequestError::HyperClientError(error) if error.is_connect() => MappingError::Silent,
        _ => MappingError::Malformed,
    }
}
