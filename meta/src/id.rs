//! Room: identifiers. Each is a number that is handed out once and never used again.
//!
//! Invariants: a number once committed in the store's counters is never handed out a second time, so whatever is
//! cached under an identifier stays true for as long as the identifier is known.

use std::fmt;

/// How many blobs one folder holds: a blob's number is its folder's number followed by this many slots.
pub const FOLDER_SLOTS: u16 = 1 << FOLDER_BITS;

const FOLDER_BITS: u32 = 12;

macro_rules! identifier {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(u64);

        impl $name {
            /// The identifier with this number.
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// The number.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )*};
}

identifier! {
    /// One blob file. Its upper bits are the folder that holds it.
    BlobId;
    /// One folder of blob files, leased to a shard as a whole.
    FolderId;
    /// One block table. It has the number of the blob whose writing made it.
    TableId;
    /// One bucket, whatever its name. A bucket that is deleted and created again has another number.
    BucketId;
    /// One manifest: the parts of an upload and later of the object made of it; also a long list of pieces.
    ManifestId;
    /// One commit round. Each round has a higher number than all before it.
    Sequence;
    /// One state of an object, a part or an upload. Each change of it takes a higher number.
    Generation;
}

impl BlobId {
    /// The blob in `slot` of `folder`.
    ///
    /// # Panics
    /// If `slot` is not below [`FOLDER_SLOTS`].
    pub const fn in_folder(folder: FolderId, slot: u16) -> Self {
        assert!(slot < FOLDER_SLOTS, "a folder has 4,096 slots");
        Self((folder.0 << FOLDER_BITS) | slot as u64)
    }

    /// The folder that holds the file.
    pub const fn folder(self) -> FolderId {
        FolderId(self.0 >> FOLDER_BITS)
    }

    /// The place in the folder, below [`FOLDER_SLOTS`].
    #[expect(clippy::cast_possible_truncation, reason = "masked to 12 bits")]
    pub const fn slot(self) -> u16 {
        (self.0 & (FOLDER_SLOTS as u64 - 1)) as u16
    }
}

impl TableId {
    /// The table of the bytes that were written into `blob`.
    pub const fn of(blob: BlobId) -> Self {
        Self(blob.0)
    }
}

impl Sequence {
    /// The round after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_knows_its_folder_and_slot() {
        let blob = BlobId::in_folder(FolderId::new(5), 4095);
        assert_eq!((blob.get(), blob.folder(), blob.slot()), (0x5fff, FolderId::new(5), 4095));
    }

    #[test]
    #[should_panic(expected = "4,096 slots")]
    fn a_slot_beyond_the_folder_is_a_mistake() {
        let _ = BlobId::in_folder(FolderId::new(5), 4096);
    }
}
