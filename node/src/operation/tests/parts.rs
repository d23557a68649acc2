//! Objects by part: `partNumber` of GetObject and HeadObject, and GetObjectAttributes.

use protocol::checksum::{ChecksumAlgorithm, Hasher};

use super::copy_object::{copied, multipart};
use super::rules::expect;
use super::{bytes, node_with_bucket};
use crate::testing::{Answered, TestNode};

const MIB: usize = 1 << 20;
const MODE: (&str, &str) = ("x-amz-checksum-mode", "ENABLED");
const SHA256: [(&str, &str); 1] = [("x-amz-checksum-algorithm", "SHA256")];

fn sha256(content: &[u8]) -> String {
    let mut hasher = Hasher::new(ChecksumAlgorithm::Sha256);
    hasher.update(content);
    hasher.finish().to_base64()
}

/// GetObject and HeadObject of a part; they agree but for the body.
fn read(node: &TestNode, key: &str, part: u32) -> Answered {
    let target = format!("{key}?partNumber={part}");
    let got = node.send("GET", &target, &[MODE], b"");
    let head = node.send("HEAD", &target, &[MODE], b"");
    assert_eq!(head.status, got.status, "{target}");
    if got.status < 300 {
        // rule: head/as-get
        let told = |answered: &Answered| -> Vec<(String, String)> {
            let but_length = answered.headers.iter().filter(|(name, _)| name != "content-length");
            but_length.cloned().collect()
        };
        assert_eq!(told(&head), told(&got), "{target}");
        assert_eq!(head.header("content-length"), Some(got.body.len().to_string().as_str()));
    }
    got
}

/// The element of this name in a question about `names`.
fn attributes(node: &TestNode, key: &str, headers: &[(&str, &str)]) -> Answered {
    node.send("GET", &format!("{key}?attributes"), headers, b"")
}

fn asked(names: &str) -> (&'static str, &str) {
    ("x-amz-object-attributes", names)
}

#[test]
fn each_part_is_read_by_its_place() {
    // rule: get/part-of-upload, get/parts-count
    let node = node_with_bucket();
    let upload = node.create_upload("/bkt/k", &[]);
    let (mut listed, mut contents) = (Vec::new(), Vec::new());
    for (number, len) in [(2_u16, 5 * MIB), (5, 5 * MIB + 9), (9_000, 7)] {
        let content = bytes(u64::from(number), len);
        let target = format!("/bkt/k?partNumber={number}&uploadId={upload}");
        let put = node.send("PUT", &target, &[], &content);
        listed.push((number, put.header("etag").expect("an ETag").to_owned()));
        contents.push(content);
    }
    assert_eq!(node.complete("/bkt/k", &upload, &listed).status, 200);
    let (len, mut start) = (contents.concat().len(), 0);
    for (place, content) in (1..).zip(&contents) {
        let got = read(&node, "/bkt/k", place);
        assert_eq!(got.status, 206);
        assert!(got.body == *content, "part {place}");
        let range = format!("bytes {start}-{}/{len}", start + content.len() - 1);
        assert_eq!(got.header("content-range"), Some(range.as_str()));
        assert_eq!(got.header("x-amz-mp-parts-count"), Some("3"));
        // rule: get/part-checksum-full-object
        assert_eq!(got.header("x-amz-checksum-crc64nvme"), None);
        start += content.len();
    }
    // rule: get/part-beyond
    for beyond in [4, 5, 10_000] {
        let refused = read(&node, "/bkt/k", beyond);
        expect(&refused, 416, "InvalidPartNumber");
        assert_eq!(refused.element("ActualPartCount").as_deref(), Some("3"));
        let number = beyond.to_string();
        assert_eq!(refused.element("PartNumberRequested"), Some(number));
    }
    assert_eq!(node.send("HEAD", "/bkt/k", &[], b"").header("x-amz-mp-parts-count"), None);
    expect(&node.send("GET", "/bkt/none?partNumber=1", &[], b""), 404, "NoSuchKey");
}

#[test]
fn what_was_put_or_copied_as_one_is_one_part() {
    // rule: get/part-of-whole
    let node = node_with_bucket();
    let whole = multipart(&node, "/bkt/parts", &[5 * MIB, 7], &SHA256);
    copied(&node, "bkt/parts", "/bkt/copy", &[]);
    node.put("/bkt/put", &bytes(1, 1000));
    for (key, content) in [("/bkt/copy", &whole), ("/bkt/put", &bytes(1, 1000))] {
        let got = read(&node, key, 1);
        assert_eq!(got.status, 206, "{key}");
        assert!(got.body == *content, "{key}");
        assert_eq!(got.header("x-amz-mp-parts-count"), None);
        assert_eq!(got.header("x-amz-checksum-type"), Some("FULL_OBJECT"));
        let refused = read(&node, key, 2);
        expect(&refused, 416, "InvalidPartNumber");
        assert_eq!(refused.element("ActualPartCount").as_deref(), Some("1"));
        // rule: attributes/no-parts
        let told = attributes(&node, key, &[asked("ObjectParts,ObjectSize")]);
        let text = String::from_utf8(told.body).expect("a text");
        assert!(!text.contains("ObjectParts") && text.contains("<ObjectSize>"), "{text}");
    }
    // rule: get/part-empty
    node.put("/bkt/empty", b"");
    let got = read(&node, "/bkt/empty", 1);
    assert_eq!((got.status, got.header("content-range")), (200, None));
}

