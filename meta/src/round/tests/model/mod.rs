//! Random commands against a reference in memory that knows what they mean and nothing of how they are kept.
//!
//! After every round the store must answer as the reference does and satisfy every invariant (which recounts all
//! references). In the end all garbage is drained, and exactly what is alive must be left.

mod keeping;
mod op;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use protocol::etag::ETag;
use protocol::lock::ObjectLock;
use protocol::name::VersionId;
use protocol::range::ByteRange;
use protocol::tagging::TagSet;
use protocol::versioning::Versioning;

use super::*;
use crate::command::{
    CreateUpload, NewBlob, RewriteBlob, SetVersioning, SettleSparse, Target, WriteCond,
};
use crate::extent::{PieceSlice, merge, slices};
use crate::id::TableId;
use crate::query::{ListAsk, ListFrom, ListLine, ListPage, Named};
use crate::record::{ConfigKind, Manifest, Owner};
use crate::table::BLOCK_LEN;
use crate::testing::fingerprint_of;
use op::{Body, Cond, Op, Upload, Wanted, op};

const BUCKETS: [&str; 2] = ["first", "second"];
const KEYS: [&str; 3] = ["a", "a/b", "b"];
#[derive(Debug, Clone)]
struct Thing {
    generation: Generation,
    etag: ETag,
    tags: TagSet,
    lock: ObjectLock,
    pieces: Vec<Piece>,
}

impl Thing {
    fn new(generation: Generation, etag: ETag, pieces: Vec<Piece>) -> Self {
        let (tags, lock) = Default::default();
        Self { generation, etag, tags, lock, pieces }
    }
}

#[derive(Debug, Clone)]
struct Open {
    generation: Generation,
    manifest: ManifestId,
    /// Whether its key was written or deleted since.
    touched: bool,
    parts: BTreeMap<u16, Thing>,
}

/// A version of a key; without a thing, a delete marker.
#[derive(Debug, Clone)]
struct Version {
    id: VersionId,
    thing: Option<Thing>,
}

impl Version {
    /// Which writing of the key it is, where that can be told.
    fn generation(&self) -> Option<Generation> {
        match (&self.thing, self.id) {
            (Some(thing), _) => Some(thing.generation),
            (None, VersionId::Number(number)) => Some(Generation::new(number)),
            (None, VersionId::Null) => None,
        }
    }

    fn is_protected(&self, bypass: bool) -> bool {
        self.thing.as_ref().is_some_and(|thing| thing.lock.protects(AT, bypass))
    }
}

#[derive(Debug, Default)]
struct Bucket {
    id: Option<BucketId>,
    versioning: Versioning,
    configs: BTreeMap<ConfigKind, String>,
    /// The versions of each key that has any, the newest first.
    keys: BTreeMap<usize, Vec<Version>>,
    uploads: BTreeMap<(usize, u8), Open>,
}

impl Bucket {
    /// What the key names.
    fn latest(&self, key: usize) -> Option<&Thing> {
        self.keys.get(&key)?.first()?.thing.as_ref()
    }

    fn version(&self, wanted: &Wanted) -> Option<VersionId> {
        let versions = self.keys.get(&wanted.key).filter(|versions| !versions.is_empty());
        match (wanted.version.as_ref()?, versions) {
            (Some(which), Some(versions)) => Some(which.get(versions).id),
            (Some(_), None) => Some(VersionId::Number(7)),
            (None, _) => Some(VersionId::Null),
        }
    }

    /// Whether a delete would destroy what must stay.
    fn is_protected(&self, key: usize, version: Option<VersionId>, bypass: bool) -> bool {
        let versions = self.keys.get(&key).map_or(&[][..], Vec::as_slice);
        let doomed = match (version, self.versioning) {
            (None | Some(VersionId::Null), Versioning::Unversioned) => versions.first(),
            (None, Versioning::Enabled | Versioning::Suspended) => None,
            (Some(version), _) => versions.iter().find(|one| one.id == version),
        };
        doomed.is_some_and(|doomed| doomed.is_protected(bypass))
    }

    /// Puts a version in front and says what is to be told of it.
    fn put(&mut self, key: usize, thing: Thing) -> Option<VersionId> {
        let id = self.add(key, VersionId::Number(thing.generation.get()), Some(thing));
        (self.versioning != Versioning::Unversioned).then_some(id)
    }

    fn add(&mut self, key: usize, number: VersionId, thing: Option<Thing>) -> VersionId {
        let versions = self.keys.entry(key).or_default();
        let id = if self.versioning == Versioning::Enabled {
            number
        } else {
            versions.retain(|version| version.id != VersionId::Null);
            VersionId::Null
        };
        versions.insert(0, Version { id, thing });
        self.touch(key);
        id
    }

