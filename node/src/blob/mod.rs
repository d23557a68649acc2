//! Room: blobs as streams of bytes: written, taken over in whole blocks, and read back verified.
//!
//! May touch: the `Disk` seam, the buffers, block tables. Must not: know buckets, keys or S3.
//! Invariants: no byte leaves here unverified. Whoever reserved a blob's id unlinks its file if nobody came to
//! name it: nothing here does.

pub mod blocks;
pub mod read;
pub mod table;
#[cfg(test)]
mod tests;
pub mod write;

use meta::command::NewBlob;
use meta::record::Extent;

pub use self::read::{BlockReader, ReadError, ReadPath};
pub use self::table::{TableCache, TableLoadError, TableSource};
pub use self::write::BlobWriter;
use crate::disk::Unsynced;

/// A new blob, complete and not durable yet, and what the records shall say of it.
#[derive(Debug)]
pub struct Written {
    /// What the flush stage makes durable.
    pub unsynced: Unsynced,
    /// The blob's record to be.
    pub blob: NewBlob,
    /// The bytes that were written, as a piece of a part.
    pub extent: Extent,
}
