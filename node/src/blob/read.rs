//! Room: reading pieces back, block by block, each verified before a byte of it is handed out.
//!
//! A range is read in windows of up to 512 KiB on the grid of blocks, a few ahead of the consumer, in order.
//! While memory is scarce, a window is one block, and a stream whose consumer is slow gives back what it has read
//! ahead ([`BlockReader::give_back`]), to read it again later.
//! Holds: per stream, the windows under way; their memory is admitted by a [`Budget`] and stays so until the
//! consumer drops the last slice of it.
//! Invariants: what comes out is exactly the bytes asked for; after an error nothing comes out any more.
//! Units: blocks are counted from the beginning of their blob.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::stream::{FuturesOrdered, StreamExt};
use meta::extent::PieceSlice;
use meta::id::{BlobId, TableId};
use meta::record::{Extent, Piece};
use meta::table::{BLOCK_LEN, PAGE_BLOCKS, TablePage};
use protocol::crc::crc64nvme;

use super::table::{TableCache, TableLoadError};
use crate::budget::{Budget, PATIENCE, Permit};
use crate::disk::{ALIGN, Block, Disk, DiskError, READ_LEN_MAX};
use crate::seam::{Clock, Local};

/// How many blocks one read spans at most.
const WINDOW_BLOCKS: u64 = 8;

/// How many windows of one stream are under way at a time, if the budget allows.
const WINDOWS_MAX: usize = 4;

const BLOCK: u64 = BLOCK_LEN as u64;

const _: () = assert!(WINDOW_BLOCKS * BLOCK <= READ_LEN_MAX as u64);
const _: () = assert!(BLOCK.is_multiple_of(ALIGN as u64));

/// What reading needs, one of each per shard and kind of stream.
#[derive(Clone)]
pub struct ReadPath {
    /// Where the blobs are.
    pub disk: Rc<dyn Disk>,
    /// The fingerprints to verify them by.
    pub tables: Rc<TableCache>,
    /// To give way between blocks.
    pub clock: Rc<dyn Clock>,
    /// What the streams may hold.
    pub budget: Budget,
}

/// Why bytes cannot be handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// The bytes of a block are not those that were written.
    Corrupt {
        /// The blob.
        blob: BlobId,
        /// The block within it.
        block: u64,
    },
    /// The bytes of an inline piece are not those that were stored.
    CorruptInline,
    /// The block table contradicts the record that points at it.
    Contradiction {
        /// The blob.
        blob: BlobId,
        /// The block within it that has no fingerprint, or is too short.
        block: u64,
    },
    /// The disk failed. A blob that is missing or too short is damage too: a record names it.
    Disk {
        /// The blob.
        blob: BlobId,
        /// What happened.
        error: DiskError,
    },
    /// The block table could not be had.
    Table {
        /// The table.
        table: TableId,
        /// The page of it.
        page: u32,
        /// What happened.
        error: TableLoadError,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { blob, block } => {
                write!(f, "block {block} of blob {blob:?} does not have its fingerprint")
            }
            Self::CorruptInline => f.write_str("an inline piece does not have its fingerprint"),
            Self::Contradiction { blob, block } => {
                write!(f, "no fingerprint for block {block} of blob {blob:?} as its record has it")
            }
            Self::Disk { blob, error } => write!(f, "blob {blob:?}: {error}"),
            Self::Table { table, page, error } => {
                write!(f, "page {page} of block table {table:?}: {error}")
            }
        }
    }
}

impl std::error::Error for ReadError {}

/// A stream of verified blocks.
pub struct BlockReader {
    path: Rc<ReadPath>,
    to_come: VecDeque<Span>,
    windows: FuturesOrdered<Local<'static, Result<Block, ReadError>>>,
    /// What each of the windows reads.
    under_way: VecDeque<Span>,
    /// What the last one that was handed out has read.
    given: Option<Span>,
}

impl BlockReader {
    /// The bytes of `slices`, in their order.
    #[must_use]
    pub fn new(path: Rc<ReadPath>, slices: Vec<PieceSlice>) -> Self {
        let to_come = slices.into_iter().map(Span::of).collect();
        let windows = FuturesOrdered::new();
        Self { path, to_come, windows, under_way: VecDeque::new(), given: None }
    }

