//! Tags of versions.

use super::super::node_with_bucket;
use super::super::rules::expect;
use super::*;

fn put_tags(node: &TestNode, target: &str, value: &str) -> Answered {
    let document = format!(
        "<Tagging><TagSet><Tag><Key>a</Key><Value>{value}</Value></Tag></TagSet></Tagging>"
    );
    configure(node, target, &document)
}

/// The value of the one tag.
fn tag(node: &TestNode, target: &str) -> (Option<String>, Option<String>) {
    let answered = node.send("GET", target, &[], b"");
    assert_eq!(answered.status, 200, "{answered:?}");
    (answered.element("Value"), answered.header(VERSION).map(str::to_owned))
}

#[test]
fn each_version_has_its_tags() {
    // rule: tagging/version
    let node = versioned();
    let (old, new) = (put(&node, "k", b"1"), put(&node, "k", b"2"));
    let of_old = format!("/bkt/k?tagging&versionId={old}");
    for (target, value, version) in
        [("/bkt/k?tagging", "latest", &new), (of_old.as_str(), "old", &old)]
    {
        let answered = put_tags(&node, target, value);
        assert_eq!((answered.status, told(&answered)), (200, version.clone()));
    }
    let (latest, before) = (Some("latest".to_owned()), Some("old".to_owned()));
    assert_eq!(tag(&node, "/bkt/k?tagging"), (latest.clone(), Some(new.clone())));
    assert_eq!(tag(&node, &format!("/bkt/k?tagging&versionId={new}")), (latest, Some(new.clone())));
    assert_eq!(tag(&node, &of_old), (before, Some(old.clone())));
    let head = node.send("HEAD", &format!("/bkt/k?versionId={old}"), &[], b"");
    assert_eq!(head.header("x-amz-tagging-count"), Some("1"));
    let answered = node.send("DELETE", "/bkt/k?tagging", &[], b"");
    assert_eq!((answered.status, told(&answered)), (204, new.clone()));
    assert_eq!(tag(&node, "/bkt/k?tagging"), (None, Some(new.clone())));
    let answered = node.send("DELETE", &of_old, &[], b"");
    assert_eq!((answered.status, told(&answered)), (204, old.clone()));
    assert_eq!(tag(&node, &of_old), (None, Some(old)));
    // Tags make no version, and stay when another one comes.
    names(&node, "k", &new, b"2");
    assert_eq!(put_tags(&node, "/bkt/k?tagging", "kept").status, 200);
    put(&node, "k", b"3");
    let of_new = format!("/bkt/k?tagging&versionId={new}");
    assert_eq!(tag(&node, &of_new).0.as_deref(), Some("kept"));
    assert_eq!(tag(&node, "/bkt/k?tagging").0, None);
}

#[test]
fn the_null_version_has_tags() {
    let node = node_with_bucket();
    node.put("/bkt/k", b"1");
    assert_eq!(put_tags(&node, "/bkt/k?tagging&versionId=null", "x").header(VERSION), None);
    assert_eq!(tag(&node, "/bkt/k?tagging&versionId=null"), (Some("x".into()), None));
    set(&node, "Suspended");
    let null = Some("null".to_owned());
    assert_eq!(tag(&node, "/bkt/k?tagging"), (Some("x".into()), null.clone()));
    assert_eq!(told(&put_tags(&node, "/bkt/k?tagging", "y")), "null");
    set(&node, "Enabled");
    put(&node, "k", b"2");
    assert_eq!(tag(&node, "/bkt/k?tagging&versionId=null"), (Some("y".into()), null));
}

#[test]
fn what_is_no_object_has_no_tags() {
    let node = versioned();
    let data = put(&node, "k", b"1");
    let marker = mark(&node, "k");
    let methods = |target: &str| {
        [
            ("GET", node.send("GET", target, &[], b"")),
            ("PUT", put_tags(&node, target, "x")),
            ("DELETE", node.send("DELETE", target, &[], b"")),
        ]
    };
    // rule: tagging/delete-marker
    for target in ["/bkt/k?tagging".to_owned(), format!("/bkt/k?tagging&versionId={marker}")] {
        for (method, answered) in methods(&target) {
            expect(&answered, 405, "MethodNotAllowed");
            assert_eq!(answered.element("ResourceType").as_deref(), Some("DeleteMarker"));
            assert_eq!(answered.element("Method").as_deref(), Some(method));
            assert_eq!((answered.header(MARKER), told(&answered)), (Some("true"), marker.clone()));
        }
    }
    let unknown = unknown();
    for (target, status, code) in [
        // rule: tagging/unknown
        (format!("/bkt/k?tagging&versionId={unknown}"), 404, "NoSuchVersion"),
        (format!("/bkt/none?tagging&versionId={data}"), 404, "NoSuchVersion"),
        ("/bkt/k?tagging&versionId=null".into(), 404, "NoSuchVersion"),
        // rule: tagging/no-such-key
        ("/bkt/none?tagging".into(), 404, "NoSuchKey"),
        // rule: version-id/malformed
        ("/bkt/k?tagging&versionId=v1".into(), 400, "InvalidArgument"),
    ] {
        for (_, answered) in methods(&target) {
            expect(&answered, status, code);
        }
    }
    let plain = node_with_bucket();
    let target = format!("/bkt/k?tagging&versionId={data}");
    expect(&plain.send("GET", &target, &[], b""), 400, "InvalidArgument");
    expect(&plain.send("GET", "/bkt/k?tagging&versionId=null", &[], b""), 404, "NoSuchKey");
}