    /// Takes away what the round has taken away, as it has `told`; says what it should have told.
    fn delete(&mut self, key: usize, version: Option<VersionId>, told: Deleted) -> Deleted {
        let versioned = self.versioning != Versioning::Unversioned;
        // Without versions there is only the key.
        let version = version.filter(|version| versioned || *version != VersionId::Null);
        match (version, told) {
            (None, Deleted::Marked { version }) if versioned => {
                Deleted::Marked { version: self.add(key, version, None) }
            }
            (None, _) => {
                let existed = self.keys.remove(&key).is_some();
                if existed {
                    self.touch(key);
                }
                Deleted::Key { existed }
            }
            (Some(version), _) => {
                let versions = self.keys.entry(key).or_default();
                let place = versions.iter().position(|one| one.id == version);
                let gone = place.map(|place| versions.remove(place));
                if versions.is_empty() {
                    self.keys.remove(&key);
                }
                if place == Some(0) {
                    self.touch(key);
                }
                let marker = gone.as_ref().is_some_and(|gone| gone.thing.is_none());
                Deleted::Version { version, marker, existed: gone.is_some() }
            }
        }
    }

    /// The key names something else, or nothing.
    fn touch(&mut self, key: usize) {
        for (_, open) in self.uploads.iter_mut().filter(|((of, _), _)| *of == key) {
            open.touched = true;
        }
    }
}

#[derive(Default)]
struct Model {
    buckets: [Bucket; BUCKETS.len()],
    /// Blobs that have a record.
    blobs: BTreeMap<BlobId, Known>,
    /// Every manifest that an object was made of, and its bytes.
    manifests: Vec<(Manifest, Vec<Piece>)>,
    /// Blobs that a rewrite has made: whose bytes they hold, and from where on.
    copies: BTreeMap<BlobId, (BlobId, u64)>,
    blobs_made: u64,
    /// How many extents have moved.
    rewritten: u64,
    etags_made: u64,
    folders: u64,
}

/// Where a range begins and ends.
type Span = (u64, u64);

/// Pieces, and the files that come with them.
type Made = (Vec<Piece>, Vec<Known>);

impl Model {
    fn make(&mut self, body: &Body) -> Made {
        match body {
            Body::Empty => (vec![], vec![]),
            Body::Inline(len) => {
                (vec![inline(&vec![len.to_le_bytes()[0]; usize::from(*len) + 1])], vec![])
            }
            Body::Write { len, cut } => {
                let known = Known::written(self.next_blob(), (*len).into());
                let at = cut.index(*len as usize) as u64;
                let mut pieces = vec![known.extent(at, known.len - at)];
                if at > 0 {
                    pieces.insert(0, known.extent(0, at));
                }
                (pieces, vec![known])
            }
            Body::Long { mib } => {
                let known = Known::written(self.next_blob(), u64::from(*mib) * MIB);
                (known.backwards(MIB), vec![known])
            }
            Body::Share { which, from, len } => {
                let Some(known) = self.pick(which) else { return (vec![], vec![]) };
                let most = usize::try_from(known.len).expect("small");
                let from = from.index(most);
                let len = 1 + len.index(most - from);
                (vec![known.extent(from as u64, len as u64), inline(b"tail")], vec![])
            }
            Body::Shares { which, other } => {
                let (Some(known), Some(other)) = (self.pick(which), self.pick(other)) else {
                    return (vec![], vec![]);
                };
                (vec![known.whole(), other.extent(0, 1), known.whole()], vec![])
            }
            Body::Clone { which, blocks } => {
                let Some(known) = self.pick(which) else { return (vec![], vec![]) };
                let most = usize::try_from(known.len.div_ceil(65536)).expect("small");
                let blocks = u32::try_from(blocks.index(most)).expect("small");
                let clone = known.cloned(self.next_blob(), blocks);
                (vec![clone.whole()], vec![clone])
            }
            Body::Crumbs { which } => {
                let Some(known) = self.pick(which) else { return (vec![], vec![]) };
                (vec![known.extent(0, 1); 5], vec![])
            }
        }
    }

    fn pick(&self, which: &Index) -> Option<Known> {
        let known: Vec<Known> = self.blobs.values().copied().collect();
        (!known.is_empty()).then(|| *which.get(&known))
    }

    fn next_blob(&mut self) -> u64 {
        self.blobs_made += 1;
        self.blobs_made
    }

    fn next_etag(&mut self) -> ETag {
        self.etags_made += 1;
        etag(&format!("etag-{}", self.etags_made))
    }

    fn id(&self, bucket: usize) -> BucketId {
        self.buckets[bucket].id.unwrap_or(BucketId::new(u64::MAX))
    }

