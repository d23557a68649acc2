//! Room: questions about what is to be let go of, and about folders in use: for the background tasks and the
//! sweep at start.

use bytes::Bytes;

use super::{collect, just_after, last_sequence, read};
use crate::id::{BlobId, FolderId, Sequence};
use crate::key::{self, GarbageKey};
use crate::record::{LeaseRecord, Record, Since};
use crate::store::{Space, Store, StoreError};

/// Where at most `max` garbage records are, oldest first, those after `after`. What they say only their release
/// needs to know: one that is damaged stands in nobody's way here.
pub fn garbage(
    store: &dyn Store,
    after: Option<GarbageKey>,
    max: usize,
) -> Result<Vec<GarbageKey>, StoreError> {
    let first = GarbageKey { sequence: Sequence::new(0), index: 0 };
    let from = after.map_or_else(|| key::garbage(first), |at| just_after(key::garbage(at)));
    collect(store, Space::Garbage, &from, max, |key, _| Ok(key::garbage_of(key)))
}

/// At most `max` blobs that nothing refers to, and since which round, those after `after`. They are to be taken.
pub fn unreferenced(
    store: &dyn Store,
    after: Option<BlobId>,
    max: usize,
) -> Result<Vec<(BlobId, Sequence)>, StoreError> {
    let first = BlobId::new(0);
    let from =
        after.map_or_else(|| key::unreferenced(first), |at| just_after(key::unreferenced(at)));
    let last = last_sequence(store)?;
    collect(store, Space::Garbage, &from, max, |key, value| {
        Ok(key::unreferenced_of(key).map(|blob| (blob, since(value, last))))
    })
}

/// At most `max` taken blobs, and since which round, those after `after`. Their files are to be unlinked, the
/// folders synced, and then the blobs forgotten.
pub fn to_unlink(
    store: &dyn Store,
    after: Option<BlobId>,
    max: usize,
) -> Result<Vec<(BlobId, Sequence)>, StoreError> {
    let first = BlobId::new(0);
    let from = after.map_or_else(|| key::taken(first), |at| just_after(key::taken(at)));
    let last = last_sequence(store)?;
    collect(store, Space::Garbage, &from, max, |key, value| {
        Ok(key::taken_of(key).map(|blob| (blob, since(value, last))))
    })
}

/// All leases that are not closed. At start they are what has to be swept.
pub fn open_leases(store: &dyn Store) -> Result<Vec<(FolderId, LeaseRecord)>, StoreError> {
    let from = key::lease(FolderId::new(0));
    collect(store, Space::Leases, &from, usize::MAX, |key, value| {
        let folder = key::lease_of(key)
            .ok_or_else(|| StoreError::Corrupt("a lease has a malformed key".to_owned()))?;
        Ok(Some((folder, LeaseRecord::decode(Bytes::copy_from_slice(value))?)))
    })
}

/// The lease of a folder, if it is open.
pub fn lease(store: &dyn Store, folder: FolderId) -> Result<Option<LeaseRecord>, StoreError> {
    read(store, Space::Leases, &key::lease(folder))
}

/// What the store knows of a blob's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobState {
    /// It has a record, sound or not: the file is needed, or will be let go of by way of garbage.
    Named,
    /// It has been taken: the file is to be unlinked.
    Taken,
    /// Nobody names it.
    Unknown,
}

/// What the store knows of each of `blobs`, in their order.
pub fn blob_states(store: &dyn Store, blobs: &[BlobId]) -> Result<Vec<BlobState>, StoreError> {
    let state = |blob: &BlobId| -> Result<BlobState, StoreError> {
        if store.get(Space::Blobs, &key::blob(*blob))?.is_some() {
            return Ok(BlobState::Named);
        }
        Ok(match store.get(Space::Garbage, &key::taken(*blob))? {
            Some(_) => BlobState::Taken,
            None => BlobState::Unknown,
        })
    };
    blobs.iter().map(state).collect()
}

/// Since when a mark is there. One that cannot be read is as good as one made in the `last` round.
pub(super) fn since(value: &[u8], last: Sequence) -> Sequence {
    Since::decode(Bytes::copy_from_slice(value)).map_or(last, |since| since.sequence)
}
