//! Room: all records of a store in memory, with what repairing needs of them: the keys, and what cannot be read.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use protocol::metadata::ObjectMetadata;
use protocol::name::{ObjectKey, UploadId};
use protocol::part::PartNumber;
use protocol::tagging::TagSet;

use super::judge::TABLE_PAGE_LEN;
use crate::fingerprint::Fingerprint;
use crate::id::{BlobId, BucketId, FolderId, Generation, ManifestId, TableId};
use crate::key::{self, GarbageKey};
use crate::record::{
    BlobRecord, BucketCounters, BucketRecord, ConfigKind, ConfigRecord, Content, Counters,
    GarbageRecord, LeaseRecord, ManifestNames, ManifestPage, NUMBER_MAX, ObjectRecord, OpenKey,
    Owner, OwnerMark, PartRecord, Piece, PieceList, PiecePage, Record, Since, TableHead,
    UploadRecord, VersionHead, VersionRecord,
};
use crate::store::{Space, Store, StoreError, Visit};
use crate::table::TablePage;

/// An upload, by bucket, key and identifier.
pub(super) type UploadPlace = (BucketId, ObjectKey, UploadId);

/// A version that lies apart from the objects, by bucket, key and generation.
pub(super) type VersionPlace = (BucketId, ObjectKey, Generation);

/// An object by bucket and key, and by its generation unless it lies among the objects.
pub(super) type ObjectPlace = (BucketId, ObjectKey, Option<Generation>);

#[derive(Default)]
pub(super) struct Census {
    pub(super) counters: Option<Counters>,
    pub(super) names: BTreeMap<String, BucketRecord>,
    /// Names of buckets whose record cannot be read, and the number that the record seems to hold.
    pub(super) damaged_names: Vec<(String, Option<BucketId>)>,
    pub(super) configs: BTreeMap<(BucketId, ConfigKind), Generation>,
    pub(super) bucket_counters: BTreeMap<BucketId, BucketCounters>,
    pub(super) open_keys: BTreeMap<(BucketId, ObjectKey), OpenKey>,
    /// The latest versions that are data, without metadata and tags.
    pub(super) objects: BTreeMap<(BucketId, ObjectKey), ObjectRecord>,
    /// All other versions, without metadata and tags.
    pub(super) versions: BTreeMap<VersionPlace, VersionRecord>,
    pub(super) version_heads: BTreeMap<(BucketId, ObjectKey), VersionHead>,
    pub(super) uploads: BTreeMap<UploadPlace, UploadRecord>,
    pub(super) parts: BTreeMap<(ManifestId, PartNumber), PartRecord>,
    pub(super) manifest_pages: BTreeMap<(ManifestId, u32), ManifestPage>,
    pub(super) manifest_names: BTreeMap<ManifestId, u64>,
    pub(super) piece_pages: BTreeMap<(ManifestId, u32), PiecePage>,
    pub(super) blobs: BTreeMap<BlobId, BlobRecord>,
    pub(super) tables: BTreeMap<TableId, TableHead>,
    pub(super) table_pages: BTreeMap<(TableId, u32), PageSum>,
    pub(super) leases: BTreeSet<FolderId>,
    pub(super) garbage: BTreeMap<GarbageKey, GarbageRecord>,
    pub(super) unreferenced: BTreeMap<BlobId, u64>,
    pub(super) taken: BTreeMap<BlobId, u64>,
    pub(super) sparse: BTreeMap<BlobId, u64>,
    pub(super) owners: BTreeSet<(BlobId, Owner)>,
    /// Records whose inline bytes are not what was written.
    pub(super) spoilt: BTreeSet<Owner>,
    /// What cannot be read, and why.
    pub(super) unreadable: BTreeMap<(Space, Bytes), String>,
}

/// What a page of a block table adds up to.
#[derive(Clone, Copy)]
pub(super) struct PageSum {
    pub(super) running: Fingerprint,
    pub(super) len: u64,
    /// The fingerprint of everything up to its end.
    pub(super) total: Fingerprint,
}

