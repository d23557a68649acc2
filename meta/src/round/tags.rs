//! Room: commands on tags.

use protocol::name::{ObjectKey, VersionId};
use protocol::tagging::TagSet;
use protocol::versioning::Versioning;

use super::{Round, Stop};
use crate::command::{DeleteTags, PutTags, Refusal, Reply};
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
        let versioning = self.bucket_counters(bucket)?.versioning;
        let at = key::object(bucket, key);
        let latest: Option<ObjectRecord> = self.read(Space::Objects, &at)?;
        let asked = |object: &ObjectRecord| version.is_none_or(|asked| asked == object.version());
        let changed = if let Some(latest) = latest.filter(asked) {
            let changed = with_tags(latest, expected, tags)?;
            self.write(Space::Objects, at, &changed);
            changed
        } else {
            let apart = self.tagged_apart(bucket, key, version)?;
            let changed = with_tags(apart, expected, tags)?;
            let at = key::version(bucket, key, changed.generation);
            self.write(Space::Versions, at, &VersionRecord::Object(changed.clone()));
            changed
        };
        let version = (versioning != Versioning::Unversioned).then(|| changed.version());
        Ok(Reply::TagsPut { version })
    }

    /// The version that is meant, if it is not data that is the latest.
    fn tagged_apart(
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
