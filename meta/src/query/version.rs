//! Room: questions about one version of a key.
//!
//! Look-ups only, so that memory alone may answer them. A version changes its place when it becomes the latest or
//! ceases to be; a look that finds it in neither place looks again.

use bytes::Bytes;
use protocol::name::{ObjectKey, UploadId, VersionId};
use protocol::versioning::Versioning;

use super::{bucket_counters, object, read};
use crate::id::{BucketId, Generation};
use crate::key;
use crate::record::{MarkerRecord, ObjectRecord, Record, VersionHead, VersionRecord};
use crate::store::{Space, Store, StoreError, Visit};

/// What a key names, or one version of it.
#[expect(clippy::large_enum_variant, reason = "few are held at a time, and most are data")]
#[derive(Debug, Clone, PartialEq)]
pub enum Named {
    /// Data.
    Object(ObjectRecord),
    /// A delete marker.
    Marker(MarkerRecord),
    /// Nothing.
    Nothing,
}

/// A version of a key; without one, the latest.
pub fn version(
    store: &dyn Store,
    bucket: BucketId,
    key: &ObjectKey,
    version: Option<VersionId>,
) -> Result<Named, StoreError> {
    let asked = |object: &ObjectRecord| version.is_none_or(|asked| asked == object.version());
    let mut latest = object(store, bucket, key)?;
    for _ in 0..LOOKS_MAX {
        let seen = latest.as_ref().map(|latest| latest.generation);
        if let Some(found) = latest.filter(asked) {
            return Ok(Named::Object(found));
        }
        let stands = match apart(store, bucket, key, version)? {
            Apart::Found(found) => return Ok(found),
            Apart::Nothing => true,
            Apart::Moved => false,
        };
        latest = object(store, bucket, key)?;
        if stands && latest.as_ref().map(|latest| latest.generation) == seen {
            return Ok(Named::Nothing);
        }
    }
    let what = format!("versions of {key:?} do not stand still, or are named and missing");
    Err(StoreError::Corrupt(what))
}

/// What is found of a version apart from the objects.
#[expect(clippy::large_enum_variant, reason = "few are held at a time, and most are data")]
enum Apart {
    Found(Named),
    Nothing,
    /// The key's head named one that was gone at the next look, as when another null version takes its place.
    Moved,
}

/// The same, where it lies apart from the objects.
fn apart(
    store: &dyn Store,
    bucket: BucketId,
    key: &ObjectKey,
    version: Option<VersionId>,
) -> Result<Apart, StoreError> {
    let head = || -> Result<Option<VersionHead>, StoreError> {
        read(store, Space::Versions, &key::version_head(bucket, key))
    };
    let generation = match version {
        None => head()?.and_then(|head| head.marker),
        Some(VersionId::Null) => head()?.and_then(|head| head.null),
        Some(VersionId::Number(number)) => Some(Generation::new(number)),
    };
    let Some(generation) = generation else { return Ok(Apart::Nothing) };
    let found: Option<VersionRecord> =
        read(store, Space::Versions, &key::version(bucket, key, generation))?;
    let found = found.filter(|found| version.is_none_or(|asked| asked == found.version()));
    Ok(match (found, version) {
        (Some(VersionRecord::Object(found)), _) => Apart::Found(Named::Object(found)),
        (Some(VersionRecord::Marker(found)), _) => Apart::Found(Named::Marker(found)),
        (None, Some(VersionId::Number(_))) => Apart::Nothing,
        (None, Some(VersionId::Null) | None) => Apart::Moved,
    })
}

/// The version that was made of this upload, if it is among the `max` newest ones of its key.
pub fn made_of(
    store: &dyn Store,
    bucket: BucketId,
    key: &ObjectKey,
    upload: &UploadId,
    max: usize,
) -> Result<Option<ObjectRecord>, StoreError> {
    let made = |object: &ObjectRecord| object.upload.as_ref() == Some(upload);
    if let Some(latest) = object(store, bucket, key)?.filter(made) {
        return Ok(Some(latest));
    }
    let counters = bucket_counters(store, bucket)?;
    let there = counters.is_some_and(|counters| counters.versions > 0);
    let all = key::version_head(bucket, key);
    let (mut found, mut left) = (Ok(None), max);
    let mut visit = |at: &[u8], stored: &[u8]| {
        if left == 0 || !at.starts_with(&all) {
            return Visit::Stop;
        }
        left -= 1;
        match VersionRecord::decode(Bytes::copy_from_slice(stored)) {
            Ok(VersionRecord::Object(object)) if made(&object) => found = Ok(Some(object)),
            Ok(VersionRecord::Object(_) | VersionRecord::Marker(_)) => return Visit::Next,
            Err(error) => found = Err(error.into()),
        }
        Visit::Stop
    };
    if there {
        store.scan(Space::Versions, &key::first_version(bucket, key), &mut visit)?;
    }
    // It may have become the latest in between.
    if found == Ok(None) { Ok(object(store, bucket, key)?.filter(made)) } else { found }
}

/// Reads the records of these keys and versions, so that the round that needs them next finds them in memory: it would
/// hold up everybody while it waits for the disk. What is damaged is the round's to tell.
pub fn fetch_versions<'a>(
    store: &dyn Store,
    bucket: BucketId,
    keys: impl IntoIterator<Item = (&'a ObjectKey, Option<VersionId>)>,
) -> Result<(), StoreError> {
    let versioning = bucket_counters(store, bucket)?.map(|counters| counters.versioning);
    let fetch = |space, at: Vec<u8>| match store.get(space, &at) {
        Ok(_) | Err(StoreError::Corrupt(_)) => Ok(()),
        Err(failed @ StoreError::Failed(_)) => Err(failed),
    };
    for (key, version) in keys {
        fetch(Space::Objects, key::object(bucket, key))?;
        if versioning.is_some_and(|versioning| versioning != Versioning::Unversioned) {
            fetch(Space::Versions, key::version_head(bucket, key))?;
            if let Some(VersionId::Number(number)) = version {
                let generation = Generation::new(number);
                fetch(Space::Versions, key::version(bucket, key, generation))?;
            }
        }
    }
    Ok(())
}

/// A version is written or deleted between two looks at most so often, or the store is not what it says.
const LOOKS_MAX: u32 = 100;
