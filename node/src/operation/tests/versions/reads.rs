//! GetObject and HeadObject by the id of a version and without.

use protocol::name::{BucketName, ObjectKey, VersionId};
use protocol::operation::common::Common;
use protocol::operation::version::{Asked, Named};

use super::super::rules::expect;
use super::super::{bytes, node_with_bucket};
use super::*;
use crate::operation::subject;
use crate::seam::Local;

/// Status and headers of HEAD are those of GET.
fn both(node: &TestNode, target: &str) -> Answered {
    let target = format!("/bkt/{target}");
    let (got, head) = (node.send("GET", &target, &[], b""), node.send("HEAD", &target, &[], b""));
    // rule: head/as-get
    assert_eq!((head.status, &head.body[..]), (got.status, &b""[..]), "{target}");
    for header in [VERSION, MARKER, "allow", "last-modified", "etag"] {
        assert_eq!(head.header(header), got.header(header), "{target}: {header}");
    }
    got
}

#[test]
fn every_version_can_be_read() {
    // rule: get/version
    let node = versioned();
    let bodies: Vec<Vec<u8>> =
        (0..6).map(|power| bytes(u64::from(power), 10_usize.pow(power))).collect();
    let ids: Vec<String> = bodies.iter().map(|body| put(&node, "k", body)).collect();
    node.collect();
    for (id, body) in ids.iter().zip(&bodies) {
        let answered = both(&node, &format!("k?versionId={id}"));
        assert_eq!((answered.status, &answered.body, told(&answered)), (200, body, id.clone()));
        let range = [("range", "bytes=0-0")];
        let first = node.send("GET", &format!("/bkt/k?versionId={id}"), &range, b"");
        assert_eq!((first.status, &first.body[..], told(&first)), (206, &body[..1], id.clone()));
        let etag = answered.header("etag").expect("an ETag");
        let unchanged = [("if-none-match", etag)];
        let answered = node.send("GET", &format!("/bkt/k?versionId={id}"), &unchanged, b"");
        assert_eq!(answered.status, 304);
    }
    let latest = both(&node, "k");
    assert_eq!((&latest.body, told(&latest)), (&bodies[5], ids[5].clone()));
}

#[test]
fn what_is_no_version_cannot_be_read() {
    let node = versioned();
    let id = put(&node, "k", b"1");
    let other = put(&node, "other", b"2");
    let unknown = unknown();
    for (target, status, code) in [
        // rule: version-id/malformed
        ("k?versionId=v1".to_owned(), 400, "InvalidArgument"),
        ("none?versionId=v1".into(), 400, "InvalidArgument"),
        // rule: version-id/empty
        ("k?versionId=".into(), 400, "InvalidArgument"),
        ("k?versionId".into(), 400, "InvalidArgument"),
        (format!("k?versionId={}", id.to_uppercase()), 400, "InvalidArgument"),
        // rule: get/no-such-version
        (format!("k?versionId={unknown}"), 404, "NoSuchVersion"),
        (format!("k?versionId={other}"), 404, "NoSuchVersion"),
        ("k?versionId=null".into(), 404, "NoSuchVersion"),
        (format!("none?versionId={id}"), 404, "NoSuchVersion"),
        // rule: get/no-such-key
        ("none".into(), 404, "NoSuchKey"),
    ] {
        expect(&both(&node, &target), status, code);
    }
    let answered = get_version(&node, "k", &unknown);
    assert_eq!(answered.element("Key").as_deref(), Some("k"));
    assert_eq!(answered.element("VersionId"), Some(unknown));
}

#[test]
fn a_bucket_without_versions_has_the_null_version() {
    // rule: version-id/unversioned-bucket
    let node = node_with_bucket();
    node.put("/bkt/k", b"1");
    assert_eq!(both(&node, "k?versionId=null").body, b"1");
    expect(&both(&node, "none?versionId=null"), 404, "NoSuchKey");
    for method in ["GET", "DELETE"] {
        let answered = node.send(method, &format!("/bkt/k?versionId={}", unknown()), &[], b"");
        expect(&answered, 400, "InvalidArgument");
        let message = "Invalid version id specified";
        assert_eq!(answered.element("Message").as_deref(), Some(message));
        assert_eq!(answered.element("ArgumentName").as_deref(), Some("versionId"));
    }
}

