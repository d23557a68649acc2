//! What clients are told: the rules themselves, and when their objects and uploads go.

use super::*;

const EXPIRATION: &str = "x-amz-expiration";

/// What the header says of an object that goes at the start of this day from now.
fn at_day(node: &TestNode, day: u64, rule: &str) -> String {
    let at = node.time.millis.get() / DAY * DAY + day * DAY;
    let date = protocol::time::Timestamp::from_millis(at).http_date();
    format!("expiry-date=\"{date}\", rule-id=\"{rule}\"")
}

#[test]
fn rules_are_put_read_and_deleted() {
    let node = node();
    // rule: lifecycle/none
    let none = node.send("GET", "/bkt?lifecycle", &[], b"");
    assert_eq!(none.status, 404);
    assert_eq!(none.element("Code").as_deref(), Some("NoSuchLifecycleConfiguration"));
    assert_eq!(none.element("BucketName").as_deref(), Some("bkt"));
    // rule: lifecycle/integrity
    let document =
        format!("<LifecycleConfiguration>{}</LifecycleConfiguration>", rule("a", "", &days(3)));
    let unproven = node.send("PUT", "/bkt?lifecycle", &[], document.as_bytes());
    assert_eq!(
        (unproven.status, unproven.element("Code").as_deref()),
        (400, Some("InvalidRequest"))
    );
    // rule: lifecycle/transition-minimum
    const MINIMUM: &str = "x-amz-transition-default-minimum-object-size";
    let put = configure(&node, "/bkt?lifecycle", &document);
    assert_eq!((put.status, put.header(MINIMUM)), (200, Some("all_storage_classes_128K")));
    let digest = base64(&md5(document.as_bytes()));
    let with = |minimum: &str| {
        let headers = [("content-md5", digest.as_str()), (MINIMUM, minimum)];
        node.send("PUT", "/bkt?lifecycle", &headers, document.as_bytes())
    };
    assert_eq!(with("varies_by_storage_class").header(MINIMUM), Some("varies_by_storage_class"));
    let wrong = with("value");
    assert_eq!((wrong.status, wrong.element("Code").as_deref()), (400, Some("InvalidRequest")));
    let got = node.send("GET", "/bkt?lifecycle", &[], b"");
    assert_eq!((got.status, got.header(MINIMUM)), (200, Some("varies_by_storage_class")));
    // rule: lifecycle/read-back
    let text = String::from_utf8(got.body).expect("text");
    assert!(text.contains(&rule("a", "", &days(3))), "{text}");
    assert!(!text.contains("Minimum"), "{text}");
    // rule: lifecycle/refused-keeps
    let broken = configure(&node, "/bkt?lifecycle", "<LifecycleConfiguration/>");
    assert_eq!(broken.element("Code").as_deref(), Some("MalformedXML"));
    assert_eq!(node.send("GET", "/bkt?lifecycle", &[], b"").status, 200);
    // rule: lifecycle/delete
    for _ in ["there", "gone"] {
        assert_eq!(node.send("DELETE", "/bkt?lifecycle", &[], b"").status, 204);
    }
    assert_eq!(node.send("GET", "/bkt?lifecycle", &[], b"").status, 404);
    // rule: lifecycle/owner, lifecycle/no-bucket
    let other = [("x-amz-expected-bucket-owner", "111111111111")];
    for method in ["GET", "DELETE"] {
        assert_eq!(node.send(method, "/bkt?lifecycle", &other, b"").status, 403);
        assert_eq!(node.send(method, "/none?lifecycle", &[], b"").status, 404);
    }
    assert_eq!(configure(&node, "/none?lifecycle", &document).status, 404);
}

