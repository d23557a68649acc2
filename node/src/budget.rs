//! Room: how many bytes of buffers the streams of a shard may hold.
//!
//! A stream is admitted by waiting for its first buffer, in the order of arrival; further ones it takes only
//! if they are free and nobody waits. So a full budget is back-pressure, and no stream waits for a second
//! buffer while it sits on the first.
//! Who has waited for some time asks for bytes back ([`Budget::ask_back`]): of the stream that has waited longest
//! for its own client, which gives them up although it is not done, and gets others in its turn. So slow uploads
//! and downloads starve no others. While it comes to that, memory is scarce ([`Budget::is_scarce`]). Copies give
//! nothing back ([`Budget::firm`]).
//! Holds: a counter, a queue of waiters and one of holders that could give back. Each kind of stream (uploads,
//! downloads, what copies read, what they write) has its own, and so have documents.
//! Units: bytes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::metrics::PoolMetrics;
use crate::seam::Clock;

/// How long somebody waits before asking for bytes back, and longer than an honest client pauses.
pub const PATIENCE: Duration = Duration::from_millis(250);

/// A bounded amount of buffer memory, shared by the streams of one kind on one shard. Clones share it.
#[derive(Debug, Clone)]
pub struct Budget {
    state: Rc<RefCell<State>>,
    capacity: usize,
    /// Nobody is asked to give back.
    firm: bool,
    /// Where the node's figures have it, if anybody counts.
    figures: Option<Arc<PoolMetrics>>,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Waiters in the order of their arrival; a ticket names one of them.
    waiting: VecDeque<Waiter>,
    /// Holders that wait for their clients, in the order in which they began to.
    idle: VecDeque<Holder>,
    /// How many holders have been asked to give back, of whom none was idle.
    owed: usize,
    /// Slow clients hold what others wait for.
    scarce: bool,
    next_ticket: u64,
}

#[derive(Debug)]
struct Holder {
    ticket: u64,
    asked: bool,
    waker: Option<Waker>,
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
        let state = State {
            free: capacity,
            waiting: VecDeque::new(),
            idle: VecDeque::new(),
            owed: 0,
            scarce: false,
            next_ticket: 0,
        };
        Self { state: Rc::new(RefCell::new(state)), capacity, firm: false, figures: None }
    }

    /// A budget whose holders give nothing back before they are done. For copies: they hold a buffer to write from, and
    /// then what they read, and one that gave up the first while it holds the second could wait for another copy that
    /// waits for it.
    #[must_use]
    pub fn firm(mut self) -> Self {
        self.firm = true;
        self
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

    /// Waits for what `admitted` waits for, and asks for bytes back as often as that takes too long.
    ///
    /// Cancel: drops `admitted`.
    pub async fn asking<T>(&self, clock: &dyn Clock, admitted: impl Future<Output = T>) -> T {
        let mut admitted = pin!(admitted);
        loop {
            match select(admitted.as_mut(), clock.sleep(PATIENCE)).await {
                Either::Left((admitted, _)) => return admitted,
                Either::Right(((), _)) => self.ask_back(),
            }
        }
    }

    /// Whether a holder that waited for its client has had to give back what others needed, and that much is not
    /// free again: who takes bytes takes few at a time.
    #[must_use]
    pub fn is_scarce(&self) -> bool {
        self.state.borrow().scarce
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

    /// Says, for somebody who has waited for some time, that a holder must give back what it holds: the one that
    /// has waited longest for its client, or the next that [`Self::is_owed`] or waits for its client.
    pub fn ask_back(&self) {
        let mut state = self.state.borrow_mut();
        if self.firm || state.waiting.is_empty() {
            return;
        }
        if let Some(holder) = state.idle.iter_mut().find(|holder| !holder.asked) {
            holder.asked = true;
            let waker = holder.waker.take();
            state.scarce = true;
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        } else {
            state.owed = state.waiting.len().min(state.owed + 1);
        }
    }

    /// Whether the holder that asks this must give back what it holds. It is asked once for each that is owed.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        let mut state = self.state.borrow_mut();
        if state.waiting.is_empty() {
            state.owed = 0;
        }
        let owed = state.owed > 0;
        state.owed = state.owed.saturating_sub(1);
        owed
    }

    /// For a holder while it waits for its client: completes when it must give back what it holds.
    ///
    /// Cancel: it waits no more.
    pub async fn asked_back(&self) {
        if self.is_owed() {
            self.state.borrow_mut().scarce = true;
            return;
        }
        let idle = Idle::of(self.clone());
        poll_fn(|context| idle.poll_asked(context)).await;
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
        if state.waiting.is_empty() && state.free >= self.capacity / 2 {
            state.scarce = false;
        }
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

/// A holder that waits for its client; dropping it says that it goes on.
struct Idle {
    budget: Budget,
    ticket: u64,
}

impl Idle {
    fn of(budget: Budget) -> Self {
        let ticket = {
            let mut state = budget.state.borrow_mut();
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            state.idle.push_back(Holder { ticket, asked: false, waker: None });
            ticket
        };
        Self { budget, ticket }
    }

    fn poll_asked(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.budget.state.borrow_mut();
        match state.idle.iter_mut().find(|holder| holder.ticket == self.ticket) {
            Some(holder) if !holder.asked => {
                holder.waker = Some(context.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        let mut state = self.budget.state.borrow_mut();
        state.idle.retain(|holder| holder.ticket != self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

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
    fn the_holder_that_has_been_idle_longest_is_asked_first() {
        let budget = Budget::new(2);
        let held = budget.try_take(2).expect("free");
        let mut long = pin!(budget.asked_back());
        let mut short = pin!(budget.asked_back());
        assert!(poll(long.as_mut()).is_pending() && poll(short.as_mut()).is_pending());
        budget.ask_back();
        assert!(poll(long.as_mut()).is_pending() && !budget.is_scarce(), "nobody waits");

        let mut waiting = pin!(budget.admit(1));
        assert!(poll(waiting.as_mut()).is_pending());
        budget.ask_back();
        assert!(poll(short.as_mut()).is_pending() && poll(long.as_mut()).is_ready());
        assert!(budget.is_scarce());
        budget.ask_back();
        assert!(poll(short.as_mut()).is_ready());
        assert!(!budget.is_owed());
        // Nobody is idle: whoever is next gives back, once.
        budget.ask_back();
        assert!(budget.is_owed() && !budget.is_owed());
        budget.ask_back();
        drop(held);
        assert!(budget.is_scarce(), "somebody waits");
        assert!(poll(waiting.as_mut()).is_ready());
        assert!(!budget.is_owed() && !budget.is_scarce(), "nobody waits any more");
    }

    #[test]
    fn holders_of_a_firm_budget_are_never_asked() {
        let budget = Budget::new(4).firm();
        let held = budget.try_take(4).expect("free");
        let mut waiting = pin!(budget.admit(4));
        assert!(poll(waiting.as_mut()).is_pending());
        budget.ask_back();
        assert!(!budget.is_owed());
        assert!(poll(pin!(budget.asked_back())).is_pending());
        drop(held);
        assert!(poll(waiting.as_mut()).is_ready());
    }

    #[test]
    fn asking_for_more_than_there_is_gets_all() {
        let budget = Budget::new(4);
        let mut all = pin!(budget.admit(100));
        let Poll::Ready(permit) = poll(all.as_mut()) else { panic!("all is free") };
        assert_eq!(permit.len(), 4);
    }
}
