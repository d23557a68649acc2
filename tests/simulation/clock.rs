//! Room: the small seams of the simulation: time that moves when it is told to, and random bytes from the seed.
//!
//! Units: milliseconds since 1970, all of them made up.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use node::seam::{Clock, Local, Random};
use protocol::time::Timestamp;
use tenon_tests::random::Random as Choices;

/// Where time begins: in September 2026.
const BEGINNING_MS: u64 = 1_790_000_000_000;

/// Virtual time. Clones are handles of the same time.
#[derive(Clone)]
pub(crate) struct VirtualClock {
    state: Rc<State>,
}

struct State {
    now: Cell<u64>,
    next_timer: Cell<u64>,
    timers: RefCell<BTreeMap<(u64, u64), Option<Waker>>>,
}

impl VirtualClock {
    /// Time at its beginning.
    pub(crate) fn new() -> Self {
        let (now, next_timer) = (Cell::new(BEGINNING_MS), Cell::new(0));
        Self { state: Rc::new(State { now, next_timer, timers: RefCell::default() }) }
    }

    /// Milliseconds since the beginning.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        self.state.now.get() - BEGINNING_MS
    }

    /// Whether anybody waits for time to pass.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.state.timers.borrow().is_empty()
    }

    /// Moves on to the next moment that somebody waits for; false if nobody does.
    pub(crate) fn advance(&self) -> bool {
        let mut timers = self.state.timers.borrow_mut();
        let Some((&(moment, _), _)) = timers.first_key_value() else { return false };
        self.state.now.set(self.state.now.get().max(moment));
        let later = timers.split_off(&(moment + 1, 0));
        let due = std::mem::replace(&mut *timers, later);
        drop(timers);
        due.into_values().flatten().for_each(Waker::wake);
        true
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.state.now.get())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms())
    }

    fn sleep(&self, duration: Duration) -> Local<'static, ()> {
        let millis = u64::try_from(duration.as_millis()).expect("no sleep is that long").max(1);
        let number = self.state.next_timer.get();
        self.state.next_timer.set(number + 1);
        let at = (self.state.now.get() + millis, number);
        self.state.timers.borrow_mut().insert(at, None);
        let timer = Timer { state: Rc::clone(&self.state), at };
        Box::pin(poll_fn(move |context| timer.poll(context.waker())))
    }

    fn pause(&self) -> Local<'static, ()> {
        Box::pin(give_way())
    }

    fn give_way(&self) -> Local<'static, ()> {
        self.pause()
    }
}

/// One sleeper; it leaves the list when it is dropped.
struct Timer {
    state: Rc<State>,
    at: (u64, u64),
}

impl Timer {
    fn poll(&self, waker: &Waker) -> Poll<()> {
        match self.state.timers.borrow_mut().get_mut(&self.at) {
            Some(waiting) => {
                *waiting = Some(waker.clone());
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.state.timers.borrow_mut().remove(&self.at);
    }
}

/// Lets whatever else is runnable run once.
pub(crate) async fn give_way() {
    let mut gave_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The node's source of unpredictable bytes, which a seed predicts.
pub(crate) struct SeededBytes(pub(crate) RefCell<Choices>);

impl Random for SeededBytes {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.0.borrow_mut().next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}
