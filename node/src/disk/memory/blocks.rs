//! Room: the space of a disk in memory, block by block (4 KiB).
//!
//! A clone shares the blocks of its source: a block is in use once, however many files hold it, and free when the
//! last of them is gone. A file holds blocks as long as it has a name; names themselves take no space.

use std::collections::BTreeMap;

use super::file::{BLOCK_LEN, place};
use super::names::Node;

/// Blocks in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// The file that they were allocated for.
    pub(super) of: Node,
    /// Which of its blocks.
    pub(super) first: u64,
    pub(super) count: u64,
}

/// Which blocks are in use.
#[derive(Debug)]
pub(super) struct Blocks {
    total: u64,
    used: u64,
    /// How many files hold each block.
    holders: BTreeMap<Node, Vec<u32>>,
}

impl Blocks {
    /// `total` bytes of free space.
    pub(super) const fn new(total: u64) -> Self {
        Self { total, used: 0, holders: BTreeMap::new() }
    }

    /// Bytes in all.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Bytes in use.
    pub(super) const fn used(&self) -> u64 {
        self.used
    }

    /// Bytes not in use.
    pub(super) const fn free(&self) -> u64 {
        self.total.saturating_sub(self.used)
    }

    /// One more file holds these.
    pub(super) fn take(&mut self, run: &Run) {
        let holders = self.holders.entry(run.of).or_default();
        let end = place(run.first + run.count);
        if holders.len() < end {
            holders.resize(end, 0);
        }
        for count in &mut holders[place(run.first)..end] {
            self.used += if *count == 0 { BLOCK_LEN } else { 0 };
            *count += 1;
        }
    }

    /// One file less holds these.
    pub(super) fn give(&mut self, run: &Run) {
        let holders = self.holders.get_mut(&run.of).expect("what is given was taken");
        for count in &mut holders[place(run.first)..place(run.first + run.count)] {
            *count -= 1;
            self.used -= if *count == 0 { BLOCK_LEN } else { 0 };
        }
        if holders.iter().all(|count| *count == 0) {
            self.holders.remove(&run.of);
        }
    }

    /// Nothing is held any more.
    pub(super) fn clear(&mut self) {
        (self.used, self.holders) = (0, BTreeMap::new());
    }
}

/// The part of these blocks that a range of their file lies in; both ends on the grid.
pub(super) fn part(runs: &[Run], start: u64, end: u64) -> Vec<Run> {
    let (start, end) = (start / BLOCK_LEN, end / BLOCK_LEN);
    let (mut at, mut found) = (0, Vec::new());
    for run in runs {
        let (from, to) = (start.max(at), end.min(at + run.count));
        if from < to {
            found.push(Run { of: run.of, first: run.first + from - at, count: to - from });
        }
        at += run.count;
    }
    found
}

/// How many bytes these are.
pub(super) fn len(runs: &[Run]) -> u64 {
    runs.iter().map(|run| run.count * BLOCK_LEN).sum()
}
