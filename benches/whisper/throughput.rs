//! The number of envelopes per second from one node to another.

use tokio::runtime::Runtime;

use crate::{
    node::{Node, runtime},
    whisper_node::throughput,
};

/// Reports the figures with one thread for each core, and with one thread.
pub(crate) fn envelopes_per_second() {
    for (case, runtime) in [
        ("whisper.throughput_eps", runtime as fn() -> Runtime),
        ("whisper.throughput_one_core_eps", benches::one_thread),
    ] {
        let rate = runtime().block_on(async {
            let far = Node::start(None).await;
            let near = Node::start(Some(&far)).await;
            throughput(vec![near, far]).await
        });
        benches::measured(case, rate);
    }
}
