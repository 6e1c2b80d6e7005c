//! Which batch computes next: one at a time, fair over clients by the time that their calls take.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use fair_queue::RoundRobin;
use p2p_world::HashMap;
use tokio::sync::oneshot;
use tokio::time::Instant;
use whisper_protocol::Client;

use crate::lock::lock;

/// What a client may compute in one turn, in microseconds.
const QUANTUM_MICROS: u32 = 1000;

/// The turns of the batches of one transport. A clone shares them.
#[derive(Clone, Debug)]
pub(crate) struct Turns(Arc<Mutex<TurnState>>);

#[derive(Debug)]
struct TurnState {
    is_taken: bool,
    order: RoundRobin<u64>,
    /// The waiting calls of each client, the oldest first.
    waiting: HashMap<u64, VecDeque<oneshot::Sender<Turn>>>,
}

/// The right to compute, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Turns,
    client: u64,
    begun: Instant,
}

impl Default for Turns {
    fn default() -> Self {
        let order = RoundRobin::new(QUANTUM_MICROS);
        Self(Arc::new(Mutex::new(TurnState {
            is_taken: false,
            order,
            waiting: HashMap::default(),
        })))
    }
}

impl Turns {
    /// Waits for a turn. `None` cannot happen while the turns exist.
    pub(crate) async fn next(&self, client: Client) -> Option<Turn> {
        let granted = {
            let mut state = self.lock();
            if !state.is_taken {
                state.is_taken = true;
                return Some(self.turn(client.key));
            }
            let (grant, granted) = oneshot::channel();
            state.waiting.entry(client.key).or_default().push_back(grant);
            state.order.activate(client.key, client.weight);
            granted
        };
        granted.await.ok()
    }

    fn turn(&self, client: u64) -> Turn {
        Turn { turns: self.clone(), client, begun: Instant::now() }
    }

    /// Ends a turn that cost this much, and finds who is next.
    fn pass(&self, client: u64, micros: u32) -> Option<(u64, oneshot::Sender<Turn>)> {
        let mut state = self.lock();
        state.order.charge(&client, micros);
        let next = state.order.next_key().copied();
        let Some(key) = next else {
            state.is_taken = false;
            return None;
        };
        let calls = state.waiting.get_mut(&key)?;
        let grant = calls.pop_front();
        if calls.is_empty() {
            state.waiting.remove(&key);
            state.order.deactivate(&key);
        }
        grant.map(|grant| (key, grant))
    }

    fn lock(&self) -> MutexGuard<'_, TurnState> {
        lock(&self.0)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let micros = self.begun.elapsed().as_micros();
        let micros = u32::try_from(micros).unwrap_or(u32::MAX).max(1);
        if let Some((key, grant)) = self.turns.pass(self.client, micros) {
            // A caller that waits no longer drops the turn, which passes it on.
            let _ = grant.send(self.turns.turn(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;

    fn client(key: u64) -> Client {
        Client { key, weight: 1 }
    }

    #[test]
    fn a_client_with_many_calls_does_not_delay_another() {
        let turns = Turns::default();
        let mut first = turns.next(client(1)).now_or_never().flatten().unwrap();
        let mut many: Vec<_> = (0..50).map(|_| Box::pin(turns.next(client(1)))).collect();
        assert!(many.iter_mut().all(|call| call.now_or_never().is_none()));
        let mut other = pin!(turns.next(client(2)));
        assert!(other.as_mut().now_or_never().is_none());
        // As if it had taken longer than a quantum: client 1 owes.
        let took = Duration::from_micros(2 * u64::from(QUANTUM_MICROS));
        first.begun = first.begun.checked_sub(took).unwrap();
        drop(first);
        let mut before = 0;
        let turn = loop {
            if let Some(turn) = other.as_mut().now_or_never() {
                break turn;
            }
            assert!(before < many.len(), "the other client has no turn");
            drop(many.remove(0).now_or_never());
            before += 1;
        };
        assert!(before <= 2, "{before} calls came first");
        drop(turn);
    }

    #[test]
    fn a_turn_of_a_caller_that_waits_no_longer_is_passed_on() {
        let turns = Turns::default();
        let first = turns.next(client(1)).now_or_never();
        let (mut gone, mut next) =
            (Box::pin(turns.next(client(2))), Box::pin(turns.next(client(3))));
        assert!(gone.as_mut().now_or_never().is_none() && next.as_mut().now_or_never().is_none());
        drop(gone);
        drop(first);
        drop(next.as_mut().now_or_never().expect("a turn"));
        drop(turns.next(client(1)).now_or_never().expect("the turn is free"));
        assert!(turns.lock().waiting.is_empty() && !turns.lock().is_taken);
    }
}
