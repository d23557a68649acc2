//! Blobs of which little is named are rewritten: their space comes back, and nobody who reads notices.

use std::rc::Rc;

use meta::command::{
    DeleteCond, DeleteObject, NewContent, NewObject, PutObject, SetVersioning, WriteCond,
};
use meta::fingerprint::Fingerprint;
use meta::invariant;
use meta::query;
use meta::record::{BlobRecord, Content, Extent, Piece, PieceList, Record};
use meta::store::{Batch, Space, Store};
use protocol::etag::ETag;
use protocol::lock::ObjectLock;
use protocol::metadata::ObjectMetadata;
use protocol::name::{BucketName, ObjectKey};
use protocol::storage_class::StorageClass;
use protocol::tagging::TagSet;
use protocol::versioning::Versioning;

use super::bytes;
use crate::config::Way;
use crate::disk::memory::MemoryDisk;
use crate::disk::{DiskWays, Space as Room};
use crate::metrics::FileSystem;
use crate::rewrite::Rewriter;
use crate::seam::Local;
use crate::testing::{TestNode, ask};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

fn node(disk: MemoryDisk) -> TestNode {
    let node = TestNode::with_slots(disk, 3, |_| {});
    assert_eq!(node.send("PUT", "/bkt", &[], b"").status, 200);
    node
}

fn rewrite(node: &TestNode) {
    let rewriter = Rewriter::new(node.machine.clone());
    node.run(rewriter.pass()).expect("nothing fails");
    node.collect();
}

fn sparse(node: &TestNode) -> usize {
    ask(node, |store| query::sparse(store, None, 100)).len()
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::parse(name).expect("a key")
}

/// The one extent of an object that was put as one.
fn extent_of(node: &TestNode, name: &str) -> Extent {
    let found = ask(node, |store| {
        let bucket = query::bucket(store, &BucketName::parse("bkt").expect("a name"))?;
        query::object(store, bucket.expect("there").id, &key(name))
    });
    let Content::Pieces(PieceList::Short(pieces)) = found.expect("there").content else {
        panic!("put as one, with few pieces")
    };
    *pieces.iter().find_map(Piece::extent).expect("in a blob")
}

/// A range of `content`, which lies in `source`.
fn part_of(source: &Extent, content: &[u8], start: usize, len: usize) -> Piece {
    let fingerprint = Fingerprint::of(&content[start..start + len]);
    Piece::Extent(Extent {
        offset: source.offset + start as u64,
        len: len as u64,
        fingerprint,
        ..*source
    })
}

/// Names pieces of blobs that are there as an object.
fn name(node: &TestNode, as_name: &str, pieces: Vec<Piece>) {
    let bucket =
        ask(node, |store| query::bucket(store, &BucketName::parse("bkt").expect("a name")));
    let fingerprint = |all: Fingerprint, piece: &Piece| all.then(piece.fingerprint(), piece.len());
    let command = PutObject {
        bucket: bucket.expect("there").id,
        key: key(as_name),
        condition: WriteCond::None,
        object: NewObject {
            modified: node.machine.clock.now().truncated_to_second(),
            len: pieces.iter().map(Piece::len).sum(),
            etag: ETag::from_md5(&[7; 16]),
            md5: None,
            fingerprint: pieces.iter().fold(Fingerprint::EMPTY, fingerprint),
            checksum: None,
            metadata: ObjectMetadata::default(),
            tags: TagSet::default(),
            storage_class: StorageClass::Standard,
            lock: ObjectLock::default(),
        },
        content: NewContent::Pieces { pieces, blobs: Vec::new() },
    };
    node.run(node.machine.catalog.commit(command.into())).expect("committed");
}

fn delete(node: &TestNode, name: &str) {
    assert_eq!(node.send("DELETE", &format!("/bkt/{name}"), &[], b"").status, 204);
    node.collect();
}

