//! The program `whisper-node`, run in processes of its own.
#![expect(clippy::unwrap_used, reason = "a failed test panics")]

mod alerts;
#[cfg(unix)]
mod audit;
#[cfg(unix)]
mod backup;
mod book;
#[cfg(unix)]
mod config;
#[cfg(unix)]
mod discover;
#[cfg(unix)]
mod dns;
#[cfg(unix)]
mod doctor;
mod file;
#[cfg(unix)]
mod json;
#[cfg(unix)]
mod keys;
#[cfg(unix)]
mod logs;
mod metrics;
#[cfg(target_os = "linux")]
mod metrics_page;
#[cfg(unix)]
mod network;
mod offline;
#[cfg(unix)]
mod operator;
#[cfg(unix)]
mod output;
#[cfg(unix)]
mod peer_slots;
#[cfg(unix)]
mod reload;
#[cfg(unix)]
mod running;
#[cfg(unix)]
mod store;
#[cfg(unix)]
mod teams;
mod terminal;
#[cfg(unix)]
mod unreachable;
