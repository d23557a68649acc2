//! Room: the versions of each key: which is the latest, which the null version, what its head says.
//!
//! Where the latest version is lost, a delete marker takes its place: whoever asks for the key is told that it names
//! nothing, as in a bucket without versions, and never given what is older; that can still be asked for by its version.

use std::collections::BTreeSet;

use protocol::name::ObjectKey;
use protocol::versioning::Versioning;

use super::rebuild::Draft;
use crate::id::{BucketId, Generation};
use crate::key;
use crate::record::{MarkerRecord, ObjectRecord, Record, VersionHead, VersionRecord};
use crate::store::{Space, Store, StoreError};

impl<'a> Draft<'a> {
    /// Puts the versions of every key right, and counts those that lie apart from the objects.
    pub(super) fn rebuild_versions(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let census = self.census;
        let apart = census.versions.keys().map(|(bucket, key, _)| (*bucket, key));
        let heads = census.version_heads.keys().map(|(bucket, key)| (*bucket, key));
        let keys: BTreeSet<(BucketId, &ObjectKey)> = apart.chain(heads).collect();
        for (bucket, key) in &keys {
            self.rebuild_key(store, *bucket, key)?;
        }
        for (bucket, key) in census.objects.keys() {
            let plain = self.versioning_of(*bucket) == Versioning::Unversioned;
            if plain && self.latest(*bucket, key).is_some_and(|object| !object.null) {
                self.change_latest(store, *bucket, key, |object| object.null = true)?;
            }
        }
        Ok(())
    }

    fn rebuild_key(
        &mut self,
        store: &dyn Store,
        bucket: BucketId,
        key: &ObjectKey,
    ) -> Result<(), StoreError> {
        let stored = self.census.version_heads.get(&(bucket, key.clone())).copied();
        let (latest, apart) = (self.latest(bucket, key), self.apart(bucket, key));
        let newest = apart.first().copied();
        let null_apart = apart.iter().find(|version| version.is_null());
        let null_apart = null_apart.map(|version| version.generation());
        let null_latest = latest.is_some_and(|latest| latest.null);
        let mut head = VersionHead { versions: apart.len() as u64, marker: None, null: None };
        head.null = null_apart.filter(|_| !null_latest);
        // Of several null versions the newest stays one; the others become versions of their own.
        for version in apart.iter().filter(|version| version.is_null()) {
            if head.null != Some(version.generation()) {
                self.number_version(store, bucket, key, version.generation())?;
            }
        }
        match (latest, newest) {
            // What lies among the objects is what readers were given, so it stays the latest.
            (Some(latest), Some(newest)) if newest.generation() >= latest.generation => {
                let generation = self.next_generation();
                self.change_latest(store, bucket, key, |object| object.generation = generation)?;
            }
            (None, Some(VersionRecord::Object(newest))) => {
                let marker = self.marker_instead(stored, newest, head.null);
                head.versions += 1;
                head.marker = Some(marker.generation);
                if marker.null {
                    head.null = head.marker;
                }
                let what = format!("delete marker of {}", self.object_name(bucket, key));
                let at = key::version(bucket, key, marker.generation);
                self.set(Space::Versions, at, VersionRecord::Marker(marker).encode(), || what);
            }
            (None, Some(VersionRecord::Marker(newest))) => head.marker = Some(newest.generation),
            (Some(_), _) | (None, None) => {}
        }
        if head.versions > 0 {
            *self.apart.entry(bucket).or_default() += head.versions;
        }
        let right = (head.versions > 0).then_some(head);
        if right != stored {
            let what = format!("head of the versions of {}", self.object_name(bucket, key));
            let at = key::version_head(bucket, key);
            match right {
                Some(head) => self.set(Space::Versions, at, head.encode(), || what),
                None => self.clear(Space::Versions, at, what),
            }
        }
        Ok(())
    }

    /// The latest version, if it is data that is kept.
    fn latest(&self, bucket: BucketId, key: &ObjectKey) -> Option<&'a ObjectRecord> {
        let (census, judged) = (self.census, self.judged);
        let lost = judged.lost_objects.contains_key(&(bucket, key.clone(), None));
        census.objects.get(&(bucket, key.clone())).filter(|_| !lost)
    }

    /// The versions of a key that are kept and lie apart, the newest first.
    fn apart(&self, bucket: BucketId, key: &ObjectKey) -> Vec<&'a VersionRecord> {
        let (census, judged) = (self.census, self.judged);
        let place = |generation| (bucket, key.clone(), Generation::new(generation));
        let all = census.versions.range(place(0)..=place(u64::MAX)).rev();
        let kept = all.filter(|((bucket, key, generation), _)| {
            let place = (*bucket, key.clone(), Some(*generation));
            !judged.lost_objects.contains_key(&place)
        });
        kept.map(|(_, version)| version).collect()
    }

    /// The delete marker that stands where the latest version is lost; it may have been one.
    fn marker_instead(
        &mut self,
        head: Option<VersionHead>,
        newest: &ObjectRecord,
        null: Option<Generation>,
    ) -> MarkerRecord {
        let known = head.and_then(|head| Some((head, head.marker?)));
        let known = known.filter(|(_, marker)| *marker > newest.generation);
        let modified = newest.modified;
        match known {
            Some((head, generation)) => {
                let null = null.is_none() && head.null == Some(generation);
                MarkerRecord { generation, modified, null }
            }
            None => MarkerRecord { generation: self.next_generation(), modified, null: false },
        }
    }

    fn next_generation(&mut self) -> Generation {
        self.counters.generation += 1;
        Generation::new(self.counters.generation)
    }

    /// Changes the record of a latest version. The census has left out what clients care for, so it is read again.
    fn change_latest(
        &mut self,
        store: &dyn Store,
        bucket: BucketId,
        key: &ObjectKey,
        change: impl FnOnce(&mut ObjectRecord),
    ) -> Result<(), StoreError> {
        let at = key::object(bucket, key);
        let Some(stored) = store.get(Space::Objects, &at)? else { return Ok(()) };
        let mut object = ObjectRecord::decode(stored)?;
        change(&mut object);
        let what = format!("version of {}", self.object_name(bucket, key));
        self.set(Space::Objects, at, object.encode(), || what);
        Ok(())
    }

    /// Makes a version that is said to be the null version one with a number.
    fn number_version(
        &mut self,
        store: &dyn Store,
        bucket: BucketId,
        key: &ObjectKey,
        generation: Generation,
    ) -> Result<(), StoreError> {
        let at = key::version(bucket, key, generation);
        let Some(stored) = store.get(Space::Versions, &at)? else { return Ok(()) };
        let mut version = VersionRecord::decode(stored)?;
        match &mut version {
            VersionRecord::Object(object) => object.null = false,
            VersionRecord::Marker(marker) => marker.null = false,
        }
        let what = format!("version {} of {}", version.version(), self.object_name(bucket, key));
        self.set(Space::Versions, at, version.encode(), || what);
        Ok(())
    }
}
