//! Room: commands that change what is kept with a version and leave its bytes alone: tags, and locks.

use protocol::lock::Locked;
use protocol::name::{ObjectKey, VersionId};
use protocol::tagging::TagSet;
use protocol::versioning::Versioning;

use super::{Round, Stop};
use crate::command::{DeleteTags, PutTags, Refusal, Reply, SetLock};
use crate::id::{BucketId, Generation};
use crate::key;
use crate::record::{ObjectRecord, VersionRecord};
use crate::store::Space;

impl Round<'_> {
    pub(super) fn put_tags(&mut self, command: PutTags) -> Result<Reply, Stop> {
        let PutTags { bucket, key, version, expected, tags } = command;
        self.change_tags(bucket, &key, version, expected, tags)
    }

    pub(super) fn delete_tags(&mut self, command: DeleteTags) -> Result<Reply, Stop> {
        let DeleteTags { bucket, key, version, expected } = command;
        self.change_tags(bucket, &key, version, expected, TagSet::default())
    }

    fn change_tags(
        &mut self,
        bucket: BucketId,
        key: &ObjectKey,
        version: Option<VersionId>,
        expected: Option<Generation>,
        tags: TagSet,
    ) -> Result<Reply, Stop> {
        let changed = self.change(bucket, key, version, |object| with_tags(object, expected, tags));
        Ok(Reply::TagsPut { version: changed? })
    }

    pub(super) fn set_lock(&mut self, command: SetLock) -> Result<Reply, Stop> {
        let SetLock { bucket, key, version, change, bypass, now } = command;
        let changed = self.change(bucket, &key, version, |object| {
            let lock = object.lock.change(change, bypass, now).map_err(|Locked| Refusal::Locked)?;
            Ok(ObjectRecord { lock, ..object })
        });
        Ok(Reply::LockSet { version: changed? })
    }

    /// Stores what `change` makes of a version of data, and says which one it is, if the bucket has versions.
    fn change(
        &mut self,
        bucket: BucketId,
        key: &ObjectKey,
        version: Option<VersionId>,
        change: impl FnOnce(ObjectRecord) -> Result<ObjectRecord, Refusal>,
    ) -> Result<Option<VersionId>, Stop> {
        let versioning = self.bucket_counters(bucket)?.versioning;
        let at = key::object(bucket, key);
        let latest: Option<ObjectRecord> = self.read(Space::Objects, &at)?;
        let asked = |object: &ObjectRecord| version.is_none_or(|asked| asked == object.version());
        let changed = if let Some(latest) = latest.filter(asked) {
            let changed = change(latest)?;
            self.write(Space::Objects, at, &changed);
            changed
        } else {
            let changed = change(self.meant_apart(bucket, key, version)?)?;
            let at = key::version(bucket, key, changed.generation);
            self.write(Space::Versions, at, &VersionRecord::Object(changed.clone()));
            changed
        };
        Ok((versioning != Versioning::Unversioned).then(|| changed.version()))
    }

    /// The version that is meant, if it is not data that is the latest.
    fn meant_apart(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        version: Option<VersionId>,
    ) -> Result<ObjectRecord, Stop> {
        let head = self.version_head(bucket, key)?;
        let Some(version) = version else {
            let marker = head.marker.ok_or(Refusal::NoSuchKey)?;
            let null = head.null == Some(marker);
            let version = if null { VersionId::Null } else { VersionId::Number(marker.get()) };
            return Err(Refusal::DeleteMarker { version }.into());
        };
        match self.find_version(bucket, key, &head, version)? {
            None => Err(Refusal::NoSuchVersion.into()),
            Some(VersionRecord::Object(object)) => Ok(object),
            Some(VersionRecord::Marker(_)) => Err(Refusal::DeleteMarker { version }.into()),
        }
    }
}

/// The same version with other tags.
fn with_tags(
    object: ObjectRecord,
    expected: Option<Generation>,
    tags: TagSet,
) -> Result<ObjectRecord, Refusal> {
    if expected.is_some_and(|expected| expected != object.generation) {
        return Err(Refusal::ObjectChanged);
    }
    Ok(ObjectRecord { tags, ..object })
}