/// Part 1 of an upload of `up`, copied from a range of `source`; its id and the part's ETag.
fn copied_part(node: &TestNode, start: usize, len: usize) -> (String, String) {
    let upload = node.create_upload("/bkt/up", &[]);
    let range = format!("bytes={start}-{}", start + len - 1);
    let headers = [("x-amz-copy-source", "/bkt/source"), ("x-amz-copy-source-range", &range)];
    let target = format!("/bkt/up?partNumber=1&uploadId={upload}");
    let copied = node.send("PUT", &target, &headers, b"");
    assert_eq!((copied.status, copied.way.as_deref()), (200, Some("share")), "{copied:?}");
    let etag = copied.element("ETag").expect("an ETag");
    (upload, etag)
}

fn assert_sound(node: &TestNode, when: &str) {
    let report = invariant::examine(&*node.store).expect("readable");
    assert!(report.unreadable.is_empty() && report.violations.is_empty(), "{when}: {report:?}");
    let mut known: Vec<_> = report.blobs.keys().chain(&report.taken).copied().collect();
    known.sort_unstable();
    assert_eq!(node.disk.blobs(), known, "{when}");
}

#[test]
fn a_mebibyte_of_a_large_deleted_object_holds_a_mebibyte() {
    let node = node(MemoryDisk::new(1 << 30));
    let content = bytes(1, 64 * MIB);
    node.put("/bkt/source", &content);
    let (start, len) = (20 * MIB + 777, MIB);
    let (upload, etag) = copied_part(&node, start, len);
    assert_eq!(node.complete("/bkt/up", &upload, &[(1, etag)]).status, 200);
    delete(&node, "source");
    assert_eq!((node.disk.used(), sparse(&node)), (64 * MIB as u64, 1));
    let before = node.send("HEAD", "/bkt/up", &[], b"");
    assert_eq!(before.status, 200);

    node.time.millis.set(node.time.millis.get() + 100_000);
    rewrite(&node);
    assert_eq!((node.disk.used(), sparse(&node)), ((MIB + 64 * KIB) as u64, 0));
    assert_eq!(node.get("/bkt/up"), content[start..start + len]);
    let after = node.send("HEAD", "/bkt/up", &[], b"");
    assert_eq!(after.headers, before.headers, "nobody who reads notices");
    let metrics = node.machine.metrics.render();
    let line = format!("tenon_rewritten_bytes_total{{way=\"reflink\"}} {}", MIB + 64 * KIB);
    assert!(metrics.lines().any(|have| have == line), "{metrics}");
    assert!(metrics.contains("tenon_copy_pieces_total{way=\"reflink\"} 0"), "no client's copy");
    rewrite(&node);
    assert!(node.machine.metrics.render().contains(&format!("tenon_slack_bytes {}\n", 64 * KIB)));
    delete(&node, "up");
    assert_eq!((node.disk.used(), node.disk.blobs()), (0, vec![]));
    assert_sound(&node, "at the end");
}

#[test]
fn a_rewrite_that_had_to_wait_for_hours_holds_the_next_one_up_for_seconds() {
    const HOUR: u64 = 3_600_000;
    let node = node(MemoryDisk::new(1 << 30));
    node.put("/bkt/source", &bytes(1, 8 * MIB));
    let (upload, etag) = copied_part(&node, 777, MIB);
    assert_eq!(node.complete("/bkt/up", &upload, &[(1, etag)]).status, 200);
    delete(&node, "source");
    let (rewriter, time) = (Rewriter::new(node.machine.clone()), &node.time.millis);
    let began = time.get();
    let mut pass: Local<'_, _> = Box::pin(rewriter.pass());
    // Totals, what is sparse, and the first question about the blob.
    assert!(!node.poll(&mut pass, 3), "it is at work");
    assert_eq!(sparse(&node), 1);
    time.set(time.get() + HOUR);
    node.run(pass).expect("nothing fails");
    let took = time.get() - began;
    assert!(
        (HOUR + 10_000..HOUR + 60_000).contains(&took),
        "{took} ms: it rests, but not for hours"
    );
}

