use bytes::Bytes;

use super::*;
use crate::id::BlobId;
use crate::key;
use crate::memory::MemoryStore;
use crate::store::{Batch, Space};
use crate::testing::{Known, done, make_bucket, put};

fn put_raw(store: &dyn Store, space: Space, key: Vec<u8>, value: &'static [u8]) {
    let mut batch = Batch::new();
    batch.put(space, key, Bytes::from_static(value));
    store.commit(batch).expect("a commit");
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
