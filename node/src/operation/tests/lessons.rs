//! What clients have met elsewhere and must not meet here: small stories of whole requests, one for each lesson.

use protocol::checksum::{ChecksumAlgorithm, ChecksumType};

use super::copy_object::{copied, multipart};
use super::rules::expect;
use super::{bytes, node_with_bucket};
use crate::testing::{Answered, TestNode};

const MIB: usize = 1 << 20;

/// Copies `source` as a part, a range of it if there is one.
fn copy_part(
    node: &TestNode,
    upload: &str,
    number: u16,
    source: &str,
    range: Option<&str>,
) -> Answered {
    let mut headers = vec![("x-amz-copy-source", source)];
    headers.extend(range.map(|range| ("x-amz-copy-source-range", range)));
    let target = format!("/bkt/copy?partNumber={number}&uploadId={upload}");
    let answered = node.send("PUT", &target, &headers, b"");
    assert_eq!((answered.status, answered.element("Code")), (200, None), "{answered:?}");
    answered
}

fn texts(answered: &Answered, name: &str) -> Vec<String> {
    let text = String::from_utf8(answered.body.clone()).expect("text").replace("&quot;", "\"");
    let start = format!("<{name}>");
    let texts = text.split(start.as_str()).skip(1);
    texts.map(|rest| rest.split_once("</").expect("an end").0.to_owned()).collect()
}

/// An empty ETag, or another one in the listing, makes every Complete fail.
#[test]
fn a_part_has_one_etag_wherever_it_is_told() {
    // rule: part-copy/one-etag
    let node = node_with_bucket();
    node.put("/bkt/small", &bytes(1, 1000));
    node.put("/bkt/large", &bytes(2, 7 * MIB));
    let upload = node.create_upload("/bkt/copy", &[]);
    let told: Vec<String> = [
        copy_part(&node, &upload, 1, "bkt/large", None),
        copy_part(&node, &upload, 2, "bkt/large", Some("bytes=1-6000000")),
        copy_part(&node, &upload, 3, "bkt/small", Some("bytes=0-0")),
    ]
    .iter()
    .map(|answered| answered.element("ETag").expect("an ETag"))
    .collect();
    assert!(told.iter().all(|etag| etag.len() == 34), "32 hex digits in quotes: {told:?}");
    // Parts without a checksum of their own are listed like others.
    let listed = node.send("GET", &format!("/bkt/copy?uploadId={upload}"), &[], b"");
    assert_eq!(texts(&listed, "ETag"), told);
    assert_eq!(listed.element("ChecksumAlgorithm"), None);
    let parts: Vec<(u16, String)> = (1..).zip(told).collect();
    assert_eq!(node.complete("/bkt/copy", &upload, &parts).status, 200);
    let [small, large] = [bytes(1, 1000), bytes(2, 7 * MIB)];
    assert!(node.get("/bkt/copy") == [&large, &large[1..6_000_001], &small[..1]].concat());
}

/// Without a range it is still a copy of a part, and never an empty part.
#[test]
fn a_copy_without_a_range_is_a_part_with_all_bytes() {
    // rule: part-copy/dispatch, part-copy/inline-source
    let node = node_with_bucket();
    node.put("/bkt/tiny", b"tiny");
    let upload = node.create_upload("/bkt/copy", &[]);
    let answered = copy_part(&node, &upload, 1, "bkt/tiny", None);
    assert!(String::from_utf8_lossy(&answered.body).contains("<CopyPartResult"));
    let listed = node.send("GET", &format!("/bkt/copy?uploadId={upload}"), &[], b"");
    assert_eq!(texts(&listed, "Size"), ["4"]);
    assert_eq!(node.send("HEAD", "/bkt/copy", &[], b"").status, 404, "no object was made");
    let target = format!("/bkt/copy?partNumber=2&uploadId={upload}");
    let empty = node.send("PUT", &target, &[("x-amz-copy-source", "")], b"");
    expect(&empty, 400, "InvalidArgument");
    let listed = node.send("GET", &format!("/bkt/copy?uploadId={upload}"), &[], b"");
    assert_eq!(texts(&listed, "PartNumber"), ["1"]);
}

