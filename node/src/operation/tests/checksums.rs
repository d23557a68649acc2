//! Checksums end to end: each algorithm at each operation, what is kept of them, and what need not be read for them.

use protocol::checksum::{Checksum, ChecksumAlgorithm, ChecksumType, ChecksumValue, Hasher};

use super::{bytes, node_with_bucket};
use crate::disk::DiskError;
use crate::disk::memory::Call;
use crate::testing::{Answered, TestNode};

use ChecksumAlgorithm::{Crc64Nvme, Sha256};

const MIB: usize = 1 << 20;
const ENABLED: [(&str, &str); 1] = [("x-amz-checksum-mode", "ENABLED")];

fn value(algorithm: ChecksumAlgorithm, content: &[u8]) -> ChecksumValue {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(content);
    hasher.finish()
}

fn text(algorithm: ChecksumAlgorithm, content: &[u8]) -> String {
    value(algorithm, content).to_base64()
}

/// Another one than the given.
fn other_than(algorithm: ChecksumAlgorithm) -> ChecksumAlgorithm {
    if algorithm == Sha256 { ChecksumAlgorithm::XxHash3 } else { Sha256 }
}

/// The one checksum that the head of an answer tells, and its type.
fn in_head(answered: &Answered) -> Option<(ChecksumAlgorithm, String, Option<String>)> {
    let told = |a: ChecksumAlgorithm| answered.header(a.header()).map(|text| (a, text.to_owned()));
    let mut told = ChecksumAlgorithm::ALL.into_iter().filter_map(told);
    let (algorithm, text) = told.next()?;
    assert_eq!(told.next(), None, "one checksum at most: {answered:?}");
    Some((algorithm, text, answered.header("x-amz-checksum-type").map(str::to_owned)))
}

/// The one checksum that the document of an answer tells.
fn in_document(answered: &Answered) -> Option<(ChecksumAlgorithm, String)> {
    let told = |a: ChecksumAlgorithm| answered.element(a.element()).map(|text| (a, text));
    let mut told = ChecksumAlgorithm::ALL.into_iter().filter_map(told);
    let first = told.next()?;
    assert_eq!(told.next(), None, "one checksum at most: {answered:?}");
    Some(first)
}

fn full_object(
    algorithm: ChecksumAlgorithm,
    content: &[u8],
) -> Option<(ChecksumAlgorithm, String, Option<String>)> {
    Some((algorithm, text(algorithm, content), Some("FULL_OBJECT".into())))
}

fn refused(answered: &Answered, code: &str, message: &str) {
    let found = (answered.status, answered.element("Code"), answered.element("Message"));
    assert_eq!(found, (400, Some(code.into()), Some(message.into())));
}

fn mismatch(algorithm: &str) -> String {
    format!("The {algorithm} you specified did not match the calculated checksum.")
}

/// Puts an object with a checksum of its own.
fn put_with(node: &TestNode, target: &str, algorithm: ChecksumAlgorithm, content: &[u8]) {
    let sum = text(algorithm, content);
    let answered = node.send("PUT", target, &[(algorithm.header(), &sum)], content);
    assert_eq!(answered.status, 200, "{answered:?}");
}

fn upload_of(
    node: &TestNode,
    target: &str,
    algorithm: ChecksumAlgorithm,
    kind: ChecksumType,
) -> String {
    let headers =
        [("x-amz-checksum-algorithm", algorithm.name()), ("x-amz-checksum-type", kind.as_str())];
    node.create_upload(target, &headers)
}

fn copy_part(node: &TestNode, part: &str, source: &str, range: Option<&str>) -> Answered {
    let mut headers = vec![("x-amz-copy-source", source)];
    headers.extend(range.map(|range| ("x-amz-copy-source-range", range)));
    let answered = node.send("PUT", part, &headers, b"");
    assert_eq!((answered.status, answered.element("Code")), (200, None), "{answered:?}");
    answered
}

