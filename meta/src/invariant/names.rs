//! Room: predicates on who owns what: buckets, uploads, parts, pages; and on numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use protocol::part::PartNumber;
use protocol::versioning::Versioning;

use super::census::{Census, Pages};
use crate::id::{BucketId, ManifestId};
use crate::record::{BucketCounters, ConfigKind, Content, GarbageRecord, PieceList, VersionRecord};

/// A bucket's counters are what is in it: else one that is empty could not be deleted, or a full one could. Both of
/// its records say the same of its versioning: readers go by the one, writers by the other.
/// Nothing lies in a bucket that is gone, but uploads that garbage speaks of.
pub(super) fn buckets_are_counted(census: &Census) -> Vec<String> {
    let mut found = Vec::new();
    if !census.buckets.keys().eq(census.bucket_counters.keys()) {
        found.push("buckets and counters do not pair up".to_owned());
    }
    let mut there: BTreeMap<BucketId, BucketCounters> = BTreeMap::new();
    for (bucket, _) in census.objects.keys() {
        there.entry(*bucket).or_default().objects += 1;
    }
    for (bucket, ..) in census.versions.keys() {
        there.entry(*bucket).or_default().versions += 1;
    }
    for (bucket, _) in &census.uploads {
        there.entry(*bucket).or_default().uploads += 1;
    }
    for (bucket, counters) in &census.bucket_counters {
        let versioning = census.buckets.get(bucket).copied().unwrap_or(counters.versioning);
        let there = there.get(bucket).copied().unwrap_or_default();
        let there = BucketCounters { versioning, ..there };
        if *counters != there {
            found.push(format!("bucket {bucket}: {counters:?}, there are {there:?}"));
        }
    }
    let going = |bucket: &BucketId| {
        let garbage = GarbageRecord::Bucket { bucket: *bucket };
        census.garbage.values().any(|record| *record == garbage)
    };
    for (bucket, there) in there.iter().filter(|(id, _)| !census.buckets.contains_key(id)) {
        if there.objects + there.versions > 0 {
            found.push(format!("objects in bucket {bucket}, which is gone"));
        }
        if there.uploads > 0 && !going(bucket) {
            found.push(format!("uploads in bucket {bucket}, which is gone"));
        }
    }
    found
}

/// A bucket names each of its configurations, and which writing of it there is: else one that was put would be passed
/// over, or one that a shard keeps would be taken for another.
pub(super) fn configurations_are_named(census: &Census) -> Vec<String> {
    let (named, there) = (&census.named_configs, &census.configs);
    let mut found = Vec::new();
    for (of, others, what) in
        [(named, there, "is named and not there"), (there, named, "is not named")]
    {
        for ((bucket, kind), generation) in of {
            if others.get(&(*bucket, *kind)) != Some(generation) {
                found.push(format!("{kind:?} of bucket {bucket}, {generation}, {what}"));
            }
        }
    }
    found
}

/// Where versions can be locked, they are kept: else a write would take the place of one that nobody may destroy.
pub(super) fn locked_buckets_keep_versions(census: &Census) -> Vec<String> {
    let locked = census.configs.keys().filter(|(_, kind)| *kind == ConfigKind::ObjectLock);
    let found = locked.filter_map(|(bucket, _)| {
        let versioning = *census.buckets.get(bucket)?;
        (versioning != Versioning::Enabled)
            .then(|| format!("bucket {bucket} has object lock and is {versioning:?}"))
    });
    found.collect()
}

/// A key's open uploads are as many as it counts: else a write would not tell them that it was there, and one with a
/// condition could be completed as if nothing had happened.
pub(super) fn open_keys_are_counted(census: &Census) -> Vec<String> {
    let mut there: BTreeMap<(BucketId, &str), u64> = BTreeMap::new();
    for (bucket, upload) in &census.uploads {
        *there.entry((*bucket, upload.key.as_str())).or_default() += 1;
    }
    let mut found = Vec::new();
    for ((bucket, key), open) in &census.open_keys {
        let there = there.remove(&(*bucket, key.as_str())).unwrap_or_default();
        if open.uploads == 0 || open.uploads != there {
            found.push(format!("{key:?} of bucket {bucket}: {open:?}, there are {there}"));
        }
    }
    let uncounted = there.into_iter();
    found.extend(uncounted.map(|((bucket, key), there)| {
        format!("{key:?} of bucket {bucket} has {there} open uploads and no count of them")
    }));
    found
}

/// Each part belongs to an upload (which counts it), to an object, or to garbage: else it would never go.
pub(super) fn parts_have_an_owner(census: &Census) -> Vec<String> {
    let mut owned: BTreeSet<(ManifestId, PartNumber)> = BTreeSet::new();
    let mut found = Vec::new();
    for (_, upload) in &census.uploads {
        owned.extend(census.parts_under(upload.manifest));
        if census.parts_under(upload.manifest).count() != upload.parts as usize {
            found.push(format!("upload of manifest {} counts {}", upload.manifest, upload.parts));
        }
    }
    let manifests = census.all_objects().filter_map(|object| object.content.manifest());
    let manifests: BTreeSet<ManifestId> = manifests.map(|manifest| manifest.id).collect();
    for manifest in manifests {
        let pages = census.manifest_pages.range((manifest, 0)..=(manifest, u32::MAX));
        let entries = pages.flat_map(|(_, page)| &page.entries);
        owned.extend(entries.map(|entry| (manifest, entry.number)));
    }
    for garbage in census.garbage.values() {
        match garbage {
            GarbageRecord::Manifest { manifest, .. } => owned.extend(census.parts_under(*manifest)),
            GarbageRecord::Parts { manifest, numbers } => {
                owned.extend(numbers.iter().map(|number| (*manifest, *number)));
            }
            GarbageRecord::Pieces { .. }
            | GarbageRecord::List { .. }
            | GarbageRecord::Bucket { .. }
            | GarbageRecord::Table { .. } => {}
        }
    }
    let stray = census.parts.keys().filter(|part| !owned.contains(part));
    found.extend(stray.map(|(manifest, part)| format!("part {part} of manifest {manifest}")));
    found
}

