//! Room: tests of versions in the commit round: what single rules cost and leave behind.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use protocol::name::VersionId;
use protocol::versioning::Versioning;

use super::*;
use crate::command::SetVersioning;
use crate::query::Named;
use crate::record::{VersionHead, VersionRecord};
use crate::store::{Advance, Pair, Peek, Visit};

pub(super) fn set_versioning(store: &dyn Store, name: &str, versioning: Versioning) {
    done(store, SetVersioning { name: bucket_name(name), versioning });
}

pub(super) fn purge(bucket: BucketId, name: &str, version: VersionId) -> DeleteObject {
    DeleteObject { version: Some(version), ..delete(bucket, name) }
}

fn put_version(store: &dyn Store, bucket: BucketId, name: &str) -> VersionId {
    match done(store, put(bucket, name, vec![inline(b"x")], &[])) {
        Reply::ObjectPut { version: Some(version), .. } => version,
        other => panic!("{other:?}"),
    }
}

pub(super) fn named(
    store: &dyn Store,
    bucket: BucketId,
    name: &str,
    version: Option<VersionId>,
) -> Named {
    query::version(store, bucket, &key(name), version).expect("a store")
}

#[test]
fn a_bucket_with_versions_is_not_empty() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    set_versioning(&store, "bucket", Versioning::Enabled);
    let never_was = done(&store, delete(bucket, "key"));
    let Reply::ObjectDeleted(Deleted::Marked { version }) = never_was else { panic!("a marker") };
    let gone = || DeleteBucket { name: bucket_name("bucket") };
    assert_eq!(one(&store, gone()), Err(Refusal::BucketNotEmpty));
    done(&store, purge(bucket, "key", version));
    done(&store, gone());
    let late = SetVersioning { name: bucket_name("bucket"), versioning: Versioning::Enabled };
    assert_eq!(one(&store, late), Err(Refusal::NoSuchBucket));
}

/// Counts look-ups, and the entries that scans show; does something at each look-up.
struct Watched<'s> {
    store: &'s MemoryStore,
    gets: Mutex<Vec<Space>>,
    shown: AtomicUsize,
    /// Is told how many look-ups there were before.
    meanwhile: &'s (dyn Fn(usize) + Sync),
}

impl<'s> Watched<'s> {
    fn new(store: &'s MemoryStore, meanwhile: &'s (dyn Fn(usize) + Sync)) -> Self {
        Self { store, gets: Mutex::default(), shown: 0.into(), meanwhile }
    }

    /// What was asked since the last time: look-ups by space, and entries shown.
    fn asked(&self) -> (Vec<Space>, usize) {
        let gets = std::mem::take(&mut *self.gets.lock().expect("not poisoned"));
        (gets, self.shown.swap(0, Ordering::Relaxed))
    }

    fn play(&self, command: impl Into<Command>) {
        let last = query::last_sequence(self.store).expect("counters");
        let mut round = Round::begin(self, last.next()).expect("a round");
        round.apply(command.into()).expect("a store").expect("not refused");
        self.store.commit(round.finish()).expect("a commit");
    }
}

impl Store for Watched<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let before = {
            let mut gets = self.gets.lock().expect("not poisoned");
            gets.push(space);
            gets.len() - 1
        };
        (self.meanwhile)(before);
        self.store.get(space, key)
    }

    fn peek(&self, space: Space, key: &[u8]) -> Result<Peek, StoreError> {
        self.store.peek(space, key)
    }

    fn scan(
        &self,
        space: Space,
        from: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Visit,
    ) -> Result<(), StoreError> {
        self.store.scan(space, from, &mut |key, value| {
            self.shown.fetch_add(1, Ordering::Relaxed);
            visit(key, value)
        })
    }

    fn scan_pair(
        &self,
        spaces: [Space; 2],
        from: [&[u8]; 2],
        visit: &mut dyn FnMut(Pair<'_>) -> Option<[Advance; 2]>,
    ) -> Result<(), StoreError> {
        self.store.scan_pair(spaces, from, visit)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.store.commit(batch)
    }
}

