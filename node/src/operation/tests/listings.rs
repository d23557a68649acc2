//! Listings of keys, uploads and buckets: pages that follow each other, and what they hold.

use meta::command::SetVersioning;
use protocol::name::BucketName;
use protocol::versioning::Versioning;

use super::node_with_bucket;
use crate::testing::{Answered, TestNode};

/// The texts of all elements of that name, in their order.
fn all(answered: &Answered, name: &str) -> Vec<String> {
    assert_eq!(answered.status, 200, "{answered:?}");
    let text = String::from_utf8(answered.body.clone()).expect("text");
    let start = format!("<{name}>");
    let texts = text.split(start.as_str()).skip(1);
    texts.map(|rest| rest.split_once("</").expect("an end").0.to_owned()).collect()
}

/// The keys, and the common prefixes with a star behind.
fn names(answered: &Answered) -> Vec<String> {
    let text = String::from_utf8(answered.body.clone()).expect("text");
    let (_, prefixes) = text.split_once("<CommonPrefixes>").unwrap_or_default();
    let prefixes = prefixes.split("<Prefix>").skip(1).map(|rest| rest.split_once('<'));
    let prefixes = prefixes.map(|prefix| format!("{}*", prefix.expect("an end").0));
    all(answered, "Key").into_iter().chain(prefixes).collect()
}

fn keys(node: &TestNode) {
    for key in ["a", "dir/1", "dir/2", "dir/sub/3", "e", "z%20z"] {
        node.put(&format!("/bkt/{key}"), key.as_bytes());
    }
}

#[test]
fn the_first_version_pages_by_its_marker() {
    // rule: list/marker
    // rule: list/next-marker
    // rule: list/max-keys-zero
    let node = node_with_bucket();
    keys(&node);
    let mut found = Vec::new();
    let mut marker = String::new();
    loop {
        let target = format!("/bkt?delimiter=%2F&max-keys=1&marker={marker}");
        let page = node.send("GET", &target, &[], b"");
        found.extend(names(&page));
        assert!(page.element("ID").is_some() || page.element("Key").is_none(), "no owner");
        match page.element("NextMarker") {
            Some(next) => marker = next.replace('/', "%2F"),
            None => break,
        }
    }
    assert_eq!(found, ["a", "dir/*", "e", "z z"]);
    let list = |query: &str| names(&node.send("GET", &format!("/bkt?{query}"), &[], b""));
    assert_eq!(list("marker=dir%2F1"), ["dir/2", "dir/sub/3", "e", "z z"]);
    assert_eq!(list("marker=dir%2F1&delimiter=%2F"), ["e", "z z"]);
    assert_eq!(list("marker=dir%2F1&delimiter=%2F&prefix=dir%2F"), ["dir/2", "dir/sub/*"]);
    assert!(list("max-keys=0").is_empty());
    assert!(list("marker=zz").is_empty());
}

#[test]
fn buckets_are_paged() {
    // rule: list-buckets/token
    // rule: list-buckets/prefix
    // rule: list-buckets/region
    // rule: list-buckets/order
    let node = TestNode::new();
    for name in ["log-b", "abc", "log-a", "zzz", "log-c"] {
        assert_eq!(node.send("PUT", &format!("/{name}"), &[], b"").status, 200);
    }
    let mut found = Vec::new();
    let mut target = String::from("/?prefix=log-&max-buckets=2");
    loop {
        let page = node.send("GET", &target, &[], b"");
        found.push(all(&page, "Name"));
        match page.element("ContinuationToken") {
            Some(token) => {
                target = format!("/?prefix=log-&max-buckets=2&continuation-token={token}");
            }
            None => break,
        }
    }
    assert_eq!(found, [vec!["log-a", "log-b"], vec!["log-c"]]);
    let list = |query: &str| all(&node.send("GET", &format!("/?{query}"), &[], b""), "Name");
    assert_eq!(list(""), ["abc", "log-a", "log-b", "log-c", "zzz"]);
    assert_eq!(list("bucket-region=us-east-1").len(), 5);
    assert!(list("bucket-region=eu-west-1").is_empty());
    // A page that is just full is the last.
    let full = node.send("GET", "/?max-buckets=5", &[], b"");
    assert_eq!((all(&full, "Name").len(), full.element("ContinuationToken")), (5, None));
}

