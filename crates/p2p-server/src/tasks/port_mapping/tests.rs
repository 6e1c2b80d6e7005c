//! Servers behind test gateways on loopback.

mod pmp;
mod pmp_gateway;
mod server;
mod upnp;
mod upnp_gateway;
