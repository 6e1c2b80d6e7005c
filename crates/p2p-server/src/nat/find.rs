//! The search for a gateway, by all allowed mechanisms at once.

use std::{net::Ipv4Addr, pin::Pin};

use futures_util::{StreamExt as _, stream::FuturesUnordered};

use super::{
    Nat,
    gateway::{Gateway, GatewayStatus},
    pmp::{Nonce, Pmp},
    report::{MappingError, Mechanism},
    routes::Gateways,
    settings::GatewaySettings,
    upnp::Upnp,
};

/// The result of a search.
#[derive(Debug)]
pub(crate) enum Found {
    /// A gateway that knows its external address.
    Gateway(Box<Gateway>, GatewayStatus),
    /// No gateway is needed: this address of the machine is reachable from outside.
    Public(Ipv4Addr),
}

type Search<'a> =
    Pin<Box<dyn Future<Output = Result<(Gateway, GatewayStatus), MappingError>> + Send + 'a>>;

/// How to search.
#[derive(Debug)]
pub(crate) struct Finder {
    pub(crate) nat: Nat,
    /// The address of this machine to search from; it may be unspecified.
    pub(crate) from: Ipv4Addr,
    pub(crate) nonce: Nonce,
    pub(crate) settings: GatewaySettings,
}

impl Finder {
    /// The first gateway that answers. One that uses the mechanism `avoid` is taken only if there is no
    /// other.
    pub(crate) async fn find(&self, avoid: Option<Mechanism>) -> Result<Found, MappingError> {
        let mut searches: FuturesUnordered<Search<'_>> = FuturesUnordered::new();
        if let Nat::Pmp(Some(ip)) = self.nat {
            searches.push(self.pmp(ip));
        }
        if matches!(self.nat, Nat::Any | Nat::Pmp(None)) {
            let gateways = Gateways::read(&self.settings.routes);
            if let Some(ip) = gateways.own_public_address()
                && self.nat == Nat::Any
            {
                return Ok(Found::Public(ip));
            }
            searches.extend(gateways.all().into_iter().map(|ip| self.pmp(ip)));
        }
        if matches!(self.nat, Nat::Any | Nat::Upnp) {
            searches.push(Box::pin(async {
                let (gateway, status) = Upnp::find(self.from, &self.settings).await?;
                Ok((Gateway::Upnp(gateway), status))
            }));
        }
        let (gateway, status) = first(searches, avoid).await?;
        Ok(Found::Gateway(Box::new(gateway), status))
    }

    fn pmp(&self, ip: Ipv4Addr) -> Search<'_> {
        Box::pin(async move {
            let (gateway, status) = Pmp::find(ip, self.from, self.nonce, &self.settings).await?;
            Ok((Gateway::Pmp(gateway), status))
        })
    }
}

async fn first(
    mut searches: FuturesUnordered<Search<'_>>,
    avoid: Option<Mechanism>,
) -> Result<(Gateway, GatewayStatus), MappingError> {
    let mut second = Err(MappingError::NotFound);
    while let Some(found) = searches.next().await {
        match (found, &second) {
            (Ok((gateway, status)), _) if Some(gateway.mechanism()) != avoid => {
                return Ok((gateway, status));
            }
            (Ok(found), _) => second = Ok(found),
            // A refusal is more informative than no answer.
            (
                Err(failure),
                Err(MappingError::NotFound | MappingError::Silent | MappingError::Unreachable(_)),
            ) if failure != MappingError::NotFound => second = Err(failure),
            (Err(_), _) => {}
        }
    }
    second
}
