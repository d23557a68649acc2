//! Space comes back while the node runs: whatever is refused, overwritten, aborted, or left by its client at any
//! point leaves no file, no garbage and no lease behind.

use meta::id::FolderId;
use meta::invariant;
use meta::query;

use super::bytes;
use super::copy_object::multipart;
use crate::config::{Config, Way};
use crate::disk::DiskError;
use crate::disk::memory::{Call, MemoryDisk};
use crate::seam::Local;
use crate::testing::{Answered, TestNode, ask};

const KIB: usize = 1024;

/// Lengths of the parts of an object.
const PARTS: [usize; 2] = [5 * KIB * KIB + 1, 100 * KIB];

/// A node whose leases are used up after so few ids, with a bucket.
fn node(slots: u16, ways: &[Way]) -> TestNode {
    node_with(slots, |config| config.copy.ways = ways.to_vec())
}

fn node_with(slots: u16, change: impl FnOnce(&mut Config)) -> TestNode {
    let node = TestNode::with_slots(MemoryDisk::new(1 << 30), slots, change);
    assert_eq!(node.send("PUT", "/bkt", &[], b"").status, 200);
    node
}

fn used(node: &TestNode) -> u64 {
    let space = node.run(node.machine.disk.free()).expect("known");
    space.total - space.free
}

fn open_leases(node: &TestNode) -> Vec<FolderId> {
    ask(node, query::open_leases).into_iter().map(|(folder, _)| folder).collect()
}

/// Every file has its record and every record its file, and no lease is open but one with ids left.
fn assert_in_order(node: &TestNode, when: &str) {
    let report = invariant::examine(&*node.store).expect("readable");
    assert!(report.unreadable.is_empty() && report.violations.is_empty(), "{when}: {report:?}");
    let mut known: Vec<_> = report.blobs.keys().chain(&report.taken).copied().collect();
    known.sort_unstable();
    assert_eq!(node.disk.blobs(), known, "{when}");
    assert!(open_leases(node).len() <= 1, "{when}: {:?}", open_leases(node));
}

/// Lets everything go that may, and expects nothing to be left of it.
fn assert_all_comes_back(node: &TestNode, when: &str) {
    for key in ["k", "source", "up"] {
        assert_eq!(node.send("DELETE", &format!("/bkt/{key}"), &[], b"").status, 204, "{when}");
    }
    node.collect();
    assert_in_order(node, when);
    assert_eq!((used(node), node.disk.blobs()), (0, vec![]), "{when}");
    assert!(ask(node, |store| query::garbage(store, None, 1)).is_empty(), "{when}");
    let folders = node.run(node.machine.disk.list_folders()).expect("listed");
    assert_eq!(folders, open_leases(node), "{when}: an empty folder stays");
    // What is open is what the next write uses, and with it the lease is used up and closes.
    node.put("/bkt/next", &bytes(99, 100 * KIB));
    assert_eq!(open_leases(node), [], "{when}");
    assert_eq!(node.send("DELETE", "/bkt/next", &[], b"").status, 204, "{when}");
    node.collect();
    assert_eq!(node.run(node.machine.disk.list_folders()), Ok(vec![]), "{when}");
}

/// A request that is about to be sent, and the upload that it is about.
struct Sent {
    request: Local<'static, Answered>,
    upload: Option<String>,
}

/// Drops the request after every number of polls until it is answered before.
fn at_every_poll(ways: &[Way], send: impl Fn(&TestNode) -> Sent) {
    at_every_poll_on(|| node(1, ways), send);
}

/// The same on nodes that are made otherwise.
fn at_every_poll_on(node: impl Fn() -> TestNode, send: impl Fn(&TestNode) -> Sent) {
    for polls in 0.. {
        let node = node();
        let Sent { mut request, upload } = send(&node);
        let done = node.poll(&mut request, polls);
        drop(request);
        node.settle();
        let when = format!("dropped after {polls} polls");
        assert_in_order(&node, &when);
        if let Some(upload) = upload {
            let target = format!("/bkt/up?uploadId={upload}");
            let aborted = node.send("DELETE", &target, &[], b"");
            assert!(matches!(aborted.status, 204 | 404), "{when}: {aborted:?}");
        }
        assert_all_comes_back(&node, &when);
        if done {
            assert!(polls > 1, "the request gives way now and then");
            return;
        }
    }
}

