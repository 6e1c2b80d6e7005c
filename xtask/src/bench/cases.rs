//! The cases: the reported figures, and the benchmark of each.
//!
//! A new case is a benchmark in the layer's file under `benches/` and one line here. The part of its name before the
//! dot is the layer. A benchmark is named as criterion names it, `GROUP/FUNCTION`.

use super::passes::Pass;
use crate::command::Failure;

/// One reported figure.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    source: Source,
}

/// Where a figure comes from.
enum Source {
    /// The time of one iteration of `of`, in units of `unit_ns` nanoseconds.
    Time { of: &'static str, unit_ns: f64 },
    /// Millions per second of an operation that one iteration of `of` does `each` times.
    Rate { of: &'static str, each: f64 },
    /// The speed of `of` over the speed of `than`: above 1, `of` is faster.
    Speed { of: &'static str, than: &'static str },
    /// The speed of `of` over that of the fastest of `than`.
    SpeedOverBest { of: &'static str, than: &'static [&'static str] },
    /// A value that the benchmark prints itself under the name of the case (see the crate `benches`).
    Printed,
}

const fn ns(name: &'static str, of: &'static str) -> Case {
    Case { name, unit: "ns", source: Source::Time { of, unit_ns: 1.0 } }
}

/// The time of an operation that one iteration does `each` times.
const fn ns_each(name: &'static str, of: &'static str, each: f64) -> Case {
    Case { name, unit: "ns", source: Source::Time { of, unit_ns: each } }
}

const fn us(name: &'static str, of: &'static str) -> Case {
    Case { name, unit: "us", source: Source::Time { of, unit_ns: 1e3 } }
}

const fn millions_a_second(name: &'static str, of: &'static str, each: f64) -> Case {
    Case { name, unit: "M/s", source: Source::Rate { of, each } }
}

const fn megabytes_a_second(name: &'static str, of: &'static str, bytes: f64) -> Case {
    Case { name, unit: "MB/s", source: Source::Rate { of, each: bytes } }
}

/// The time of `of` over that of `than`: below 1, `of` is faster.
const fn times(name: &'static str, of: &'static str, than: &'static str) -> Case {
    Case { name, unit: "times", source: Source::Speed { of: than, than: of } }
}

const fn speed(name: &'static str, of: &'static str, than: &'static str) -> Case {
    Case { name, unit: "ratio", source: Source::Speed { of, than } }
}

const fn speed_over_best(
    name: &'static str,
    of: &'static str,
    than: &'static [&'static str],
) -> Case {
    Case { name, unit: "ratio", source: Source::SpeedOverBest { of, than } }
}

const fn printed(name: &'static str, unit: &'static str) -> Case {
    Case { name, unit, source: Source::Printed }
}

/// Nonces in one iteration of the benchmarks of the search.
const NONCES: f64 = 4096.0;

/// Layers that take up to an hour. They run in the first pass only.
pub(super) const HEAVY: &[&str] = &["sim", "lazy", "archive", "archive-pg"];

/// All cases, grouped by layer.
pub(super) const CASES: &[Case] = &[
    speed("keccak.one_64k_vs_sha3", "keccak/one_64k", "keccak/sha3_64k"),
    speed("keccak.portable_vs_sha3", "keccak/portable_64k", "keccak/sha3_64k"),
    speed("keccak.avx512vl_vs_scalar", "keccak/avx512vl_64k", "keccak/portable_64k"),
    speed_over_best(
        "keccak.vs_best_crate",
        "keccak/one_64k",
        &["keccak/sha3_64k", "keccak/keccak_asm_64k", "keccak/tiny_keccak_64k"],
    ),
    ns("keccak.one_64b_ns", "keccak/one_64b"),
    printed("rlp.hello_decode_vs_alloy", "ratio"),
    printed("rlp.hello_encode_vs_alloy", "ratio"),
    printed("rlp.envelope_decode_vs_alloy", "ratio"),
    printed("rlp.envelope_encode_vs_alloy", "ratio"),
    printed("rlp.integers_1000_decode_vs_alloy", "ratio"),
    printed("rlp.integers_1000_encode_vs_alloy", "ratio"),
    printed("rlp.hello_decode_ns", "ns"),
    printed("rlp.hello_encode_ns", "ns"),
    printed("rlp.envelope_decode_ns", "ns"),
    printed("rlp.envelope_encode_ns", "ns"),
    printed("rlp.integers_1000_decode_ns", "ns"),
    printed("rlp.integers_1000_encode_ns", "ns"),
    us("identity.ecdh_us", "identity/ecdh"),
    us("identity.sign_us", "identity/sign"),
    us("identity.recover_us", "identity/recover"),
    us("identity.ecies_seal_us", "identity/ecies_seal"),
    us("identity.ecies_open_us", "identity/ecies_open"),
    speed("rlpx.seal_64k_vs_keccak", "rlpx/seal_64k", "rlpx/keccak_64k"),
    speed("rlpx.open_64k_vs_keccak", "rlpx/open_64k", "rlpx/keccak_64k"),
    ns("rlpx.seal_64b_ns", "rlpx/seal_64b"),
    ns("rlpx.open_64b_ns", "rlpx/open_64b"),
    speed("rlpx.seal_64k_snappy_vs_keccak", "rlpx/seal_64k_snappy", "rlpx/keccak_64k"),
    speed("rlpx.open_64k_snappy_vs_keccak", "rlpx/open_64k_snappy", "rlpx/keccak_64k"),
    speed("rlpx.seal_1m_vs_keccak", "rlpx/seal_1m", "rlpx/keccak_1m"),
    speed("rlpx.open_1m_vs_keccak", "rlpx/open_1m", "rlpx/keccak_1m"),
    megabytes_a_second("rlpx.tcp_64b_mbs", "rlpx/tcp_64b", 64.0),
    megabytes_a_second("rlpx.tcp_1k_mbs", "rlpx/tcp_1k", 1024.0),
    megabytes_a_second("rlpx.tcp_64k_mbs", "rlpx/tcp_64k", 65536.0),
    megabytes_a_second("rlpx.tcp_1m_mbs", "rlpx/tcp_1m", 1_048_576.0),
    times("rlpx.handshake_vs_primitives", "rlpx/handshake", "rlpx/primitives"),
    us("rlpx.handshake_us", "rlpx/handshake"),
    us("rlpx.handshake_known_us", "rlpx/handshake_known"),
    us("rlpx.handshake_known_refilled_us", "rlpx/handshake_known_refilled"),
    megabytes_a_second("sec.tcp_64b_mbs", "sec/tcp_64b", 64.0),
    megabytes_a_second("sec.tcp_1k_mbs", "sec/tcp_1k", 1024.0),
    megabytes_a_second("sec.tcp_64k_mbs", "sec/tcp_64k", 65536.0),
    megabytes_a_second("sec.tcp_1m_mbs", "sec/tcp_1m", 1_048_576.0),
    megabytes_a_second("sec.channel_64b_mbs", "sec/channel_64b", 64.0),
    megabytes_a_second("sec.channel_1k_mbs", "sec/channel_1k", 1024.0),
    megabytes_a_second("sec.channel_64k_mbs", "sec/channel_64k", 65536.0),
    megabytes_a_second("sec.channel_1m_mbs", "sec/channel_1m", 1_048_576.0),
    // Goals 6, 3.5, 3.5 and 3.5, and the same through `Channel`.
    speed("sec.tcp_64b_vs_rlpx", "sec/tcp_64b", "sec/rlpx_tcp_64b"),
    speed("sec.tcp_1k_vs_rlpx", "sec/tcp_1k", "sec/rlpx_tcp_1k"),
    speed("sec.tcp_64k_vs_rlpx", "sec/tcp_64k", "sec/rlpx_tcp_64k"),
    speed("sec.tcp_1m_vs_rlpx", "sec/tcp_1m", "sec/rlpx_tcp_1m"),
    speed("sec.channel_64b_vs_rlpx", "sec/channel_64b", "sec/rlpx_channel_64b"),
    speed("sec.channel_1k_vs_rlpx", "sec/channel_1k", "sec/rlpx_channel_1k"),
    speed("sec.channel_64k_vs_rlpx", "sec/channel_64k", "sec/rlpx_channel_64k"),
    speed("sec.channel_1m_vs_rlpx", "sec/channel_1m", "sec/rlpx_channel_1m"),
    printed("sec.handshake_us_extra", "us"),
    // Goal at most 0.5.
    printed("sec.handshake_extra_share", "share"),
    printed("sec.ping_p50_ms_beside_flood", "ms"),
    printed("sec.rlpx_ping_p50_ms_beside_flood", "ms"),
    printed("sec.flood_mbs", "MB/s"),
    printed("sec.rlpx_flood_mbs", "MB/s"),
    printed("sec.whisper_throughput_eps", "1/s"),
    printed("sec.rlpx_whisper_throughput_eps", "1/s"),
    printed("sec.whisper_throughput_vs_rlpx", "ratio"),
    // Goal at most 2 KiB more than with plain RLPx.
    printed("sec.idle_peer_kib", "KiB"),
    printed("sec.rlpx_idle_peer_kib", "KiB"),
    printed("discovery.sim1000_found_share", "share"),
    printed("discovery.sim1000_rounds_p50", "rounds"),
    printed("discovery.sim1000_bytes_per_node_minute", "bytes"),
    printed("discovery.sim1000_datagrams_per_node_minute", "datagrams"),
    printed("discovery.flood_50k_core_share", "share"),
    printed("discovery.flood_50k_found_share", "share"),
    times("discovery.recover_vs_primitive", "discovery/recover", "discovery/recover_primitive"),
    times("discovery.sign_vs_primitive", "discovery/sign", "discovery/sign_primitive"),
    ns("discovery.encode_ns", "discovery/encode"),
    ns("discovery.sign_ns", "discovery/sign"),
    ns("discovery.decode_ns", "discovery/decode"),
    ns("discovery.recover_ns", "discovery/recover"),
    ns("mux.channel_64b_ns", "mux/channel_64b"),
    ns("mux.channel_1k_ns", "mux/channel_1k"),
    speed("mux.channel_64b_vs_transport", "mux/channel_64b", "mux/transport_64b"),
    speed("mux.channel_1k_vs_transport", "mux/channel_1k", "mux/transport_1k"),
    speed("mux.channel_64k_vs_transport", "mux/channel_64k", "mux/transport_64k"),
    printed("mux.ping_p50_ms_idle", "ms"),
    printed("mux.ping_p99_ms_idle", "ms"),
    printed("mux.ping_p50_ms_beside_flood_chunked", "ms"),
    printed("mux.ping_p99_ms_beside_flood_chunked", "ms"),
    printed("mux.ping_p50_ms_beside_flood_plain", "ms"),
    printed("mux.ping_p99_ms_beside_flood_plain", "ms"),
    printed("mux.ping_p50_ms_beside_flood_fifo", "ms"),
    printed("mux.ping_p99_ms_beside_flood_fifo", "ms"),
    printed("mux.equal_bytes_ratio", "ratio"),
    printed("mux.weighted_bytes_ratio", "ratio"),
    printed("mux.neighbour_throughput_share", "share"),
    // Goal 0.9.
    printed("mux.wan_100ms_vs_tcp", "ratio"),
    printed("mux.wan_100ms_dialed_vs_tcp", "ratio"),
    // What the case above was while the buffer was fixed.
    printed("mux.wan_100ms_fixed_buffer_vs_tcp", "ratio"),
    printed("mux.hostile_500_rss_vs_budget", "ratio"),
    printed("mux.hostile_500_honest_p50_ms", "ms"),
    printed("mux.hostile_500_honest_p99_ms", "ms"),
    us("server.connect_us", "server/connect"),
    printed("server.idle_peer_kib", "KiB"),
    printed("server.idle_cpu_share", "share"),
    printed("server.accept_1000_s", "s"),
    us("envelope.seal_symmetric_us", "envelope/seal_symmetric"),
    us("envelope.open_symmetric_us", "envelope/open_symmetric"),
    us("envelope.open_asymmetric_us", "envelope/open_asymmetric"),
    ns("envelope.decode_256b_ns", "envelope/decode_256b"),
    millions_a_second("pow.geth_256b_mhs", "pow/geth_256b", NONCES),
    millions_a_second("pow.geth_4k_mhs", "pow/geth_4k", NONCES),
    millions_a_second("pow.eip627_256b_mhs", "pow/eip627_256b", NONCES),
    millions_a_second("pow.eip627_4k_mhs", "pow/eip627_4k", NONCES),
    speed_over_best(
        "pow.avx512_vs_best_scalar",
        "pow/avx512",
        &["pow/sha3", "pow/keccak_asm", "pow/tiny_keccak"],
    ),
    speed("pow.avx512_vs_keccak_asm", "pow/avx512", "pow/keccak_asm"),
    speed("pow.avx512_vs_bound", "pow/avx512", "pow/bound"),
    speed_over_best(
        "pow.avx2_vs_best_scalar",
        "pow/avx2",
        &["pow/sha3", "pow/keccak_asm", "pow/tiny_keccak"],
    ),
    printed("pow.two_threads_vs_one", "ratio"),
    printed("pow.cancel_p99_ms", "ms"),
    speed("pow.rate_4k_vs_256", "pow/eip627_4k", "pow/eip627_256b"),
    millions_a_second("pow.avx512_mhs", "pow/avx512", NONCES),
    millions_a_second("pow.portable_mhs", "pow/portable", NONCES),
    ns("pow.verify_256b_ns", "pow/verify_256b"),
    ns_each("pow.verify_256b_batch8_ns", "pow/verify_256b_batch8", 8.0),
    ns_each("pow.verify_256b_batch64_ns", "pow/verify_256b_batch64", 64.0),
    us("whisper.inject_us", "whisper/inject"),
    printed("whisper.hop_p50_ms", "ms"),
    printed("whisper.hop_p99_ms", "ms"),
    printed("whisper.line3_p50_ms", "ms"),
    printed("whisper.line3_p99_ms", "ms"),
    printed("whisper.hop_paced_p50_ms", "ms"),
    printed("whisper.hop_paced_p99_ms", "ms"),
    printed("whisper.line3_paced_p50_ms", "ms"),
    printed("whisper.line3_paced_p99_ms", "ms"),
    printed("whisper.hop_sealing_p50_ms", "ms"),
    printed("whisper.hop_sealing_p99_ms", "ms"),
    printed("whisper.post_beside_post_times", "ratio"),
    printed("whisper.throughput_eps", "1/s"),
    printed("whisper.throughput_one_core_eps", "1/s"),
    printed("whisper.fanout_100_p50_ms", "ms"),
    printed("whisper.fanout_100_p99_ms", "ms"),
    printed("whisper.fanout_100_cpu_share", "share"),
    printed("whisper.pool_overhead_bytes", "B"),
    printed("whisper.pool_overhead_100k_bytes", "B"),
    printed("whisper.pool_bytes_per_peer", "B"),
    printed("whisper.filter_1k_us", "us"),
    printed("whisper.filter_10k_us", "us"),
    printed("whisper.filter_100k_us", "us"),
    printed("whisper.filter_100k_vs_1k", "ratio"),
    printed("whisper.trial_decrypt_us", "us"),
    printed("whisper.flood_p50_ms", "ms"),
    printed("whisper.flood_p99_ms", "ms"),
    printed("whisper.flood_vs_idle_p50", "ratio"),
    printed("whisper.flood_vs_idle_p99", "ratio"),
    printed("whisper.flood_pool_vs_budget", "ratio"),
    printed("whisper.junk_500_same_topic_delivered", "share"),
    printed("whisper.junk_500_same_topic_p50_vs_idle", "ratio"),
    printed("whisper.junk_2000_same_topic_delivered", "share"),
    printed("whisper.junk_2000_same_topic_p50_vs_idle", "ratio"),
    printed("whisper.junk_500_other_topic_delivered", "share"),
    printed("whisper.junk_500_other_topic_p50_vs_idle", "ratio"),
    printed("whisper.junk_2000_other_topic_delivered", "share"),
    printed("whisper.junk_2000_other_topic_p50_vs_idle", "ratio"),
    printed("relay.pow_2t_vs_1t", "ratio"),
    printed("relay.multi_8x8_1t_eps", "1/s"),
    printed("relay.multi_8x8_2t_eps", "1/s"),
    printed("relay.multi_8x8_1t_cpu_us", "us"),
    printed("relay.multi_8x8_2t_cpu_us", "us"),
    // Goal 1.4, as for the next two; and 0.75 of what proof of work gains.
    printed("relay.multi_8x8_2t_vs_1t", "ratio"),
    printed("relay.multi_8x8_gain_vs_pow", "ratio"),
    printed("relay.multi_8x8_gain_bound", "ratio"),
    printed("relay.fanout_50_1t_eps", "1/s"),
    printed("relay.fanout_50_2t_eps", "1/s"),
    printed("relay.fanout_50_1t_cpu_us", "us"),
    printed("relay.fanout_50_2t_cpu_us", "us"),
    printed("relay.fanout_50_2t_vs_1t", "ratio"),
    printed("relay.fanout_50_gain_vs_pow", "ratio"),
    printed("relay.fanout_50_gain_bound", "ratio"),
    printed("relay.ingest_8_1t_eps", "1/s"),
    printed("relay.ingest_8_2t_eps", "1/s"),
    printed("relay.ingest_8_1t_cpu_us", "us"),
    printed("relay.ingest_8_2t_cpu_us", "us"),
    printed("relay.ingest_8_2t_vs_1t", "ratio"),
    printed("relay.ingest_8_gain_vs_pow", "ratio"),
    printed("relay.ingest_8_gain_bound", "ratio"),
    printed("relay.expire_1m_stall_ms", "ms"),
    printed("relay.grow_1m_stall_ms", "ms"),
    // Goal at most 1.5.
    printed("relay.memory_after_expiry_vs_alive", "ratio"),
    printed("relay.known_bytes_per_envelope_peer", "B"),
    printed("relay.cpu_us_per_delivery_1000_peers_50s", "us"),
    // Goal at most 20.
    printed("relay.idle_peer_kib", "KiB"),
    printed("rpc.http_version_rps", "1/s"),
    printed("rpc.http_version_p99_ms", "ms"),
    printed("rpc.http_messages_rps", "1/s"),
    printed("rpc.http_messages_p99_ms", "ms"),
    printed("rpc.ws_version_rps", "1/s"),
    printed("rpc.ws_version_p99_ms", "ms"),
    printed("rpc.ws_messages_rps", "1/s"),
    printed("rpc.ws_messages_p99_ms", "ms"),
    printed("rpc.ipc_version_rps", "1/s"),
    printed("rpc.ipc_version_p99_ms", "ms"),
    printed("rpc.ipc_messages_rps", "1/s"),
    printed("rpc.ipc_messages_p99_ms", "ms"),
    printed("rpc.subscribers_1000_ms", "ms"),
    printed("teams.p99_ratio_under_abuse", "ratio"),
    printed("teams.p99_spread_alone", "ratio"),
    printed("teams.throughput_share", "ratio"),
    printed("teams.post_beside_endless_times", "times"),
    printed("sim.n1000_hour_s", "s"),
    printed("sim.n1000_gib", "GiB"),
    printed("sim.events_per_s", "1/s"),
    printed("sim.n10000_10min_s", "s"),
    printed("lazy.copies_d25_1k", "copies"),
    printed("lazy.bytes_d25_1k", "bytes"),
    printed("lazy.bytes_ratio_d25_64k", "ratio"),
    printed("lazy.p50_ratio_64k", "ratio"),
    printed("lazy.p50_ratio_idle", "ratio"),
    printed("lazy.mesh_d6_bytes", "B"),
    printed("lazy.mesh_d6_flood_bytes", "B"),
    printed("lazy.mesh_d6_copies", "copies"),
    printed("lazy.mesh_d6_flood_copies", "copies"),
    printed("lazy.mesh_d6_ms", "ms"),
    printed("lazy.mesh_d6_flood_ms", "ms"),
    printed("lazy.mesh_d6_cpu_us", "us"),
    printed("lazy.mesh_d6_flood_cpu_us", "us"),
    printed("lazy.mesh_d6_time_ratio", "ratio"),
    printed("lazy.mesh_d10_bytes", "B"),
    printed("lazy.mesh_d10_flood_bytes", "B"),
    printed("lazy.mesh_d10_copies", "copies"),
    printed("lazy.mesh_d10_flood_copies", "copies"),
    printed("lazy.mesh_d10_ms", "ms"),
    printed("lazy.mesh_d10_flood_ms", "ms"),
    printed("lazy.mesh_d10_cpu_us", "us"),
    printed("lazy.mesh_d10_flood_cpu_us", "us"),
    printed("lazy.mesh_d10_time_ratio", "ratio"),
    printed("lazy.mesh_d18_bytes", "B"),
    printed("lazy.mesh_d18_flood_bytes", "B"),
    printed("lazy.mesh_d18_copies", "copies"),
    printed("lazy.mesh_d18_flood_copies", "copies"),
    printed("lazy.mesh_d18_ms", "ms"),
    printed("lazy.mesh_d18_flood_ms", "ms"),
    printed("lazy.mesh_d18_cpu_us", "us"),
    printed("lazy.mesh_d18_flood_cpu_us", "us"),
    printed("lazy.mesh_d18_time_ratio", "ratio"),
    printed("lazy.mesh_d36_bytes", "B"),
    printed("lazy.mesh_d36_flood_bytes", "B"),
    printed("lazy.mesh_d36_copies", "copies"),
    printed("lazy.mesh_d36_flood_copies", "copies"),
    printed("lazy.mesh_d36_ms", "ms"),
    printed("lazy.mesh_d36_flood_ms", "ms"),
    printed("lazy.mesh_d36_cpu_us", "us"),
    printed("lazy.mesh_d36_flood_cpu_us", "us"),
    printed("lazy.mesh_d36_time_ratio", "ratio"),
    printed("archive.append_eps", "1/s"),
    printed("archive.page_p99_ms", "ms"),
    printed("archive.page_10m_vs_100k", "times"),
    printed("archive.bloom_p99_ms", "ms"),
    printed("archive.bloom_10m_vs_100k", "times"),
    printed("archive.bytes_per_envelope", "bytes"),
    printed("archive.catch_up_100k_s", "s"),
    printed("store.restore_100k_s", "s"),
    printed("store.restore_100k_pairs_s", "s"),
    printed("store.new_key_ms", "ms"),
    printed("archive-pg.append_eps", "1/s"),
    printed("archive-pg.page_p99_ms", "ms"),
    printed("archive-pg.page_10m_vs_100k", "times"),
    printed("archive-pg.bloom_p99_ms", "ms"),
    printed("archive-pg.bloom_10m_vs_100k", "times"),
    printed("archive-pg.bytes_per_envelope", "bytes"),
];

impl Case {
    /// The layer that the case belongs to.
    pub(super) fn layer(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(layer, _)| layer)
    }

    /// Whether it is measured in the first pass only.
    pub(super) fn is_heavy(&self) -> bool {
        HEAVY.contains(&self.layer())
    }

    /// The figure in one pass.
    pub(super) fn value(&self, pass: &Pass) -> Result<f64, Failure> {
        Ok(match self.source {
            Source::Time { of, unit_ns } => pass.nanoseconds(of)? / unit_ns,
            Source::Rate { of, each } => 1e3 * each / pass.nanoseconds(of)?,
            Source::Speed { of, than } => pass.nanoseconds(than)? / pass.nanoseconds(of)?,
            Source::SpeedOverBest { of, than } => {
                let rivals = than.iter().map(|name| pass.nanoseconds(name));
                let best = rivals.collect::<Result<Vec<_>, _>>()?.into_iter().reduce(f64::min);
                best.unwrap_or(f64::NAN) / pass.nanoseconds(of)?
            }
            Source::Printed => pass.printed(self.name)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{millions_a_second, printed, speed, speed_over_best, us};
    use crate::bench::passes::Pass;

    #[test]
    fn figures_come_from_their_benchmarks() {
        let pass = Pass::new(
            &[("a/fast", 500.0), ("a/middle", 1000.0), ("a/slow", 2000.0)],
            &[("a.share", 0.25)],
        );
        assert!((us("a.us", "a/slow").value(&pass).unwrap() - 2.0).abs() < 1e-9);
        assert!(
            (millions_a_second("a.mhs", "a/fast", 3.0).value(&pass).unwrap() - 6.0).abs() < 1e-9
        );
        assert!((speed("a.ratio", "a/fast", "a/slow").value(&pass).unwrap() - 4.0).abs() < 1e-9);
        let than = &["a/slow", "a/middle"];
        let best = speed_over_best("a.best", "a/fast", than).value(&pass).unwrap();
        assert!((best - 2.0).abs() < 1e-9);
        assert!((printed("a.share", "share").value(&pass).unwrap() - 0.25).abs() < 1e-9);
    }

    #[test]
    fn a_missing_benchmark_is_named() {
        let pass = Pass::new(&[("a/fast", 500.0)], &[]);
        let failure = speed("a.ratio", "a/fast", "a/gone").value(&pass).unwrap_err().to_string();
        assert!(failure.contains("a/gone"), "{failure}");
        assert!(printed("a.gone", "ms").value(&pass).unwrap_err().to_string().contains("a.gone"));
    }
}