impl Census {
    /// Reads everything. What the store itself cannot read is an error.
    pub(super) fn take(store: &dyn Store) -> Result<Self, StoreError> {
        let mut census = Self::default();
        for space in Space::ALL {
            store.scan(space, &[], &mut |key, value| {
                if let Err(why) = census.enter(space, key, Bytes::copy_from_slice(value)) {
                    census.unreadable.insert((space, Bytes::copy_from_slice(key)), why);
                }
                Visit::Next
            })?;
        }
        Ok(census)
    }

    /// Every object, those of versions that lie apart included.
    pub(super) fn all_objects(&self) -> impl Iterator<Item = (ObjectPlace, &ObjectRecord)> {
        let latest = self.objects.iter();
        let latest = latest.map(|((bucket, key), object)| ((*bucket, key.clone(), None), object));
        let apart = self.versions.iter().filter_map(|((bucket, key, generation), version)| {
            let VersionRecord::Object(object) = version else { return None };
            Some(((*bucket, key.clone(), Some(*generation)), object))
        });
        latest.chain(apart)
    }

    /// The parts under a manifest.
    pub(super) fn parts_of(
        &self,
        manifest: ManifestId,
    ) -> impl Iterator<Item = (PartNumber, &PartRecord)> {
        let all = (manifest, PartNumber::MIN)..=(manifest, PartNumber::MAX);
        self.parts.range(all).map(|((_, number), part)| (*number, part))
    }

    /// Whether there is garbage that speaks of the uploads of this bucket.
    pub(super) fn is_going(&self, bucket: BucketId) -> bool {
        let going = |garbage: &GarbageRecord| *garbage == GarbageRecord::Bucket { bucket };
        self.garbage.values().any(going)
    }

    fn enter(&mut self, space: Space, key: &[u8], stored: Bytes) -> Result<(), String> {
        match space {
            Space::System if key == key::counters() => self.counters = Some(read(stored)?),
            Space::System => return Err(malformed()),
            Space::Buckets => self.enter_bucket(key, stored)?,
            Space::Objects => self.enter_object(key, stored)?,
            Space::Versions => self.enter_version(key, stored)?,
            Space::Uploads => {
                let place = key::upload_of(key).ok_or_else(malformed)?;
                let mut upload: UploadRecord = read(stored)?;
                if (upload.bucket, &upload.key) != (place.0, &place.1) {
                    return Err("it speaks of another upload".to_owned());
                }
                counted([upload.manifest.get(), upload.generation.get(), upload.bucket.get()])?;
                counted([upload.begun.get()])?;
                forget_texts(&mut upload.metadata, &mut upload.tags);
                self.uploads.insert(place, upload);
            }
            Space::Parts => self.enter_part(key, stored)?,
            Space::Manifests => match key::manifest_names_of(key) {
                Some(manifest) => {
                    counted([manifest.get()])?;
                    self.manifest_names.insert(manifest, read::<ManifestNames>(stored)?.count);
                }
                None => drop(self.manifest_pages.insert(page(key)?, read(stored)?)),
            },
            Space::Pieces => {
                let (list, page) = page(key)?;
                let mut pieces: PiecePage = read(stored)?;
                self.spoil(&mut pieces.pieces, || Owner::Page { list, page });
                self.piece_pages.insert((list, page), pieces);
            }
            Space::Blobs => {
                let blob = key::blob_of(key).ok_or_else(malformed)?;
                counted([blob.folder().get()])?;
                self.blobs.insert(blob, read(stored)?);
            }
            Space::Tables => self.enter_table(key, &stored)?,
            Space::Leases => {
                let folder = key::lease_of(key).ok_or_else(malformed)?;
                counted([folder.get()])?;
                read::<LeaseRecord>(stored)?;
                self.leases.insert(folder);
            }
            Space::Garbage => self.enter_garbage(key, stored)?,
            Space::Owners => {
                let owner = key::owner_of(key).ok_or_else(malformed)?;
                read::<OwnerMark>(stored)?;
                self.owners.insert(owner);
            }
        }
        Ok(())
    }

