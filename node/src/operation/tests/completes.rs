//! CompleteMultipartUpload under a condition: what held at the end must have held all the time.

use super::node_with_bucket;
use super::rules::expect;
use crate::testing::{Answered, TestNode};

const ABSENT: (&str, &str) = ("if-none-match", "*");

/// An upload of one part, and the document that completes it.
struct Open<'a> {
    node: &'a TestNode,
    upload: String,
    document: String,
}

impl<'a> Open<'a> {
    fn new(node: &'a TestNode) -> Self {
        let upload = node.create_upload("/bkt/k", &[]);
        let target = format!("/bkt/k?partNumber=1&uploadId={upload}");
        let put = node.send("PUT", &target, &[], b"completed");
        let etag = put.header("etag").expect("an ETag").to_owned();
        Self { node, upload, document: TestNode::list_of(&[(1, etag)]) }
    }

    fn complete(&self, headers: &[(&str, &str)]) -> Answered {
        let target = format!("/bkt/k?uploadId={}", self.upload);
        self.node.send("POST", &target, headers, self.document.as_bytes())
    }

    /// The condition is lost in this way, and the upload lives on.
    fn loses(&self, headers: &[(&str, &str)], status: u16, code: &str, condition: Option<&str>) {
        let answered = self.complete(headers);
        expect(&answered, status, code);
        assert_eq!(answered.element("Condition").as_deref(), condition, "{answered:?}");
        let conflict = code == "ConditionalRequestConflict";
        let key = answered.element("Key");
        assert_eq!(key.as_deref(), (conflict || code == "NoSuchKey").then_some("k"));
        let listed = self.node.send("GET", &format!("/bkt/k?uploadId={}", self.upload), &[], b"");
        // rule: complete/lost-condition
        assert_eq!((listed.status, listed.element("Size").as_deref()), (200, Some("9")));
    }
}

fn put(node: &TestNode, content: &[u8]) -> String {
    let put = node.send("PUT", "/bkt/k", &[], content);
    put.header("etag").expect("an ETag").to_owned()
}

fn delete(node: &TestNode) {
    assert_eq!(node.send("DELETE", "/bkt/k", &[], b"").status, 204);
}

#[test]
fn an_absent_key_must_have_been_absent_all_the_time() {
    // rule: complete/if-none-match-any, complete/conflict
    let conflict = "ConditionalRequestConflict";
    let node = node_with_bucket();
    let early = Open::new(&node);
    put(&node, b"there");
    let late = Open::new(&node);
    for open in [&early, &late] {
        open.loses(&[ABSENT], 412, "PreconditionFailed", Some("If-None-Match"));
    }
    // Absent as at the beginning, but not all the time; and deleted since.
    delete(&node);
    for open in [&early, &late] {
        open.loses(&[ABSENT], 409, conflict, Some("If-None-Match"));
    }
    // A delete of nothing changes nothing, and neither does what happens to other keys.
    let last = Open::new(&node);
    delete(&node);
    node.put("/bkt/k0", b"another");
    assert_eq!(node.send("DELETE", "/bkt/k0", &[], b"").status, 204);
    assert_eq!(last.complete(&[ABSENT]).status, 200);
    assert_eq!(node.get("/bkt/k"), b"completed");
    // What another upload wrote is a write like any other.
    delete(&node);
    late.loses(&[ABSENT], 409, conflict, Some("If-None-Match"));
    assert_eq!(late.complete(&[]).status, 200);
    assert_eq!(early.complete(&[]).status, 200);
}

#[test]
fn an_object_must_have_been_the_same_all_the_time() {
    // rule: complete/if-match, complete/conflict, complete/if-match-absent
    let conflict = "ConditionalRequestConflict";
    let node = node_with_bucket();
    let before = Open::new(&node);
    let etag = put(&node, b"there");
    let matches = ("if-match", etag.as_str());
    let open = Open::new(&node);
    open.loses(&[("if-match", "\"other\"")], 412, "PreconditionFailed", Some("If-Match"));
    // Written after the upload began, if only with the same bytes.
    before.loses(&[matches], 409, conflict, Some("If-Match"));
    assert_eq!(put(&node, b"there"), etag);
    open.loses(&[matches], 409, conflict, Some("If-Match"));
    // Tags are not what the key names.
    let untouched = Open::new(&node);
    let tagging = node.send("DELETE", "/bkt/k?tagging", &[], b"");
    assert_eq!(tagging.status, 204);
    assert_eq!(untouched.complete(&[matches]).status, 200);
    assert_eq!(node.get("/bkt/k"), b"completed");
    delete(&node);
    open.loses(&[matches], 404, "NoSuchKey", None);
    // A condition that is lost is no verdict for those without one.
    assert_eq!(open.complete(&[]).status, 200);
}

#[test]
fn a_copy_over_the_key_is_a_write() {
    // rule: complete/conflict
    let node = node_with_bucket();
    let etag = put(&node, b"there");
    let open = Open::new(&node);
    node.put("/bkt/source", b"there");
    let source = [("x-amz-copy-source", "bkt/source")];
    assert_eq!(node.send("PUT", "/bkt/k", &source, b"").status, 200);
    let matches = [("if-match", etag.as_str())];
    open.loses(&matches, 409, "ConditionalRequestConflict", Some("If-Match"));
}

#[test]
fn conditions_that_s3_does_not_take() {
    // rule: complete/refused-conditions
    let node = node_with_bucket();
    let open = Open::new(&node);
    for (headers, named) in [
        (&[("if-none-match", "\"a\"")][..], "If-None-Match"),
        (&[("if-match", "*")], "If-Match"),
        (&[("if-match", "\"a\""), ABSENT], "If-Match,If-None-Match"),
    ] {
        let refused = open.complete(headers);
        expect(&refused, 501, "NotImplemented");
        assert_eq!(refused.element("Header").as_deref(), Some(named));
    }
    assert_eq!(open.complete(&[]).status, 200);
}

#[test]
fn an_upload_knows_its_key() {
    // rule: complete/again
    let node = node_with_bucket();
    let open = Open::new(&node);
    let first = open.complete(&[]);
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(open.complete(&[]), first);
    assert_eq!(open.complete(&[ABSENT]), first);
    // One of another key was never ours, whatever it looks like.
    let other = node.create_upload("/bkt/l", &[]);
    let target = format!("/bkt/k?uploadId={other}");
    expect(&node.send("POST", &target, &[], open.document.as_bytes()), 404, "NoSuchUpload");
}
