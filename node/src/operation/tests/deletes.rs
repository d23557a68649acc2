//! Deletes: many keys at once, conditions, and what must not hold them up.

use meta::key;
use meta::memory::Fate;
use meta::query;
use meta::store::{Batch, Space, Store};
use protocol::name::{BucketName, ObjectKey};

use super::rules::{base64, expect, md5};
use super::{bytes, node_with_bucket};
use crate::testing::{Answered, TestNode, ask};

/// A list of objects, each as it stands inside its element.
fn list(objects: &[String]) -> String {
    let objects: Vec<String> =
        objects.iter().map(|object| format!("<Object>{object}</Object>")).collect();
    format!("<Delete>{}</Delete>", objects.concat())
}

fn named<'a>(keys: impl IntoIterator<Item = &'a str>) -> String {
    let keys: Vec<String> = keys.into_iter().map(|key| format!("<Key>{key}</Key>")).collect();
    list(&keys)
}

fn send(node: &TestNode, document: &str) -> Answered {
    let digest = base64(&md5(document.as_bytes()));
    let proof = [("content-md5", digest.as_str())];
    node.send("POST", "/bkt?delete", &proof, document.as_bytes())
}

/// What became of each key: its name, and the code of its error or nothing.
fn told(answered: &Answered) -> Vec<(String, String)> {
    assert_eq!(answered.status, 200, "{answered:?}");
    let text = String::from_utf8(answered.body.clone()).expect("text");
    let field = |element: &str, name: &str| {
        let value = element.split_once(&format!("<{name}>")).map_or("", |(_, rest)| rest);
        value.split_once('<').map_or("", |(value, _)| value).to_owned()
    };
    let starts = text.split("<Deleted>").flat_map(|some| some.split("<Error>")).skip(1);
    starts.map(|element| (field(element, "Key"), field(element, "Code"))).collect()
}

fn keys(node: &TestNode) -> usize {
    let listed = node.send("GET", "/bkt?list-type=2", &[], b"");
    listed.element("KeyCount").expect("a count").parse().expect("a number")
}

#[test]
fn a_list_of_keys_goes_in_a_few_rounds() {
    let node = node_with_bucket();
    let names: Vec<String> = (0..1000).map(|at| format!("k{at:04}")).collect();
    // Every second one is there, and some have files.
    for (at, name) in names.iter().enumerate().step_by(2) {
        let body = if at % 100 == 0 { bytes(at as u64, 40_000) } else { vec![b'x'; 10] };
        node.put(&format!("/bkt/{name}"), &body);
    }
    node.put("/bkt/stays", b"1");
    let before = ask(&node, query::last_sequence).get();
    let answered = send(&node, &named(names.iter().map(String::as_str)));
    let rounds = ask(&node, query::last_sequence).get() - before;
    let expected: Vec<_> = names.iter().map(|name| (name.clone(), String::new())).collect();
    assert_eq!(told(&answered), expected);
    assert!((1..=4).contains(&rounds), "{rounds} rounds");
    assert_eq!(keys(&node), 1);
    node.collect();
    assert!(node.disk.blobs().is_empty());
    let quiet = "<Delete><Quiet>true</Quiet><Object><Key>stays</Key></Object></Delete>";
    assert!(told(&send(&node, quiet)).is_empty());
    assert_eq!(node.send("DELETE", "/bkt", &[], b"").status, 204, "the bucket counts none");
}

#[test]
fn each_key_of_a_list_fails_by_itself() {
    // rule: delete-objects/each-by-itself
    let node = node_with_bucket();
    for key in ["a", "b", "c", "d"] {
        node.put(&format!("/bkt/{key}"), key.as_bytes());
    }
    let etag = node.send("HEAD", "/bkt/a", &[], b"").header("etag").expect("an ETag").to_owned();
    let long = "k".repeat(1025);
    let objects = [
        (format!("<Key>a</Key><ETag>{etag}</ETag>"), ""),
        (format!("<Key>b</Key><ETag>{etag}</ETag>"), "PreconditionFailed"),
        (format!("<Key>none</Key><ETag>{etag}</ETag>"), "NoSuchKey"),
        ("<Key>none</Key><ETag>*</ETag>".into(), "PreconditionFailed"),
        ("<Key>none</Key>".into(), ""),
        ("<Key>c</Key><VersionId>null</VersionId>".into(), ""),
        ("<Key>d</Key><VersionId>v1</VersionId>".into(), "NoSuchVersion"),
        // rule: delete-objects/version-unknown
        ("<Key>d</Key><VersionId></VersionId>".into(), "NoSuchVersion"),
        ("<Key>d</Key><Size>1</Size>".into(), "NotImplemented"),
        (format!("<Key>{long}</Key>"), "KeyTooLongError"),
        ("<Key>c</Key>".into(), ""),
    ];
    let (sent, expected): (Vec<String>, Vec<&str>) = objects.into_iter().unzip();
    let codes: Vec<String> =
        told(&send(&node, &list(&sent))).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, expected);
    assert_eq!(node.get("/bkt/b"), b"b");
    assert_eq!(node.get("/bkt/d"), b"d");
    assert_eq!(keys(&node), 2);
}

