//! Room: the bytes of a file, in the cache and after a power cut.
//!
//! What was written since the last sync of the file is volatile, block by block (4 KiB): after a power cut each such
//! block is new, old, torn between two sectors, or holds what nobody wrote; the file's length is old, new or between.
//! A sync that fails loses what was volatile in the same way, is reported once, and leaves nothing to be synced
//! again, as Linux does.
//! Bytes are shared: by the two images of a file, by clones, by whoever reads. Never written bytes are zeros and
//! take no memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use protocol::time::Timestamp;

use super::blocks::Run;
use super::dice::Dice;

/// What a device writes as one.
const SECTOR_LEN: usize = 512;

/// What a file system allocates, writes and loses as one.
pub(super) const BLOCK_LEN: u64 = crate::disk::ALIGN as u64;

/// The bytes of a file at one moment. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    len: u64,
    /// What was written, by where it begins; chunks do not overlap.
    chunks: Arc<BTreeMap<u64, Bytes>>,
}

impl Image {
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// The bytes of a range, not copied if they were written as one; nothing if the file ends before.
    pub(super) fn read(&self, range: Range<u64>) -> Option<Bytes> {
        if range.end > self.len {
            return None;
        }
        let before = self.chunks.range(..=range.start).next_back();
        if let Some((start, chunk)) = before
            && start + chunk.len() as u64 >= range.end
        {
            return Some(chunk.slice(place(range.start - start)..place(range.end - start)));
        }
        let mut bytes = vec![0; place(range.end - range.start)];
        for (start, chunk) in self.touched(&range) {
            let (from, to) = (start.max(range.start), range.end.min(start + chunk.len() as u64));
            bytes[place(from - range.start)..place(to - range.start)]
                .copy_from_slice(&chunk[place(from - start)..place(to - start)]);
        }
        Some(Bytes::from(bytes))
    }

    /// The same bytes as a file of their own; nothing if the file ends before.
    pub(super) fn part(&self, range: Range<u64>) -> Option<Self> {
        if range.end > self.len {
            return None;
        }
        let mut chunks = BTreeMap::new();
        for (start, chunk) in self.touched(&range) {
            let (from, to) = (start.max(range.start), range.end.min(start + chunk.len() as u64));
            chunks.insert(from - range.start, chunk.slice(place(from - start)..place(to - start)));
        }
        Some(Self { len: range.end - range.start, chunks: Arc::new(chunks) })
    }

    /// Puts bytes at a place; the file becomes as long as that takes.
    pub(super) fn write(&mut self, at: u64, bytes: Bytes) {
        let end = at + bytes.len() as u64;
        self.forget(at..end);
        self.len = self.len.max(end);
        Arc::make_mut(&mut self.chunks).insert(at, bytes);
    }

    /// Cuts the file short, or lengthens it with zeros.
    pub(super) fn resize(&mut self, len: u64) {
        if len < self.len {
            self.forget(len..self.len);
        }
        self.len = len;
    }

    /// The chunks that a range touches, with where they begin.
    fn touched(&self, range: &Range<u64>) -> impl Iterator<Item = (u64, &Bytes)> {
        let before = self.chunks.range(..range.start).next_back();
        let before = before.filter(|(start, chunk)| *start + chunk.len() as u64 > range.start);
        before
            .into_iter()
            .chain(self.chunks.range(range.clone()))
            .map(|(start, chunk)| (*start, chunk))
    }

    /// Makes zeros of a range.
    fn forget(&mut self, range: Range<u64>) {
        let touched: Vec<(u64, Bytes)> =
            self.touched(&range).map(|(start, chunk)| (start, chunk.clone())).collect();
        if touched.is_empty() {
            return;
        }
        let chunks = Arc::make_mut(&mut self.chunks);
        for (start, chunk) in touched {
            let end = start + chunk.len() as u64;
            chunks.remove(&start);
            if start < range.start {
                chunks.insert(start, chunk.slice(..place(range.start - start)));
            }
            if end > range.end {
                chunks.insert(range.end, chunk.slice(place(range.end - start)..));
            }
        }
    }
}

