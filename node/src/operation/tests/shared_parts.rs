//! CopyObject of objects made of parts: the copy names the same parts, for as long as anybody does.

use meta::invariant;
use meta::store::{Space, Store, StoreError, Visit};

use super::copy_object::{copied, copy, multipart};
use super::{bytes, node_with_bucket};
use crate::config::Way;
use crate::disk::memory::MemoryDisk;
use crate::seam::Local;
use crate::testing::{Answered, TestNode, ask};

const MIB: usize = 1 << 20;

/// How many records there are of what bytes lie in.
fn records(node: &TestNode) -> usize {
    let count = |store: &dyn Store, space| -> Result<usize, StoreError> {
        let mut count = 0;
        store.scan(space, &[], &mut |_, _| {
            count += 1;
            Visit::Next
        })?;
        Ok(count)
    };
    let of_bytes = [Space::Parts, Space::Pieces, Space::Blobs, Space::Tables, Space::Owners];
    ask(node, move |store| of_bytes.into_iter().map(|space| count(store, space)).sum())
}

fn assert_sound(node: &TestNode) {
    let report = invariant::examine(&*node.store).expect("readable");
    assert!(report.unreadable.is_empty() && report.violations.is_empty(), "{report:?}");
}

fn delete(node: &TestNode, key: &str) {
    assert_eq!(node.send("DELETE", key, &[], b"").status, 204);
}

#[test]
fn an_object_of_parts_is_copied_by_naming_its_parts() {
    let node = node_with_bucket();
    let whole = multipart(&node, "/bkt/source", &[5 * MIB, 5 * MIB + 3, 7], &[]);
    node.put("/bkt/there", &bytes(1, MIB));
    let (before, files) = (records(&node), node.disk.blobs().len());
    let replace = [("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-color", "red")];
    for (source, target, headers) in [
        ("bkt/source", "/bkt/copy", &[][..]),
        ("bkt/copy", "/bkt/of a copy", &[]),
        ("bkt/source", "/bkt/source", &replace),
        ("bkt/copy", "/bkt/copy", &replace),
        ("bkt/source", "/bkt/there", &[]),
    ] {
        let target = target.replace(' ', "%20");
        let answered = copied(&node, source, &target, headers);
        assert_eq!(answered.way.as_deref(), Some("share"), "{target}");
        assert!(node.get(&target) == whole, "{target}");
    }
    assert_sound(&node);
    node.collect();
    // What was in the way of the last copy has gone.
    assert_eq!((records(&node), node.disk.blobs().len()), (before - 4, files - 1));
    // A range of the copy is copied like one of the source.
    let upload = node.create_upload("/bkt/up", &[]);
    let part = format!("/bkt/up?partNumber=1&uploadId={upload}");
    let range = [("x-amz-copy-source-range", format!("bytes=1000-{}", 6 * MIB))];
    let range = [("x-amz-copy-source", "bkt/copy"), (range[0].0, range[0].1.as_str())];
    assert_eq!(node.send("PUT", &part, &range, b"").status, 200);
    for key in ["/bkt/source", "/bkt/copy", "/bkt/there", "/bkt/of%20a%20copy"] {
        assert!(node.get(key) == whole, "{key}");
        delete(&node, key);
        node.collect();
        assert_sound(&node);
    }
    assert_eq!(node.send("DELETE", &format!("/bkt/up?uploadId={upload}"), &[], b"").status, 204);
    node.collect();
    assert_eq!((records(&node), node.disk.blobs()), (0, vec![]));
}

#[test]
fn where_another_way_is_preferred_the_bytes_are_copied() {
    let node = TestNode::with(MemoryDisk::new(1 << 32), |config| {
        config.copy.ways = vec![Way::Reflink, Way::Share, Way::Rw];
    });
    node.send("PUT", "/bkt", &[], b"");
    let whole = multipart(&node, "/bkt/source", &[5 * MIB, MIB], &[]);
    let answered = copied(&node, "bkt/source", "/bkt/copy", &[]);
    assert_eq!(answered.way.as_deref(), Some("reflink"));
    delete(&node, "/bkt/source");
    node.collect();
    assert!(node.get("/bkt/copy") == whole);
}

/// A copy of a lone part knows the MD5 of its bytes from the part, however long it is.
#[test]
fn the_md5_of_a_lone_part_is_that_of_the_copy() {
    let node = node_with_bucket();
    multipart(&node, "/bkt/source", &[6 * MIB], &[]);
    node.put("/bkt/plain", &bytes(1, 6 * MIB));
    let answered = copied(&node, "bkt/source", "/bkt/copy", &[]);
    let plain = node.send("HEAD", "/bkt/plain", &[], b"");
    assert_eq!(answered.element("ETag").as_deref(), plain.header("etag"));
}

#[test]
fn parts_stay_for_a_copy_that_began_before_the_source_went() {
    let node = node_with_bucket();
    let mut answers = Vec::new();
    for polls in 0..12 {
        let whole = multipart(&node, "/bkt/source", &[5 * MIB + 1, 1000], &[]);
        let headers = [("x-amz-copy-source", "bkt/source")];
        let mut under_way: Local<'_, Answered> =
            Box::pin(node.start("PUT", "/bkt/copy", &headers, b""));
        let done = node.poll(&mut under_way, polls);
        delete(&node, "/bkt/source");
        node.collect_what_may_go();
        let status = if done { 200 } else { node.run(under_way).status };
        answers.push((done, status));
        if status == 200 {
            node.collect();
            assert!(node.get("/bkt/copy") == whole, "after {polls}");
            delete(&node, "/bkt/copy");
        }
        node.collect();
        assert_sound(&node);
        assert_eq!((records(&node), node.disk.blobs()), (0, vec![]), "after {polls}");
    }
    assert!(answers.contains(&(false, 404)) && answers.contains(&(false, 200)), "{answers:?}");
    assert!(answers.contains(&(true, 200)), "{answers:?}");
}

#[test]
fn a_lost_condition_leaves_the_parts_as_they_are() {
    let node = node_with_bucket();
    let whole = multipart(&node, "/bkt/source", &[5 * MIB + 1, 1000], &[]);
    node.put("/bkt/there", b"there");
    let refused = copy(&node, "bkt/source", "/bkt/there", &[("if-none-match", "*")]);
    assert_eq!(refused.status, 412);
    let headers = [("x-amz-copy-source", "bkt/source"), ("if-none-match", "*")];
    let racers = (0..4).map(|_| node.start("PUT", "/bkt/new", &headers, b""));
    let all = node.run(futures_util::future::join_all(racers));
    assert_eq!(all.iter().filter(|one| one.status == 200).count(), 1, "{all:?}");
    assert_sound(&node);
    for key in ["/bkt/source", "/bkt/new"] {
        assert!(node.get(key) == whole, "{key}");
        delete(&node, key);
    }
    node.collect();
    assert_eq!(node.disk.blobs(), []);
}
