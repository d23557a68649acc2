//! Configurations of buckets: they come, go and are replaced with the bucket's record.

use protocol::name::AccountId;
use protocol::versioning::Versioning;

use super::versions::set_versioning;
use super::*;
use crate::command::{SetConfig, SetVersioning};
use crate::record::{BucketRecord, ConfigKind, ConfigRecord};

fn set(kind: ConfigKind, document: Option<&str>) -> SetConfig {
    SetConfig { name: bucket_name("bucket"), kind, document: document.map(str::to_owned) }
}

fn record(store: &dyn Store) -> BucketRecord {
    query::bucket(store, &bucket_name("bucket")).expect("a store").expect("a bucket")
}

fn document(store: &dyn Store, kind: ConfigKind) -> Option<ConfigRecord> {
    query::config(store, record(store).id, kind).expect("a store")
}

#[test]
fn configurations_come_are_replaced_and_go() {
    let store = MemoryStore::new();
    make_bucket(&store, "bucket");
    assert_eq!(document(&store, ConfigKind::Cors), None);
    done(&store, set(ConfigKind::Lifecycle, Some("<one/>")));
    done(&store, set(ConfigKind::Cors, Some("<two/>")));
    let kinds: Vec<_> = record(&store).configs.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [ConfigKind::Cors, ConfigKind::Lifecycle]);
    let first = document(&store, ConfigKind::Lifecycle).expect("a configuration");
    assert_eq!(record(&store).config(ConfigKind::Lifecycle), Some(first.generation));
    done(&store, set(ConfigKind::Lifecycle, Some("<three/>")));
    let second = document(&store, ConfigKind::Lifecycle).expect("a configuration");
    assert_eq!(second.document, "<three/>");
    assert!(second.generation > first.generation, "a shard must not take it for the other one");
    for _ in ["there", "gone"] {
        assert_eq!(done(&store, set(ConfigKind::Lifecycle, None)), Reply::Done);
    }
    assert_eq!(document(&store, ConfigKind::Lifecycle), None);
    assert_eq!(record(&store).configs.len(), 1);
    done(&store, DeleteBucket { name: bucket_name("bucket") });
    assert_eq!(one(&store, set(ConfigKind::Cors, Some("<four/>"))), Err(Refusal::NoSuchBucket));
    let mut left = 0;
    let counted = store.scan(Space::Buckets, &[], &mut |_, _| {
        left += 1;
        crate::store::Visit::Next
    });
    counted.expect("a store");
    assert_eq!(left, 0, "they have gone with the bucket");
}

#[test]
fn a_bucket_may_begin_with_configurations() {
    let store = MemoryStore::new();
    let create = |versioning| CreateBucket {
        name: bucket_name("bucket"),
        created: AT,
        owner: AccountId::parse("000000000000").expect("an account"),
        versioning,
        configs: vec![
            (ConfigKind::ObjectLock, "<lock/>".to_owned()),
            (ConfigKind::Ownership, "<owner/>".to_owned()),
        ],
    };
    let refused = one(&store, create(Versioning::Unversioned));
    assert_eq!(refused, Err(Refusal::VersioningNeeded));
    done(&store, create(Versioning::Enabled));
    let kinds: Vec<_> = record(&store).configs.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [ConfigKind::Ownership, ConfigKind::ObjectLock]);
    assert_eq!(record(&store).versioning, Versioning::Enabled);
}

#[test]
fn object_lock_and_versions_go_together() {
    let store = MemoryStore::new();
    make_bucket(&store, "bucket");
    let lock = || set(ConfigKind::ObjectLock, Some("<lock/>"));
    let suspend =
        || SetVersioning { name: bucket_name("bucket"), versioning: Versioning::Suspended };
    assert_eq!(one(&store, lock()), Err(Refusal::VersioningNeeded));
    done(&store, suspend());
    assert_eq!(one(&store, lock()), Err(Refusal::VersioningNeeded));
    set_versioning(&store, "bucket", Versioning::Enabled);
    done(&store, lock());
    assert_eq!(one(&store, suspend()), Err(Refusal::ObjectLockNeedsVersioning));
    set_versioning(&store, "bucket", Versioning::Enabled);
}
