//! The search without threads and without a clock: the future that waits for a job searches.

use std::{future::poll_fn, task::Poll};

use tokio::sync::oneshot::Receiver;

use super::Workers;
use crate::{Search, meter::nominal_time};

impl Workers {
    /// Searches blocks, each of the job whose turn it is, until the job of `receiver` is finished or there is no block left
    /// to begin. Then others search the last blocks of the job.
    pub(super) async fn work_until_ready(&self, receiver: &Receiver<Search>) {
        while receiver.is_empty() && self.work_on_a_block() {
            let_others_run().await;
        }
    }

    /// Returns whether there was one.
    fn work_on_a_block(&self) -> bool {
        let Some(block) = self.lock().jobs.next_block() else { return false };
        let search = block.search();
        self.finish_block(&block, search, nominal_time(search.hashes));
        true
    }
}

/// Lets the runtime poll other tasks before this one goes on.
async fn let_others_run() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