#[test]
fn where_nothing_can_be_cloned_the_bytes_are_copied() {
    let ways = DiskWays { clone: false, copy_file_range: false, splice: false };
    let kernel = DiskWays { copy_file_range: true, ..ways };
    for (ways, way) in [(ways, Way::Rw), (kernel, Way::CopyFileRange)] {
        let node = node(MemoryDisk::with_ways(1 << 30, ways));
        let content = bytes(2, 3 * MIB + 5);
        node.put("/bkt/source", &content);
        let tail = 200_000;
        let (upload, etag) = copied_part(&node, content.len() - tail, tail);
        delete(&node, "source");
        rewrite(&node);
        // These bytes touch five blocks, the last of which holds five of them, padded to 4 KiB.
        assert_eq!(node.disk.used(), (4 * 64 * KIB + 4 * KIB) as u64, "{way:?}");
        let metrics = node.machine.metrics.render();
        let line = format!("tenon_rewritten_bytes_total{{way=\"{}\"}}", way.as_str());
        let line = metrics.lines().find(|have| have.starts_with(&line)).expect("counted");
        assert!(!line.ends_with(" 0"), "{line}");
        // It was an open upload's part, and still is.
        assert_eq!(node.complete("/bkt/up", &upload, &[(1, etag)]).status, 200);
        assert_eq!(node.get("/bkt/up"), content[content.len() - tail..]);
        delete(&node, "up");
        assert_eq!(node.disk.used(), 0);
        assert_sound(&node, "at the end");
    }
}

#[test]
fn all_kinds_of_records_follow() {
    let node = node(MemoryDisk::new(1 << 30));
    let content = bytes(3, 8 * MIB);
    node.put("/bkt/source", &content);
    let source = extent_of(&node, "source");
    let piece = |start, len| part_of(&source, &content, start, len);
    // An object that was put as one; one whose pieces are kept in pages; a part of an upload; more records than a
    // command changes, all of them on the same blocks.
    name(&node, "short", vec![piece(5 * MIB, 70_000), piece(MIB, 10)]);
    let own = bytes(4, 2000);
    let inline = Piece::Inline { bytes: own.clone().into(), fingerprint: Fingerprint::of(&own) };
    name(&node, "long", vec![piece(5 * MIB + 1000, 100_000), inline, piece(7 * MIB, 3)]);
    copied_part(&node, 3 * MIB, 50_000);
    for number in 0..100 {
        name(&node, &format!("many{number}"), vec![piece(2 * MIB + number * 50, 100)]);
    }
    let read = |name: &str| node.get(&format!("/bkt/{name}"));
    let (short, long) = (read("short"), read("long"));
    delete(&node, "source");
    assert_eq!((node.disk.blobs().len(), sparse(&node)), (1, 1));

    rewrite(&node);
    assert_sound(&node, "rewritten");
    assert_eq!((node.disk.used(), sparse(&node)), (6 * 64 * KIB as u64, 0));
    assert_eq!((read("short"), read("long")), (short, long));
    for number in 0..100 {
        let start = 2 * MIB + number * 50;
        assert_eq!(read(&format!("many{number}")), content[start..start + 100]);
    }
}

