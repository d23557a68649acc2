//! Each kind of damage, alone and together: what is served afterwards, and what is told of the rest.

mod configs;
mod versions;

use std::cell::Cell;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::command::{
    AbortUpload, CompleteUpload, DeleteBucket, DeleteCond, DeleteObject, LeaseFolder,
    ReleaseGarbage, TakeBlobs, WriteCond,
};
use crate::id::{BucketId, FolderId, ManifestId};
use crate::invariant;
use crate::key;
use crate::memory::{Fate, MemoryStore};
use crate::query;
use crate::record::{Content, Counters, ManifestNames, Record};
use crate::store::Visit;
use crate::testing::{
    AT, Known, MIB, begin, bucket_name, create_upload, done, inline, key as object_key, last,
    make_bucket, make_upload, new_object, number, put, put_copy, put_part, upload_id,
};

/// A store with something of every kind, and the files that belong to it.
struct World {
    store: MemoryStore,
    files: Files,
    bucket: BucketId,
}

const OBJECTS: [&str; 8] = ["blob", "clone", "copy", "long", "pages", "parts", "record", "share"];

/// A world of its own; all are made from one.
fn fresh() -> World {
    static MADE: LazyLock<(Batch, Files, BucketId)> = LazyLock::new(|| {
        let World { store, files, bucket } = make_world();
        let mut batch = Batch::new();
        for (space, key) in records(&store) {
            let value = store.get(space, &key).expect("a store").expect("a record");
            batch.put(space, key, value);
        }
        (batch, files, bucket)
    });
    let (batch, files, bucket) = &*MADE;
    let store = MemoryStore::new();
    store.commit(batch.clone()).expect("a commit");
    World { store, files: files.clone(), bucket: *bucket }
}

fn make_world() -> World {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    done(&store, LeaseFolder { shard: 0 });
    let big = Known::written(4096, 20 * MIB);
    let clone = big.cloned(4097, 16);
    done(&store, put(bucket, "record", vec![inline(b"in the record")], &[]));
    done(&store, put(bucket, "pages", vec![inline(&[7; 2000])], &[]));
    done(&store, put(bucket, "blob", vec![big.whole()], &[big]));
    done(&store, put(bucket, "share", vec![big.extent(0, 100)], &[]));
    done(&store, put(bucket, "clone", vec![clone.extent(5, MIB)], &[clone]));
    let many = Known::written(4098, 70 * MIB);
    done(&store, put(bucket, "long", many.backwards(MIB), &[many]));
    make_object_of_parts(&store, bucket);

    make_upload(&store, bucket, "open", 2);
    let part = Known::written(4101, MIB);
    done(&store, put_part(bucket, "open", 2, 1, vec![part.whole()], &[part]));
    done(&store, put_part(bucket, "open", 2, 2, vec![inline(b"two")], &[]));
    make_garbage(&store, bucket);
    versions::make_versions(&store);
    configs::make_configs(&store);
    let files = files_of(&store);
    World { store, files, bucket }
}

fn make_object_of_parts(store: &MemoryStore, bucket: BucketId) {
    make_upload(store, bucket, "parts", 1);
    let mut pieces = Vec::new();
    for (part, blob) in [(1, 4099), (2, 4100)] {
        let known = Known::written(blob, MIB);
        pieces.push(known.whole());
        done(store, put_part(bucket, "parts", 1, part, vec![known.whole()], &[known]));
    }
    done(store, put_part(bucket, "parts", 1, 3, vec![inline(b"unlisted")], &[]));
    let open = query::upload(store, bucket, &object_key("parts"), &upload_id(1));
    done(
        store,
        CompleteUpload {
            bucket,
            key: object_key("parts"),
            upload_id: upload_id(1),
            expected_generation: open.expect("a store").expect("an upload").generation,
            condition: WriteCond::None,
            object: new_object("whole", &pieces),
            listed: vec![(number(1), MIB), (number(2), MIB)],
            unlisted: vec![number(3)],
        },
    );
    let made = query::object(store, bucket, &object_key("parts"));
    let made = made.expect("a store").expect("an object");
    done(store, put_copy(bucket, "copy", &made));
    done(store, put_copy(bucket, "gone", &made));
    remove(store, bucket, "gone");
}

fn remove(store: &MemoryStore, bucket: BucketId, name: &str) {
    let (key, condition) = (object_key(name), DeleteCond::None);
    done(
        store,
        DeleteObject { bucket, key, version: None, condition, bypass: false, modified: AT },
    );
}