#[test]
fn a_list_is_checked_before_anything_is_deleted() {
    // rule: delete-objects/integrity
    let node = node_with_bucket();
    node.put("/bkt/k", b"1");
    let document = named(["k"]);
    let post = |target: &str, headers: &[(&str, &str)], body: &str| {
        node.send("POST", target, headers, body.as_bytes())
    };
    let unproven = post("/bkt?delete", &[], &document);
    expect(&unproven, 400, "InvalidRequest");
    let other = base64(&md5(b"other"));
    expect(&post("/bkt?delete", &[("content-md5", &other)], &document), 400, "BadDigest");
    let wrong = [("x-amz-checksum-crc32", "AAAAAA==")];
    expect(&post("/bkt?delete", &wrong, &document), 400, "BadDigest");
    let proof = base64(&md5(document.as_bytes()));
    let foreign =
        [("content-md5", proof.as_str()), ("x-amz-expected-bucket-owner", "111111111111")];
    expect(&post("/bkt?delete", &foreign, &document), 403, "AccessDenied");
    expect(&post("/none?delete", &[], &document), 404, "NoSuchBucket");
    expect(&send(&node, "<Delete></Delete>"), 400, "MalformedXML");
    expect(&send(&node, &named(vec!["k"; 1001])), 400, "MalformedXML");
    assert_eq!(keys(&node), 1);
    assert_eq!(told(&send(&node, &document)).len(), 1);
    assert_eq!(keys(&node), 0);
}

#[test]
fn a_list_that_nobody_could_begin_fails_as_a_whole() {
    let node = node_with_bucket();
    node.put("/bkt/k", b"1");
    node.store.fail_next_commit(Fate::Lost);
    expect(&send(&node, &named(["k"])), 500, "InternalError");
}

#[test]
fn a_damaged_object_holds_no_other_key_up() {
    let node = node_with_bucket();
    for key in ["a", "b"] {
        node.put(&format!("/bkt/{key}"), key.as_bytes());
    }
    let bucket = BucketName::parse("bkt").expect("a name");
    let bucket = ask(&node, |store| query::bucket(store, &bucket)).expect("a bucket").id;
    let mut batch = Batch::new();
    let damaged = ObjectKey::parse("a").expect("a key");
    batch.put(Space::Objects, key::object(bucket, &damaged), vec![1]);
    node.store.commit(batch).expect("a store");
    let told = told(&send(&node, &named(["a", "b"])));
    assert_eq!(told, [("a".into(), "InternalError".into()), ("b".into(), String::new())]);
    assert_eq!(node.send("GET", "/bkt/b", &[], b"").status, 404);
}

#[test]
fn a_full_disk_refuses_no_delete() {
    // rule: delete/full-disk
    let node = node_with_bucket();
    node.put("/bkt/k", &bytes(1, 100_000));
    node.put("/bkt/l", &bytes(2, 100_000));
    node.run(node.machine.admission.measure(&*node.machine.disk)).expect("measured");
    while node.machine.admission.admit(1 << 20) {}
    while node.machine.admission.admit(1) {}
    expect(&node.send("PUT", "/bkt/more", &[], &bytes(3, 100_000)), 507, "InsufficientStorage");
    assert_eq!(told(&send(&node, &named(["k", "l"]))).len(), 2);
    node.collect();
    assert!(node.disk.blobs().is_empty());
}

#[test]
fn a_delete_may_demand_an_object() {
    // rule: delete/if-match, delete/if-match-absent
    let node = node_with_bucket();
    node.put("/bkt/k", b"1");
    let etag = node.send("HEAD", "/bkt/k", &[], b"").header("etag").expect("an ETag").to_owned();
    let delete = |key: &str, condition: &str| {
        node.send("DELETE", &format!("/bkt/{key}"), &[("if-match", condition)], b"")
    };
    let other = delete("k", "\"0123\"");
    expect(&other, 412, "PreconditionFailed");
    assert_eq!(other.element("Condition").as_deref(), Some("If-Match"));
    expect(&delete("none", &etag), 404, "NoSuchKey");
    expect(&delete("none", "*"), 412, "PreconditionFailed");
    assert_eq!(delete("k", &etag).status, 204);
    node.put("/bkt/k", b"2");
    assert_eq!(delete("k", "*").status, 204);
    assert_eq!(keys(&node), 0);
}
