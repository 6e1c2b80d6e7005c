//! The node's Whisper without a network: nodes joined by pipes, and peers driven by hand.

mod direct;
mod filtering;
mod hostile;
mod posting;
mod rejections;
mod support;
mod two_nodes;