    fn condition(&self, bucket: usize, key: usize, cond: Cond) -> WriteCond {
        match cond {
            Cond::None => WriteCond::None,
            Cond::Absent => WriteCond::Absent,
            Cond::Other => WriteCond::Matches(etag("other")),
            Cond::Current => {
                let now = self.buckets[bucket].latest(key);
                WriteCond::Matches(now.map_or_else(|| etag("other"), |now| now.etag.clone()))
            }
        }
    }

    fn check(&self, bucket: usize, key: usize, cond: Cond) -> Result<(), Refusal> {
        match (cond, self.buckets[bucket].latest(key)) {
            (Cond::None, _) | (Cond::Absent, None) | (Cond::Current, Some(_)) => Ok(()),
            (Cond::Absent | Cond::Other, Some(_)) => Err(Refusal::ConditionFailed),
            (Cond::Current | Cond::Other, None) => Err(Refusal::NoSuchKey),
        }
    }

    fn live(&self, bucket: usize) -> Result<(), Refusal> {
        self.buckets[bucket].id.map(|_| ()).ok_or(Refusal::NoSuchBucket)
    }

    fn place(&self, upload: &Upload) -> (usize, usize, u8) {
        match upload {
            Upload::At(bucket, key, id) => (*bucket, *key, *id),
            Upload::Open(which) => {
                let open = self.buckets.iter().enumerate().flat_map(|(bucket, slot)| {
                    slot.uploads.keys().map(move |(key, id)| (bucket, *key, *id))
                });
                let open: Vec<_> = open.collect();
                if open.is_empty() { (0, 0, 0) } else { *which.get(&open) }
            }
        }
    }

    /// The same slices without a difference between a blob and what a rewrite has made of it: the reference keeps
    /// the names that it was told, the store those of now.
    fn plain(&self, slices: Vec<PieceSlice>) -> Vec<PieceSlice> {
        let plain = |mut slice: PieceSlice| {
            if let Piece::Extent(extent) = &mut slice.piece {
                while let Some((blob, start)) = self.copies.get(&extent.blob) {
                    (extent.blob, extent.offset) = (*blob, extent.offset + start);
                }
                (extent.table, extent.first_block) = (TableId::of(extent.blob), 0);
            }
            slice
        };
        slices.into_iter().map(plain).collect()
    }
}

fn fragmented(pieces: &[Piece]) -> Result<(), Refusal> {
    // Five crumbs: the only body that is cut too small.
    if pieces.len() == 5 { Err(Refusal::TooFragmented) } else { Ok(()) }
}

struct Machine<'s> {
    store: &'s MemoryStore,
    model: Model,
}

