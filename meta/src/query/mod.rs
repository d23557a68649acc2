//! Room: questions to the store. Nothing here changes anything.
//!
//! Each question reads what is committed at that moment; whoever asks several and needs them to agree holds an
//! epoch and compares generations. Invariants: what a record names exists; a record, page or part that is named
//! and missing is [`StoreError::Corrupt`], never "not found".

mod garbage;
mod list;
mod resolve;
mod space;
mod version;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use protocol::name::{BucketName, ObjectKey, UploadId};
use protocol::part::PartNumber;

pub use garbage::{BlobState, blob_states, garbage, lease, open_leases, to_unlink, unreferenced};
pub use list::{
    ListAsk, ListFrom, ListLine, ListPage, ObjectEntry, UploadEntry, VersionEntry, list_objects,
    list_uploads, list_versions, next_key,
};
pub use resolve::{
    exact_part, manifest_entries, object_part, object_parts, resolve, resolve_pieces,
};
pub use space::{named_ranges, owners, space_totals, sparse};
pub use version::{Named, fetch_versions, made_of, version};

use crate::id::{BlobId, BucketId, ManifestId, Sequence, TableId};
use crate::key;
use crate::record::{
    BlobRecord, BucketCounters, BucketRecord, ConfigKind, ConfigRecord, Counters, ManifestPage,
    ObjectRecord, PartFacts, PartRecord, PiecePage, Record, TableHead, UploadRecord,
};
use crate::store::{Space, Store, StoreError, Visit};
use crate::table::TablePage;

/// The last round that changed something; a new store has had none: 0.
pub fn last_sequence(store: &dyn Store) -> Result<Sequence, StoreError> {
    Ok(counters(store)?.last_sequence())
}

pub(crate) fn counters(store: &dyn Store) -> Result<Counters, StoreError> {
    Ok(read(store, Space::System, &key::counters())?.unwrap_or_default())
}

/// The bucket of this name.
pub fn bucket(store: &dyn Store, name: &BucketName) -> Result<Option<BucketRecord>, StoreError> {
    read(store, Space::Buckets, &key::bucket(name))
}

/// A configuration of a bucket; `None` if it has none of this kind.
pub fn config(
    store: &dyn Store,
    bucket: BucketId,
    kind: ConfigKind,
) -> Result<Option<ConfigRecord>, StoreError> {
    read(store, Space::Buckets, &key::config(bucket, kind))
}

/// A configuration of the bucket whose record was found under `name`; `None` if it has none of this kind, also if
/// it was taken away since.
///
/// # Errors
/// `Corrupt` if the bucket names one that is not there.
pub fn config_of(
    store: &dyn Store,
    name: &BucketName,
    record: &BucketRecord,
    kind: ConfigKind,
) -> Result<Option<ConfigRecord>, StoreError> {
    let Some(mut named) = record.config(kind) else { return Ok(None) };
    loop {
        if let Some(found) = config(store, record.id, kind)? {
            return Ok(Some(found));
        }
        // A generation is never used twice: the one that was named before is there unless it is not named any more.
        let now = bucket(store, name)?.filter(|now| now.id == record.id);
        match now.and_then(|now| now.config(kind)) {
            None => return Ok(None),
            Some(still) if still == named => {
                let (id, at) = (record.id, still.get());
                let found = format!("{kind:?} of bucket {id}, of generation {at}, is not there");
                return Err(StoreError::Corrupt(found));
            }
            Some(other) => named = other,
        }
    }
}

/// How much is in a bucket; `None` if it is gone.
pub fn bucket_counters(
    store: &dyn Store,
    bucket: BucketId,
) -> Result<Option<BucketCounters>, StoreError> {
    read(store, Space::Buckets, &key::bucket_counters(bucket))
}

/// At most `max` buckets by name, those that begin with `prefix` and come after `after`.
pub fn buckets(
    store: &dyn Store,
    prefix: &str,
    after: Option<&BucketName>,
    max: usize,
) -> Result<Vec<(BucketName, BucketRecord)>, StoreError> {
    let behind = after.map_or_else(Vec::new, |name| just_after(key::bucket(name)));
    let from = behind.max(key::bucket_names(prefix));
    collect(store, Space::Buckets, &from, max, |key, value| {
        let Some(name) = key::bucket_name_of(key) else { return Ok(None) };
        if !name.starts_with(prefix) {
            return Ok(None);
        }
        let name = BucketName::parse(name).map_err(|error| {
            StoreError::Corrupt(format!("a bucket is called {name:?}: {error}"))
        })?;
        Ok(Some((name, BucketRecord::decode(Bytes::copy_from_slice(value))?)))
    })
}

