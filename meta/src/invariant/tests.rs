use bytes::Bytes;

use super::*;
use crate::command::{NewTable, SetConfig};
use crate::id::{BlobId, BucketId, ManifestId, Sequence};
use crate::key::{self, GarbageKey};
use crate::memory::MemoryStore;
use crate::record::{ConfigKind, GarbageRecord, Record};
use crate::store::{Batch, Space};
use crate::testing::{Known, MIB, bucket_name, done, make_bucket, put};

fn put_raw(store: &dyn Store, space: Space, key: Vec<u8>, value: &'static [u8]) {
    let mut batch = Batch::new();
    batch.put(space, key, Bytes::from_static(value));
    store.commit(batch).expect("a commit");
}

#[test]
fn a_table_whose_blocks_do_not_add_up_is_found() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(1, 40 * MIB);
    done(&store, put(bucket, "key", vec![known.whole()], &[known]));
    assert_eq!(examine(&store).expect("a store").violations, []);
    let other = Known::written(2, 41 * MIB).file();
    let NewTable::Written(other) = other.table else { panic!("a table") };
    for page in 0..3 {
        let before = store.get(Space::Tables, &key::table_page(known.table, page));
        let before = before.expect("a store").expect("a page");
        let strange = other.pages()[page as usize].encode();
        for (value, sound) in [(strange.into(), false), (before, true)] {
            let mut batch = Batch::new();
            batch.put(Space::Tables, key::table_page(known.table, page), Bytes::clone(&value));
            store.commit(batch).expect("a commit");
            let report = examine(&store).expect("a store");
            let found = report.violations.iter().map(|found| found.predicate);
            assert!(found.eq((!sound).then_some("tables_are_whole")), "page {page}");
        }
    }
}

#[test]
fn a_configuration_that_is_named_or_there_alone_is_found() {
    for (kept, gone) in
        [(ConfigKind::Cors, ConfigKind::Tagging), (ConfigKind::Tagging, ConfigKind::Cors)]
    {
        let store = MemoryStore::new();
        let bucket = make_bucket(&store, "bucket");
        for kind in [kept, gone] {
            let document = Some("<x/>".to_owned());
            done(&store, SetConfig { name: bucket_name("bucket"), kind, document });
        }
        assert_eq!(check(&store).expect("a store"), []);
        let at = key::config(bucket, gone);
        let stored = store.get(Space::Buckets, &at).expect("a store").expect("a configuration");
        let mut batch = Batch::new();
        batch.delete(Space::Buckets, at);
        store.commit(batch).expect("a commit");
        let found = check(&store).expect("a store");
        assert!(found.iter().all(|found| found.predicate == "configurations_are_named"));
        assert_eq!(found.len(), 1);
        // And one that the bucket does not name.
        let mut batch = Batch::new();
        batch.put(Space::Buckets, key::config(BucketId::new(77), gone), stored);
        store.commit(batch).expect("a commit");
        assert_eq!(check(&store).expect("a store").len(), 2);
    }
}

/// A damaged head may claim billions of pages.
#[test]
fn claims_are_not_written_out() {
    let store = MemoryStore::new();
    let list = ManifestId::new(1);
    let claim = GarbageRecord::List { list, next: 1, pages: u32::MAX }.encode();
    let mut batch = Batch::new();
    let at = GarbageKey { sequence: Sequence::new(1), index: 0 };
    batch.put(Space::Garbage, key::garbage(at), claim);
    store.commit(batch).expect("a commit");
    let [found] = &examine(&store).expect("a store").violations[..] else { panic!("one") };
    assert_eq!(found.what, format!("{} pages of list 1 are missing", u32::MAX - 1));
}

#[test]
fn a_record_that_cannot_be_read_hides_no_other() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    for (blob, name) in (1..).zip(["a", "b", "c"]) {
        let known = Known::written(blob, 10);
        done(&store, put(bucket, name, vec![known.whole()], &[known]));
    }
    let sound = examine(&store).expect("a store");
    assert_eq!((sound.unreadable, sound.violations), (vec![], vec![]));

    let object = key::object_text(bucket, "a");
    put_raw(&store, Space::Objects, object.clone(), b"\x01what");
    put_raw(&store, Space::Leases, b"odd".to_vec(), b"\x01\0\0\0\0");
    let report = examine(&store).expect("a store");
    let unreadable: Vec<_> = report.unreadable.iter().map(|u| (u.space, &u.key[..])).collect();
    assert_eq!(unreadable, [(Space::Objects, &object[..]), (Space::Leases, b"odd")]);
    assert_eq!(report.blobs.into_keys().collect::<Vec<_>>(), [1, 2, 3].map(BlobId::new));
    let found: BTreeSet<_> = report.violations.iter().map(|found| found.predicate).collect();
    assert!(found.contains("references_are_counted"), "{found:?}");
    assert!(matches!(check(&store), Err(StoreError::Corrupt(_))));
}
