//! Rules of S3 that need a node to show: the order of checks, listings, tags, uploads that come and go.

use super::{bytes, node_with_bucket};
use crate::seam::Local;
use crate::testing::{Answered, TestNode};

fn code(answered: &Answered) -> (u16, String) {
    (answered.status, answered.element("Code").unwrap_or_default())
}

pub(super) fn expect(answered: &Answered, status: u16, name: &str) {
    assert_eq!(code(answered), (status, name.to_owned()), "{answered:?}");
}

#[test]
fn buckets_come_and_go() {
    // rule: create-bucket/name, create-bucket/exists, delete-bucket/not-empty, delete-bucket/uploads, head-bucket/missing
    let node = TestNode::new();
    assert_eq!(node.send("PUT", "/bkt", &[], b"").status, 200);
    let again = node.send("PUT", "/bkt", &[], b"");
    expect(&again, 409, "BucketAlreadyOwnedByYou");
    assert_eq!(again.element("BucketName").as_deref(), Some("bkt"));
    expect(&node.send("PUT", "/xn--bkt", &[], b""), 400, "InvalidBucketName");
    assert_eq!(node.send("HEAD", "/bkt", &[], b"").status, 200);
    let missing = node.send("HEAD", "/other", &[], b"");
    assert_eq!((missing.status, missing.body.len()), (404, 0));
    assert_eq!(missing.header("x-amz-bucket-region"), None);
    node.put("/bkt/k", b"1");
    let full = node.send("DELETE", "/bkt", &[], b"");
    expect(&full, 409, "BucketNotEmpty");
    assert_eq!(full.element("BucketName").as_deref(), Some("bkt"));
    assert_eq!(node.send("DELETE", "/bkt/k", &[], b"").status, 204);
    let upload = node.create_upload("/bkt/k", &[]);
    assert_eq!(node.send("DELETE", "/bkt", &[], b"").status, 204);
    expect(&node.send("GET", "/bkt?location", &[], b""), 404, "NoSuchBucket");
    let target = format!("/bkt/k?partNumber=1&uploadId={upload}");
    expect(&node.send("PUT", &target, &[], b"x"), 404, "NoSuchBucket");
}

#[test]
fn expected_owners_are_checked_before_anything_is_told() {
    // rule: every/expected-owner
    let node = node_with_bucket();
    node.put("/bkt/k", b"1");
    let owner = |value| [("x-amz-expected-bucket-owner", value)];
    assert_eq!(node.send("GET", "/bkt/k", &owner("000000000000"), b"").status, 200);
    expect(&node.send("GET", "/bkt/none", &owner("111111111111"), b""), 403, "AccessDenied");
    let answered = node.send("GET", "/bkt/k", &owner("me"), b"");
    expect(&answered, 400, "InvalidBucketOwnerAWSAccountID");
    // rule: head-bucket/refused
    let refused = node.send("HEAD", "/bkt", &owner("111111111111"), b"");
    assert_eq!((refused.status, refused.body.len()), (403, 0));
    assert_eq!(refused.header("x-amz-bucket-region"), Some("us-east-1"));
}

#[test]
fn a_copy_is_refused_in_the_order_of_s3() {
    // rule: part-copy/order
    let node = node_with_bucket();
    node.put("/bkt/source", &bytes(1, 10));
    let upload = node.create_upload("/bkt/copy", &[]);
    let copy = |upload: &str, headers: &[(&str, &str)]| {
        node.send("PUT", &format!("/bkt/copy?partNumber=1&uploadId={upload}"), headers, b"")
    };
    let source = ("x-amz-copy-source", "bkt/source");
    let range = |value| ("x-amz-copy-source-range", value);
    expect(&copy(&upload, &[("x-amz-copy-source", "bkt")]), 400, "InvalidArgument");
    expect(&copy("unknown", &[("x-amz-copy-source", "none/k")]), 404, "NoSuchUpload");
    let missing = copy(&upload, &[("x-amz-copy-source", "none/k")]);
    expect(&missing, 404, "NoSuchBucket");
    assert_eq!(missing.element("BucketName").as_deref(), Some("none"));
    expect(&copy(&upload, &[("x-amz-copy-source", "bkt/none")]), 404, "NoSuchKey");
    let old = ("x-amz-copy-source-if-match", "\"0123\"");
    expect(&copy(&upload, &[source, old, range("bytes=0-99")]), 412, "PreconditionFailed");
    expect(&copy(&upload, &[source, range("bytes=0-10")]), 400, "InvalidArgument");
    expect(&copy(&upload, &[source, range("bytes=10-11")]), 400, "InvalidRequest");
    let version = ("x-amz-copy-source", "bkt/source?versionId=abc");
    expect(&copy(&upload, &[version]), 400, "InvalidArgument");
    let null = ("x-amz-copy-source", "bkt/source?versionId=null");
    assert_eq!(copy(&upload, &[null]).status, 200);
    let body =
        node.send("PUT", &format!("/bkt/copy?partNumber=1&uploadId={upload}"), &[source], b"x");
    expect(&body, 400, "InvalidRequest");
}

