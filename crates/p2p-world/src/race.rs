//! Two futures side by side, without chance.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// Polls two futures until one of them is ready, and returns its output.
///
/// They take turns in being polled first. Therefore one that is busy does not always use up the task's budget before the
/// other is polled, and no random number is needed for that.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::future::{pending, ready};
///
/// assert_eq!(p2p_world::race(pending(), ready(7)).await, 7);
/// # }
/// ```
pub async fn race<T>(first: impl Future<Output = T>, second: impl Future<Output = T>) -> T {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let mut begins_with_first = false;
    poll_fn(|context| {
        begins_with_first = !begins_with_first;
        if begins_with_first && let Poll::Ready(output) = first.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        if let Poll::Ready(output) = second.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        if begins_with_first { Poll::Pending } else { first.as_mut().poll(context) }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, future::pending, pin::Pin, task::Context};

    use super::*;

    #[test]
    fn each_is_polled_first_in_every_second_poll() {
        let polled = RefCell::new(String::new());
        let endless = |name| {
            let polled = &polled;
            poll_fn(move |_| {
                polled.borrow_mut().push(name);
                Poll::<()>::Pending
            })
        };
        let mut race = pin!(race(endless('a'), endless('b')));
        for _ in 0..4 {
            assert!(poll(race.as_mut()).is_pending());
        }
        assert_eq!(*polled.borrow(), "abbaabba");
    }

    #[test]
    fn the_one_that_is_ready_ends_it() {
        assert_eq!(poll(pin!(race(async { 1 }, pending()))), Poll::Ready(1));
        assert_eq!(poll(pin!(race(pending(), async { 2 }))), Poll::Ready(2));
    }

    fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(std::task::Waker::noop()))
    }
}