    /// The next bytes; `None` after the last ones, and after an error.
    ///
    /// Cancel: loses nothing, it can be called again.
    pub async fn next(&mut self) -> Option<Result<Block, ReadError>> {
        let next = match self.start_windows().await {
            Ok(()) => self.windows.next().await?,
            Err(error) => Err(error),
        };
        self.given = self.under_way.pop_front();
        if next.is_err() {
            self.to_come.clear();
            self.windows.clear();
            self.under_way.clear();
            self.given = None;
        }
        Some(next)
    }

    /// Completes when others need what this stream holds, while its consumer has taken nothing for some time.
    pub fn asked_back(&self) -> impl Future<Output = ()> + 'static {
        let path = Rc::clone(&self.path);
        async move {
            path.clock.sleep(PATIENCE).await;
            path.budget.asked_back().await;
        }
    }

    /// Gives back what was read ahead, and takes back the block handed out last, which the consumer drops: the
    /// next one begins with its first byte.
    pub fn give_back(&mut self) {
        self.windows.clear();
        for span in self.under_way.drain(..).rev() {
            self.to_come.push_front(span);
        }
        if let Some(span) = self.given.take() {
            self.to_come.push_front(span);
        }
    }

    /// Starts as many windows as are allowed: the first waits for its turn, the others must be free.
    async fn start_windows(&mut self) -> Result<(), ReadError> {
        while self.windows.len() < WINDOWS_MAX
            && let Some(span) = self.to_come.front_mut()
        {
            let window: Local<'static, _> = match span {
                Span::Inline(slice) => {
                    let block = verify_inline(slice);
                    self.under_way.extend(self.to_come.pop_front());
                    Box::pin(async move { block })
                }
                Span::Extent { extent, rest } => {
                    let ReadPath { budget, tables, clock, .. } = &*self.path;
                    let blocks_max = if budget.is_scarce() { 1 } else { WINDOW_BLOCKS };
                    let window = Window::first_of(tables, extent, rest.clone(), blocks_max).await?;
                    let permit = match budget.try_take(window.read_len) {
                        None if self.windows.is_empty() => {
                            budget.asking(&**clock, budget.admit(window.read_len)).await
                        }
                        None => break,
                        Some(permit) => permit,
                    };
                    let read = rest.start..window.end();
                    self.under_way.push_back(Span::Extent { extent: *extent, rest: read });
                    rest.start = window.end();
                    if rest.is_empty() {
                        self.to_come.pop_front();
                    }
                    Box::pin(window.read(Rc::clone(&self.path), permit))
                }
            };
            self.windows.push_back(window);
        }
        Ok(())
    }
}

impl fmt::Debug for BlockReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockReader({} under way, {} to come)", self.windows.len(), self.to_come.len())
    }
}

/// Reads `slices` into memory: for the few bytes at the edges of a range.
///
/// # Errors
/// As [`BlockReader::next`].
///
/// # Panics
/// If they are more than one read takes: whatever is larger is to be streamed.
pub async fn read_to_memory(
    path: Rc<ReadPath>,
    slices: Vec<PieceSlice>,
) -> Result<Bytes, ReadError> {
    let len: u64 = slices.iter().map(PieceSlice::len).sum();
    assert!(len <= READ_LEN_MAX as u64, "what is large is streamed");
    let mut reader = BlockReader::new(path, slices);
    let mut bytes = Vec::new();
    while let Some(block) = reader.next().await {
        bytes.extend_from_slice(&block?);
    }
    assert_eq!(bytes.len() as u64, len, "exactly what was asked for");
    Ok(bytes.into())
}

/// What is still to be read of one slice.
enum Span {
    Inline(PieceSlice),
    Extent {
        extent: Extent,
        /// Counted from the beginning of the blob; never empty.
        rest: Range<u64>,
    },
}