/// Deleted objects of every kind, an aborted upload, a deleted bucket, blobs on their way out.
fn make_garbage(store: &MemoryStore, bucket: BucketId) {
    let gone = Known::written(4102, MIB);
    let long = Known::written(4103, 70 * MIB);
    done(store, put(bucket, "gone", vec![gone.whole()], &[gone]));
    done(store, put(bucket, "gone too", long.backwards(MIB), &[long]));
    for (blob, name) in [(4104, "free"), (4105, "taken")] {
        let known = Known::written(blob, MIB);
        done(store, put(bucket, name, vec![known.whole()], &[known]));
        remove(store, bucket, name);
        let at = query::garbage(store, None, 100).expect("garbage").pop().expect("the last");
        done(store, ReleaseGarbage { at: vec![at], steps: 10 });
    }
    done(store, TakeBlobs { blobs: vec![BlobId::new(4105)] });
    for name in ["gone", "gone too"] {
        remove(store, bucket, name);
    }
    let part = Known::written(4106, MIB);
    make_upload(store, bucket, "aborted", 3);
    done(store, put_part(bucket, "aborted", 3, 1, vec![part.whole()], &[part]));
    let key = object_key("aborted");
    done(store, AbortUpload { bucket, key, upload_id: upload_id(3) });
    let other = make_bucket(store, "deleted");
    done(store, create_upload(other, "left", 4));
    done(store, DeleteBucket { name: bucket_name("deleted") });
}

/// The files that a store's records ask for.
fn files_of(store: &MemoryStore) -> Files {
    let known = invariant::examine(store).expect("a store");
    let mut lens: BTreeMap<BlobId, u64> =
        known.blobs.iter().map(|(blob, record)| (*blob, record.len)).collect();
    lens.extend(known.taken.iter().map(|blob| (*blob, 4096)));
    Files { lens, bad: BTreeMap::new(), last_folder: 1 }
}

fn records(store: &MemoryStore) -> Vec<(Space, Bytes)> {
    let mut all = Vec::new();
    for space in Space::ALL {
        let mut enter = |key: &[u8], _: &[u8]| {
            all.push((space, Bytes::copy_from_slice(key)));
            Visit::Next
        };
        store.scan(space, &[], &mut enter).expect("scanned");
    }
    all
}

fn set(store: &MemoryStore, space: Space, key: Bytes, value: Option<Bytes>) {
    let mut batch = Batch::new();
    match value {
        Some(value) => batch.put(space, key, value),
        None => batch.delete(space, key),
    }
    store.commit(batch).expect("a commit");
}

/// Repairs, and sees to it that the store is sound then and every object in it can be resolved. Gives what clients
/// know and what is gone.
fn repair(world: &mut World) -> Vec<String> {
    let planned = plan(&world.store, &world.files).expect("a plan");
    let mut written = Vec::new();
    let done = planned.carry_out(&world.store, &mut |taken| {
        written.extend(taken.iter().map(|taken| taken.removal.key.clone()));
        Ok(())
    });
    done.expect("carried out");
    let wrong = |removal: &&Removal| !written.contains(&removal.key);
    assert_eq!(planned.removals.iter().find(wrong), None, "each is written down");
    settle(world);
    let known = planned.removals.into_iter().filter(|removal| removal.known);
    let mut told: Vec<String> = known.map(|removal| removal.what).collect();
    told.sort();
    told
}

/// What holds after any repair.
fn settle(world: &mut World) {
    let report = invariant::examine(&world.store).expect("a store");
    assert_eq!((report.unreadable, report.violations), (vec![], vec![]));
    for (blob, record) in &report.blobs {
        let len = world.files.lens.get(blob).copied().unwrap_or_default();
        assert!(record.len <= len, "blob {blob}: {record:?}, file {len}");
    }
    // Whoever repairs the files moves those away that nobody names.
    world
        .files
        .lens
        .retain(|blob, _| report.blobs.contains_key(blob) || report.taken.contains(blob));
    let again = plan(&world.store, &world.files).expect("a plan");
    assert!(again.is_empty(), "{:#?} {:#?}", again.removals, again.fixes);
    assert!(again.read.is_empty(), "{:?}", again.read);
    let used = world.files.lens.keys().map(|blob| blob.folder()).max();
    let next = query::counters(&world.store).expect("counters");
    assert!(used.is_none_or(|used| used.get() <= next.folder));
    // The node works on: garbage goes, new things come.
    release_all(&world.store);
    let report = invariant::examine(&world.store).expect("a store");
    assert_eq!((report.unreadable, report.violations), (vec![], vec![]));
}

