//! Looking for a gateway, in all the ways that the operator allows at once.

use std::{net::Ipv4Addr, pin::Pin};

use futures_util::{StreamExt as _, stream::FuturesUnordered};

use super::{
    Nat,
    gateway::{Gateway, Seen},
    pmp::{Nonce, Pmp},
    report::{Mechanism, NatFailure},
    routes::Gateways,
    settings::Terms,
    upnp::Upnp,
};

/// What a search comes to.
#[derive(Debug)]
pub(crate) enum Found {
    /// A gateway that knows its external address.
    Gateway(Box<Gateway>, Seen),
    /// None is needed: this is the node's own address, and it can be reached from outside.
    Public(Ipv4Addr),
}

type Search<'a> = Pin<Box<dyn Future<Output = Result<(Gateway, Seen), NatFailure>> + Send + 'a>>;

/// Where to look.
#[derive(Debug)]
pub(crate) struct Finder {
    pub(crate) nat: Nat,
    /// The address of this machine to look from; it may be unspecified.
    pub(crate) from: Ipv4Addr,
    pub(crate) nonce: Nonce,
    pub(crate) terms: Terms,
}

impl Finder {
    /// The first gateway that answers; one that is spoken to by `last` only if there is no other.
    pub(crate) async fn find(&self, last: Option<Mechanism>) -> Result<Found, NatFailure> {
        let mut searches: FuturesUnordered<Search<'_>> = FuturesUnordered::new();
        if let Nat::Pmp(Some(ip)) = self.nat {
            searches.push(self.pmp(ip));
        }
        if matches!(self.nat, Nat::Any | Nat::Pmp(None)) {
            let gateways = Gateways::read(&self.terms.routes);
            if let Some(ip) = gateways.own_public_address()
                && self.nat == Nat::Any
            {
                return Ok(Found::Public(ip));
            }
            searches.extend(gateways.all().into_iter().map(|ip| self.pmp(ip)));
        }
        if matches!(self.nat, Nat::Any | Nat::Upnp) {
            searches.push(Box::pin(async {
                let (gateway, seen) = Upnp::find(self.from, &self.terms).await?;
                Ok((Gateway::Upnp(gateway), seen))
            }));
        }
        let (gateway, seen) = first(searches, last).await?;
        Ok(Found::Gateway(Box::new(gateway), seen))
    }

    fn pmp(&self, ip: Ipv4Addr) -> Search<'_> {
        Box::pin(async move {
            let (gateway, seen) = Pmp::find(ip, self.from, self.nonce, &self.terms).await?;
            Ok((Gateway::Pmp(gateway), seen))
        })
    }
}

async fn first(
    mut searches: FuturesUnordered<Search<'_>>,
    last: Option<Mechanism>,
) -> Result<(Gateway, Seen), NatFailure> {
    let mut second = Err(NatFailure::NotFound);
    while let Some(found) = searches.next().await {
        match (found, &second) {
            (Ok((gateway, seen)), _) if Some(gateway.mechanism()) != last => {
                return Ok((gateway, seen));
            }
            (Ok(found), _) => second = Ok(found),
            // That somebody answered and refused says more than that nobody was there.
            (
                Err(failure),
                Err(NatFailure::NotFound | NatFailure::Silent | NatFailure::Unreachable(_)),
            ) if failure != NatFailure::NotFound => second = Err(failure),
            (Err(_), _) => {}
        }
    }
    second
}
