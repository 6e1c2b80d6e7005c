//! Whisper without a network: nodes connected by pipes, and peers that the test controls.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod archive;
mod asking;
mod clocks;
mod direct;
mod errors;
mod explain;
mod extensions;
mod failures;
mod filtering;
mod flood;
mod geth;
mod geth_peer;
mod historic;
mod history;
mod hostile;
mod lazy;
mod light;
mod limits;
mod mail_packets;
mod mail_server;
mod observed;
mod posting;
mod quirks;
mod readers;
mod reasons;
mod receipts;
mod rejections;
mod support;
mod tracing;
mod two_dialects;
mod two_nodes;
mod two_worlds;
