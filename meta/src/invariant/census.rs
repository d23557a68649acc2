//! Room: everything a store holds, read into memory once, for the predicates to compare.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;

use crate::id::{BlobId, BucketId, FolderId, ManifestId, TableId};
use crate::key;
use crate::record::{
    BlobRecord, BucketCounters, BucketRecord, Counters, GarbageRecord, LeaseRecord, ManifestPage,
    ObjectRecord, PartRecord, PiecePage, Record, Since, TableHead, UploadRecord,
};
use crate::store::{Space, Store, StoreError, Visit};
use crate::table::TablePage;

/// A record that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Where it is.
    pub space: Space,
    /// Its key.
    pub key: Bytes,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { space, key, problem } = self;
        write!(f, "{} {}: {problem}", space.name(), key.escape_ascii())
    }
}

/// All records of a store that can be read.
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
    /// Reads everything, and says what could not be read. What the store itself cannot read of a space ends that
    /// space, not the others.
    pub(super) fn take(store: &dyn Store) -> Result<(Self, Vec<Unreadable>), StoreError> {
        let (mut census, mut unreadable) = (Self::default(), Vec::new());
        for space in Space::ALL {
            let mut last = Bytes::new();
            let scanned = store.scan(space, &[], &mut |key, value| {
                last = Bytes::copy_from_slice(key);
                if let Err(problem) = census.enter(space, key, value) {
                    unreadable.push(Unreadable { space, key: last.clone(), problem });
                }
                Visit::Next
            });
            match scanned {
                Err(StoreError::Corrupt(what)) => {
                    let problem = format!("nothing can be read behind this key: {what}");
                    unreadable.push(Unreadable { space, key: last, problem });
                }
                scanned => scanned?,
            }
        }
        Ok((census, unreadable))
    }

    fn enter(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<(), String> {
        let stored = Bytes::copy_from_slice(value);
        match space {
            Space::System => self.counters = read::<Counters>(stored)?,
            Space::Buckets => self.enter_bucket(key, stored)?,
            Space::Objects => {
                let bucket = BucketId::new(number(key)?);
                self.objects.push((bucket, read::<ObjectRecord>(stored)?));
            }
            Space::Uploads => {
                let bucket = BucketId::new(number(key)?);
                self.uploads.push((bucket, read::<UploadRecord>(stored)?));
            }
            Space::Parts => {
                let part = read::<PartRecord>(stored)?;
                let manifest = ManifestId::new(number(key)?);
                self.parts.insert((manifest, part.number.get().into()), part);
            }
            Space::Manifests => {
                self.manifest_pages.insert(page(key)?, read::<ManifestPage>(stored)?);
            }
            Space::Pieces => {
                self.piece_pages.insert(page(key)?, read::<PiecePage>(stored)?);
            }
            Space::Blobs => {
                let blob = BlobId::new(number(key)?);
                self.blobs.insert(blob, read::<BlobRecord>(stored)?);
            }
            Space::Tables => self.enter_table(key, stored)?,
            Space::Leases => {
                read::<LeaseRecord>(stored)?;
                self.leases.insert(FolderId::new(number(key)?));
            }
            Space::Garbage => self.enter_garbage(key, stored)?,
        }
        Ok(())
    }

    fn enter_bucket(&mut self, key: &[u8], stored: Bytes) -> Result<(), String> {
        if let Some(name) = key::bucket_name_of(key) {
            self.buckets.insert(read::<BucketRecord>(stored)?.id, name.to_owned());
        } else {
            let id = key.get(1..).unwrap_or_default();
            let id = BucketId::new(number(id)?);
            self.bucket_counters.insert(id, read::<BucketCounters>(stored)?);
        }
        Ok(())
    }

    fn enter_table(&mut self, key: &[u8], stored: Bytes) -> Result<(), String> {
        let table = TableId::new(number(key)?);
        if key == key::table_head(table) {
            self.tables.insert(table, read::<TableHead>(stored)?);
        } else {
            TablePage::decode(&stored).map_err(|error| error.to_string())?;
            self.table_pages.insert((table, page(key)?.1));
        }
        Ok(())
    }

    fn enter_garbage(&mut self, key: &[u8], stored: Bytes) -> Result<(), String> {
        if key::garbage_of(key).is_some() {
            self.garbage.push(read::<GarbageRecord>(stored)?);
        } else if let Some(blob) = key::unreferenced_of(key) {
            read::<Since>(stored)?;
            self.unreferenced.insert(blob);
        } else if let Some(blob) = key::taken_of(key) {
            read::<Since>(stored)?;
            self.taken.insert(blob);
        } else {
            return Err(malformed());
        }
        Ok(())
    }
}

fn read<R: Record>(stored: Bytes) -> Result<R, String> {
    R::decode(stored).map_err(|error| error.to_string())
}

/// The number that a key begins with.
fn number(key: &[u8]) -> Result<u64, String> {
    key.first_chunk().map(|number| u64::from_be_bytes(*number)).ok_or_else(malformed)
}

fn page(key: &[u8]) -> Result<(ManifestId, u32), String> {
    let page = key.get(8..).and_then(|page| page.try_into().ok()).ok_or_else(malformed)?;
    Ok((ManifestId::new(number(key)?), u32::from_be_bytes(page)))
}

fn malformed() -> String {
    "the key is malformed".to_owned()
}