fn release_all(store: &MemoryStore) {
    for _ in 0..100 {
        let at = query::garbage(store, None, 100).expect("garbage");
        if at.is_empty() {
            return;
        }
        let mut round = begin(store);
        round.apply(ReleaseGarbage { at, steps: 1000 }.into()).expect("a store").expect("released");
        store.commit(round.finish()).expect("a commit");
    }
    panic!("the garbage does not go");
}

/// The objects of the bucket without versions.
fn objects(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    let front = key::object_text(world.bucket, "");
    for (space, key) in records(&world.store) {
        let text = key.strip_prefix(&front[..]).and_then(|key| str::from_utf8(key).ok());
        found.extend(text.filter(|_| space == Space::Objects).map(str::to_owned));
    }
    found
}

fn without<'a>(lost: &[&str]) -> Vec<&'a str> {
    OBJECTS.into_iter().filter(|name| !lost.contains(name)).collect()
}

#[test]
fn a_sound_store_is_left_alone() {
    let mut world = fresh();
    let before = records(&world.store);
    let planned = plan(&world.store, &world.files).expect("a plan");
    assert!(planned.is_empty(), "{:#?} {:#?}", planned.removals, planned.fixes);
    assert_eq!(records(&world.store), before);
    assert_eq!(objects(&world), OBJECTS);
    settle(&mut world);
    assert!(plan(&MemoryStore::new(), &Files::default()).expect("a plan").is_empty());
}

/// Whatever record is damaged or missing: the rest is sound afterwards, and no object is lost that has nothing to
/// do with it.
#[test]
fn every_record_may_be_damaged_or_missing() {
    let all = records(&fresh().store);
    let kinds: std::collections::BTreeSet<Space> = all.iter().map(|(space, _)| *space).collect();
    assert_eq!(kinds.len(), Space::ALL.len(), "the world has something of every kind");
    for (space, at) in all {
        for value in [None, Some(Bytes::from_static(b"\x01junk")), Some(Bytes::new())] {
            let mut world = fresh();
            let missing = value.is_none();
            set(&world.store, space, at.clone(), value);
            let told = repair(&mut world);
            let left = objects(&world);
            let lost: Vec<&str> =
                OBJECTS.into_iter().filter(|name| !left.iter().any(|l| l == name)).collect();
            let allowed = match space {
                Space::System
                | Space::Buckets
                | Space::Versions
                | Space::Uploads
                | Space::Leases
                | Space::Blobs
                | Space::Garbage
                | Space::Owners => 0,
                Space::Objects | Space::Pieces => 1,
                // An object and its copy.
                Space::Parts | Space::Manifests => 2,
                Space::Tables => 3,
            };
            assert!(lost.len() <= allowed, "{space:?} {at:?}: {lost:?}");
            for name in lost {
                let silent = missing && space == Space::Objects;
                let line = format!("object bucket/{name}");
                assert!(silent || told.contains(&line), "{line} in {told:?}");
            }
        }
    }
}

