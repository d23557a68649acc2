//! Room: buckets: their names, their versioning, what is counted of them and of their keys with open uploads.

use std::collections::{BTreeMap, BTreeSet};

use protocol::name::{AccountId, ObjectKey};
use protocol::time::Timestamp;
use protocol::versioning::Versioning;

use super::rebuild::{Draft, UNOWNED};
use crate::id::{BucketId, Generation};
use crate::key;
use crate::record::{BucketCounters, BucketRecord, ConfigKind, OpenKey, Record};
use crate::store::Space;

impl Draft<'_> {
    /// Finds out what the versioning of each bucket is. Where its two records differ, or nothing is known of it, it is
    /// what keeps most: a version that is kept in vain can be deleted, one that was overwritten is gone.
    pub(super) fn find_versioning(&mut self) {
        let census = self.census;
        for record in census.names.values() {
            let found = self.versioning.entry(record.id).or_default();
            *found = safer(*found, record.versioning);
        }
        for (bucket, counters) in &census.bucket_counters {
            let found = self.versioning.entry(*bucket).or_default();
            *found = safer(*found, counters.versioning);
        }
        let known: BTreeSet<BucketId> = self.versioning.keys().copied().collect();
        let apart = census.versions.keys().map(|(bucket, ..)| *bucket);
        let numbered = census.objects.iter().filter(|(_, object)| !object.null);
        let numbered = numbered.map(|((bucket, _), _)| *bucket);
        // What its records say outweighs one object that says something else.
        for bucket in apart.chain(numbered.filter(|bucket| !known.contains(bucket))) {
            let found = self.versioning.entry(bucket).or_default();
            if *found == Versioning::Unversioned {
                *found = Versioning::Enabled;
            }
        }
        // Where versions can be locked, they have always been kept.
        for (bucket, _) in census.configs.keys().filter(|(_, kind)| *kind == ConfigKind::ObjectLock)
        {
            self.versioning.insert(*bucket, Versioning::Enabled);
        }
    }

    pub(super) fn versioning_of(&self, bucket: BucketId) -> Versioning {
        self.versioning.get(&bucket).copied().unwrap_or_default()
    }

    /// Finds out which bucket has which number. One whose record cannot be read gets its name back where only one
    /// number can be meant; else its objects are kept under a new name.
    pub(super) fn name_buckets(&mut self) {
        let census = self.census;
        for (name, record) in &census.names {
            if let Some(other) = self.names.get(&record.id) {
                let why = format!("it has the number of bucket {other}");
                let at = bucket_key(name);
                self.take(Space::Buckets, at, true, format!("bucket {name}"), &why);
                continue;
            }
            self.names.insert(record.id, name.clone());
        }
        let filled = census.objects.keys().map(|(bucket, _)| *bucket);
        let filled = filled.chain(census.versions.keys().map(|(bucket, ..)| *bucket));
        let open = census.uploads.keys().map(|(bucket, _, _)| *bucket);
        let filled = filled.chain(open.filter(|bucket| !census.is_going(*bucket)));
        let filled: BTreeSet<BucketId> = filled.collect();
        let mut nameless = filled.clone();
        nameless.extend(census.bucket_counters.keys());
        nameless.retain(|bucket| !self.names.contains_key(bucket));

        let mut unknown = Vec::new();
        for (name, number) in &census.damaged_names {
            match number.filter(|number| nameless.remove(number)) {
                Some(number) => self.name_bucket(number, name),
                None => unknown.push(name),
            }
        }
        if let (&[name], 1, Some(number)) = (&unknown[..], nameless.len(), nameless.first()) {
            self.name_bucket(*number, name);
            nameless.clear();
        }
        for bucket in nameless.intersection(&filled) {
            let mut name = format!("recovered-bucket-{bucket}");
            while census.names.contains_key(&name) {
                name.push_str("-x");
            }
            self.name_bucket(*bucket, &name);
        }
    }

    fn name_bucket(&mut self, id: BucketId, name: &str) {
        let census = self.census;
        let nobody = || AccountId::parse("000000000000").expect("twelve digits");
        let owner = census.names.values().next().map_or_else(nobody, |other| other.owner.clone());
        let objects = census.all_objects().filter(|((bucket, ..), _)| *bucket == id);
        let created = objects.map(|(_, object)| object.modified).min();
        let created = created.unwrap_or(Timestamp::from_millis(0));
        let versioning = self.versioning_of(id);
        let configs = self.configs_of(id);
        let value = BucketRecord { id, created, owner, versioning, configs }.encode();
        self.set(Space::Buckets, bucket_key(name), value, || format!("bucket {name}"));
        self.names.insert(id, name.to_owned());
    }

    /// The configurations that there are of a bucket, whatever its record says.
    fn configs_of(&self, bucket: BucketId) -> Vec<(ConfigKind, Generation)> {
        let all = self.census.configs.range((bucket, ConfigKind::ALL[0])..);
        let all = all.take_while(|((of, _), _)| *of == bucket);
        all.map(|((_, kind), generation)| (*kind, *generation)).collect()
    }

    /// Both records of a bucket.
    pub(super) fn rebuild_buckets(&mut self) {
        let (census, judged) = (self.census, self.judged);
        let mut counts: BTreeMap<BucketId, BucketCounters> =
            self.names.keys().map(|id| (*id, BucketCounters::default())).collect();
        for (bucket, key) in census.objects.keys() {
            if !judged.lost_objects.contains_key(&(*bucket, key.clone(), None)) {
                counts.entry(*bucket).or_default().objects += 1;
            }
        }
        for (bucket, versions) in &self.apart {
            counts.entry(*bucket).or_default().versions = *versions;
        }
        for place in census.uploads.keys().filter(|at| !judged.lost_uploads.contains_key(at)) {
            if let Some(counts) = counts.get_mut(&place.0) {
                counts.uploads += 1;
            }
        }
        for (id, count) in &mut counts {
            count.versioning = self.versioning_of(*id);
            if census.bucket_counters.get(id) != Some(&*count) {
                let name = self.names.get(id).map_or("", String::as_str).to_owned();
                self.set(Space::Buckets, key::bucket_counters(*id), count.encode(), || {
                    format!("counters of bucket {name}")
                });
            }
        }
        for (name, record) in &census.names {
            let versioning = self.versioning_of(record.id);
            let ours = self.names.get(&record.id).is_some_and(|ours| ours == name);
            let configs = self.configs_of(record.id);
            if ours && (record.versioning != versioning || record.configs != configs) {
                let value = BucketRecord { versioning, configs, ..record.clone() }.encode();
                self.set(Space::Buckets, bucket_key(name), value, || {
                    format!("settings of bucket {name}")
                });
            }
        }
        for (id, kind) in census.configs.keys().filter(|(id, _)| !counts.contains_key(id)) {
            let what = format!("{kind:?} of bucket number {id}");
            self.take(Space::Buckets, key::config(*id, *kind), false, what, UNOWNED);
        }
        for id in census.bucket_counters.keys().filter(|id| !counts.contains_key(id)) {
            let what = format!("counters of bucket number {id}");
            self.take(Space::Buckets, key::bucket_counters(*id), false, what, UNOWNED);
        }
    }

    /// How many uploads each key has open. Whether it was written meanwhile nobody can tell where the record is lost; then
    /// it was: a completion with a condition is refused, which costs its client another try.
    pub(super) fn rebuild_open_keys(&mut self) {
        let (census, judged) = (self.census, self.judged);
        let mut counts: BTreeMap<(BucketId, &ObjectKey), u64> = BTreeMap::new();
        for place in census.uploads.keys().filter(|at| !judged.lost_uploads.contains_key(at)) {
            *counts.entry((place.0, &place.1)).or_default() += 1;
        }
        for (bucket, key) in census.open_keys.keys() {
            if !counts.contains_key(&(*bucket, key)) {
                let what = format!("uploads of {}", self.object_name(*bucket, key));
                self.clear(Space::Buckets, key::open_key(*bucket, key), what);
            }
        }
        let now = Some(Generation::new(self.counters.generation));
        for ((bucket, key), uploads) in counts {
            let stored = census.open_keys.get(&(bucket, key.clone()));
            let touched = stored.map_or(now, |stored| stored.touched);
            let open = OpenKey { uploads, touched };
            if stored != Some(&open) {
                let what = format!("uploads of {}", self.object_name(bucket, key));
                self.set(Space::Buckets, key::open_key(bucket, key), open.encode(), || what);
            }
        }
    }
}

/// Of two that are said of the same bucket the one that keeps more.
fn safer(one: Versioning, other: Versioning) -> Versioning {
    let rank = |versioning: &Versioning| match versioning {
        Versioning::Unversioned => 0,
        Versioning::Suspended => 1,
        Versioning::Enabled => 2,
    };
    std::cmp::max_by_key(one, other, rank)
}

fn bucket_key(name: &str) -> Vec<u8> {
    key::bucket_names(name)
}
