//! Room: commands on objects.

use super::bucket::{more, one_less};
use super::{Round, Stop};
use crate::command::{
    DeleteObject, DeleteTags, NewObject, PutObject, PutTags, Refusal, Reply, WriteCond,
};
use crate::id::{BucketId, Generation};
use crate::key;
use crate::record::{Content, ObjectRecord, Owner};
use crate::store::Space;
use protocol::name::{ObjectKey, UploadId};
use protocol::tagging::TagSet;

impl Round<'_> {
    pub(super) fn put_object(&mut self, command: PutObject) -> Result<Reply, Stop> {
        let PutObject { bucket, key, condition, object, pieces, blobs } = command;
        self.bucket_counters(bucket)?;
        let old = self.read(Space::Objects, &key::object(bucket, &key))?;
        check(&condition, old.as_ref())?;
        let owner = Owner::Object { bucket, key: key.clone() };
        // First what goes: the new pieces may name the same blobs, and the owner is the same.
        self.vacate(&owner, bucket, old.as_ref())?;
        let content = Content::Pieces(self.adopt(&owner, pieces, blobs, object.len)?);
        Ok(self.write_object(bucket, &key, object, content, None))
    }

    /// S3: DeleteObject of a key that names nothing succeeds.
    pub(super) fn delete_object(&mut self, command: &DeleteObject) -> Result<Reply, Stop> {
        let mut counters = self.bucket_counters(command.bucket)?;
        let at = key::object(command.bucket, &command.key);
        let Some(old) = self.read::<ObjectRecord>(Space::Objects, &at)? else {
            return Ok(Reply::ObjectDeleted { existed: false });
        };
        self.remove(Space::Objects, at);
        let owner = Owner::Object { bucket: command.bucket, key: command.key.clone() };
        self.discard_content(&owner, &old.content);
        one_less(&mut counters.objects, "objects of a bucket")?;
        self.set_bucket_counters(command.bucket, counters);
        Ok(Reply::ObjectDeleted { existed: true })
    }

    pub(super) fn put_tags(&mut self, command: PutTags) -> Result<Reply, Stop> {
        let PutTags { bucket, key, expected, tags } = command;
        self.change_tags(bucket, &key, expected, tags)
    }

    pub(super) fn delete_tags(&mut self, command: DeleteTags) -> Result<Reply, Stop> {
        let DeleteTags { bucket, key, expected } = command;
        self.change_tags(bucket, &key, expected, TagSet::default())
    }

    /// Makes room for an object: lets go of the bytes of the `old` one, or counts one more.
    pub(super) fn vacate(
        &mut self,
        owner: &Owner,
        bucket: BucketId,
        old: Option<&ObjectRecord>,
    ) -> Result<(), Stop> {
        match old {
            Some(old) => self.discard_content(owner, &old.content),
            None => {
                let mut counters = self.bucket_counters(bucket)?;
                more(&mut counters.objects, 1, "objects of a bucket")?;
                self.set_bucket_counters(bucket, counters);
            }
        }
        Ok(())
    }

    /// Stores an object where there is room for it.
    pub(super) fn write_object(
        &mut self,
        bucket: BucketId,
        key: &ObjectKey,
        object: NewObject,
        content: Content,
        upload: Option<UploadId>,
    ) -> Reply {
        let generation = self.next_generation();
        let NewObject { modified, len, etag, md5, fingerprint, checksum, metadata, tags } = object;
        let record = ObjectRecord {
            generation,
            modified,
            len,
            etag,
            md5,
            fingerprint,
            checksum,
            upload,
            metadata,
            tags,
            content,
        };
        self.write(Space::Objects, key::object(bucket, key), &record);
        Reply::ObjectPut { generation }
    }

    fn change_tags(
        &mut self,
        bucket: BucketId,
        key: &ObjectKey,
        expected: Option<Generation>,
        tags: TagSet,
    ) -> Result<Reply, Stop> {
        self.bucket_counters(bucket)?;
        let at = key::object(bucket, key);
        let record: Option<ObjectRecord> = self.read(Space::Objects, &at)?;
        let mut record = record.ok_or(Refusal::NoSuchKey)?;
        if expected.is_some_and(|expected| expected != record.generation) {
            return Err(Refusal::ObjectChanged.into());
        }
        record.tags = tags;
        self.write(Space::Objects, at, &record);
        Ok(Reply::Done)
    }
}

/// S3: PutObject, If-Match and If-None-Match.
pub(super) fn check(condition: &WriteCond, now: Option<&ObjectRecord>) -> Result<(), Refusal> {
    match (condition, now) {
        (WriteCond::None, _) | (WriteCond::Absent, None) => Ok(()),
        (WriteCond::Absent, Some(_)) => Err(Refusal::ConditionFailed),
        (WriteCond::Matches(_), None) => Err(Refusal::NoSuchKey),
        (WriteCond::Matches(etag), Some(now)) if *etag == now.etag => Ok(()),
        (WriteCond::Matches(_), Some(_)) => Err(Refusal::ConditionFailed),
    }
}