#[test]
fn damage_to_files_costs_what_reads_them() {
    let blob = |number| BlobId::new(number);
    let range = |start, end| ByteRange::new(start, end).expect("ascending");
    type Damage = fn(&mut Files, BlobId);
    let missing: Damage = |files, blob| files.lens.retain(|other, _| *other != blob);
    let empty: Damage = |files, blob| files.lens.extend([(blob, 0)]);
    let cut: Damage = |files, blob| files.lens.extend([(blob, 8192 + 17)]);
    for (damage, number, lost, parts) in [
        (missing, 4096, &["blob", "share"][..], &[][..]),
        (empty, 4096, &["blob", "share"], &[]),
        (cut, 4096, &["blob", "share"], &[]),
        (missing, 4097, &["clone"], &[]),
        (missing, 4098, &["long"], &[]),
        (cut, 4098, &["long"], &[]),
        (missing, 4099, &["copy", "parts"], &[]),
        (missing, 4101, &[], &["part 1 of upload"]),
        (missing, 4102, &[], &[]),
        (missing, 4103, &[], &[]),
        (cut, 4103, &[], &[]),
        (missing, 4104, &[], &[]),
        (missing, 4105, &[], &[]),
        (missing, 4106, &[], &[]),
    ] {
        let mut world = fresh();
        damage(&mut world.files, blob(number));
        let told = repair(&mut world);
        assert_eq!(objects(&world), without(lost), "blob {number}: {told:?}");
        let expected: Vec<String> =
            lost.iter().map(|name| format!("object bucket/{name}")).collect();
        let (of_parts, of_objects): (Vec<String>, _) =
            told.into_iter().partition(|what| what.starts_with("part"));
        assert_eq!(of_objects, expected, "blob {number}");
        assert_eq!(of_parts.len(), parts.len());
        assert!(of_parts.iter().zip(parts).all(|(told, part)| told.starts_with(part)));
    }
    // A range that is cut off behind the last byte that is read costs nothing.
    let mut world = fresh();
    world.files.lens.insert(blob(4097), 2 * MIB);
    assert_eq!(repair(&mut world), Vec::<String>::new());
    assert_eq!(objects(&world), OBJECTS);

    // Bad blocks: the first megabyte of the clone is named, the rest is not.
    for (bad, lost) in [(range(0, 65536), &["clone"][..]), (range(2 * MIB, 3 * MIB), &[])] {
        let mut world = fresh();
        world.files.bad.insert(blob(4097), vec![bad]);
        let read = plan(&world.store, &world.files).expect("a plan").read;
        assert_eq!(read.contains_key(&blob(4097)), !lost.is_empty());
        let told = repair(&mut world);
        assert_eq!(objects(&world), without(lost), "{told:?}");
    }
}

#[test]
fn counts_marks_and_totals_are_made_anew() {
    let mut world = fresh();
    let report = invariant::examine(&world.store).expect("a store");
    for (blob, record) in report.blobs {
        let wrong = crate::record::BlobRecord { refs: record.refs + 3, named: 1, ..record };
        set(&world.store, Space::Blobs, key::blob(blob).into(), Some(wrong.encode()));
    }
    let marks = records(&world.store).into_iter().filter(|(space, key)| {
        *space == Space::Owners || (*space == Space::Garbage && key::unreferenced_of(key).is_some())
    });
    for (space, at) in marks {
        set(&world.store, space, at, None);
    }
    let counters =
        Counters { generation: 1, folder: 0, ..query::counters(&world.store).expect("counters") };
    set(&world.store, Space::System, key::counters().into(), Some(counters.encode()));
    world.files.last_folder = 77;
    let told = repair(&mut world);
    assert_eq!((objects(&world).as_slice(), told.len()), (&OBJECTS.map(str::to_owned)[..], 0));
    assert_eq!(query::counters(&world.store).expect("counters").folder, 77);
    let sparse = BlobId::new(4096);
    set(&world.store, Space::Garbage, key::sparse(sparse).into(), Some(vec![1; 9].into()));
    assert_eq!(repair(&mut world), Vec::<String>::new());
}

#[test]
fn names_of_manifests_are_counted_anew() {
    let manifest_of = |world: &World, name: &str| {
        let object = query::object(&world.store, world.bucket, &object_key(name));
        let object = object.expect("a store").expect("an object");
        object.content.manifest().expect("parts").clone()
    };
    let counted = |world: &World, manifest: ManifestId| {
        let stored = world.store.get(Space::Manifests, &key::manifest_names(manifest));
        stored.expect("a store").map(|stored| ManifestNames::decode(stored).expect("a count").count)
    };
    for count in [None, Some(0), Some(1), Some(2), Some(9)] {
        let mut world = fresh();
        let manifest = manifest_of(&world, "parts");
        assert_eq!(manifest, manifest_of(&world, "copy"));
        // The object, its copy, and what is left of another one.
        assert_eq!(counted(&world, manifest.id), Some(3));
        let wrong = count.map(|count| ManifestNames { count }.encode());
        set(&world.store, Space::Manifests, key::manifest_names(manifest.id).into(), wrong);
        assert_eq!(repair(&mut world), Vec::<String>::new(), "{count:?}");
        // The garbage has gone since.
        assert_eq!(counted(&world, manifest.id), Some(2));
        assert_eq!(objects(&world), OBJECTS);
    }
    // One that an upload alone names, and one that nobody does.
    for manifest in [1, 900] {
        let mut world = fresh();
        let at = key::manifest_names(ManifestId::new(manifest));
        let wrong = ManifestNames { count: 2 }.encode();
        set(&world.store, Space::Manifests, at.into(), Some(wrong));
        assert_eq!(repair(&mut world), Vec::<String>::new());
        assert_eq!(counted(&world, ManifestId::new(manifest)), None);
    }
}

