//! Room: everything a store holds, read into memory once, for the predicates to compare.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::id::{BlobId, BucketId, FolderId, ManifestId, TableId};
use crate::key;
use crate::record::{
    BlobRecord, BucketCounters, BucketRecord, Counters, GarbageRecord, LeaseRecord, ManifestPage,
    ObjectRecord, PartRecord, PiecePage, Record, Since, TableHead, UploadRecord,
};
use crate::store::{Space, Store, StoreError, Visit};
use crate::table::TablePage;

/// All records of a store.
#[derive(Debug, Default)]
pub(super) struct Census {
    pub(super) counters: Counters,
    pub(super) buckets: BTreeMap<BucketId, String>,
    pub(super) bucket_counters: BTreeMap<BucketId, BucketCounters>,
    pub(super) objects: Vec<(BucketId, ObjectRecord)>,
    pub(super) uploads: Vec<(BucketId, UploadRecord)>,
    pub(super) parts: BTreeMap<(ManifestId, u32), PartRecord>,
    pub(super) manifest_pages: BTreeMap<(ManifestId, u32), ManifestPage>,
    pub(super) piece_pages: BTreeMap<(ManifestId, u32), PiecePage>,
    pub(super) blobs: BTreeMap<BlobId, BlobRecord>,
    pub(super) tables: BTreeMap<TableId, TableHead>,
    pub(super) table_pages: BTreeSet<(TableId, u32)>,
    pub(super) leases: BTreeSet<FolderId>,
    pub(super) garbage: Vec<GarbageRecord>,
    pub(super) unreferenced: BTreeSet<BlobId>,
    pub(super) taken: BTreeSet<BlobId>,
}

impl Census {
    pub(super) fn take(store: &dyn Store) -> Result<Self, StoreError> {
        let mut census = Self::default();
        for space in Space::ALL {
            let mut entries = Ok(());
            store.scan(space, &[], &mut |key, value| {
                entries = census.enter(space, key, value);
                if entries.is_ok() { Visit::Next } else { Visit::Stop }
            })?;
            entries?;
        }
        Ok(census)
    }

    fn enter(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let stored = Bytes::copy_from_slice(value);
        match space {
            Space::System => self.counters = Counters::decode(stored)?,
            Space::Buckets => self.enter_bucket(key, stored)?,
            Space::Objects => {
                let bucket = BucketId::new(number(space, key)?);
                self.objects.push((bucket, ObjectRecord::decode(stored)?));
            }
            Space::Uploads => {
                let bucket = BucketId::new(number(space, key)?);
                self.uploads.push((bucket, UploadRecord::decode(stored)?));
            }
            Space::Parts => {
                let part = PartRecord::decode(stored)?;
                let manifest = ManifestId::new(number(space, key)?);
                self.parts.insert((manifest, part.number.get().into()), part);
            }
            Space::Manifests => {
                self.manifest_pages.insert(page(space, key)?, ManifestPage::decode(stored)?);
            }
            Space::Pieces => {
                self.piece_pages.insert(page(space, key)?, PiecePage::decode(stored)?);
            }
            Space::Blobs => {
                let blob = BlobId::new(number(space, key)?);
                self.blobs.insert(blob, BlobRecord::decode(stored)?);
            }
            Space::Tables => self.enter_table(key, stored)?,
            Space::Leases => {
                LeaseRecord::decode(stored)?;
                self.leases.insert(FolderId::new(number(space, key)?));
            }
            Space::Garbage => self.enter_garbage(key, stored)?,
        }
        Ok(())
    }

    fn enter_bucket(&mut self, key: &[u8], stored: Bytes) -> Result<(), StoreError> {
        if let Some(name) = key::bucket_name_of(key) {
            self.buckets.insert(BucketRecord::decode(stored)?.id, name.to_owned());
        } else {
            let id = key.get(1..).unwrap_or_default();
            let id = BucketId::new(number(Space::Buckets, id)?);
            self.bucket_counters.insert(id, BucketCounters::decode(stored)?);
        }
        Ok(())
    }

    fn enter_table(&mut self, key: &[u8], stored: Bytes) -> Result<(), StoreError> {
        let table = TableId::new(number(Space::Tables, key)?);
        if key == key::table_head(table) {
            self.tables.insert(table, TableHead::decode(stored)?);
        } else {
            TablePage::decode(&stored).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            self.table_pages.insert((table, page(Space::Tables, key)?.1));
        }
        Ok(())
    }

    fn enter_garbage(&mut self, key: &[u8], stored: Bytes) -> Result<(), StoreError> {
        if key::garbage_of(key).is_some() {
            self.garbage.push(GarbageRecord::decode(stored)?);
        } else if let Some(blob) = key::unreferenced_of(key) {
            Since::decode(stored)?;
            self.unreferenced.insert(blob);
        } else if let Some(blob) = key::taken_of(key) {
            Since::decode(stored)?;
            self.taken.insert(blob);
        } else {
            return Err(malformed(Space::Garbage, key));
        }
        Ok(())
    }
}

/// The number that a key begins with.
fn number(space: Space, key: &[u8]) -> Result<u64, StoreError> {
    let number = key.first_chunk().ok_or_else(|| malformed(space, key))?;
    Ok(u64::from_be_bytes(*number))
}

fn page(space: Space, key: &[u8]) -> Result<(ManifestId, u32), StoreError> {
    let page = key.get(8..).and_then(|page| page.try_into().ok());
    let page = page.ok_or_else(|| malformed(space, key))?;
    Ok((ManifestId::new(number(space, key)?), u32::from_be_bytes(page)))
}

fn malformed(space: Space, key: &[u8]) -> StoreError {
    StoreError::Corrupt(format!("a malformed key in {}: {key:02x?}", space.name()))
}