fn copy_object(node: &TestNode, source: &str, headers: &[(&str, &str)]) -> Answered {
    let mut all = vec![("x-amz-copy-source", source)];
    all.extend_from_slice(headers);
    let answered = node.send("PUT", "/bkt/copy", &all, b"");
    assert_eq!((answered.status, answered.element("Code")), (200, None), "{answered:?}");
    answered
}

/// The next read of the disk fails.
fn fail_next_read(node: &TestNode) {
    let error = DiskError::Io { action: "read", errno: Some(5), text: "EIO".into() };
    node.disk.fail(Call::Read, 0, error);
}

/// Uses up the failure, and so shows that nobody else has.
fn nothing_was_read(node: &TestNode) {
    node.put("/bkt/unread", &bytes(99, 50_000));
    assert_eq!(node.send("GET", "/bkt/unread", &[], b"").status, 500, "the read that fails");
}

#[test]
fn one_request_keeps_one_checksum() {
    // rule: checksum/default, checksum/kept
    let node = node_with_bucket();
    for len in [0, 1000, 100_000] {
        let content = bytes(3, len);
        let answered = node.send("PUT", "/bkt/k", &[], &content);
        assert_eq!(in_head(&answered), full_object(Crc64Nvme, &content));
        for algorithm in ChecksumAlgorithm::ALL {
            let sum = text(algorithm, &content);
            let headers = [
                (algorithm.header(), sum.as_str()),
                ("x-amz-sdk-checksum-algorithm", algorithm.name()),
            ];
            let answered = node.send("PUT", "/bkt/k", &headers, &content);
            assert_eq!(answered.status, 200);
            assert_eq!(in_head(&answered), full_object(algorithm, &content));
            for method in ["GET", "HEAD"] {
                // rule: get/checksum-mode
                let read = node.send(method, "/bkt/k", &ENABLED, b"");
                assert_eq!(in_head(&read), full_object(algorithm, &content), "{method}");
                assert_eq!(in_head(&node.send(method, "/bkt/k", &[], b"")), None);
                if len > 1 {
                    let range = [ENABLED[0], ("range", "bytes=0-0")];
                    assert_eq!(in_head(&node.send(method, "/bkt/k", &range, b"")), None);
                }
            }
            let listed = node.send("GET", "/bkt?list-type=2", &[], b"");
            assert_eq!(listed.element("ChecksumAlgorithm").as_deref(), Some(algorithm.name()));
            assert_eq!(listed.element("ChecksumType").as_deref(), Some("FULL_OBJECT"));
        }
    }
}

#[test]
fn wrong_bytes_change_nothing() {
    // rule: checksum/mismatch, put/all-or-nothing
    let node = node_with_bucket();
    let content = bytes(4, 40_000);
    let document = b"<Delete><Object><Key>k</Key></Object></Delete>";
    let tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>";
    node.put("/bkt/k", b"before");
    for algorithm in ChecksumAlgorithm::ALL {
        let sum = text(algorithm, b"other bytes");
        let headers = [(algorithm.header(), sum.as_str())];
        let upload = upload_of(&node, "/bkt/parts", algorithm, algorithm.default_type());
        let part = format!("/bkt/parts?partNumber=1&uploadId={upload}");
        for (method, target, body) in [
            ("PUT", "/bkt/k", &content[..]),
            ("PUT", &part, &content),
            ("POST", "/bkt?delete", document),
            ("PUT", "/bkt/k?tagging", tags),
        ] {
            let answered = node.send(method, target, &headers, body);
            refused(&answered, "BadDigest", &mismatch(algorithm.name()));
        }
        assert_eq!(node.get("/bkt/k"), b"before");
        let parts = node.send("GET", &format!("/bkt/parts?uploadId={upload}"), &[], b"");
        assert_eq!((parts.status, parts.element("PartNumber")), (200, None));
        assert_eq!(node.send("GET", "/bkt/k?tagging", &[], b"").element("Key"), None);
    }
    node.settle();
    assert!(node.disk.blobs().is_empty(), "no file is left");
}