/// Only one object can have been made of an upload's parts.
#[test]
fn of_two_objects_that_show_the_same_parts_one_stays() {
    let mut world = fresh();
    let copy = query::object(&world.store, world.bucket, &object_key("copy"));
    let mut copy = copy.expect("a store").expect("an object");
    copy.content = Content::Parts(copy.content.manifest().expect("parts").clone());
    let at = key::object(world.bucket, &object_key("copy"));
    set(&world.store, Space::Objects, at.into(), Some(copy.encode()));
    assert_eq!(repair(&mut world), ["object bucket/parts"]);
    assert_eq!(objects(&world), without(&["parts"]));
    settle(&mut world);
}

#[test]
fn a_bucket_whose_name_is_lost_keeps_its_objects() {
    let name_of = |world: &World| {
        let buckets = query::buckets(&world.store, "", None, 10).expect("buckets");
        let found = buckets.into_iter().find(|(_, record)| record.id == world.bucket);
        found.expect("a name").0.as_str().to_owned()
    };
    let at: Bytes = key::bucket(&bucket_name("bucket")).into();
    // Its number can be read.
    let mut world = fresh();
    make_bucket(&world.store, "second");
    let mut stored =
        world.store.get(Space::Buckets, &at).expect("a store").expect("a bucket").to_vec();
    stored[0] = 9;
    set(&world.store, Space::Buckets, at.clone(), Some(stored.into()));
    repair(&mut world);
    assert_eq!(name_of(&world), "bucket");
    // It is the only one that can be meant.
    let mut world = fresh();
    set(&world.store, Space::Buckets, at.clone(), Some(Bytes::from_static(b"x")));
    repair(&mut world);
    assert_eq!(name_of(&world), "bucket");
    // Nobody can tell.
    let mut world = fresh();
    set(&world.store, Space::Buckets, at, None);
    repair(&mut world);
    assert_eq!(name_of(&world), format!("recovered-bucket-{}", world.bucket));
    assert_eq!(objects(&world), OBJECTS);
}

#[test]
fn inline_bytes_that_rotted_cost_their_record() {
    let mut world = fresh();
    let object = query::object(&world.store, world.bucket, &object_key("pages"));
    let object = object.expect("a store").expect("an object");
    let Content::Pieces(crate::record::PieceList::Long { list, .. }) = object.content else {
        panic!("{object:?}");
    };
    let at = Bytes::from(key::page(list, 0));
    let mut stored =
        world.store.get(Space::Pieces, &at).expect("a store").expect("a page").to_vec();
    stored[500] ^= 1;
    set(&world.store, Space::Pieces, at, Some(stored.into()));
    assert_eq!(repair(&mut world), ["object bucket/pages"]);
    assert_eq!(objects(&world), without(&["pages"]));
}

#[test]
fn what_a_damaged_store_touches_is_told() {
    let told = |world: &World| {
        let mut told = Vec::new();
        let all = touched(&world.store, &mut |bucket, key, version, _| {
            let version = version.map(|version| format!("?versionId={version}"));
            told.push(format!("{}{}", key.as_str(), version.unwrap_or_default()));
            assert_eq!(
                bucket.as_str(),
                if key.as_str().starts_with("v/") { "kept" } else { "bucket" }
            );
        });
        all.expect("a store");
        told
    };
    let first = |world: &World, space: Space| {
        // Nothing that is read needs the count of a manifest's names.
        let read = |key: &Bytes| space != Space::Manifests || key::manifest_names_of(key).is_none();
        let mut all = records(&world.store).into_iter();
        all.find(|(other, key)| *other == space && read(key)).expect("a record").1
    };
    assert_eq!(told(&fresh()), Vec::<String>::new());
    for (space, lost) in [
        (Space::Objects, &["blob"][..]),
        (Space::Parts, &["copy", "parts"]),
        (Space::Manifests, &["copy", "parts"]),
        (Space::Pieces, &["pages"]),
        (Space::Blobs, &["blob", "share"]),
    ] {
        let world = fresh();
        set(&world.store, space, first(&world, space), Some(Bytes::from_static(b"junk")));
        assert_eq!(told(&world), lost, "{space:?}");
    }
    let world = fresh();
    let page = key::table_page(crate::id::TableId::new(4096), 1);
    set(&world.store, Space::Tables, page.into(), None);
    assert_eq!(told(&world), ["blob"], "the others name the first page only");
    // Three versions of two keys, none of them the latest.
    let world = fresh();
    set(&world.store, Space::Blobs, key::blob(BlobId::new(4110)).into(), None);
    let told = told(&world);
    let keys: Vec<_> = told.iter().map(|told| told.split_once("?versionId=")).collect();
    let keys: Vec<_> = keys.into_iter().map(|told| told.expect("a version").0).collect();
    assert_eq!(keys, ["v/all", "v/all", "v/mixed"]);
}

