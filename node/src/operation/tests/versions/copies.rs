//! Versions as sources of copies, and copies as versions.

use super::super::copy_object::{copied, copy, multipart};
use super::super::rules::expect;
use super::super::{bytes, node_with_bucket};
use super::*;
use crate::exchange::ResponseBody;
use crate::seam::Local;

const SOURCE_VERSION: &str = "x-amz-copy-source-version-id";

/// The source of a copy: a version of a key.
fn of(key: &str, version: &str) -> String {
    format!("bkt/{key}?versionId={version}")
}

/// Copies by each of the two operations, and gives both answers. A part becomes an object at once.
fn both(node: &TestNode, source: &str) -> [Answered; 2] {
    let whole = copy(node, source, "/dst/whole", &[]);
    let upload = node.create_upload("/dst/part", &[]);
    let part = copy(node, source, &format!("/dst/part?partNumber=1&uploadId={upload}"), &[]);
    if part.status == 200 {
        let etag = part.element("ETag").expect("an ETag");
        assert_eq!(node.complete("/dst/part", &upload, &[(1, etag)]).status, 200);
    }
    [whole, part]
}

/// Expects both copies to be of these bytes, and to tell this version of their source.
fn takes(node: &TestNode, source: &str, version: Option<&str>, body: &[u8]) {
    for answered in both(node, source) {
        let found = (answered.status, answered.element("Code"), answered.header(SOURCE_VERSION));
        assert_eq!(found, (200, None, version), "{source}");
    }
    for target in ["/dst/whole", "/dst/part"] {
        assert!(node.get(target) == body, "{source}: {target}");
    }
}

fn refuses(node: &TestNode, source: &str, status: u16, code: &str) -> [Answered; 2] {
    let answers = both(node, source);
    for answered in &answers {
        expect(answered, status, code);
        assert_eq!(answered.header(SOURCE_VERSION), None);
    }
    answers
}

fn with_target(node: TestNode) -> TestNode {
    assert_eq!(node.send("PUT", "/dst", &[], b"").status, 200);
    node
}

#[test]
fn sources_in_a_bucket_that_never_had_versions() {
    let node = with_target(node_with_bucket());
    let content = bytes(1, 100_000);
    node.put("/bkt/k", &content);
    // rule: copy-version/unversioned
    takes(&node, "bkt/k", None, &content);
    takes(&node, "bkt/k?versionId=null", None, &content);
    for source in ["bkt/none", "bkt/none?versionId=null"] {
        let answers = refuses(&node, source, 404, "NoSuchKey");
        assert!(answers.iter().all(|answer| answer.element("Key").as_deref() == Some("none")));
    }
    // rule: copy-version/unversioned-numbered
    for answered in refuses(&node, &of("k", &unknown()), 400, "InvalidArgument") {
        let message = "Invalid version id specified";
        assert_eq!(answered.element("Message").as_deref(), Some(message));
        assert_eq!(answered.element("ArgumentName").as_deref(), Some("versionId"));
    }
    // rule: copy-version/malformed
    refuses(&node, &of("k", "v1"), 400, "InvalidArgument");
    let answers = refuses(&node, "none/k?versionId=v1", 404, "NoSuchBucket");
    assert!(answers.iter().all(|answer| answer.element("BucketName").as_deref() == Some("none")));
}

#[test]
fn sources_in_a_bucket_with_versions() {
    // Each of several pieces, in a file, and inside the record.
    for (status, lengths) in [("Enabled", [100_000, 70_000, 40_000]), ("Suspended", [10, 0, 3000])]
    {
        let node = with_target(node_with_bucket());
        let [null, first, last] =
            [(1, 0), (2, 1), (3, 2)].map(|(seed, at)| bytes(seed, lengths[at]));
        node.put("/bkt/k", &null);
        set(&node, "Enabled");
        let (one, two) = (put(&node, "k", &first), put(&node, "k", &last));
        set(&node, status);
        // rule: copy-version/latest, part-copy/version
        takes(&node, "bkt/k", Some(&two), &last);
        // rule: copy-version/by-id
        takes(&node, &of("k", &one), Some(&one), &first);
        takes(&node, &of("k", &two), Some(&two), &last);
        takes(&node, &of("k", "null"), Some("null"), &null);
        let marker = mark(&node, "k");
        // rule: copy-version/marker-latest
        let answers = refuses(&node, "bkt/k", 404, "NoSuchKey");
        assert!(answers.iter().all(|answer| answer.header(MARKER).is_none()));
        // rule: copy-version/marker-by-id
        for answered in refuses(&node, &of("k", &marker), 400, "InvalidRequest") {
            let message = "The source of a copy request may not specifically refer to a delete marker by version id.";
            assert_eq!(answered.element("Message").as_deref(), Some(message));
        }
        takes(&node, &of("k", &two), Some(&two), &last);
        // rule: copy-version/unknown
        refuses(&node, "bkt/none", 404, "NoSuchKey");
        for answered in refuses(&node, &of("k", &unknown()), 404, "NoSuchVersion") {
            assert_eq!(answered.element("Key").as_deref(), Some("k"));
            assert_eq!(answered.element("VersionId"), Some(unknown()));
        }
        refuses(&node, &of("none", &one), 404, "NoSuchVersion");
        // rule: copy-version/malformed
        refuses(&node, &of("k", "v1"), 400, "InvalidArgument");
        refuses(&node, "none/k", 404, "NoSuchBucket");
    }
}

