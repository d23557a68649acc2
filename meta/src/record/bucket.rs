//! Room: buckets: what is known of one by its name, and how much is in it; the keys of it that have open uploads.

use protocol::name::AccountId;
use protocol::time::Timestamp;
use protocol::versioning::Versioning;

use super::ConfigKind;
use crate::codec::{DecodeError, Reader, Record, Writer};
use crate::id::{BucketId, Generation};

/// What a bucket's name stands for. While the bucket lives, only its settings change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BucketRecord {
    /// Its identifier, under which its objects and uploads are kept.
    pub id: BucketId,
    /// When it was made.
    pub created: Timestamp,
    /// Whose it is.
    pub owner: AccountId,
    /// Whether its keys have versions.
    pub versioning: Versioning,
    /// Which configurations it has, ascending, and which writing of each.
    pub configs: Vec<(ConfigKind, Generation)>,
}

impl BucketRecord {
    /// Which writing of this configuration the bucket has; `None` if it has none.
    pub fn config(&self, kind: ConfigKind) -> Option<Generation> {
        self.configs.iter().find(|(have, _)| *have == kind).map(|(_, generation)| *generation)
    }
}

impl Record for BucketRecord {
    const NAME: &'static str = "bucket record";

    fn write(&self, to: &mut Writer) {
        to.u64(self.id.get());
        to.time(self.created);
        to.text(self.owner.as_str());
        to.versioning(self.versioning);
        to.list(&self.configs, |to, (kind, generation)| {
            to.u8(*kind as u8);
            to.u64(generation.get());
        });
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        let record = Self {
            id: BucketId::new(from.u64("id")?),
            created: from.time("created")?,
            owner: from.account_id()?,
            versioning: from.versioning()?,
            configs: from.list("configurations", |from| {
                let kind = ConfigKind::from_number(from.u8("kind")?);
                let kind = kind.ok_or_else(|| from.malformed("kind"))?;
                Ok((kind, Generation::new(from.u64("generation")?)))
            })?,
        };
        let ascends = record.configs.is_sorted_by(|(one, _), (next, _)| one < next);
        if ascends { Ok(record) } else { Err(from.malformed("configurations")) }
    }
}

/// How much is in a bucket. It exists exactly as long as the bucket.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct BucketCounters {
    /// Objects: keys whose latest version is data.
    pub objects: u64,
    /// All other versions, and delete markers.
    pub versions: u64,
    /// Open uploads.
    pub uploads: u64,
    /// Whether its keys have versions, as its [`BucketRecord`] says, too.
    pub versioning: Versioning,
}

impl Record for BucketCounters {
    const NAME: &'static str = "counters of a bucket";

    fn write(&self, to: &mut Writer) {
        to.u64(self.objects);
        to.u64(self.versions);
        to.u64(self.uploads);
        to.versioning(self.versioning);
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            objects: from.u64("objects")?,
            versions: from.u64("versions")?,
            uploads: from.u64("uploads")?,
            versioning: from.versioning()?,
        })
    }
}

/// A key that has open uploads: whether it was written or deleted while they were open.
/// It exists exactly as long as the key has any.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct OpenKey {
    /// How many uploads are open.
    pub uploads: u64,
    /// The last generation at which the key came to name something else, or nothing.
    pub touched: Option<Generation>,
}

impl Record for OpenKey {
    const NAME: &'static str = "key with open uploads";

    fn write(&self, to: &mut Writer) {
        to.u64(self.uploads);
        to.option(self.touched, |to, touched| to.u64(touched.get()));
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            uploads: from.u64("uploads")?,
            touched: from.option("touched", |from| from.u64("touched").map(Generation::new))?,
        })
    }
}
