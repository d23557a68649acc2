//! Object lock: the configuration of a bucket, and what its versions let happen.

use std::time::Duration;

use protocol::time::Timestamp;

use super::rules::{base64, expect, md5};
use super::{bytes, node_with_bucket};
use crate::testing::{Answered, TestNode};

const MODE: &str = "x-amz-object-lock-mode";
const UNTIL: &str = "x-amz-object-lock-retain-until-date";
const HOLD: &str = "x-amz-object-lock-legal-hold";
const VERSION: &str = "x-amz-version-id";
const BYPASS: (&str, &str) = ("x-amz-bypass-governance-retention", "true");
const DAY: u64 = 86_400_000;
const ENABLED: &str = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>";
const LOCKED: &str = "Access Denied because object protected by object lock.";

/// Sends a document with its digest.
fn send(node: &TestNode, target: &str, more: &[(&str, &str)], document: &str) -> Answered {
    let digest = base64(&md5(document.as_bytes()));
    let headers = [&[("content-md5", digest.as_str())][..], more].concat();
    node.send("PUT", target, &headers, document.as_bytes())
}

fn done(answered: &Answered) {
    assert_eq!(answered.status, 200, "{answered:?}");
}

fn version(node: &TestNode, status: &str) {
    let document =
        format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
    done(&send(node, "/bkt?versioning", &[], &document));
}

fn configure(node: &TestNode, inner: &str) -> Answered {
    let document = format!("<ObjectLockConfiguration>{inner}</ObjectLockConfiguration>");
    send(node, "/bkt?object-lock", &[], &document)
}

fn with_default(mode: &str, period: &str) -> String {
    format!(
        "{ENABLED}<Rule><DefaultRetention><Mode>{mode}</Mode>{period}</DefaultRetention></Rule>"
    )
}

/// A node whose bucket has object lock, without a default.
fn lockable() -> TestNode {
    let node = node_with_bucket();
    version(&node, "Enabled");
    done(&configure(&node, ENABLED));
    node
}

/// A date, in milliseconds from the node's present.
fn date(node: &TestNode, ahead: u64) -> String {
    Timestamp::from_millis(node.machine.clock.now().as_millis() + ahead).iso8601()
}

/// Lets time pass.
fn pass(node: &TestNode, millis: u64) {
    drop(node.machine.clock.sleep(Duration::from_millis(millis)));
}

/// Puts an object with its digest, and says which version it is.
fn put(node: &TestNode, key: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
    let digest = base64(&md5(body));
    let headers = [&[("content-md5", digest.as_str())][..], headers].concat();
    let answered = node.send("PUT", &format!("/bkt/{key}"), &headers, body);
    done(&answered);
    answered.header(VERSION).expect("a version").to_owned()
}

fn retain(node: &TestNode, target: &str, mode: &str, until: &str) -> Answered {
    let (path, more) = (format!("/bkt/{target}"), []);
    send(node, &path, &more, &retention(mode, until))
}

fn retention(mode: &str, until: &str) -> String {
    format!("<Retention><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>")
}

fn hold(node: &TestNode, target: &str, status: &str) -> Answered {
    let document = format!("<LegalHold><Status>{status}</Status></LegalHold>");
    send(node, &format!("/bkt/{target}"), &[], &document)
}

fn delete(node: &TestNode, key: &str, version: &str, headers: &[(&str, &str)]) -> Answered {
    node.send("DELETE", &format!("/bkt/{key}?versionId={version}"), headers, b"")
}

fn refused(answered: &Answered) {
    expect(answered, 403, "AccessDenied");
    assert_eq!(answered.element("Message").as_deref(), Some(LOCKED));
}

fn text(answered: &Answered) -> String {
    String::from_utf8(answered.body.clone()).expect("text")
}

