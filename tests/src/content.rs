//! Room: what a model knows of an object's bytes: pieces of endless streams that a seed can make again.
//!
//! A model of gigabytes fits in a line, and ranges and concatenations of contents are contents.

use std::ops::Range;

use crate::random::mix;

const WORD_LEN: u64 = 8;

/// A sequence of bytes, as pieces of seeded streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    seed: u64,
    range: Range<u64>,
}

impl Content {
    /// The first `len` bytes of the stream that `seed` names.
    pub fn new(seed: u64, len: u64) -> Self {
        Self(vec![Piece { seed, range: 0..len }])
    }

    /// The number of bytes.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|piece| piece.range.end - piece.range.start).sum()
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of `range`, which must lie inside.
    pub fn slice(&self, range: Range<u64>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len(), "{range:?} of {}", self.len());
        let mut pieces = Vec::new();
        let mut start_of_piece = 0;
        for piece in &self.0 {
            let len = piece.range.end - piece.range.start;
            let from = range.start.clamp(start_of_piece, start_of_piece + len) - start_of_piece;
            let to = range.end.clamp(start_of_piece, start_of_piece + len) - start_of_piece;
            if from < to {
                let range = piece.range.start + from..piece.range.start + to;
                pieces.push(Piece { seed: piece.seed, range });
            }
            start_of_piece += len;
        }
        Self(pieces)
    }

    /// These bytes and then those of `next`.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.0.extend(next.0);
        self
    }

    /// The pieces in order: the seed of a stream, and which bytes of it.
    pub fn pieces(&self) -> impl Iterator<Item = (u64, Range<u64>)> {
        self.0.iter().map(|piece| (piece.seed, piece.range.clone()))
    }

    /// All bytes, in memory.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.len()).expect("fits in memory"));
        for piece in &self.0 {
            append_stream(piece.seed, piece.range.clone(), &mut bytes);
        }
        bytes
    }

    /// Where `bytes` first differ from these, the end of the shorter counted as a difference; `None` if equal.
    pub fn first_difference(&self, bytes: &[u8]) -> Option<usize> {
        let expected = self.bytes();
        let common = expected.iter().zip(bytes).position(|(one, other)| one != other);
        common.or_else(|| (expected.len() != bytes.len()).then(|| expected.len().min(bytes.len())))
    }
}

fn append_stream(seed: u64, range: Range<u64>, bytes: &mut Vec<u8>) {
    let mut at = range.start;
    while at < range.end {
        let word = mix(seed.wrapping_mul(0xd134_2543_de82_ef95) ^ (at / WORD_LEN)).to_le_bytes();
        let from = at % WORD_LEN;
        let to = WORD_LEN.min(from + (range.end - at));
        let inside =
            usize::try_from(from).expect("below 8")..usize::try_from(to).expect("at most 8");
        bytes.extend_from_slice(&word[inside]);
        at += to - from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_and_concatenations_are_those_of_the_bytes() {
        let content = Content::new(1, 100).then(Content::new(2, 33)).then(Content::new(1, 7));
        let bytes = content.bytes();
        assert_eq!(bytes.len(), 140);
        for start in 0..=140_usize {
            for end in start..=140 {
                let range = u64::try_from(start).unwrap()..u64::try_from(end).unwrap();
                let slice = content.slice(range.clone());
                assert_eq!(slice.bytes(), bytes[start..end]);
                assert_eq!(slice.len(), range.end - range.start);
            }
        }
        let twice = content.slice(3..120).slice(1..80);
        assert_eq!(twice.bytes(), bytes[4..83]);
    }

    #[test]
    fn seeds_and_positions_differ() {
        let bytes = Content::new(1, 4096).bytes();
        assert_ne!(bytes, Content::new(2, 4096).bytes());
        assert_ne!(bytes[..2048], bytes[2048..]);
    }

    #[test]
    fn the_first_difference_is_found() {
        let content = Content::new(5, 50);
        let mut bytes = content.bytes();
        assert_eq!(content.first_difference(&bytes), None);
        assert_eq!(content.first_difference(&bytes[..49]), Some(49));
        bytes[17] ^= 1;
        assert_eq!(content.first_difference(&bytes), Some(17));
    }
}
