//! Room: what the store's values say. One file per kind of thing; the bytes are in each type's [`Record`].
//!
//! Must not: know keys, rounds or the store. Invariants: each record begins with a version byte, and a version
//! that is not known is refused; golden bytes in the tests hold the layouts fast. Units: lengths and offsets in
//! bytes.

mod blob;
mod bucket;
mod config;
mod garbage;
mod object;
mod owner;
mod piece;
mod system;
mod upload;
mod version;

#[cfg(test)]
mod tests;

pub use blob::{BlobRecord, LeaseRecord, SPARSE_LEN_MIN, TableHead};
pub use bucket::{BucketCounters, BucketRecord, OpenKey};
pub use config::{ConfigKind, ConfigRecord};
pub use garbage::{GarbageRecord, Since};
pub use object::{
    Content, Manifest, ManifestEntry, ManifestNames, ManifestPage, ObjectFacts, ObjectRecord,
};
pub use owner::{Owner, OwnerMark};
pub(crate) use piece::piece_stored_len;
pub use piece::{Extent, Piece, PieceList, PiecePage};
pub(crate) use system::NUMBER_MAX;
pub use system::{Counters, SpaceTotals};
pub use upload::{PartFacts, PartRecord, UploadRecord};
pub use version::{MarkerRecord, VersionFacts, VersionHead, VersionRecord};

pub use crate::codec::{DecodeError, Record};
