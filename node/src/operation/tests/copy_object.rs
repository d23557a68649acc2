//! CopyObject: whole objects of every kind, any way, with metadata, tags, checksum and ETag as S3 has them.

use md5::{Digest, Md5};
use protocol::checksum::{ChecksumAlgorithm, Hasher};
use protocol::etag::hex;

use super::{bytes, node_with_bucket};
use crate::config::Way;
use crate::disk::memory::MemoryDisk;
use crate::seam::Local;
use crate::testing::{Answered, TestNode};

const MIB: usize = 1 << 20;

pub(super) fn copy(
    node: &TestNode,
    source: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Answered {
    let mut all = vec![("x-amz-copy-source", source)];
    all.extend_from_slice(headers);
    node.send("PUT", target, &all, b"")
}

pub(super) fn copied(
    node: &TestNode,
    source: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Answered {
    let answered = copy(node, source, target, headers);
    assert_eq!((answered.status, answered.element("Code")), (200, None), "{answered:?}");
    answered
}

fn refused(answered: &Answered, status: u16, code: &str) {
    let found = (answered.status, answered.element("Code"));
    assert_eq!(found, (status, Some(code.to_owned())), "{answered:?}");
}

fn md5(content: &[u8]) -> String {
    format!("\"{}\"", hex(&Md5::digest(content)))
}

fn checksum(algorithm: ChecksumAlgorithm, content: &[u8]) -> String {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(content);
    hasher.finish().to_base64()
}

/// An object of parts of these lengths, with these headers of the upload.
pub(super) fn multipart(
    node: &TestNode,
    target: &str,
    lengths: &[usize],
    headers: &[(&str, &str)],
) -> Vec<u8> {
    let upload = node.create_upload(target, headers);
    let (mut document, mut whole) = (String::from("<CompleteMultipartUpload>"), Vec::new());
    for (number, len) in (1_u64..).zip(lengths) {
        let content = bytes(number, *len);
        let sha = checksum(ChecksumAlgorithm::Sha256, &content);
        let with_sha = [("x-amz-checksum-sha256", sha.as_str())];
        let sent = if headers.is_empty() { &[][..] } else { &with_sha[..] };
        let part = format!("{target}?partNumber={number}&uploadId={upload}");
        assert_eq!(node.send("PUT", &part, sent, &content).status, 200);
        let sha = if headers.is_empty() {
            String::new()
        } else {
            format!("<ChecksumSHA256>{sha}</ChecksumSHA256>")
        };
        document.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag>{sha}</Part>",
            md5(&content)
        ));
        whole.extend_from_slice(&content);
    }
    document.push_str("</CompleteMultipartUpload>");
    let made = node.send("POST", &format!("{target}?uploadId={upload}"), &[], document.as_bytes());
    assert_eq!(made.status, 200, "{made:?}");
    whole
}

#[test]
fn objects_of_every_kind_are_copied_every_way() {
    // rule: copy/content
    for (ways, large) in [
        (&Way::ALL[..], "share"),
        (&[Way::Reflink, Way::Rw], "reflink"),
        (&[Way::CopyFileRange, Way::Rw], "copy_file_range"),
        (&[Way::Rw], "rw"),
    ] {
        let node = TestNode::with(MemoryDisk::new(1 << 32), |config| {
            config.copy.ways = ways.to_vec();
        });
        node.send("PUT", "/bkt", &[], b"");
        node.send("PUT", "/other", &[], b"");
        for (key, len) in [("empty", 0), ("tiny", 1000), ("large", MIB + 17)] {
            node.put(&format!("/bkt/{key}"), &bytes(5, len));
        }
        let parts = multipart(&node, "/bkt/parts", &[5 * MIB, 5 * MIB + 3, 7], &[]);
        let all = [
            ("empty", bytes(5, 0), ""),
            ("tiny", bytes(5, 1000), "inline"),
            ("large", bytes(5, MIB + 17), large),
            ("parts", parts, ""),
        ];
        for (key, content, way) in &all {
            let answered = copied(&node, &format!("bkt/{key}"), &format!("/other/{key}"), &[]);
            if *key != "parts" {
                assert_eq!(answered.way.as_deref(), Some(*way), "{key}");
            }
            assert_eq!(answered.header("x-tenon-copy-way"), answered.way.as_deref());
            let made = node.send("GET", &format!("/other/{key}"), &[], b"");
            assert!(made.body == *content, "{key}");
            assert_eq!(answered.element("ETag").as_deref(), made.header("etag"), "{key}");
            assert_eq!(
                answered.element("ChecksumCRC64NVME"),
                Some(checksum(ChecksumAlgorithm::Crc64Nvme, content))
            );
            assert_eq!(answered.element("ChecksumType").as_deref(), Some("FULL_OBJECT"));
        }
        // The copies stand on their own, and nothing is left of them in the end.
        for (key, ..) in &all {
            node.send("DELETE", &format!("/bkt/{key}"), &[], b"");
        }
        node.collect();
        for (key, content, _) in &all {
            assert!(node.get(&format!("/other/{key}")) == *content, "{key}");
            node.send("DELETE", &format!("/other/{key}"), &[], b"");
        }
        node.collect();
        assert!(node.disk.blobs().is_empty());
    }
}