fn start(
    node: &TestNode,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Local<'static, Answered> {
    Box::pin(node.start(method, target, headers, body))
}

/// A part copy of the middle of a source that has a blob of its own.
fn part_copy(node: &TestNode) -> Sent {
    node.put("/bkt/source", &bytes(2, 300 * KIB));
    part_copy_of("bytes=70000-250000", node, &[])
}

/// A part copy of this range of the source to an upload with these headers.
fn part_copy_of(range: &str, node: &TestNode, of_upload: &[(&str, &str)]) -> Sent {
    let upload = node.create_upload("/bkt/up", of_upload);
    let target = format!("/bkt/up?partNumber=1&uploadId={upload}");
    let headers = [("x-amz-copy-source", "/bkt/source"), ("x-amz-copy-source-range", range)];
    Sent { request: start(node, "PUT", &target, &headers, b""), upload: Some(upload) }
}

/// A copy of the source under another key.
fn whole_copy(node: &TestNode, headers: &[(&str, &str)]) -> Sent {
    let headers = [&[("x-amz-copy-source", "bkt/source")], headers].concat();
    Sent { request: start(node, "PUT", "/bkt/k", &headers, b""), upload: None }
}

/// What no copy knows without reading its source.
const SHA: [(&str, &str); 1] = [("x-amz-checksum-algorithm", "SHA256")];

#[test]
fn a_put_whose_client_goes_away_leaves_nothing() {
    at_every_poll(&Way::ALL, |node| {
        node.put("/bkt/k", &bytes(3, 100 * KIB));
        let request = start(node, "PUT", "/bkt/k", &[], &bytes(1, 200 * KIB));
        Sent { request, upload: None }
    });
}

#[test]
fn a_put_that_loses_and_whose_client_goes_away_leaves_nothing() {
    at_every_poll(&Way::ALL, |node| {
        let request = start(node, "PUT", "/bkt/k", &[("if-none-match", "*")], &bytes(1, 200 * KIB));
        // It wins the look before the body, and loses in the round.
        let mut request = request;
        while open_leases(node).is_empty() {
            assert!(!node.poll(&mut request, 1), "it has a body to store");
        }
        node.put("/bkt/k", &bytes(3, 100 * KIB));
        Sent { request, upload: None }
    });
}

#[test]
fn an_upload_part_whose_client_goes_away_leaves_nothing() {
    at_every_poll(&Way::ALL, |node| {
        let upload = node.create_upload("/bkt/up", &[]);
        let target = format!("/bkt/up?partNumber=1&uploadId={upload}");
        let request = start(node, "PUT", &target, &[], &bytes(1, 200 * KIB));
        Sent { request, upload: Some(upload) }
    });
}

#[test]
fn a_part_copy_by_any_way_whose_client_goes_away_leaves_nothing() {
    at_every_poll(&[Way::Share, Way::Rw], part_copy);
    at_every_poll(&[Way::Reflink, Way::Rw], part_copy);
    at_every_poll(&[Way::Rw], part_copy);
}

#[test]
fn a_whole_copy_whose_client_goes_away_leaves_nothing() {
    let to = |target: &'static str| {
        move |node: &TestNode| {
            node.put("/bkt/source", &bytes(2, 300 * KIB));
            node.put("/bkt/k", &bytes(3, 100 * KIB));
            let headers =
                [("x-amz-copy-source", "bkt/source"), ("x-amz-metadata-directive", "REPLACE")];
            Sent { request: start(node, "PUT", target, &headers, b""), upload: None }
        }
    };
    for target in ["/bkt/k", "/bkt/source"] {
        at_every_poll(&[Way::Share, Way::Rw], to(target));
        at_every_poll(&[Way::Reflink, Way::Rw], to(target));
        at_every_poll(&[Way::Rw], to(target));
    }
}