/// A file, whatever its names are.
#[derive(Debug, Default)]
pub(super) struct File {
    cached: Image,
    durable: Image,
    /// What was written since the last sync.
    volatile: Vec<Range<u64>>,
    /// Space of the disk that it holds.
    pub(super) runs: Vec<Run>,
    /// Its name was removed, and with it the space that it held.
    pub(super) nameless: bool,
    /// No byte changes any more.
    pub(super) finished: bool,
    /// When it came into the lost folder.
    pub(super) lost_since: Option<Timestamp>,
}

impl File {
    /// A complete file of these bytes, all of them volatile.
    pub(super) fn of_bytes(image: Image, runs: Vec<Run>) -> Self {
        let mut file = Self { runs, finished: true, ..Self::default() };
        file.volatile.push(0..image.len());
        file.cached = image;
        file
    }

    /// What a reader sees.
    pub(super) const fn image(&self) -> &Image {
        &self.cached
    }

    /// What is sure to be there after a power cut now; nothing while that is left to chance.
    pub(super) fn sure(&self) -> Option<&Image> {
        self.is_durable().then_some(&self.durable)
    }

    pub(super) fn write(&mut self, at: u64, bytes: Bytes) {
        self.volatile.push(at..at + bytes.len() as u64);
        self.cached.write(at, bytes);
    }

    pub(super) fn resize(&mut self, len: u64) {
        self.cached.resize(len);
    }

    pub(super) fn sync(&mut self) {
        self.durable = self.cached.clone();
        self.volatile.clear();
    }

    /// Plays a sync that fails: what was volatile is lost, and nobody will say so again.
    pub(super) fn fail_sync(&mut self, dice: &mut Dice) {
        let len = self.cached.len();
        self.lose(dice);
        self.cached.resize(len);
    }

    /// Plays a power cut.
    pub(super) fn lose(&mut self, dice: &mut Dice) {
        if !self.is_durable() {
            self.durable = match dice.roll(4) {
                0 => self.durable.clone(),
                1 => self.cached.clone(),
                _ => self.mixed(dice),
            };
        }
        self.cached = self.durable.clone();
        self.volatile.clear();
    }

    /// Damage at rest: changes bytes behind everybody's back. Nothing if the file ends before.
    pub(super) fn damage(&mut self, at: u64, flip: u8) -> Option<()> {
        for image in [&mut self.cached, &mut self.durable] {
            if let Some(byte) = image.read(at..at + 1) {
                image.write(at, Bytes::from(vec![byte[0] ^ flip]));
            }
        }
        (at < self.cached.len()).then_some(())
    }

    /// The same: the file ends earlier than it should.
    pub(super) fn cut(&mut self, len: u64) {
        for image in [&mut self.cached, &mut self.durable] {
            image.resize(image.len().min(len));
        }
    }

    fn is_durable(&self) -> bool {
        self.volatile.is_empty() && self.cached.len() == self.durable.len()
    }

    /// An image of which each volatile block is what chance makes of it.
    fn mixed(&self, dice: &mut Dice) -> Image {
        let (old, new) = (self.durable.len(), self.cached.len());
        let between = old.abs_diff(new) / BLOCK_LEN;
        let mut image = self.durable.clone();
        image.resize(old.min(new) + dice.roll(between + 1) * BLOCK_LEN);
        for range in &self.volatile {
            let mut at = range.start;
            while at < range.end.min(image.len()) {
                let block = at..at + BLOCK_LEN;
                if let Some(bytes) = self.block(block.clone(), dice) {
                    image.write(at, bytes);
                }
                at = block.end;
            }
        }
        image
    }

    /// What becomes of a volatile block; nothing if it stays as it was.
    fn block(&self, block: Range<u64>, dice: &mut Dice) -> Option<Bytes> {
        let len = place(BLOCK_LEN);
        let choice = dice.roll(8);
        if choice < 2 {
            return None;
        }
        let new = self.cached.read(block.clone())?;
        match choice {
            2..=5 => Some(new),
            6 => {
                let old = self.durable.read(block).unwrap_or_else(|| vec![0; len].into());
                let torn = (1 + dice.index(len / SECTOR_LEN - 1)) * SECTOR_LEN;
                Some([&new[..torn], &old[torn..]].concat().into())
            }
            _ => {
                let mut garbage = vec![0; len];
                dice.fill(&mut garbage);
                Some(garbage.into())
            }
        }
    }
}

/// A length or a place in memory.
pub(super) fn place(at: u64) -> usize {
    usize::try_from(at).expect("what lies in memory can be counted there")
}