#[test]
fn documents_are_proven_by_any_checksum() {
    // rule: checksum/integrity, delete-objects/integrity, tagging/integrity
    let node = node_with_bucket();
    let tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>";
    let delete = b"<Delete><Object><Key>k</Key></Object></Delete>";
    for algorithm in ChecksumAlgorithm::ALL {
        node.put("/bkt/k", b"content");
        let proof = text(algorithm, tags);
        let headers = [(algorithm.header(), proof.as_str())];
        assert_eq!(node.send("PUT", "/bkt/k?tagging", &headers, tags).status, 200);
        let proof = text(algorithm, delete);
        let headers = [(algorithm.header(), proof.as_str())];
        let answered = node.send("POST", "/bkt?delete", &headers, delete);
        assert_eq!(answered.element("Key").as_deref(), Some("k"), "{answered:?}");
        assert_eq!(node.send("GET", "/bkt/k", &[], b"").status, 404);
    }
}

/// Uploads two parts and completes them, for each algorithm and each of its types.
#[test]
fn an_upload_of_each_algorithm_and_type() {
    // rule: checksum/types, checksum/composite, checksum/suffix, upload-part/checksum
    let node = node_with_bucket();
    let contents = [bytes(5, 5 * MIB), bytes(6, 1234)];
    for algorithm in ChecksumAlgorithm::ALL {
        for kind in [ChecksumType::FullObject, ChecksumType::Composite] {
            if algorithm.allows(kind) {
                upload_and_complete(&node, algorithm, kind, &contents);
            }
        }
    }
}

fn upload_and_complete(
    node: &TestNode,
    algorithm: ChecksumAlgorithm,
    kind: ChecksumType,
    contents: &[Vec<u8>; 2],
) {
    let whole = contents.concat();
    let upload = upload_of(node, "/bkt/parts", algorithm, kind);
    let mut list = String::from("<CompleteMultipartUpload>");
    for (number, content) in (1..).zip(contents) {
        let part = format!("/bkt/parts?partNumber={number}&uploadId={upload}");
        let sum = text(algorithm, content);
        let answered = node.send("PUT", &part, &[(algorithm.header(), &sum)], content);
        assert_eq!(in_head(&answered), Some((algorithm, sum.clone(), None)), "{answered:?}");
        let etag = answered.header("etag").unwrap_or_default();
        let element = algorithm.element();
        list.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag><{element}>{sum}</{element}></Part>"
        ));
    }
    list.push_str("</CompleteMultipartUpload>");
    let target = format!("/bkt/parts?uploadId={upload}");
    for listed in [node.send("GET", &target, &[], b""), node.send("GET", "/bkt?uploads", &[], b"")]
    {
        assert_eq!(listed.element("ChecksumAlgorithm").as_deref(), Some(algorithm.name()));
        assert_eq!(listed.element("ChecksumType").as_deref(), Some(kind.as_str()));
    }
    let parts = node.send("GET", &format!("{target}&part-number-marker=1"), &[], b"");
    assert_eq!(in_document(&parts), Some((algorithm, text(algorithm, &contents[1]))));

    let expected = match kind {
        ChecksumType::FullObject => Checksum::full_object(value(algorithm, &whole)).text(),
        ChecksumType::Composite => {
            let values = contents.iter().map(|content| value(algorithm, content));
            Checksum::composite(algorithm, values).text()
        }
    };
    // What the client takes the object to have is compared before anything is made of it.
    let wrong = text(algorithm, b"other bytes");
    let answered = node.send("POST", &target, &[(algorithm.header(), &wrong)], list.as_bytes());
    refused(&answered, "BadDigest", &mismatch(algorithm.lower()));
    let count = text(algorithm, &whole) + "-3";
    let answered = node.send("POST", &target, &[(algorithm.header(), &count)], list.as_bytes());
    let invalid = format!("Value for {} header is invalid.", algorithm.header());
    refused(&answered, "InvalidRequest", &invalid);
    let headers = [(algorithm.header(), expected.as_str()), ("x-amz-checksum-type", kind.as_str())];
    let made = node.send("POST", &target, &headers, list.as_bytes());
    assert_eq!(in_document(&made), Some((algorithm, expected.clone())), "{made:?}");
    assert_eq!(made.element("ChecksumType").as_deref(), Some(kind.as_str()));
    let head = node.send("HEAD", "/bkt/parts", &ENABLED, b"");
    assert_eq!(in_head(&head), Some((algorithm, expected, Some(kind.as_str().into()))));
    let listed = node.send("GET", "/bkt?list-type=2", &[], b"");
    assert_eq!(listed.element("ChecksumAlgorithm").as_deref(), Some(algorithm.name()));
    assert_eq!(listed.element("ChecksumType").as_deref(), Some(kind.as_str()));
}