#[test]
fn a_copy_of_parts_whose_client_goes_away_leaves_nothing() {
    at_every_poll(&[Way::Share, Way::Rw], |node| {
        let upload = node.create_upload("/bkt/source", &[]);
        let target = format!("/bkt/source?partNumber=1&uploadId={upload}");
        let put = node.send("PUT", &target, &[], &bytes(1, 100 * KIB));
        let etag = put.header("etag").expect("an ETag").to_owned();
        let document = format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>\
             </CompleteMultipartUpload>"
        );
        let target = format!("/bkt/source?uploadId={upload}");
        assert_eq!(node.send("POST", &target, &[], document.as_bytes()).status, 200);
        let headers = [("x-amz-copy-source", "bkt/source")];
        Sent { request: start(node, "PUT", "/bkt/k", &headers, b""), upload: None }
    });
}

#[test]
fn a_copy_that_reads_nothing_and_whose_client_goes_away_leaves_nothing() {
    for ways in [[Way::Share, Way::Rw], [Way::Reflink, Way::Rw]] {
        let made = || {
            node_with(1, |config| {
                config.copy.ways = ways.to_vec();
                config.etag_md5_up_to = 0;
            })
        };
        at_every_poll_on(made, part_copy);
    }
}

#[test]
fn a_copy_that_is_hashed_and_whose_client_goes_away_leaves_nothing() {
    for ways in [&[Way::Share, Way::Rw][..], &[Way::Reflink, Way::Rw], &[Way::Rw]] {
        at_every_poll(ways, |node| {
            node.put("/bkt/source", &bytes(2, 300 * KIB));
            part_copy_of("bytes=70000-250000", node, &SHA)
        });
        at_every_poll(ways, |node| {
            node.put("/bkt/source", &bytes(2, 300 * KIB));
            whole_copy(node, &SHA)
        });
    }
}

#[test]
fn a_copy_of_several_parts_whose_client_goes_away_leaves_nothing() {
    for ways in [[Way::Share, Way::Rw], [Way::Reflink, Way::Rw]] {
        at_every_poll(&ways, |node| {
            multipart(node, "/bkt/source", &PARTS, &[]);
            node.put("/bkt/k", &bytes(3, 100 * KIB));
            whole_copy(node, &[])
        });
        // Across the border of the parts.
        at_every_poll(&ways, |node| {
            multipart(node, "/bkt/source", &PARTS, &[]);
            part_copy_of("bytes=5000000-5300000", node, &SHA)
        });
    }
    // Named once more, but read for its checksum.
    at_every_poll(&[Way::Share, Way::Rw], |node| {
        multipart(node, "/bkt/source", &PARTS[1..], &[]);
        whole_copy(node, &SHA)
    });
}

#[test]
fn a_complete_whose_client_goes_away_leaves_nothing() {
    at_every_poll(&Way::ALL, |node| {
        let upload = node.create_upload("/bkt/up", &[]);
        let target = format!("/bkt/up?partNumber=1&uploadId={upload}");
        let put = node.send("PUT", &target, &[], &bytes(1, 100 * KIB));
        let etag = put.header("etag").expect("an ETag").to_owned();
        let target = format!("/bkt/up?uploadId={upload}");
        let document = format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>\
             </CompleteMultipartUpload>"
        );
        let request = start(node, "POST", &target, &[], document.as_bytes());
        Sent { request, upload: Some(upload) }
    });
}

