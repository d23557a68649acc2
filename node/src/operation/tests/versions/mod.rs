//! Buckets with versions: what a write, a read, a delete, a copy make of them, by the id of a version and without.

mod copies;
mod deletes;
mod lists_of_deletes;
mod reads;
mod states;
mod tags;
mod uploads;

use super::node_with_bucket;
use super::rules::{base64, md5};
use crate::testing::{Answered, TestNode};

const VERSION: &str = "x-amz-version-id";
const MARKER: &str = "x-amz-delete-marker";

/// The id of a version that no key has, and that is one all the same.
fn unknown() -> String {
    protocol::name::VersionId::Number(1 << 40).to_string()
}

fn configure(node: &TestNode, target: &str, document: &str) -> Answered {
    let digest = base64(&md5(document.as_bytes()));
    node.send("PUT", target, &[("content-md5", &digest)], document.as_bytes())
}

/// Sets the state of the bucket's versions.
fn set(node: &TestNode, status: &str) {
    let document =
        format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
    let answered = configure(node, "/bkt?versioning", &document);
    assert_eq!(answered.status, 200, "{answered:?}");
}

/// A node with a bucket whose versions are enabled.
fn versioned() -> TestNode {
    let node = node_with_bucket();
    set(&node, "Enabled");
    node
}

/// The version that an answer tells.
fn told(answered: &Answered) -> String {
    answered.header(VERSION).unwrap_or_else(|| panic!("no version: {answered:?}")).to_owned()
}

/// Puts an object, and says which version it is.
fn put(node: &TestNode, key: &str, body: &[u8]) -> String {
    let answered = node.send("PUT", &format!("/bkt/{key}"), &[], body);
    assert_eq!(answered.status, 200, "{answered:?}");
    told(&answered)
}

/// Deletes a key, and says which version the delete marker is.
fn mark(node: &TestNode, key: &str) -> String {
    let answered = node.send("DELETE", &format!("/bkt/{key}"), &[], b"");
    assert_eq!((answered.status, answered.header(MARKER)), (204, Some("true")), "{answered:?}");
    told(&answered)
}

fn get(node: &TestNode, key: &str) -> Answered {
    node.send("GET", &format!("/bkt/{key}"), &[], b"")
}

fn get_version(node: &TestNode, key: &str, version: &str) -> Answered {
    get(node, &format!("{key}?versionId={version}"))
}

/// Expects the key to name these bytes, as this version.
fn names(node: &TestNode, key: &str, version: &str, body: &[u8]) {
    for answered in [get(node, key), get_version(node, key, version)] {
        let found = (answered.status, answered.header(VERSION), &answered.body[..]);
        assert_eq!(found, (200, Some(version), body), "{key}");
        assert_eq!(answered.header(MARKER), None);
    }
}
