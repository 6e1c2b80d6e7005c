//! The machine on virtual time, and servers behind gateways on loopback that were written for the
//! purpose. Nothing here sleeps: every test waits for what must happen.

mod pmp;
mod pmp_gateway;
mod server;
mod upkeep;
mod upnp;
mod upnp_gateway;
