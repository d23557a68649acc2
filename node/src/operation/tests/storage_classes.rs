//! Storage classes: what each operation makes of them and says of them.

use super::node_with_bucket;
use super::rules::expect;

const CLASS: &str = "x-amz-storage-class";

#[test]
fn a_class_is_kept_with_what_asked_for_it() {
    let node = node_with_bucket();
    let class = |value| [(CLASS, value)];
    // rule: storage-class/accepted, storage-class/told
    for (key, value, told) in [
        ("standard", "STANDARD", None),
        ("ia", "STANDARD_IA", Some("STANDARD_IA")),
        ("reduced", "REDUCED_REDUNDANCY", Some("REDUCED_REDUNDANCY")),
        ("instant", "GLACIER_IR", Some("GLACIER_IR")),
    ] {
        let target = format!("/bkt/{key}");
        assert_eq!(node.send("PUT", &target, &class(value), b"1").status, 200);
        for method in ["GET", "HEAD"] {
            assert_eq!(node.send(method, &target, &[], b"").header(CLASS), told, "{method} {key}");
        }
        // rule: storage-class/listed
        for list in ["list-type=2", "max-keys=9", "versions"] {
            let listed = node.send("GET", &format!("/bkt?{list}&prefix={key}"), &[], b"");
            assert_eq!(listed.element("StorageClass").as_deref(), Some(value), "{list}");
        }
        let asked = [("x-amz-object-attributes", "StorageClass")];
        let told = node.send("GET", &format!("{target}?attributes"), &asked, b"");
        assert_eq!(told.element("StorageClass").as_deref(), Some(value));
    }
}

#[test]
fn a_copy_has_the_class_that_it_asks_for() {
    // rule: copy/storage-class
    let node = node_with_bucket();
    let source = ("x-amz-copy-source", "bkt/k");
    assert_eq!(node.send("PUT", "/bkt/k", &[(CLASS, "STANDARD_IA")], b"1").status, 200);
    assert_eq!(node.send("PUT", "/bkt/plain", &[source], b"").status, 200);
    assert_eq!(node.send("HEAD", "/bkt/plain", &[], b"").header(CLASS), None);
    // To itself, in another class.
    let same = node.send("PUT", "/bkt/k", &[source, (CLASS, "STANDARD_IA")], b"");
    expect(&same, 400, "InvalidRequest");
    let other = node.send("PUT", "/bkt/k", &[source, (CLASS, "ONEZONE_IA")], b"");
    assert_eq!(other.status, 200, "{other:?}");
    assert_eq!(node.send("HEAD", "/bkt/k", &[], b"").header(CLASS), Some("ONEZONE_IA"));
    assert_eq!(node.get("/bkt/k"), b"1");
}

#[test]
fn an_upload_has_the_class_of_its_object() {
    // rule: storage-class/listed, create-upload/storage-class
    let node = node_with_bucket();
    let upload = node.create_upload("/bkt/k", &[(CLASS, "INTELLIGENT_TIERING")]);
    let target = format!("/bkt/k?uploadId={upload}");
    for listed in ["/bkt?uploads", target.as_str()] {
        let listed = node.send("GET", listed, &[], b"");
        assert_eq!(listed.element("StorageClass").as_deref(), Some("INTELLIGENT_TIERING"));
    }
    let part = node.send("PUT", &format!("{target}&partNumber=1"), &[], b"1");
    let etag = part.header("etag").expect("an ETag").to_owned();
    assert_eq!(node.complete("/bkt/k", &upload, &[(1, etag)]).status, 200);
    let told = node.send("GET", "/bkt/k", &[], b"");
    assert_eq!((told.header(CLASS), &told.body[..]), (Some("INTELLIGENT_TIERING"), &b"1"[..]));
}

#[test]
fn what_is_no_class_writes_nothing() {
    let node = node_with_bucket();
    let copy = ("x-amz-copy-source", "bkt/source");
    node.put("/bkt/source", b"1");
    for (value, status, code) in [
        // rule: storage-class/not-built
        ("GLACIER", 501, "NotImplemented"),
        ("DEEP_ARCHIVE", 501, "NotImplemented"),
        ("EXPRESS_ONEZONE", 501, "NotImplemented"),
        // rule: storage-class/unknown
        ("OUTPOSTS", 400, "InvalidStorageClass"),
        ("standard_ia", 400, "InvalidStorageClass"),
    ] {
        for (method, target, headers) in [
            ("PUT", "/bkt/k", &[(CLASS, value)][..]),
            ("PUT", "/bkt/k", &[copy, (CLASS, value)]),
            ("POST", "/bkt/k?uploads", &[(CLASS, value)]),
        ] {
            expect(&node.send(method, target, headers, b""), status, code);
        }
    }
    expect(&node.send("GET", "/bkt/k", &[], b""), 404, "NoSuchKey");
}
