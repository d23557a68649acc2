//! Objects: stored, read back whole and in ranges, overwritten, deleted; damage and failing disks.

use md5::{Digest, Md5};
use meta::query;
use protocol::etag::hex;

use super::{bytes, node_with_bucket};
use crate::disk::DiskError;
use crate::disk::memory::Call;
use crate::seam::Local;
use crate::testing::ask;

const LENGTHS: [usize; 9] =
    [0, 1, 4_095, 32_768, 32_769, 65_536, 65_537, 1_048_577, 3 * 1_048_576 + 11];

#[test]
fn what_was_put_comes_back_whole_and_in_ranges() {
    // rule: etag/md5, get/content-range
    let node = node_with_bucket();
    for (seed, len) in (1..).zip(LENGTHS) {
        let content = bytes(seed, len);
        let put = node.send("PUT", "/bkt/k", &[], &content);
        assert_eq!(put.status, 200, "{put:?}");
        let etag = format!("\"{}\"", hex(&Md5::digest(&content)));
        assert_eq!(put.header("etag"), Some(etag.as_str()));
        assert_eq!(node.get("/bkt/k"), content);
        let head = node.send("HEAD", "/bkt/k", &[], b"");
        assert_eq!(head.header("content-length"), Some(len.to_string().as_str()));
        for (start, end) in [(0, 1), (1, 4_096), (65_535, 65_538), (len / 2, len)] {
            if start >= end || end > len {
                continue;
            }
            let range = format!("bytes={start}-{}", end - 1);
            let part = node.send("GET", "/bkt/k", &[("range", &range)], b"");
            assert_eq!((part.status, part.cut), (206, false));
            assert_eq!(part.body, content[start..end], "{range} of {len}");
        }
    }
}

#[test]
fn an_overwrite_or_delete_gives_the_space_back() {
    let node = node_with_bucket();
    node.put("/bkt/k", &bytes(1, 200_000));
    node.put("/bkt/k", &bytes(2, 100_000));
    node.put("/bkt/small", b"inline");
    node.collect();
    assert_eq!(node.disk.blobs().len(), 1);
    assert_eq!(node.get("/bkt/k"), bytes(2, 100_000));
    assert_eq!(node.send("DELETE", "/bkt/k", &[], b"").status, 204);
    assert_eq!(node.send("GET", "/bkt/k", &[], b"").status, 404);
    node.collect();
    assert!(node.disk.blobs().is_empty());
    assert!(ask(&node, |store| query::garbage(store, None, 10)).is_empty());
}

#[test]
fn a_reader_keeps_what_it_began_to_read() {
    // rule: get/pinned
    let node = node_with_bucket();
    let content = bytes(3, 2 << 20);
    node.put("/bkt/k", &content);
    let mut reading: Local<'_, _> = Box::pin(node.start("GET", "/bkt/k", &[], b""));
    // Far enough to have looked the object up.
    assert!(!node.poll(&mut reading, 4));
    node.put("/bkt/k", b"something else");
    node.collect_what_may_go();
    let read = node.run(reading);
    assert_eq!((read.status, read.cut), (200, false));
    assert!(read.body == content);
}

#[test]
fn a_flipped_bit_never_leaves_the_node() {
    // rule: get/damage
    let node = node_with_bucket();
    node.put("/bkt/k", &bytes(4, 200_000));
    let blob = node.disk.blobs()[0];
    assert!(node.disk.corrupt(blob, 70_000, 4));
    let whole = node.send("GET", "/bkt/k", &[], b"");
    assert!(whole.status == 500 || whole.cut, "{}", whole.status);
    // The other blocks are as good as ever.
    let first = node.send("GET", "/bkt/k", &[("range", "bytes=0-65535")], b"");
    assert_eq!((first.status, first.body == bytes(4, 65_536)), (206, true));
}

#[test]
fn a_failing_disk_leaves_the_old_object_and_nothing_else() {
    // rule: put/all-or-nothing
    for (call, error, status) in [
        (Call::Create, DiskError::NoSpace, 507),
        (Call::Write, DiskError::NoSpace, 507),
        (Call::Write, DiskError::Truncated, 500),
        (Call::Sync, DiskError::Truncated, 500),
    ] {
        let node = node_with_bucket();
        node.put("/bkt/k", &bytes(5, 100_000));
        node.disk.fail(call, 0, error);
        assert_eq!(node.send("PUT", "/bkt/k", &[], &bytes(6, 100_000)).status, status, "{call:?}");
        node.settle();
        assert_eq!(node.disk.blobs().len(), 1, "{call:?}");
        assert_eq!(node.get("/bkt/k"), bytes(5, 100_000));
    }
}

#[test]
fn a_client_that_goes_away_leaves_nothing() {
    // rule: put/all-or-nothing
    let node = node_with_bucket();
    for polls in 0..40 {
        let content = bytes(7, 300_000);
        let mut putting: Local<'_, _> = Box::pin(node.start("PUT", "/bkt/gone", &[], &content));
        node.poll(&mut putting, polls);
        drop(putting);
        node.settle();
        // Either all of it is there (the commit had started) or nothing is.
        let read = node.send("GET", "/bkt/gone", &[], b"");
        assert!(read.status == 404 || read.body == content, "after {polls} polls");
        node.send("DELETE", "/bkt/gone", &[], b"");
        node.collect();
        assert!(node.disk.blobs().is_empty(), "after {polls} polls");
    }
}

#[test]
fn one_of_many_writers_wins() {
    // rule: put/race
    let node = node_with_bucket();
    let only_if_absent = [("if-none-match", "*")];
    assert_eq!(node.send("PUT", "/bkt/k", &only_if_absent, b"first").status, 200);
    let second = node.send("PUT", "/bkt/k", &only_if_absent, &bytes(8, 100_000));
    assert_eq!(second.status, 412);
    assert_eq!(second.element("Condition").as_deref(), Some("If-None-Match"));
    assert!(ask(&node, query::open_leases).is_empty(), "the loser's body was not even stored");
    assert_eq!(node.get("/bkt/k"), b"first");

    // Both find the key free, and one is overtaken while its body comes in.
    let slow = node.start("PUT", "/bkt/race", &only_if_absent, &bytes(9, 100_000));
    let mut slow: Local<'_, _> = Box::pin(slow);
    while ask(&node, query::open_leases).is_empty() {
        assert!(!node.poll(&mut slow, 1));
    }
    assert_eq!(node.send("PUT", "/bkt/race", &only_if_absent, b"fast").status, 200);
    assert_eq!(node.run(slow).status, 412);
    node.settle();
    assert!(node.disk.blobs().is_empty(), "the loser's file is unlinked at once");
    assert_eq!(node.get("/bkt/race"), b"fast");
}
