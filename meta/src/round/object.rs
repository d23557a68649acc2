//! Room: commands on objects.

use super::{Round, Stop};
use crate::command::{
    DELETE_KEYS_MAX, DeleteCond, DeleteKey, DeleteObject, DeleteObjects, Deleted, NewContent,
    NotDeleted, PutObject, Refusal, Reply, WriteCond,
};
use crate::id::BucketId;
use crate::record::{Content, ObjectRecord};
use crate::store::StoreError;
use protocol::time::Timestamp;

impl Round<'_> {
    pub(super) fn put_object(&mut self, command: PutObject) -> Result<Reply, Stop> {
        let PutObject { bucket, key, condition, object, content } = command;
        let mut chain = self.open_chain(bucket, key)?;
        check(&condition, chain.latest.as_ref())?;
        self.make_room(&mut chain)?;
        let content = match content {
            NewContent::Pieces { pieces, blobs } => {
                Content::Pieces(self.adopt(&chain.owner(), pieces, blobs, object.len)?)
            }
            NewContent::SameParts(manifest) => {
                self.share_manifest(&manifest)?;
                Content::Copied(manifest)
            }
        };
        Ok(self.write_latest(chain, object, content, None)?)
    }

    pub(super) fn delete_object(&mut self, command: DeleteObject) -> Result<Reply, Stop> {
        let DeleteObject { bucket, key, version, condition, bypass, modified } = command;
        let wanted = DeleteKey { key, version, condition, bypass };
        Ok(Reply::ObjectDeleted(self.delete_key(bucket, wanted, modified)?))
    }

    pub(super) fn delete_objects(&mut self, command: DeleteObjects) -> Result<Reply, Stop> {
        let DeleteObjects { bucket, keys, modified } = command;
        assert!(keys.len() <= DELETE_KEYS_MAX, "a delete holds no round up for long");
        self.bucket_counters(bucket)?;
        let mut verdicts = Vec::with_capacity(keys.len());
        for wanted in keys {
            let numbers = self.numbers;
            let verdict = match self.delete_key(bucket, wanted, modified) {
                Ok(deleted) => Ok(deleted),
                Err(Stop::Refused(refusal)) => Err(NotDeleted::Refused(refusal)),
                Err(Stop::Store(StoreError::Corrupt(text))) => Err(NotDeleted::Damaged(text)),
                Err(failed @ Stop::Store(StoreError::Failed(_))) => return Err(failed),
            };
            // Each key is as if it had come alone: the others stay as they are.
            match verdict {
                Ok(_) => self.overlay.absorb(&mut self.staged),
                Err(_) => {
                    self.staged.clear();
                    self.numbers = numbers;
                }
            }
            verdicts.push(verdict);
        }
        Ok(Reply::ObjectsDeleted(verdicts))
    }

    fn delete_key(
        &mut self,
        bucket: BucketId,
        wanted: DeleteKey,
        modified: Timestamp,
    ) -> Result<Deleted, Stop> {
        let DeleteKey { key, version, condition, bypass } = wanted;
        let chain = self.open_chain(bucket, key)?;
        check_delete(&condition, chain.latest.as_ref())?;
        self.delete_from(chain, version, bypass, modified)
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