/// What a key names: its latest version, if that is data.
pub fn object(
    store: &dyn Store,
    bucket: BucketId,
    key: &ObjectKey,
) -> Result<Option<ObjectRecord>, StoreError> {
    read(store, Space::Objects, &key::object(bucket, key))
}

/// An open upload.
pub fn upload(
    store: &dyn Store,
    bucket: BucketId,
    key: &ObjectKey,
    upload_id: &UploadId,
) -> Result<Option<UploadRecord>, StoreError> {
    read(store, Space::Uploads, &key::upload(bucket, key, upload_id))
}

/// At most `max` parts of an open upload, ascending, those after `after`. For an object's manifest this may
/// include parts that the object does not have; ask [`manifest_entries`] there.
pub fn parts(
    store: &dyn Store,
    manifest: ManifestId,
    after: Option<PartNumber>,
    max: usize,
) -> Result<Vec<PartFacts>, StoreError> {
    let prefix = key::parts(manifest);
    let from = match after {
        None => prefix.clone(),
        Some(number) => just_after(key::part(manifest, number)),
    };
    collect(store, Space::Parts, &from, max, |key, value| {
        Ok(if key.starts_with(&prefix) { Some(PartFacts::decode(value)?) } else { None })
    })
}

/// One part; `None` if the manifest has no part of this number.
pub fn part(
    store: &dyn Store,
    manifest: ManifestId,
    number: PartNumber,
) -> Result<Option<PartRecord>, StoreError> {
    read(store, Space::Parts, &key::part(manifest, number))
}

/// A page that an object's record counts.
pub fn manifest_page(
    store: &dyn Store,
    manifest: ManifestId,
    page: u32,
) -> Result<ManifestPage, StoreError> {
    named(read(store, Space::Manifests, &key::page(manifest, page))?, "manifest page", page)
}

/// A page that a long list of pieces counts.
pub fn piece_page(store: &dyn Store, list: ManifestId, page: u32) -> Result<PiecePage, StoreError> {
    named(read(store, Space::Pieces, &key::page(list, page))?, "page of pieces", page)
}

/// A blob that some record names.
pub fn blob(store: &dyn Store, blob: BlobId) -> Result<BlobRecord, StoreError> {
    named(read(store, Space::Blobs, &key::blob(blob))?, "blob record", blob)
}

/// The head of the block table of a blob that some record names.
pub fn table_head(store: &dyn Store, table: TableId) -> Result<TableHead, StoreError> {
    named(read(store, Space::Tables, &key::table_head(table))?, "head of a block table", table)
}

/// One page of the block table of a blob that some record names.
pub fn table_page(store: &dyn Store, table: TableId, page: u32) -> Result<TablePage, StoreError> {
    let stored = store.get(Space::Tables, &key::table_page(table, page))?;
    let stored = named(stored, "page of a block table", table)?;
    TablePage::decode(&stored)
        .map_err(|error| StoreError::Corrupt(format!("page {page} of table {table}: {error}")))
}

fn read<R: Record>(store: &dyn Store, space: Space, key: &[u8]) -> Result<Option<R>, StoreError> {
    Ok(store.get(space, key)?.map(R::decode).transpose()?)
}

fn named<T>(found: Option<T>, what: &str, which: impl std::fmt::Display) -> Result<T, StoreError> {
    found.ok_or_else(|| StoreError::Corrupt(format!("a named {what} is missing: {which}")))
}

/// The smallest key greater than `key`.
fn just_after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

/// At most `max` entries from `from` on, up to the first of which `take` makes nothing.
fn collect<T>(
    store: &dyn Store,
    space: Space,
    from: &[u8],
    max: usize,
    mut take: impl FnMut(&[u8], &[u8]) -> Result<Option<T>, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Ok(Vec::new());
    if max == 0 {
        return found;
    }
    store.scan(space, from, &mut |key, value| {
        let Ok(list) = &mut found else { return Visit::Stop };
        match take(key, value) {
            Ok(Some(entry)) => list.push(entry),
            Ok(None) => return Visit::Stop,
            Err(error) => {
                found = Err(error);
                return Visit::Stop;
            }
        }
        // What comes behind the last one may be long to find: the marks of what was deleted there.
        if list.len() < max { Visit::Next } else { Visit::Stop }
    })?;
    found
}
