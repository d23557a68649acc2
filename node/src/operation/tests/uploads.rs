//! The life of an upload: what its parts bring, how it is listed, how it ends.

use protocol::checksum::{ChecksumAlgorithm, Hasher};

use super::rules::{base64, expect, md5};
use super::{bytes, node_with_bucket};
use crate::seam::Local;
use crate::testing::{Answered, TestNode};

fn crc32(content: &[u8]) -> String {
    let mut hasher = Hasher::new(ChecksumAlgorithm::Crc32);
    hasher.update(content);
    hasher.finish().to_base64()
}

fn part(
    node: &TestNode,
    upload: &str,
    number: u16,
    headers: &[(&str, &str)],
    content: &[u8],
) -> Answered {
    let target = format!("/bkt/k?partNumber={number}&uploadId={upload}");
    node.send("PUT", &target, headers, content)
}

fn listed(node: &TestNode, upload: &str) -> Answered {
    node.send("GET", &format!("/bkt/k?uploadId={upload}"), &[], b"")
}

#[test]
fn an_upload_gives_its_object_what_it_was_created_with() {
    // rule: create-upload/object-headers, create-upload/nothing-to-see
    let node = node_with_bucket();
    node.put("/bkt/k", b"before");
    let headers = [
        ("content-type", "text/plain"),
        ("expires", "some day"),
        ("x-amz-meta-colour", "red"),
        ("x-amz-tagging", "a=1&b=2"),
        ("x-amz-website-redirect-location", "/elsewhere"),
    ];
    let upload = node.create_upload("/bkt/k", &headers);
    let put = part(&node, &upload, 1, &[], b"after");
    assert_eq!(node.get("/bkt/k"), b"before");
    let etag = put.header("etag").expect("an ETag").to_owned();
    assert_eq!(node.complete("/bkt/k", &upload, &[(1, etag)]).status, 200);
    let got = node.send("GET", "/bkt/k", &[], b"");
    assert_eq!(got.body, b"after");
    for (name, value) in [headers[0], headers[1], headers[2], headers[4]] {
        assert_eq!(got.header(name), Some(value), "{name}");
    }
    assert_eq!(got.header("x-amz-tagging-count"), Some("2"));
    for (name, value, code) in [
        ("x-amz-website-redirect-location", "elsewhere", "InvalidRedirectLocation"),
        ("x-amz-tagging", "a=1&a=2", "InvalidArgument"),
        ("x-amz-storage-class", "OUTPOSTS", "InvalidStorageClass"),
    ] {
        expect(&node.send("POST", "/bkt/k?uploads", &[(name, value)], b""), 400, code);
    }
    expect(&node.send("POST", "/none/k?uploads", &[], b""), 404, "NoSuchBucket");
}

#[test]
fn a_checksum_that_the_upload_did_not_ask_for_is_none_of_the_parts() {
    // rule: upload-part/unasked-checksum
    let node = node_with_bucket();
    let upload = node.create_upload("/bkt/k", &[]);
    let sum = crc32(b"abc");
    let put = part(&node, &upload, 1, &[("x-amz-checksum-crc32", &sum)], b"abc");
    assert_eq!(put.header("x-amz-checksum-crc32"), Some(sum.as_str()));
    assert_eq!(put.header("x-amz-checksum-type"), None);
    let wrong = part(&node, &upload, 1, &[("x-amz-checksum-crc32", &sum)], b"abd");
    expect(&wrong, 400, "BadDigest");
    assert_eq!(part(&node, &upload, 2, &[], b"").header("x-amz-checksum-crc64nvme"), None);
    let page = listed(&node, &upload);
    let text = String::from_utf8(page.body).expect("a text");
    assert!(text.contains("<Part>") && !text.contains("Checksum"), "{text}");
    let etag = put.header("etag").expect("an ETag");
    let document = |sum: &str| {
        format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag>{sum}\
             </Part></CompleteMultipartUpload>"
        )
    };
    let complete = |document: &str| {
        node.send("POST", &format!("/bkt/k?uploadId={upload}"), &[], document.as_bytes())
    };
    let with_sum = document(&format!("<ChecksumCRC32>{sum}</ChecksumCRC32>"));
    expect(&complete(&with_sum), 400, "InvalidPart");
    let made = complete(&document(""));
    assert_eq!(made.element("ChecksumType").as_deref(), Some("FULL_OBJECT"), "{made:?}");
    assert!(made.element("ChecksumCRC64NVME").is_some(), "{made:?}");
}

