//! Conditions and ranges of whole requests: what is answered, with which headers, and that nothing was written
//! where a condition was lost.

use protocol::time::Timestamp;

use super::rules::expect;
use super::{bytes, node_with_bucket};
use crate::testing::{Answered, TestNode};

fn etag(node: &TestNode, target: &str) -> String {
    node.send("HEAD", target, &[], b"").header("etag").expect("an ETag").to_owned()
}

/// Status and headers of a read, which are those of GET and of HEAD.
fn read(node: &TestNode, headers: &[(&str, &str)]) -> Answered {
    let [got, head] = ["GET", "HEAD"].map(|method| node.send(method, "/bkt/k", headers, b""));
    assert_eq!(got.status, head.status, "{headers:?}");
    for name in ["etag", "last-modified", "content-range", "cache-control", "x-amz-meta-a"] {
        assert_eq!(got.header(name), head.header(name), "{name} for {headers:?}");
    }
    got
}

#[test]
fn a_read_that_is_not_modified_tells_what_a_cache_needs() {
    // rule: get/not-modified, get/equal-second, head/as-get
    let node = node_with_bucket();
    let kept = [("cache-control", "max-age=60"), ("x-amz-meta-a", "1")];
    assert_eq!(node.send("PUT", "/bkt/k", &kept, b"0123456789").status, 200);
    node.time.millis.set(node.time.millis.get() + 10_000);
    let (tag, modified) = (etag(&node, "/bkt/k"), {
        let head = node.send("HEAD", "/bkt/k", &[], b"");
        head.header("last-modified").expect("a date").to_owned()
    });
    for condition in [("if-none-match", &*tag), ("if-modified-since", &*modified)] {
        let same = read(&node, &[condition, ("range", "bytes=100-200")]);
        assert_eq!((same.status, same.body.len()), (304, 0), "{condition:?}");
        assert_eq!(same.header("etag"), Some(&*tag));
        assert_eq!(same.header("last-modified"), Some(&*modified));
        assert_eq!(same.header("cache-control"), Some("max-age=60"));
        assert_eq!(same.header("x-amz-meta-a"), None);
    }
    // The date of the object itself is early enough for the one and too early for the other.
    assert_eq!(read(&node, &[("if-unmodified-since", &*modified)]).status, 200);
    let second_before = Timestamp::parse_http_date(&modified).expect("a date").as_millis() - 1000;
    let before = Timestamp::from_millis(second_before).http_date();
    assert_eq!(read(&node, &[("if-modified-since", &*before)]).status, 200);
    let late = node.send("GET", "/bkt/k", &[("if-unmodified-since", &*before)], b"");
    expect(&late, 412, "PreconditionFailed");
    assert_eq!(late.element("Condition").as_deref(), Some("If-Unmodified-Since"));
}

#[test]
fn a_read_under_if_match_is_answered_or_failed() {
    // rule: get/precondition-failed, get/etags, get/condition-order
    let node = node_with_bucket();
    node.put("/bkt/k", b"0123456789");
    let tag = etag(&node, "/bkt/k");
    let bare = tag.trim_matches('"');
    let past = ("if-unmodified-since", "Thu, 01 Jan 1970 00:00:01 GMT");
    for value in [&*tag, bare, "*", &format!("\"other\", {tag}")] {
        assert_eq!(read(&node, &[("if-match", value), past]).status, 200, "{value}");
    }
    for value in ["\"other\"", &*bare.to_uppercase(), &*format!("W/{tag}")] {
        let failed = node.send("GET", "/bkt/k", &[("if-match", value)], b"");
        expect(&failed, 412, "PreconditionFailed");
        assert_eq!(failed.element("Condition").as_deref(), Some("If-Match"), "{value}");
    }
    expect(&node.send("GET", "/bkt/none", &[("if-match", "*")], b""), 404, "NoSuchKey");
    expect(&node.send("GET", "/bkt/none", &[("if-none-match", "*")], b""), 404, "NoSuchKey");
}