impl Span {
    fn of(slice: PieceSlice) -> Self {
        match slice.piece {
            Piece::Inline { .. } => Self::Inline(slice),
            Piece::Extent(extent) => {
                let start = extent.offset + slice.within.start();
                Self::Extent { extent, rest: start..start + slice.within.len() }
            }
        }
    }
}

fn verify_inline(slice: &PieceSlice) -> Result<Block, ReadError> {
    let Piece::Inline { bytes, fingerprint } = &slice.piece else {
        unreachable!("a span is inline if its piece is")
    };
    if crc64nvme(bytes) != fingerprint.crc64nvme {
        return Err(ReadError::CorruptInline);
    }
    let place = |at| usize::try_from(at).expect("inline bytes are in memory");
    let range = place(slice.within.start())..place(slice.within.end());
    Ok(Block::from(bytes.slice(range)))
}

/// One read: whole blocks of a blob, what they must be, and which of their bytes are wanted.
struct Window {
    blob: BlobId,
    first_block: u64,
    blocks: Vec<Expected>,
    /// Up to the end of the last block's bytes, padded to the grid.
    read_len: usize,
    wanted: Range<usize>,
}

struct Expected {
    crc64nvme: u64,
    len: usize,
}

impl Window {
    /// The window that `rest` of a blob begins with, of `blocks_max` blocks at most.
    async fn first_of(
        tables: &TableCache,
        extent: &Extent,
        rest: Range<u64>,
        blocks_max: u64,
    ) -> Result<Self, ReadError> {
        let blob = extent.blob;
        let first_block = rest.start / BLOCK;
        let end = rest.end.min((first_block + blocks_max) * BLOCK);
        let mut blocks = Vec::new();
        let mut page: Option<(u32, Rc<TablePage>)> = None;
        for block in first_block..end.div_ceil(BLOCK) {
            let contradiction = || ReadError::Contradiction { blob, block };
            let in_table = u32::try_from(u64::from(extent.first_block) + block);
            let in_table = in_table.ok().ok_or_else(contradiction)?;
            let number = in_table / PAGE_BLOCKS;
            let page = match &page {
                Some((at_hand, page)) if *at_hand == number => page,
                _ => {
                    let loaded = tables.page(extent.table, number).await.map_err(|error| {
                        ReadError::Table { table: extent.table, page: number, error }
                    })?;
                    &page.insert((number, loaded)).1
                }
            };
            let (fingerprint, len) =
                page.block((in_table % PAGE_BLOCKS) as usize).ok_or_else(contradiction)?;
            if block * BLOCK + u64::from(len) < end.min((block + 1) * BLOCK) {
                return Err(contradiction());
            }
            blocks.push(Expected { crc64nvme: fingerprint.crc64nvme, len: len as usize });
        }
        let start = first_block * BLOCK;
        let in_window = |at: u64| usize::try_from(at - start).expect("a window is small");
        let before_last = (blocks.len() - 1) * BLOCK_LEN as usize;
        let last_len = blocks.last().map_or(0, |block| block.len);
        Ok(Self {
            blob,
            first_block,
            blocks,
            read_len: (before_last + last_len).next_multiple_of(ALIGN),
            wanted: in_window(rest.start)..in_window(end),
        })
    }

    /// Where in the blob the wanted bytes end.
    fn end(&self) -> u64 {
        self.first_block * BLOCK + self.wanted.end as u64
    }

    /// Reads it, verifies every block, and cuts out what is wanted.
    async fn read(self, path: Rc<ReadPath>, permit: Permit) -> Result<Block, ReadError> {
        let blob = self.blob;
        let read = path.disk.read(blob, self.first_block * BLOCK, self.read_len).await;
        let read = read.map_err(|error| ReadError::Disk { blob, error })?.held_under(permit);
        for (number, expected) in self.blocks.iter().enumerate() {
            let at = number * BLOCK_LEN as usize;
            if crc64nvme(&read[at..at + expected.len]) != expected.crc64nvme {
                return Err(ReadError::Corrupt { blob, block: self.first_block + number as u64 });
            }
            path.clock.pause().await;
        }
        Ok(read.slice(self.wanted))
    }
}
