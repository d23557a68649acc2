//! Room: blobs as streams of bytes: written, cloned, and read back verified.
//!
//! May touch: the `Disk` seam, the buffers, block tables. Must not: know buckets, keys or S3.
//! Invariants: no byte leaves here unverified; a file that nobody came to name is discarded by whoever holds
//! its [`Unnamed`].

pub mod clone;
pub mod read;
pub mod table;
#[cfg(test)]
mod tests;
pub mod write;

use std::fmt;
use std::rc::Rc;

use meta::command::NewBlob;
use meta::id::BlobId;
use meta::record::Extent;

pub use self::read::{BlockReader, ReadError, ReadPath};
pub use self::table::{TableCache, TableLoadError, TableSource};
pub use self::write::BlobWriter;
use crate::disk::{Disk, Unsynced};

/// A new blob, complete and not durable yet, and what the records shall say of it.
#[derive(Debug)]
pub struct Written {
    /// What the flush stage makes durable.
    pub unsynced: Unsynced,
    /// The blob's record to be.
    pub blob: NewBlob,
    /// The bytes that were written or cloned, as a piece of a part.
    pub extent: Extent,
}

/// The duty to discard a file that nobody named: done when it is dropped, unless [`Unnamed::keep`] was called.
pub struct Unnamed {
    disk: Rc<dyn Disk>,
    blob: BlobId,
    armed: bool,
}

impl Unnamed {
    /// Takes the duty for `blob`.
    #[must_use]
    pub const fn new(disk: Rc<dyn Disk>, blob: BlobId) -> Self {
        Self { disk, blob, armed: true }
    }

    /// Somebody else has the file from here on, or there is none.
    pub fn keep(mut self) {
        self.armed = false;
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        if self.armed {
            self.disk.discard(self.blob);
        }
    }
}

impl fmt::Debug for Unnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unnamed({:?})", self.blob)
    }
}
