//! Room: what a figure is: a number that many threads may change and anybody may read.
//!
//! Invariants: all orderings are relaxed: a figure says nothing of any other memory. What is counted and what is
//! read at the same moment may be one apart.

use std::sync::atomic::{AtomicU64, Ordering};

/// A figure that only this module's readers and its one owner know.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `amount` and gives the value before.
    pub fn add(&self, amount: u64) -> u64 {
        self.0.fetch_add(amount, Ordering::Relaxed)
    }

    /// Takes `amount` away again, for figures of what is open now.
    pub fn sub(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }

    /// Replaces the value, for figures that are measured.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How what is observed is sorted, and what its numbers mean.
#[derive(PartialEq, Eq, Debug)]
pub struct Bounds {
    /// The largest values of each class but the last, ascending.
    pub limits: &'static [u64],
    /// Whether values are microseconds, to be shown as seconds.
    pub micros: bool,
}

/// From a cached look-up to a long copy.
pub(super) const REQUEST_TIMES: Bounds = Bounds {
    limits: &[
        100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_500_000,
        10_000_000, 60_000_000,
    ],
    micros: true,
};

/// From a write into a drive's own memory to a drive that is stuck.
pub(super) const SYNC_TIMES: Bounds = Bounds {
    limits: &[
        50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000,
        1_000_000, 5_000_000,
    ],
    micros: true,
};

/// How many share a round.
pub(super) const ROUND_SIZES: Bounds =
    Bounds { limits: &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512], micros: false };

/// How often each class of values was seen, and their sum.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static Bounds,
    /// One more than there are limits.
    counts: Box<[Counter]>,
    sum: Counter,
}

impl Histogram {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(bounds: &'static Bounds) -> Self {
        let counts = (0..=bounds.limits.len()).map(|_| Counter::default()).collect();
        Self { bounds, counts, sum: Counter::default() }
    }

    /// Counts one value.
    pub fn observe(&self, value: u64) {
        let class = self.bounds.limits.partition_point(|limit| *limit < value);
        self.counts[class].add(1);
        self.sum.add(value);
    }

    /// What has been seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen {
            bounds: self.bounds,
            counts: self.counts.iter().map(Counter::get).collect(),
            sum: self.sum.get(),
        }
    }
}

/// A reading of one histogram, or of several with the same bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The bounds of the classes.
    pub bounds: &'static Bounds,
    /// How many values fell into each class.
    pub counts: Vec<u64>,
    /// All values together.
    pub sum: u64,
}

impl Seen {
    /// Adds another reading.
    ///
    /// # Panics
    /// If it has other bounds.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        assert_eq!(self.bounds, other.bounds, "readings of one kind");
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum += other.sum;
        self
    }

    /// Whether nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }
}

/// The buffers of one purpose on one shard.
#[derive(Default, Debug)]
#[repr(align(128))]
pub struct PoolMetrics {
    /// Bytes that may be held.
    pub capacity: Counter,
    /// Bytes that are held.
    pub used: Counter,
    /// Streams that wait to be admitted.
    pub waiting: Counter,
    /// Streams that had to wait.
    pub waits: Counter,
}

/// A cache of one shard.
#[derive(Default, Debug)]
#[repr(align(128))]
pub struct CacheMetrics {
    /// Questions answered from it.
    pub hits: Counter,
    /// Questions that had to be asked elsewhere.
    pub misses: Counter,
    /// Things that it holds.
    pub entries: Counter,
}

/// The MD5s of one shard: bytes hashed, by how many streams were hashed side by side.
#[derive(Default, Debug)]
#[repr(align(128))]
pub struct Md5Metrics {
    bytes: [Counter; Self::CLASSES.len()],
}

impl Md5Metrics {
    /// The largest number of streams of each class, and its label.
    pub(crate) const CLASSES: [(usize, &str); 5] =
        [(1, "1"), (2, "2"), (4, "3-4"), (8, "5-8"), (usize::MAX, "9-16")];

    /// Counts bytes of so many streams that were hashed side by side.
    pub fn hashed(&self, streams: usize, bytes: usize) {
        let class = Self::CLASSES.partition_point(|(most, _)| *most < streams);
        self.bytes[class].add(bytes as u64);
    }

    /// The bytes of one class.
    pub(crate) fn bytes(&self, class: usize) -> u64 {
        self.bytes[class].get()
    }
}
