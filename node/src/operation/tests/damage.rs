//! What is damaged, refused or given up holds up nothing else.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use meta::id::{BlobId, TableId};
use meta::key::{self, GarbageKey};
use meta::query;
use meta::store::{Batch, Space, Store};

use super::{bytes, node_with_bucket};
use crate::bell;
use crate::blob::{ReadError, TableLoadError};
use crate::config::Reserve;
use crate::disk::DiskError;
use crate::disk::memory::{Call, MemoryDisk};
use crate::operation::failure;
use crate::seam::Local;
use crate::stage::Turn;
use crate::testing::{TestNode, ask};

/// A node with two objects, deleted but not let go of yet, and their blobs in the order of deletion.
fn with_garbage() -> (TestNode, Vec<BlobId>) {
    let node = node_with_bucket();
    node.put("/bkt/first", &bytes(1, 100_000));
    node.put("/bkt/second", &bytes(2, 100_000));
    let blobs = node.disk.blobs();
    for key in ["/bkt/first", "/bkt/second"] {
        assert_eq!(node.send("DELETE", key, &[], b"").status, 204);
    }
    (node, blobs)
}

fn overwrite(node: &TestNode, space: Space, key: Vec<u8>) {
    let mut batch = Batch::new();
    batch.put(space, key, &b"\xFFnonsense"[..]);
    node.store.commit(batch).expect("the store is well");
}

#[test]
fn damaged_garbage_holds_nothing_else_up() {
    type Damage = fn(GarbageKey, BlobId) -> (Space, Vec<u8>);
    let damages: [Damage; 3] = [
        |at, _| (Space::Garbage, key::garbage(at)),
        |_, blob| (Space::Blobs, key::blob(blob)),
        |_, blob| (Space::Tables, key::table_head(TableId::of(blob))),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let (node, blobs) = with_garbage();
        let garbage = ask(&node, |store| query::garbage(store, None, 10));
        let (space, key) = damage(garbage[0], blobs[0]);
        overwrite(&node, space, key);
        node.collect();
        assert_eq!(node.disk.blobs(), [blobs[0]], "damage {number}");
        assert_eq!(node.machine.metrics.garbage_damaged.get(), 1, "damage {number}");
        // The node serves on, and lets go of what comes later.
        node.put("/bkt/third", &bytes(3, 100_000));
        assert_eq!(node.send("DELETE", "/bkt/third", &[], b"").status, 204);
        node.collect();
        assert_eq!(node.disk.blobs(), [blobs[0]], "damage {number}");
    }
}

#[test]
fn a_file_that_cannot_be_unlinked_holds_no_other_up() {
    let (node, blobs) = with_garbage();
    for _ in ["of both", "of the first alone"] {
        node.disk.fail(Call::Unlink, 0, DiskError::Truncated);
    }
    let collector = node.collector();
    while node.run(collector.pass()).expect("nothing else fails") {}
    assert_eq!(node.disk.blobs(), [blobs[0]]);
    node.run(collector.pass()).expect("nothing fails");
    assert_eq!(node.disk.blobs(), [blobs[0]], "not at once");
    node.time.millis.set(node.time.millis.get() + 5_000);
    node.run(collector.pass()).expect("nothing fails");
    assert!(node.disk.blobs().is_empty(), "after a while it is tried again");
}

/// A download may take hours, and what it holds back may be a million things.
#[test]
fn what_is_held_back_is_not_looked_through_again_and_again() {
    let (node, _) = with_garbage();
    let reader = node.machine.epochs.enter();
    let collector = node.collector();
    let (ring, ear) = bell::bell();
    let mut running: Local<'_, ()> = Box::pin(collector.run(&ear));
    assert!(!node.poll(&mut running, 1000), "both are released, and not taken");
    assert_eq!(node.disk.blobs().len(), 2);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100 {
        assert!(running.as_mut().poll(&mut context).is_pending());
        assert_eq!(node.answer_a_question(), Turn::Idle);
    }
    drop((reader, ring));
    assert!(node.poll(&mut running, 1000), "the reader has gone");
    assert!(node.disk.blobs().is_empty());
}

#[test]
fn damage_is_counted() {
    let node = node_with_bucket();
    node.put("/bkt/k", &bytes(4, 100_000));
    assert!(node.disk.corrupt(node.disk.blobs()[0], 10, 1));
    assert_eq!(node.send("GET", "/bkt/k", &[], b"").status, 500);
    assert_eq!(node.machine.metrics.corrupt_blocks.get(), 1);
}

#[test]
fn a_full_queue_of_questions_is_slow_down_also_for_block_tables() {
    let node = TestNode::new();
    let busy = ReadError::Table { table: TableId::new(1), page: 0, error: TableLoadError::Busy };
    assert_eq!(failure::read(&node.machine, &busy).code.as_str(), "SlowDown");
}

