//! Room: epochs, which keep every id that an operation has read resolvable until the operation ends.
//!
//! An operation enters at the last committed sequence before its first look-up; garbage that became garbage at
//! sequence `g` is reclaimed only when no operation older than `g` lives. Entering stores the epoch before the
//! first look-up, so whoever is not yet seen by the collector cannot have read anything older than what the
//! collector saw committed.
//!
//! Holds: per shard the multiset of live epochs; one atomic per shard that the collector reads.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use meta::id::Sequence;

/// No operation lives on that shard.
const IDLE: u64 = u64::MAX;

/// The oldest live epoch of every shard, for the collector, and the last committed sequence, for entering.
#[derive(Debug)]
pub struct EpochBoard {
    committed: AtomicU64,
    oldest: Vec<AtomicU64>,
}

impl EpochBoard {
    /// A board for `shards` shards on a store whose last commit was `committed`.
    pub fn new(shards: usize, committed: Sequence) -> Arc<Self> {
        Arc::new(Self {
            committed: AtomicU64::new(committed.get()),
            oldest: (0..shards).map(|_| AtomicU64::new(IDLE)).collect(),
        })
    }

    /// The commit stage says that everything up to `sequence` is durable.
    pub fn publish(&self, sequence: Sequence) {
        self.committed.store(sequence.get(), Ordering::SeqCst);
    }

    /// The last durable sequence.
    pub fn committed(&self) -> Sequence {
        Sequence::new(self.committed.load(Ordering::SeqCst))
    }

    /// The oldest epoch at which an operation still lives, on any shard; without any, the last commit.
    pub fn oldest(&self) -> Sequence {
        // The commit counter is read first: an operation that enters afterwards has at least this epoch.
        let committed = self.committed.load(Ordering::SeqCst);
        let live = self.oldest.iter().map(|slot| slot.load(Ordering::SeqCst)).min();
        Sequence::new(live.unwrap_or(IDLE).min(committed))
    }
}

/// One shard's live epochs.
#[derive(Debug, Clone)]
pub struct Epochs {
    board: Arc<EpochBoard>,
    shard: usize,
    live: Rc<RefCell<BTreeMap<u64, usize>>>,
}

impl Epochs {
    /// The epochs of shard number `shard` of the board.
    ///
    /// # Panics
    /// If the board has no such shard.
    pub fn new(board: Arc<EpochBoard>, shard: usize) -> Self {
        assert!(shard < board.oldest.len(), "shard {shard} is not on the board");
        Self { board, shard, live: Rc::default() }
    }

    /// Enters now; the epoch lives until the guard is dropped.
    pub fn enter(&self) -> EpochGuard {
        let epoch = self.board.committed.load(Ordering::SeqCst);
        *self.live.borrow_mut().entry(epoch).or_insert(0) += 1;
        self.post();
        EpochGuard { epochs: self.clone(), epoch }
    }

    fn leave(&self, epoch: u64) {
        let mut live = self.live.borrow_mut();
        if let Some(count) = live.get_mut(&epoch) {
            *count -= 1;
            if *count == 0 {
                live.remove(&epoch);
            }
        }
        drop(live);
        self.post();
    }

    fn post(&self) {
        let oldest = self.live.borrow().keys().next().copied().unwrap_or(IDLE);
        if let Some(slot) = self.board.oldest.get(self.shard) {
            slot.store(oldest, Ordering::SeqCst);
        }
    }
}

/// A live epoch; dropping it lets garbage that is younger than it go.
#[derive(Debug)]
pub struct EpochGuard {
    epochs: Epochs,
    epoch: u64,
}

impl Drop for EpochGuard {
    fn drop(&mut self) {
        self.epochs.leave(self.epoch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_live_operation_holds_garbage_back() {
        let board = EpochBoard::new(2, Sequence::new(5));
        let (first, second) = (Epochs::new(board.clone(), 0), Epochs::new(board.clone(), 1));
        assert_eq!(board.oldest(), Sequence::new(5));

        let old = first.enter();
        board.publish(Sequence::new(9));
        let young = second.enter();
        let twin = first.enter();
        assert_eq!(board.oldest(), Sequence::new(5));

        drop(old);
        assert_eq!(board.oldest(), Sequence::new(9));
        board.publish(Sequence::new(12));
        drop(young);
        assert_eq!(board.oldest(), Sequence::new(9));
        drop(twin);
        assert_eq!(board.oldest(), Sequence::new(12));
    }
}
