//! Each action, and whom it concerns.

use protocol::time::Timestamp;

use super::*;

#[test]
fn objects_go_for_good_in_a_bucket_without_versions() {
    // rule: lifecycle/expires, lifecycle/worker
    let node = node();
    for key in ["log/old", "log/new", "other"] {
        if key == "log/new" {
            wait(&node, DAY);
        }
        node.put(&format!("/bkt/{key}"), &[7; 100_000]);
    }
    // A bucket without rules is let be.
    assert_eq!(node.send("PUT", "/let-be", &[], b"").status, 200);
    node.put("/let-be/log/old", b"x");
    rules(&node, &[rule("logs", "<Prefix>log/</Prefix>", &days(2))]);
    pass(&node);
    assert_eq!(listed(&node), ["log/new+", "log/old+", "other+"]);
    wait(&node, DAY - 1);
    pass(&node);
    assert_eq!(listed(&node).len(), 3);
    wait(&node, 1);
    pass(&node);
    assert_eq!(listed(&node), ["log/new+", "other+"]);
    wait(&node, DAY);
    pass(&node);
    assert_eq!(listed(&node), ["other+"]);
    assert_eq!(count(&node, Action::Expire), 2);
    assert_eq!(node.send("HEAD", "/let-be/log/old", &[], b"").status, 200);
    node.collect();
    assert_eq!(node.disk.blobs().len(), 1, "the space is free");
}

#[test]
fn with_versions_an_expired_object_gets_a_marker_and_all_goes_in_the_end() {
    // rule: lifecycle/expires-versioned
    let node = node();
    versions(&node, "Enabled");
    node.put("/bkt/a", b"one");
    node.put("/bkt/a", b"two");
    rules(&node, &[rule("all", "", &format!("{}{}", days(1), noncurrent(3, None)))]);
    wait(&node, DAY);
    pass(&node);
    assert_eq!(listed(&node), ["a-", "a+", "a+"]);
    assert_eq!(status(&node, "a"), 404);
    assert_eq!(count(&node, Action::Expire), 1);
    // The one that was overwritten at once goes first, the other one counts from the marker.
    wait(&node, 2 * DAY);
    pass(&node);
    assert_eq!(listed(&node), ["a-", "a+"]);
    wait(&node, DAY);
    pass(&node);
    assert_eq!(listed(&node), ["a-"]);
    assert_eq!(count(&node, Action::Noncurrent), 2);
    // Nothing lies below the marker any more, and it is old enough.
    pass(&node);
    assert!(listed(&node).is_empty());
    assert_eq!(count(&node, Action::Marker), 1);
}

#[test]
fn while_versions_are_suspended_the_marker_is_the_null_version() {
    // rule: lifecycle/expires-suspended
    let node = node();
    versions(&node, "Enabled");
    node.put("/bkt/a", b"one");
    versions(&node, "Suspended");
    node.put("/bkt/a", b"null");
    node.put("/bkt/b", b"null");
    rules(&node, &[rule("all", "", &days(1))]);
    wait(&node, DAY);
    pass(&node);
    assert_eq!(listed(&node), ["a-", "a+", "b-"], "null data has given way to null markers");
    let marker = node.send("GET", "/bkt/b?versionId=null", &[], b"");
    assert_eq!((marker.status, marker.header("x-amz-delete-marker")), (405, Some("true")));
}

#[test]
fn a_rule_of_a_date_takes_all_from_then_on() {
    // rule: lifecycle/date
    let node = node();
    node.put("/bkt/a", b"x");
    let date = node.time.millis.get() + 3 * DAY;
    let date = Timestamp::from_millis(date).iso8601();
    rules(&node, &[rule("then", "", &format!("<Expiration><Date>{date}</Date></Expiration>"))]);
    wait(&node, 3 * DAY - 1);
    pass(&node);
    assert_eq!(status(&node, "a"), 200);
    node.put("/bkt/young", b"x");
    wait(&node, 1);
    pass(&node);
    assert!(listed(&node).is_empty());
}