impl Machine<'_> {
    /// Applies `op` to the round and to the reference, and compares the outcomes.
    fn step(&mut self, round: &mut Round<'_>, op: &Op) {
        match op {
            Op::CreateBucket(bucket) => self.create_bucket(round, *bucket),
            Op::DeleteBucket(bucket) => self.delete_bucket(round, *bucket),
            Op::Put { bucket, key, cond, body } => self.put(round, *bucket, *key, *cond, body),
            Op::Copy { which, bucket, key, cond } => {
                self.copy(round, which, (*bucket, *key), *cond);
            }
            Op::Switch { bucket, on } => self.switch(round, *bucket, *on),
            Op::Configure { bucket, kind, set } => {
                self.configure(round, *bucket, ConfigKind::ALL[*kind], *set);
            }
            Op::Lock { bucket, wanted, change, bypass } => {
                self.lock(round, *bucket, wanted, *change, *bypass);
            }
            Op::Expire { bucket, key, which, what } => {
                self.expire(round, *bucket, *key, which, *what);
            }
            Op::Delete { bucket, wanted, bypass } => self.delete(round, *bucket, wanted, *bypass),
            Op::DeleteSome { bucket, keys } => self.delete_some(round, *bucket, keys),
            Op::Tag { bucket, wanted, stale, set } => {
                self.tag(round, *bucket, wanted, *stale, *set);
            }
            Op::CreateUpload { bucket, key, id } => self.create_upload(round, *bucket, *key, *id),
            Op::PutPart { upload, part, body } => {
                self.put_part(round, self.model.place(upload), *part, body);
            }
            Op::Complete { upload, mask, stale, cond } => {
                self.complete(round, self.model.place(upload), *mask, *stale, *cond);
            }
            Op::Abort { upload } => self.abort(round, self.model.place(upload)),
            Op::Release { which, steps } => {
                let garbage = garbage(self.store);
                if !garbage.is_empty() {
                    let from = which.index(garbage.len());
                    let at = garbage[from..].iter().take(3).map(|(at, _)| *at).collect();
                    apply(round, ReleaseGarbage { at, steps: *steps }).expect("never refused");
                }
            }
            Op::Take => {
                let free = query::unreferenced(self.store, None, 5).expect("a store");
                let blobs = free.into_iter().map(|(blob, _)| blob).collect();
                let Ok(Reply::BlobsTaken(taken)) = apply(round, TakeBlobs { blobs }) else {
                    panic!("blobs are taken or not")
                };
                for blob in taken {
                    assert!(self.model.blobs.remove(&blob).is_some(), "{blob} is taken once");
                }
            }
            Op::Forget => {
                let gone = query::to_unlink(self.store, None, 5).expect("a store");
                let blobs = gone.into_iter().map(|(blob, _)| blob).collect();
                assert_eq!(apply(round, ForgetGarbage { blobs }), Ok(Reply::Done));
            }
            Op::Rewrite { which, at_once, write } => {
                if let Some(known) = self.model.pick(which) {
                    self.rewrite(round, known, *at_once, *write);
                }
            }
            Op::Settle => {
                let marked = query::sparse(self.store, None, 2).expect("a store");
                let blobs = marked.into_iter().map(|(blob, _)| blob).collect();
                assert_eq!(apply(round, SettleSparse { blobs }), Ok(Reply::Done));
            }
            Op::Lease => {
                self.model.folders += 1;
                let folder = FolderId::new(self.model.folders);
                assert_eq!(apply(round, LeaseFolder { shard: 0 }), Ok(Reply::FolderLeased(folder)));
            }
        }
    }

    /// Does what a rewriter does, on what was committed before the round: some of it has changed meanwhile.
    fn rewrite(&mut self, round: &mut Round<'_>, known: Known, at_once: usize, write: bool) {
        let Ok(record) = query::blob(self.store, known.blob) else { return };
        let grid = u64::from(BLOCK_LEN);
        let ranges_of = |owners: &[Owner]| {
            query::named_ranges(self.store, known.blob, owners).expect("records").into_iter()
        };
        let mut made: BTreeMap<Span, BlobId> = BTreeMap::new();
        let mut after: Option<Owner> = None;
        loop {
            let owners = query::owners(self.store, known.blob, after.as_ref(), at_once);
            let owners = owners.expect("owners");
            let Some(last) = owners.last().cloned() else { return };
            after = Some(last);
            // The grid around each range; ranges that touch the same blocks make several targets.
            let wanted: BTreeSet<Span> = ranges_of(&owners)
                .map(|range| {
                    let start = range.start() / grid * grid;
                    (start, range.end().next_multiple_of(grid).min(record.len))
                })
                .collect();
            let targets: Vec<(Target, Known)> = wanted
                .iter()
                .map(|(start, end)| {
                    let range = ByteRange::new(*start, *end).expect("a range");
                    let id = made
                        .get(&(*start, *end))
                        .map_or_else(|| self.model.next_blob(), |id| id.get());
                    let len = known.len.min(*end) - start;
                    let small = if write {
                        Known::written(id, len)
                    } else {
                        let blocks = u32::try_from(start / grid).expect("small");
                        Known { len, ..known.cloned(id, blocks) }
                    };
                    let new = NewBlob { len: range.len(), ..small.file() };
                    let new = (!made.contains_key(&(*start, *end))).then_some(new);
                    (Target { range, to: small.blob, new }, small)
                })
                .collect();
            let command = RewriteBlob {
                from: known.blob,
                owners,
                targets: targets.iter().map(|(target, _)| target.clone()).collect(),
            };
            match apply(round, command) {
                Ok(Reply::Rewritten { extents }) => {
                    self.model.rewritten += extents;
                    for (target, small) in targets.into_iter().filter(|(t, _)| t.new.is_some()) {
                        let Target { range, to, .. } = target;
                        made.insert((range.start(), range.end()), to);
                        self.model.blobs.insert(to, small);
                        self.model.copies.insert(to, (known.blob, range.start()));
                    }
                }
                Err(Refusal::NothingToRewrite) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn create_bucket(&mut self, round: &mut Round<'_>, bucket: usize) {
        let owner = AccountId::parse("000000000000").expect("an account");
        let name = bucket_name(BUCKETS[bucket]);
        let outcome = apply(
            round,
            CreateBucket {
                name,
                created: AT,
                owner,
                versioning: Versioning::Unversioned,
                configs: Vec::new(),
            },
        );
        let slot = &mut self.model.buckets[bucket];
        match outcome {
            Ok(Reply::BucketCreated(id)) if slot.id.is_none() => slot.id = Some(id),
            Err(Refusal::BucketExists) if slot.id.is_some() => {}
            other => panic!("{other:?}"),
        }
    }

    fn delete_bucket(&mut self, round: &mut Round<'_>, bucket: usize) {
        let expected = self.model.live(bucket).and_then(|()| {
            let empty = self.model.buckets[bucket].keys.is_empty();
            if empty { Ok(Reply::Done) } else { Err(Refusal::BucketNotEmpty) }
        });
        let name = bucket_name(BUCKETS[bucket]);
        assert_eq!(apply(round, DeleteBucket { name }), expected);
        if expected.is_ok() {
            self.model.buckets[bucket] = Bucket::default();
        }
    }

    fn put(&mut self, round: &mut Round<'_>, bucket: usize, key: usize, cond: Cond, body: &Body) {
        let (pieces, files) = self.model.make(body);
        let etag = self.model.next_etag();
        let expected = self.model.live(bucket);
        let expected = expected.and_then(|()| self.model.check(bucket, key, cond));
        let expected = expected.and_then(|()| fragmented(&pieces));
        let mut command = put(self.model.id(bucket), KEYS[key], pieces.clone(), &files);
        command.object.etag = etag.clone();
        command.condition = self.model.condition(bucket, key, cond);
        let outcome = apply(round, command);
        assert_eq!(outcome.as_ref().err(), expected.as_ref().err());
        if let Ok(Reply::ObjectPut { generation, version }) = outcome {
            self.model.blobs.extend(files.iter().map(|known| (known.blob, *known)));
            let thing = Thing::new(generation, etag, merge(pieces));
            assert_eq!(version, self.model.buckets[bucket].put(key, thing));
        }
    }

    /// What an epoch would keep from being taken apart can be copied: whatever no release has begun on.
    fn copy(
        &mut self,
        round: &mut Round<'_>,
        which: &Index,
        (bucket, place): (usize, usize),
        cond: Cond,
    ) {
        if self.model.manifests.is_empty() {
            return;
        }
        let (manifest, pieces) = which.get(&self.model.manifests).clone();
        let page = round.get(Space::Manifests, &key::page(manifest.id, 0)).expect("a store");
        if page.is_none() || round.manifest_names(manifest.id).expect("a store") == 0 {
            return;
        }
        let etag = self.model.next_etag();
        let expected = self.model.live(bucket);
        let expected = expected.and_then(|()| self.model.check(bucket, place, cond));
        let mut object = new_object("copy", &pieces);
        object.etag = etag.clone();
        let command = PutObject {
            bucket: self.model.id(bucket),
            key: key(KEYS[place]),
            condition: self.model.condition(bucket, place, cond),
            object,
            content: NewContent::SameParts(manifest),
        };
        let outcome = apply(round, command);
        assert_eq!(outcome.as_ref().err(), expected.as_ref().err());
        if let Ok(Reply::ObjectPut { generation, version }) = outcome {
            let thing = Thing::new(generation, etag, pieces);
            assert_eq!(version, self.model.buckets[bucket].put(place, thing));
        }
    }

    fn switch(&mut self, round: &mut Round<'_>, bucket: usize, on: bool) {
        let versioning = if on { Versioning::Enabled } else { Versioning::Suspended };
        let locked = self.model.buckets[bucket].configs.contains_key(&ConfigKind::ObjectLock);
        let expected = self.model.live(bucket).and(match versioning {
            Versioning::Suspended if locked => Err(Refusal::ObjectLockNeedsVersioning),
            _ => Ok(Reply::Done),
        });
        let command = SetVersioning { name: bucket_name(BUCKETS[bucket]), versioning };
        assert_eq!(apply(round, command), expected);
        if expected.is_ok() {
            self.model.buckets[bucket].versioning = versioning;
        }
    }

    fn delete(&mut self, round: &mut Round<'_>, bucket: usize, wanted: &Wanted, bypass: bool) {
        let slot = &self.model.buckets[bucket];
        let version = slot.version(wanted);
        let is_protected = slot.is_protected(wanted.key, version, bypass);
        let live = self.model.live(bucket);
        let live = live.and(if is_protected { Err(Refusal::Locked) } else { Ok(()) });
        let asked = delete(self.model.id(bucket), KEYS[wanted.key]);
        let command = DeleteObject { version, bypass, ..asked };
        match apply(round, command) {
            Ok(Reply::ObjectDeleted(told)) => {
                let slot = &mut self.model.buckets[bucket];
                assert_eq!(told, slot.delete(wanted.key, version, told));
                assert!(live.is_ok());
            }
            other => assert_eq!(other.err(), live.err()),
        }
    }

    /// Conditions are those of the moment at which the command is made: a key may stand in it twice.
    fn delete_some(&mut self, round: &mut Round<'_>, bucket: usize, keys: &[(Wanted, Cond)]) {
        let asked = keys.iter().map(|(wanted, cond)| DeleteKey {
            key: key(KEYS[wanted.key]),
            version: self.model.buckets[bucket].version(wanted),
            condition: match self.model.condition(bucket, wanted.key, *cond) {
                WriteCond::None => DeleteCond::None,
                WriteCond::Absent => DeleteCond::Exists,
                WriteCond::Matches(etag) => DeleteCond::Matches(etag),
            },
            bypass: false,
        });
        let asked: Vec<DeleteKey> = asked.collect();
        let command =
            DeleteObjects { bucket: self.model.id(bucket), keys: asked.clone(), modified: AT };
        let verdicts = match apply(round, command) {
            Ok(Reply::ObjectsDeleted(verdicts)) => verdicts,
            other => return assert_eq!(other.err(), self.model.live(bucket).err()),
        };
        assert_eq!(verdicts.len(), asked.len());
        let slot = &mut self.model.buckets[bucket];
        for ((told, asked), (Wanted { key, .. }, _)) in verdicts.into_iter().zip(asked).zip(keys) {
            let now = slot.latest(*key).map(|now| now.etag.clone());
            let refused = match (asked.condition, now) {
                (DeleteCond::Exists, None) => Some(Refusal::ConditionFailed),
                (DeleteCond::Matches(_), None) => Some(Refusal::NoSuchKey),
                (DeleteCond::Matches(etag), Some(now)) if etag != now => {
                    Some(Refusal::ConditionFailed)
                }
                _ => {
                    slot.is_protected(*key, asked.version, asked.bypass).then_some(Refusal::Locked)
                }
            };
            match (told, refused) {
                (Ok(told), None) => assert_eq!(told, slot.delete(*key, asked.version, told)),
                (told, refused) => {
                    assert_eq!(told.err(), refused.map(NotDeleted::Refused));
                }
            }
        }
    }

    fn tag(
        &mut self,
        round: &mut Round<'_>,
        bucket: usize,
        wanted: &Wanted,
        stale: bool,
        set: bool,
    ) {
        let (id, live) = (self.model.id(bucket), self.model.live(bucket));
        let slot = &mut self.model.buckets[bucket];
        let version = slot.version(wanted);
        let told = slot.versioning != Versioning::Unversioned;
        let versions = slot.keys.get_mut(&wanted.key);
        let now = versions.and_then(|versions| {
            versions.iter_mut().find(|one| version.is_none_or(|asked| asked == one.id))
        });
        let expected = live.and_then(|()| match &now {
            None if version.is_some() => Err(Refusal::NoSuchVersion),
            None => Err(Refusal::NoSuchKey),
            Some(Version { id, thing: None }) => Err(Refusal::DeleteMarker { version: *id }),
            Some(_) if stale => Err(Refusal::ObjectChanged),
            Some(now) => Ok(Reply::TagsPut { version: told.then_some(now.id) }),
        });
        let expected_generation = if stale { Some(Generation::new(0)) } else { None };
        let key = key(KEYS[wanted.key]);
        let tags = if set { tags("value") } else { TagSet::default() };
        let command: Command = if set {
            let tags = tags.clone();
            PutTags { bucket: id, key, version, expected: expected_generation, tags }.into()
        } else {
            DeleteTags { bucket: id, key, version, expected: expected_generation }.into()
        };
        assert_eq!(apply(round, command), expected);
        if let (Ok(_), Some(Version { thing: Some(thing), .. })) = (expected, now) {
            thing.tags = tags;
        }
    }

    fn create_upload(&mut self, round: &mut Round<'_>, bucket: usize, place: usize, id: u8) {
        let outcome =
            apply::<CreateUpload>(round, create_upload(self.model.id(bucket), KEYS[place], id));
        let live = self.model.live(bucket);
        let slot = &mut self.model.buckets[bucket];
        match outcome {
            Err(Refusal::NoSuchBucket) => assert_eq!(live, Err(Refusal::NoSuchBucket)),
            Err(Refusal::UploadExists) => assert!(slot.uploads.contains_key(&(place, id))),
            Ok(Reply::UploadCreated(manifest)) => {
                let generation = Generation::new(round.numbers.counters.generation);
                let open = Open { generation, manifest, touched: false, parts: BTreeMap::new() };
                assert!(live.is_ok() && slot.uploads.insert((place, id), open).is_none());
            }
            other => panic!("{other:?}"),
        }
    }

    fn put_part(&mut self, round: &mut Round<'_>, at: (usize, usize, u8), part: u16, body: &Body) {
        let (bucket, place, id) = at;
        let (pieces, files) = self.model.make(body);
        let open = self.model.buckets[bucket].uploads.contains_key(&(place, id));
        let expected = self.model.live(bucket);
        let expected = expected.and(if open { Ok(()) } else { Err(Refusal::NoSuchUpload) });
        let expected = expected.and_then(|()| fragmented(&pieces));
        let etag = self.model.next_etag();
        let bucket_id = self.model.id(bucket);
        let mut command = put_part(bucket_id, KEYS[place], id, part, pieces.clone(), &files);
        command.part.etag = etag.clone();
        let outcome = apply(round, command);
        assert_eq!(outcome.as_ref().err(), expected.as_ref().err());
        if let Ok(Reply::PartPut { generation }) = outcome {
            self.model.blobs.extend(files.iter().map(|known| (known.blob, *known)));
            let uploads = &mut self.model.buckets[bucket].uploads;
            let open = uploads.get_mut(&(place, id)).expect("the upload is open");
            open.generation = generation;
            let thing = Thing::new(generation, etag, merge(pieces));
            open.parts.insert(part, thing);
        }
    }

    fn complete(
        &mut self,
        round: &mut Round<'_>,
        at: (usize, usize, u8),
        mask: u8,
        stale: bool,
        cond: Cond,
    ) {
        let (bucket, place, id) = at;
        let Some(open) = self.model.buckets[bucket].uploads.get(&(place, id)).cloned() else {
            return;
        };
        let (listed, unlisted): (Vec<_>, Vec<_>) =
            open.parts.iter().partition(|(part, _)| mask & (1 << **part) != 0);
        if listed.is_empty() {
            return;
        }
        let expected = if stale { Err(Refusal::UploadChanged) } else { Ok(()) };
        let expected = expected.and_then(|()| self.model.check(bucket, place, cond));
        let expected = expected.and(match cond {
            Cond::Absent | Cond::Current if open.touched => Err(Refusal::Conflict),
            _ => Ok(()),
        });
        let etag = self.model.next_etag();
        let pieces: Vec<Piece> =
            listed.iter().flat_map(|(_, thing)| thing.pieces.clone()).collect();
        let mut object = new_object("replaced", &pieces);
        object.etag = etag.clone();
        assert_eq!(object.fingerprint, fingerprint_of(&pieces));
        let command = CompleteUpload {
            bucket: self.model.id(bucket),
            key: key(KEYS[place]),
            upload_id: upload_id(id),
            expected_generation: if stale { Generation::new(0) } else { open.generation },
            condition: self.model.condition(bucket, place, cond),
            object,
            listed: listed
                .iter()
                .map(|(part, thing)| (number(**part), len_of(&thing.pieces)))
                .collect(),
            unlisted: unlisted.iter().map(|(part, _)| number(**part)).collect(),
        };
        let outcome = apply(round, command);
        assert_eq!(outcome.as_ref().err(), expected.as_ref().err());
        if let Ok(Reply::ObjectPut { generation, version }) = outcome {
            let made: ObjectRecord = round
                .read_named(Space::Objects, &key::object(self.model.id(bucket), &key(KEYS[place])))
                .expect("it was put");
            let manifest = made.content.manifest().expect("it was made of parts");
            self.model.manifests.push((manifest.clone(), pieces.clone()));
            let slot = &mut self.model.buckets[bucket];
            slot.uploads.remove(&(place, id));
            let thing = Thing::new(generation, etag, pieces);
            assert_eq!(version, slot.put(place, thing));
        }
    }

    fn abort(&mut self, round: &mut Round<'_>, at: (usize, usize, u8)) {
        let (bucket, place, id) = at;
        let live = self.model.live(bucket);
        let open = self.model.buckets[bucket].uploads.remove(&(place, id)).is_some();
        let expected = if open { Ok(Reply::Done) } else { Err(Refusal::NoSuchUpload) };
        let expected = live.and(expected);
        assert_eq!(apply(round, abort(self.model.id(bucket), KEYS[place], id)), expected);
    }

    /// The store answers as the reference does.
    fn compare(&self) {
        assert_sound(self.store);
        for (name, bucket) in BUCKETS.iter().zip(&self.model.buckets) {
            let found = query::bucket(self.store, &bucket_name(name)).expect("a store");
            assert_eq!(found.as_ref().map(|found| found.id), bucket.id);
            let (Some(id), Some(found)) = (bucket.id, found) else { continue };
            let kinds = found.configs.iter().map(|(kind, _)| kind);
            assert!(kinds.eq(bucket.configs.keys()));
            for kind in ConfigKind::ALL {
                let config = query::config(self.store, id, kind).expect("a store");
                assert_eq!(
                    config.map(|config| config.document).as_ref(),
                    bucket.configs.get(&kind)
                );
            }
            let ask =
                ListAsk { bucket: id, prefix: "", delimiter: None, from: ListFrom::Start, max: 9 };
            let page = query::list_objects(self.store, &ask).expect("a page");
            let found = entries(page).map(|entry| (entry.key, entry.facts.etag));
            let expected = (0..KEYS.len())
                .filter_map(|at| Some((key(KEYS[at]), bucket.latest(at)?.etag.clone())));
            assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
            let page = query::list_uploads(self.store, &ask).expect("a page");
            let found = entries(page).map(|entry| (entry.key, entry.upload_id));
            let expected = bucket.uploads.keys().map(|(at, id)| (key(KEYS[*at]), upload_id(*id)));
            assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
            for (at, versions) in &bucket.keys {
                self.compare_version(id, KEYS[*at], None, &versions[0]);
                for version in versions {
                    self.compare_version(id, KEYS[*at], Some(version.id), version);
                }
            }
            for ((at, which), open) in &bucket.uploads {
                let record = upload(self.store, id, KEYS[*at], *which);
                assert_eq!(record.generation, open.generation);
                assert_eq!(
                    (record.manifest, record.parts as usize),
                    (open.manifest, open.parts.len())
                );
                let parts = query::parts(self.store, open.manifest, None, 9).expect("parts");
                let parts = parts.into_iter().map(|part| (part.number.get(), part.etag));
                let expected = open.parts.iter().map(|(part, thing)| (*part, thing.etag.clone()));
                assert!(parts.eq(expected));
            }
        }
    }

    fn compare_version(
        &self,
        bucket: BucketId,
        name: &str,
        asked: Option<VersionId>,
        version: &Version,
    ) {
        let found = query::version(self.store, bucket, &key(name), asked).expect("a store");
        let (record, thing) = match (found, &version.thing) {
            (Named::Object(record), Some(thing)) => (record, thing),
            (Named::Marker(marker), None) => return assert_eq!(marker.version(), version.id),
            (found, _) => panic!("{found:?}, not {version:?}"),
        };
        assert_eq!(record.version(), version.id);
        assert_eq!((record.generation, &record.etag), (thing.generation, &thing.etag));
        assert_eq!((&record.tags, record.lock), (&thing.tags, thing.lock));
        let len = len_of(&thing.pieces);
        assert_eq!((record.len, record.fingerprint), (len, fingerprint_of(&thing.pieces)));
        for (start, end) in [(0, len), (len / 3, len - len / 3), (len / 2, (len / 2 + 1).min(len))]
        {
            let range = ByteRange::new(start, end).expect("a range");
            let found = query::resolve(self.store, &record.content, range).expect("pieces");
            assert_eq!(self.model.plain(found), self.model.plain(slices(&thing.pieces, 0, range)));
        }
    }
}

fn entries<T>(page: ListPage<T>) -> impl Iterator<Item = T> {
    page.lines.into_iter().map(|line| match line {
        ListLine::Entry(entry) => entry,
        ListLine::Prefix(text) => panic!("{text} without a delimiter"),
    })
}

/// Applies a command that must not find damage; one that is refused leaves the round as long as it was.
fn apply<C: Into<Command>>(round: &mut Round<'_>, command: C) -> Result<Reply, Refusal> {
    let (before, counters) = (round.bytes(), round.numbers.counters);
    let outcome = round.apply(command.into()).expect("a store that is well");
    if outcome.is_err() {
        assert_eq!((round.bytes(), round.numbers.counters), (before, counters));
    }
    outcome
}

fn play(rounds: &[Vec<Op>]) {
    let store = MemoryStore::new();
    let mut machine = Machine { store: &store, model: Model::default() };
    for ops in rounds {
        let mut round = begin(&store);
        for op in ops {
            machine.step(&mut round, op);
        }
        store.commit(round.finish()).expect("a commit");
        machine.compare();
    }
    drain(&store, 7);
    machine.compare();
    // That each blob is counted as it is named, the invariants have seen.
    for blob in (1..=machine.model.blobs_made).map(BlobId::new) {
        assert!(query::blob(&store, blob).map_or(true, |record| record.refs > 0));
    }
    let left = begin(&store).under(Space::Garbage, &[], usize::MAX).expect("a store");
    assert!(left.iter().all(|(key, _)| key::sparse_of(key).is_some()), "{left:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]
    #[test]
    fn random_rounds_agree_with_the_reference(
        rounds in prop::collection::vec(prop::collection::vec(op(), 1..7), 1..60),
    ) {
        let made = [Op::CreateBucket(0), Op::CreateBucket(1)].to_vec();
        play(&[&[made][..], &rounds[..]].concat());
    }
}