#[test]
fn a_bucket_is_given_object_lock_and_keeps_it() {
    let node = node_with_bucket();
    // rule: get-lock-configuration/none
    let none = node.send("GET", "/bkt?object-lock", &[], b"");
    expect(&none, 404, "ObjectLockConfigurationNotFoundError");
    assert_eq!(none.element("BucketName").as_deref(), Some("bkt"));
    // rule: put-lock-configuration/versioning
    expect(&configure(&node, ENABLED), 409, "InvalidBucketState");
    version(&node, "Suspended");
    expect(&configure(&node, ENABLED), 409, "InvalidBucketState");
    version(&node, "Enabled");
    // rule: get-lock-configuration/answer
    for inner in [ENABLED.into(), with_default("GOVERNANCE", "<Days>1</Days>"), ENABLED.into()] {
        done(&configure(&node, &inner));
        let told = node.send("GET", "/bkt?object-lock", &[], b"");
        assert!(text(&told).ends_with(&format!("{inner}</ObjectLockConfiguration>")), "{told:?}");
    }
    // rule: versioning/object-lock
    let suspend = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
    let answered = send(&node, "/bkt?versioning", &[], suspend);
    expect(&answered, 409, "InvalidBucketState");
    version(&node, "Enabled");
    // rule: put-lock-configuration/malformed
    let disabled = ENABLED.replace("Enabled<", "Disabled<");
    expect(&configure(&node, &disabled), 400, "MalformedXML");
    // rule: put-lock-configuration/integrity
    let unproven = node.send("PUT", "/bkt?object-lock", &[], b"<ObjectLockConfiguration/>");
    expect(&unproven, 400, "InvalidRequest");
    for (method, target) in [("GET", "/none?object-lock"), ("GET", "/none/k?retention")] {
        expect(&node.send(method, target, &[], b""), 404, "NoSuchBucket");
    }
    let foreign = [("x-amz-expected-bucket-owner", "111111111111")];
    for target in ["/bkt?object-lock", "/bkt/k?retention", "/bkt/k?legal-hold"] {
        expect(&node.send("GET", target, &foreign, b""), 403, "AccessDenied");
    }
}

#[test]
fn without_object_lock_nothing_is_locked() {
    // rule: lock/bucket-without
    let node = node_with_bucket();
    version(&node, "Enabled");
    put(&node, "k", &[], b"1");
    let until = date(&node, DAY);
    for answered in [
        retain(&node, "k?retention", "GOVERNANCE", &until),
        hold(&node, "k?legal-hold", "ON"),
        node.send("GET", "/bkt/k?retention", &[], b""),
        node.send("GET", "/bkt/k?legal-hold", &[], b""),
    ] {
        expect(&answered, 400, "InvalidRequest");
        let message = "Bucket is missing Object Lock Configuration";
        assert_eq!(answered.element("Message").as_deref(), Some(message));
    }
    let headers = [(MODE, "GOVERNANCE"), (UNTIL, until.as_str())];
    let copy = [("x-amz-copy-source", "bkt/k"), (HOLD, "ON")];
    for answered in [
        node.send("PUT", "/bkt/k", &headers, b"2"),
        node.send("PUT", "/bkt/copy", &copy, b""),
        node.send("POST", "/bkt/k?uploads", &[(HOLD, "OFF")], b""),
    ] {
        expect(&answered, 400, "InvalidRequest");
    }
    assert_eq!(node.get("/bkt/k"), b"1");
    // rule: lock/bypass-without
    assert_eq!(node.send("DELETE", "/bkt/k", &[BYPASS], b"").status, 204);
}

#[test]
fn a_retained_version_is_not_destroyed() {
    let node = lockable();
    let until = date(&node, DAY);
    for (mode, bypassed) in [("GOVERNANCE", true), ("COMPLIANCE", false)] {
        let headers = [(MODE, mode), (UNTIL, until.as_str())];
        let id = put(&node, mode, &headers, &bytes(1, 100_000));
        // rule: delete/locked
        refused(&delete(&node, mode, &id, &[]));
        let hidden = node.send("DELETE", &format!("/bkt/{mode}"), &[], b"");
        // rule: lock/marker
        assert_eq!((hidden.status, hidden.header("x-amz-delete-marker")), (204, Some("true")));
        let marker = hidden.header(VERSION).expect("a version").to_owned();
        assert_eq!(delete(&node, mode, &marker, &[]).status, 204, "markers are not protected");
        // rule: delete/bypass
        let answered = delete(&node, mode, &id, &[BYPASS]);
        if bypassed {
            assert_eq!(answered.status, 204, "{answered:?}");
        } else {
            refused(&answered);
            assert_eq!(node.get(&format!("/bkt/{mode}?versionId={id}")), bytes(1, 100_000));
        }
    }
    expect(&node.send("DELETE", "/bkt", &[], b""), 409, "BucketNotEmpty");
}