#[test]
fn an_empty_object_can_be_copied_whole() {
    // rule: part-copy/empty-source
    let node = node_with_bucket();
    node.put("/bkt/empty", b"");
    let upload = node.create_upload("/bkt/copy", &[]);
    let target = format!("/bkt/copy?partNumber=1&uploadId={upload}");
    let copied = node.send("PUT", &target, &[("x-amz-copy-source", "bkt/empty")], b"");
    assert_eq!(copied.status, 200, "{copied:?}");
    let etag = copied.element("ETag").expect("an ETag");
    assert_eq!(etag, "\"d41d8cd98f00b204e9800998ecf8427e\"");
    assert_eq!(node.complete("/bkt/copy", &upload, &[(1, etag)]).status, 200);
    assert!(node.get("/bkt/copy").is_empty());
}

#[test]
fn parts_replace_each_other_and_abort_takes_them_all() {
    // rule: part-copy/last-wins
    // rule: upload-part/replaces, abort/all-parts
    let node = node_with_bucket();
    let upload = node.create_upload("/bkt/k", &[]);
    let target = format!("/bkt/k?partNumber=7&uploadId={upload}");
    for seed in 0..3 {
        assert_eq!(node.send("PUT", &target, &[], &bytes(seed, 50_000)).status, 200);
    }
    node.collect();
    assert_eq!(node.disk.blobs().len(), 1);
    let listed = node.send("GET", &format!("/bkt/k?uploadId={upload}"), &[], b"");
    assert_eq!(listed.element("PartNumber").as_deref(), Some("7"));
    assert_eq!(listed.element("Size").as_deref(), Some("50000"));
    assert_eq!(node.send("DELETE", &format!("/bkt/k?uploadId={upload}"), &[], b"").status, 204);
    expect(&node.send("PUT", &target, &[], &bytes(9, 50_000)), 404, "NoSuchUpload");
    node.collect();
    assert!(node.disk.blobs().is_empty());
}

#[test]
fn unlisted_parts_are_let_go() {
    // rule: complete/unlisted
    let node = node_with_bucket();
    let upload = node.create_upload("/bkt/k", &[]);
    let mut etags = Vec::new();
    for number in 1..=3_u16 {
        let target = format!("/bkt/k?partNumber={number}&uploadId={upload}");
        let put = node.send("PUT", &target, &[], &bytes(u64::from(number), 50_000));
        etags.push((number, put.header("etag").expect("an ETag").to_owned()));
    }
    let small = node.complete("/bkt/k", &upload, &etags);
    expect(&small, 400, "EntityTooSmall");
    assert_eq!(node.complete("/bkt/k", &upload, &etags[1..2]).status, 200);
    node.collect();
    assert_eq!(node.disk.blobs().len(), 1);
    assert_eq!(node.get("/bkt/k"), bytes(2, 50_000));
    expect(&node.complete("/bkt/k", &upload, &etags[2..]), 404, "NoSuchUpload");
}

/// An upload of parts 2 and 5, the last one empty, and how they are listed.
fn two_parts(node: &TestNode) -> (String, Vec<(u16, String)>) {
    let upload = node.create_upload("/bkt/k", &[]);
    let mut listed = Vec::new();
    for (number, len) in [(2_u16, 5 << 20), (5, 0)] {
        let target = format!("/bkt/k?partNumber={number}&uploadId={upload}");
        let put = node.send("PUT", &target, &[], &bytes(u64::from(number), len));
        listed.push((number, put.header("etag").expect("an ETag").to_owned()));
    }
    (upload, listed)
}

