//! Configurations of buckets: what there is of them is kept and named, whatever the bucket's record says.

use protocol::versioning::Versioning;

use super::*;
use crate::command::{SetConfig, SetVersioning};
use crate::id::Generation;
use crate::record::{BucketCounters, BucketRecord, ConfigKind, ConfigRecord};

const KINDS: [ConfigKind; 2] = [ConfigKind::Tagging, ConfigKind::Lifecycle];

fn configure(store: &MemoryStore, bucket: &str, kind: ConfigKind) {
    let document = Some(format!("<{kind:?}/>"));
    done(store, SetConfig { name: bucket_name(bucket), kind, document });
}

/// Two configurations of the bucket.
pub(super) fn make_configs(store: &MemoryStore) {
    for kind in KINDS {
        configure(store, "bucket", kind);
    }
}

fn record(world: &World, name: &str) -> BucketRecord {
    let found = query::bucket(&world.store, &bucket_name(name)).expect("a store");
    found.expect("a bucket")
}

/// The kinds that the bucket names; the invariants hold that each of them is there.
fn kinds(world: &World) -> Vec<ConfigKind> {
    record(world, "bucket").configs.into_iter().map(|(kind, _)| kind).collect()
}

fn set_record(world: &World, name: &str, record: &BucketRecord) {
    let at = key::bucket(&bucket_name(name)).into();
    set(&world.store, Space::Buckets, at, Some(record.encode()));
}

#[test]
fn configurations_that_are_there_are_named() {
    let sound = record(&fresh(), "bucket");
    assert_eq!(kinds(&fresh()), KINDS);
    let stale: Vec<_> = KINDS.map(|kind| (kind, Generation::new(1))).into();
    let strange = vec![(ConfigKind::Cors, Generation::new(2))];
    for configs in [Vec::new(), stale, strange] {
        let mut world = fresh();
        set_record(&world, "bucket", &BucketRecord { configs, ..sound.clone() });
        assert_eq!(repair(&mut world), Vec::<String>::new());
        assert_eq!(record(&world, "bucket"), sound);
    }
    // The bucket's record cannot be read, but its number can.
    let mut world = fresh();
    let at: Bytes = key::bucket(&bucket_name("bucket")).into();
    let mut stored = sound.encode().to_vec();
    stored[0] = 9;
    set(&world.store, Space::Buckets, at, Some(stored.into()));
    repair(&mut world);
    assert_eq!(kinds(&world), KINDS);
}

#[test]
fn a_configuration_that_is_lost_costs_nothing_else() {
    for value in [None, Some(Bytes::from_static(b"\x01junk"))] {
        let mut world = fresh();
        let at = key::config(world.bucket, ConfigKind::Lifecycle);
        set(&world.store, Space::Buckets, at.into(), value);
        repair(&mut world);
        assert_eq!(kinds(&world), [ConfigKind::Tagging]);
        assert_eq!(objects(&world), OBJECTS);
    }
}

#[test]
fn configurations_of_nobody_go() {
    let mut world = fresh();
    let at = Bytes::from(key::config(BucketId::new(900), ConfigKind::Cors));
    let config = ConfigRecord { generation: Generation::new(1), document: "<x/>".to_owned() };
    set(&world.store, Space::Buckets, at.clone(), Some(config.encode()));
    repair(&mut world);
    assert_eq!(world.store.get(Space::Buckets, &at).expect("a store"), None);
}

#[test]
fn a_bucket_with_object_lock_keeps_its_versions() {
    let mut world = fresh();
    let bucket = make_bucket(&world.store, "locked");
    let versioning = Versioning::Enabled;
    done(&world.store, SetVersioning { name: bucket_name("locked"), versioning });
    configure(&world.store, "locked", ConfigKind::ObjectLock);
    let sound = record(&world, "locked");
    let versioning = Versioning::Suspended;
    set_record(&world, "locked", &BucketRecord { versioning, ..sound.clone() });
    let counters = BucketCounters { versioning, ..BucketCounters::default() }.encode();
    set(&world.store, Space::Buckets, key::bucket_counters(bucket).into(), Some(counters));
    let found = invariant::check(&world.store).expect("a store");
    let found: Vec<_> = found.iter().map(|found| found.predicate).collect();
    assert_eq!(found, ["locked_buckets_keep_versions"]);
    repair(&mut world);
    assert_eq!(record(&world, "locked"), sound);
}
