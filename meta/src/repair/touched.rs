//! Room: what a store that cannot be read to its end still lets be told: which objects and parts a read would fail for.
//!
//! Memory: one record at a time. Each record that an object needs is asked for as a read would ask.

use bytes::Bytes;
use protocol::name::{BucketName, ObjectKey, VersionId};
use protocol::range::ByteRange;

use super::judge::TABLE_PAGE_LEN;
use crate::id::{BucketId, ManifestId};
use crate::key;
use crate::query;
use crate::record::{Content, ObjectRecord, Piece, PieceList, Record, VersionRecord};
use crate::store::{Space, Store, StoreError, Visit};

/// Tells `touched` each object that can be found and not be read whole, and why; of those that are not the latest version
/// of their key also which version. Objects whose own record cannot be found are not among them.
///
/// # Errors
/// [`StoreError::Failed`], and what ends the list of buckets.
pub fn touched(store: &dyn Store, touched: &mut Told<'_>) -> Result<(), StoreError> {
    for (name, bucket) in query::buckets(store, "", None, usize::MAX)? {
        for space in [Space::Objects, Space::Versions] {
            let mut from = key::object_text(bucket.id, "");
            loop {
                let (found, next) = objects_from(store, space, bucket.id, &from)?;
                for Found { key, version, object } in found {
                    match object.and_then(|object| read(store, &object)) {
                        Ok(()) => {}
                        Err(failed @ StoreError::Failed(_)) => return Err(failed),
                        Err(why) => touched(&name, &key, version, why),
                    }
                }
                let Some(next) = next else { break };
                from = next;
            }
        }
    }
    Ok(())
}

/// Who is told: bucket, key, version unless it is the latest, and why.
type Told<'a> = dyn FnMut(&BucketName, &ObjectKey, Option<VersionId>, StoreError) + 'a;

struct Found {
    key: ObjectKey,
    version: Option<VersionId>,
    object: Result<ObjectRecord, StoreError>,
}

/// The next objects of a bucket, up to what cannot be read, and where to go on.
fn objects_from(
    store: &dyn Store,
    space: Space,
    bucket: BucketId,
    from: &[u8],
) -> Result<(Vec<Found>, Option<Vec<u8>>), StoreError> {
    let (mut found, mut next, mut shown) = (Vec::new(), None, 0);
    let prefix = key::object_text(bucket, "");
    let scanned = store.scan(space, from, &mut |key, value| {
        if !key.starts_with(&prefix) {
            return Visit::Stop;
        }
        found.extend(entry(space, key, value));
        shown += 1;
        if shown < OBJECTS_AT_ONCE {
            return Visit::Next;
        }
        next = Some([key, &[0]].concat());
        Visit::Stop
    });
    match scanned {
        Err(failed @ StoreError::Failed(_)) => Err(failed),
        // Where a scan ends because of damage, the examination has told it.
        Err(StoreError::Corrupt(_)) | Ok(()) => Ok((found, next)),
    }
}

/// The object of an entry; none if it is a head or a delete marker, or has no name.
fn entry(space: Space, at: &[u8], value: &[u8]) -> Option<Found> {
    let value = Bytes::copy_from_slice(value);
    if space == Space::Objects {
        let text = str::from_utf8(at.get(8..)?).ok()?;
        let key = ObjectKey::parse(text).ok()?;
        let object = ObjectRecord::decode(value).map_err(StoreError::from);
        return Some(Found { key, version: None, object });
    }
    let (_, key, generation) = key::version_of(at)?;
    // A head has none.
    let generation = generation?;
    let (version, object) = match VersionRecord::decode(value) {
        Ok(VersionRecord::Marker(_)) => return None,
        Ok(VersionRecord::Object(object)) => (object.version(), Ok(object)),
        Err(error) => (VersionId::Number(generation.get()), Err(error.into())),
    };
    Some(Found { key, version: Some(version), object })
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
