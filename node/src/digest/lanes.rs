//! Room: which streams of a shard are hashed side by side.
//!
//! Streams wait in a line; a task (there is one as long as somebody waits) hashes the first of them together, as many
//! as the kernel has lanes, and lets every other task go first before it goes on: whoever has its bytes hashed fetches
//! the next and is back in line by then. A stream alone is hashed where it is, without the line; so is a short piece.
//! Invariants: in the line, first come, first hashed; a step takes no longer than [`STEP_BLOCKS`] blocks of the widest
//! kernel; what waits is bounded by the streams, each with one piece of its bytes. No clock, no chance: the same calls
//! give the same order.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::{Deref, Range};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::kernel::{BLOCK_LEN, Kernel, Lane, State};
use super::stream::Md5Stream;
use crate::metrics::Md5Metrics;
use crate::seam::{Clock, Spawn};

/// Blocks that are hashed in every lane before other tasks get a chance: 32 KiB, about 70 µs with full lanes.
pub(super) const STEP_BLOCKS: usize = 512;

/// Bytes of a stream alone that are hashed before other tasks get a chance: about 100 µs.
const ALONE_LEN: usize = 64 * 1024;

/// Pieces up to this length are hashed where they are, whoever else is there: that takes about as long as the line
/// (6 µs), and a small body need not wait for the queue of long work.
pub(super) const SHORT_LEN: usize = 4 * 1024;

/// The streams of one shard whose MD5 is wanted.
pub struct Md5Lanes {
    kernel: Kernel,
    spawn: Rc<dyn Spawn>,
    clock: Rc<dyn Clock>,
    metrics: Arc<Md5Metrics>,
    line: RefCell<VecDeque<Waiting>>,
    /// Whether the task that hashes the line is there.
    hashing: Cell<bool>,
    /// Streams that have begun and are not finished.
    streams: Cell<usize>,
}

/// Bytes of one stream in the line.
struct Waiting {
    ticket: Rc<Ticket>,
    state: State,
    bytes: Box<dyn Deref<Target = [u8]>>,
    /// What of them is still to be hashed: whole blocks.
    blocks: Range<usize>,
}

/// What a stream holds while its bytes wait.
#[derive(Default)]
struct Ticket {
    hashed: Cell<Option<State>>,
    waker: Cell<Option<Waker>>,
}

impl Md5Lanes {
    /// No stream yet. The hashing goes to `spawn`, the queue for long work.
    #[must_use]
    pub fn new(
        kernel: Kernel,
        spawn: Rc<dyn Spawn>,
        clock: Rc<dyn Clock>,
        metrics: Arc<Md5Metrics>,
    ) -> Rc<Self> {
        Rc::new(Self {
            kernel,
            spawn,
            clock,
            metrics,
            line: RefCell::default(),
            hashing: Cell::new(false),
            streams: Cell::new(0),
        })
    }

    /// The MD5 of a stream that begins now.
    #[must_use]
    pub fn stream(self: &Rc<Self>) -> Md5Stream {
        Md5Stream::new(Rc::clone(self))
    }

    pub(super) const fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Whether nobody waits, and no task is there.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.line.borrow().is_empty() && !self.hashing.get()
    }

    pub(super) fn enter(&self) {
        self.streams.set(self.streams.get() + 1);
    }

    pub(super) fn leave(&self) {
        self.streams.set(self.streams.get() - 1);
    }

    /// The state after these whole blocks of `bytes`.
    pub(super) async fn hash(
        self: &Rc<Self>,
        mut state: State,
        bytes: Box<dyn Deref<Target = [u8]>>,
        mut blocks: Range<usize>,
    ) -> State {
        if blocks.len() <= SHORT_LEN {
            self.metrics.hashed(1, blocks.len());
            self.kernel.compress_one(&mut state, bytes[blocks].as_chunks().0);
            return state;
        }
        // Asked before each step: company may come meanwhile.
        while self.streams.get() == 1 && !blocks.is_empty() {
            let step = blocks.start..blocks.end.min(blocks.start + ALONE_LEN);
            blocks.start = step.end;
            self.metrics.hashed(1, step.len());
            self.kernel.compress_one(&mut state, bytes[step].as_chunks().0);
            self.clock.pause().await;
        }
        if blocks.is_empty() {
            return state;
        }
        let ticket = Rc::new(Ticket::default());
        let waiting = Waiting { ticket: Rc::clone(&ticket), state, bytes, blocks };
        self.line.borrow_mut().push_back(waiting);
        if !self.hashing.replace(true) {
            let lanes = Rc::clone(self);
            self.spawn.spawn(Box::pin(async move { lanes.run().await }));
        }
        let place = Place { lanes: self, ticket };
        poll_fn(|context| place.poll(context)).await
    }

    /// Hashes until nobody waits any more.
    async fn run(&self) {
        while !self.line.borrow().is_empty() {
            // Whoever is about to come shall be in line before the step, not after it.
            self.clock.give_way().await;
            self.step();
        }
        self.hashing.set(false);
    }

    /// Hashes the first streams of the line side by side; the lane of one that has no more is the next one's.
    fn step(&self) {
        let mut line = self.line.borrow_mut();
        let mut budget = STEP_BLOCKS;
        while budget > 0 && !line.is_empty() {
            let abreast = line.len().min(self.kernel.lanes());
            let shortest = line.iter().take(abreast).map(Waiting::left).min().unwrap_or(0);
            let count = shortest.min(budget);
            budget -= count;
            self.metrics.hashed(abreast, abreast * count * BLOCK_LEN);
            let mut lanes: Vec<Lane<'_>> =
                line.iter_mut().take(abreast).map(|waiting| waiting.lane(count)).collect();
            self.kernel.compress(&mut lanes);
            // Only these may be done: the line may be long.
            let mut first: Vec<Waiting> = line.drain(..abreast).collect();
            first.retain(Waiting::stays);
            for waiting in first.into_iter().rev() {
                line.push_front(waiting);
            }
        }
    }
}

impl Waiting {
    /// Whole blocks that are still to be hashed.
    fn left(&self) -> usize {
        self.blocks.len() / BLOCK_LEN
    }

    /// Its next `count` blocks.
    fn lane(&mut self, count: usize) -> Lane<'_> {
        let next = self.blocks.start..self.blocks.start + count * BLOCK_LEN;
        self.blocks.start = next.end;
        Lane { state: &mut self.state, blocks: self.bytes[next].as_chunks().0 }
    }

    /// Whether there is more to be hashed; if not, its stream hears of it.
    fn stays(&self) -> bool {
        if !self.blocks.is_empty() {
            return true;
        }
        self.ticket.hashed.set(Some(self.state));
        if let Some(waker) = self.ticket.waker.take() {
            waker.wake();
        }
        false
    }
}

/// A stream's place in the line; it leaves the line when it is dropped.
struct Place<'a> {
    lanes: &'a Md5Lanes,
    ticket: Rc<Ticket>,
}

impl Place<'_> {
    fn poll(&self, context: &Context<'_>) -> Poll<State> {
        match self.ticket.hashed.get() {
            Some(state) => Poll::Ready(state),
            None => {
                self.ticket.waker.set(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.ticket.hashed.get().is_none() {
            let mut line = self.lanes.line.borrow_mut();
            line.retain(|waiting| !Rc::ptr_eq(&waiting.ticket, &self.ticket));
        }
    }
}
