//! What lifecycle rules let go of: exactly what was judged, and only as long as it is so.

use protocol::versioning::Versioning;

use super::versions::{named, purge, set_versioning};
use super::*;
use crate::command::{DELETE_KEYS_MAX, Expire, ExpireItem, Expiring};
use crate::id::Generation;
use crate::query::Named;

fn write(store: &dyn Store, bucket: BucketId, name: &str) -> Generation {
    match done(store, put(bucket, name, vec![inline(b"x")], &[])) {
        Reply::ObjectPut { generation, .. } => generation,
        other => panic!("{other:?}"),
    }
}

fn mark(store: &dyn Store, bucket: BucketId, name: &str) -> Generation {
    done(store, delete(bucket, name));
    match named(store, bucket, name, None) {
        Named::Marker(marker) => marker.generation,
        other => panic!("{other:?}"),
    }
}

fn expire(store: &dyn Store, bucket: BucketId, items: &[(&str, Expiring)]) -> Vec<bool> {
    let items = items.iter().map(|(name, what)| ExpireItem { key: key(name), what: *what });
    match done(store, Expire { bucket, items: items.collect(), now: AT }) {
        Reply::Expired(gone) => gone,
        other => panic!("{other:?}"),
    }
}

fn latest(generation: Generation) -> Expiring {
    Expiring::Latest { generation }
}

fn noncurrent(generation: Generation) -> Expiring {
    Expiring::Noncurrent { generation }
}

fn lone(generation: Generation) -> Expiring {
    Expiring::LoneMarker { generation }
}

#[test]
fn the_latest_goes_as_a_delete_would_have_it_go() {
    for versioning in [Versioning::Unversioned, Versioning::Enabled, Versioning::Suspended] {
        let store = MemoryStore::new();
        let bucket = make_bucket(&store, "bucket");
        if versioning != Versioning::Unversioned {
            set_versioning(&store, "bucket", versioning);
        }
        let (old, kept) = (write(&store, bucket, "a"), write(&store, bucket, "b"));
        let new = write(&store, bucket, "a");
        let asked = [
            ("a", latest(old)),
            ("a", noncurrent(new)),
            ("a", lone(new)),
            ("a", latest(new)),
            ("a", latest(new)),
            ("none", latest(new)),
        ];
        let gone = expire(&store, bucket, &asked);
        assert_eq!(gone, [false, false, false, true, false, false], "{versioning:?}");
        let now = named(&store, bucket, "a", None);
        match versioning {
            Versioning::Unversioned => assert_eq!(now, Named::Nothing),
            Versioning::Enabled => assert!(matches!(now, Named::Marker(marker) if !marker.null)),
            Versioning::Suspended => assert!(matches!(now, Named::Marker(marker) if marker.null)),
        }
        assert_eq!(object(&store, bucket, "b").generation, kept);
    }
}

#[test]
fn an_older_version_goes_unless_it_is_the_latest_again() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    set_versioning(&store, "bucket", Versioning::Enabled);
    let (first, second) = (write(&store, bucket, "a"), write(&store, bucket, "a"));
    let third = write(&store, bucket, "a");
    assert_eq!(expire(&store, bucket, &[("a", noncurrent(first))]), [true]);
    done(&store, purge(bucket, "a", object(&store, bucket, "a").version()));
    assert_eq!(object(&store, bucket, "a").generation, second, "it is the latest again");
    let asked = [("a", noncurrent(second)), ("a", noncurrent(third)), ("a", noncurrent(first))];
    assert_eq!(expire(&store, bucket, &asked), [false, false, false]);
    // Markers are versions like others.
    let marker = mark(&store, bucket, "a");
    assert_eq!(expire(&store, bucket, &[("a", noncurrent(marker))]), [false], "the latest");
    write(&store, bucket, "a");
    assert_eq!(expire(&store, bucket, &[("a", noncurrent(marker))]), [true]);
}

#[test]
fn a_marker_goes_only_where_nothing_lies_below_it() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    set_versioning(&store, "bucket", Versioning::Enabled);
    let data = write(&store, bucket, "a");
    let marker = mark(&store, bucket, "a");
    let asked =
        [("a", lone(marker)), ("a", noncurrent(data)), ("a", lone(data)), ("a", lone(marker))];
    assert_eq!(expire(&store, bucket, &asked), [false, true, false, true]);
    assert_eq!(named(&store, bucket, "a", None), Named::Nothing);
    let marker = mark(&store, bucket, "b");
    write(&store, bucket, "b");
    assert_eq!(expire(&store, bucket, &[("b", lone(marker))]), [false], "data stands over it");
    done(&store, Expire { bucket, items: Vec::new(), now: AT });
}

#[test]
fn a_damaged_key_keeps_no_other() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let (first, second) = (write(&store, bucket, "a"), write(&store, bucket, "b"));
    let mut batch = Batch::new();
    batch.put(Space::Objects, key::object(bucket, &key("a")), &b"\xFF"[..]);
    store.commit(batch).expect("a commit");
    let asked = [("a", latest(first)), ("b", latest(second))];
    let items = asked.map(|(name, what)| ExpireItem { key: key(name), what });
    let mut round = begin(&store);
    let reply = round.apply(Expire { bucket, items: items.into(), now: AT }.into());
    assert_eq!(reply, Ok(Ok(Reply::Expired(vec![false, true]))));
}

#[test]
fn a_bucket_that_is_gone_refuses() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    done(&store, DeleteBucket { name: bucket_name("bucket") });
    let items = Vec::with_capacity(DELETE_KEYS_MAX);
    assert_eq!(one(&store, Expire { bucket, items, now: AT }), Err(Refusal::NoSuchBucket));
}
