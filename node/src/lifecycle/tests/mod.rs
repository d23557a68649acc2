//! Lifecycle rules carried out on a node in memory, whose clock stands still until it is set.

use super::LifecycleWorker;
use crate::metrics::Action;
use crate::operation::tests::rules::{base64, md5};
use crate::testing::{Answered, TestNode};

mod actions;
mod answers;
mod failures;
mod races;

const DAY: u64 = 24 * 60 * 60 * 1000;

/// A node with the bucket `bkt` at a midnight.
fn node() -> TestNode {
    let node = TestNode::new();
    let midnight = node.time.millis.get().div_ceil(DAY) * DAY;
    node.time.millis.set(midnight);
    assert_eq!(node.send("PUT", "/bkt", &[], b"").status, 200);
    node
}

/// Sends a document that needs a proof of its bytes.
fn configure(node: &TestNode, target: &str, document: &str) -> Answered {
    let digest = base64(&md5(document.as_bytes()));
    node.send("PUT", target, &[("content-md5", &digest)], document.as_bytes())
}

/// Gives the bucket these rules.
fn rules(node: &TestNode, rules: &[String]) {
    let document = format!("<LifecycleConfiguration>{}</LifecycleConfiguration>", rules.concat());
    let answered = configure(node, "/bkt?lifecycle", &document);
    assert_eq!(answered.status, 200, "{answered:?}");
}

/// A rule that is applied to what `filter` says.
fn rule(id: &str, filter: &str, action: &str) -> String {
    format!("<Rule><ID>{id}</ID><Filter>{filter}</Filter><Status>Enabled</Status>{action}</Rule>")
}

fn days(count: u32) -> String {
    format!("<Expiration><Days>{count}</Days></Expiration>")
}

fn noncurrent(days: u32, kept: Option<u32>) -> String {
    let kept = kept.map_or_else(String::new, |kept| {
        format!("<NewerNoncurrentVersions>{kept}</NewerNoncurrentVersions>")
    });
    format!(
        "<NoncurrentVersionExpiration><NoncurrentDays>{days}</NoncurrentDays>{kept}\
         </NoncurrentVersionExpiration>"
    )
}

const MARKERS: &str =
    "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";

fn aborts(days: u32) -> String {
    format!(
        "<AbortIncompleteMultipartUpload><DaysAfterInitiation>{days}</DaysAfterInitiation>\
         </AbortIncompleteMultipartUpload>"
    )
}

fn versions(node: &TestNode, status: &str) {
    let document =
        format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
    assert_eq!(configure(node, "/bkt?versioning", &document).status, 200);
}

fn wait(node: &TestNode, millis: u64) {
    node.time.millis.set(node.time.millis.get() + millis);
}

/// One look at all buckets.
fn pass(node: &TestNode) {
    node.run(LifecycleWorker::new(node.machine.clone()).pass());
}

/// How often rules have done this.
fn count(node: &TestNode, action: Action) -> u64 {
    node.machine.metrics.lifecycle().count(action)
}

fn status(node: &TestNode, key: &str) -> u16 {
    node.send("HEAD", &format!("/bkt/{key}"), &[], b"").status
}

/// The keys of the versions of the bucket and whether each is a marker, in the order of the listing.
fn listed(node: &TestNode) -> Vec<String> {
    let answered = node.send("GET", "/bkt?versions", &[], b"");
    let text = String::from_utf8(answered.body).expect("text");
    let mut found = Vec::new();
    for part in text.split("<Key>").skip(1) {
        let (key, _) = part.split_once("</Key>").expect("closed");
        found.push(key.to_owned());
    }
    let kinds = text.match_indices("<DeleteMarker>").map(|(at, _)| (at, "-"));
    let data = text.match_indices("<Version>").map(|(at, _)| (at, "+"));
    let mut kinds: Vec<_> = kinds.chain(data).collect();
    kinds.sort_unstable();
    found.iter().zip(kinds).map(|(key, (_, kind))| format!("{key}{kind}")).collect()
}