#[test]
fn what_fails_or_is_refused_leaves_nothing() {
    use Call::{Clone, Create, Finish, MakeFolder, Read, Reserve, Sync, Write};
    for call in [MakeFolder, Create, Reserve, Write, Finish, Sync, Clone, Read] {
        for after in 0..3 {
            let when = format!("{call:?} fails after {after} more");
            let node = node(1, &[Way::Reflink, Way::Rw]);
            node.put("/bkt/source", &bytes(2, 3 * 1024 * KIB));
            let upload = node.create_upload("/bkt/up", &[]);
            let part = format!("/bkt/up?partNumber=1&uploadId={upload}");
            let copy = [
                ("x-amz-copy-source", "/bkt/source"),
                ("x-amz-copy-source-range", "bytes=70000-2500000"),
            ];
            let good = |answered: Answered| usize::from(answered.status == 200);
            node.disk.fail(call, after, DiskError::NoSpace);
            let stored = good(node.send("PUT", "/bkt/k", &[], &bytes(1, 2 * 1024 * KIB)))
                + good(node.send("PUT", &part, &copy, b""))
                + good(node.send("PUT", &part, &[], &bytes(1, 2 * 1024 * KIB)));
            assert!(stored >= 2, "{when}: one of them at most");
            // A digest that does not match is found when all bytes are stored.
            let wrong = [("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")];
            assert_ne!(node.send("PUT", "/bkt/k", &wrong, &bytes(1, 100 * KIB)).status, 200);
            let gone = format!("/bkt/up?uploadId={upload}");
            assert_eq!(node.send("DELETE", &gone, &[], b"").status, 204);
            assert_eq!(node.send("PUT", &part, &[], &bytes(1, 100 * KIB)).status, 404, "{when}");
            // If nothing has failed so far, this does.
            for _ in 0..=after {
                node.send("PUT", "/bkt/k", &[], &bytes(1, 2 * 1024 * KIB));
            }
            assert_in_order(&node, &when);
            assert_all_comes_back(&node, &when);
        }
    }
}

#[test]
fn an_abandoned_file_that_cannot_be_unlinked_is_tried_again() {
    let node = node(1, &Way::ALL);
    for _ in ["together", "alone", "once more together", "and alone"] {
        node.disk.fail(Call::Unlink, 0, DiskError::Truncated);
    }
    let wrong = [("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")];
    assert_eq!(node.send("PUT", "/bkt/k", &wrong, &bytes(1, 100 * KIB)).status, 400);
    assert_all_comes_back(&node, "after two refusals");
}

#[test]
fn a_folder_goes_when_its_lease_is_closed_and_its_last_file_gone() {
    let node = node(2, &Way::ALL);
    let folders = || node.run(node.machine.disk.list_folders()).expect("listed");
    node.put("/bkt/k", &bytes(1, 100 * KIB));
    assert_eq!(node.send("DELETE", "/bkt/k", &[], b"").status, 204);
    node.collect();
    assert_eq!((node.disk.blobs(), folders().len()), (vec![], 1), "an id may still be used");
    node.put("/bkt/k", &bytes(2, 100 * KIB));
    assert_eq!((open_leases(&node), folders().len()), (vec![], 1), "a file lives in it");
    assert_eq!(node.send("DELETE", "/bkt/k", &[], b"").status, 204);
    node.collect();
    assert_eq!(folders(), []);
}

#[test]
fn empty_folders_and_what_is_lost_go_within_the_day() {
    let node = node(2, &Way::ALL);
    let housekeeping = node.housekeeping();
    let disk = &node.machine.disk;
    node.put("/bkt/k", &bytes(1, 100 * KIB));
    node.put("/bkt/other", &bytes(2, 100 * KIB));
    node.put("/bkt/last", &bytes(3, 100 * KIB));
    let [named, open] = node.run(disk.list_folders()).expect("listed")[..] else {
        panic!("a folder is used up, a second one begun")
    };
    assert_eq!(open_leases(&node), [open]);
    // Left by a crash: an empty folder, and a file that the sweep moved out of the way.
    let left = FolderId::new(900);
    node.run(disk.make_folder(left)).expect("made");
    let lost = meta::id::BlobId::in_folder(open, 7);
    node.run(disk.create(lost)).expect("created");
    node.disk.set_now(node.machine.clock.now());
    node.run(disk.move_to_lost(lost)).expect("moved");

    node.run(housekeeping.pass());
    assert_eq!(node.run(disk.list_folders()), Ok(vec![named, open]));
    assert_eq!((node.disk.lost(), node.machine.metrics.lost_files.get()), (vec![lost], 1));
    node.time.millis.set(node.time.millis.get() + 24 * 60 * 60 * 1000 + 1);
    node.run(housekeeping.pass());
    assert_eq!((node.disk.lost(), node.machine.metrics.lost_files.get()), (vec![], 0));
    assert_eq!(node.get("/bkt/last"), bytes(3, 100 * KIB));
}
