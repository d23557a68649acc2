//! Room: inputs made of others: a byte changed, a piece taken out, doubled, or put in from another seed. Blind, but
//! the same for the same seed, so that a test that fails once fails always.

/// Numbers that look random. Not for secrets.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// A row of numbers, one for each `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A row of numbers that depends on these bytes and on nothing else.
    pub fn of(bytes: &[u8]) -> Self {
        let hash = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self(bytes.iter().fold(0xcbf2_9ce4_8422_2325, hash))
    }

    /// The next number (SplitMix64).
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a size has 64 bits");
        usize::try_from(self.number() % end).expect("below a size")
    }

    /// Parts `bytes` into pieces of 1 to `len_max` bytes.
    pub fn split<'a>(&mut self, mut bytes: &'a [u8], len_max: usize) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at((1 + self.below(len_max)).min(bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }
}

/// Bytes that mean something to somebody.
const WORDS: [&[u8]; 24] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b",",
    b";",
    b"=",
    b"&",
    b"?",
    b"%2F",
    b"%",
    b"+",
    b"-",
    b"0",
    b"18446744073709551615",
    b"\xff",
    b"\xc3\xa9",
    b"<",
    b"&#x0;",
    b"]]>",
    b"//",
];

/// One of `seeds` after one to four changes.
pub fn mutation(seeds: &[&[u8]], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seeds[dice.below(seeds.len())].to_vec();
    for _ in 0..=dice.below(4) {
        change(&mut bytes, seeds, dice);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, seeds: &[&[u8]], dice: &mut Dice) {
    let at = dice.below(bytes.len() + 1);
    let end = (at + 1 + dice.below(8)).min(bytes.len());
    match dice.below(8) {
        0 | 1 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let doubled = bytes[at..end].to_vec();
            bytes.splice(at..at, doubled);
        }
        4 => bytes.truncate(at),
        5 => {
            let other = seeds[dice.below(seeds.len())];
            let from = dice.below(other.len() + 1);
            let piece = &other[from..(from + dice.below(64)).min(other.len())];
            bytes.splice(at..at, piece.iter().copied());
        }
        _ => {
            let word = WORDS[dice.below(WORDS.len())];
            bytes.splice(at..end.min(at + word.len()), word.iter().copied());
        }
    }
}
