//! UploadPartCopy: any range, any way, equal to a model byte for byte.

use meta::extent::pieces_max;
use meta::fingerprint::Fingerprint;
use meta::query;
use protocol::checksum::{ChecksumAlgorithm, Hasher};
use protocol::name::{BucketName, ObjectKey};
use protocol::range::ByteRange;

use super::{bytes, node_with_bucket};
use crate::config::Way;
use crate::copy::plan::SourceSlice;
use crate::disk::DiskError;
use crate::disk::memory::{Call, MemoryDisk};
use crate::limits::COPY_UNSYNCED_MAX;
use crate::testing::{Answered, TestNode, ask};

const MIB: usize = 1 << 20;

/// Copies `start..end` of `source` as a part.
fn copy(
    node: &TestNode,
    upload: &str,
    number: u16,
    source: &str,
    range: std::ops::Range<usize>,
) -> Answered {
    let range = format!("bytes={}-{}", range.start, range.end - 1);
    node.send(
        "PUT",
        &format!("/bkt/copy?partNumber={number}&uploadId={upload}"),
        &[("x-amz-copy-source", source), ("x-amz-copy-source-range", &range)],
        b"",
    )
}

fn copied(
    node: &TestNode,
    upload: &str,
    number: u16,
    source: &str,
    range: std::ops::Range<usize>,
) -> (u16, String) {
    let answered = copy(node, upload, number, source, range.clone());
    assert_eq!(answered.status, 200, "{range:?}: {answered:?}");
    (number, answered.element("ETag").expect("an ETag"))
}

/// Nodes whose copies go different ways, and the way that a large source takes on each.
fn nodes() -> Vec<(TestNode, &'static str)> {
    let node = |disk, ways: &[Way], share_max: u64| {
        let ways = ways.to_vec();
        let node = TestNode::with(disk, move |config| {
            config.copy.ways = ways;
            config.copy.share_max_blob = share_max;
            config.copy.share_min_fraction = 2.0;
        });
        assert_eq!(node.send("PUT", "/bkt", &[], b"").status, 200);
        node
    };
    let all = Way::ALL;
    let without_share = [Way::Reflink, Way::CopyFileRange, Way::Splice, Way::Rw];
    vec![
        (node(MemoryDisk::new(1 << 32), &all, u64::MAX), "share"),
        (node(MemoryDisk::new(1 << 32), &all, 0), "reflink"),
        (node(MemoryDisk::without_clone(1 << 32), &all, 0), "share"),
        (node(MemoryDisk::without_clone(1 << 32), &without_share, 0), "copy_file_range"),
        (node(MemoryDisk::new(1 << 32), &[Way::Splice, Way::Rw], 0), "splice"),
        (node(MemoryDisk::new(1 << 32), &[Way::Rw], 0), "rw"),
    ]
}

#[test]
fn every_way_copies_exactly_the_range() {
    // rule: part-copy/content
    for (node, way) in nodes() {
        let source = bytes(1, 6 * MIB + 12_345);
        node.put("/bkt/source", &source);
        let upload = node.create_upload("/bkt/copy", &[]);
        let starts = [0, 1, 511, 4_095, 65_536, 65_537, MIB - 1];
        let (mut parts, mut model) = (Vec::new(), Vec::new());
        for (number, start) in (1..).zip(starts) {
            let range = start..start + 5 * MIB + usize::from(number);
            model.extend_from_slice(&source[range.clone()]);
            let answered = copy(&node, &upload, number, "bkt/source", range);
            assert_eq!(
                (answered.status, answered.way.as_deref(), answered.header("x-tenon-copy-way")),
                (200, Some(way), Some(way)),
                "{answered:?}"
            );
            parts.push((number, answered.element("ETag").expect("an ETag")));
        }
        let answered = node.complete("/bkt/copy", &upload, &parts);
        assert_eq!(answered.status, 200, "{answered:?}");
        assert!(node.get("/bkt/copy") == model, "{way}");
        // The checksum of the whole came from fingerprints alone.
        let mut crc = Hasher::new(ChecksumAlgorithm::Crc64Nvme);
        crc.update(&model);
        let checksum = answered.element("ChecksumCRC64NVME");
        assert_eq!(checksum, Some(crc.finish().to_base64()), "{way}");

        // The copies stand on their own.
        node.send("DELETE", "/bkt/source", &[], b"");
        node.collect();
        assert!(node.get("/bkt/copy") == model, "{way}");
        node.send("DELETE", "/bkt/copy", &[], b"");
        node.collect();
        assert!(node.disk.blobs().is_empty(), "{way}");
    }
}