#[test]
fn a_completion_whose_answer_was_lost_can_be_sent_again() {
    // rule: complete/again
    let node = node_with_bucket();
    let (upload, listed) = two_parts(&node);
    let first = node.complete("/bkt/k", &upload, &listed);
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(node.complete("/bkt/k", &upload, &listed), first);
    assert!(node.get("/bkt/k") == bytes(2, 5 << 20));
    // Another list, another key: that upload is not known any more.
    expect(&node.complete("/bkt/k", &upload, &listed[..1]), 404, "NoSuchUpload");
    expect(&node.complete("/bkt/l", &upload, &listed), 404, "NoSuchUpload");
    let other = vec![listed[0].clone(), (6, listed[1].1.clone())];
    expect(&node.complete("/bkt/k", &upload, &other), 404, "NoSuchUpload");
    let no_list = node.send("POST", &format!("/bkt/k?uploadId={upload}"), &[], b"<a/>");
    expect(&no_list, 404, "NoSuchUpload");
    // Only as long as the key names what the upload has made.
    node.put("/bkt/k", b"overwritten");
    expect(&node.complete("/bkt/k", &upload, &listed), 404, "NoSuchUpload");
    node.send("DELETE", "/bkt/k", &[], b"");
    expect(&node.complete("/bkt/k", &upload, &listed), 404, "NoSuchUpload");
}

#[test]
fn two_completions_of_one_upload_at_a_time_are_both_told_of_one_object() {
    // rule: complete/two-at-a-time
    let node = node_with_bucket();
    let (upload, listed) = two_parts(&node);
    let document = TestNode::list_of(&listed);
    let complete = || {
        let target = format!("/bkt/k?uploadId={upload}");
        Box::pin(node.start("POST", &target, &[("if-none-match", "*")], document.as_bytes()))
    };
    let (first, second) = node.run(futures_util::future::join(complete(), complete()));
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(first, second);
}

#[test]
fn a_completion_is_told_of_its_object_wherever_the_same_one_overtakes_it() {
    // rule: complete/two-at-a-time
    for polls in 0..100 {
        let node = node_with_bucket();
        let (upload, listed) = two_parts(&node);
        let document = TestNode::list_of(&listed);
        let target = format!("/bkt/k?uploadId={upload}");
        let absent = [("if-none-match", "*")];
        let mut slow: Local<'_, Answered> =
            Box::pin(node.start("POST", &target, &absent, document.as_bytes()));
        let done = node.poll(&mut slow, polls);
        if done {
            assert!(polls > 3, "nothing was overtaken");
            break;
        }
        let first = node.send("POST", &target, &absent, document.as_bytes());
        assert_eq!(first.status, 200, "{first:?}");
        assert_eq!(node.run(slow), first, "after {polls}");
    }
}

#[test]
fn listings_page_through_keys_and_prefixes() {
    let node = node_with_bucket();
    for key in ["a", "dir/1", "dir/2", "dir/sub/3", "e", "z%20z"] {
        node.put(&format!("/bkt/{key}"), key.as_bytes());
    }
    let mut found = Vec::new();
    let mut target = String::from("/bkt?list-type=2&delimiter=%2F&max-keys=1");
    loop {
        let page = node.send("GET", &target, &[], b"");
        assert_eq!(page.status, 200, "{page:?}");
        let text = String::from_utf8(page.body.clone()).expect("text");
        let key = page.element("Key");
        let prefix = text
            .split_once("<CommonPrefixes><Prefix>")
            .map(|(_, rest)| rest.split_once('<').expect("an end").0.to_owned());
        found.extend(key.or(prefix));
        match page.element("NextContinuationToken") {
            Some(token) => {
                target =
                    format!("/bkt?list-type=2&delimiter=%2F&max-keys=1&continuation-token={token}");
            }
            None => break,
        }
    }
    assert_eq!(found, ["a", "dir/", "e", "z z"]);
}

