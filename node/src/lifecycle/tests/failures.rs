//! What is damaged holds nothing else up.

use meta::key;
use meta::query;
use meta::store::{Batch, Space, Store};
use protocol::name::{BucketName, ObjectKey};

use super::*;
use crate::testing::ask;

fn overwrite(node: &TestNode, space: Space, key: Vec<u8>) {
    let mut batch = Batch::new();
    batch.put(space, key, &b"\xFFnonsense"[..]);
    node.store.commit(batch).expect("the store is well");
}

fn bucket(node: &TestNode) -> meta::id::BucketId {
    let name = BucketName::parse("bkt").expect("a name");
    ask(node, |store| query::bucket(store, &name)).expect("it is there").id
}

fn key_of(text: &str) -> ObjectKey {
    ObjectKey::parse(text).expect("a key")
}

#[test]
fn objects_behind_a_damaged_one_expire() {
    // rule: lifecycle/damage
    let node = node();
    for number in 0..20 {
        node.put(&format!("/bkt/{number:02}"), b"x");
    }
    rules(&node, &[rule("all", "", &days(1))]);
    let id = bucket(&node);
    for damaged in ["00", "07", "08", "19"] {
        overwrite(&node, Space::Objects, key::object(id, &key_of(damaged)));
    }
    wait(&node, DAY);
    pass(&node);
    assert_eq!(count(&node, Action::Expire), 16);
    assert_eq!(node.machine.metrics.lifecycle().errors.get(), 4);
    let left = ask(&node, |store| query::next_key(store, id, "", ""));
    assert_eq!(left.as_deref(), Some("00"));
}

#[test]
fn keys_behind_a_damaged_version_expire() {
    // rule: lifecycle/damage
    let node = node();
    versions(&node, "Enabled");
    for key in ["a", "b", "c"] {
        node.put(&format!("/bkt/{key}"), b"one");
        node.put(&format!("/bkt/{key}"), b"two");
    }
    let id = bucket(&node);
    overwrite(&node, Space::Versions, key::version_head(id, &key_of("b")));
    rules(&node, &[rule("older", "", &noncurrent(1, None))]);
    wait(&node, DAY);
    pass(&node);
    assert_eq!(count(&node, Action::Noncurrent), 2);
    assert!(node.machine.metrics.lifecycle().errors.get() > 0);
}

#[test]
fn buckets_behind_one_with_damaged_rules_are_looked_at() {
    // rule: lifecycle/damage
    let node = node();
    rules(&node, &[rule("all", "", &days(1))]);
    let document =
        format!("<LifecycleConfiguration>{}</LifecycleConfiguration>", rule("all", "", &days(1)));
    assert_eq!(node.send("PUT", "/next", &[], b"").status, 200);
    assert_eq!(configure(&node, "/next?lifecycle", &document).status, 200);
    node.put("/next/a", b"x");
    let id = bucket(&node);
    overwrite(&node, Space::Buckets, key::config(id, meta::record::ConfigKind::Lifecycle));
    wait(&node, DAY);
    pass(&node);
    assert_eq!(node.send("HEAD", "/next/a", &[], b"").status, 404);
    assert_eq!(node.machine.metrics.lifecycle().errors.get(), 1);
    // rule: lifecycle/damaged-rules
    assert_eq!(node.send("GET", "/bkt?lifecycle", &[], b"").status, 500);
}
