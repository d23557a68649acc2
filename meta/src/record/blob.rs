//! Room: blobs, heads of block tables, leases of folders.

use crate::codec::{DecodeError, Reader, Record, Writer};
use crate::fingerprint::Fingerprint;
use crate::id::TableId;

/// A blob that some record names, or named until lately.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlobRecord {
    /// How many extents of stored records name it, garbage that is not released included.
    pub refs: u64,
    /// The length of these extents together, what several of them name counted several times.
    pub named: u64,
    /// The length of its file in bytes, padding included.
    pub len: u64,
    /// The block table that describes its bytes.
    pub table: TableId,
    /// The table's block that the blob begins with.
    pub first_block: u32,
}

/// Blobs up to this length are never sparse: a rewrite would not gain what it costs.
pub const SPARSE_LEN_MIN: u64 = 256 * 1024;

impl BlobRecord {
    /// Whether it is worth asking if what is named of it should move to smaller blobs: it is held by less than a
    /// quarter of its length.
    pub fn is_sparse(&self) -> bool {
        self.refs > 0 && self.len > SPARSE_LEN_MIN && self.named < self.len / 4
    }

    /// How many of its bytes are kept although no extent names them, at least; where extents overlap, more are.
    pub fn slack(&self) -> u64 {
        self.len.saturating_sub(self.named)
    }
}

impl Record for BlobRecord {
    const NAME: &'static str = "blob record";

    fn write(&self, to: &mut Writer) {
        to.u64(self.refs);
        to.u64(self.named);
        to.u64(self.len);
        to.u64(self.table.get());
        to.u32(self.first_block);
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            refs: from.u64("references")?,
            named: from.u64("named bytes")?,
            len: from.len("length")?,
            table: TableId::new(from.u64("table")?),
            first_block: from.u32("first block")?,
        })
    }
}

/// What a block table's pages are about. The pages themselves are in `table`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TableHead {
    /// How many blobs use the table.
    pub refs: u64,
    /// The bytes that it describes, without padding.
    pub len: u64,
    /// How many pages it has.
    pub pages: u32,
    /// The fingerprint of all its bytes.
    pub fingerprint: Fingerprint,
}

impl Record for TableHead {
    const NAME: &'static str = "head of a block table";

    fn write(&self, to: &mut Writer) {
        to.u64(self.refs);
        to.u64(self.len);
        to.u32(self.pages);
        to.fingerprint(self.fingerprint);
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            refs: from.u64("references")?,
            len: from.len("length")?,
            pages: from.u32("pages")?,
            fingerprint: from.fingerprint("fingerprint")?,
        })
    }
}

/// A folder whose identifiers a shard may use. The record is gone once the lease is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaseRecord {
    /// The shard that it was given to.
    pub shard: u32,
}

impl Record for LeaseRecord {
    const NAME: &'static str = "lease record";

    fn write(&self, to: &mut Writer) {
        to.u32(self.shard);
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self { shard: from.u32("shard")? })
    }
}