    fn enter_bucket(&mut self, key: &[u8], stored: Bytes) -> Result<(), String> {
        if let Some(name) = key::bucket_name_of(key) {
            // The number stands behind the version byte.
            let number = stored.get(1..9).and_then(|number| number.try_into().ok());
            let record = read::<BucketRecord>(stored);
            match record.and_then(|record| counted([record.id.get()]).map(|()| record)) {
                Ok(record) => drop(self.names.insert(name.to_owned(), record)),
                Err(why) => {
                    let number = number.map(|number| BucketId::new(u64::from_le_bytes(number)));
                    self.damaged_names.push((name.to_owned(), number));
                    return Err(why);
                }
            }
            return Ok(());
        }
        if let Some(open) = key::open_key_of(key) {
            let record: OpenKey = read(stored)?;
            counted([open.0.get()].into_iter().chain(record.touched.map(Generation::get)))?;
            self.open_keys.insert(open, record);
            return Ok(());
        }
        if let Some(at) = key::config_of(key) {
            let ConfigRecord { generation, .. } = read(stored)?;
            counted([at.0.get(), generation.get()])?;
            self.configs.insert(at, generation);
            return Ok(());
        }
        let id = key::bucket_counters_of(key).ok_or_else(malformed)?;
        counted([id.get()])?;
        self.bucket_counters.insert(id, read(stored)?);
        Ok(())
    }

    fn enter_object(&mut self, key: &[u8], stored: Bytes) -> Result<(), String> {
        let (bucket, text) = key.split_first_chunk().ok_or_else(malformed)?;
        let bucket = BucketId::new(u64::from_be_bytes(*bucket));
        let name = str::from_utf8(text).ok().and_then(|text| ObjectKey::parse(text).ok());
        let name = name.ok_or_else(malformed)?;
        let mut object: ObjectRecord = read(stored)?;
        counted([bucket.get()])?;
        self.take_in(&mut object, || Owner::Object { bucket, key: name.clone() })?;
        self.objects.insert((bucket, name), object);
        Ok(())
    }

    fn enter_version(&mut self, key: &[u8], stored: Bytes) -> Result<(), String> {
        let (bucket, name, generation) = key::version_of(key).ok_or_else(malformed)?;
        counted([bucket.get()])?;
        let Some(generation) = generation else {
            let head: VersionHead = read(stored)?;
            counted(head.marker.into_iter().chain(head.null).map(Generation::get))?;
            self.version_heads.insert((bucket, name), head);
            return Ok(());
        };
        let mut version: VersionRecord = read(stored)?;
        counted([generation.get()])?;
        if version.generation() != generation {
            return Err("it speaks of another version".to_owned());
        }
        // All versions of a key share its text with the head, which is before them.
        let name = match self.version_heads.last_key_value() {
            Some(((_, last), _)) if *last == name => last.clone(),
            _ => name,
        };
        if let VersionRecord::Object(object) = &mut version {
            self.take_in(object, || Owner::Version { bucket, key: name.clone(), generation })?;
        }
        self.versions.insert((bucket, name, generation), version);
        Ok(())
    }

    /// Looks at an object's record, and lets go of what only clients care for.
    fn take_in(
        &mut self,
        object: &mut ObjectRecord,
        owner: impl Fn() -> Owner,
    ) -> Result<(), String> {
        let parts = match &object.content {
            Content::Parts(manifest) | Content::Copied(manifest) => Some(manifest.id),
            Content::Pieces(list) => list_of(list),
        };
        counted([object.generation.get()])?;
        counted(parts.map(ManifestId::get))?;
        forget_texts(&mut object.metadata, &mut object.tags);
        if let Content::Pieces(PieceList::Short(pieces)) = &mut object.content {
            self.spoil(pieces, owner);
        }
        Ok(())
    }

    fn enter_part(&mut self, key: &[u8], stored: Bytes) -> Result<(), String> {
        let (manifest, number) = key.split_first_chunk().ok_or_else(malformed)?;
        let manifest = ManifestId::new(u64::from_be_bytes(*manifest));
        let number = number.try_into().ok().map(u16::from_be_bytes);
        let number = number.and_then(PartNumber::new).ok_or_else(malformed)?;
        let mut part: PartRecord = read(stored)?;
        if part.number != number {
            return Err("it speaks of another part".to_owned());
        }
        counted([manifest.get(), part.generation.get()])?;
        counted(list_of(&part.pieces).map(ManifestId::get))?;
        if let PieceList::Short(pieces) = &mut part.pieces {
            self.spoil(pieces, || Owner::Part { manifest, number });
        }
        self.parts.insert((manifest, number), part);
        Ok(())
    }

