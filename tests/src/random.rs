//! Room: choices that a seed repeats.
//!
//! Holds: the state of one generator (SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
//! Generators", 2014). Good enough for choosing, not for secrets.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

/// A generator of choices.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The generator that `seed` names.
    pub fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed that `TENON_TEST_SEED` names, or else a new one; printed, so that a failure can be repeated.
    pub fn seed_of_this_run() -> u64 {
        let seed = match std::env::var("TENON_TEST_SEED") {
            Ok(text) => text.parse().expect("TENON_TEST_SEED is a number"),
            Err(_) => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
                u64::from(since.subsec_nanos()) ^ (since.as_secs() << 20)
            }
        };
        println!("TENON_TEST_SEED={seed}");
        seed
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number of `range`, which must not be empty. (The slight preference for small ones does not matter.)
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next_u64() % (range.end - range.start)
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.within(0..100) < percent
    }

    /// One element of `choices`, which must not be empty.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let count = u64::try_from(choices.len()).expect("a count fits");
        let index = usize::try_from(self.within(0..count)).expect("an index fits");
        &choices[index]
    }
}

/// Scatters the bits of `value`: neighbours have nothing in common.
pub fn mix(value: u64) -> u64 {
    let first = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let second = (first ^ (first >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    second ^ (second >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_choices() {
        let (mut one, mut other) = (Random::from_seed(7), Random::from_seed(7));
        let first: Vec<u64> = (0..100).map(|_| one.within(3..9)).collect();
        let second: Vec<u64> = (0..100).map(|_| other.within(3..9)).collect();
        assert_eq!(first, second);
        assert!((3..9).all(|number| first.contains(&number)));
        assert_ne!(Random::from_seed(8).next_u64(), Random::from_seed(9).next_u64());
    }
}
