//! What happened, one line for each event.

use std::{
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Write},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;

use crate::{fault::Fault, host_id::HostId};

/// An event of the simulation.
#[derive(Debug)]
#[non_exhaustive]
pub enum TraceEvent<'a> {
    /// A host was started.
    Started(HostId),
    /// A fault was caused.
    Fault(&'a Fault),
    /// A connection was opened.
    Connected {
        /// Who dialed.
        from: SocketAddr,
        /// Who listens.
        to: SocketAddr,
    },
    /// Bytes of a stream arrived.
    Bytes {
        /// The sender.
        from: HostId,
        /// The recipient.
        to: HostId,
        /// What arrived.
        bytes: &'a Bytes,
    },
    /// A direction of a connection ended.
    End {
        /// The host that sent through it.
        from: HostId,
        /// The other one.
        to: HostId,
        /// Whether it was cut off, rather than finished by the sender.
        reset: bool,
    },
    /// A datagram arrived.
    Datagram {
        /// The sender.
        from: SocketAddr,
        /// The recipient.
        to: SocketAddr,
        /// Its content.
        bytes: &'a Bytes,
    },
    /// A datagram was lost.
    DatagramLost {
        /// The sender.
        from: SocketAddr,
        /// The intended recipient.
        to: SocketAddr,
    },
    /// A program says something.
    Note {
        /// Where it runs.
        host: HostId,
        /// What it says.
        text: &'a str,
    },
}

impl fmt::Display for TraceEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(host) => write!(f, "start {}", host.0),
            Self::Fault(fault) => write!(f, "fault {fault}"),
            Self::Connected { from, to } => write!(f, "connect {from} {to}"),
            Self::Bytes { from, to, bytes } => {
                write!(f, "bytes {} {} {}", from.0, to.0, bytes.len())
            }
            Self::End { from, to, reset } => {
                let how = if *reset { "reset" } else { "finished" };
                write!(f, "end {} {} {how}", from.0, to.0)
            }
            Self::Datagram { from, to, bytes } => {
                write!(f, "datagram {from} {to} {}", bytes.len())
            }
            Self::DatagramLost { from, to } => write!(f, "lost {from} {to}"),
            Self::Note { host, text } => write!(f, "note {} {text}", host.0),
        }
    }
}

/// Hashes all events, and writes those that are wanted.
#[derive(Default)]
pub(crate) struct Trace {
    hasher: DefaultHasher,
    writer: Option<Arc<Mutex<TraceWriter>>>,
}

/// Where the lines go. An error ends it.
pub(crate) struct TraceWriter {
    out: Box<dyn Write + Send>,
    filter: Box<dyn Fn(&TraceEvent<'_>) -> bool + Send>,
    failed: Option<io::Error>,
}

impl Trace {
    /// Writes events from now on.
    pub(crate) fn write_to(&mut self, writer: Arc<Mutex<TraceWriter>>) {
        self.writer = Some(writer);
    }

    pub(crate) fn add(&mut self, at: Duration, event: &TraceEvent<'_>) {
        at.as_micros().hash(&mut self.hasher);
        match event {
            // The text is shorter than the content.
            TraceEvent::Bytes { from, to, bytes } => {
                (from, to).hash(&mut self.hasher);
                self.hasher.write(bytes);
            }
            TraceEvent::Datagram { from, to, bytes } => {
                (from, to).hash(&mut self.hasher);
                self.hasher.write(bytes);
            }
            other => other.to_string().hash(&mut self.hasher),
        }
        if let Some(writer) = &self.writer {
            lock(writer).write(at, event);
        }
    }

    /// The hash of all events so far.
    pub(crate) fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// Writes what is still in memory. Returns the error that ended the writing.
    pub(crate) fn flush(&self) -> io::Result<()> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let mut writer = lock(writer);
        match writer.failed.take() {
            Some(error) => Err(error),
            None => writer.out.flush(),
        }
    }
}

impl TraceWriter {
    /// Writes the events that the filter wants, one line each: milliseconds, kind, details.
    pub(crate) fn shared(
        out: Box<dyn Write + Send>,
        filter: Box<dyn Fn(&TraceEvent<'_>) -> bool + Send>,
    ) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { out, filter, failed: None }))
    }

    fn write(&mut self, at: Duration, event: &TraceEvent<'_>) {
        if self.failed.is_none() && (self.filter)(event) {
            self.failed = writeln!(self.out, "{} {event}", at.as_millis()).err();
        }
    }
}

fn lock(writer: &Mutex<TraceWriter>) -> MutexGuard<'_, TraceWriter> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One hash of those of all regions. That of a single region is its own.
pub(crate) fn combined_hash(mut hashes: impl Iterator<Item = u64>) -> u64 {
    let first = hashes.next().unwrap_or_default();
    hashes.fold(first, |before, hash| {
        let mut hasher = DefaultHasher::new();
        (before, hash).hash(&mut hasher);
        hasher.finish()
    })
}