#[test]
fn a_part_has_the_uploads_algorithm_and_no_other() {
    // rule: upload-part/checksum, upload-part/computed-checksum
    let node = node_with_bucket();
    for algorithm in ChecksumAlgorithm::ALL {
        for kind in [ChecksumType::FullObject, ChecksumType::Composite] {
            if !algorithm.allows(kind) {
                continue;
            }
            let upload = upload_of(&node, "/bkt/parts", algorithm, kind);
            let part = format!("/bkt/parts?partNumber=1&uploadId={upload}");
            let other = other_than(algorithm);
            let sum = text(other, b"part");
            let answered = node.send("PUT", &part, &[(other.header(), &sum)], b"part");
            let differs = |actual: &str| {
                let expected = algorithm.lower();
                format!(
                    "Checksum Type mismatch occurred, expected checksum Type: {expected}, actual checksum Type: {actual}"
                )
            };
            refused(&answered, "InvalidRequest", &differs(other.lower()));
            let answered = node.send("PUT", &part, &[], b"part");
            match kind {
                ChecksumType::FullObject => {
                    let computed = Some((algorithm, text(algorithm, b"part"), None));
                    assert_eq!(in_head(&answered), computed);
                }
                ChecksumType::Composite => {
                    refused(&answered, "InvalidRequest", &differs("null"));
                }
            }
        }
    }
}

#[test]
fn an_upload_without_an_algorithm_has_a_checksum_in_the_end() {
    // rule: checksum/default-of-parts, upload-part/unasked-checksum, part-copy/no-checksum
    let node = node_with_bucket();
    let content = bytes(7, 3000);
    put_with(&node, "/bkt/source", Sha256, &content);
    for algorithm in ChecksumAlgorithm::ALL {
        let upload = node.create_upload("/bkt/parts", &[]);
        let target = format!("/bkt/parts?uploadId={upload}");
        let part = format!("{target}&partNumber=1");
        let sum = text(algorithm, &content);
        let answered = node.send("PUT", &part, &[(algorithm.header(), &sum)], &content);
        assert_eq!(in_head(&answered), Some((algorithm, sum, None)), "verified and answered");
        assert_eq!(in_document(&node.send("GET", &target, &[], b"")), None, "not the part's");
        // Nor is that of a copy's source.
        let copied = copy_part(&node, &part, "bkt/source", None);
        assert_eq!(in_document(&copied), None);
        let listed = node.send("GET", &target, &[], b"");
        assert_eq!((in_document(&listed), listed.element("ChecksumAlgorithm")), (None, None));
        let etag = copied.element("ETag").expect("an ETag");
        let made = node.complete("/bkt/parts", &upload, &[(1, etag)]);
        assert_eq!(in_document(&made), Some((Crc64Nvme, text(Crc64Nvme, &content))));
        assert_eq!(made.element("ChecksumType").as_deref(), Some("FULL_OBJECT"));
        let head = node.send("HEAD", "/bkt/parts", &ENABLED, b"");
        assert_eq!(in_head(&head), full_object(Crc64Nvme, &content));
    }
}

