//! Room: a new blob from a range of another one, without moving bytes.
//!
//! A file system clones on its own grid only, and block tables know blocks of 64 KiB only. So the clone takes the
//! whole blocks around the range, and the extent's offset skips what is too much in front: any range can be
//! cloned. What is cloned too much is the slack.

use std::rc::Rc;

use meta::command::{NewBlob, NewTable};
use meta::id::BlobId;
use meta::record::Extent;
use meta::table::BLOCK_LEN;
use protocol::range::ByteRange;

use super::Written;
use crate::disk::{Disk, DiskError};

/// The whole blocks around `range` in a blob of `blob_len` bytes (padding included).
#[must_use]
pub fn outer_range(range: ByteRange, blob_len: u64) -> ByteRange {
    let block = u64::from(BLOCK_LEN);
    let start = range.start() / block * block;
    let end = range.end().next_multiple_of(block).min(blob_len);
    ByteRange::new(start, end).expect("a range lies within its blob")
}

/// Clones the bytes of `source`, an extent of a blob of `blob_len` bytes (padding included), as blob `target`.
///
/// # Errors
/// As [`Disk::clone_range`]; then there is no new blob. Cancel: as there, the new blob may come to be.
pub async fn clone(
    disk: &Rc<dyn Disk>,
    source: Extent,
    blob_len: u64,
    target: BlobId,
) -> Result<Written, DiskError> {
    let inner = ByteRange::new(source.offset, source.offset + source.len).expect("ascending");
    let outer = outer_range(inner, blob_len);
    let cloned = disk.clone_range(source.blob, outer, target).await;
    let skipped = u32::try_from(outer.start() / u64::from(BLOCK_LEN));
    let first_block = source.first_block + skipped.expect("a table numbers its blocks in 32 bits");
    let table = NewTable::Cloned { table: source.table, first_block };
    let offset = source.offset - outer.start();
    Ok(Written {
        unsynced: cloned?,
        blob: NewBlob { id: target, len: outer.len(), table },
        extent: Extent { blob: target, offset, first_block, ..source },
    })
}
