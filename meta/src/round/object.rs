//! Room: commands on objects.

use super::bucket::{less, more};
use super::{Round, Stop};
use crate::command::{
    DELETE_KEYS_MAX, DeleteCond, DeleteObject, DeleteObjects, DeleteTags, NewContent, NewObject,
    NotDeleted, PutObject, PutTags, Refusal, Reply, WriteCond,
};
use crate::id::{BucketId, Generation};
use crate::key;
use crate::record::{Content, ObjectRecord, Owner};
use crate::store::{Space, StoreError};
use protocol::name::{ObjectKey, UploadId};
use protocol::tagging::TagSet;

impl Round<'_> {
    pub(super) fn put_object(&mut self, command: PutObject) -> Result<Reply, Stop> {
        let PutObject { bucket, key, condition, object, content } = command;
        self.bucket_counters(bucket)?;
        let old = self.read(Space::Objects, &key::object(bucket, &key))?;
        check(&condition, old.as_ref())?;
        let owner = Owner::Object { bucket, key: key.clone() };
        // First what goes: the new pieces may name the same blobs, and the owner is the same.
        self.vacate(&owner, bucket, old.as_ref())?;
        let content = match content {
            NewContent::Pieces { pieces, blobs } => {
                Content::Pieces(self.adopt(&owner, pieces, blobs, object.len)?)
            }
            NewContent::SameParts(manifest) => {
                self.share_manifest(&manifest)?;
                Content::Copied(manifest)
            }
        };
        Ok(self.write_object(bucket, &key, object, content, None))
    }

    pub(super) fn delete_object(&mut self, command: DeleteObject) -> Result<Reply, Stop> {
        let DeleteObject { bucket, key, condition } = command;
        self.bucket_counters(bucket)?;
        let existed = self.take_key(bucket, key, &condition)?;
        self.count_deleted(bucket, u64::from(existed))?;
        Ok(Reply::ObjectDeleted { existed })
    }

    pub(super) fn delete_objects(&mut self, command: DeleteObjects) -> Result<Reply, Stop> {
        let DeleteObjects { bucket, keys } = command;
        assert!(keys.len() <= DELETE_KEYS_MAX, "a delete holds no round up for long");
        self.bucket_counters(bucket)?;
        let (mut verdicts, mut gone) = (Vec::with_capacity(keys.len()), 0_u64);
        for (key, condition) in keys {
            let verdict = match self.take_key(bucket, key, &condition) {
                Ok(existed) => {
                    gone += u64::from(existed);
                    Ok(())
                }
                Err(Stop::Refused(refusal)) => Err(NotDeleted::Refused(refusal)),
                Err(Stop::Store(StoreError::Corrupt(text))) => Err(NotDeleted::Damaged(text)),
                Err(failed @ Stop::Store(StoreError::Failed(_))) => return Err(failed),
            };
            verdicts.push(verdict);
        }
        self.count_deleted(bucket, gone)?;
        Ok(Reply::ObjectsDeleted(verdicts))
    }

    /// Takes a key away and says whether it named anything; the bucket's count is still to be changed. A failure
    /// comes before the first change.
    fn take_key(
        &mut self,
        bucket: BucketId,
        key: ObjectKey,
        condition: &DeleteCond,
    ) -> Result<bool, Stop> {
        let at = key::object(bucket, &key);
        let old: Option<ObjectRecord> = self.read(Space::Objects, &at)?;
        check_delete(condition, old.as_ref())?;
        // S3: DeleteObject of a key that names nothing succeeds.
        let Some(old) = old else { return Ok(false) };
        self.remove(Space::Objects, at);
        self.discard_content(&Owner::Object { bucket, key }, &old.content);
        Ok(true)
    }

    fn count_deleted(&mut self, bucket: BucketId, gone: u64) -> Result<(), Stop> {
        if gone > 0 {
            let mut counters = self.bucket_counters(bucket)?;
            less(&mut counters.objects, gone, "objects of a bucket")?;
            self.set_bucket_counters(bucket, counters);
        }
        Ok(())
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

/// S3: DeleteObject, If-Match.
fn check_delete(condition: &DeleteCond, now: Option<&ObjectRecord>) -> Result<(), Refusal> {
    match (condition, now) {
        (DeleteCond::None, _) | (DeleteCond::Exists, Some(_)) => Ok(()),
        (DeleteCond::Exists, None) => Err(Refusal::ConditionFailed),
        (DeleteCond::Matches(_), None) => Err(Refusal::NoSuchKey),
        (DeleteCond::Matches(etag), Some(now)) if *etag == now.etag => Ok(()),
        (DeleteCond::Matches(_), Some(_)) => Err(Refusal::ConditionFailed),
    }
}
