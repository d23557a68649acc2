//! Damage to versions: what readers are given afterwards is what they were given before, or nothing; never what is older.

use protocol::name::VersionId;
use protocol::versioning::Versioning;

use super::*;
use crate::command::SetVersioning;
use crate::record::{
    BucketCounters, BucketRecord, MarkerRecord, ObjectRecord, OpenKey, VersionHead, VersionRecord,
};

const BUCKET: &str = "kept";

/// A bucket whose keys have versions of every kind in every place.
pub(super) fn make_versions(store: &MemoryStore) {
    let bucket = make_bucket(store, BUCKET);
    let versioning = |versioning| {
        done(store, SetVersioning { name: bucket_name(BUCKET), versioning });
    };
    let (big, many, last) =
        (Known::written(4110, 20 * MIB), Known::written(4111, 70 * MIB), Known::written(4112, MIB));
    done(store, put(bucket, "v/all", vec![inline(b"null")], &[]));
    done(store, put(bucket, "v/mixed", vec![inline(b"null")], &[]));
    versioning(Versioning::Enabled);
    done(store, put(bucket, "v/all", vec![big.whole()], &[big]));
    done(store, put(bucket, "v/all", vec![big.extent(0, 100)], &[]));
    done(store, put(bucket, "v/all", vec![last.whole()], &[last]));
    done(store, put(bucket, "v/deleted", many.backwards(MIB), &[many]));
    remove(store, bucket, "v/deleted");
    done(store, put(bucket, "v/mixed", vec![inline(&[3; 2000])], &[]));
    remove(store, bucket, "v/mixed");
    done(store, put(bucket, "v/mixed", vec![big.extent(MIB, MIB)], &[]));
    remove(store, bucket, "v/never");
    make_parts(store, bucket);
    versioning(Versioning::Suspended);
    done(store, put(bucket, "v/mixed", vec![inline(b"null again")], &[]));
    done(store, put(bucket, "v/marked", vec![inline(b"null")], &[]));
    remove(store, bucket, "v/marked");
}

/// An object made of parts that is not the latest version, behind a copy of itself.
fn make_parts(store: &MemoryStore, bucket: BucketId) {
    make_upload(store, bucket, "v/parts", 9);
    let part = Known::written(4113, MIB);
    done(store, put_part(bucket, "v/parts", 9, 1, vec![part.whole()], &[part]));
    let open = query::upload(store, bucket, &object_key("v/parts"), &upload_id(9));
    done(
        store,
        CompleteUpload {
            bucket,
            key: object_key("v/parts"),
            upload_id: upload_id(9),
            expected_generation: open.expect("a store").expect("an upload").generation,
            condition: WriteCond::None,
            object: new_object("parts", &[part.whole()]),
            listed: vec![(number(1), MIB)],
            unlisted: vec![],
        },
    );
    let made = query::object(store, bucket, &object_key("v/parts"));
    done(store, put_copy(bucket, "v/parts", &made.expect("a store").expect("an object")));
}

/// Key and version of each version of the bucket, and its data, if it is any.
type Versions = BTreeMap<(String, VersionId), Option<ObjectRecord>>;

fn bucket(store: &dyn Store) -> (String, BucketRecord) {
    let all = query::buckets(store, "", None, 10).expect("buckets");
    let found = all.into_iter().find(|(_, record)| record.versioning != Versioning::Unversioned);
    let (name, record) = found.expect("a bucket with versions");
    (name.as_str().to_owned(), record)
}

fn id(world: &World) -> BucketId {
    bucket(&world.store).1.id
}

