//! Room: how many bytes of buffers the streams of a shard may hold.
//!
//! A stream is admitted by waiting for its first buffer, in the order of arrival; further ones it takes only
//! if they are free and nobody waits. So a full budget is back-pressure, and no stream waits for a second
//! buffer while it sits on the first.
//! Holds: a counter and a queue of waiters. Each kind of stream (uploads, downloads, copy edges) has its own.
//! Units: bytes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::metrics::PoolMetrics;

/// A bounded amount of buffer memory, shared by the streams of one kind on one shard. Clones share it.
#[derive(Debug, Clone)]
pub struct Budget {
    state: Rc<RefCell<State>>,
    capacity: usize,
    /// Where the node's figures have it, if anybody counts.
    figures: Option<Arc<PoolMetrics>>,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Waiters in the order of their arrival; a ticket names one of them.
    waiting: VecDeque<Waiter>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    len: usize,
    waker: Option<Waker>,
}

impl Budget {
    /// A budget of `capacity` bytes.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let state = State { free: capacity, waiting: VecDeque::new(), next_ticket: 0 };
        Self { state: Rc::new(RefCell::new(state)), capacity, figures: None }
    }

    /// Has what is held, and who waits, counted in `figures` from now on.
    #[must_use]
    pub fn counted(mut self, figures: &Arc<PoolMetrics>) -> Self {
        figures.capacity.add(self.capacity as u64);
        self.figures = Some(Arc::clone(figures));
        self
    }

    fn count(&self, count: impl FnOnce(&PoolMetrics)) {
        if let Some(figures) = &self.figures {
            count(figures);
        }
    }

    /// The bytes that may be held in all.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// The bytes that are not held.
    #[must_use]
    pub fn free(&self) -> usize {
        self.state.borrow().free
    }

    /// How many streams wait to be admitted.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.borrow().waiting.len()
    }

    /// Takes `len` bytes as soon as they are free and everybody who came earlier has been served. Asking for
    /// more than the whole budget gets the whole budget.
    ///
    /// Cancel: leaves the queue.
    pub async fn admit(&self, len: usize) -> Permit {
        let len = len.min(self.capacity);
        if let Some(permit) = self.try_take(len) {
            return permit;
        }
        let place = Place::at_end(self.clone(), len);
        poll_fn(|context| {
            if place.may_go() {
                return Poll::Ready(());
            }
            place.wake_with(context.waker());
            Poll::Pending
        })
        .await;
        self.state.borrow_mut().free -= len;
        drop(place);
        self.permit(len)
    }

    /// Takes `len` bytes if they are free and nobody waits for them.
    #[must_use]
    pub fn try_take(&self, len: usize) -> Option<Permit> {
        let mut state = self.state.borrow_mut();
        if !state.waiting.is_empty() || state.free < len {
            return None;
        }
        state.free -= len;
        drop(state);
        Some(self.permit(len))
    }

    fn permit(&self, len: usize) -> Permit {
        self.count(|figures| {
            figures.used.add(len as u64);
        });
        Permit { budget: self.clone(), len }
    }

    fn give_back(&self, len: usize) {
        let mut state = self.state.borrow_mut();
        state.free += len;
        assert!(state.free <= self.capacity, "more bytes were given back than taken");
        self.count(|figures| figures.used.sub(len as u64));
        state.wake_first();
    }
}

impl State {
    fn wake_first(&mut self) {
        let free = self.free;
        if let Some(waker) =
            self.waiting.front_mut().filter(|first| first.len <= free).and_then(|w| w.waker.take())
        {
            waker.wake();
        }
    }
}

/// Bytes taken from a [`Budget`]; dropping it gives them back.
#[derive(Debug)]
pub struct Permit {
    budget: Budget,
    len: usize,
}

impl Permit {
    /// The bytes that this permit stands for.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it stands for none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.give_back(self.len);
    }
}

/// A place in the queue; dropping it leaves the queue and lets the next one look.
struct Place {
    budget: Budget,
    ticket: u64,
}

impl Place {
    fn at_end(budget: Budget, len: usize) -> Self {
        let ticket = {
            let mut state = budget.state.borrow_mut();
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            state.waiting.push_back(Waiter { ticket, len, waker: None });
            ticket
        };
        budget.count(|figures| {
            figures.waiting.add(1);
            figures.waits.add(1);
        });
        Self { budget, ticket }
    }

    fn may_go(&self) -> bool {
        let state = self.budget.state.borrow();
        state.waiting.front().is_some_and(|w| w.ticket == self.ticket && w.len <= state.free)
    }

    fn wake_with(&self, waker: &Waker) {
        let mut state = self.budget.state.borrow_mut();
        if let Some(waiter) = state.waiting.iter_mut().find(|w| w.ticket == self.ticket) {
            waiter.waker = Some(waker.clone());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.budget.count(|figures| figures.waiting.sub(1));
        let mut state = self.budget.state.borrow_mut();
        state.waiting.retain(|waiter| waiter.ticket != self.ticket);
        state.wake_first();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Context;

    use super::*;

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn streams_are_admitted_in_order_and_nobody_overtakes() {
        let budget = Budget::new(10);
        let first = budget.try_take(8).expect("free");
        let mut large = pin!(budget.admit(6));
        let mut small = pin!(budget.admit(1));
        assert!(poll(large.as_mut()).is_pending());
        assert!(poll(small.as_mut()).is_pending(), "two bytes are free, yet an earlier one waits");
        assert!(budget.try_take(1).is_none(), "further buffers are only for what nobody waits for");
        assert_eq!(budget.waiting(), 2);

        drop(first);
        let Poll::Ready(six) = poll(large.as_mut()) else { panic!("ten bytes are free") };
        let Poll::Ready(one) = poll(small.as_mut()) else { panic!("four bytes are free") };
        assert_eq!((budget.free(), six.len(), one.len()), (3, 6, 1));
        drop((six, one));
        assert_eq!((budget.free(), budget.waiting()), (10, 0));
    }

    #[test]
    fn who_gives_up_leaves_the_queue_and_wakes_the_next() {
        let budget = Budget::new(4);
        let held = budget.try_take(2).expect("free");
        {
            let mut large = pin!(budget.admit(4));
            let mut small = pin!(budget.admit(2));
            assert!(poll(large.as_mut()).is_pending());
            assert!(poll(small.as_mut()).is_pending());
            assert_eq!(budget.waiting(), 2);
        }
        assert_eq!((budget.free(), budget.waiting()), (2, 0), "nothing was taken");
        drop(held);
        assert_eq!(budget.free(), 4);
    }

    #[test]
    fn what_is_held_and_who_waits_is_counted() {
        let figures = Arc::default();
        let budget = Budget::new(4).counted(&figures);
        let read = |figures: &PoolMetrics| {
            let PoolMetrics { capacity, used, waiting, waits } = figures;
            [capacity, used, waiting, waits].map(crate::metrics::Counter::get)
        };
        let held = budget.try_take(3).expect("free");
        {
            let mut next = pin!(budget.admit(2));
            assert!(poll(next.as_mut()).is_pending());
            assert_eq!(read(&figures), [4, 3, 1, 1]);
        }
        assert_eq!(read(&figures), [4, 3, 0, 1], "it has given up");
        drop(held);
        assert_eq!(read(&figures), [4, 0, 0, 1]);
    }

    #[test]
    fn asking_for_more_than_there_is_gets_all() {
        let budget = Budget::new(4);
        let mut all = pin!(budget.admit(100));
        let Poll::Ready(permit) = poll(all.as_mut()) else { panic!("all is free") };
        assert_eq!(permit.len(), 4);
    }
}
