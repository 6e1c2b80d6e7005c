//! What is polled only after it was woken.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Waits for a future that seldom has something to do, in a task that is polled often for other reasons: the future is polled
/// first, and then only when it was woken.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use p2p_world::{race, when_woken};
/// use std::future::ready;
///
/// let stop = std::future::pending::<u32>();
/// assert_eq!(race(when_woken(stop), ready(7)).await, 7);
/// # }
/// ```
pub async fn when_woken<T>(future: impl Future<Output = T>) -> T {
    let (mut future, mut gate) = (pin!(future), WakeGate::new());
    poll_fn(|cx| gate.poll(cx, |cx| future.as_mut().poll(cx))).await
}

/// Lets a poll function run only if it was woken since it last returned [`Poll::Pending`], as [`when_woken`] does for a future.
///
/// It must be used for one function only, and the function must depend on nothing but what wakes it.
#[derive(Debug)]
pub struct WakeGate {
    flag: Arc<Flag>,
    /// Sets the flag.
    waker: Waker,
    /// The task that was last told to the flag.
    task: Option<Waker>,
}

impl Default for WakeGate {
    fn default() -> Self {
        Self::new()
    }
}

impl WakeGate {
    /// A gate that is open for the first poll.
    #[must_use]
    pub fn new() -> Self {
        let flag = Arc::new(Flag { woken: AtomicBool::new(true), task: Mutex::default() });
        Self { waker: Waker::from(Arc::clone(&flag)), flag, task: None }
    }

    /// Lets the next poll through, because what it polls has changed.
    pub fn open(&self) {
        self.flag.woken.store(true, Ordering::Release);
    }

    /// Polls, unless nothing has woken it. After [`Poll::Ready`] the next call polls again.
    pub fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if self.task.as_ref().is_none_or(|task| !task.will_wake(cx.waker())) {
            // Before the flag is read, so that a wake-up in between reaches this task.
            *self.flag.task() = Some(cx.waker().clone());
            self.task = Some(cx.waker().clone());
        }
        // Mostly false: reading alone leaves the line of memory with the others.
        if !self.flag.woken.load(Ordering::Acquire)
            || !self.flag.woken.swap(false, Ordering::AcqRel)
        {
            return Poll::Pending;
        }
        let polled = poll(&mut Context::from_waker(&self.waker));
        if polled.is_ready() {
            self.open();
        }
        polled
    }
}

/// Whether the gate was woken, and whose task is to be woken then.
#[derive(Debug)]
struct Flag {
    woken: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Flag {
    fn task(&self) -> MutexGuard<'_, Option<Waker>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        let task = self.task().clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, sync::atomic::AtomicU32};

    use super::*;

    /// Counts how often it was woken.
    #[derive(Default)]
    struct Task(AtomicU32);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_future_is_polled_first_and_then_when_it_was_woken() {
        let (polls, inner) = (Cell::new(0), Cell::new(None::<Waker>));
        let task = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&task));
        let mut cx = Context::from_waker(&waker);
        let mut gated = pin!(when_woken(poll_fn(|cx| {
            polls.set(polls.get() + 1);
            inner.set(Some(cx.waker().clone()));
            if polls.get() == 2 { Poll::Ready(7) } else { Poll::Pending }
        })));
        for _ in 0..3 {
            assert!(gated.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!(polls.get(), 1);
        inner.take().unwrap().wake();
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
        assert_eq!(gated.as_mut().poll(&mut cx), Poll::Ready(7));
    }

    #[test]
    fn a_wake_up_reaches_the_task_that_polled_last() {
        let inner = Cell::new(None::<Waker>);
        let mut gate = WakeGate::new();
        let mut poll = |task: &Arc<Task>| {
            let waker = Waker::from(Arc::clone(task));
            let store = |cx: &mut Context<'_>| {
                inner.set(Some(cx.waker().clone()));
                Poll::<()>::Pending
            };
            gate.poll(&mut Context::from_waker(&waker), store)
        };
        let (first, last) = (Arc::new(Task::default()), Arc::new(Task::default()));
        assert!(poll(&first).is_pending());
        assert!(poll(&last).is_pending());
        inner.take().unwrap().wake();
        let woken = [&first, &last].map(|task| task.0.load(Ordering::Relaxed));
        assert_eq!(woken, [0, 1]);
    }

    #[test]
    fn a_poll_that_was_ready_may_be_ready_again() {
        let mut gate = WakeGate::new();
        let mut cx = Context::from_waker(Waker::noop());
        let mut left = 3;
        let mut count = || {
            let mut next = |_: &mut Context<'_>| {
                left -= 1;
                if left > 0 { Poll::Ready(left) } else { Poll::Pending }
            };
            gate.poll(&mut cx, &mut next)
        };
        assert_eq!([count(), count()], [Poll::Ready(2), Poll::Ready(1)]);
        assert_eq!([count(), count()], [Poll::Pending, Poll::Pending]);
    }
}