fn versions(store: &dyn Store) -> Versions {
    let id = bucket(store).1.id;
    let mut found = Versions::new();
    let front = key::versions(id);
    let scan = |space, visit: &mut dyn FnMut(&[u8], Bytes)| {
        let scanned = store.scan(space, &front, &mut |at, value| {
            if !at.starts_with(&front) {
                return Visit::Stop;
            }
            visit(at, Bytes::copy_from_slice(value));
            Visit::Next
        });
        scanned.expect("a store");
    };
    scan(Space::Objects, &mut |at, value| {
        let object = ObjectRecord::decode(value).expect("readable");
        let name = String::from_utf8(at[8..].to_vec()).expect("a key");
        found.insert((name, object.version()), Some(object));
    });
    scan(Space::Versions, &mut |at, value| {
        let (_, name, generation) = key::version_of(at).expect("a key");
        if generation.is_some() {
            let version = VersionRecord::decode(value).expect("readable");
            let place = (name.as_str().to_owned(), version.version());
            let object = match version {
                VersionRecord::Object(object) => Some(object),
                VersionRecord::Marker(_) => None,
            };
            assert_eq!(found.insert(place, object), None, "each version is one");
        }
    });
    found
}

/// The version that a reader of the key is given, if it is data.
fn latest(world: &World, name: &str) -> Option<ObjectRecord> {
    query::object(&world.store, id(world), &object_key(name)).expect("a store")
}

/// Whatever record of a version is damaged or missing: nobody is given an older version for it, and what is gone is told.
#[test]
fn every_record_of_a_version_may_be_damaged_or_missing() {
    let sound = fresh();
    let before = versions(&sound.store);
    let keys: std::collections::BTreeSet<&String> = before.keys().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 6);
    for (space, at) in records(&sound.store) {
        for value in [None, Some(Bytes::from_static(b"\x01junk"))] {
            let mut world = fresh();
            let missing = value.is_none();
            set(&world.store, space, at.clone(), value);
            let told = repair(&mut world);
            let after = versions(&world.store);
            for key in &keys {
                let (was, is) = (latest(&sound, key), latest(&world, key));
                let same = was.as_ref().map(|was| was.generation) == is.map(|is| is.generation);
                let gone = was.is_some() && latest(&world, key).is_none();
                assert!(same || gone, "{space:?} {at:?}: {key} is given as another version");
            }
            for ((key, version), object) in &before {
                match after.get(&(key.clone(), *version)) {
                    Some(there) => assert_eq!(there.as_ref(), object.as_ref(), "{key} {version}"),
                    None => {
                        let silent = missing && matches!(space, Space::Objects | Space::Versions);
                        let named = format!("{}/{key}", bucket(&world.store).0);
                        let is_told = told.iter().any(|what| what.ends_with(&named));
                        assert!(silent || is_told, "{space:?} {at:?}: {key} {version} {told:?}");
                    }
                }
            }
        }
    }
}

/// The latest version is lost with its file: the key names nothing, what is older can be asked for.
#[test]
fn a_marker_stands_where_the_latest_version_is_lost() {
    let mut world = fresh();
    let before = versions(&world.store);
    world.files.lens.remove(&BlobId::new(4112));
    assert_eq!(repair(&mut world), ["object kept/v/all"]);
    let after = versions(&world.store);
    assert_eq!(latest(&world, "v/all"), None);
    let of = |versions: &Versions| {
        versions.keys().filter(|(key, _)| key == "v/all").map(|(_, of)| *of).collect::<Vec<_>>()
    };
    let new: Vec<_> =
        of(&after).into_iter().filter(|of_key| !of(&before).contains(of_key)).collect();
    let [marker] = new[..] else { panic!("one new version, not {new:?}") };
    assert_eq!(after[&("v/all".to_owned(), marker)], None);
    assert_eq!(of(&after).len(), of(&before).len());
    // Those behind it, and only those of the file, go with their file.
    world.files.lens.remove(&BlobId::new(4110));
    let told = repair(&mut world);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().all(|what| what.starts_with("version ")), "{told:?}");
    assert_eq!(of(&versions(&world.store)), [VersionId::Null, marker]);
}

