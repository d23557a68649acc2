//! Room: a new blob from whole blocks of another one, without a byte of them in this process.
//!
//! A file system clones on its own grid only, and block tables know blocks of 64 KiB only. So the new blob takes
//! the whole blocks around a range, and an extent's offset skips what is too much in front: any range can be
//! cloned. What is taken too much is the slack. A copy by the kernel follows the same rule: the bytes are those of
//! the source, so its table describes them, and where the file system can share the blocks after all it will.

use std::rc::Rc;

use meta::command::{NewBlob, NewTable};
use meta::id::{BlobId, TableId};
use meta::record::Extent;
use meta::table::BLOCK_LEN;
use protocol::range::ByteRange;

use crate::disk::{Disk, DiskError, KernelCopy, Unsynced};

/// Whole blocks of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks {
    /// The blob.
    pub blob: BlobId,
    /// Where they lie in it: from a multiple of [`BLOCK_LEN`] to such a multiple or the blob's padded end.
    pub range: ByteRange,
    /// The table that describes the blob.
    pub table: TableId,
    /// The block of the table that the blob (not the range) begins with.
    pub first_block: u32,
}

impl Blocks {
    /// The blocks around an extent of a blob of `blob_len` bytes (padding included); `None` if it does not lie
    /// there, or lies beyond any table: then a record is damaged.
    #[must_use]
    pub fn around(extent: &Extent, blob_len: u64) -> Option<Self> {
        let Extent { blob, offset, len, table, first_block, .. } = *extent;
        let inner = ByteRange::new(offset, offset.checked_add(len)?)?;
        Self::new(blob, outer_range(inner, blob_len)?, table, first_block)
    }

    /// Whole blocks of a blob that begins with the block `first_block` of `table`; `None` if no table numbers them.
    #[must_use]
    pub fn new(blob: BlobId, range: ByteRange, table: TableId, first_block: u32) -> Option<Self> {
        let blocks = Self { blob, range, table, first_block };
        blocks.checked_first().map(|_| blocks)
    }

    /// The block of the table that the range begins with.
    #[must_use]
    pub fn first_of_range(&self) -> u32 {
        self.checked_first().expect("a table numbers its blocks in 32 bits")
    }

    fn checked_first(&self) -> Option<u32> {
        let skipped = u32::try_from(self.range.start() / u64::from(BLOCK_LEN)).ok()?;
        self.first_block.checked_add(skipped)
    }

    /// The same bytes as `extent`, an extent inside the range, in the blob `target` that holds these blocks.
    #[must_use]
    pub fn moved(&self, extent: Extent, target: BlobId) -> Extent {
        Extent {
            blob: target,
            offset: extent.offset - self.range.start(),
            first_block: self.first_of_range(),
            ..extent
        }
    }
}

/// The whole blocks around `range` in a blob of `blob_len` bytes (padding included); `None` if it does not lie there.
#[must_use]
pub fn outer_range(range: ByteRange, blob_len: u64) -> Option<ByteRange> {
    if range.end() > blob_len {
        return None;
    }
    let block = u64::from(BLOCK_LEN);
    let start = range.start() / block * block;
    let end = range.end().next_multiple_of(block).min(blob_len);
    ByteRange::new(start, end)
}

/// What makes a blob from blocks of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// The file system shares the blocks.
    Clone,
    /// The kernel copies them.
    Copy(KernelCopy),
}

/// Makes `target` hold exactly the blocks of `source`.
///
/// # Errors
/// As [`Disk::clone_range`] and [`Disk::copy_range`]; then there is no new blob. Cancel: as there, the new blob may come to be.
pub async fn take(
    disk: &Rc<dyn Disk>,
    source: Blocks,
    means: Means,
    target: BlobId,
) -> Result<(Unsynced, NewBlob), DiskError> {
    let Blocks { blob, range, table, .. } = source;
    let taken = match means {
        Means::Clone => disk.clone_range(blob, range, target).await,
        Means::Copy(by) => disk.copy_range(blob, range, target, by).await,
    };
    let table = NewTable::Cloned { table, first_block: source.first_of_range() };
    Ok((taken?, NewBlob { id: target, len: range.len(), table }))
}