/// The keys of all open uploads, from pages of two, with what `between` does after each.
fn uploads(node: &TestNode, query: &str, mut between: impl FnMut(&Answered)) -> Vec<String> {
    let (mut found, mut markers) = (Vec::new(), String::new());
    loop {
        let target = format!("/bkt?uploads&max-uploads=2{query}{markers}");
        let page = node.send("GET", &target, &[], b"");
        found.extend(names(&page));
        between(&page);
        if page.element("IsTruncated").as_deref() == Some("false") {
            return found;
        }
        let next = |name| page.element(name).expect("a marker").replace('/', "%2F");
        let (key, id) = (next("NextKeyMarker"), next("NextUploadIdMarker"));
        markers = format!("&key-marker={key}&upload-id-marker={id}");
    }
}

#[test]
fn uploads_are_listed_by_key_then_by_age() {
    // rule: list-uploads/order
    // rule: list-uploads/delimiter
    // rule: list-uploads/markers
    // rule: list-uploads/unknown-id-marker
    // rule: list-uploads/key-in-path
    // rule: list-uploads/checksum
    let node = node_with_bucket();
    let open = |key: &str| {
        node.time.millis.set(node.time.millis.get() + 1000);
        node.create_upload(&format!("/bkt/{key}"), &[])
    };
    let younger = ["k", "dir/1", "k", "a", "dir/2", "k"].map(open);
    assert_eq!(uploads(&node, "", |_| ()), ["a", "dir/1", "dir/2", "k", "k", "k"]);
    assert_eq!(uploads(&node, "&delimiter=%2F", |_| ()), ["a", "dir/*", "k", "k", "k"]);
    assert_eq!(uploads(&node, "&prefix=dir%2F&delimiter=%2F", |_| ()), ["dir/1", "dir/2"]);
    let list = |query: &str| node.send("GET", &format!("/bkt?uploads{query}"), &[], b"");
    assert_eq!(all(&list("&prefix=k"), "UploadId"), [&*younger[0], &*younger[2], &*younger[5]]);
    assert_eq!(names(&list("&key-marker=dir%2F2")), ["k", "k", "k"]);
    assert_eq!(names(&list("&key-marker=dir%2F1&delimiter=%2F")), ["k", "k", "k"]);
    assert!(names(&list("&max-uploads=0")).is_empty());
    let other = list(&format!("&key-marker=a&upload-id-marker={}", younger[0]));
    assert_eq!((other.status, other.element("Code").as_deref()), (400, Some("InvalidArgument")));
    assert_eq!(node.send("GET", "/bkt/k?uploads", &[], b"").status, 400);
    assert_eq!(node.send("GET", "/none?uploads", &[], b"").status, 404);
    // Checksums are shown where the upload has an algorithm.
    assert_eq!(list("").element("ChecksumAlgorithm"), None);
    node.create_upload("/bkt/summed", &[("x-amz-checksum-algorithm", "CRC32C")]);
    assert_eq!(list("&prefix=summed").element("ChecksumAlgorithm").as_deref(), Some("CRC32C"));
    assert_eq!(list("&prefix=summed").element("ChecksumType").as_deref(), Some("COMPOSITE"));
}

/// Whoever aborts what a page shows, as clean-ups do, still comes to the last page.
#[test]
fn a_listing_goes_on_behind_an_upload_that_is_over() {
    // rule: list-uploads/gone-marker
    let node = node_with_bucket();
    for key in ["a", "b", "b", "b", "c"] {
        node.create_upload(&format!("/bkt/{key}"), &[]);
    }
    let found = uploads(&node, "", |page| {
        for (key, id) in all(page, "Key").iter().zip(all(page, "UploadId")) {
            let target = format!("/bkt/{key}?uploadId={id}");
            assert_eq!(node.send("DELETE", &target, &[], b"").status, 204);
        }
    });
    assert_eq!(found, ["a", "b", "b", "b", "c"]);
    assert!(uploads(&node, "", |_| ()).is_empty());
}

#[test]
fn the_second_version_pages_by_its_tokens() {
    // rule: list/token
    // rule: list/start-after
    // rule: list/key-count
    let node = node_with_bucket();
    keys(&node);
    let page = |query: &str| node.send("GET", &format!("/bkt?list-type=2{query}"), &[], b"");
    let mut found = Vec::new();
    let mut target = String::from("&delimiter=%2F&max-keys=1&start-after=a");
    loop {
        let page = page(&target);
        let shown = names(&page);
        assert_eq!(page.element("KeyCount"), Some(shown.len().to_string()));
        found.extend(shown);
        // The token goes before start-after.
        match page.element("NextContinuationToken") {
            Some(token) => {
                target =
                    format!("&delimiter=%2F&max-keys=1&start-after=zzz&continuation-token={token}");
            }
            None => break,
        }
    }
    assert_eq!(found, ["dir/*", "e", "z z"]);
    // It may lie inside a common prefix, whose other keys are still to be told of.
    assert_eq!(names(&page("&delimiter=%2F&start-after=dir%2F1")), ["e", "z z", "dir/*"]);
    assert_eq!(names(&page("&start-after=dir%2Fsub%2F3")), ["e", "z z"]);
    let bad = page("&continuation-token=");
    assert_eq!((bad.status, bad.element("Code").as_deref()), (400, Some("InvalidArgument")));
}

