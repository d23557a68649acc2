//! Room: everything a store holds, read into memory once, for the predicates to compare.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use protocol::metadata::ObjectMetadata;
use protocol::name::ObjectKey;
use protocol::part::PartNumber;
use protocol::tagging::TagSet;
use protocol::versioning::Versioning;

use crate::fingerprint::Fingerprint;
use crate::id::{BlobId, BucketId, FolderId, Generation, ManifestId, TableId};
use crate::key::{self, GarbageKey};
use crate::record::{
    BlobRecord, BucketCounters, BucketRecord, ConfigKind, ConfigRecord, Content, Counters,
    GarbageRecord, LeaseRecord, ManifestNames, ManifestPage, ObjectRecord, OpenKey, Owner,
    OwnerMark, PartRecord, Piece, PieceList, PiecePage, Record, Since, TableHead, UploadRecord,
    VersionHead, VersionRecord,
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

/// How much is asked of what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Depth {
    /// What is compared between records.
    #[default]
    Records,
    /// Also whether the blocks of each page of a block table add up, which takes 256 times as long.
    Blocks,
}

/// A version that lies apart from the objects, by bucket, key and generation.
pub(super) type VersionPlace = (BucketId, ObjectKey, Generation);

/// All records of a store that can be read, without metadata and tags.
#[derive(Debug, Default)]
pub(super) struct Census {
    depth: Depth,
    pub(super) counters: Counters,
    pub(super) buckets: BTreeMap<BucketId, Versioning>,
    /// The configurations that buckets name, and those that there are.
    pub(super) named_configs: BTreeMap<(BucketId, ConfigKind), Generation>,
    pub(super) configs: BTreeMap<(BucketId, ConfigKind), Generation>,
    pub(super) bucket_counters: BTreeMap<BucketId, BucketCounters>,
    pub(super) open_keys: BTreeMap<(BucketId, ObjectKey), OpenKey>,
    /// The latest versions that are data.
    pub(super) objects: BTreeMap<(BucketId, ObjectKey), ObjectRecord>,
    pub(super) versions: BTreeMap<VersionPlace, VersionRecord>,
    pub(super) version_heads: BTreeMap<(BucketId, ObjectKey), VersionHead>,
    pub(super) uploads: Vec<(BucketId, UploadRecord)>,
    pub(super) parts: BTreeMap<(ManifestId, PartNumber), PartRecord>,
    pub(super) manifest_pages: BTreeMap<(ManifestId, u32), ManifestPage>,
    pub(super) manifest_names: BTreeMap<ManifestId, u64>,
    pub(super) piece_pages: BTreeMap<(ManifestId, u32), PiecePage>,
    pub(super) blobs: BTreeMap<BlobId, BlobRecord>,
    pub(super) tables: BTreeMap<TableId, TableHead>,
    pub(super) table_pages: BTreeMap<(TableId, u32), TablePageSum>,
    pub(super) leases: BTreeSet<FolderId>,
    pub(super) garbage: BTreeMap<GarbageKey, GarbageRecord>,
    pub(super) unreferenced: BTreeSet<BlobId>,
    pub(super) taken: BTreeSet<BlobId>,
    pub(super) sparse: BTreeSet<BlobId>,
    pub(super) owners: BTreeSet<(BlobId, Owner)>,
}

