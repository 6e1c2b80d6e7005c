//! Servers over real sockets on loopback. Nothing here sleeps: every test waits for what must happen.

mod admin;
mod hostile;
mod peers;
mod refusal;
mod simultaneous;
mod start;
mod stop;
mod support;