/// The records that name a manifest are as many as it counts: objects, an upload, garbage. Too few counted: its parts
/// go while an object still has them. Too many: they never go. Only one object shows the parts to clients.
pub(super) fn manifests_are_counted(census: &Census) -> Vec<String> {
    let mut named: BTreeMap<ManifestId, u64> = BTreeMap::new();
    let mut name = |manifest| *named.entry(manifest).or_default() += 1;
    let (mut shown, mut found) = (BTreeSet::new(), Vec::new());
    for object in census.all_objects() {
        object.content.manifest().into_iter().for_each(|manifest| name(manifest.id));
        if let Content::Parts(manifest) = &object.content
            && !shown.insert(manifest.id)
        {
            found.push(format!("several objects were made of manifest {}", manifest.id));
        }
    }
    census.uploads.iter().for_each(|(_, upload)| name(upload.manifest));
    let mut last = BTreeSet::new();
    for garbage in census.garbage.values() {
        if let GarbageRecord::Manifest { manifest, .. } = garbage {
            name(*manifest);
            last.insert(*manifest);
        }
    }
    let missing = census.manifest_names.keys().filter(|manifest| !named.contains_key(manifest));
    found.extend(missing.map(|manifest| format!("manifest {manifest} is counted, not named")));
    for (manifest, names) in &named {
        let counted = census.manifest_names.get(manifest).copied().unwrap_or(1);
        let going = counted == 0 && *names == 1 && last.contains(manifest);
        if counted != *names && !going {
            found.push(format!("manifest {manifest} counts {counted} names, there are {names}"));
        }
    }
    found
}

/// Each page belongs to exactly one record, which counts it, or to garbage; those of a manifest to all that name it.
pub(super) fn pages_have_an_owner(census: &Census) -> Vec<String> {
    let (mut manifests, mut lists) = (Pages::default(), Pages::default());
    let count = |starts: &[u64]| u32::try_from(starts.len()).unwrap_or(u32::MAX);
    // That those who name a manifest agree about its pages, other predicates say.
    let mut shared: BTreeMap<ManifestId, Range<u32>> = BTreeMap::new();
    for object in census.all_objects() {
        if let Some(manifest) = object.content.manifest() {
            shared.insert(manifest.id, 0..count(&manifest.page_starts));
        }
    }
    for pieces in census.piece_lists() {
        if let PieceList::Long { list, page_starts, .. } = pieces {
            lists.own(list.get(), 0..count(page_starts));
        }
    }
    for garbage in census.garbage.values() {
        match garbage {
            GarbageRecord::Manifest { manifest, next, pages } => {
                shared.entry(*manifest).or_insert(*next..*pages);
            }
            GarbageRecord::List { list, next, pages } => lists.own(list.get(), *next..*pages),
            GarbageRecord::Pieces { .. }
            | GarbageRecord::Parts { .. }
            | GarbageRecord::Bucket { .. }
            | GarbageRecord::Table { .. } => {}
        }
    }
    shared.into_iter().for_each(|(manifest, pages)| manifests.own(manifest.get(), pages));
    let there = |(id, page): &(ManifestId, u32)| (id.get(), *page);
    let mut found = manifests.compare("manifest", census.manifest_pages.keys().map(there));
    found.extend(lists.compare("list", census.piece_pages.keys().map(there)));
    found
}

/// No number in use is above the last one that was handed out, or it would be handed out again.
pub(super) fn numbers_are_below_their_counters(census: &Census) -> Vec<String> {
    let counters = &census.counters;
    let manifests = census.uploads.iter().map(|(_, upload)| upload.manifest.get());
    let manifests = manifests.chain(census.parts.keys().map(|(manifest, _)| manifest.get()));
    let manifests = manifests.chain(census.piece_pages.keys().map(|(list, _)| list.get()));
    let generations = census.objects.values().map(|object| object.generation);
    let generations = generations.chain(census.versions.values().map(VersionRecord::generation));
    let generations = generations.chain(census.parts.values().map(|part| part.generation));
    let uploads = census.uploads.iter().flat_map(|(_, open)| [open.generation, open.begun]);
    let touched = census.open_keys.values().filter_map(|open| open.touched);
    let configs = census.configs.values().copied();
    let generations = generations.chain(configs);
    let generations = generations.chain(uploads).chain(touched).map(|one| one.get());
    let buckets = census.buckets.keys().map(|bucket| bucket.get());
    let folders = census.leases.iter().map(|folder| folder.get());
    let numbers = [
        ("manifest", manifests.max(), counters.manifest),
        ("generation", generations.max(), counters.generation),
        ("bucket", buckets.max(), counters.bucket),
        ("folder", folders.max(), counters.folder),
    ];
    numbers
        .into_iter()
        .filter(|(_, used, counter)| used.is_some_and(|used| used > *counter))
        .map(|(what, used, counter)| format!("{what} {used:?} is above {counter}"))
        .collect()
}