#[test]
fn buckets_without_versions_pay_nothing_for_them() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let counted = Watched::new(&store, &|_| ());
    for command in [
        Command::from(put(bucket, "key", vec![inline(b"x")], &[])),
        put(bucket, "key", vec![inline(b"y")], &[]).into(),
        delete(bucket, "key").into(),
        delete(bucket, "key").into(),
    ] {
        counted.play(command);
        let (gets, shown) = counted.asked();
        let spaces: Vec<Space> = gets.into_iter().filter(|space| *space != Space::System).collect();
        assert_eq!(spaces, [Space::Buckets, Space::Objects]);
        assert_eq!(shown, 0);
    }
}

/// The version before one that goes is found by one seek that starts behind that one, however many there are.
#[test]
fn what_comes_before_is_found_by_one_seek() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    set_versioning(&store, "bucket", Versioning::Enabled);
    let versions: Vec<VersionId> = (0..300).map(|_| put_version(&store, bucket, "key")).collect();
    let counted = Watched::new(&store, &|_| ());
    for (left, version) in versions.iter().enumerate().rev() {
        counted.play(purge(bucket, "key", *version));
        let (gets, shown) = counted.asked();
        assert_eq!(shown, usize::from(left > 0), "{left} are left");
        assert!(gets.len() < 9, "{gets:?}");
    }
    assert_sound(&store);
    // In one round, too: what it has taken away before is not asked for again.
    let versions: Vec<VersionId> = (0..100).map(|_| put_version(&store, bucket, "key")).collect();
    let keys = versions.iter().rev().map(|version| DeleteKey {
        key: key("key"),
        version: Some(*version),
        condition: DeleteCond::None,
        bypass: false,
    });
    counted.play(DeleteObjects { bucket, keys: keys.collect(), modified: AT });
    assert!(counted.asked().1 < 100);
    assert_sound(&store);
    assert_eq!(count(&store, Space::Versions), 0);
}

#[test]
fn conditions_see_a_delete_marker_as_nothing() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    set_versioning(&store, "bucket", Versioning::Enabled);
    let absent = || PutObject {
        condition: WriteCond::Absent,
        ..put(bucket, "key", vec![inline(b"x")], &[])
    };
    done(&store, absent());
    assert_eq!(one(&store, absent()), Err(Refusal::ConditionFailed));
    done(&store, delete_if(bucket, "key", DeleteCond::Exists));
    let again = delete_if(bucket, "key", DeleteCond::Exists);
    assert_eq!(one(&store, again), Err(Refusal::ConditionFailed));
    let same = delete_if(bucket, "key", DeleteCond::Matches(etag("etag")));
    assert_eq!(one(&store, same), Err(Refusal::NoSuchKey));
    done(&store, absent());
}

/// A version keeps its bytes while newer ones come and go, whatever they share.
#[test]
fn a_copy_of_an_old_version_shares_its_parts() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    set_versioning(&store, "bucket", Versioning::Enabled);
    make_upload(&store, bucket, "key", 1);
    let known = Known::written(1, 10);
    done(&store, put_part(bucket, "key", 1, 1, vec![known.whole()], &[known]));
    let made = done(&store, complete(&store, bucket, "key", 1, &[1]));
    let Reply::ObjectPut { version: Some(old), .. } = made else { panic!("{made:?}") };
    done(&store, delete(bucket, "key"));
    let Named::Object(original) = named(&store, bucket, "key", Some(old)) else {
        panic!("the old version is data")
    };
    done(&store, put_copy(bucket, "key", &original));
    done(&store, purge(bucket, "key", old));
    assert_eq!(drain(&store, 1), []);
    let copy = object(&store, bucket, "key");
    assert_eq!(copy.content.manifest(), original.content.manifest());
    done(&store, purge(bucket, "key", copy.version()));
    assert_eq!(drain(&store, 1), [known.blob]);
    assert_eq!(named(&store, bucket, "key", Some(old)), Named::Nothing);
}

