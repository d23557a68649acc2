//! Room: which stored records name a blob: what a rewrite of the blob has to change.

use protocol::name::ObjectKey;
use protocol::part::PartNumber;

use crate::codec::{DecodeError, Reader, Record, Writer};
use crate::id::{BucketId, Generation, ManifestId};

/// A stored record that holds pieces itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Owner {
    /// The latest version of a key, put as one, with a short list.
    Object {
        /// Its bucket.
        bucket: BucketId,
        /// Its key.
        key: ObjectKey,
    },
    /// A version that is not the latest of its key, put as one, with a short list.
    Version {
        /// Its bucket.
        bucket: BucketId,
        /// Its key.
        key: ObjectKey,
        /// Which version.
        generation: Generation,
    },
    /// A part with a short list: of an upload, of an object, or of neither any more.
    Part {
        /// Where it is.
        manifest: ManifestId,
        /// Its number.
        number: PartNumber,
    },
    /// One page of a long list, whosever it is.
    Page {
        /// The list.
        list: ManifestId,
        /// The page.
        page: u32,
    },
}

/// Says that an owner names a blob; both are in the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnerMark;

impl Record for OwnerMark {
    const NAME: &'static str = "mark of an owner";

    fn write(&self, _: &mut Writer) {}

    fn read(_: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self)
    }
}
