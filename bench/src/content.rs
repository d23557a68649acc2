//! Room: what the bytes of an object are: a function of a seed and an offset, so that nothing big is kept to compare.
//!
//! One pattern of random bytes serves a whole run. An object begins somewhere in it, as its seed says, and goes round.
//! Invariant: no multiple of a usual block length is a multiple of [`PATTERN_LEN`], so that a block in a wrong place,
//! or of another object, is seen.

use std::ops::Range;

use bytes::Bytes;

/// A prime above 4 MiB.
pub(crate) const PATTERN_LEN: usize = 4_194_319;

/// What goes out in one write at most.
const SLICE_LEN_MAX: usize = 256 << 10;

/// The bytes that all contents of a run are cut from.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Bytes);

impl Pattern {
    /// The pattern of a run.
    pub(crate) fn new(seed: u64) -> Self {
        let words = (0..).flat_map(|index| mix(seed ^ mix(index)).to_le_bytes());
        Self(words.take(PATTERN_LEN).collect())
    }

    /// The content of the object called `name`.
    pub(crate) fn content(&self, name: &str) -> Content {
        let shift = index(hash(name) % PATTERN_LEN as u64);
        Content { pattern: self.0.clone(), shift, period: u64::MAX }
    }
}

/// The bytes of an object, without an end.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pattern: Bytes,
    shift: usize,
    period: u64,
}

impl Content {
    /// The first `period` bytes of this one, again and again. `period` is at least 1.
    pub(crate) fn repeated(self, period: u64) -> Self {
        assert!(period > 0, "what is repeated has bytes");
        Self { period, ..self }
    }

    /// The bytes of `range`, piece by piece, without a copy.
    pub(crate) fn slices(&self, range: Range<u64>) -> impl Iterator<Item = Bytes> {
        let mut at = range.start;
        std::iter::from_fn(move || {
            let left = range.end.checked_sub(at).filter(|left| *left > 0)?;
            let slice = self.slice(at, left);
            at += slice.len() as u64;
            Some(slice)
        })
    }

    /// Whether `bytes` stand at `offset`.
    pub(crate) fn has(&self, offset: u64, bytes: &[u8]) -> bool {
        let mut at = 0;
        while at < bytes.len() {
            let slice = self.slice(offset + at as u64, (bytes.len() - at) as u64);
            if slice != bytes[at..at + slice.len()] {
                return false;
            }
            at += slice.len();
        }
        true
    }

    /// At least one byte from `offset` on, and no more than `len`.
    fn slice(&self, offset: u64, len: u64) -> Bytes {
        let inside = offset % self.period;
        let turned = index(inside % PATTERN_LEN as u64);
        let start = (self.shift + turned) % PATTERN_LEN;
        let len = index(len.min(self.period - inside).min(SLICE_LEN_MAX as u64));
        self.pattern.slice(start..PATTERN_LEN.min(start + len))
    }
}

/// A place in the pattern, which is no longer than memory.
fn index(place: u64) -> usize {
    usize::try_from(place).expect("a pattern lies in memory")
}

/// A number that depends on each bit of another (the finaliser of splitmix64).
pub(crate) const fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The same number for the same name in each run and on each machine.
pub(crate) fn hash(name: &str) -> u64 {
    name.bytes().fold(0, |sum, byte| mix(sum ^ u64::from(byte)))
}

/// A row of numbers that a seed decides.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The row of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0) % bound
    }

    /// The same for an index; `bound` is not 0.
    pub(crate) fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(content: &Content, range: Range<u64>) -> Vec<u8> {
        content.slices(range).flatten().collect()
    }

    #[test]
    fn a_range_of_a_content_is_what_stands_there() {
        let content = Pattern::new(7).content("a");
        let whole = bytes(&content, 0..6 << 20);
        assert_eq!(whole.len(), 6 << 20);
        for range in [0..1_usize, 4095..4097, 4_194_000..4_195_000, 5 << 20..6 << 20] {
            let part = bytes(&content, range.start as u64..range.end as u64);
            assert_eq!(part, whole[range.clone()]);
            assert!(content.has(range.start as u64, &whole[range]));
        }
        assert!(bytes(&content, 9..9).is_empty());
    }

    #[test]
    fn another_seed_name_or_place_is_another_content() {
        let pattern = Pattern::new(7);
        let block = bytes(&pattern.content("a"), 0..4096);
        assert!(pattern.content("a").has(0, &block));
        assert!(!pattern.content("a").has(4096, &block));
        assert!(!pattern.content("a").has(64 << 20, &block));
        assert!(!pattern.content("b").has(0, &block));
        assert!(!Pattern::new(8).content("a").has(0, &block));
    }

    #[test]
    fn one_wrong_byte_is_seen() {
        let content = Pattern::new(7).content("a");
        let mut block = bytes(&content, 100..600_000);
        let last = block.len() - 1;
        block[last] ^= 1;
        assert!(!content.has(100, &block));
    }

    #[test]
    fn a_repeated_content_begins_again_after_its_period() {
        let once = Pattern::new(7).content("a");
        let content = once.clone().repeated(1000);
        let twice = bytes(&content, 0..2000);
        assert_eq!(twice[..1000], twice[1000..]);
        assert_eq!(twice[..1000], bytes(&once, 0..1000));
        assert_eq!(
            bytes(&content, 1500..3500),
            [&twice[500..1000], &twice[..], &twice[..500]].concat()[..2000]
        );
    }
}
