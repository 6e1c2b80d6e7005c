//! The tasks that take nodes from sources of found nodes into the dial plan.

use std::{future::poll_fn, pin::pin, sync::Arc};

use futures_core::Stream;
use p2p_mux::identity::Enode;
use tokio::task::coop;

use crate::{clock::now, context::Context};

/// Adds a source of found nodes. A server that does not dial drops it at once.
pub(crate) fn add(context: &Arc<Context>, source: impl Stream<Item = Enode> + Send + 'static) {
    if !context.dials() {
        return;
    }
    context.state().peering.reserve_outbound();
    context.lifecycle.spawn(run(Arc::clone(context), source));
}

/// Takes nodes from the source until it ends or the server stops.
async fn run(context: Arc<Context>, source: impl Stream<Item = Enode>) {
    let mut source = pin!(source);
    loop {
        let next = async {
            // A source that is always ready must not starve other tasks.
            coop::consume_budget().await;
            wait_for_room(&context).await;
            poll_fn(|task| source.as_mut().poll_next(task)).await
        };
        let enode = tokio::select! {
            biased;
            () = context.lifecycle.stopping() => return,
            next = next => match next {
                Some(enode) => enode,
                None => return,
            },
        };
        let id = enode.id;
        let mut state = context.state();
        let added = state.peering.add_found(enode, now());
        state.observed.found(id, added);
        drop(state);
        if added.is_ok() {
            context.wakers.wake_dialer();
        }
    }
}

/// Waits until more found nodes can be dialed.
async fn wait_for_room(context: &Context) {
    loop {
        // No change after this line is missed.
        let changed = context.wakers.room_changed();
        if context.state().peering.has_room_for_found() {
            return;
        }
        changed.await;
    }
}