#[test]
fn a_part_of_a_full_object_upload_is_given_its_checksum() {
    // rule: upload-part/computed-checksum, list-parts/answer
    let node = node_with_bucket();
    let full = [("x-amz-checksum-algorithm", "CRC32"), ("x-amz-checksum-type", "FULL_OBJECT")];
    let upload = node.create_upload("/bkt/k", &full);
    let put = part(&node, &upload, 1, &[], b"abc");
    let sum = crc32(b"abc");
    assert_eq!(put.header("x-amz-checksum-crc32"), Some(sum.as_str()));
    let page = listed(&node, &upload);
    assert_eq!(page.element("ChecksumCRC32"), Some(sum));
    assert_eq!(page.element("ChecksumAlgorithm").as_deref(), Some("CRC32"));
    assert_eq!(page.element("ChecksumType").as_deref(), Some("FULL_OBJECT"));
    // rule: upload-part/checksum
    let composite = node.create_upload("/bkt/k", &full[..1]);
    expect(&part(&node, &composite, 1, &[], b"abc"), 400, "InvalidRequest");
    let sha = [("x-amz-checksum-sha1", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=")];
    expect(&part(&node, &upload, 1, &sha, b"abc"), 400, "InvalidRequest");
}

#[test]
fn a_part_that_fails_leaves_the_earlier_one() {
    // rule: upload-part/all-or-nothing
    let node = node_with_bucket();
    let upload = node.create_upload("/bkt/k", &[]);
    let first = part(&node, &upload, 1, &[], &bytes(1, 50_000));
    let etag = first.header("etag").expect("an ETag").to_owned();
    let other = base64(&md5(b"other"));
    let second = bytes(2, 50_000);
    expect(&part(&node, &upload, 1, &[("content-md5", &other)], &second), 400, "BadDigest");
    let other = crc32(b"other");
    let refused = part(&node, &upload, 1, &[("x-amz-checksum-crc32", &other)], &second);
    expect(&refused, 400, "BadDigest");
    let body = node.start("PUT", &format!("/bkt/k?partNumber=1&uploadId={upload}"), &[], &second);
    let mut body: Local<'_, Answered> = Box::pin(body);
    assert!(!node.poll(&mut body, 2), "nothing was cut");
    drop(body);
    node.settle();
    assert_eq!(listed(&node, &upload).element("ETag"), Some(etag.clone()));
    assert_eq!(node.complete("/bkt/k", &upload, &[(1, etag)]).status, 200);
    assert!(node.get("/bkt/k") == bytes(1, 50_000));
    node.collect();
    assert_eq!(node.disk.blobs().len(), 1);
}

#[test]
fn an_upload_that_is_not_open_is_unknown_to_every_operation() {
    // rule: upload-part/no-such-upload, complete/no-such-upload, abort/no-such-upload
    // rule: list-parts/no-such-upload
    let node = node_with_bucket();
    let upload = node.create_upload("/bkt/k", &[]);
    let over = node.create_upload("/bkt/k", &[]);
    // rule: abort/answer
    let aborted = node.send("DELETE", &format!("/bkt/k?uploadId={over}"), &[], b"");
    assert_eq!((aborted.status, aborted.body.len()), (204, 0));
    for (key, id) in [("k", over.as_str()), ("l", &upload), ("k", "made-up"), ("k", "")] {
        let target = format!("/bkt/{key}?uploadId={id}");
        let put = format!("/bkt/{key}?partNumber=1&uploadId={id}");
        for answered in [
            node.send("PUT", &put, &[], b"x"),
            node.send("POST", &target, &[], b"no document"),
            node.send("DELETE", &target, &[], b""),
            node.send("GET", &target, &[], b""),
        ] {
            expect(&answered, 404, "NoSuchUpload");
            assert_eq!(answered.element("UploadId").as_deref(), Some(id));
        }
    }
}

#[test]
fn an_upload_can_be_aborted_if_it_began_then() {
    // rule: abort/if-match-initiated-time
    let node = node_with_bucket();
    let began = node.time.millis.get();
    let upload = node.create_upload("/bkt/k", &[]);
    node.time.millis.set(began + 60_000);
    let abort = |after: u64| {
        let date = protocol::time::Timestamp::from_millis(began + after).http_date();
        let target = format!("/bkt/k?uploadId={upload}");
        node.send("DELETE", &target, &[("x-amz-if-match-initiated-time", &date)], b"")
    };
    let lost = abort(1000);
    expect(&lost, 412, "PreconditionFailed");
    assert_eq!(lost.element("Condition").as_deref(), Some("If-Match-Initiated-Time"));
    assert_eq!(listed(&node, &upload).status, 200);
    assert_eq!(abort(0).status, 204);
    expect(&listed(&node, &upload), 404, "NoSuchUpload");
    // Aborted already, and so a condition has nothing to say.
    assert_eq!(abort(0).status, 204);
}

#[test]
fn parts_are_listed_by_pages() {
    // rule: list-parts/paging, list-parts/next-marker, list-parts/numbers
    let node = node_with_bucket();
    let upload = node.create_upload("/bkt/k", &[]);
    for number in [7, 1, 10_000] {
        assert_eq!(part(&node, &upload, number, &[], b"x").status, 200);
    }
    let page = |query: &str| {
        let target = format!("/bkt/k?uploadId={upload}{query}");
        let page = node.send("GET", &target, &[], b"");
        assert_eq!(page.status, 200, "{page:?}");
        let text = String::from_utf8(page.body.clone()).expect("a text");
        let numbers: Vec<String> = text
            .split("<PartNumber>")
            .skip(1)
            .map(|rest| rest.split('<').next().expect("a number").to_owned())
            .collect();
        let element = |name| page.element(name).expect("an element");
        (numbers.join(" "), element("NextPartNumberMarker"), element("IsTruncated"))
    };
    let expected = |numbers: &str, next: &str, more: &str| {
        (numbers.to_owned(), next.to_owned(), more.to_owned())
    };
    assert_eq!(page(""), expected("1 7 10000", "10000", "false"));
    assert_eq!(page("&max-parts=2"), expected("1 7", "7", "true"));
    assert_eq!(page("&max-parts=2&part-number-marker=7"), expected("10000", "10000", "false"));
    assert_eq!(page("&max-parts=3"), expected("1 7 10000", "10000", "false"));
    assert_eq!(page("&max-parts=0"), expected("", "0", "false"));
    assert_eq!(page("&part-number-marker=10000&max-parts="), expected("", "0", "false"));
}