#[test]
fn tags_and_sizes_choose() {
    // rule: lifecycle/tags, lifecycle/sizes
    let node = node();
    let put = |key: &str, tags: &str, len: usize| {
        let headers = [("x-amz-tagging", tags)];
        let answered = node.send("PUT", &format!("/bkt/{key}"), &headers, &vec![1; len]);
        assert_eq!(answered.status, 200);
    };
    put("both", "a=1&b=2", 10);
    put("none", "", 10);
    put("one", "a=1", 10);
    put("size-10", "", 10);
    put("size-11", "", 11);
    put("size-20", "", 20);
    let tag = |key: &str, value: u32| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    let tagged = format!("<And>{}{}</And>", tag("a", 1), tag("b", 2));
    let sized = "<And><Prefix>size</Prefix><ObjectSizeGreaterThan>10</ObjectSizeGreaterThan>\
         <ObjectSizeLessThan>20</ObjectSizeLessThan></And>";
    rules(&node, &[rule("tagged", &tagged, &days(1)), rule("sized", sized, &days(1))]);
    wait(&node, DAY);
    pass(&node);
    assert_eq!(listed(&node), ["none+", "one+", "size-10+", "size-20+"]);
    // Tags that come later count, too.
    let document = format!("<Tagging><TagSet>{}{}</TagSet></Tagging>", tag("b", 2), tag("a", 1));
    assert_eq!(configure(&node, "/bkt/one?tagging", &document).status, 200);
    pass(&node);
    assert_eq!(status(&node, "one"), 404);
}

#[test]
fn old_versions_of_many_pages_go_but_for_the_newest() {
    // rule: lifecycle/newer-versions, lifecycle/noncurrent
    let node = node();
    versions(&node, "Enabled");
    for key in ["a", "b"] {
        for _ in 0..crate::limits::LIFECYCLE_PAGE + 10 {
            node.put(&format!("/bkt/{key}"), b"x");
        }
    }
    assert_eq!(node.send("DELETE", "/bkt/b", &[], b"").status, 204);
    rules(&node, &[rule("few", "", &noncurrent(1, Some(3)))]);
    wait(&node, DAY - 1);
    pass(&node);
    assert_eq!(count(&node, Action::Noncurrent), 0);
    wait(&node, 1);
    pass(&node);
    assert_eq!(listed(&node), ["a+", "a+", "a+", "a+", "b-", "b+", "b+", "b+"]);
}

#[test]
fn what_is_locked_stays_until_it_is_not() {
    // rule: lifecycle/locked
    let node = node();
    let locking = [("x-amz-bucket-object-lock-enabled", "true")];
    assert_eq!(node.send("DELETE", "/bkt", &[], b"").status, 204);
    assert_eq!(node.send("PUT", "/bkt", &locking, b"").status, 200);
    let put = |key: &str, headers: &[(&str, &str)]| {
        let digest = base64(&md5(b"x"));
        let headers = [headers, &[("content-md5", digest.as_str())]].concat();
        let answered = node.send("PUT", &format!("/bkt/{key}"), &headers, b"x");
        assert_eq!(answered.status, 200, "{answered:?}");
        answered.header("x-amz-version-id").expect("a version").to_owned()
    };
    let until = Timestamp::from_millis(node.time.millis.get() + 4 * DAY).iso8601();
    let retained = ["GOVERNANCE", "COMPLIANCE"].map(|mode| {
        let until = ("x-amz-object-lock-retain-until-date", until.as_str());
        put(mode, &[("x-amz-object-lock-mode", mode), until])
    });
    let held = put("HELD", &[("x-amz-object-lock-legal-hold", "ON")]);
    put("free", &[]);
    rules(&node, &[rule("all", "", &format!("{}{}", days(1), noncurrent(1, None)))]);

    // A marker is no loss; behind it the data stays.
    wait(&node, DAY);
    pass(&node);
    wait(&node, DAY);
    pass(&node);
    let below = ["COMPLIANCE-", "COMPLIANCE+", "GOVERNANCE-", "GOVERNANCE+", "HELD-", "HELD+"];
    assert_eq!(listed(&node), [&below[..], &["free-"]].concat());
    for (key, version) in
        ["GOVERNANCE", "COMPLIANCE", "HELD"].iter().zip(retained.iter().chain([&held]))
    {
        let target = format!("/bkt/{key}?versionId={version}");
        assert_eq!(node.send("GET", &target, &[], b"").body, b"x");
    }
    wait(&node, 2 * DAY);
    pass(&node);
    pass(&node);
    assert_eq!(listed(&node), ["HELD-", "HELD+"]);

    let released = "<LegalHold><Status>OFF</Status></LegalHold>";
    let target = format!("/bkt/HELD?legal-hold&versionId={held}");
    assert_eq!(configure(&node, &target, released).status, 200);
    pass(&node);
    pass(&node);
    assert!(listed(&node).is_empty());
}