/// Of a blob nothing is named but by a version that is not the latest. It reads as before when it becomes the latest again.
#[test]
fn an_old_version_follows_and_comes_back() {
    let node = node(MemoryDisk::new(1 << 30));
    let content = bytes(8, 8 * MIB);
    node.put("/bkt/source", &content);
    let name_of = BucketName::parse("bkt").expect("a name");
    let versioning = SetVersioning { name: name_of.clone(), versioning: Versioning::Enabled };
    node.run(node.machine.catalog.commit(versioning.into())).expect("committed");
    let bucket = ask(&node, |store| query::bucket(store, &name_of)).expect("there").id;
    let latest = |name: &str| {
        let found = ask(&node, |store| query::object(store, bucket, &key(name)));
        found.expect("an object").version()
    };
    let purge = |name: &str| {
        let command = DeleteObject {
            bucket,
            key: key(name),
            version: Some(latest(name)),
            condition: DeleteCond::None,
            bypass: false,
            modified: node.machine.clock.now().truncated_to_second(),
        };
        node.run(node.machine.catalog.commit(command.into())).expect("committed");
        node.collect();
    };
    let source = extent_of(&node, "source");
    name(&node, "kept", vec![part_of(&source, &content, 5 * MIB, 70_000)]);
    node.put("/bkt/kept", b"newer");
    purge("source");
    assert_eq!((node.disk.used(), sparse(&node)), (8 * MIB as u64, 1));

    rewrite(&node);
    assert_sound(&node, "rewritten");
    assert_eq!((node.disk.used(), sparse(&node)), (2 * 64 * KIB as u64, 0));
    assert_eq!(node.get("/bkt/kept"), b"newer");
    purge("kept");
    assert_eq!(node.get("/bkt/kept"), content[5 * MIB..5 * MIB + 70_000]);
    purge("kept");
    assert_eq!((node.disk.used(), node.disk.blobs()), (0, vec![]));
    assert_sound(&node, "at the end");
}

#[test]
fn what_is_scattered_is_let_be() {
    let node = node(MemoryDisk::new(1 << 30));
    let content = bytes(5, 2 * MIB);
    node.put("/bkt/source", &content);
    let source = extent_of(&node, "source");
    for number in 0..16 {
        let piece = part_of(&source, &content, number * 2 * 64 * KIB + 99, 4);
        name(&node, &format!("crumb{number}"), vec![piece]);
    }
    delete(&node, "source");
    assert_eq!(sparse(&node), 1);
    rewrite(&node);
    assert_eq!((node.disk.used(), sparse(&node)), (2 * MIB as u64, 0), "it would gain nothing");
    // With the next release it is worth another look.
    for number in 3..16 {
        delete(&node, &format!("crumb{number}"));
    }
    rewrite(&node);
    assert_eq!(node.disk.used(), 5 * 64 * KIB as u64, "with the blocks between them");
    assert_eq!(node.get("/bkt/crumb2"), content[256 * KIB + 99..256 * KIB + 103]);
    assert_sound(&node, "at the end");
}

#[test]
fn a_blob_that_nobody_is_seen_to_name_keeps_its_mark() {
    let node = node(MemoryDisk::new(1 << 30));
    let content = bytes(9, 8 * MIB);
    node.put("/bkt/source", &content);
    let source = extent_of(&node, "source");
    name(&node, "crumb", vec![part_of(&source, &content, 5 * MIB, 70_000)]);
    delete(&node, "source");
    // Its name is gone, and what it named is not released: as if the record were on its way to another place.
    let epoch = node.machine.epochs.enter();
    assert_eq!(node.send("DELETE", "/bkt/crumb", &[], b"").status, 204);
    node.run(Rewriter::new(node.machine.clone()).pass()).expect("nothing fails");
    assert_eq!((node.disk.used(), sparse(&node)), (8 * MIB as u64, 1));
    drop(epoch);
    node.collect();
    assert_eq!((node.disk.used(), sparse(&node)), (0, 0));
    assert_sound(&node, "at the end");
}

#[test]
fn there_are_never_more_new_blobs_than_a_few() {
    let node = node(MemoryDisk::new(1 << 30));
    let content = bytes(6, 48 * MIB);
    node.put("/bkt/source", &content);
    let source = extent_of(&node, "source");
    for number in 0..90 {
        let piece = part_of(&source, &content, number * 512 * KIB, 4);
        name(&node, &format!("crumb{number}"), vec![piece]);
    }
    delete(&node, "source");
    rewrite(&node);
    assert_eq!(node.disk.blobs().len(), crate::limits::REWRITE_TARGETS_MAX);
    for number in 0..90 {
        let start = number * 512 * KIB;
        assert_eq!(node.get(&format!("/bkt/crumb{number}")), content[start..start + 4]);
    }
    assert_sound(&node, "at the end");
}