#[test]
fn a_copied_part_has_the_uploads_checksum_of_its_own_bytes() {
    // rule: part-copy/checksum-of-range
    let node = node_with_bucket();
    let content = bytes(8, 200_000);
    for algorithm in ChecksumAlgorithm::ALL {
        // The source has a checksum by the same algorithm, which is one of all its bytes.
        put_with(&node, "/bkt/source", algorithm, &content);
        for kind in [ChecksumType::FullObject, ChecksumType::Composite] {
            if !algorithm.allows(kind) {
                continue;
            }
            let upload = upload_of(&node, "/bkt/parts", algorithm, kind);
            let target = format!("/bkt/parts?uploadId={upload}");
            let part = format!("{target}&partNumber=1");
            for (range, copied) in [
                (None, &content[..]),
                (Some("bytes=0-199999"), &content),
                (Some("bytes=0-199998"), &content[..199_999]),
                (Some("bytes=70000-70000"), &content[70_000..=70_000]),
            ] {
                let answered = copy_part(&node, &part, "bkt/source", range);
                let expected = Some((algorithm, text(algorithm, copied)));
                assert_eq!(in_document(&answered), expected, "{range:?}");
                // rule: part-copy/no-checksum-type
                assert_eq!(answered.element("ChecksumType"), None);
                assert_eq!(in_document(&node.send("GET", &target, &[], b"")), expected);
            }
        }
        // By another algorithm.
        let other = other_than(algorithm);
        let upload = upload_of(&node, "/bkt/parts", other, ChecksumType::Composite);
        let part = format!("/bkt/parts?partNumber=1&uploadId={upload}");
        let answered = copy_part(&node, &part, "bkt/source", None);
        assert_eq!(in_document(&answered), Some((other, text(other, &content))));
    }
}

/// A checksum that is known is not computed; no read shows it, and the value is the computed one.
#[test]
fn what_is_known_of_the_whole_source_is_not_read_again() {
    // rule: part-copy/checksum-reuse, copy/checksum
    let node = node_with_bucket();
    let content = bytes(9, 200_000);
    for algorithm in ChecksumAlgorithm::ALL {
        put_with(&node, "/bkt/source", algorithm, &content);
        let upload = upload_of(&node, "/bkt/parts", algorithm, algorithm.default_type());
        let part = format!("/bkt/parts?partNumber=1&uploadId={upload}");
        fail_next_read(&node);
        let answered = copy_part(&node, &part, "bkt/source", None);
        let expected = Some((algorithm, text(algorithm, &content)));
        assert_eq!(in_document(&answered), expected);
        assert_eq!(in_document(&copy_object(&node, "bkt/source", &[])), expected);
        nothing_was_read(&node);
    }
}

#[test]
fn what_is_known_of_a_lone_part_is_not_read_again() {
    // rule: copy/checksum
    let node = node_with_bucket();
    let content = bytes(10, 200_000);
    for algorithm in ChecksumAlgorithm::ALL.into_iter().filter(|a| *a != Crc64Nvme) {
        let upload = upload_of(&node, "/bkt/parts", algorithm, ChecksumType::Composite);
        let target = format!("/bkt/parts?uploadId={upload}");
        let (sum, element) = (text(algorithm, &content), algorithm.element());
        let headers = [(algorithm.header(), sum.as_str())];
        let put = node.send("PUT", &format!("{target}&partNumber=1"), &headers, &content);
        let etag = put.header("etag").unwrap_or_default();
        let list = format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag>\
             <{element}>{sum}</{element}></Part></CompleteMultipartUpload>"
        );
        let made = node.send("POST", &target, &[], list.as_bytes());
        let composite = Checksum::composite(algorithm, [value(algorithm, &content)].into_iter());
        assert_eq!(in_document(&made), Some((algorithm, composite.text())));
        fail_next_read(&node);
        let copied = copy_object(&node, "bkt/parts", &[]);
        assert_eq!(in_document(&copied), Some((algorithm, sum)));
        assert_eq!(copied.element("ChecksumType").as_deref(), Some("FULL_OBJECT"));
        nothing_was_read(&node);
    }
}