fn set(node: &TestNode, versioning: Versioning) {
    let name = BucketName::parse("bkt").expect("a name");
    let command = SetVersioning { name, versioning };
    node.run(node.machine.catalog.commit(command.into())).expect("set");
}

/// Key, version and whether it is the latest, of all versions and delete markers from pages of `max`.
fn versions(node: &TestNode, query: &str, max: usize) -> Vec<(String, String, String)> {
    let (mut found, mut markers) = (Vec::new(), String::new());
    loop {
        let target = format!("/bkt?versions&max-keys={max}{query}{markers}");
        let page = node.send("GET", &target, &[], b"");
        let facts = all(&page, "VersionId").into_iter().zip(all(&page, "IsLatest"));
        found.extend(
            all(&page, "Key").into_iter().zip(facts).map(|(key, (id, latest))| (key, id, latest)),
        );
        let Some(key) = page.element("NextKeyMarker") else { return found };
        assert_eq!(page.element("IsTruncated").as_deref(), Some("true"));
        let id = page.element("NextVersionIdMarker");
        let id = id.map(|id| format!("&version-id-marker={id}")).unwrap_or_default();
        markers = format!("&key-marker={}{id}", key.replace('/', "%2F"));
    }
}

#[test]
fn versions_are_listed_from_the_newest_to_the_oldest() {
    // rule: list-versions/order
    // rule: list-versions/latest
    // rule: list-versions/unversioned
    // rule: list-versions/next-markers
    // rule: list-versions/delimiter
    let node = node_with_bucket();
    keys(&node);
    let unversioned = versions(&node, "", 1000);
    assert_eq!(unversioned.len(), 6);
    assert!(unversioned.iter().all(|(_, id, latest)| id == "null" && latest == "true"));
    set(&node, Versioning::Enabled);
    node.put("/bkt/dir/1", b"again");
    node.put("/bkt/dir/1", b"and again");
    set(&node, Versioning::Suspended);
    node.put("/bkt/e", b"null again");
    let all = versions(&node, "", 1000);
    let keys: Vec<&str> = all.iter().map(|(key, ..)| key.as_str()).collect();
    assert_eq!(keys, ["a", "dir/1", "dir/1", "dir/1", "dir/2", "dir/sub/3", "e", "z z"]);
    let latest: Vec<bool> = all[1..4].iter().map(|(.., latest)| latest == "true").collect();
    assert_eq!((latest, &*all[3].1), (vec![true, false, false], "null"));
    assert!(all[1].1 != all[2].1 && all[1].1.len() == 32);
    for max in [1, 2, 3] {
        assert_eq!(versions(&node, "", max), all);
        assert_eq!(versions(&node, "&prefix=dir%2F1", max), all[1..4]);
        let roots = versions(&node, "&delimiter=%2F", max).into_iter().map(|(key, ..)| key);
        assert_eq!(roots.collect::<Vec<_>>(), ["a", "e", "z z"]);
    }
    let page = node.send("GET", "/bkt?versions&delimiter=%2F&max-keys=2", &[], b"");
    assert_eq!(names(&page), ["a", "dir/*"]);
    assert_eq!(page.element("NextVersionIdMarker"), None);
}

#[test]
fn a_listing_of_versions_is_refused_as_s3_does() {
    // rule: list-versions/key-in-path
    // rule: list-versions/marker-malformed
    let node = node_with_bucket();
    let refused = |target: &str| {
        let answered = node.send("GET", target, &[], b"");
        (answered.status, answered.element("Code").expect("a code"))
    };
    assert_eq!(refused("/bkt/k?versions"), (400, "InvalidRequest".into()));
    assert_eq!(refused("/none?versions"), (404, "NoSuchBucket".into()));
    let made_up = "0123456789abcdef0123456789abcdef";
    let target = format!("/bkt?versions&key-marker=a&version-id-marker={made_up}");
    assert_eq!(refused(&target), (400, "InvalidArgument".into()));
}
