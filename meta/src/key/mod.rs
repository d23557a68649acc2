//! Room: the keys of every space, in an order that scans can rely on.
//!
//! Numbers are big-endian, so that they sort as numbers. In the spaces of uploads and versions an object key is followed by
//! more, so it is escaped: a zero byte becomes 00 FF and the end is 00 00, which sorts before everything that
//! could follow; thus uploads sort by key and then by upload identifier (whose front is the time it was opened), and versions by
//! key and then from the newest to the oldest, since their generations are stored inverted.
//! Invariants: distinct things have distinct keys; golden bytes in the tests hold the layouts fast.

use std::str::Utf8Error;

use protocol::name::{BucketName, ObjectKey, UploadId};
use protocol::part::PartNumber;

use crate::id::{BlobId, BucketId, FolderId, Generation, ManifestId, Sequence, TableId};
use crate::record::{ConfigKind, Owner};

/// Where a garbage record is kept: oldest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GarbageKey {
    /// The round since which no name reaches what the record speaks of.
    pub sequence: Sequence,
    /// Its number within that round.
    pub index: u32,
}

/// System: the one record of counters.
pub fn counters() -> Vec<u8> {
    b"counters".to_vec()
}

/// Buckets: a bucket's record, by name.
pub fn bucket(name: &BucketName) -> Vec<u8> {
    [&[BUCKET_NAME], name.as_str().as_bytes()].concat()
}

/// Buckets: where the records of names that begin with `prefix` stand.
pub fn bucket_names(prefix: &str) -> Vec<u8> {
    [&[BUCKET_NAME], prefix.as_bytes()].concat()
}

/// The name in a key of [`bucket`]; `None` for other keys.
pub fn bucket_name_of(key: &[u8]) -> Option<&str> {
    str::from_utf8(key.strip_prefix(&[BUCKET_NAME])?).ok()
}

/// Buckets: how much is in a bucket, by identifier.
pub fn bucket_counters(bucket: BucketId) -> Vec<u8> {
    [&[BUCKET_COUNTERS][..], &bucket.get().to_be_bytes()].concat()
}

/// The bucket of a key of [`bucket_counters`]; `None` for other keys.
pub fn bucket_counters_of(key: &[u8]) -> Option<BucketId> {
    let id = key.strip_prefix(&[BUCKET_COUNTERS])?.try_into().ok()?;
    Some(BucketId::new(u64::from_be_bytes(id)))
}

/// Buckets: a key with open uploads.
pub fn open_key(bucket: BucketId, key: &ObjectKey) -> Vec<u8> {
    [&[OPEN_KEY][..], &bucket.get().to_be_bytes(), key.as_str().as_bytes()].concat()
}

/// The key in a key of [`open_key`]; `None` for other keys.
pub fn open_key_of(key: &[u8]) -> Option<(BucketId, ObjectKey)> {
    let (bucket, text) = key.strip_prefix(&[OPEN_KEY])?.split_first_chunk()?;
    let key = ObjectKey::parse(str::from_utf8(text).ok()?).ok()?;
    Some((BucketId::new(u64::from_be_bytes(*bucket)), key))
}

/// Buckets: a configuration of a bucket.
pub fn config(bucket: BucketId, kind: ConfigKind) -> Vec<u8> {
    [&[BUCKET_CONFIG][..], &bucket.get().to_be_bytes(), &[kind as u8]].concat()
}

/// The configuration in a key of [`config`]; `None` for other keys.
pub fn config_of(key: &[u8]) -> Option<(BucketId, ConfigKind)> {
    let (bucket, kind) = key.strip_prefix(&[BUCKET_CONFIG])?.split_first_chunk()?;
    let &[kind] = kind else { return None };
    Some((BucketId::new(u64::from_be_bytes(*bucket)), ConfigKind::from_number(kind)?))
}

/// Objects: one object.
pub fn object(bucket: BucketId, key: &ObjectKey) -> Vec<u8> {
    object_text(bucket, key.as_str())
}