#[test]
fn the_etag_is_the_md5_up_to_a_limit_and_the_sources_beyond() {
    // rule: etag/copied-object
    let node = node_with_bucket();
    let short = multipart(&node, "/bkt/short", &[5 * MIB], &[]);
    let long = multipart(&node, "/bkt/long", &[5 * MIB, 1], &[]);
    node.put("/bkt/plain", &bytes(8, 6 * MIB));
    let etag = |key: &str| node.send("HEAD", key, &[], b"").header("etag").map(str::to_owned);
    // S3 makes the MD5 anew and the dash disappears; here as long as that costs no long read.
    copied(&node, "bkt/short", "/bkt/copy", &[]);
    assert_eq!(etag("/bkt/copy"), Some(md5(&short)));
    copied(&node, "bkt/long", "/bkt/copy", &[]);
    assert_eq!(etag("/bkt/copy"), etag("/bkt/long"));
    assert!(etag("/bkt/copy").is_some_and(|etag| etag.ends_with("-2\"")));
    assert!(node.get("/bkt/copy") == long);
    // Known without a read.
    copied(&node, "bkt/plain", "/bkt/copy", &[]);
    assert_eq!(etag("/bkt/copy"), Some(md5(&bytes(8, 6 * MIB))));
}

#[test]
fn the_checksum_is_the_sources_or_the_one_asked_for() {
    // rule: copy/checksum
    let node = node_with_bucket();
    let content = bytes(4, 50_000);
    let crc32 = checksum(ChecksumAlgorithm::Crc32, &content);
    let sent = [("x-amz-checksum-crc32", crc32.as_str())];
    assert_eq!(node.send("PUT", "/bkt/crc32", &sent, &content).status, 200);
    let answered = copied(&node, "bkt/crc32", "/bkt/copy", &[]);
    assert_eq!(answered.element("ChecksumCRC32"), Some(crc32));
    assert_eq!(answered.element("ChecksumCRC64NVME"), None);
    for algorithm in ChecksumAlgorithm::ALL {
        let asked = [("x-amz-checksum-algorithm", algorithm.name())];
        let answered = copied(&node, "bkt/crc32", "/bkt/copy", &asked);
        assert_eq!(answered.element(algorithm.element()), Some(checksum(algorithm, &content)));
        let enabled = [("x-amz-checksum-mode", "ENABLED")];
        let head = node.send("HEAD", "/bkt/copy", &enabled, b"");
        let stored = head.header(algorithm.header()).map(str::to_owned);
        assert_eq!(stored, Some(checksum(algorithm, &content)));
    }
    // A checksum of checksums becomes one of the whole.
    let sha = [("x-amz-checksum-algorithm", "SHA256")];
    let whole = multipart(&node, "/bkt/parts", &[5 * MIB, 10], &sha);
    let answered = copied(&node, "bkt/parts", "/bkt/copy", &[]);
    let expected = checksum(ChecksumAlgorithm::Sha256, &whole);
    assert_eq!(answered.element("ChecksumSHA256"), Some(expected));
}

