//! Uploads in parts in a bucket with versions: reading parts of old ones, completing once more, conditions.

use super::{get_version, mark, names, put, set, told, versioned};
use crate::operation::tests::copy_object::multipart;
use crate::operation::tests::rules::expect;
use crate::testing::{Answered, TestNode};

const ABSENT: (&str, &str) = ("if-none-match", "*");

/// An upload of one part, ready to be completed.
struct Open<'a> {
    node: &'a TestNode,
    target: String,
    document: String,
}

impl<'a> Open<'a> {
    fn new(node: &'a TestNode) -> Self {
        let upload = node.create_upload("/bkt/k", &[]);
        let part = format!("/bkt/k?partNumber=1&uploadId={upload}");
        let put = node.send("PUT", &part, &[], b"completed");
        let etag = put.header("etag").expect("an ETag").to_owned();
        let document = TestNode::list_of(&[(1, etag)]);
        Self { node, target: format!("/bkt/k?uploadId={upload}"), document }
    }

    fn complete(&self, headers: &[(&str, &str)]) -> Answered {
        self.node.send("POST", &self.target, headers, self.document.as_bytes())
    }
}

fn purge(node: &TestNode, version: &str) {
    let target = format!("/bkt/k?versionId={version}");
    assert_eq!(node.send("DELETE", &target, &[], b"").status, 204);
}

#[test]
fn parts_of_an_old_version_are_read_by_its_id() {
    // rule: get/part-of-upload, get/version
    let node = versioned();
    let whole = multipart(&node, "/bkt/k", &[5 << 20, 10], &[]);
    let old = told(&node.send("HEAD", "/bkt/k", &[], b""));
    put(&node, "k", b"new");
    let part = get_version(&node, "k", &format!("{old}&partNumber=2"));
    assert_eq!((part.status, told(&part)), (206, old.clone()));
    assert_eq!(part.header("x-amz-mp-parts-count"), Some("2"));
    assert_eq!(part.body, whole[5 << 20..]);
    expect(&get_version(&node, "k", &format!("{old}&partNumber=3")), 416, "InvalidPartNumber");
    let marker = mark(&node, "k");
    let refused = get_version(&node, "k", &format!("{marker}&partNumber=1"));
    expect(&refused, 405, "MethodNotAllowed");
}

#[test]
fn a_completion_is_answered_again_as_long_as_its_version_is_there() {
    // rule: complete/again
    let node = versioned();
    let open = Open::new(&node);
    let first = open.complete(&[]);
    let made = told(&first);
    put(&node, "k", b"newer");
    assert_eq!(open.complete(&[]), first);
    // Also where the condition would not hold any more.
    assert_eq!(open.complete(&[ABSENT]), first);
    let marker = mark(&node, "k");
    assert_eq!(open.complete(&[]), first);
    names_old(&node, &made);
    purge(&node, &marker);
    assert_eq!(open.complete(&[]), first);
    purge(&node, &made);
    expect(&open.complete(&[]), 404, "NoSuchUpload");
    // A null version gives way to the next one.
    set(&node, "Suspended");
    let open = Open::new(&node);
    let first = open.complete(&[]);
    names(&node, "k", "null", b"completed");
    assert_eq!(open.complete(&[]), first);
    put(&node, "k", b"null again");
    expect(&open.complete(&[]), 404, "NoSuchUpload");
}

fn names_old(node: &TestNode, version: &str) {
    let got = get_version(node, "k", version);
    assert_eq!((got.status, &got.body[..]), (200, &b"completed"[..]));
}

#[test]
fn a_delete_marker_is_no_object_to_a_condition() {
    // rule: complete/delete-marker, complete/conflict, complete/if-match-absent
    let conflict = "ConditionalRequestConflict";
    let node = versioned();
    put(&node, "k", b"old");
    let early = Open::new(&node);
    let marker = mark(&node, "k");
    let late = Open::new(&node);
    expect(&early.complete(&[ABSENT]), 409, conflict);
    expect(&late.complete(&[("if-match", "\"a\"")]), 404, "NoSuchKey");
    // What becomes the latest version by a delete is a change, too.
    purge(&node, &marker);
    expect(&late.complete(&[ABSENT]), 412, "PreconditionFailed");
    mark(&node, "k");
    expect(&late.complete(&[ABSENT]), 409, conflict);
    let last = Open::new(&node);
    let made = last.complete(&[ABSENT]);
    assert_eq!(made.status, 200, "{made:?}");
    names(&node, "k", &told(&made), b"completed");
    assert_eq!(early.complete(&[]).status, 200);
}

#[test]
fn an_upload_keeps_no_version_from_being_deleted() {
    // rule: complete/conflict
    let node = versioned();
    let old = put(&node, "k", b"old");
    let new = node.send("PUT", "/bkt/k", &[], b"new");
    let etag = new.header("etag").expect("an ETag").to_owned();
    let open = Open::new(&node);
    // A version that is not the latest goes, and the key names what it named.
    purge(&node, &old);
    assert_eq!(open.complete(&[("if-match", &etag)]).status, 200);
    assert_eq!(get_version(&node, "k", &told(&new)).body, b"new");
}