/// Objects: where a text stands or would stand among a bucket's keys.
pub fn object_text(bucket: BucketId, text: &str) -> Vec<u8> {
    [&bucket.get().to_be_bytes(), text.as_bytes()].concat()
}

/// The object key in a key of [`object`]; `None` if it is of another bucket, an error if it is no text.
pub fn object_key_of(bucket: BucketId, key: &[u8]) -> Option<Result<&str, Utf8Error>> {
    key.strip_prefix(&bucket.get().to_be_bytes()).map(str::from_utf8)
}

/// Uploads: one open upload.
pub fn upload(bucket: BucketId, key: &ObjectKey, upload: &UploadId) -> Vec<u8> {
    let mut bytes = uploads_of(bucket, key.as_str());
    bytes.extend_from_slice(upload.as_bytes());
    bytes
}

/// Versions: what is counted of one key's versions; also what the keys of all of them begin with.
pub fn version_head(bucket: BucketId, key: &ObjectKey) -> Vec<u8> {
    let mut bytes = versions_under(bucket, key.as_str());
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

/// Versions: one version. The newest of a key comes first.
pub fn version(bucket: BucketId, key: &ObjectKey, generation: Generation) -> Vec<u8> {
    let mut bytes = version_head(bucket, key);
    bytes.extend_from_slice(&(!generation.get()).to_be_bytes());
    bytes
}

/// Versions: where the newest version of a key stands or would stand, behind its head.
pub fn first_version(bucket: BucketId, key: &ObjectKey) -> Vec<u8> {
    version(bucket, key, Generation::new(u64::MAX))
}

/// Versions: what the keys of all versions and heads begin with whose object keys begin with `text`.
pub fn versions_under(bucket: BucketId, text: &str) -> Vec<u8> {
    let mut bytes = versions(bucket);
    escape(text, &mut bytes);
    bytes
}

/// Versions: what the keys of a bucket's versions begin with.
pub fn versions(bucket: BucketId) -> Vec<u8> {
    bucket.get().to_be_bytes().to_vec()
}

/// The version of a key of [`version`], or the object key of a [`version_head`]; `None` if it is neither.
pub fn version_of(key: &[u8]) -> Option<(BucketId, ObjectKey, Option<Generation>)> {
    let (bucket, rest) = key.split_first_chunk()?;
    let (name, rest) = unescape(rest)?;
    let generation = match rest {
        [] => None,
        rest => Some(Generation::new(!u64::from_be_bytes(rest.try_into().ok()?))),
    };
    Some((BucketId::new(u64::from_be_bytes(*bucket)), name, generation))
}

/// Uploads: what the keys of all uploads of one object key begin with.
pub fn uploads_of(bucket: BucketId, key: &str) -> Vec<u8> {
    let mut bytes = uploads_under(bucket, key);
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

/// Uploads: what the keys of all uploads begin with whose object keys begin with `text`.
pub fn uploads_under(bucket: BucketId, text: &str) -> Vec<u8> {
    let mut bytes = uploads(bucket);
    escape(text, &mut bytes);
    bytes
}

/// The upload of a key of [`upload`]; `None` if it is none.
pub fn upload_of(key: &[u8]) -> Option<(BucketId, ObjectKey, UploadId)> {
    let (bucket, rest) = key.split_first_chunk()?;
    let (name, upload) = unescape(rest)?;
    let bucket = BucketId::new(u64::from_be_bytes(*bucket));
    Some((bucket, name, UploadId::from_bytes(upload.try_into().ok()?)))
}

/// Writes the front of an object key, without its end.
fn escape(text: &str, to: &mut Vec<u8>) {
    for byte in text.bytes() {
        to.push(byte);
        if byte == 0 {
            to.push(0xff);
        }
    }
}

/// The object key that `bytes` begin with, and what stands behind its end.
fn unescape(bytes: &[u8]) -> Option<(ObjectKey, &[u8])> {
    let mut name = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        match rest {
            [0, 0, behind @ ..] => {
                let name = ObjectKey::parse(str::from_utf8(&name).ok()?).ok()?;
                return Some((name, behind));
            }
            [0, 0xff, behind @ ..] => {
                name.push(0);
                rest = behind;
            }
            [0, ..] | [] => return None,
            [byte, behind @ ..] => {
                name.push(*byte);
                rest = behind;
            }
        }
    }
}

/// Uploads: what the keys of a bucket's uploads begin with.
pub fn uploads(bucket: BucketId) -> Vec<u8> {
    bucket.get().to_be_bytes().to_vec()
}

/// Parts: one part.
pub fn part(manifest: ManifestId, number: PartNumber) -> Vec<u8> {
    part_after(manifest, number.get())
}

/// Parts: what the keys of a manifest's parts begin with.
pub fn parts(manifest: ManifestId) -> Vec<u8> {
    manifest.get().to_be_bytes().to_vec()
}

/// Parts: where a part of this number stands or would stand.
pub fn part_after(manifest: ManifestId, number: u16) -> Vec<u8> {
    [&manifest.get().to_be_bytes()[..], &number.to_be_bytes()].concat()
}

/// Manifests: one page of a manifest; pieces: one page of a long list.
pub fn page(manifest: ManifestId, page: u32) -> Vec<u8> {
    [&manifest.get().to_be_bytes()[..], &page.to_be_bytes()].concat()
}

/// Manifests: how many records name one.
pub fn manifest_names(manifest: ManifestId) -> Vec<u8> {
    manifest.get().to_be_bytes().to_vec()
}

/// The manifest in a key of [`manifest_names`]; `None` for other keys.
pub fn manifest_names_of(key: &[u8]) -> Option<ManifestId> {
    Some(ManifestId::new(u64::from_be_bytes(key.try_into().ok()?)))
}

/// Blobs: one blob.
pub fn blob(blob: BlobId) -> Vec<u8> {
    blob.get().to_be_bytes().to_vec()
}

/// The blob of a key of [`blob`].
pub fn blob_of(key: &[u8]) -> Option<BlobId> {
    Some(BlobId::new(u64::from_be_bytes(key.try_into().ok()?)))
}

/// Tables: the head of a block table.
pub fn table_head(table: TableId) -> Vec<u8> {
    table.get().to_be_bytes().to_vec()
}

/// Tables: one page of a block table.
pub fn table_page(table: TableId, page: u32) -> Vec<u8> {
    [&table.get().to_be_bytes()[..], &page.to_be_bytes()].concat()
}

/// Leases: one open lease.
pub fn lease(folder: FolderId) -> Vec<u8> {
    folder.get().to_be_bytes().to_vec()
}

/// The folder of a key of [`lease`].
pub fn lease_of(key: &[u8]) -> Option<FolderId> {
    Some(FolderId::new(u64::from_be_bytes(key.try_into().ok()?)))
}

/// Garbage: one record.
pub fn garbage(at: GarbageKey) -> Vec<u8> {
    let mut bytes = vec![GARBAGE];
    bytes.extend_from_slice(&at.sequence.get().to_be_bytes());
    bytes.extend_from_slice(&at.index.to_be_bytes());
    bytes
}

/// The place in a key of [`garbage`]; `None` for other keys.
pub fn garbage_of(key: &[u8]) -> Option<GarbageKey> {
    let (sequence, index) = key.strip_prefix(&[GARBAGE])?.split_first_chunk()?;
    Some(GarbageKey {
        sequence: Sequence::new(u64::from_be_bytes(*sequence)),
        index: u32::from_be_bytes(index.try_into().ok()?),
    })
}

/// Garbage: the mark of a taken blob, whose file is to be unlinked.
pub fn taken(blob: BlobId) -> Vec<u8> {
    [&[TAKEN][..], &blob.get().to_be_bytes()].concat()
}

/// The blob in a key of [`taken`]; `None` for other keys.
pub fn taken_of(key: &[u8]) -> Option<BlobId> {
    blob_of(key.strip_prefix(&[TAKEN])?)
}

/// Garbage: the mark of a blob that nothing refers to.
pub fn unreferenced(blob: BlobId) -> Vec<u8> {
    [&[UNREFERENCED][..], &blob.get().to_be_bytes()].concat()
}

/// The blob in a key of [`unreferenced`]; `None` for other keys.
pub fn unreferenced_of(key: &[u8]) -> Option<BlobId> {
    blob_of(key.strip_prefix(&[UNREFERENCED])?)
}

/// Garbage: the mark of a blob of which little is named.
pub fn sparse(blob: BlobId) -> Vec<u8> {
    [&[SPARSE][..], &blob.get().to_be_bytes()].concat()
}

/// The blob in a key of [`sparse`]; `None` for other keys.
pub fn sparse_of(key: &[u8]) -> Option<BlobId> {
    blob_of(key.strip_prefix(&[SPARSE])?)
}

/// Owners: that `owner` names `blob`.
pub fn owner(blob: BlobId, owner: &Owner) -> Vec<u8> {
    let mut bytes = owners(blob);
    match owner {
        Owner::Object { bucket, key } => {
            bytes.push(OWNER_OBJECT);
            bytes.extend_from_slice(&object(*bucket, key));
        }
        Owner::Version { bucket, key, generation } => {
            bytes.push(OWNER_VERSION);
            bytes.extend_from_slice(&version(*bucket, key, *generation));
        }
        Owner::Part { manifest, number } => {
            bytes.push(OWNER_PART);
            bytes.extend_from_slice(&part(*manifest, *number));
        }
        Owner::Page { list, page: number } => {
            bytes.push(OWNER_PAGE);
            bytes.extend_from_slice(&page(*list, *number));
        }
    }
    bytes
}

/// Owners: what the keys of a blob's owners begin with.
pub fn owners(blob: BlobId) -> Vec<u8> {
    blob.get().to_be_bytes().to_vec()
}

/// The blob and its owner in a key of [`owner`]; `None` if it is none.
pub fn owner_of(key: &[u8]) -> Option<(BlobId, Owner)> {
    let (blob, rest) = key.split_first_chunk()?;
    let (kind, place) = rest.split_first()?;
    let (id, rest) = place.split_first_chunk()?;
    let id = u64::from_be_bytes(*id);
    let owner = match *kind {
        OWNER_OBJECT => Owner::Object {
            bucket: BucketId::new(id),
            key: ObjectKey::parse(str::from_utf8(rest).ok()?).ok()?,
        },
        OWNER_VERSION => {
            let (bucket, key, generation) = version_of(place)?;
            Owner::Version { bucket, key, generation: generation? }
        }
        OWNER_PART => Owner::Part {
            manifest: ManifestId::new(id),
            number: PartNumber::new(u16::from_be_bytes(rest.try_into().ok()?))?,
        },
        OWNER_PAGE => Owner::Page {
            list: ManifestId::new(id),
            page: u32::from_be_bytes(rest.try_into().ok()?),
        },
        _ => return None,
    };
    Some((BlobId::new(u64::from_be_bytes(*blob)), owner))
}

/// The first key after all keys that begin with `prefix`; `None` if there can be none.
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

const BUCKET_CONFIG: u8 = b'f';
const BUCKET_COUNTERS: u8 = b'c';
const BUCKET_NAME: u8 = b'n';
const GARBAGE: u8 = b'g';
/// In front of the names, so that what was deleted here is in the way of nobody who lists them.
const OPEN_KEY: u8 = b'k';
const OWNER_OBJECT: u8 = b'o';
const OWNER_PAGE: u8 = b'l';
const OWNER_PART: u8 = b'p';
const OWNER_VERSION: u8 = b'v';
const SPARSE: u8 = b's';
const TAKEN: u8 = b't';
const UNREFERENCED: u8 = b'u';

#[cfg(test)]
mod tests;
