//! In place of the measurement over a link with delay, on systems without network namespaces.

/// Skips the cases.
pub(crate) fn throughput_vs_tcp() {
    for case in
        ["mux.wan_100ms_vs_tcp", "mux.wan_100ms_dialed_vs_tcp", "mux.wan_100ms_fixed_buffer_vs_tcp"]
    {
        benches::skipped(case, "only Linux has network namespaces");
    }
}

/// Does nothing.
pub(crate) const fn run_end_if_asked() {}