#[test]
fn an_old_version_of_parts_is_copied_by_its_parts() {
    let node = with_target(versioned());
    let content = multipart(&node, "/bkt/k", &[5 << 20, 5 << 20, 100_000], &[]);
    let old = told(&get(&node, "k"));
    put(&node, "k", b"new");
    takes(&node, &of("k", &old), Some(&old), &content);
    let purge = node.send("DELETE", &format!("/bkt/k?versionId={old}"), &[], b"");
    assert_eq!(purge.status, 204);
    node.collect();
    assert!(node.get("/dst/whole") == content && node.get("/dst/part") == content);
}

#[test]
fn conditions_judge_the_version_that_is_copied() {
    // rule: copy-version/pinned
    let node = with_target(versioned());
    let old = put(&node, "k", b"old");
    let etag = get(&node, "k").header("etag").expect("an ETag").to_owned();
    put(&node, "k", b"new");
    let matches = [("x-amz-copy-source-if-match", etag.as_str())];
    expect(&copy(&node, "bkt/k", "/dst/k", &matches), 412, "PreconditionFailed");
    copied(&node, &of("k", &old), "/dst/k", &matches);
    assert_eq!(node.get("/dst/k"), b"old");
}

#[test]
fn the_version_is_the_same_whatever_becomes_of_it_meanwhile() {
    // rule: copy-version/pinned
    let content = bytes(1, 1 << 20);
    for polls in 1..200 {
        let node = with_target(versioned());
        let old = put(&node, "k", &content);
        let headers = [("x-amz-copy-source", "bkt/k")];
        let mut copying: Local<'_, Answered> =
            Box::pin(node.start("PUT", "/dst/copy", &headers, b""));
        let done = node.poll(&mut copying, polls);
        put(&node, "k", b"new");
        let purge = node.send("DELETE", &format!("/bkt/k?versionId={old}"), &[], b"");
        assert_eq!(purge.status, 204);
        node.collect_what_may_go();
        if done {
            assert!(polls > 1);
            break;
        }
        let answered = node.run(copying);
        assert_eq!((answered.status, answered.element("Code")), (200, None), "{polls}");
        let new = told(&get(&node, "k"));
        // It began before or after the write, and is wholly of the one or of the other.
        match answered.header(SOURCE_VERSION) {
            Some(id) if id == old => assert!(node.get("/dst/copy") == content, "{polls}"),
            Some(id) if id == new => assert_eq!(node.get("/dst/copy"), b"new", "{polls}"),
            other => panic!("{polls}: {other:?}"),
        }
    }
}

#[test]
fn an_answer_that_is_sent_ahead_tells_the_version() {
    // rule: copy-version/latest
    let node = with_target(versioned());
    let id = put(&node, "k", &bytes(1, 100_000));
    let upload = node.create_upload("/dst/part", &[]);
    for target in ["/dst/whole".to_owned(), format!("/dst/part?partNumber=1&uploadId={upload}")] {
        let headers = [("x-amz-copy-source", "bkt/k")];
        let response = node.run(node.respond("PUT", &target, &headers, b""));
        let told = response.headers.iter().find(|(name, _)| name == SOURCE_VERSION);
        assert_eq!(told.map(|(_, value)| value), Some(&id), "{target}");
        let ResponseBody::Late(rest) = response.body else { panic!("not late") };
        let whole = node.run(rest);
        let told: Vec<&str> = whole
            .headers
            .iter()
            .filter_map(|(name, value)| (name == SOURCE_VERSION).then_some(value.as_str()))
            .collect();
        assert_eq!(told, [id.as_str()], "{target}");
    }
}

#[test]
fn a_copy_is_a_version() {
    // rule: copy/version-id
    let node = with_target(versioned());
    node.put("/dst/plain", b"plain");
    let old = put(&node, "k", b"old");
    let answered = copied(&node, "dst/plain", "/bkt/k", &[]);
    assert_eq!(answered.header(SOURCE_VERSION), None);
    names(&node, "k", &told(&answered), b"plain");
    assert_eq!(get_version(&node, "k", &old).body, b"old");
    assert_eq!(copied(&node, "bkt/k", "/dst/k", &[]).header(VERSION), None);
    set(&node, "Suspended");
    assert_eq!(told(&copied(&node, "dst/plain", "/bkt/k", &[])), "null");
}

#[test]
fn an_old_version_is_restored_by_copying_it() {
    // rule: copy/self-with-versions
    let node = versioned();
    let old = put(&node, "k", &bytes(1, 100_000));
    put(&node, "k", b"new");
    mark(&node, "k");
    let answered = copied(&node, &of("k", &old), "/bkt/k", &[]);
    assert_eq!(answered.header(SOURCE_VERSION), Some(old.as_str()));
    let restored = told(&answered);
    names(&node, "k", &restored, &bytes(1, 100_000));
    // The latest one makes another.
    let again = told(&copied(&node, "bkt/k", "/bkt/k", &[]));
    assert!(again != restored && restored != old);
    for id in [&old, &restored, &again] {
        assert!(get_version(&node, "k", id).body == bytes(1, 100_000));
    }
    set(&node, "Suspended");
    assert_eq!(told(&copied(&node, "bkt/k", "/bkt/k", &[])), "null");
    expect(&copy(&node, "bkt/k", "/bkt/k", &[]), 400, "InvalidRequest");
    let replace = [("x-amz-metadata-directive", "REPLACE")];
    assert_eq!(told(&copied(&node, "bkt/k", "/bkt/k", &replace)), "null");
    names(&node, "k", "null", &bytes(1, 100_000));
}