#[test]
fn metadata_and_tags_are_copied_or_replaced() {
    // rule: copy/metadata-directive, copy/tagging-directive, copy/redirect
    let node = node_with_bucket();
    let given = [
        ("content-type", "text/plain"),
        ("cache-control", "no-store"),
        ("x-amz-meta-color", "red"),
        ("x-amz-tagging", "a=1"),
        ("x-amz-website-redirect-location", "/there"),
    ];
    assert_eq!(node.send("PUT", "/bkt/k", &given, b"content").status, 200);
    let other =
        [("content-type", "image/png"), ("x-amz-meta-shape", "round"), ("x-amz-tagging", "b=2")];
    let facts = |key: &str| {
        let head = node.send("HEAD", key, &[], b"");
        let tags = node.send("GET", &format!("{key}?tagging"), &[], b"");
        let header = |name: &str| head.header(name).unwrap_or("-").to_owned();
        [
            header("content-type"),
            header("cache-control"),
            header("x-amz-meta-color"),
            header("x-amz-meta-shape"),
            header("x-amz-website-redirect-location"),
            tags.element("Key").unwrap_or_default(),
        ]
    };
    copied(&node, "bkt/k", "/bkt/kept", &other);
    assert_eq!(facts("/bkt/kept"), ["text/plain", "no-store", "red", "-", "-", "a"]);
    let replace = [("x-amz-metadata-directive", "REPLACE"), ("x-amz-tagging-directive", "REPLACE")];
    copied(&node, "bkt/k", "/bkt/replaced", &[&other[..], &replace[..]].concat());
    assert_eq!(facts("/bkt/replaced"), ["image/png", "-", "-", "round", "-", "b"]);
    copied(&node, "bkt/k", "/bkt/bare", &replace);
    assert_eq!(facts("/bkt/bare"), ["binary/octet-stream", "-", "-", "-", "-", ""]);
    copied(&node, "bkt/k", "/bkt/sent", &[("x-amz-website-redirect-location", "/here")]);
    assert_eq!(facts("/bkt/sent")[4], "/here");
}

#[test]
fn an_object_can_be_copied_to_itself_with_other_metadata() {
    // rule: copy/to-itself
    let node = node_with_bucket();
    for (key, len) in [("tiny", 100), ("large", MIB)] {
        let (target, source) = (format!("/bkt/{key}"), format!("bkt/{key}"));
        node.put(&target, &bytes(2, len));
        refused(&copy(&node, &source, &target, &[]), 400, "InvalidRequest");
        let replace = [("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-color", "blue")];
        for _ in 0..3 {
            copied(&node, &source, &target, &replace);
            node.collect();
        }
        let head = node.send("HEAD", &target, &[], b"");
        assert_eq!(head.header("x-amz-meta-color"), Some("blue"));
        assert!(node.get(&target) == bytes(2, len));
        node.send("DELETE", &target, &[], b"");
    }
    node.collect();
    assert!(node.disk.blobs().is_empty());
}

#[test]
fn conditions_on_both_sides_are_kept() {
    // rule: copy/source-conditions, copy/destination-conditions
    let node = node_with_bucket();
    node.put("/bkt/source", b"source");
    node.put("/bkt/there", b"there");
    let (source, there) = (md5(b"source"), md5(b"there"));
    let other = [("x-amz-copy-source-if-match", "\"0\"")];
    let failed = copy(&node, "bkt/source", "/bkt/copy", &other);
    refused(&failed, 412, "PreconditionFailed");
    assert_eq!(failed.element("Condition").as_deref(), Some("x-amz-copy-source-If-Match"));
    let none = [("x-amz-copy-source-if-none-match", source.as_str())];
    refused(&copy(&node, "bkt/source", "/bkt/copy", &none), 412, "PreconditionFailed");
    copied(&node, "bkt/source", "/bkt/copy", &[("x-amz-copy-source-if-match", &source)]);

    let absent = [("if-none-match", "*")];
    let failed = copy(&node, "bkt/source", "/bkt/there", &absent);
    refused(&failed, 412, "PreconditionFailed");
    assert_eq!(failed.element("Condition").as_deref(), Some("If-None-Match"));
    copied(&node, "bkt/source", "/bkt/new", &absent);
    refused(
        &copy(&node, "bkt/source", "/bkt/there", &[("if-match", &source)]),
        412,
        "PreconditionFailed",
    );
    refused(&copy(&node, "bkt/source", "/bkt/nothing", &[("if-match", &source)]), 404, "NoSuchKey");
    assert_eq!(node.get("/bkt/there"), b"there");
    copied(&node, "bkt/source", "/bkt/there", &[("if-match", &there)]);
    assert_eq!(node.get("/bkt/there"), b"source");
}

#[test]
fn refusals_come_in_order_and_leave_nothing() {
    // rule: copy/order
    let node = node_with_bucket();
    node.put("/bkt/k", &bytes(1, 40_000));
    let owner = ("x-amz-expected-bucket-owner", "111111111111");
    let source_owner = ("x-amz-source-expected-bucket-owner", "111111111111");
    refused(&copy(&node, "", "/bkt/c", &[owner]), 400, "InvalidArgument");
    refused(&copy(&node, "bkt/k", "/none/c", &[owner]), 404, "NoSuchBucket");
    refused(&copy(&node, "none/k", "/bkt/c", &[owner]), 403, "AccessDenied");
    refused(&copy(&node, "none/k", "/bkt/c", &[source_owner]), 404, "NoSuchBucket");
    refused(&copy(&node, "bkt/none", "/bkt/c", &[source_owner]), 403, "AccessDenied");
    refused(&copy(&node, "bkt/none?versionId=1", "/bkt/c", &[]), 400, "InvalidArgument");
    refused(&copy(&node, "bkt/none", "/bkt/c", &[]), 404, "NoSuchKey");
    let with_body = node.send("PUT", "/bkt/c", &[("x-amz-copy-source", "bkt/k")], b"body");
    refused(&with_body, 400, "InvalidRequest");
    copied(&node, "bkt/k?versionId=null", "/bkt/d", &[]);
    assert_eq!(node.send("HEAD", "/bkt/c", &[], b"").status, 404);
}