#[test]
fn what_an_upload_made_is_found_behind_newer_versions() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    set_versioning(&store, "bucket", Versioning::Enabled);
    make_upload(&store, bucket, "key", 1);
    done(&store, put_part(bucket, "key", 1, 1, vec![inline(b"x")], &[]));
    let made = |max| {
        let made = query::made_of(&store, bucket, &key("key"), &upload_id(1), max);
        made.expect("a store").map(|object| object.version())
    };
    assert_eq!(made(9), None);
    let reply = done(&store, complete(&store, bucket, "key", 1, &[1]));
    let Reply::ObjectPut { version, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(made(0), version);
    put_version(&store, bucket, "key");
    done(&store, delete(bucket, "key"));
    put_version(&store, bucket, "key\0");
    assert_eq!((made(2), made(3)), (None, version));
    done(&store, purge(bucket, "key", version.expect("a version")));
    assert_eq!(made(9), None);
}

/// A version that becomes the latest one while it is looked for lies where it was looked for first.
#[test]
fn what_an_upload_made_is_found_while_it_becomes_the_latest() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    set_versioning(&store, "bucket", Versioning::Enabled);
    make_upload(&store, bucket, "key", 1);
    done(&store, put_part(bucket, "key", 1, 1, vec![inline(b"x")], &[]));
    let reply = done(&store, complete(&store, bucket, "key", 1, &[1]));
    let Reply::ObjectPut { version: made, .. } = reply else { panic!("{reply:?}") };
    for look in 1..3 {
        let newer = put_version(&store, bucket, "key");
        let meanwhile = |before| {
            if before == look {
                done(&store, purge(bucket, "key", newer));
            }
        };
        let watched = Watched::new(&store, &meanwhile);
        let found = query::made_of(&watched, bucket, &key("key"), &upload_id(1), 9);
        assert_eq!(found.expect("a store").map(|object| object.version()), made, "at look {look}");
        if matches!(named(&store, bucket, "key", Some(newer)), Named::Object(_)) {
            done(&store, purge(bucket, "key", newer));
        }
    }
}

/// A version that has moved is another owner of its blobs: a rewrite that was prepared before passes it over, and finds it
/// the next time.
#[test]
fn a_rewrite_finds_a_version_where_it_has_moved() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    set_versioning(&store, "bucket", Versioning::Enabled);
    let big = Known::written(1, 4 * MIB);
    done(&store, put(bucket, "whole", vec![big.whole()], &[big]));
    let version = put_version(&store, bucket, "key");
    done(&store, put(bucket, "key", vec![big.extent(0, 100)], &[]));
    let owners = |store| {
        let owners = query::owners(store, big.blob, None, 9).expect("owners").into_iter();
        owners.filter(|owner| !format!("{owner:?}").contains("whole")).collect::<Vec<_>>()
    };
    let rewrite = |owners, blob| {
        let small = Known::written(blob, 65536);
        let range = ByteRange::new(0, 65536).expect("a range");
        let target = crate::command::Target { range, to: small.blob, new: Some(small.file()) };
        RewriteBlob { from: big.blob, owners, targets: vec![target] }
    };
    let before = owners(&store);
    put_version(&store, bucket, "key");
    let after = owners(&store);
    assert!(before.len() == 1 && after.len() == 1 && before != after, "{before:?}, {after:?}");
    let late = one(&store, rewrite(before.clone(), 2));
    assert_eq!(late, Err(Refusal::NothingToRewrite));
    assert_eq!(done(&store, rewrite(after, 3)), Reply::Rewritten { extents: 1 });
    assert_eq!(owners(&store), []);
    // And back again.
    let latest = object(&store, bucket, "key").version();
    done(&store, purge(bucket, "key", latest));
    assert_eq!(query::owners(&store, BlobId::new(3), None, 9), Ok(before));
    assert!(matches!(named(&store, bucket, "key", Some(version)), Named::Object(_)));
}

