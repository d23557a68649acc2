//! DeleteObject: delete markers, and versions that go for good.

use super::super::rules::expect;
use super::super::{bytes, node_with_bucket};
use super::*;

fn purge(node: &TestNode, key: &str, version: &str) -> Answered {
    let answered = node.send("DELETE", &format!("/bkt/{key}?versionId={version}"), &[], b"");
    assert_eq!((answered.status, told(&answered)), (204, version.to_owned()), "{answered:?}");
    answered
}

fn gone(node: &TestNode, key: &str) {
    expect(&get(node, key), 404, "NoSuchKey");
}

#[test]
fn a_key_is_deleted_by_a_marker() {
    // rule: delete/marker-written
    let node = versioned();
    let data = put(&node, "k", b"1");
    let (one, two) = (mark(&node, "k"), mark(&node, "k"));
    assert!(one != two && one.len() == 32);
    gone(&node, "k");
    assert_eq!(get_version(&node, "k", &data).body, b"1");
    // Also one that never was.
    let never = mark(&node, "never");
    gone(&node, "never");
    expect(&get_version(&node, "never", &never), 405, "MethodNotAllowed");
    let listed = node.send("GET", "/bkt?list-type=2", &[], b"");
    assert_eq!(listed.element("KeyCount").as_deref(), Some("0"));
}

#[test]
fn a_version_goes_for_good_and_the_next_is_the_latest() {
    // rule: delete/version, delete/marker-by-id
    let node = versioned();
    let one = put(&node, "k", &bytes(1, 100_000));
    let two = put(&node, "k", &bytes(2, 100_000));
    let marker = mark(&node, "k");
    let three = put(&node, "k", &bytes(3, 100_000));
    assert_eq!(purge(&node, "k", &three).header(MARKER), None);
    gone(&node, "k");
    assert_eq!(get(&node, "k").header(MARKER), Some("true"));
    assert_eq!(purge(&node, "k", &marker).header(MARKER), Some("true"));
    names(&node, "k", &two, &bytes(2, 100_000));
    purge(&node, "k", &one);
    names(&node, "k", &two, &bytes(2, 100_000));
    expect(&get_version(&node, "k", &one), 404, "NoSuchVersion");
    purge(&node, "k", &two);
    assert_eq!(get(&node, "k").header(MARKER), None);
    gone(&node, "k");
    node.collect();
    assert!(node.disk.blobs().is_empty());
    assert_eq!(node.send("DELETE", "/bkt", &[], b"").status, 204, "nothing is counted any more");
}

#[test]
fn what_is_not_there_is_deleted() {
    // rule: delete/version-absent
    let node = versioned();
    let id = put(&node, "k", b"1");
    for (key, version) in [("k", unknown()), ("k", "null".into()), ("none", id.clone())] {
        assert_eq!(purge(&node, key, &version).header(MARKER), None);
    }
    names(&node, "k", &id, b"1");
    // rule: version-id/malformed
    for target in ["/bkt/k?versionId=v1", "/bkt/none?versionId=v1"] {
        let answered = node.send("DELETE", target, &[], b"");
        expect(&answered, 400, "InvalidArgument");
        let message = "Invalid version id specified";
        assert_eq!(answered.element("Message").as_deref(), Some(message));
    }
    // rule: delete/absent
    let plain = node_with_bucket();
    for target in ["/bkt/none", "/bkt/none?versionId=null"] {
        assert_eq!(plain.send("DELETE", target, &[], b"").status, 204);
    }
}

#[test]
fn the_marker_is_the_null_version_while_versions_are_suspended() {
    // rule: delete/suspended
    let node = versioned();
    let kept = put(&node, "k", b"kept");
    set(&node, "Suspended");
    assert_eq!(mark(&node, "k"), "null");
    gone(&node, "k");
    expect(&get_version(&node, "k", "null"), 405, "MethodNotAllowed");
    assert_eq!(put(&node, "k", &bytes(1, 100_000)), "null");
    names(&node, "k", "null", &bytes(1, 100_000));
    assert_eq!(mark(&node, "k"), "null");
    node.collect();
    assert!(node.disk.blobs().is_empty(), "the null version made room for its marker");
    assert_eq!(purge(&node, "k", "null").header(MARKER), Some("true"));
    names(&node, "k", &kept, b"kept");
    purge(&node, "k", &kept);
    assert_eq!(node.send("DELETE", "/bkt", &[], b"").status, 204);
}

#[test]
fn versions_keep_their_bucket() {
    // rule: delete-bucket/versions
    let node = versioned();
    let data = put(&node, "k", b"1");
    let marker = mark(&node, "k");
    let delete = || node.send("DELETE", "/bkt", &[], b"");
    expect(&delete(), 409, "BucketNotEmpty");
    purge(&node, "k", &data);
    expect(&delete(), 409, "BucketNotEmpty");
    purge(&node, "k", &marker);
    assert_eq!(delete().status, 204);
    // A bucket of the same name begins anew.
    assert_eq!(node.send("PUT", "/bkt", &[], b"").status, 200);
    let state = node.send("GET", "/bkt?versioning", &[], b"");
    assert_eq!((state.status, state.element("Status")), (200, None));
}

#[test]
fn deletes_under_a_condition_look_at_the_latest_version() {
    // rule: delete/if-match, delete/if-match-absent, delete/if-match-latest
    let node = versioned();
    let first = put(&node, "k", b"old");
    let old = get(&node, "k").header("etag").expect("an ETag").to_owned();
    put(&node, "k", b"new");
    let new = get(&node, "k").header("etag").expect("an ETag").to_owned();
    let delete = |condition: &str| node.send("DELETE", "/bkt/k", &[("if-match", condition)], b"");
    expect(&delete(&old), 412, "PreconditionFailed");
    // Also where another version is to go.
    let of_first = |condition: &str| {
        node.send("DELETE", &format!("/bkt/k?versionId={first}"), &[("if-match", condition)], b"")
    };
    expect(&of_first(&old), 412, "PreconditionFailed");
    assert_eq!(get_version(&node, "k", &first).status, 200);
    assert_eq!(of_first(&new).status, 204);
    expect(&get_version(&node, "k", &first), 404, "NoSuchVersion");
    let answered = delete(&new);
    assert_eq!((answered.status, answered.header(MARKER)), (204, Some("true")));
    expect(&delete(&new), 404, "NoSuchKey");
    expect(&delete("*"), 412, "PreconditionFailed");
}

#[test]
fn an_empty_version_id_deletes_nothing() {
    // rule: version-id/empty
    let node = node_with_bucket();
    node.send("PUT", "/bkt/k", &[], b"there");
    let listed = || node.send("GET", "/bkt?versions", &[], b"").body;
    let before = listed();
    for state in [None, Some("Enabled"), Some("Suspended")] {
        if let Some(state) = state {
            set(&node, state);
        }
        for (method, target) in [
            ("DELETE", "/bkt/k?versionId="),
            ("DELETE", "/bkt/k?versionId"),
            ("DELETE", "/bkt/k?tagging&versionId="),
            ("GET", "/bkt/k?tagging&versionId="),
        ] {
            expect(&node.send(method, target, &[], b""), 400, "InvalidArgument");
        }
    }
    assert_eq!(listed(), before);
}