#[test]
fn a_lease_whose_folder_cannot_be_made_is_given_back() {
    let node = node_with_bucket();
    node.disk.fail(Call::MakeFolder, 0, DiskError::NoSpace);
    assert_eq!(node.send("PUT", "/bkt/k", &[], &bytes(5, 100_000)).status, 507);
    assert!(ask(&node, query::open_leases).is_empty());
    node.put("/bkt/k", &bytes(5, 100_000));
    assert_eq!(ask(&node, query::open_leases).len(), 1);
}

/// Many slow uploads together must not get more room than there is: what the metadata needs would go, too.
#[test]
fn an_upload_under_way_keeps_its_room() {
    let node = TestNode::with(MemoryDisk::new(1536 * 1024), |config| {
        config.disk_reserve = Reserve::Bytes(0);
    });
    assert_eq!(node.send("PUT", "/bkt", &[], b"").status, 200);
    let measure = || node.run(node.machine.admission.measure(&*node.machine.disk));
    let content = bytes(7, 1 << 20);
    measure().expect("measured");
    let mut slow: Local<'_, _> = Box::pin(node.start("PUT", "/bkt/slow", &[], &content));
    assert!(!node.poll(&mut slow, 5), "it is under way");
    assert!(!node.disk.blobs().is_empty());
    measure().expect("measured");
    assert_eq!(node.send("PUT", "/bkt/late", &[], &content).status, 507);
    assert_eq!(node.run(slow).status, 200);
    measure().expect("measured");
    node.put("/bkt/small", &bytes(8, 100_000));
}

#[test]
fn below_the_reserve_writes_are_refused_and_the_rest_goes_on() {
    let node = node_with_bucket();
    let content = bytes(6, 100_000);
    node.put("/bkt/k", &content);
    let upload = node.create_upload("/bkt/up", &[]);
    let part = format!("/bkt/up?partNumber=1&uploadId={upload}");
    let put = node.send("PUT", &part, &[], &content);
    let etag = put.header("etag").expect("an ETag").to_owned();
    let measure = || node.run(node.machine.admission.measure(&*node.machine.disk));
    measure().expect("measured");
    // An announcement that would eat the reserve is refused before a byte of it.
    assert!(!node.machine.admission.admit(1 << 32) && node.machine.admission.admit(1 << 31));
    while node.machine.admission.admit(1 << 20) {}
    while node.machine.admission.admit(1) {}
    let copy = [("x-amz-copy-source", "bkt/k")];
    for (method, target, headers, body) in [
        ("PUT", "/bkt/k", &[][..], &content[..]),
        ("PUT", "/bkt/small", &[], b"1"),
        ("PUT", "/bkt/empty", &[], b""),
        ("PUT", &part, &[], b"1"),
        ("PUT", &part, &copy, b""),
        ("POST", "/bkt/new?uploads", &[], b""),
        ("PUT", "/other", &[], b""),
    ] {
        let refused = node.send(method, target, headers, body);
        let code = refused.element("Code");
        assert_eq!((refused.status, code.as_deref()), (507, Some("InsufficientStorage")));
    }
    assert_eq!(node.get("/bkt/k"), content);
    assert_eq!(node.send("HEAD", "/bkt/k", &[], b"").status, 200);
    assert_eq!(node.complete("/bkt/up", &upload, &[(1, etag)]).status, 200);
    assert_eq!(node.send("DELETE", "/bkt/k", &[], b"").status, 204);
    measure().expect("measured");
    node.put("/bkt/k", &content);
    let aborted = node.create_upload("/bkt/up", &[]);
    while node.machine.admission.admit(1 << 20) {}
    while node.machine.admission.admit(1) {}
    assert_eq!(node.send("DELETE", &format!("/bkt/up?uploadId={aborted}"), &[], b"").status, 204);
}

/// Polls `future` as often as it takes and answers its questions; nothing else goes on meanwhile.
fn alone<T>(node: &TestNode, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
        node.answer_a_question();
    }
    None
}

#[test]
fn a_copy_under_way_keeps_its_source_when_its_client_goes_away() {
    let node = node_with_bucket();
    let content = bytes(7, 300_000);
    node.put("/bkt/source", &content);
    let upload = node.create_upload("/bkt/copy", &[]);
    let part = format!("/bkt/copy?partNumber=1&uploadId={upload}");
    let copy = node.start("PUT", &part, &[("x-amz-copy-source", "bkt/source")], b"");
    // It gets as far as handing its command over, which nobody takes up yet; then its client goes away.
    assert!(alone(&node, copy).is_none());
    let on_its_way = node.set_tasks_aside();
    assert_eq!(node.send("DELETE", "/bkt/source", &[], b"").status, 204);
    // What is released in one pass is taken in the next one, and its file unlinked.
    for _ in 0..3 {
        node.collect_what_may_go();
    }
    node.put_tasks_back(on_its_way);
    node.settle();
    node.collect();
    let listed = node.send("GET", &format!("/bkt/copy?uploadId={upload}"), &[], b"");
    let etag = listed.element("ETag").expect("the part was put");
    assert_eq!(node.complete("/bkt/copy", &upload, &[(1, etag)]).status, 200);
    assert_eq!(node.get("/bkt/copy"), content);
}