/// A marker that is the latest version and cannot be read comes back as what it was.
#[test]
fn a_lost_marker_is_made_anew_where_it_was() {
    for (name, value) in ["v/deleted", "v/never"]
        .into_iter()
        .flat_map(|name| [(name, None), (name, Some(Bytes::new()))])
    {
        let mut world = fresh();
        let before = versions(&world.store);
        let of_key = before.iter().filter(|((key, _), _)| key == name);
        let mut markers = of_key.filter(|(_, object)| object.is_none());
        let ((_, VersionId::Number(marker)), _) = markers.next().expect("a marker") else {
            panic!("a number")
        };
        let at = key::version(id(&world), &object_key(name), crate::id::Generation::new(*marker));
        set(&world.store, Space::Versions, at.into(), value);
        repair(&mut world);
        let after: Vec<_> = versions(&world.store).into_keys().collect();
        let all = before.keys().filter(|(key, _)| key != name || key == "v/deleted");
        assert_eq!(after.iter().collect::<Vec<_>>(), all.collect::<Vec<_>>(), "{name}");
    }
}

/// Does a damage, and says which predicates tell of it.
type Damage = (&'static str, fn(&World) -> &'static [&'static str]);

const OF_HEADS: [Damage; 4] = [
    ("a head counts too many", |world| {
        set_head(world, "v/all", |head| head.versions += 1);
        &["heads_say_what_there_is"]
    }),
    ("a head knows no marker", |world| {
        set_head(world, "v/deleted", |head| head.marker = None);
        &["heads_say_what_there_is"]
    }),
    ("a head knows no null version", |world| {
        set_head(world, "v/all", |head| head.null = None);
        &["heads_say_what_there_is"]
    }),
    ("a head of nothing", |world| {
        let at = key::version_head(id(world), &object_key("v/other"));
        let head = VersionHead { versions: 2, ..VersionHead::default() };
        set(&world.store, Space::Versions, at.into(), Some(head.encode()));
        &["heads_say_what_there_is"]
    }),
];

const OF_RECORDS: [Damage; 5] = [
    ("an object stands in front of a newer marker", |world| {
        let object = latest(world, "v/all").expect("an object");
        let generation = crate::id::Generation::new(object.generation.get() + 1);
        let marker = MarkerRecord { generation, modified: AT, null: false };
        let at = key::version(id(world), &object_key("v/all"), generation);
        let record = VersionRecord::Marker(marker).encode();
        set(&world.store, Space::Versions, at.into(), Some(record));
        &["buckets_are_counted", "the_newest_version_is_the_latest", "heads_say_what_there_is"]
    }),
    ("two null versions", |world| {
        let at = key::object(id(world), &object_key("v/all"));
        let object = latest(world, "v/all").expect("an object");
        let object = ObjectRecord { null: true, ..object };
        set(&world.store, Space::Objects, at.into(), Some(object.encode()));
        &["null_versions_are_single"]
    }),
    ("the counters know no versions", |world| {
        let at = key::bucket_counters(id(world));
        let stored = world.store.get(Space::Buckets, &at).expect("a store").expect("counters");
        let counters = BucketCounters::decode(stored).expect("readable");
        let counters = BucketCounters { versions: 0, ..counters };
        set(&world.store, Space::Buckets, at.into(), Some(counters.encode()));
        &["buckets_are_counted"]
    }),
    ("the records of a bucket differ", |world| {
        let (name, record) = bucket(&world.store);
        let record = BucketRecord { versioning: Versioning::Enabled, ..record };
        let at = key::bucket(&bucket_name(&name));
        set(&world.store, Space::Buckets, at.into(), Some(record.encode()));
        &["buckets_are_counted"]
    }),
    ("a number in a bucket without versions", |world| {
        let at = key::object(world.bucket, &object_key("blob"));
        let stored = world.store.get(Space::Objects, &at).expect("a store").expect("an object");
        let object = ObjectRecord::decode(stored).expect("readable");
        let object = ObjectRecord { null: false, ..object };
        set(&world.store, Space::Objects, at.into(), Some(object.encode()));
        &["null_versions_are_single"]
    }),
];

/// What an invariant calls wrong is put right, and nothing of it costs data.
#[test]
fn contradictions_of_versions_are_settled() {
    for (what, damage) in OF_HEADS.into_iter().chain(OF_RECORDS) {
        let mut world = fresh();
        let data = |world: &World| {
            let all = versions(&world.store).into_values().flatten();
            let mut all: Vec<_> = all.map(|object| object.fingerprint).collect();
            all.sort_by_key(|sum| format!("{sum:?}"));
            all
        };
        let (before, given) = (data(&world), latest(&world, "v/all").expect("an object"));
        let expected = damage(&world);
        let report = invariant::examine(&world.store).expect("a store");
        let found: Vec<_> = report.violations.iter().map(|found| found.predicate).collect();
        assert_eq!(found, expected, "{what}: {:?}", report.violations);
        assert_eq!(repair(&mut world), Vec::<String>::new(), "{what}");
        assert_eq!(data(&world), before, "{what}: no data is lost");
        assert_eq!(objects(&world), OBJECTS, "{what}");
        let still = latest(&world, "v/all").expect("an object");
        assert_eq!(still.fingerprint, given.fingerprint, "{what}");
    }
}

fn set_head(world: &World, name: &str, change: fn(&mut VersionHead)) {
    let at = key::version_head(id(world), &object_key(name));
    let stored = world.store.get(Space::Versions, &at).expect("a store").expect("a head");
    let mut head = VersionHead::decode(stored).expect("readable");
    change(&mut head);
    set(&world.store, Space::Versions, at.into(), Some(head.encode()));
}

/// Where both records of a bucket are lost, what is in it says that it had versions.
#[test]
fn a_bucket_that_is_lost_keeps_its_versions() {
    let mut world = fresh();
    let before = versions(&world.store);
    let (name, record) = bucket(&world.store);
    set(&world.store, Space::Buckets, key::bucket(&bucket_name(&name)).into(), None);
    set(&world.store, Space::Buckets, key::bucket_counters(record.id).into(), None);
    assert_eq!(repair(&mut world), Vec::<String>::new());
    let (name, found) = bucket(&world.store);
    assert_eq!(name, format!("recovered-bucket-{}", record.id));
    assert_eq!(found.versioning, Versioning::Enabled);
    assert_eq!(versions(&world.store), before);
}

/// Nobody knows whether the key was written while its uploads were open: a completion with a condition must not pass.
#[test]
fn a_lost_count_of_open_uploads_counts_as_a_write() {
    let at = Bytes::from(key::open_key(fresh().bucket, &object_key("open")));
    let stored = |world: &World| {
        let stored = world.store.get(Space::Buckets, &at).expect("a store").expect("a count");
        OpenKey::decode(stored).expect("readable")
    };
    assert_eq!(stored(&fresh()), OpenKey { uploads: 1, touched: None });
    for value in [None, Some(Bytes::new())] {
        let mut world = fresh();
        set(&world.store, Space::Buckets, at.clone(), value);
        let open = query::upload(&world.store, world.bucket, &object_key("open"), &upload_id(2));
        let begun = open.expect("a store").expect("an upload").begun;
        assert_eq!(repair(&mut world), Vec::<String>::new());
        let OpenKey { uploads, touched } = stored(&world);
        assert!(uploads == 1 && touched > Some(begun), "{touched:?}");
    }
    // One that counts too many keeps what it knows.
    let mut world = fresh();
    let wrong = OpenKey { uploads: 5, touched: None };
    set(&world.store, Space::Buckets, at.clone(), Some(wrong.encode()));
    assert_eq!(repair(&mut world), Vec::<String>::new());
    assert_eq!(stored(&world), OpenKey { uploads: 1, touched: None });
}