    /// Compares inline bytes with their fingerprint, and lets go of them.
    fn spoil(&mut self, pieces: &mut [Piece], owner: impl Fn() -> Owner) {
        for piece in pieces {
            if let Piece::Inline { bytes, fingerprint } = piece
                && Fingerprint::of(bytes) != *fingerprint
            {
                self.spoilt.insert(owner());
            }
            piece.forget_bytes();
        }
    }

    fn enter_table(&mut self, key: &[u8], stored: &Bytes) -> Result<(), String> {
        let (table, rest) = key.split_first_chunk().ok_or_else(malformed)?;
        let table = TableId::new(u64::from_be_bytes(*table));
        counted([BlobId::new(table.get()).folder().get()])?;
        if rest.is_empty() {
            self.tables.insert(table, read(stored.clone())?);
            return Ok(());
        }
        let number = u32::from_be_bytes(rest.try_into().ok().ok_or_else(malformed)?);
        let page = TablePage::decode(stored).map_err(|error| error.to_string())?;
        let blocks = page.count();
        let (last, last_len) = page.block(blocks - 1).expect("a page has a block");
        let before = page.running_before(blocks - 1).expect("the block is there");
        let sum = PageSum {
            running: page.running(),
            len: page.len(),
            total: before.then(last, last_len.into()),
        };
        self.table_pages.insert((table, number), sum);
        Ok(())
    }

    fn enter_garbage(&mut self, key: &[u8], stored: Bytes) -> Result<(), String> {
        if let Some(at) = key::garbage_of(key) {
            counted([at.sequence.get()])?;
            self.garbage.insert(at, read(stored)?);
        } else if let Some(blob) = key::unreferenced_of(key) {
            self.unreferenced.insert(blob, since(blob, stored)?);
        } else if let Some(blob) = key::taken_of(key) {
            self.taken.insert(blob, since(blob, stored)?);
        } else if let Some(blob) = key::sparse_of(key) {
            self.sparse.insert(blob, since(blob, stored)?);
        } else {
            return Err(malformed());
        }
        Ok(())
    }
}

impl PageSum {
    /// Whether another page may follow.
    pub(super) fn is_full(&self) -> bool {
        self.len == TABLE_PAGE_LEN
    }
}

/// What only clients care for.
fn forget_texts(metadata: &mut ObjectMetadata, tags: &mut TagSet) {
    *metadata = ObjectMetadata::default();
    *tags = TagSet::default();
}

fn read<R: Record>(stored: Bytes) -> Result<R, String> {
    R::decode(stored).map_err(|error| error.to_string())
}

fn since(blob: BlobId, stored: Bytes) -> Result<u64, String> {
    let since = read::<Since>(stored)?.sequence.get();
    counted([blob.folder().get(), since]).map(|()| since)
}

fn list_of(list: &PieceList) -> Option<ManifestId> {
    match list {
        PieceList::Long { list, .. } => Some(*list),
        PieceList::Short(_) => None,
    }
}

/// No counting comes to a higher number; nothing could follow it.
fn counted(numbers: impl IntoIterator<Item = u64>) -> Result<(), String> {
    let wrong = numbers.into_iter().find(|number| *number > NUMBER_MAX);
    wrong
        .map_or(Ok(()), |number| Err(format!("it has the number {number}, which nothing can have")))
}

fn page(key: &[u8]) -> Result<(ManifestId, u32), String> {
    let (id, page) = key.split_first_chunk().ok_or_else(malformed)?;
    let page = page.try_into().ok().ok_or_else(malformed)?;
    counted([u64::from_be_bytes(*id)])?;
    Ok((ManifestId::new(u64::from_be_bytes(*id)), u32::from_be_bytes(page)))
}

fn malformed() -> String {
    "the key is malformed".to_owned()
}