#[test]
fn one_of_many_copies_to_an_absent_key_wins_and_the_others_leave_nothing() {
    let node = TestNode::with(MemoryDisk::new(1 << 32), |config| {
        config.copy.ways = vec![Way::Reflink, Way::Rw];
    });
    node.send("PUT", "/bkt", &[], b"");
    let contents: Vec<Vec<u8>> = (0..4).map(|seed| bytes(seed, 100_000)).collect();
    for (at, content) in contents.iter().enumerate() {
        node.put(&format!("/bkt/s{at}"), content);
    }
    let start = |at: usize| {
        let source = format!("bkt/s{at}");
        let headers = [("x-amz-copy-source", source.as_str()), ("if-none-match", "*")];
        node.start("PUT", "/bkt/copy", &headers, b"")
    };
    let all = node.run(futures_util::future::join_all((0..4).map(start)));
    let won: Vec<usize> = (0..4).filter(|at| all[*at].status == 200).collect();
    assert_eq!(won.len(), 1, "{all:?}");
    assert!(all.iter().all(|one| matches!(one.status, 200 | 412)));
    assert!(node.get("/bkt/copy") == contents[won[0]]);
    assert_eq!(node.disk.blobs().len(), 5);
}

#[test]
fn the_source_may_go_while_it_is_copied() {
    // rule: copy/pinned
    let node = node_with_bucket();
    let content = bytes(6, MIB);
    for polls in 0..40 {
        node.put("/bkt/source", &content);
        let headers = [("x-amz-copy-source", "bkt/source")];
        let mut under_way: Local<'_, Answered> =
            Box::pin(node.start("PUT", "/bkt/copy", &headers, b""));
        let done = node.poll(&mut under_way, polls);
        assert_eq!(node.send("DELETE", "/bkt/source", &[], b"").status, 204);
        node.collect_what_may_go();
        if !done {
            let answered = node.run(under_way);
            if answered.status != 200 {
                refused(&answered, 404, "NoSuchKey");
                continue;
            }
        }
        node.collect();
        assert!(node.get("/bkt/copy") == content, "after {polls}");
        node.send("DELETE", "/bkt/copy", &[], b"");
    }
    node.collect();
    assert!(node.disk.blobs().is_empty());
}

#[test]
fn an_object_may_be_overwritten_while_it_is_copied_to_itself() {
    // rule: copy/pinned
    for ways in [&[Way::Share, Way::Rw][..], &[Way::Reflink, Way::Rw]] {
        let node = TestNode::with(MemoryDisk::new(1 << 32), |config| {
            config.copy.ways = ways.to_vec();
        });
        node.send("PUT", "/bkt", &[], b"");
        let headers = [
            ("x-amz-copy-source", "bkt/k"),
            ("x-amz-metadata-directive", "REPLACE"),
            ("x-amz-meta-color", "blue"),
        ];
        for (len, polls) in
            [0, 1000, MIB].into_iter().flat_map(|len| (0..40).map(move |n| (len, n)))
        {
            let when = format!("{len} bytes, after {polls} polls");
            let (old, new) = (bytes(1, len), bytes(2, len + 1));
            node.put("/bkt/k", &old);
            let mut copying: Local<'_, Answered> =
                Box::pin(node.start("PUT", "/bkt/k", &headers, b""));
            let done = node.poll(&mut copying, polls);
            node.put("/bkt/k", &new);
            node.collect_what_may_go();
            if !done {
                assert_eq!(node.run(copying).status, 200, "{when}");
            }
            node.collect();
            // Whichever came last, with its own metadata.
            let made = node.send("GET", "/bkt/k", &[], b"");
            let copied = made.header("x-amz-meta-color").is_some();
            assert!(made.body == new || (copied && made.body == old), "{when}");
        }
        node.send("DELETE", "/bkt/k", &[], b"");
        node.collect();
        assert!(node.disk.blobs().is_empty());
    }
}
