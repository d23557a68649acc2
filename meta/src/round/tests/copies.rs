//! Room: tests of objects that share their parts: copies, copies of copies, and what the last of them leaves.

use super::*;
use crate::record::{Manifest, ManifestNames};

/// An object of so many parts, a blob each.
fn make_parts(store: &dyn Store, bucket: BucketId, name: &str, parts: u16) -> Vec<Known> {
    make_upload(store, bucket, name, 1);
    let known: Vec<Known> = (1..=parts).map(|n| Known::written(n.into(), 10)).collect();
    for (part, known) in (1..).zip(&known) {
        done(store, put_part(bucket, name, 1, part, vec![known.whole()], &[*known]));
    }
    let listed: Vec<u16> = (1..=parts).collect();
    done(store, complete(store, bucket, name, 1, &listed));
    known
}

fn names(store: &dyn Store, manifest: &Manifest) -> u64 {
    begin(store).manifest_names(manifest.id).expect("a store")
}

fn shown(store: &dyn Store, bucket: BucketId, name: &str) -> Vec<Piece> {
    let record = object(store, bucket, name);
    let whole = ByteRange::new(0, record.len).expect("a range");
    let found = query::resolve(store, &record.content, whole).expect("pieces");
    found.into_iter().map(|slice| slice.piece).collect()
}

#[test]
fn parts_stay_until_the_last_copy_goes() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let files = make_parts(&store, bucket, "original", 3);
    let original = object(&store, bucket, "original");
    let manifest = original.content.manifest().expect("parts").clone();
    let pieces = shown(&store, bucket, "original");
    done(&store, put_copy(bucket, "copy", &original));
    let copy = object(&store, bucket, "copy");
    assert_eq!((&copy.content, copy.upload), (&Content::Copied(manifest.clone()), None));
    done(&store, put_copy(bucket, "copy of it", &copy));
    // Onto itself: what it replaces counts until it is released.
    done(&store, put_copy(bucket, "copy", &copy));
    assert_eq!(names(&store, &manifest), 4);
    done(&store, delete(bucket, "original"));
    assert_eq!((names(&store, &manifest), drain(&store, 1).len()), (4, 0));
    assert_eq!(names(&store, &manifest), 2);
    for name in ["copy", "copy of it"] {
        assert_eq!(shown(&store, bucket, name), pieces);
        done(&store, delete(bucket, name));
    }
    assert!(files.iter().all(|known| refs(&store, *known) == 1));
    assert_eq!(drain(&store, 2).len(), 3);
    assert_no_bytes_are_left(&store);
}

#[test]
fn a_copy_writes_no_part_again() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    make_parts(&store, bucket, "original", 600);
    let mut round = begin(&store);
    let original = object(&store, bucket, "original");
    for copy in 0..3 {
        let copy = put_copy(bucket, &format!("copy-{copy}"), &original);
        round.apply(copy.into()).expect("a store that is well").expect("not refused");
    }
    // Three objects, the count of names, the bucket's counters and those of the store.
    assert_eq!(round.finish().len(), 6);
}

/// A copy that began before the delete finds the parts as long as the garbage is not released, whose release the
/// epochs hold back for it.
#[test]
fn a_copy_of_a_deleted_object_keeps_its_parts() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    make_parts(&store, bucket, "original", 3);
    let original = object(&store, bucket, "original");
    let pieces = shown(&store, bucket, "original");
    done(&store, delete(bucket, "original"));
    done(&store, put_copy(bucket, "copy", &original));
    assert_eq!(drain(&store, 1), []);
    assert_eq!(shown(&store, bucket, "copy"), pieces);
}

#[test]
fn parts_that_are_being_let_go_of_are_not_shared() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    make_parts(&store, bucket, "original", 3);
    let original = object(&store, bucket, "original");
    done(&store, delete(bucket, "original"));
    let [(at, _)] = garbage(&store).try_into().expect("one record");
    let late = || Command::from(put_copy(bucket, "copy", &original));
    for _ in 0..5 {
        done(&store, ReleaseGarbage { at: vec![at], steps: 1 });
        let refused = run(&store, vec![late()]).remove(0);
        assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    }
    drain(&store, 1);
    let refused = run(&store, vec![late()]).remove(0);
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    assert_no_bytes_are_left(&store);
}

/// The parts that the object left out belong to no copy, whichever goes first.
#[test]
fn left_out_parts_go_before_a_copy_does() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    make_upload(&store, bucket, "original", 1);
    for part in 1..=2 {
        let known = Known::written(part.into(), 10);
        done(&store, put_part(bucket, "original", 1, part, vec![known.whole()], &[known]));
    }
    done(&store, complete(&store, bucket, "original", 1, &[2]));
    done(&store, put_copy(bucket, "copy", &object(&store, bucket, "original")));
    done(&store, delete(bucket, "original"));
    assert_eq!(drain(&store, 1), [BlobId::new(1)]);
    done(&store, delete(bucket, "copy"));
    assert_eq!(drain(&store, 1), [BlobId::new(2)]);
    assert_no_bytes_are_left(&store);
}

#[test]
fn wrong_counts_of_names_are_found() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    make_parts(&store, bucket, "original", 1);
    let original = object(&store, bucket, "original");
    let at = || key::manifest_names(original.content.manifest().expect("parts").id);
    let found = || {
        let found = crate::invariant::check(&store).expect("records that can be read");
        found.into_iter().map(|found| found.predicate).collect::<Vec<_>>()
    };
    for count in [0, 2] {
        put_raw(&store, Space::Manifests, at(), &ManifestNames { count }.encode());
        assert_eq!(found(), ["manifests_are_counted"], "{count}");
    }
    put_raw(&store, Space::Manifests, at(), &ManifestNames { count: 1 }.encode());
    done(&store, put_copy(bucket, "copy", &original));
    let mut batch = Batch::new();
    batch.delete(Space::Manifests, at());
    store.commit(batch).expect("a commit");
    assert_eq!(found(), ["manifests_are_counted"]);
}