#[test]
fn a_retention_ends() {
    // rule: lock/over
    let node = lockable();
    let until = date(&node, 60_000);
    let headers = [(MODE, "COMPLIANCE"), (UNTIL, until.as_str())];
    let id = put(&node, "k", &headers, b"1");
    refused(&delete(&node, "k", &id, &[BYPASS]));
    pass(&node, 60_000);
    let told = node.send("HEAD", "/bkt/k", &[], b"");
    assert_eq!((told.header(MODE), told.header(UNTIL)), (Some("COMPLIANCE"), Some(&*until)));
    assert_eq!(delete(&node, "k", &id, &[]).status, 204);
}

#[test]
fn a_list_of_deletes_says_which_versions_stay() {
    // rule: delete-objects/locked
    let node = lockable();
    let until = date(&node, DAY);
    let governed = put(&node, "g", &[(MODE, "GOVERNANCE"), (UNTIL, &until)], b"1");
    let held = put(&node, "h", &[(HOLD, "ON")], b"2");
    let free = put(&node, "f", &[], b"3");
    let list = |ids: &[(&str, &str)], headers: &[(&str, &str)]| {
        let objects = ids.iter().map(|(key, id)| {
            format!("<Object><Key>{key}</Key><VersionId>{id}</VersionId></Object>")
        });
        let document = format!("<Delete>{}</Delete>", objects.collect::<String>());
        let digest = base64(&md5(document.as_bytes()));
        let headers = [&[("content-md5", digest.as_str())][..], headers].concat();
        let answered = node.send("POST", "/bkt?delete", &headers, document.as_bytes());
        done(&answered);
        text(&answered)
    };
    let kept = |key, id: &str| {
        format!(
            "<Error><Key>{key}</Key><VersionId>{id}</VersionId><Code>AccessDenied</Code>\
             <Message>{LOCKED}</Message></Error>"
        )
    };
    let gone =
        |key, id: &str| format!("<Deleted><Key>{key}</Key><VersionId>{id}</VersionId></Deleted>");
    let all = [("g", governed.as_str()), ("h", &held), ("f", &free)];
    let told = list(&all, &[]);
    for part in [kept("g", &governed), kept("h", &held), gone("f", &free)] {
        assert!(told.contains(&part), "{told}");
    }
    let told = list(&all[..2], &[BYPASS]);
    assert!(told.contains(&gone("g", &governed)) && told.contains(&kept("h", &held)), "{told}");
}

#[test]
fn retentions_are_put_and_read() {
    let node = lockable();
    let id = put(&node, "k", &[], b"1");
    // rule: get-retention/none
    let get = |target: &str| node.send("GET", &format!("/bkt/{target}"), &[], b"");
    expect(&get("k?retention"), 404, "NoSuchObjectLockConfiguration");
    let (near, far) = (date(&node, DAY), date(&node, 2 * DAY));
    // rule: put-retention/set, get-retention/answer
    let answered = retain(&node, "k?retention", "GOVERNANCE", &far);
    assert_eq!((answered.status, answered.header(VERSION)), (200, Some(&*id)));
    let told = get(&format!("k?retention&versionId={id}"));
    assert!(text(&told).ends_with(&retention("GOVERNANCE", &far)["<Retention>".len()..]));
    // rule: put-retention/governance
    refused(&retain(&node, "k?retention", "GOVERNANCE", &near));
    let shorter = retention("GOVERNANCE", &near);
    done(&send(&node, "/bkt/k?retention", &[BYPASS], &shorter));
    // rule: put-retention/extend
    done(&retain(&node, "k?retention", "GOVERNANCE", &far));
    // rule: put-retention/remove
    refused(&send(&node, "/bkt/k?retention", &[], "<Retention/>"));
    done(&send(&node, "/bkt/k?retention", &[BYPASS], "<Retention/>"));
    expect(&get("k?retention"), 404, "NoSuchObjectLockConfiguration");
    // rule: put-retention/compliance
    done(&retain(&node, "k?retention", "COMPLIANCE", &near));
    for document in [shorter.as_str(), "<Retention/>", &retention("GOVERNANCE", &far)] {
        refused(&send(&node, "/bkt/k?retention", &[BYPASS], document));
    }
    done(&retain(&node, "k?retention", "COMPLIANCE", &far));
    // rule: put-retention/past
    let past = retain(&node, "k?retention", "COMPLIANCE", "2020-01-01T00:00:00Z");
    expect(&past, 400, "InvalidArgument");
    // rule: put-retention/integrity
    let unproven = node.send("PUT", "/bkt/k?retention", &[], shorter.as_bytes());
    expect(&unproven, 400, "InvalidRequest");
    // rule: put-retention/malformed
    expect(&retain(&node, "k?retention", "abc", &far), 400, "MalformedXML");
}