#[test]
fn records_of_nobody_go_and_numbers_stay_above_them() {
    let mut world = fresh();
    let part = records(&world.store).into_iter().find(|(space, _)| *space == Space::Parts);
    let (_, part) = part.expect("a part");
    let stored = world.store.get(Space::Parts, &part).expect("a store").expect("a part");
    let odd = [&900_u64.to_be_bytes()[..], &part[8..]].concat();
    set(&world.store, Space::Parts, odd.into(), Some(stored));
    set(&world.store, Space::Leases, key::lease(FolderId::new(33)).into(), Some(Bytes::new()));
    assert_eq!(repair(&mut world), Vec::<String>::new());
    assert_eq!(objects(&world), OBJECTS);
    let counters = query::counters(&world.store).expect("counters");
    assert_eq!((counters.manifest, counters.folder), (900, 33));
    assert!(query::lease(&world.store, FolderId::new(33)).expect("a store").is_some());
    assert_eq!(make_upload(&world.store, world.bucket, "new", 9), ManifestId::new(901));
    assert!(last(&world.store).get() > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any damage, and a repair that is cut off at any point and begun again.
    #[test]
    fn a_repair_may_be_cut_off_anywhere(
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 1..6),
        files in prop::collection::vec((any::<prop::sample::Index>(), 0_u64..3), 0..3),
        cut in 0_usize..40, kept in any::<bool>(),
    ) {
        let mut world = fresh();
        let all = records(&world.store);
        for (which, how, byte) in damage {
            let (space, at) = which.get(&all).clone();
            let Some(stored) = world.store.get(space, &at).expect("a store") else { continue };
            let value = match how {
                0 => None,
                1 => Some(Bytes::from_static(b"\x01junk")),
                _ => {
                    let mut bytes = stored.to_vec();
                    let place = usize::from(byte) % bytes.len();
                    bytes[place] ^= 1 << (byte % 8);
                    Some(bytes.into())
                }
            };
            set(&world.store, space, at, value);
        }
        let blobs: Vec<BlobId> = world.files.lens.keys().copied().collect();
        for (which, len) in files {
            match len {
                0 => world.files.lens.retain(|blob, _| blob != which.get(&blobs)),
                len => world.files.lens.extend([(*which.get(&blobs), len * 70_000)]),
            }
        }
        // Whoever only looks comes to an end, whatever there is.
        invariant::examine(&world.store).expect("a store");
        drop(touched(&world.store, &mut |_, _, _, _| {}));
        let planned = plan(&world.store, &world.files).expect("a plan");
        let small = Small { store: &world.store, left: Cell::new(cut), kept };
        drop(small.carry_out(&planned));
        world.store.reopen();
        repair(&mut world);
    }
}

/// Carries a plan out change by change, and fails after some of them.
struct Small<'a> {
    store: &'a MemoryStore,
    left: Cell<usize>,
    kept: bool,
}

impl Small<'_> {
    fn carry_out(&self, planned: &Plan) -> Result<(), String> {
        for removal in &planned.removals {
            let one = Plan { removals: vec![removal.clone()], ..Plan::default() };
            self.step(&one)?;
        }
        for fix in &planned.fixes {
            let one = Plan { fixes: vec![fix.clone()], ..Plan::default() };
            self.step(&one)?;
        }
        Ok(())
    }

    fn step(&self, one: &Plan) -> Result<(), String> {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => self.store.fail_next_commit(if self.kept { Fate::Kept } else { Fate::Lost }),
        }
        one.carry_out(self.store, &mut |_| Ok(()))
    }
}
