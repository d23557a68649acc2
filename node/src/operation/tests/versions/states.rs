//! PutBucketVersioning, GetBucketVersioning, and what writes make of each state.

use super::super::copy_object::multipart;
use super::super::rules::expect;
use super::super::{bytes, node_with_bucket};
use super::*;

fn state(node: &TestNode) -> Option<String> {
    let answered = node.send("GET", "/bkt?versioning", &[], b"");
    assert_eq!(answered.status, 200, "{answered:?}");
    answered.element("Status")
}

#[test]
fn a_bucket_says_what_was_set_last() {
    // rule: versions/never-set, versioning/set, versioning/get
    let node = node_with_bucket();
    assert_eq!(state(&node), None);
    assert_eq!(node.send("PUT", "/other", &[], b"").status, 200);
    for status in ["Suspended", "Enabled", "Suspended", "Enabled"] {
        set(&node, status);
        assert_eq!(state(&node).as_deref(), Some(status));
    }
    let other = node.send("GET", "/other?versioning", &[], b"");
    assert_eq!((other.status, other.element("Status")), (200, None));
}

#[test]
fn what_says_nothing_of_versions_changes_nothing() {
    let node = versioned();
    let document =
        |inner: &str| format!("<VersioningConfiguration>{inner}</VersioningConfiguration>");
    let suspend = "<Status>Suspended</Status>";
    for (target, document, status, code) in [
        // rule: versioning/malformed
        ("/bkt?versioning", document("<Status>suspended</Status>"), 400, "MalformedXML"),
        ("/bkt?versioning", "Suspended".into(), 400, "MalformedXML"),
        ("/bkt?versioning", String::new(), 400, "MalformedXML"),
        // rule: versioning/status-missing
        ("/bkt?versioning", document(""), 400, "IllegalVersioningConfigurationException"),
        // rule: versioning/mfa-delete
        (
            "/bkt?versioning",
            document(&format!("<MfaDelete>Enabled</MfaDelete>{suspend}")),
            501,
            "NotImplemented",
        ),
        ("/none?versioning", document(suspend), 404, "NoSuchBucket"),
    ] {
        expect(&configure(&node, target, &document), status, code);
    }
    // rule: versioning/integrity
    let unproven = node.send("PUT", "/bkt?versioning", &[], document(suspend).as_bytes());
    expect(&unproven, 400, "InvalidRequest");
    let other = base64(&md5(b"other"));
    let wrong = node.send(
        "PUT",
        "/bkt?versioning",
        &[("content-md5", &other)],
        document(suspend).as_bytes(),
    );
    expect(&wrong, 400, "BadDigest");
    expect(&node.send("GET", "/none?versioning", &[], b""), 404, "NoSuchBucket");
    let foreign = [("x-amz-expected-bucket-owner", "111111111111")];
    expect(&node.send("GET", "/bkt?versioning", &foreign, b""), 403, "AccessDenied");
    assert_eq!(state(&node).as_deref(), Some("Enabled"));
}

#[test]
fn a_bucket_that_never_had_versions_tells_none() {
    // rule: versions/never-told
    let node = node_with_bucket();
    let copy = [("x-amz-copy-source", "bkt/k")];
    for (method, target, headers, body) in [
        ("PUT", "/bkt/k", &[][..], &b"1"[..]),
        ("GET", "/bkt/k", &[], b""),
        ("HEAD", "/bkt/k?versionId=null", &[], b""),
        ("PUT", "/bkt/copy", &copy, b""),
        ("GET", "/bkt/k?tagging", &[], b""),
        ("DELETE", "/bkt/k?tagging", &[], b""),
        ("DELETE", "/bkt/k?versionId=null", &[], b""),
        ("DELETE", "/bkt/copy", &[], b""),
    ] {
        let answered = node.send(method, target, headers, body);
        assert!(matches!(answered.status, 200 | 204), "{method} {target}: {answered:?}");
        for header in [VERSION, MARKER, "x-amz-copy-source-version-id"] {
            assert_eq!(answered.header(header), None, "{method} {target}");
        }
    }
}