#[test]
fn legal_holds_are_put_and_read() {
    let node = lockable();
    let id = put(&node, "k", &[], b"1");
    let get = || node.send("GET", "/bkt/k?legal-hold", &[], b"");
    // rule: get-legal-hold/none
    expect(&get(), 404, "NoSuchObjectLockConfiguration");
    let told = node.send("HEAD", "/bkt/k", &[], b"");
    assert_eq!(told.header(HOLD), None);
    for status in ["ON", "OFF", "ON"] {
        // rule: put-legal-hold/set, get-legal-hold/answer
        let answered = hold(&node, "k?legal-hold", status);
        assert_eq!((answered.status, answered.header(VERSION)), (200, Some(&*id)));
        assert_eq!(get().element("Status").as_deref(), Some(status));
        // rule: lock/told
        assert_eq!(node.send("GET", "/bkt/k", &[], b"").header(HOLD), Some(status));
    }
    // rule: lock/legal-hold
    refused(&delete(&node, "k", &id, &[BYPASS]));
    // rule: put-legal-hold/malformed
    expect(&hold(&node, "k?legal-hold", "abc"), 400, "MalformedXML");
    // rule: put-legal-hold/integrity
    let unproven = node.send("PUT", "/bkt/k?legal-hold", &[], b"<LegalHold/>");
    expect(&unproven, 400, "InvalidRequest");
    done(&hold(&node, &format!("k?legal-hold&versionId={id}"), "OFF"));
    assert_eq!(delete(&node, "k", &id, &[]).status, 204);
}

#[test]
fn what_is_no_version_has_no_lock() {
    // rule: lock/unknown, lock/delete-marker
    let node = lockable();
    let until = date(&node, DAY);
    put(&node, "k", &[], b"1");
    let marker = node.send("DELETE", "/bkt/k", &[], b"").header(VERSION).expect("one").to_owned();
    let unknown = protocol::name::VersionId::Number(1 << 40);
    for (key, code) in [
        ("none?".to_owned(), (404, "NoSuchKey")),
        (format!("k?versionId={unknown}&"), (404, "NoSuchVersion")),
        ("k?".to_owned(), (405, "MethodNotAllowed")),
        (format!("k?versionId={marker}&"), (405, "MethodNotAllowed")),
        ("k?versionId=v1&".to_owned(), (400, "InvalidArgument")),
    ] {
        for answered in [
            retain(&node, &format!("{key}retention"), "GOVERNANCE", &until),
            hold(&node, &format!("{key}legal-hold"), "ON"),
            node.send("GET", &format!("/bkt/{key}retention"), &[], b""),
            node.send("GET", &format!("/bkt/{key}legal-hold"), &[], b""),
        ] {
            expect(&answered, code.0, code.1);
        }
    }
}

