//! Room: one stream of bytes whose MD5 is wanted: what does not fill a block yet, and the padding at the end.

use std::ops::{Deref, Range};
use std::rc::Rc;

use super::kernel::{BLOCK_LEN, INITIAL, State};
use super::lanes::Md5Lanes;

/// One MD5 that grows with its stream.
pub struct Md5Stream {
    lanes: Rc<Md5Lanes>,
    /// Of the whole blocks so far.
    state: State,
    /// All bytes so far; what is beyond the last whole block stands in `tail`.
    len: u64,
    tail: [u8; BLOCK_LEN],
    /// An update is under way, or was cancelled.
    unsound: bool,
}

impl Md5Stream {
    pub(super) fn new(lanes: Rc<Md5Lanes>) -> Self {
        lanes.enter();
        Self { lanes, state: INITIAL, len: 0, tail: [0; BLOCK_LEN], unsound: false }
    }

    /// Takes the next bytes; completes once they are hashed, together with what other streams bring meanwhile. Few
    /// bytes are hashed at once, without a chance for other tasks.
    ///
    /// Cancel: the bytes are let go of at once; the stream is good for nothing then but being dropped.
    ///
    /// # Panics
    /// If an earlier update was cancelled.
    pub async fn update(&mut self, bytes: impl Deref<Target = [u8]> + 'static) {
        self.begin();
        let blocks = self.take_edges(&bytes);
        if !blocks.is_empty() {
            self.state = self.lanes.hash(self.state, Box::new(bytes), blocks).await;
        }
        self.unsound = false;
    }

    /// The MD5 of everything taken.
    ///
    /// # Panics
    /// If an update was cancelled.
    #[must_use]
    pub fn finish(mut self) -> [u8; 16] {
        self.begin();
        // RFC 1321, 3.1 and 3.2: a bit, zeros, and the length in bits in the last eight bytes of a block.
        let bits = self.len.wrapping_mul(8);
        let filled = self.filled();
        self.tail[filled] = 0x80;
        self.tail[filled + 1..].fill(0);
        if filled + 1 > LEN_AT {
            self.compress_tail();
            self.tail.fill(0);
        }
        self.tail[LEN_AT..].copy_from_slice(&bits.to_le_bytes());
        self.compress_tail();
        let mut digest = [0; 16];
        for (out, word) in digest.chunks_exact_mut(4).zip(self.state) {
            out.copy_from_slice(&word.to_le_bytes());
        }
        digest
    }

    fn begin(&mut self) {
        assert!(!self.unsound, "a cancelled update leaves the bytes in between unhashed");
        self.unsound = true;
    }

    /// How many bytes of `tail` are taken.
    fn filled(&self) -> usize {
        // The lowest byte tells it: a block is a power of two.
        usize::from(self.len.to_le_bytes()[0]) % BLOCK_LEN
    }

    /// Counts `bytes` and takes what is not in whole blocks, at both ends; gives the range of the whole blocks.
    fn take_edges(&mut self, bytes: &[u8]) -> Range<usize> {
        let filled = self.filled();
        self.len = self.len.wrapping_add(bytes.len() as u64);
        let mut start = 0;
        if filled > 0 {
            start = bytes.len().min(BLOCK_LEN - filled);
            self.tail[filled..filled + start].copy_from_slice(&bytes[..start]);
            if filled + start < BLOCK_LEN {
                return 0..0;
            }
            self.compress_tail();
        }
        let end = bytes.len() - (bytes.len() - start) % BLOCK_LEN;
        self.tail[..bytes.len() - end].copy_from_slice(&bytes[end..]);
        start..end
    }

    fn compress_tail(&mut self) {
        self.lanes.kernel().compress_one(&mut self.state, std::slice::from_ref(&self.tail));
    }
}

impl Drop for Md5Stream {
    fn drop(&mut self) {
        self.lanes.leave();
    }
}

/// Where the length stands in the last block.
const LEN_AT: usize = BLOCK_LEN - 8;