#[test]
fn ranges_of_ten_bytes_and_of_none() {
    // rule: get/range, get/range-ignored, get/range-unsatisfiable, get/content-range, head/as-get
    let node = node_with_bucket();
    node.put("/bkt/k", b"0123456789");
    for (range, answered, bytes) in [
        ("bytes=0-8", "bytes 0-8/10", &b"012345678"[..]),
        ("bytes=1-1", "bytes 1-1/10", b"1"),
        ("bytes=1-", "bytes 1-9/10", b"123456789"),
        ("bytes=-2", "bytes 8-9/10", b"89"),
        ("bytes=-15", "bytes 0-9/10", b"0123456789"),
        ("bytes=0-100", "bytes 0-9/10", b"0123456789"),
        ("bytes=0-0", "bytes 0-0/10", b"0"),
    ] {
        let got = read(&node, &[("range", range)]);
        let told = (got.status, got.header("content-range"), &*got.body);
        assert_eq!(told, (206, Some(answered), bytes), "{range}");
    }
    for range in ["bytes=1-0", "bytes=-1-", "bytes=0--1", "bytes=0-1,3-4,7-9", "bytes=-", "0-8", ""]
    {
        let got = read(&node, &[("range", range)]);
        let told = (got.status, got.header("content-range"), got.body.len());
        assert_eq!(told, (200, None, 10), "{range}");
    }
    node.put("/bkt/empty", b"");
    for (target, range, size) in [
        ("/bkt/k", "bytes=-0", "10"),
        ("/bkt/k", "bytes=100-200", "10"),
        ("/bkt/k", "bytes=10-", "10"),
        ("/bkt/empty", "bytes=0-", "0"),
        ("/bkt/empty", "bytes=0-0", "0"),
        ("/bkt/empty", "bytes=-1", "0"),
    ] {
        let none = node.send("GET", target, &[("range", range)], b"");
        expect(&none, 416, "InvalidRange");
        assert_eq!(none.element("RangeRequested").as_deref(), Some(range));
        assert_eq!(none.element("ActualObjectSize").as_deref(), Some(size));
        assert_eq!(none.header("content-range"), Some(&*format!("bytes */{size}")));
        assert_eq!(node.send("HEAD", target, &[("range", range)], b"").status, 416, "{range}");
    }
    assert_eq!(node.send("GET", "/bkt/empty", &[("range", "bytes=1-0")], b"").status, 200);
}

/// Who goes on with a download of what has been overwritten gets all of the new object, never a piece of it.
#[test]
fn a_download_goes_on_only_with_the_object_that_it_began() {
    // rule: get/if-range
    let node = node_with_bucket();
    node.put("/bkt/k", b"0123456789");
    let (tag, rest) = (etag(&node, "/bkt/k"), ("range", "bytes=4-"));
    let date = node.send("HEAD", "/bkt/k", &[], b"").header("last-modified").map(str::to_owned);
    let date = date.expect("a date");
    let goes_on = |validator: &str| {
        let got = read(&node, &[rest, ("if-range", validator)]);
        (got.status, got.body.len())
    };
    assert_eq!((goes_on(&tag), goes_on(&date)), ((206, 6), (206, 6)));
    node.time.millis.set(node.time.millis.get() + 2000);
    node.put("/bkt/k", b"9876543210");
    assert_eq!((goes_on(&tag), goes_on(&date)), ((200, 10), (200, 10)));
    // Other conditions come first, and a range that cannot be is none of an object that was not begun.
    let none = [("if-range", &*tag), ("range", "bytes=100-")];
    assert_eq!(read(&node, &none).status, 200);
    let failed = [("if-range", &*tag), ("if-match", &*tag), rest];
    expect(&node.send("GET", "/bkt/k", &failed, b""), 412, "PreconditionFailed");
}

#[test]
fn writes_under_conditions_are_answered_or_failed_and_then_change_nothing() {
    // rule: put/if-none-match-any, put/if-none-match-etag, put/if-match, put/if-match-absent, put/if-match-any
    // rule: put/two-conditions, copy/destination-conditions
    let node = node_with_bucket();
    node.put("/bkt/source", &bytes(1, 40_000));
    node.put("/bkt/there", b"there");
    let there = etag(&node, "/bkt/there");
    let copy = ("x-amz-copy-source", "bkt/source");
    let (any, tag, other) = ("*", &*there, "\"other\"");
    for (target, headers, status, code, detail) in [
        ("/bkt/there", &[("if-none-match", any)][..], 412, "PreconditionFailed", "If-None-Match"),
        ("/bkt/there", &[("if-none-match", tag)], 501, "NotImplemented", "If-None-Match"),
        ("/bkt/none", &[("if-none-match", other)], 501, "NotImplemented", "If-None-Match"),
        ("/bkt/there", &[("if-match", other)], 412, "PreconditionFailed", "If-Match"),
        ("/bkt/none", &[("if-match", tag)], 404, "NoSuchKey", "none"),
        ("/bkt/there", &[("if-match", any)], 501, "NotImplemented", "If-Match"),
        (
            "/bkt/there",
            &[("if-match", tag), ("if-none-match", any)],
            501,
            "NotImplemented",
            "If-Match,If-None-Match",
        ),
    ] {
        let copied = node.send("PUT", target, &[headers, &[copy]].concat(), b"");
        let put = node.send("PUT", target, headers, &bytes(2, 40_000));
        for answered in [put, copied] {
            expect(&answered, status, code);
            let element = match status {
                412 => "Condition",
                404 => "Key",
                _ => "Header",
            };
            assert_eq!(answered.element(element).as_deref(), Some(detail), "{headers:?}");
        }
    }
    assert_eq!(node.get("/bkt/there"), b"there");
    assert_eq!(node.send("HEAD", "/bkt/none", &[], b"").status, 404);
    let etag_of_there = [("if-match", there.trim_matches('"'))];
    assert_eq!(node.send("PUT", "/bkt/there", &etag_of_there, b"new").status, 200);
    assert_eq!(node.send("PUT", "/bkt/none", &[("if-none-match", "*")], b"first").status, 200);
    assert_eq!((node.get("/bkt/there"), node.get("/bkt/none")), (b"new".into(), b"first".into()));
}
