//! Room: the configurations of buckets: documents that clients put and read back.

use crate::codec::{DecodeError, Reader, Record, Writer};
use crate::id::Generation;

/// What a document configures. The numbers are stored, and are fixed for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum ConfigKind {
    /// Tags of the bucket.
    Tagging = 1,
    /// Who owns the objects that others put.
    Ownership = 2,
    /// What of public access is blocked.
    PublicAccess = 3,
    /// Which pages of other origins may use the bucket.
    Cors = 4,
    /// Which objects, versions and uploads go by themselves, and when.
    Lifecycle = 5,
    /// That versions can be locked, and for how long they are by default.
    ObjectLock = 6,
}

impl ConfigKind {
    /// Every kind, in the order of the numbers.
    pub const ALL: [Self; 6] = [
        Self::Tagging,
        Self::Ownership,
        Self::PublicAccess,
        Self::Cors,
        Self::Lifecycle,
        Self::ObjectLock,
    ];

    /// The kind of this number; `None` if there is none.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// A configuration of a bucket, whose [`BucketRecord`](super::BucketRecord) names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigRecord {
    /// Which writing of it this is: never the same for two documents.
    pub generation: Generation,
    /// The document.
    pub document: String,
}

impl Record for ConfigRecord {
    const NAME: &'static str = "configuration of a bucket";

    fn write(&self, to: &mut Writer) {
        to.u64(self.generation.get());
        to.text(&self.document);
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            generation: Generation::new(from.u64("generation")?),
            document: from.text("document")?,
        })
    }
}
