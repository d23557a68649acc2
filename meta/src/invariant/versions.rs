//! Room: predicates on the versions of keys, and on keys that have open uploads.

use std::collections::BTreeMap;

use protocol::name::ObjectKey;
use protocol::versioning::Versioning;

use super::census::Census;
use crate::id::BucketId;
use crate::record::{OpenKey, VersionHead, VersionRecord};

type Place = (BucketId, ObjectKey);

/// A key's head counts its versions and names the null one and a marker that is the latest: else a delete would not find
/// what comes before, or a suspended bucket would keep two null versions. The latest version lies among the objects exactly
/// if it is data, and is newer than all others; each lies where its generation says.
pub(super) fn versions_have_their_head(census: &Census) -> Vec<String> {
    let mut heads: BTreeMap<Place, VersionHead> = BTreeMap::new();
    let mut found = Vec::new();
    let mut newest: BTreeMap<Place, &VersionRecord> = BTreeMap::new();
    for ((bucket, key, generation), version) in &census.versions {
        let place = (*bucket, key.clone());
        let named = format!("version {generation} of {key:?}");
        if version.generation() != *generation {
            found.push(format!("{named} says that it is {}", version.generation()));
        }
        let head = heads.entry(place.clone()).or_default();
        head.versions += 1;
        if version.is_null() && head.null.replace(*generation).is_some() {
            found.push(format!("{named} is a second null version"));
        }
        // They come in the order of their generations.
        newest.insert(place, version);
    }
    for (place, newest) in newest {
        let head = heads.entry(place.clone()).or_default();
        match (census.objects.get(&place), newest) {
            (None, VersionRecord::Marker(marker)) => head.marker = Some(marker.generation),
            (None, VersionRecord::Object(_)) => {
                found.push(format!("the latest version of {:?} is no object", place.1));
            }
            (Some(latest), newest) => {
                if latest.generation <= newest.generation() {
                    found.push(format!("an older version is the object {:?}", place.1));
                }
                if latest.null && head.null.is_some() {
                    found.push(format!("{:?} has two null versions", place.1));
                }
            }
        }
    }
    let all: BTreeMap<&Place, ()> =
        census.heads.keys().chain(heads.keys()).map(|at| (at, ())).collect();
    for place in all.into_keys() {
        let (stored, there) = (census.heads.get(place), heads.get(place));
        if stored != there {
            found.push(format!("{place:?}: its head is {stored:?}, must be {there:?}"));
        }
    }
    found
}

/// A bucket that never had versioning has null versions only, and only the latest of each key.
pub(super) fn buckets_without_versions_have_none(census: &Census) -> Vec<String> {
    let counters = census.bucket_counters.iter();
    let without = counters.filter(|(_, of)| of.versioning == Versioning::Unversioned);
    let mut found = Vec::new();
    for (bucket, counters) in without {
        if counters.versions > 0 {
            found.push(format!("bucket {bucket} has {} versions", counters.versions));
        }
    }
    for ((bucket, key), object) in &census.objects {
        let of = census.bucket_counters.get(bucket);
        if !object.null && of.is_some_and(|of| of.versioning == Versioning::Unversioned) {
            found.push(format!("{key:?} of bucket {bucket} has a number"));
        }
    }
    found
}

/// A key that has open uploads counts them: else a conditional completion would not hear of what was written meanwhile, or
/// nobody would ever forget the key.
pub(super) fn open_keys_are_counted(census: &Census) -> Vec<String> {
    let mut there: BTreeMap<Place, u64> = BTreeMap::new();
    for (bucket, upload) in &census.uploads {
        *there.entry((*bucket, upload.key.clone())).or_default() += 1;
    }
    let mut found = Vec::new();
    for (place, OpenKey { uploads, .. }) in &census.open_keys {
        let there = there.remove(place).unwrap_or_default();
        if *uploads != there || there == 0 {
            found.push(format!("{place:?} counts {uploads} open uploads, there are {there}"));
        }
    }
    found.extend(there.into_iter().map(|(at, count)| format!("{at:?} counts none of {count}")));
    found
}
