//! DeleteObjects in buckets with versions.

use super::*;

fn send(node: &TestNode, objects: &[(&str, &str)]) -> Answered {
    let mut document = String::from("<Delete>");
    for (key, version) in objects {
        document.push_str(&format!("<Object><Key>{key}</Key>"));
        if !version.is_empty() {
            document.push_str(&format!("<VersionId>{version}</VersionId>"));
        }
        document.push_str("</Object>");
    }
    document.push_str("</Delete>");
    let digest = base64(&md5(document.as_bytes()));
    node.send("POST", "/bkt?delete", &[("content-md5", &digest)], document.as_bytes())
}

/// What the answer says of each object, element by element.
fn each(answered: &Answered) -> Vec<String> {
    assert_eq!(answered.status, 200, "{answered:?}");
    let text = String::from_utf8(answered.body.clone()).expect("text");
    let (_, inner) = text.split_once("2006-03-01/\">").expect("a root");
    let inner = inner.strip_suffix("</DeleteResult>").expect("an end");
    let apart = inner.replace("</Deleted>", "</Deleted>\n").replace("</Error>", "</Error>\n");
    apart.lines().map(str::to_owned).collect()
}

fn deleted(key: &str, version: &str) -> String {
    format!("<Deleted><Key>{key}</Key><VersionId>{version}</VersionId></Deleted>")
}

fn unmarked(key: &str, version: &str) -> String {
    format!(
        "<Deleted><Key>{key}</Key><VersionId>{version}</VersionId><DeleteMarker>true</DeleteMarker>\
         <DeleteMarkerVersionId>{version}</DeleteMarkerVersionId></Deleted>"
    )
}

fn no_such_version(key: &str, version: &str) -> String {
    format!(
        "<Error><Key>{key}</Key><VersionId>{version}</VersionId><Code>NoSuchVersion</Code>\
         <Message>The specified version does not exist.</Message></Error>"
    )
}

#[test]
fn versions_and_keys_go_in_one_list() {
    // rule: delete-objects/version, delete-objects/marker
    let node = versioned();
    let (one, two) = (put(&node, "a", b"1"), put(&node, "a", b"2"));
    let kept = put(&node, "b", b"3");
    let marker = mark(&node, "c");
    let unknown = unknown();
    let answered = send(
        &node,
        &[("a", &one), ("a", &two), ("b", ""), ("c", &marker), ("c", &unknown), ("a", "null")],
    );
    let found = each(&answered);
    assert_eq!(found[..2], [deleted("a", &one), deleted("a", &two)]);
    let written = answered.element("DeleteMarkerVersionId").expect("a marker");
    assert_eq!(
        found[2],
        format!(
            "<Deleted><Key>b</Key><DeleteMarker>true</DeleteMarker>\
             <DeleteMarkerVersionId>{written}</DeleteMarkerVersionId></Deleted>"
        )
    );
    assert_eq!(found[3..], [unmarked("c", &marker), deleted("c", &unknown), deleted("a", "null")]);
    assert_eq!(get(&node, "b").header(VERSION), Some(written.as_str()));
    assert_eq!(get_version(&node, "b", &kept).body, b"3");
    let rest = [("b", written.as_str()), ("b", &kept)];
    assert_eq!(each(&send(&node, &rest)), [unmarked("b", &written), deleted("b", &kept)]);
    assert_eq!(node.send("DELETE", "/bkt", &[], b"").status, 204, "nothing is left");
}

#[test]
fn one_list_may_take_a_key_apart() {
    let node = versioned();
    let ids: Vec<String> = (0..40).map(|at| put(&node, "k", &[at; 3])).collect();
    // The latest in the middle of the list, and the key itself at its end.
    let mut list: Vec<(&str, &str)> = ids.iter().map(|id| ("k", id.as_str())).collect();
    list.swap(39, 20);
    list.push(("k", ""));
    let found = each(&send(&node, &list));
    assert_eq!(found.len(), 41);
    let marker = get(&node, "k");
    assert_eq!((marker.status, marker.header(MARKER)), (404, Some("true")));
    let marker = told(&marker);
    assert_eq!(each(&send(&node, &[("k", &marker)])), [unmarked("k", &marker)]);
    assert_eq!(node.send("DELETE", "/bkt", &[], b"").status, 204, "nothing is left");
}

#[test]
fn ids_that_cannot_be_are_told_of_their_object() {
    // rule: delete-objects/version-unknown
    let node = versioned();
    let id = put(&node, "k", b"1");
    let answered = send(&node, &[("k", "v1"), ("k", &id)]);
    assert_eq!(each(&answered), [no_such_version("k", "v1"), deleted("k", &id)]);
    let plain = node_with_bucket();
    plain.put("/bkt/k", b"1");
    assert_eq!(each(&send(&plain, &[("k", &id)])), [no_such_version("k", &id)]);
    assert_eq!(plain.get("/bkt/k"), b"1");
    assert_eq!(each(&send(&plain, &[("k", "null")])), [deleted("k", "null")]);
    assert_eq!(plain.send("GET", "/bkt/k", &[], b"").status, 404);
}