#[test]
fn ranges_cross_the_parts_of_a_multipart_source() {
    // rule: part-copy/content
    let node = node_with_bucket();
    let lengths = [5 * MIB, 5 * MIB + 1, 6 * MIB + 77, 10];
    let upload = node.create_upload("/bkt/source", &[]);
    let (mut parts, mut source) = (Vec::new(), Vec::new());
    for (number, len) in (1..).zip(lengths) {
        let content = bytes(u64::from(number), len);
        let target = format!("/bkt/source?partNumber={number}&uploadId={upload}");
        let answered = node.send("PUT", &target, &[], &content);
        assert_eq!(answered.status, 200, "{answered:?}");
        parts.push((number, answered.header("etag").expect("an ETag").to_owned()));
        source.extend_from_slice(&content);
    }
    assert_eq!(node.complete("/bkt/source", &upload, &parts).status, 200);
    assert!(node.get("/bkt/source") == source);

    for (number, range) in (1..).zip([
        0..source.len(),
        5 * MIB - 1..5 * MIB + 1,
        5 * MIB - 70_000..10 * MIB + 70_000,
        10 * MIB + 1..source.len(),
        source.len() - 11..source.len() - 1,
        5 * MIB..10 * MIB + 1,
    ]) {
        let upload = node.create_upload("/bkt/copy", &[]);
        let part = copied(&node, &upload, number, "bkt/source", range.clone());
        assert_eq!(node.complete("/bkt/copy", &upload, &[part]).status, 200);
        assert!(node.get("/bkt/copy") == source[range.clone()], "{range:?}");
    }
    // A range that is exactly one part has that part's ETag.
    let upload = node.create_upload("/bkt/copy", &[]);
    let (_, etag) = copied(&node, &upload, 1, "bkt/source", 5 * MIB..10 * MIB + 1);
    assert_eq!(etag, parts[1].1);
}

#[test]
fn the_source_may_change_between_copy_and_complete() {
    // rule: part-copy/pinned
    let node = node_with_bucket();
    let source = bytes(9, 6 * MIB);
    node.put("/bkt/source", &source);
    node.put("/bkt/tiny", b"0123456789");
    let upload = node.create_upload("/bkt/copy", &[]);
    let first = copied(&node, &upload, 1, "bkt/source", 1..5 * MIB + 2);
    let second = copied(&node, &upload, 2, "bkt/tiny", 2..9);
    node.put("/bkt/source", b"overwritten");
    node.send("DELETE", "/bkt/tiny", &[], b"");
    node.collect();
    assert_eq!(node.complete("/bkt/copy", &upload, &[first, second]).status, 200);
    node.collect();
    let model = [&source[1..5 * MIB + 2], b"2345678"].concat();
    assert!(node.get("/bkt/copy") == model);
}

#[test]
fn the_part_has_the_uploads_checksum_of_exactly_the_range() {
    // rule: part-copy/checksum-of-range
    let node = node_with_bucket();
    let source = bytes(10, 7 * MIB);
    node.put("/bkt/source", &source);
    for algorithm in ChecksumAlgorithm::ALL {
        let upload =
            node.create_upload("/bkt/copy", &[("x-amz-checksum-algorithm", algorithm.name())]);
        let answered = copy(&node, &upload, 1, "bkt/source", 4_095..6 * MIB + 1);
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&source[4_095..6 * MIB + 1]);
        let checksum = answered.element(algorithm.element());
        assert_eq!(checksum, Some(hasher.finish().to_base64()), "{answered:?}");
    }
}

#[test]
fn small_copies_are_named_by_their_md5_and_large_ones_opaquely_but_stably() {
    // rule: etag/copied-part
    use md5::{Digest, Md5};
    use protocol::etag::hex;
    let node = node_with_bucket();
    let source = bytes(11, 7 * MIB);
    node.put("/bkt/source", &source);
    let upload = node.create_upload("/bkt/copy", &[]);
    let (_, small) = copied(&node, &upload, 1, "bkt/source", 3..5 * MIB + 3);
    assert_eq!(small, format!("\"{}\"", hex(&Md5::digest(&source[3..5 * MIB + 3]))));
    let (_, large) = copied(&node, &upload, 2, "bkt/source", 3..5 * MIB + 4);
    let (_, again) = copied(&node, &upload, 3, "bkt/source", 3..5 * MIB + 4);
    let (_, other) = copied(&node, &upload, 4, "bkt/source", 4..5 * MIB + 5);
    assert_eq!((large.len(), &large), (34, &again));
    assert!(
        large != other && large != format!("\"{}\"", hex(&Md5::digest(&source[3..5 * MIB + 4])))
    );
    let (_, whole) = copied(&node, &upload, 5, "bkt/source", 0..source.len());
    assert_eq!(whole, format!("\"{}\"", hex(&Md5::digest(&source))), "known without a read");
}