#[test]
fn a_damaged_blob_holds_no_other_up() {
    let ways = DiskWays { clone: false, copy_file_range: false, splice: false };
    let node = node(MemoryDisk::with_ways(1 << 30, ways));
    let contents = [bytes(7, 2 * MIB), bytes(8, 2 * MIB)];
    for (number, content) in contents.iter().enumerate() {
        node.put("/bkt/source", content);
        let piece = part_of(&extent_of(&node, "source"), content, MIB, 1000);
        name(&node, &format!("k{number}"), vec![piece]);
        delete(&node, "source");
    }
    let damaged = extent_of(&node, "k0").blob;
    assert!(node.disk.corrupt(damaged, MIB as u64 + 5, 1));
    rewrite(&node);
    assert_eq!((node.disk.used(), sparse(&node)), ((2 * MIB + 64 * KIB) as u64, 1));
    let metrics = &node.machine.metrics;
    assert_eq!((metrics.corrupt_blocks.get(), metrics.read_failures.get()), (1, 1));
    assert_eq!(node.get("/bkt/k1"), contents[1][MIB..MIB + 1000]);
    assert_sound(&node, "at the end");
}

/// A rewrite that is cut off, or raced by a write, after every number of polls.
#[test]
fn a_rewrite_can_be_cut_off_or_raced_at_any_point() {
    for raced_by in [None, Some("DELETE"), Some("PUT"), Some("crash")] {
        for polls in 0.. {
            let when = format!("{raced_by:?} after {polls} polls");
            let node = node(MemoryDisk::new(1 << 30));
            let content = bytes(9, MIB);
            node.put("/bkt/source", &content);
            let source = extent_of(&node, "source");
            name(&node, "k", vec![part_of(&source, &content, 500_000, 70_000)]);
            name(&node, "other", vec![part_of(&source, &content, 100, 100)]);
            delete(&node, "source");

            let rewriter = Rc::new(Rewriter::new(node.machine.clone()));
            let own = rewriter.clone();
            let mut pass: Local<'_, _> = Box::pin(async move { own.pass().await });
            let done = node.poll(&mut pass, polls);
            let mut expected = Some(content[500_000..570_000].to_vec());
            match raced_by {
                None => drop(pass),
                Some("DELETE") => {
                    assert_eq!(node.send("DELETE", "/bkt/k", &[], b"").status, 204);
                    node.collect_what_may_go();
                    expected = None;
                    if !done {
                        node.run(pass).expect("nothing fails");
                    }
                }
                Some("PUT") => {
                    node.put("/bkt/k", &content[..200_000]);
                    node.collect_what_may_go();
                    expected = Some(content[..200_000].to_vec());
                    if !done {
                        node.run(pass).expect("nothing fails");
                    }
                }
                Some(_) => {
                    drop(pass);
                    drop(node.set_tasks_aside());
                }
            }
            node.settle();
            rewrite(&node);
            let report = invariant::examine(&*node.store).expect("readable");
            assert!(report.violations.is_empty() && report.unreadable.is_empty(), "{when}");
            assert_eq!(node.get("/bkt/other"), content[100..200], "{when}");
            match &expected {
                Some(expected) => assert_eq!(&node.get("/bkt/k"), expected, "{when}"),
                None => assert_eq!(node.send("GET", "/bkt/k", &[], b"").status, 404, "{when}"),
            }
            if raced_by != Some("crash") {
                assert_sound(&node, &when);
                assert_eq!(sparse(&node), 0, "{when}");
                for name in ["k", "other"] {
                    delete(&node, name);
                }
                assert_eq!((node.disk.used(), node.disk.blobs()), (0, vec![]), "{when}");
            }
            if done {
                assert!(polls > 3, "a rewrite gives way now and then");
                break;
            }
        }
    }
}