#[test]
fn a_copy_has_the_checksum_of_its_source_or_the_one_asked_for() {
    // rule: copy/checksum, checksum/unknown-algorithm
    let node = node_with_bucket();
    let content = bytes(11, 50_000);
    node.put("/bkt/plain", &content);
    let stored = |node: &TestNode| in_head(&node.send("HEAD", "/bkt/copy", &ENABLED, b""));
    copy_object(&node, "bkt/plain", &[]);
    assert_eq!(stored(&node), full_object(Crc64Nvme, &content));
    for from in ChecksumAlgorithm::ALL {
        put_with(&node, "/bkt/source", from, &content);
        copy_object(&node, "bkt/source", &[]);
        assert_eq!(stored(&node), full_object(from, &content));
        for to in ChecksumAlgorithm::ALL {
            let asked = [("x-amz-checksum-algorithm", to.name())];
            let answered = copy_object(&node, "bkt/source", &asked);
            assert_eq!(in_document(&answered), Some((to, text(to, &content))));
            assert_eq!(answered.element("ChecksumType").as_deref(), Some("FULL_OBJECT"));
            assert_eq!(stored(&node), full_object(to, &content));
        }
    }
    let unknown = [("x-amz-copy-source", "bkt/plain"), ("x-amz-checksum-algorithm", "CRC16")];
    let message = "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]";
    refused(&node.send("PUT", "/bkt/copy", &unknown, b""), "InvalidRequest", message);
    let create = node.send("POST", "/bkt/copy?uploads", &unknown[1..], b"");
    refused(&create, "InvalidRequest", message);
}

#[test]
fn a_checksum_of_checksums_becomes_one_of_the_bytes() {
    // rule: copy/checksum
    let node = node_with_bucket();
    let source = bytes(12, 5 * MIB + 100);
    node.put("/bkt/source", &source);
    for algorithm in ChecksumAlgorithm::ALL.into_iter().filter(|a| *a != Crc64Nvme) {
        // Made of copies alone: no client has sent a checksum.
        let upload = upload_of(&node, "/bkt/parts", algorithm, ChecksumType::Composite);
        let target = format!("/bkt/parts?uploadId={upload}");
        let mut list = String::from("<CompleteMultipartUpload>");
        for (number, range) in [(1, "bytes=0-5242879"), (2, "bytes=5242880-5242979")] {
            let part = format!("{target}&partNumber={number}");
            let copied = copy_part(&node, &part, "bkt/source", Some(range));
            let (_, sum) = in_document(&copied).expect("a checksum");
            let (etag, element) = (copied.element("ETag").expect("one"), algorithm.element());
            list.push_str(&format!(
                "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag><{element}>{sum}</{element}></Part>"
            ));
        }
        list.push_str("</CompleteMultipartUpload>");
        let made = node.send("POST", &target, &[], list.as_bytes());
        let parts = [&source[..5 * MIB], &source[5 * MIB..]].map(|part| value(algorithm, part));
        let composite = Checksum::composite(algorithm, parts.into_iter()).text();
        assert_eq!(in_document(&made), Some((algorithm, composite)), "{made:?}");
        let copied = copy_object(&node, "bkt/parts", &[]);
        assert_eq!(in_document(&copied), Some((algorithm, text(algorithm, &source))));
        assert_eq!(copied.element("ChecksumType").as_deref(), Some("FULL_OBJECT"));
    }
}