#[test]
fn delete_markers_cannot_be_read() {
    let node = versioned();
    let data = put(&node, "k", b"1");
    let marker = mark(&node, "k");
    // rule: get/delete-marker-latest
    let latest = both(&node, "k");
    expect(&latest, 404, "NoSuchKey");
    assert_eq!((latest.header(MARKER), told(&latest)), (Some("true"), marker.clone()));
    // rule: get/delete-marker-by-id
    for _ in 0..2 {
        let by_id = both(&node, &format!("k?versionId={marker}"));
        expect(&by_id, 405, "MethodNotAllowed");
        assert_eq!((by_id.header(MARKER), told(&by_id)), (Some("true"), marker.clone()));
        assert_eq!(by_id.header("allow"), Some("DELETE"));
        assert_eq!(by_id.element("Method").as_deref(), Some("GET"));
        assert_eq!(by_id.element("ResourceType").as_deref(), Some("DeleteMarker"));
        assert!(by_id.header("last-modified").is_some_and(|date| date.ends_with("GMT")));
        // Below another version it is one all the same.
        put(&node, "k", b"2");
    }
    assert_eq!(get_version(&node, "k", &data).body, b"1");
}

#[test]
fn versions_have_attributes() {
    let node = versioned();
    let (old, new) = (put(&node, "k", b"old one"), put(&node, "k", b"new"));
    let marker = mark(&node, "gone");
    let ask = |target: &str| {
        let wanted = [("x-amz-object-attributes", "ObjectSize")];
        node.send("GET", &format!("/bkt/{target}"), &wanted, b"")
    };
    // rule: attributes/version
    for (target, size, version) in [
        ("k?attributes".to_owned(), "3", &new),
        (format!("k?attributes&versionId={old}"), "7", &old),
    ] {
        let answered = ask(&target);
        assert_eq!((answered.status, told(&answered)), (200, version.clone()), "{target}");
        assert_eq!(answered.element("ObjectSize").as_deref(), Some(size));
    }
    // rule: attributes/delete-marker
    let latest = ask("gone?attributes");
    expect(&latest, 404, "NoSuchKey");
    assert_eq!((latest.header(MARKER), told(&latest)), (Some("true"), marker.clone()));
    expect(&ask(&format!("gone?attributes&versionId={marker}")), 405, "MethodNotAllowed");
    expect(&ask(&format!("k?attributes&versionId={}", unknown())), 404, "NoSuchVersion");
    expect(&ask("k?attributes&versionId=v1"), 400, "InvalidArgument");
}

#[test]
fn a_version_that_is_read_stays_to_its_end() {
    // rule: get/pinned
    let node = versioned();
    let old = put(&node, "k", &bytes(1, 3 << 20));
    put(&node, "k", b"new");
    let mut reading: Local<'_, Answered> =
        Box::pin(node.start("GET", &format!("/bkt/k?versionId={old}"), &[], b""));
    assert!(!node.poll(&mut reading, 3));
    let purge = node.send("DELETE", &format!("/bkt/k?versionId={old}"), &[], b"");
    assert_eq!(purge.status, 204);
    node.collect_what_may_go();
    let answered = node.run(reading);
    assert_eq!((answered.status, answered.cut), (200, false));
    assert!(answered.body == bytes(1, 3 << 20));
    node.collect();
    assert!(node.disk.blobs().is_empty());
}

#[test]
fn the_null_version_is_no_other_one_that_came_meanwhile() {
    // rule: version-id/unversioned-bucket
    let node = node_with_bucket();
    node.put("/bkt/k", b"null");
    let (name, key) = (BucketName::parse("bkt").unwrap(), ObjectKey::parse("k").unwrap());
    let bucket = node.run(subject::bucket(&node.machine, &name, &Common::default()));
    let bucket = bucket.unwrap();
    let asked = Asked::new(&key, Some(VersionId::Null), bucket.versioning).unwrap();
    set(&node, "Enabled");
    put(&node, "k", b"new");
    let found = node.run(subject::named(&node.machine, bucket.id, &asked)).unwrap();
    let Named::Object(found) = found else { panic!("no object: {found:?}") };
    assert_eq!((found.version(), found.len), (VersionId::Null, 4));
}