#[test]
fn a_damaged_version_holds_up_no_other_key_of_its_command() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    set_versioning(&store, "bucket", Versioning::Enabled);
    let mut keys = Vec::new();
    for name in ["a", "b", "c"] {
        put_version(&store, bucket, name);
        let version = put_version(&store, bucket, name);
        keys.push(DeleteKey {
            key: key(name),
            version: Some(version),
            condition: DeleteCond::None,
            bypass: false,
        });
    }
    let first = key::first_version(bucket, &key("b"));
    let mut at = None;
    let visit = &mut |key: &[u8], _: &[u8]| {
        at = Some(key.to_vec());
        Visit::Stop
    };
    store.scan(Space::Versions, &first, visit).expect("a scan");
    put_raw(&store, Space::Versions, at.expect("the older version"), b"\x01\x07");
    let reply = done_unchecked(&store, DeleteObjects { bucket, keys, modified: AT }.into());
    let Reply::ObjectsDeleted(verdicts) = reply else { panic!("{reply:?}") };
    assert!(matches!(&verdicts[..], [Ok(_), Err(NotDeleted::Damaged(_)), Ok(_)]), "{verdicts:?}");
    let counters = query::bucket_counters(&store, bucket).expect("a store").expect("a bucket");
    assert_eq!((counters.objects, counters.versions), (3, 1));
    assert_eq!(query::object(&store, bucket, &key("b")).map(|found| found.is_some()), Ok(true));
}

/// A version that changes its place between two looks is there all the time.
#[test]
fn a_version_is_found_while_it_moves() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    set_versioning(&store, "bucket", Versioning::Enabled);
    let look = |version, meanwhile: &(dyn Fn() + Sync)| {
        let second = |before| {
            if before == 1 {
                meanwhile();
            }
        };
        let moving = Watched::new(&store, &second);
        query::version(&moving, bucket, &key("key"), version).expect("a store")
    };
    let old = put_version(&store, bucket, "key");
    let newer = put_version(&store, bucket, "key");
    let promoted = look(Some(old), &|| drop(done(&store, purge(bucket, "key", newer))));
    assert!(matches!(promoted, Named::Object(found) if found.version() == old));
    done(&store, delete(bucket, "key"));
    let again = || {
        put_version(&store, bucket, "key");
    };
    let restored = look(None, &again);
    assert!(matches!(restored, Named::Object(_)), "neither a marker nor nothing");
}

/// One null version takes the place of another: the key has one all the time.
#[test]
fn a_null_version_is_found_while_another_takes_its_place() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    set_versioning(&store, "bucket", Versioning::Suspended);
    done(&store, delete(bucket, "key"));
    for version in [None, Some(VersionId::Null)] {
        for look in 0..3 {
            let again = |before| {
                if before == look {
                    done(&store, delete(bucket, "key"));
                }
            };
            let moving = Watched::new(&store, &again);
            let found = query::version(&moving, bucket, &key("key"), version).expect("a store");
            assert!(matches!(found, Named::Marker(_)), "{version:?} at look {look}: {found:?}");
        }
    }
}

/// What a head names and is not there is damage, and no reason to look for ever.
#[test]
fn a_missing_version_that_is_named_is_damage() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    set_versioning(&store, "bucket", Versioning::Suspended);
    done(&store, delete(bucket, "key"));
    let head = begin(&store).version_head(bucket, &key("key")).expect("a store");
    let mut batch = Batch::new();
    batch
        .delete(Space::Versions, key::version(bucket, &key("key"), head.marker.expect("a marker")));
    store.commit(batch).expect("a commit");
    for version in [None, Some(VersionId::Null)] {
        let found = query::version(&store, bucket, &key("key"), version);
        assert!(matches!(found, Err(StoreError::Corrupt(_))), "{found:?}");
    }
}

#[test]
fn what_is_counted_of_versions_is_stored_beside_them() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    done(&store, put(bucket, "key", vec![inline(b"x")], &[]));
    set_versioning(&store, "bucket", Versioning::Enabled);
    let VersionId::Number(newer) = put_version(&store, bucket, "key") else { panic!("a number") };
    done(&store, delete(bucket, "key"));
    let head = begin(&store).version_head(bucket, &key("key")).expect("a store");
    let (marker, null) = (Some(Generation::new(newer + 1)), Some(Generation::new(newer - 1)));
    assert_eq!(head, VersionHead { versions: 3, marker, null });
    let all = begin(&store);
    let all = all.under(Space::Versions, &key::versions(bucket), 9).expect("a store");
    let read = |(_, stored): &(Vec<u8>, Bytes)| VersionRecord::decode(stored.clone());
    let stored: Vec<u64> =
        all[1..].iter().map(|one| read(one).expect("a version").generation().get()).collect();
    assert_eq!(stored, [newer + 1, newer, newer - 1]);
}
