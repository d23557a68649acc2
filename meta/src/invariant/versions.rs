//! Room: predicates on versions: where the latest one is, and what a key's head says of the others.

use std::collections::BTreeMap;

use protocol::name::ObjectKey;
use protocol::versioning::Versioning;

use super::census::{Census, VersionPlace};
use crate::id::BucketId;
use crate::record::{VersionHead, VersionRecord};

/// Of each key the newest version is the latest one: among the objects if it is data, and what its head says if it is a
/// delete marker. Else a reader would be given what is older, or what was deleted.
pub(super) fn the_newest_version_is_the_latest(census: &Census) -> Vec<String> {
    let mut found = Vec::new();
    for ((bucket, key), newest) in newest_apart(census) {
        let place = || format!("{key:?} of bucket {bucket}");
        let object = census.objects.get(&(bucket, key.clone())).map(|object| object.generation);
        match (object, newest) {
            (None, VersionRecord::Marker(_)) => {}
            (None, VersionRecord::Object(newest)) => {
                let newest = newest.generation;
                found.push(format!("{}: version {newest}, its latest, lies apart", place()));
            }
            (Some(object), newest) if object > newest.generation() => {}
            (Some(object), newest) => {
                let newest = newest.generation();
                found.push(format!("{}: version {newest} lies behind {object}", place()));
            }
        }
    }
    found
}

/// A key's head counts the versions that lie apart from the objects, and names the latest if it is a delete marker, and
/// the null version if it is among them: else a version could not be found, or not be deleted.
pub(super) fn heads_say_what_there_is(census: &Census) -> Vec<String> {
    let mut there: BTreeMap<(BucketId, &ObjectKey), VersionHead> = BTreeMap::new();
    for ((bucket, key, generation), version) in &census.versions {
        let head = there.entry((*bucket, key)).or_default();
        head.versions += 1;
        if version.is_null() {
            head.null = Some(*generation);
        }
    }
    for ((bucket, key), newest) in newest_apart(census) {
        if let VersionRecord::Marker(marker) = newest
            && !census.objects.contains_key(&(bucket, key.clone()))
            && let Some(head) = there.get_mut(&(bucket, key))
        {
            head.marker = Some(marker.generation);
        }
    }
    let mut found = Vec::new();
    for ((bucket, key), head) in &census.version_heads {
        match there.remove(&(*bucket, key)) {
            Some(there) if there == *head => {}
            there => found.push(format!("{key:?} of bucket {bucket}: {head:?}, not {there:?}")),
        }
    }
    let headless = there.into_iter();
    found.extend(headless.map(|((bucket, key), there)| {
        format!("{key:?} of bucket {bucket} has no head that says {there:?}")
    }));
    found
}

/// A key has one null version at most, or one of them could not be asked for. In a bucket that never had versions there
/// is nothing else.
pub(super) fn null_versions_are_single(census: &Census) -> Vec<String> {
    let mut nulls: BTreeMap<(BucketId, &ObjectKey), u64> = BTreeMap::new();
    let objects = census.objects.iter().filter(|(_, object)| object.null);
    let apart = census.versions.iter().filter(|(_, version)| version.is_null());
    let places = objects.map(|((bucket, key), _)| (*bucket, key));
    for place in places.chain(apart.map(|((bucket, key, _), _)| (*bucket, key))) {
        *nulls.entry(place).or_default() += 1;
    }
    let several = nulls.into_iter().filter(|(_, nulls)| *nulls > 1);
    let several = several.map(|((bucket, key), nulls)| {
        format!("{key:?} of bucket {bucket} has {nulls} null versions")
    });
    let plain = |bucket: &BucketId| census.buckets.get(bucket) == Some(&Versioning::Unversioned);
    let numbered = census.objects.iter().filter(|(_, object)| !object.null);
    let numbered = numbered.map(|((bucket, key), _)| (bucket, key));
    let apart = census.versions.keys().map(|(bucket, key, _)| (bucket, key));
    let strange = numbered.chain(apart).filter(|(bucket, _)| plain(bucket));
    let strange = strange.map(|(bucket, key)| {
        format!("{key:?} has a version, and its bucket {bucket} never had any")
    });
    several.chain(strange).collect()
}

/// The newest version of each key that has any apart from the objects.
fn newest_apart(census: &Census) -> impl Iterator<Item = ((BucketId, &ObjectKey), &VersionRecord)> {
    let mut versions = census.versions.iter().peekable();
    std::iter::from_fn(move || {
        loop {
            let ((bucket, key, _), version) = versions.next()?;
            let same = |((other, name, _), _): &(&VersionPlace, _)| (other, name) == (bucket, key);
            if !versions.peek().is_some_and(same) {
                return Some(((*bucket, key), version));
            }
        }
    })
}