#[test]
fn each_write_is_a_version_while_versions_are_enabled() {
    // rule: versions/enabled, versions/kept, put/version-id
    let node = node_with_bucket();
    node.put("/bkt/k", b"before");
    set(&node, "Enabled");
    names(&node, "k", "null", b"before");
    let (one, large) = (put(&node, "k", b"one"), bytes(1, 100_000));
    let two = put(&node, "k", &large);
    assert!(one != two && one.len() == 32 && two.len() == 32, "{one} {two}");
    names(&node, "k", &two, &large);
    assert_eq!(get_version(&node, "k", &one).body, b"one");
    assert_eq!(get_version(&node, "k", "null").body, b"before");
    node.collect();
    assert_eq!(get_version(&node, "k", &two).body, large);
}

#[test]
fn writes_take_the_place_of_the_null_version_while_versions_are_suspended() {
    // rule: versions/suspended, put/version-id
    let node = node_with_bucket();
    node.put("/bkt/k", &bytes(1, 100_000));
    set(&node, "Enabled");
    let kept = put(&node, "k", &bytes(2, 100_000));
    set(&node, "Suspended");
    assert_eq!(put(&node, "k", &bytes(3, 100_000)), "null");
    names(&node, "k", "null", &bytes(3, 100_000));
    assert_eq!(put(&node, "k", b"null again"), "null");
    names(&node, "k", "null", b"null again");
    assert_eq!(get_version(&node, "k", &kept).body, bytes(2, 100_000));
    node.collect();
    assert_eq!(node.disk.blobs().len(), 1, "both null versions of before are gone");
    set(&node, "Enabled");
    let last = put(&node, "k", b"last");
    names(&node, "k", &last, b"last");
    assert_eq!(get_version(&node, "k", "null").body, b"null again");
}

#[test]
fn a_completed_upload_is_a_version() {
    // rule: complete/version-id
    let node = versioned();
    let old = put(&node, "k", b"old");
    let upload = node.create_upload("/bkt/k", &[]);
    let part = node.send("PUT", &format!("/bkt/k?partNumber=1&uploadId={upload}"), &[], b"part");
    assert_eq!((part.status, part.header(VERSION)), (200, None));
    let parts = [(1, part.header("etag").expect("an ETag").to_owned())];
    let made = node.complete("/bkt/k", &upload, &parts);
    assert_eq!(made.status, 200, "{made:?}");
    names(&node, "k", &told(&made), b"part");
    let again = node.complete("/bkt/k", &upload, &parts);
    assert_eq!((again.status, told(&again)), (200, told(&made)));
    assert_eq!(get_version(&node, "k", &old).body, b"old");
    set(&node, "Suspended");
    let content = multipart(&node, "/bkt/k", &[5 << 20, 10], &[]);
    names(&node, "k", "null", &content);
}

#[test]
fn conditions_look_at_the_latest_version() {
    // rule: put/delete-marker
    let node = versioned();
    let absent = [("if-none-match", "*")];
    let write = |headers: &[(&str, &str)]| node.send("PUT", "/bkt/k", headers, b"x");
    assert_eq!(write(&absent).status, 200);
    expect(&write(&absent), 412, "PreconditionFailed");
    let etag = write(&[]).header("etag").expect("an ETag").to_owned();
    mark(&node, "k");
    expect(&write(&[("if-match", &etag)]), 404, "NoSuchKey");
    assert_eq!(write(&absent).status, 200);
    assert_eq!(write(&[("if-match", &etag)]).status, 200);
}

#[test]
fn writes_name_no_version() {
    let node = versioned();
    let id = put(&node, "k", b"1");
    let upload = node.create_upload("/bkt/k", &[]);
    for (method, target) in [
        ("PUT", format!("/bkt/k?versionId={id}")),
        ("POST", format!("/bkt/k?uploads&versionId={id}")),
        ("PUT", format!("/bkt/k?partNumber=1&uploadId={upload}&versionId={id}")),
        ("POST", format!("/bkt/k?uploadId={upload}&versionId={id}")),
    ] {
        // rule: put/no-version-id
        let answered = node.send(method, &target, &[], b"");
        expect(&answered, 400, "InvalidArgument");
        let message = "This operation does not accept a version-id.";
        assert_eq!(answered.element("Message").as_deref(), Some(message), "{target}");
    }
}