#[test]
fn parts_of_a_composite_have_checksums_of_their_own() {
    // rule: get/part-checksum-composite, attributes/parts-listed, attributes/paging
    let node = node_with_bucket();
    let lengths = [5 * MIB, 5 * MIB + 1, 3];
    multipart(&node, "/bkt/k", &lengths, &SHA256);
    let sums: Vec<String> =
        (1..).zip(lengths).map(|(number, len)| sha256(&bytes(number, len))).collect();
    for (place, sum) in (1..).zip(&sums) {
        let got = read(&node, "/bkt/k", place);
        assert_eq!(got.header("x-amz-checksum-sha256"), Some(sum.as_str()));
        assert_eq!(got.header("x-amz-checksum-type"), Some("COMPOSITE"));
    }
    let page = |max: &str, marker: &str| {
        let headers =
            [asked("ObjectParts"), ("x-amz-max-parts", max), ("x-amz-part-number-marker", marker)];
        let told = attributes(&node, "/bkt/k", &headers);
        let text = String::from_utf8(told.body.clone()).expect("a text");
        let parts: Vec<usize> = (1..=3)
            .filter(|place| text.contains(&format!("<PartNumber>{place}</PartNumber>")))
            .collect();
        for place in &parts {
            let part = format!(
                "<ChecksumSHA256>{}</ChecksumSHA256><PartNumber>{place}</PartNumber><Size>{}</Size>",
                sums[place - 1],
                lengths[place - 1]
            );
            assert!(text.contains(&part), "{text}");
        }
        assert_eq!(told.element("PartsCount").as_deref(), Some("3"));
        assert_eq!(told.element("PartNumberMarker").as_deref(), Some(marker));
        let next = told.element("NextPartNumberMarker").expect("a marker");
        (parts, next, told.element("IsTruncated").expect("a flag"))
    };
    let expected = |parts: &[usize], next: &str, more: &str| {
        (parts.to_vec(), next.to_owned(), more.to_owned())
    };
    assert_eq!(page("1000", "0"), expected(&[1, 2, 3], "3", "false"));
    assert_eq!(page("2", "0"), expected(&[1, 2], "2", "true"));
    assert_eq!(page("2", "2"), expected(&[3], "3", "false"));
    assert_eq!(page("2", "3"), expected(&[], "0", "false"));
    assert_eq!(page("2", "2147483647"), expected(&[], "0", "false"));
    assert_eq!(page("0", "0"), expected(&[], "0", "false"));
}

#[test]
fn attributes_are_those_of_the_object() {
    // rule: attributes/answer, attributes/checksum-without-count, attributes/parts-counted
    let node = node_with_bucket();
    multipart(&node, "/bkt/k", &[5 * MIB, 3], &SHA256);
    let all = [asked("ETag,Checksum,ObjectParts,StorageClass,ObjectSize")];
    let told = attributes(&node, "/bkt/k", &all);
    let head = node.send("HEAD", "/bkt/k", &[MODE], b"");
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(told.header("last-modified"), head.header("last-modified"));
    let etag = head.header("etag").expect("an ETag").trim_matches('"');
    assert_eq!(told.element("ETag").as_deref(), Some(etag));
    let sum = head.header("x-amz-checksum-sha256").expect("a checksum");
    assert_eq!(told.element("ChecksumSHA256").map(|sum| sum + "-2").as_deref(), Some(sum));
    assert_eq!(told.element("ObjectSize"), Some((5 * MIB + 3).to_string()));
    assert_eq!(told.element("StorageClass").as_deref(), Some("STANDARD"));
    // Without an algorithm parts are counted, not listed.
    multipart(&node, "/bkt/plain", &[5 * MIB, 3], &[]);
    let told = attributes(&node, "/bkt/plain", &all);
    assert_eq!(
        told.element("ObjectParts").as_deref(),
        Some("<PartsCount>2</PartsCount>"),
        "{told:?}"
    );
    assert_eq!(told.element("ChecksumType").as_deref(), Some("FULL_OBJECT"));
}

#[test]
fn faults_of_a_question_about_attributes_are_told_in_order() {
    // rule: attributes/order
    let node = node_with_bucket();
    node.put("/bkt/k", b"1");
    expect(&attributes(&node, "/none/k", &[]), 400, "InvalidRequest");
    expect(&attributes(&node, "/none/k", &[asked("Size")]), 400, "InvalidArgument");
    expect(&attributes(&node, "/none/k", &[asked("ETag")]), 404, "NoSuchBucket");
    expect(&attributes(&node, "/bkt/none", &[asked("ETag")]), 404, "NoSuchKey");
    let other = [asked("ETag"), ("x-amz-expected-bucket-owner", "111111111111")];
    expect(&attributes(&node, "/bkt/none", &other), 403, "AccessDenied");
    assert_eq!(attributes(&node, "/bkt/k", &[asked("ETag")]).status, 200);
}