#[test]
fn a_marker_that_stands_alone_goes_wherever_pages_end() {
    // rule: lifecycle/lone-markers
    let node = node();
    versions(&node, "Enabled");
    let page = crate::limits::LIFECYCLE_PAGE;
    for number in 0..page + 3 {
        assert_eq!(node.send("DELETE", &format!("/bkt/{number:04}"), &[], b"").status, 204);
    }
    // The last marker of the first page has a version below it.
    let kept = format!("/bkt/{:04}", page - 1);
    node.put(&kept, b"x");
    assert_eq!(node.send("DELETE", &kept, &[], b"").status, 204);
    rules(&node, &[rule("markers", "", MARKERS)]);
    pass(&node);
    let name = &kept[5..];
    assert_eq!(listed(&node), [format!("{name}-"), format!("{name}+"), format!("{name}-")]);
    assert_eq!(count(&node, Action::Marker), page as u64 + 2);
}

#[test]
fn uploads_that_were_given_up_are_aborted() {
    // rule: lifecycle/abort
    let node = node();
    let old = node.create_upload("/bkt/big/old", &[]);
    let target = format!("/bkt/big/old?uploadId={old}&partNumber=1");
    assert_eq!(node.send("PUT", &target, &[], &[1; 100_000]).status, 200);
    node.create_upload("/bkt/other", &[]);
    wait(&node, DAY);
    node.create_upload("/bkt/big/young", &[]);
    rules(&node, &[rule("uploads", "<Prefix>big/</Prefix>", &aborts(2))]);
    wait(&node, DAY);
    pass(&node);
    assert_eq!(count(&node, Action::Abort), 1);
    let open = node.send("GET", "/bkt?uploads", &[], b"");
    let text = String::from_utf8(open.body).expect("text");
    assert!(text.contains("big/young") && text.contains("other") && !text.contains("big/old"));
    node.collect();
    assert!(node.disk.blobs().is_empty(), "its parts are gone");
}

#[test]
fn rules_that_are_disabled_or_deleted_do_nothing() {
    // rule: lifecycle/disabled
    let node = node();
    node.put("/bkt/a", b"x");
    rules(&node, &[rule("off", "", &days(1)).replace("Enabled", "Disabled")]);
    wait(&node, 9 * DAY);
    pass(&node);
    assert_eq!(status(&node, "a"), 200);
    rules(&node, &[rule("on", "", &days(20))]);
    pass(&node);
    assert_eq!(node.send("DELETE", "/bkt?lifecycle", &[], b"").status, 204);
    wait(&node, 99 * DAY);
    pass(&node);
    assert_eq!(status(&node, "a"), 200);
}

#[test]
fn a_day_may_be_short() {
    // rule: lifecycle/day-setting
    let node = TestNode::with(crate::disk::memory::MemoryDisk::new(1 << 32), |config| {
        config.lifecycle.day = std::time::Duration::from_secs(2);
    });
    assert_eq!(node.send("PUT", "/bkt", &[], b"").status, 200);
    node.put("/bkt/a", b"x");
    rules(&node, &[rule("soon", "", &days(1))]);
    wait(&node, 1000);
    pass(&node);
    assert_eq!(status(&node, "a"), 200);
    wait(&node, 3000);
    pass(&node);
    assert_eq!(status(&node, "a"), 404);
}
