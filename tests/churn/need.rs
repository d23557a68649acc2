//! Room: how much space the objects that are left need, told from the outside: who wrote which bytes, and which of
//! them can still be reached.
//!
//! One writing of bytes is one stream of a seed, and one file of the node. Units: bytes.
//! Source: DESIGN.md 4 and 5: files are padded to 4 KiB; clones and rewrites keep to a grid of 64 KiB; a file of
//! which less than a quarter is named is rewritten, unless it is small.

use std::collections::BTreeMap;
use std::ops::Range;

use tenon_tests::content::Content;

const PADDING: u64 = 4 << 10;
const GRID: u64 = 64 << 10;
const SPARSE_LEN_MIN: u64 = 256 << 10;

/// What can be reached of every writing.
#[derive(Default)]
pub(crate) struct Need {
    /// Lengths as written, by seed.
    writings: BTreeMap<u64, u64>,
    /// Reachable ranges by seed, one for each time that it is named.
    named: BTreeMap<u64, Vec<Range<u64>>>,
}

impl Need {
    /// This stream was written with this length.
    pub(crate) fn written(&mut self, seed: u64, len: u64) {
        self.writings.insert(seed, len);
    }

    /// All that `other` knows to be written.
    pub(crate) fn written_as(&mut self, other: &Self) {
        self.writings.extend(&other.writings);
    }

    /// These bytes can be reached.
    pub(crate) fn reachable(&mut self, content: &Content) {
        for (seed, range) in content.pieces() {
            self.named.entry(seed).or_default().push(range);
        }
    }

    /// Every reachable byte once, and nothing else.
    pub(crate) fn distinct(&self) -> u64 {
        self.named.values().map(|ranges| union_len(ranges, 1, u64::MAX)).sum()
    }

    /// Where copies name the file that holds their bytes: it stays whole while enough of it is named.
    pub(crate) fn by_sharing(&self) -> u64 {
        let of = |(seed, ranges): (&u64, &Vec<Range<u64>>)| {
            let len = self.writings[seed].next_multiple_of(PADDING);
            let named: u64 = ranges.iter().map(|range| range.end - range.start).sum();
            let sparse = len > SPARSE_LEN_MIN && named < len / 4;
            if sparse { union_len(ranges, GRID, len) } else { len }
        };
        self.named.iter().map(of).sum()
    }

    /// Where copies are files of their own that share blocks: what is left is what ranges cover.
    pub(crate) fn by_cloning(&self) -> u64 {
        let of = |(seed, ranges): (&u64, &Vec<Range<u64>>)| {
            union_len(ranges, GRID, self.writings[seed].next_multiple_of(PADDING))
        };
        self.named.iter().map(of).sum()
    }
}

/// The length of what the ranges cover together, each extended to the grid but not beyond `end`.
fn union_len(ranges: &[Range<u64>], grid: u64, end: u64) -> u64 {
    let extended = |range: &Range<u64>| {
        range.start / grid * grid
            ..range.end.checked_next_multiple_of(grid).map_or(end, |to| to.min(end))
    };
    let mut extended: Vec<Range<u64>> = ranges.iter().map(extended).collect();
    extended.sort_by_key(|range| range.start);
    let (mut covered, mut len) = (0, 0);
    for range in extended {
        len += range.end.saturating_sub(range.start.max(covered));
        covered = covered.max(range.end);
    }
    len
}

#[test]
fn need_is_counted_by_hand() {
    const KIB: u64 = 1 << 10;
    let mut need = Need::default();
    for (seed, len) in [(1, 1000 * KIB), (2, 100 * KIB + 1), (3, 900 * KIB), (4, 500 * KIB)] {
        need.written(seed, len);
    }
    // Sparse: two overlapping ranges within three squares of the grid.
    let first = Content::new(1, 1000 * KIB);
    need.reachable(&first.slice(65 * KIB..130 * KIB));
    need.reachable(&first.slice(129 * KIB..200 * KIB));
    // Small: stays whole. Whole: needs its padding. The last is named by nobody.
    need.reachable(&Content::new(2, 100 * KIB + 1).slice(7..8));
    need.reachable(&Content::new(3, 900 * KIB));
    assert_eq!(need.distinct(), 135 * KIB + 1 + 900 * KIB);
    assert_eq!(need.by_sharing(), 3 * 64 * KIB + 104 * KIB + 900 * KIB);
    assert_eq!(need.by_cloning(), 3 * 64 * KIB + 64 * KIB + 900 * KIB);
}