/// An order of ways, the calls that fail, and the way that is left.
type Refusal<'a> = (&'a [Way], Vec<(Call, DiskError)>, Way);

#[test]
fn a_refusal_of_any_kind_takes_the_next_way() {
    use Way::{CopyFileRange, Reflink, Rw, Share, Splice};
    let no_links = || DiskError::Io { action: "clone", errno: Some(31), text: "EMLINK".into() };
    let clone = (Call::Clone, DiskError::NoSpace);
    let range = (Call::CopyFileRange, no_links());
    let splice = (Call::Splice, DiskError::Unsupported);
    let table: [Refusal<'_>; 7] = [
        (&[Reflink, CopyFileRange, Splice, Rw], vec![clone.clone()], CopyFileRange),
        (&[Reflink, CopyFileRange, Splice, Rw], vec![clone.clone(), range.clone()], Splice),
        (&[Reflink, CopyFileRange, Splice, Rw], vec![clone.clone(), range, splice.clone()], Rw),
        (&[Splice, CopyFileRange, Rw], vec![splice.clone()], CopyFileRange),
        (&[Splice, Share, Rw], vec![splice.clone()], Share),
        // Not worth sharing, but better than moving bytes.
        (&Way::ALL, vec![clone], Share),
        (&[Share, Splice, Reflink, Rw], vec![splice], Reflink),
    ];
    for (order, failures, left) in table {
        let node = TestNode::with(MemoryDisk::new(1 << 32), |config| {
            config.copy.ways = order.to_vec();
            config.copy.share_max_blob = 0;
            config.copy.share_min_fraction = 2.0;
        });
        node.send("PUT", "/bkt", &[], b"");
        let source = bytes(12, 2 * MIB);
        node.put("/bkt/source", &source);
        let upload = node.create_upload("/bkt/copy", &[]);
        let refused = failures.len();
        for (call, error) in failures {
            node.disk.fail(call, 0, error);
        }
        let answered = copy(&node, &upload, 1, "bkt/source", 100..MIB + 7);
        let way = Some(left.as_str());
        assert_eq!((answered.status, answered.way.as_deref()), (200, way), "{order:?}");
        node.settle();
        let etag = answered.element("ETag").expect("an ETag");
        assert_eq!(node.complete("/bkt/copy", &upload, &[(1, etag)]).status, 200);
        assert!(node.get("/bkt/copy") == source[100..MIB + 7]);
        let files = if left == Share { 1 } else { 2 };
        assert_eq!(node.disk.blobs().len(), files, "nothing is left of what was refused");
        let text = node.machine.metrics.render();
        let of = |way: &Way| figure(&text, "tenon_copy_refused_total", *way);
        assert_eq!(Way::ALL.iter().map(of).sum::<usize>(), refused, "{order:?}\n{text}");
    }
}

/// The figure of that name for a way.
fn figure(text: &str, name: &str, way: Way) -> usize {
    let name = format!("{name}{{way=\"{}\"}} ", way.as_str());
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.and_then(|value| value.parse().ok()).expect("a figure for each way")
}

#[test]
fn figures_tell_bytes_asked_for_bytes_moved_and_slack() {
    // Bytes 100 to 1 MiB + 7 lie in 17 blocks.
    let (len, around) = (MIB + 7 - 100, 17 * 65_536);
    for (way, moved, slack) in [
        (Way::Share, 0, 0),
        (Way::Reflink, 0, around - len),
        (Way::CopyFileRange, around, around - len),
        (Way::Splice, around, around - len),
        (Way::Rw, len, 0),
    ] {
        let node = TestNode::with(MemoryDisk::new(1 << 32), |config| config.copy.ways = vec![way]);
        node.send("PUT", "/bkt", &[], b"");
        node.put("/bkt/source", &bytes(12, 2 * MIB));
        let upload = node.create_upload("/bkt/copy", &[]);
        assert_eq!(copy(&node, &upload, 1, "bkt/source", 100..MIB + 7).status, 200);
        let text = node.machine.metrics.render();
        assert_eq!(figure(&text, "tenon_copy_logical_bytes_total", way), len);
        assert_eq!(figure(&text, "tenon_copy_physical_bytes_total", way), moved);
        assert_eq!(node.machine.metrics.copy_slack_bytes.get(), slack as u64);
    }
}

#[test]
fn too_many_copies_in_the_kernel_are_told_to_slow_down() {
    let node = TestNode::with(MemoryDisk::new(1 << 32), |config| {
        config.copy.ways = vec![Way::CopyFileRange, Way::Rw];
    });
    node.send("PUT", "/bkt", &[], b"");
    node.put("/bkt/source", &bytes(12, 2 * MIB));
    let upload = node.create_upload("/bkt/copy", &[]);
    node.disk.fail(Call::CopyFileRange, 0, DiskError::Busy);
    let answered = copy(&node, &upload, 1, "bkt/source", 100..MIB + 7);
    assert_eq!((answered.status, answered.element("Code")), (503, Some("SlowDown".into())));
    node.settle();
    assert_eq!(node.disk.blobs().len(), 1, "no bytes were moved instead");
}