impl Census {
    /// Reads everything, and says what could not be read. What the store itself cannot read of a space ends that
    /// space, not the others.
    pub(super) fn take(
        store: &dyn Store,
        depth: Depth,
    ) -> Result<(Self, Vec<Unreadable>), StoreError> {
        let (mut census, mut unreadable) = (Self { depth, ..Self::default() }, Vec::new());
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

    /// Every object's record, those of versions that are not the latest included.
    pub(super) fn all_objects(&self) -> impl Iterator<Item = &ObjectRecord> {
        let apart = self.versions.values().filter_map(|version| match version {
            VersionRecord::Object(object) => Some(object),
            VersionRecord::Marker(_) => None,
        });
        self.objects.values().chain(apart)
    }

    /// Every list of pieces that an object or a part holds.
    pub(super) fn piece_lists(&self) -> impl Iterator<Item = &PieceList> {
        let objects = self.all_objects().filter_map(|object| match &object.content {
            Content::Pieces(pieces) => Some(pieces),
            Content::Parts(_) | Content::Copied(_) => None,
        });
        objects.chain(self.parts.values().map(|part| &part.pieces))
    }

    /// The parts that there are under a manifest.
    pub(super) fn parts_under(
        &self,
        manifest: ManifestId,
    ) -> impl Iterator<Item = (ManifestId, PartNumber)> {
        let first = (manifest, PartNumber::MIN);
        let parts = self.parts.range(first..).take_while(move |((of, _), _)| *of == manifest);
        parts.map(|(part, _)| *part)
    }

    fn enter(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<(), String> {
        let stored = Bytes::copy_from_slice(value);
        match space {
            Space::System => self.counters = read::<Counters>(stored)?,
            Space::Buckets => self.enter_bucket(key, stored)?,
            Space::Objects => {
                let bucket = BucketId::new(number(key)?);
                let name = key::object_key_of(bucket, key).and_then(Result::ok);
                let name =
                    name.and_then(|name| ObjectKey::parse(name).ok()).ok_or_else(malformed)?;
                let mut object = read::<ObjectRecord>(stored)?;
                forget(&mut object);
                self.objects.insert((bucket, name), object);
            }
            Space::Versions => self.enter_version(key, stored)?,
            Space::Uploads => {
                let bucket = BucketId::new(number(key)?);
                let mut upload = read::<UploadRecord>(stored)?;
                forget_texts(&mut upload.metadata, &mut upload.tags);
                self.uploads.push((bucket, upload));
            }
            Space::Parts => {
                let part = read::<PartRecord>(stored)?;
                let manifest = ManifestId::new(number(key)?);
                if key != key::part(manifest, part.number) {
                    return Err(format!("it says that it is part {}", part.number));
                }
                self.parts.insert((manifest, part.number), part);
            }
            Space::Manifests => match key::manifest_names_of(key) {
                Some(manifest) => {
                    self.manifest_names.insert(manifest, read::<ManifestNames>(stored)?.count);
                }
                None => {
                    self.manifest_pages.insert(page(key)?, read::<ManifestPage>(stored)?);
                }
            },
            Space::Pieces => {
                let mut pieces: PiecePage = read(stored)?;
                // Else the bytes of all small objects would be in memory.
                pieces.pieces.iter_mut().for_each(Piece::forget_bytes);
                self.piece_pages.insert(page(key)?, pieces);
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
            Space::Owners => {
                read::<OwnerMark>(stored)?;
                self.owners.insert(key::owner_of(key).ok_or_else(malformed)?);
            }
        }
        Ok(())
    }

    fn enter_bucket(&mut self, key: &[u8], stored: Bytes) -> Result<(), String> {
        if key::bucket_name_of(key).is_some() {
            let BucketRecord { id, versioning, configs, .. } = read(stored)?;
            self.buckets.insert(id, versioning);
            let named = configs.into_iter().map(|(kind, generation)| ((id, kind), generation));
            self.named_configs.extend(named);
        } else if let Some(config) = key::config_of(key) {
            self.configs.insert(config, read::<ConfigRecord>(stored)?.generation);
        } else if let Some(open) = key::open_key_of(key) {
            self.open_keys.insert(open, read::<OpenKey>(stored)?);
        } else {
            let id = key.get(1..).unwrap_or_default();
            let id = BucketId::new(number(id)?);
            self.bucket_counters.insert(id, read::<BucketCounters>(stored)?);
        }
        Ok(())
    }

    fn enter_version(&mut self, key: &[u8], stored: Bytes) -> Result<(), String> {
        let (bucket, name, generation) = key::version_of(key).ok_or_else(malformed)?;
        let Some(generation) = generation else {
            self.version_heads.insert((bucket, name), read::<VersionHead>(stored)?);
            return Ok(());
        };
        let mut version = read::<VersionRecord>(stored)?;
        if version.generation() != generation {
            return Err(format!("it says that it is version {}", version.generation()));
        }
        if let VersionRecord::Object(object) = &mut version {
            forget(object);
        }
        // All versions of a key share its text with the head, which is before them.
        let name = match self.version_heads.last_key_value() {
            Some(((_, last), _)) if *last == name => last.clone(),
            _ => name,
        };
        self.versions.insert((bucket, name, generation), version);
        Ok(())
    }

    fn enter_table(&mut self, key: &[u8], stored: Bytes) -> Result<(), String> {
        let table = TableId::new(number(key)?);
        if key == key::table_head(table) {
            self.tables.insert(table, read::<TableHead>(stored)?);
        } else {
            let stored = TablePage::decode(&stored).map_err(|error| error.to_string())?;
            self.table_pages.insert((table, page(key)?.1), TablePageSum::of(&stored, self.depth));
        }
        Ok(())
    }

    fn enter_garbage(&mut self, key: &[u8], stored: Bytes) -> Result<(), String> {
        if let Some(at) = key::garbage_of(key) {
            self.garbage.insert(at, read::<GarbageRecord>(stored)?);
        } else if let Some(blob) = key::unreferenced_of(key) {
            read::<Since>(stored)?;
            self.unreferenced.insert(blob);
        } else if let Some(blob) = key::taken_of(key) {
            read::<Since>(stored)?;
            self.taken.insert(blob);
        } else if let Some(blob) = key::sparse_of(key) {
            read::<Since>(stored)?;
            self.sparse.insert(blob);
        } else {
            return Err(malformed());
        }
        Ok(())
    }
}

/// What a page of a block table adds to what is before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TablePageSum {
    /// The fingerprint of everything before it, as it says.
    pub(super) running: Fingerprint,
    /// The same with its own blocks, if that was asked for.
    pub(super) total: Option<Fingerprint>,
    /// How many bytes it describes.
    pub(super) len: u64,
}

impl TablePageSum {
    fn of(page: &TablePage, depth: Depth) -> Self {
        let total = (depth == Depth::Blocks).then(|| {
            let blocks = (0..).map_while(|block| page.block(block));
            blocks.fold(page.running(), |sum, (block, len)| sum.then(block, len.into()))
        });
        Self { running: page.running(), total, len: page.len() }
    }
}

/// Which pages there should be. Ranges, for a damaged record may speak of billions.
#[derive(Default)]
pub(super) struct Pages {
    owned: BTreeMap<u64, Vec<Range<u32>>>,
    found: Vec<String>,
}

impl Pages {
    pub(super) fn own(&mut self, id: u64, pages: Range<u32>) {
        let owned = self.owned.entry(id).or_default();
        if owned.iter().any(|other| other.start.max(pages.start) < other.end.min(pages.end)) {
            self.found.push(format!("pages {pages:?} of {id} have two owners"));
        }
        owned.push(pages);
    }

    /// What does not fit between those that should be and those that are `there`.
    pub(super) fn compare(
        mut self,
        what: &str,
        there: impl Iterator<Item = (u64, u32)>,
    ) -> Vec<String> {
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        for (id, page) in there {
            let owned = self.owned.get(&id).map_or(&[][..], Vec::as_slice);
            if owned.iter().any(|pages| pages.contains(&page)) {
                *counts.entry(id).or_default() += 1;
            } else {
                self.found.push(format!("page {page} of {what} {id} is stray"));
            }
        }
        for (id, owned) in self.owned {
            let should: u64 = owned.iter().map(|pages| pages.len() as u64).sum();
            let there = counts.get(&id).copied().unwrap_or_default();
            if there < should {
                self.found.push(format!("{} pages of {what} {id} are missing", should - there));
            }
        }
        self.found
    }
}

/// What no predicate asks for.
fn forget(object: &mut ObjectRecord) {
    forget_texts(&mut object.metadata, &mut object.tags);
    if let Content::Pieces(PieceList::Short(pieces)) = &mut object.content {
        pieces.iter_mut().for_each(Piece::forget_bytes);
    }
}

fn forget_texts(metadata: &mut ObjectMetadata, tags: &mut TagSet) {
    *metadata = ObjectMetadata::default();
    *tags = TagSet::default();
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