#[test]
fn every_kind_of_write_locks_what_it_makes() {
    // rule: lock/headers, lock/told
    let node = lockable();
    let until = date(&node, DAY);
    let headers = [(MODE, "COMPLIANCE"), (UNTIL, until.as_str()), (HOLD, "ON")];
    put(&node, "put", &headers, b"1");
    // rule: copy/lock
    let plain = node.send("PUT", "/bkt/plain", &[("x-amz-copy-source", "bkt/put")], b"");
    done(&plain);
    let told = node.send("HEAD", "/bkt/plain", &[], b"");
    assert_eq!((told.header(MODE), told.header(HOLD)), (None, None), "a copy is not locked");
    let copy = [&[("x-amz-copy-source", "bkt/plain")][..], &headers].concat();
    done(&node.send("PUT", "/bkt/copied", &copy, b""));
    let upload = node.create_upload("/bkt/made", &headers);
    let target = format!("/bkt/made?partNumber=1&uploadId={upload}");
    // rule: lock/integrity
    expect(&node.send("PUT", &target, &[], b"part"), 400, "InvalidRequest");
    let digest = base64(&md5(b"part"));
    let part = node.send("PUT", &target, &[("content-md5", &digest)], b"part");
    let etag = part.header("etag").expect("an ETag").to_owned();
    done(&node.complete("/bkt/made", &upload, &[(1, etag)]));
    for key in ["put", "copied", "made"] {
        for method in ["GET", "HEAD"] {
            let told = node.send(method, &format!("/bkt/{key}"), &[], b"");
            for (name, value) in headers {
                assert_eq!(told.header(name), Some(value), "{method} {key}");
            }
        }
    }
    let unproven = node.send("PUT", "/bkt/put", &headers, b"2");
    expect(&unproven, 400, "InvalidRequest");
    assert_eq!(node.get("/bkt/put"), b"1");
    // rule: lock/past-date
    let past = [(MODE, "GOVERNANCE"), (UNTIL, "2020-01-01T00:00:00Z")];
    for (method, target) in [("PUT", "/bkt/k"), ("POST", "/bkt/k?uploads")] {
        expect(&node.send(method, target, &past, b""), 400, "InvalidArgument");
    }
}

#[test]
fn a_default_is_that_of_the_moment_of_the_write() {
    // rule: lock/default
    let node = lockable();
    let before = node.create_upload("/bkt/made", &[]);
    done(&configure(&node, &with_default("GOVERNANCE", "<Days>1</Days>")));
    let expected = |modified: u64| Timestamp::from_millis(modified + DAY).iso8601();
    let now = || node.machine.clock.now().truncated_to_second().as_millis();
    put(&node, "put", &[], b"1");
    let first = expected(now());
    // rule: lock/integrity
    expect(&node.send("PUT", "/bkt/unproven", &[], b"1"), 400, "InvalidRequest");
    pass(&node, 3_600_000);
    done(&node.send("PUT", "/bkt/copied", &[("x-amz-copy-source", "bkt/put")], b""));
    let part = node.send("PUT", &format!("/bkt/made?partNumber=1&uploadId={before}"), &[], b"x");
    let etag = part.header("etag").expect("an ETag").to_owned();
    done(&node.complete("/bkt/made", &before, &[(1, etag)]));
    let second = expected(now());
    for (key, until) in [("put", first), ("copied", second.clone()), ("made", second)] {
        let told = node.send("HEAD", &format!("/bkt/{key}"), &[], b"");
        assert_eq!(told.header(MODE), Some("GOVERNANCE"), "{key}");
        assert_eq!(told.header(UNTIL), Some(until.as_str()), "{key}");
    }
    let own = date(&node, 5 * DAY);
    put(&node, "own", &[(MODE, "COMPLIANCE"), (UNTIL, &own)], b"1");
    let told = node.send("HEAD", "/bkt/own", &[], b"");
    assert_eq!((told.header(MODE), told.header(UNTIL)), (Some("COMPLIANCE"), Some(&*own)));
    // What is there keeps what it has.
    done(&configure(&node, ENABLED));
    assert_eq!(node.send("HEAD", "/bkt/put", &[], b"").header(MODE), Some("GOVERNANCE"));
    put(&node, "free", &[], b"1");
    assert_eq!(node.send("HEAD", "/bkt/free", &[], b"").header(MODE), None);
}