#[test]
fn who_writes_or_reads_an_object_is_told_when_it_goes() {
    // rule: lifecycle/expiration-told
    let node = node();
    rules(&node, &[rule("late", "", &days(9)), rule("soon", "<Prefix>log/</Prefix>", &days(2))]);
    wait(&node, 1000);
    let (soon, late) = (at_day(&node, 3, "soon"), at_day(&node, 10, "late"));
    let put = node.send("PUT", "/bkt/log/a", &[], b"x");
    assert_eq!(put.header(EXPIRATION), Some(&*soon));
    for method in ["GET", "HEAD"] {
        assert_eq!(node.send(method, "/bkt/log/a", &[], b"").header(EXPIRATION), Some(&*soon));
    }
    let copied = node.send("PUT", "/bkt/b", &[("x-amz-copy-source", "bkt/log/a")], b"");
    assert_eq!((copied.status, copied.header(EXPIRATION)), (200, Some(&*late)));
    let upload = node.create_upload("/bkt/c", &[]);
    let part = node.send("PUT", &format!("/bkt/c?uploadId={upload}&partNumber=1"), &[], b"x");
    let etag = part.header("etag").expect("an ETag").to_owned();
    for _ in ["first", "again"] {
        let completed = node.complete("/bkt/c", &upload, &[(1, etag.clone())]);
        assert_eq!((completed.status, completed.header(EXPIRATION)), (200, Some(&*late)));
    }
    // A 304 tells it as well as a 200.
    let same = node.send("GET", "/bkt/b", &[("if-none-match", "*")], b"");
    assert_eq!(same.status, 304);
}

#[test]
fn tags_decide_what_is_told() {
    // rule: lifecycle/expiration-told
    let node = node();
    let filter = "<Tag><Key>a</Key><Value>1</Value></Tag>";
    rules(&node, &[rule("tagged", filter, &days(1))]);
    let told = |tags: &str| {
        let put = node.send("PUT", "/bkt/a", &[("x-amz-tagging", tags)], b"x");
        let head = node.send("HEAD", "/bkt/a", &[], b"");
        assert_eq!(put.header(EXPIRATION), head.header(EXPIRATION));
        put.header(EXPIRATION).is_some()
    };
    assert!(told("a=1"));
    assert!(!told("a=2"));
    assert!(!told(""));
}

#[test]
fn nothing_is_told_of_a_version_that_is_asked_for() {
    // rule: lifecycle/expiration-version
    let node = node();
    versions(&node, "Enabled");
    rules(&node, &[rule("all", "", &format!("{}{}", days(1), noncurrent(1, None)))]);
    let put = node.send("PUT", "/bkt/a", &[], b"x");
    assert!(put.header(EXPIRATION).is_some());
    let version = put.header("x-amz-version-id").expect("a version");
    let target = format!("/bkt/a?versionId={version}");
    for method in ["GET", "HEAD"] {
        assert_eq!(node.send(method, &target, &[], b"").header(EXPIRATION), None);
        assert!(node.send(method, "/bkt/a", &[], b"").header(EXPIRATION).is_some());
    }
    rules(&node, &[rule("markers", "", MARKERS)]);
    assert_eq!(node.send("HEAD", "/bkt/a", &[], b"").header(EXPIRATION), None);
}

#[test]
fn who_makes_an_upload_is_told_when_it_is_aborted() {
    // rule: lifecycle/abort-told
    let node = node();
    rules(&node, &[rule("up loads", "<Prefix>big/</Prefix>", &aborts(7))]);
    wait(&node, 1000);
    let midnight = node.time.millis.get() / DAY * DAY + 8 * DAY;
    let date = protocol::time::Timestamp::from_millis(midnight).http_date();
    let told = |answered: &Answered| {
        let header = |name| answered.header(name).map(str::to_owned);
        (header("x-amz-abort-date"), header("x-amz-abort-rule-id"))
    };
    let created = node.send("POST", "/bkt/big/a?uploads", &[], b"");
    assert_eq!(told(&created), (Some(date.clone()), Some("up loads".into())));
    let upload = created.element("UploadId").expect("an id");
    wait(&node, 2 * DAY);
    let parts = node.send("GET", &format!("/bkt/big/a?uploadId={upload}"), &[], b"");
    assert_eq!(told(&parts), (Some(date), Some("up loads".into())));
    let other = node.send("POST", "/bkt/small?uploads", &[], b"");
    assert_eq!(told(&other), (None, None));
}
