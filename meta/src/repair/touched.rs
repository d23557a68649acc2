//! Room: what a store that cannot be read to its end still lets be told: which objects and parts a read would fail for.
//!
//! Memory: one record at a time. Each record that an object needs is asked for as a read would ask.

use bytes::Bytes;
use protocol::name::{BucketName, ObjectKey};
use protocol::range::ByteRange;

use super::judge::TABLE_PAGE_LEN;
use crate::id::{BucketId, ManifestId};
use crate::key;
use crate::query;
use crate::record::{Content, ObjectRecord, Piece, PieceList, Record};
use crate::store::{Space, Store, StoreError, Visit};

/// Tells `touched` each object that can be found and not be read whole, and why. Objects whose own record cannot be
/// found are not among them.
///
/// # Errors
/// [`StoreError::Failed`], and what ends the list of buckets.
pub fn touched(
    store: &dyn Store,
    touched: &mut dyn FnMut(&BucketName, &ObjectKey, StoreError),
) -> Result<(), StoreError> {
    for (name, bucket) in query::buckets(store, "", None, usize::MAX)? {
        let mut from = key::object_text(bucket.id, "");
        loop {
            let found = objects_from(store, bucket.id, &from)?;
            let Some((last, _)) = found.last() else { break };
            from = key::object(bucket.id, last);
            from.push(0);
            for (key, object) in found {
                match object.and_then(|object| read(store, &object)) {
                    Ok(()) => {}
                    Err(failed @ StoreError::Failed(_)) => return Err(failed),
                    Err(why) => touched(&name, &key, why),
                }
            }
        }
    }
    Ok(())
}

type Found = (ObjectKey, Result<ObjectRecord, StoreError>);

/// The next objects of a bucket, up to what cannot be read.
fn objects_from(
    store: &dyn Store,
    bucket: BucketId,
    from: &[u8],
) -> Result<Vec<Found>, StoreError> {
    let mut found = Vec::new();
    let scanned = store.scan(Space::Objects, from, &mut |key, value| {
        let Some(Ok(text)) = key::object_key_of(bucket, key) else { return Visit::Stop };
        if let Ok(name) = ObjectKey::parse(text) {
            let object = ObjectRecord::decode(Bytes::copy_from_slice(value));
            found.push((name, object.map_err(StoreError::from)));
        }
        if found.len() < OBJECTS_AT_ONCE { Visit::Next } else { Visit::Stop }
    });
    match scanned {
        Err(failed @ StoreError::Failed(_)) => Err(failed),
        // Where a scan ends because of damage, the examination has told it.
        Err(StoreError::Corrupt(_)) | Ok(()) => Ok(found),
    }
}

/// Asks for every record that a read of the whole object needs.
fn read(store: &dyn Store, object: &ObjectRecord) -> Result<(), StoreError> {
    match &object.content {
        Content::Pieces(list) => read_list(store, list),
        Content::Parts(manifest) | Content::Copied(manifest) => {
            (0..manifest.pages()).try_for_each(|page| read_parts(store, manifest.id, page))
        }
    }
}

fn read_parts(store: &dyn Store, manifest: ManifestId, page: u32) -> Result<(), StoreError> {
    for entry in query::manifest_page(store, manifest, page)?.entries {
        let part = query::part(store, manifest, entry.number)?;
        let part =
            part.ok_or_else(|| StoreError::Corrupt(format!("part {} is missing", entry.number)))?;
        read_list(store, &part.pieces)?;
    }
    Ok(())
}

fn read_list(store: &dyn Store, list: &PieceList) -> Result<(), StoreError> {
    match list {
        PieceList::Short(pieces) => read_pieces(store, pieces),
        PieceList::Long { list, page_starts, .. } => {
            (0..).zip(page_starts).try_for_each(|(page, _)| {
                read_pieces(store, &query::piece_page(store, *list, page)?.pieces)
            })
        }
    }
}

fn read_pieces(store: &dyn Store, pieces: &[Piece]) -> Result<(), StoreError> {
    for extent in pieces.iter().filter_map(Piece::extent) {
        query::blob(store, extent.blob)?;
        let range: ByteRange = extent.table_range();
        for page in range.start() / TABLE_PAGE_LEN..=(range.end() - 1) / TABLE_PAGE_LEN {
            let page =
                u32::try_from(page).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            query::table_page(store, extent.table, page)?;
        }
    }
    Ok(())
}

/// Objects that are looked up before the next are listed.
const OBJECTS_AT_ONCE: usize = 1000;
