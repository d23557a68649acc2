//! What protects versions, and the configurations of buckets.

use protocol::lock::{LockChange, ObjectLock, Retention, RetentionMode};
use protocol::name::VersionId;
use protocol::time::Timestamp;
use protocol::versioning::Versioning;

use super::versions::purge;
use super::*;
use crate::command::{SetConfig, SetLock, SetVersioning};
use crate::record::ConfigKind;

const LATER: Timestamp = Timestamp::from_millis(AT.as_millis() + 1000);

fn refused(store: &dyn Store, command: impl Into<Command>) -> Refusal {
    one(store, command).expect_err("refused")
}

fn config(name: &str, kind: ConfigKind, document: Option<&str>) -> SetConfig {
    let document = document.map(str::to_owned);
    SetConfig { name: bucket_name(name), kind, document }
}

fn versions(name: &str, versioning: Versioning) -> SetVersioning {
    SetVersioning { name: bucket_name(name), versioning }
}

/// A store with a bucket that has object lock.
fn lockable() -> (MemoryStore, BucketId) {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    done(&store, versions("bucket", Versioning::Enabled));
    done(&store, config("bucket", ConfigKind::ObjectLock, Some("<lock/>")));
    (store, bucket)
}

fn put_locked(store: &dyn Store, bucket: BucketId, lock: ObjectLock) -> VersionId {
    let mut command = put(bucket, "key", vec![inline(b"x")], &[]);
    command.object.lock = lock;
    match done(store, command) {
        Reply::ObjectPut { version: Some(version), .. } => version,
        other => panic!("{other:?}"),
    }
}

fn retained(mode: RetentionMode, until: Timestamp) -> ObjectLock {
    ObjectLock { retention: Some(Retention { mode, until }), legal_hold: None }
}

#[test]
fn a_protected_version_is_not_destroyed() {
    // rule: delete/locked, delete-objects/locked
    let governed = retained(RetentionMode::Governance, LATER);
    let strict = retained(RetentionMode::Compliance, LATER);
    let held = ObjectLock { retention: None, legal_hold: Some(true) };
    for (lock, bypassed) in [(governed, true), (strict, false), (held, false)] {
        let (store, bucket) = lockable();
        let version = put_locked(&store, bucket, lock);
        // As the latest, and behind another.
        for _ in 0..2 {
            assert_eq!(refused(&store, purge(bucket, "key", version)), Refusal::Locked);
            let wanted = DeleteKey {
                key: key("key"),
                version: Some(version),
                condition: DeleteCond::None,
                bypass: false,
            };
            let list = DeleteObjects { bucket, keys: vec![wanted], modified: AT };
            let kept = vec![Err(NotDeleted::Refused(Refusal::Locked))];
            assert_eq!(done(&store, list), Reply::ObjectsDeleted(kept));
            put_locked(&store, bucket, ObjectLock::default());
        }
        // A delete marker is always possible, and never protected.
        done(&store, delete(bucket, "key"));
        let bypass = DeleteObject { bypass: true, ..purge(bucket, "key", version) };
        if bypassed {
            done(&store, bypass);
        } else {
            assert_eq!(refused(&store, bypass), Refusal::Locked);
        }
        let over = DeleteObject { modified: LATER, ..purge(bucket, "key", version) };
        match lock.legal_hold {
            Some(true) => assert_eq!(refused(&store, over), Refusal::Locked),
            _ => drop(done(&store, over)),
        }
        assert_sound(&store);
    }
}

#[test]
fn a_lock_is_changed_where_it_lies() {
    let (store, bucket) = lockable();
    let old = put_locked(&store, bucket, ObjectLock::default());
    let new = put_locked(&store, bucket, retained(RetentionMode::Governance, LATER));
    let set = |version, change, bypass| {
        let (key, now) = (key("key"), AT);
        SetLock { bucket, key, version, change, bypass, now }
    };
    let hold = LockChange::LegalHold(true);
    assert_eq!(done(&store, set(Some(old), hold, false)), Reply::LockSet { version: Some(old) });
    assert_eq!(done(&store, set(None, hold, false)), Reply::LockSet { version: Some(new) });
    let none = LockChange::Retention(None);
    assert_eq!(refused(&store, set(None, none, false)), Refusal::Locked);
    done(&store, set(None, none, true));
    assert_eq!(object(&store, bucket, "key").lock.retention, None);
    assert_eq!(object(&store, bucket, "key").lock.legal_hold, Some(true));
    for version in [old, new] {
        assert_eq!(refused(&store, purge(bucket, "key", version)), Refusal::Locked);
    }
    let other = Some(VersionId::Number(1 << 40));
    assert_eq!(refused(&store, set(other, hold, false)), Refusal::NoSuchVersion);
    let missing = SetLock { key: key("none"), ..set(None, hold, false) };
    assert_eq!(refused(&store, missing), Refusal::NoSuchKey);
    done(&store, delete(bucket, "key"));
    let marker = refused(&store, set(None, hold, false));
    assert!(matches!(marker, Refusal::DeleteMarker { .. }), "{marker:?}");
    assert_sound(&store);
}

#[test]
fn object_lock_goes_with_versions() {
    // rule: put-lock-configuration/versioning, versioning/object-lock
    let store = MemoryStore::new();
    make_bucket(&store, "bucket");
    let lock = || config("bucket", ConfigKind::ObjectLock, Some("<lock/>"));
    assert_eq!(refused(&store, lock()), Refusal::VersioningNeeded);
    done(&store, versions("bucket", Versioning::Suspended));
    assert_eq!(refused(&store, lock()), Refusal::VersioningNeeded);
    done(&store, versions("bucket", Versioning::Enabled));
    done(&store, lock());
    let suspended = versions("bucket", Versioning::Suspended);
    assert_eq!(refused(&store, suspended), Refusal::ObjectLockNeedsVersioning);
    done(&store, versions("bucket", Versioning::Enabled));
    assert_sound(&store);
    // A new bucket may have it at once.
    let owner = AccountId::parse("000000000000").expect("an account");
    let configs = vec![
        (ConfigKind::ObjectLock, "<lock/>".to_owned()),
        (ConfigKind::Ownership, "<owner/>".to_owned()),
    ];
    let name = bucket_name("other");
    let versioning = Versioning::Enabled;
    done(&store, CreateBucket { name: name.clone(), created: AT, owner, versioning, configs });
    let other = query::bucket(&store, &name).expect("a record").expect("a bucket");
    assert!(other.config(ConfigKind::ObjectLock).is_some());
    assert_eq!(other.configs.len(), 2);
    assert_sound(&store);
}