/// Copies of parts in an upload with checksums tell the checksum that Complete then asks for.
#[test]
fn uploads_with_checksums_can_be_made_of_copies_alone() {
    // rule: part-copy/checksum-for-complete
    let node = node_with_bucket();
    let source = bytes(3, 6 * MIB);
    node.put("/bkt/source", &source);
    for algorithm in ChecksumAlgorithm::ALL {
        for kind in [ChecksumType::Composite, ChecksumType::FullObject] {
            if !algorithm.allows(kind) {
                continue;
            }
            let headers = [
                ("x-amz-checksum-algorithm", algorithm.name()),
                ("x-amz-checksum-type", kind.as_str()),
            ];
            let upload = node.create_upload("/bkt/copy", &headers);
            let mut list = String::from("<CompleteMultipartUpload>");
            for (number, range) in [(1, None), (2, Some("bytes=77-99999"))] {
                let part = copy_part(&node, &upload, number, "bkt/source", range);
                let element = algorithm.element();
                let sum = part.element(element).expect("the checksum of the upload");
                let etag = part.element("ETag").expect("an ETag");
                list.push_str(&format!(
                    "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>\
                     <{element}>{sum}</{element}></Part>"
                ));
            }
            list.push_str("</CompleteMultipartUpload>");
            let target = format!("/bkt/copy?uploadId={upload}");
            let made = node.send("POST", &target, &[], list.as_bytes());
            assert_eq!((made.status, made.element("Code")), (200, None), "{algorithm:?} {kind:?}");
            assert_eq!(made.element("ChecksumType").as_deref(), Some(kind.as_str()));
            let sum = made.element(algorithm.element()).expect("a checksum of the object");
            assert_eq!(sum.ends_with("-2"), kind == ChecksumType::Composite, "{sum}");
        }
    }
    assert!(node.get("/bkt/copy") == [&source[..], &source[77..100_000]].concat());
}

/// A registry completes what it has, however little, and goes on with a copy of it as the first part.
#[test]
fn an_upload_can_be_resumed_from_a_small_object() {
    // rule: part-copy/small-source
    let node = node_with_bucket();
    let small = multipart(&node, "/bkt/partial", &[MIB], &[]);
    let upload = node.create_upload("/bkt/copy", &[]);
    let first = copy_part(&node, &upload, 1, "bkt/partial", None);
    let parts = [(1, first.element("ETag").expect("an ETag"))];
    assert_eq!(node.complete("/bkt/copy", &upload, &parts).status, 200);
    assert!(node.get("/bkt/copy") == small);
    // A range of a source below 5 MB is none of S3's errors in practice, and none here.
    let upload = node.create_upload("/bkt/copy", &[]);
    copy_part(&node, &upload, 1, "bkt/partial", Some("bytes=10-19"));
}

/// What was completed can be read and copied by the very next request.
#[test]
fn what_was_completed_can_be_copied_at_once() {
    // rule: complete/read-after, copy/parts-of-any-size
    let node = node_with_bucket();
    for round in 0..3 {
        let lengths = [5 * MIB + round, 5 * MIB + 7 * round, 1 + round];
        let whole = multipart(&node, "/bkt/made", &lengths, &[]);
        copied(&node, "bkt/made", "/bkt/moved", &[]);
        assert_eq!(node.send("DELETE", "/bkt/made", &[], b"").status, 204);
        assert!(node.get("/bkt/moved") == whole);
    }
}

/// The last byte of a range belongs to it: parts laid side by side leave none out.
#[test]
fn parts_laid_side_by_side_make_the_whole() {
    // rule: copy-range/inclusive
    let node = node_with_bucket();
    let source = bytes(4, 16 * MIB);
    node.put("/bkt/source", &source);
    let upload = node.create_upload("/bkt/copy", &[]);
    let step = 5 * MIB + 3;
    let mut parts = Vec::new();
    // Sent in the wrong order, listed in the right one.
    for number in [4_u16, 2, 1, 3] {
        let start = (usize::from(number) - 1) * step;
        let range = format!("bytes={start}-{}", (start + step).min(source.len()) - 1);
        let part = copy_part(&node, &upload, number, "bkt/source", Some(&range));
        parts.push((number, part.element("ETag").expect("an ETag")));
    }
    parts.sort();
    assert_eq!(node.complete("/bkt/copy", &upload, &parts).status, 200);
    assert!(node.get("/bkt/copy") == source);
}