#[test]
fn a_source_that_is_cut_short_is_not_shared_instead() {
    // rule: part-copy/damage
    for first in [Way::Reflink, Way::CopyFileRange, Way::Splice] {
        let node = TestNode::with(MemoryDisk::new(1 << 32), |config| {
            config.copy.ways = vec![first, Way::Share, Way::Rw];
        });
        node.send("PUT", "/bkt", &[], b"");
        node.put("/bkt/source", &bytes(12, 2 * MIB));
        let upload = node.create_upload("/bkt/copy", &[]);
        let blob = node.disk.blobs()[0];
        // Whole blocks up to the cut: no edge needs a read.
        node.disk.cut(blob, MIB).expect("there");
        assert_eq!(copy(&node, &upload, 1, "bkt/source", 65_536..2 * MIB).status, 500);
        node.settle();
        assert_eq!(node.disk.blobs(), [blob]);
    }
}

#[test]
fn damage_is_found_by_the_copy_and_never_passed_on() {
    // rule: part-copy/damage
    let node = node_with_bucket();
    node.put("/bkt/source", &bytes(13, 2 * MIB));
    let blob = node.disk.blobs()[0];
    // In the block that the range cuts: its front has to be read for the fingerprint.
    assert!(node.disk.corrupt(blob, 10, 1));
    let upload = node.create_upload("/bkt/copy", &[]);
    assert_eq!(copy(&node, &upload, 1, "bkt/source", 100..MIB).status, 500);
}

#[test]
fn a_copy_of_many_fragments_is_rewritten_within_the_bound() {
    let node = node_with_bucket();
    // The pieces of a source as copies of copies make them: many short ranges of different blobs.
    let mut model = Vec::new();
    let mut sources = Vec::new();
    for seed in 0..40_u64 {
        let content = bytes(seed, 40_000 + usize::try_from(seed).expect("small"));
        node.put(&format!("/bkt/s{seed}"), &content);
        model.extend_from_slice(&content[1..]);
        sources.push(content.len());
    }
    let slices: Vec<SourceSlice> = sources
        .iter()
        .enumerate()
        .map(|(index, len)| {
            let key = ObjectKey::parse(&format!("s{index}")).expect("a key");
            let bucket = ask(&node, |store| query::bucket(store, &bucket_name())).expect("there");
            let object = ask(&node, |store| query::object(store, bucket.id, &key)).expect("there");
            let range = ByteRange::new(1, *len as u64).expect("ascending");
            let mut slices =
                ask(&node, |store| crate::copy::source_slices(store, &object.content, range));
            assert_eq!(slices.len(), 1);
            slices.remove(0)
        })
        .collect();
    let made = node.run(crate::copy::copy(&node.machine, slices)).expect("copied");
    let len = model.len() as u64;
    assert!(made.pieces.len() as u64 <= pieces_max(len), "{} pieces", made.pieces.len());
    assert_eq!(made.fingerprint, Fingerprint::of(&model));
    made.files.abandon();
    node.settle();
    assert_eq!(node.disk.blobs().len(), 40, "what nobody named is gone");
}

#[test]
fn a_copy_of_many_pieces_holds_few_files_open() {
    let node = TestNode::with(MemoryDisk::new(1 << 32), |config| {
        config.copy.ways = vec![Way::Reflink];
    });
    assert_eq!(node.send("PUT", "/bkt", &[], b"").status, 200);
    let content = bytes(3, MIB);
    node.put("/bkt/k", &content);
    let key = ObjectKey::parse("k").expect("a key");
    let bucket = ask(&node, |store| query::bucket(store, &bucket_name())).expect("there");
    let object = ask(&node, |store| query::object(store, bucket.id, &key)).expect("there");
    let half = ByteRange::new(0, MIB as u64 / 2).expect("ascending");
    let slices = ask(&node, |store| crate::copy::source_slices(store, &object.content, half));
    let many = std::iter::repeat_with(|| slices[0].clone()).take(150).collect();
    let made = node.run(crate::copy::copy(&node.machine, many)).expect("copied");
    assert_eq!((made.blobs.len(), made.ways.join("+").as_str()), (150, "reflink"));
    assert_eq!(made.files.unsynced.len(), 150 % COPY_UNSYNCED_MAX);
    made.files.abandon();
    node.settle();
    assert_eq!(node.disk.blobs().len(), 1);
}

fn bucket_name() -> BucketName {
    BucketName::parse("bkt").expect("a bucket name")
}
