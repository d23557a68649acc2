//! Room: buckets: what never changes of one, and how much is in it.

use protocol::name::AccountId;
use protocol::time::Timestamp;

use crate::codec::{DecodeError, Reader, Record, Writer};
use crate::id::BucketId;

/// What a bucket's name stands for. Never changes while the bucket lives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BucketRecord {
    /// Its identifier, under which its objects and uploads are kept.
    pub id: BucketId,
    /// When it was made.
    pub created: Timestamp,
    /// Whose it is.
    pub owner: AccountId,
}

impl Record for BucketRecord {
    const NAME: &'static str = "bucket record";

    fn write(&self, to: &mut Writer) {
        to.u64(self.id.get());
        to.time(self.created);
        to.text(self.owner.as_str());
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            id: BucketId::new(from.u64("id")?),
            created: from.time("created")?,
            owner: from.account_id()?,
        })
    }
}

/// How much is in a bucket. It exists exactly as long as the bucket.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct BucketCounters {
    /// Objects.
    pub objects: u64,
    /// Open uploads.
    pub uploads: u64,
}

impl Record for BucketCounters {
    const NAME: &'static str = "counters of a bucket";

    fn write(&self, to: &mut Writer) {
        to.u64(self.objects);
        to.u64(self.uploads);
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self { objects: from.u64("objects")?, uploads: from.u64("uploads")? })
    }
}
