//! The metrics of a node in the format of Prometheus, and the server for them.
//!
//! The names are a stable interface. Names of counters end in `_total`, those of histograms in `_duration_seconds`; the
//! others are gauges. Names and help texts are in the tables of the crates that count, so a new counter needs no change
//! here. Only the state of Whisper is destructured here field by field, so that a missing field is a compile error.

mod exposition;
mod process;
mod serve;

use std::sync::Arc;

use p2p_mux::Metric;
use p2p_server::Server;
use p2p_world::World;
use whisper_protocol::{Info, Whisper};
use whisper_rpc::RpcMeter;

use crate::KeptFiles;
use exposition::Exposition;

pub use serve::{MetricsError, MetricsServer, serve};

/// The commit that the program was built from. `cargo xtask dist` sets it.
const REVISION: &str = match option_env!("WHISPER_BUILD_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// The parts of a node that have metrics.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Whisper.
    pub whisper: Whisper,
    /// The network.
    pub server: Server,
    /// JSON-RPC.
    pub rpc: RpcMeter,
    /// The files that the node keeps.
    pub files: KeptFiles,
    /// The clock of the node.
    pub world: Arc<dyn World>,
}

impl Sources {
    /// The current metrics in the text format of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = Exposition::default();
        build(&mut out);
        process::add(&mut out);
        info(&mut out, self.whisper.info());
        files(&mut out, &self.files);
        self.whisper.stats().for_each_sample(|sample| out.add(sample));
        self.whisper.for_each_histogram(|sample| out.histogram(sample));
        self.server.for_each_counter(|counted| out.add(&counted.sample));
        self.rpc.stats().for_each_sample(|sample| out.add(sample));
        self.rpc.for_each_histogram(|sample| out.histogram(sample));
        self.rpc.for_each_team_sample(|sample| out.add(sample));
        out.finish()
    }
}

/// Which program this is.
fn build(out: &mut Exposition) {
    let help = "1; the labels say which program this is";
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("revision", REVISION)];
    out.sample(&Metric::gauge("whisper_build_info", help), &labels, 1.0);
}

fn files(out: &mut Exposition, files: &KeptFiles) {
    let help = "1 if damage was found in a file of the node since its start";
    for (name, is_damaged) in files.iter() {
        let value = f64::from(u8::from(is_damaged));
        out.sample(&Metric::gauge("whisper_file_damaged", help), &[("file", name)], value);
    }
}

fn info(out: &mut Exposition, info: Info) {
    let Info {
        pool_bytes,
        pool_limit,
        envelopes,
        min_work,
        max_message_size,
        filters,
        queued,
        queued_direct,
        light,
        clock_correction,
        clock_excess,
    } = info;
    out.value(&Metric::gauge("whisper_pool_bytes", "Memory of the pool"), pool_bytes as f64);
    let family = Metric::gauge("whisper_pool_limit_bytes", "Maximum memory of the pool");
    out.value(&family, pool_limit as f64);
    out.value(&Metric::gauge("whisper_pool_envelopes", "Envelopes in the pool"), envelopes as f64);
    out.value(
        &Metric::gauge("whisper_min_pow", "Minimum work of an accepted envelope"),
        min_work.get(),
    );
    let family = Metric::gauge("whisper_max_message_bytes", "Maximum size of an accepted envelope");
    out.value(&family, max_message_size.into());
    let family = Metric::gauge("whisper_light_client", "1 if the node does not relay");
    out.value(&family, f64::from(u8::from(light)));
    let family = Metric::gauge("whisper_clock_correction_seconds", "Correction of the clock");
    out.value(&family, clock_correction.into());
    let help = "How far the clocks of the peers are ahead, if that is too much for a correction";
    out.value(&Metric::gauge("whisper_clock_excess_seconds", help), clock_excess.into());
    out.value(&Metric::gauge("whisper_filters", "Filters"), filters as f64);
    let family =
        Metric::gauge("whisper_queued_envelopes", "Envelopes waiting to be opened, by queue");
    out.sample(&family, &[("queue", "message")], queued as f64);
    out.sample(&family, &[("queue", "p2p")], queued_direct as f64);
}