#[test]
fn tags_and_metadata_stay_with_the_object() {
    // rule: tagging/integrity, tagging/no-such-key, put/metadata
    let node = node_with_bucket();
    let headers = [
        ("x-amz-tagging", "a=1&b=2"),
        ("x-amz-meta-colour", "red"),
        ("content-type", "text/plain"),
        ("cache-control", "no-store"),
    ];
    assert_eq!(node.send("PUT", "/bkt/k", &headers, b"1").status, 200);
    let head = node.send("HEAD", "/bkt/k", &[], b"");
    assert_eq!(head.header("x-amz-meta-colour"), Some("red"));
    assert_eq!(head.header("content-type"), Some("text/plain"));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    assert_eq!(head.header("x-amz-tagging-count"), Some("2"));
    let document = b"<Tagging><TagSet><Tag><Key>c</Key><Value>3</Value></Tag></TagSet></Tagging>";
    expect(&node.send("PUT", "/bkt/k?tagging", &[], document), 400, "InvalidRequest");
    let digest = base64(&md5(document));
    let proof = [("content-md5", digest.as_str())];
    assert_eq!(node.send("PUT", "/bkt/k?tagging", &proof, document).status, 200);
    let tags = node.send("GET", "/bkt/k?tagging", &[], b"");
    assert_eq!(
        (tags.element("Key").as_deref(), tags.element("Value").as_deref()),
        (Some("c"), Some("3"))
    );
    assert_eq!(node.send("DELETE", "/bkt/k?tagging", &[], b"").status, 204);
    assert_eq!(node.send("HEAD", "/bkt/k", &[], b"").header("x-amz-tagging-count"), None);
    expect(&node.send("GET", "/bkt/none?tagging", &[], b""), 404, "NoSuchKey");
}

pub(crate) fn md5(bytes: &[u8]) -> [u8; 16] {
    use md5::Digest;
    md5::Md5::digest(bytes).into()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[test]
fn what_is_not_built_is_refused() {
    // rule: every/not-built
    let node = node_with_bucket();
    node.put("/bkt/k", b"1");
    for (method, target) in [
        ("PUT", "/bkt?policy"),
        ("GET", "/bkt/k?torrent"),
        ("GET", "/bkt/k?annotation"),
        ("PUT", "/bkt/k?renameObject"),
        ("POST", "/bkt/k?restore"),
        ("POST", "/bkt/k?select&select-type=2"),
    ] {
        expect(&node.send(method, target, &[], b""), 501, "NotImplemented");
    }
    let sealed = [("x-amz-server-side-encryption", "AES256")];
    expect(&node.send("PUT", "/bkt/k", &sealed, b"1"), 501, "NotImplemented");
}

#[test]
fn behind_the_last_part_number_there_are_no_parts() {
    // rule: list-parts/paging
    let node = node_with_bucket();
    let upload = node.create_upload("/bkt/k", &[]);
    let target = format!("/bkt/k?partNumber=10000&uploadId={upload}");
    assert_eq!(node.send("PUT", &target, &[], b"x").status, 200);
    let list = |marker: &str| {
        let target = format!("/bkt/k?uploadId={upload}&part-number-marker={marker}");
        node.send("GET", &target, &[], b"").element("PartNumber")
    };
    assert_eq!(list("9999").as_deref(), Some("10000"));
    for marker in ["10000", "10001", "65535", "65536", "2147483647"] {
        assert_eq!(list(marker), None, "{marker}");
    }
}

#[test]
fn a_lost_condition_is_told_before_the_parts_are_looked_at() {
    // rule: complete/condition-first
    let node = node_with_bucket();
    node.put("/bkt/k", b"here");
    let upload = node.create_upload("/bkt/k", &[]);
    let document =
        b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"x\"</ETag></Part>\
        </CompleteMultipartUpload>";
    let complete = |headers: &[(&str, &str)]| {
        node.send("POST", &format!("/bkt/k?uploadId={upload}"), headers, document)
    };
    expect(&complete(&[]), 400, "InvalidPart");
    expect(&complete(&[("if-none-match", "*")]), 412, "PreconditionFailed");
    expect(&complete(&[("if-match", "\"other\"")]), 412, "PreconditionFailed");
}

#[test]
fn a_malformed_part_is_refused_before_its_upload_is_looked_for() {
    // rule: upload-part/order
    let node = node_with_bucket();
    let malformed = [("x-amz-checksum-crc32", "AAAA")];
    let target = "/none/k?partNumber=1&uploadId=unknown";
    expect(&node.send("PUT", target, &malformed, b"x"), 400, "InvalidRequest");
    let zero = target.replace("partNumber=1", "partNumber=0");
    expect(&node.send("PUT", &zero, &malformed, b"x"), 400, "InvalidArgument");
    expect(&node.send("PUT", target, &[], b"x"), 404, "NoSuchBucket");
    let target = target.replace("none", "bkt");
    expect(&node.send("PUT", &target, &[], b"x"), 404, "NoSuchUpload");
}