/// A bit that has turned over in a record must not end the shard: the blob is told of and let be.
#[test]
fn a_record_that_names_what_its_blob_does_not_have_holds_no_other_up() {
    let damages: [fn(&mut Extent, &mut BlobRecord); 4] = [
        |extent, _| extent.offset += 1 << 40,
        |extent, _| extent.len += 1 << 59,
        |_, blob| blob.len = 300 * KIB as u64,
        |_, blob| blob.first_block = u32::MAX,
    ];
    for damage in damages {
        let node = node(MemoryDisk::new(1 << 30));
        let content = bytes(5, 4 * MIB);
        for name in ["one", "two"] {
            node.put(&format!("/bkt/{name}"), &content);
        }
        let [one, two] = ["one", "two"].map(|name| extent_of(&node, name));
        for (name, source) in [("little-one", &one), ("little-two", &two)] {
            self::name(&node, name, vec![part_of(source, &content, 2 * MIB, 1000)]);
        }
        ["one", "two"].into_iter().for_each(|name| delete(&node, name));
        assert_eq!(sparse(&node), 2);
        damaged(&node, "little-one", damage);

        rewrite(&node);
        assert_eq!(node.disk.blobs().len(), 2);
        assert!(node.disk.blobs().contains(&one.blob), "it is let be");
        assert!(!node.disk.blobs().contains(&two.blob), "the other one is rewritten");
        assert_eq!(node.get("/bkt/little-two"), content[2 * MIB..2 * MIB + 1000]);
    }
}

/// Changes the record of an object with one extent, and that of its blob, past all rules.
fn damaged(node: &TestNode, name: &str, damage: fn(&mut Extent, &mut BlobRecord)) {
    let (at, mut object, mut blob) = ask(node, |store| {
        let bucket = query::bucket(store, &BucketName::parse("bkt").expect("a name"))?;
        let bucket = bucket.expect("there").id;
        let object = query::object(store, bucket, &key(name))?.expect("there");
        let blob = query::blob(store, extent_of(node, name).blob)?;
        Ok((meta::key::object(bucket, &key(name)), object, blob))
    });
    let Content::Pieces(PieceList::Short(pieces)) = &mut object.content else { unreachable!() };
    let [Piece::Extent(extent)] = &mut pieces[..] else { unreachable!() };
    damage(extent, &mut blob);
    let mut batch = Batch::new();
    batch.put(Space::Blobs, meta::key::blob(extent.blob), blob.encode());
    batch.put(Space::Objects, at, object.encode());
    node.store.commit(batch).expect("the store is well");
}

/// Where bytes have to be copied, a rewrite leaves the reserve alone, and makes nothing that it cannot finish.
#[test]
fn a_rewrite_that_there_is_no_room_for_waits() {
    let ways = DiskWays { clone: false, copy_file_range: true, splice: false };
    let node = node(MemoryDisk::with_ways(1 << 30, ways));
    let content = bytes(6, 8 * MIB);
    node.put("/bkt/source", &content);
    let source = extent_of(&node, "source");
    let pieces = [0, 4 * MIB].map(|start| part_of(&source, &content, start, 64 * KIB));
    name(&node, "two", pieces.to_vec());
    delete(&node, "source");
    assert_eq!(sparse(&node), 1);
    let total = 1 << 30;
    // Room for one of the two new blobs.
    let free = node.machine.settings.disk_reserve.of(total) + 100 * KIB as u64;
    node.machine.admission.note(Room { free, total });
    let ids = || node.run(node.machine.leases.take()).expect("an id").get();
    let before = ids();
    rewrite(&node);
    assert_eq!((ids(), sparse(&node)), (before + 1, 1), "no file was begun");
    assert_eq!(node.machine.metrics.room(FileSystem::Data).free.get(), free);
    node.machine.admission.note(Room { free: free + MIB as u64, total });
    rewrite(&node);
    assert_eq!((node.disk.used(), sparse(&node)), (128 * KIB as u64, 0));
}
