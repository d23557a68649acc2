//! Room: from what is kept to what has to change: what goes, and what follows from the rest.
//!
//! Every count, mark, owner, total and number is computed from what is kept and compared with what is stored; only
//! what differs is changed.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use protocol::name::{ObjectKey, VersionId};
use protocol::versioning::Versioning;

use super::census::{Census, ObjectPlace};
use super::judge::{Judged, TABLE_PAGE_LEN};
use super::{Files, Fix, Plan, Removal, blob_name};
use crate::fingerprint::Fingerprint;
use crate::id::{BlobId, BucketId, ManifestId, Sequence, TableId};
use crate::key;
use crate::record::{
    BlobRecord, Content, Counters, LeaseRecord, ManifestNames, OwnerMark, Record, Since, TableHead,
    UploadRecord, VersionRecord,
};
use crate::store::{Space, Store, StoreError};
use crate::table::TablePage;

/// What has to change so that exactly what was kept is left, and everything agrees with it.
pub(super) fn plan(
    store: &dyn Store,
    census: &Census,
    judged: &Judged,
    files: &Files,
) -> Result<Plan, StoreError> {
    let mut draft = Draft {
        census,
        judged,
        names: BTreeMap::new(),
        versioning: BTreeMap::new(),
        apart: BTreeMap::new(),
        counters: Counters::default(),
        labels: BTreeMap::new(),
        blobs: BTreeMap::new(),
        settled: BTreeSet::new(),
        plan: Plan { read: judged.read.clone(), ..Plan::default() },
    };
    draft.find_versioning();
    draft.name_buckets();
    draft.label_manifests();
    draft.drop_lost();
    draft.rebuild_blobs();
    draft.rebuild_tables();
    draft.counters = draft.counters(files);
    draft.rebuild_marks(draft.counters.last_sequence());
    draft.rebuild_owners();
    draft.rebuild_garbage();
    draft.rebuild_names();
    draft.rebuild_versions(store)?;
    draft.rebuild_buckets();
    draft.rebuild_open_keys();
    draft.rebuild_uploads(store)?;
    draft.rebuild_leases();
    if draft.counters != census.counters.unwrap_or_default() {
        let value = draft.counters.encode();
        draft.set(Space::System, key::counters(), value, || "the counters".to_owned());
    }
    draft.drop_unreadable();
    Ok(draft.plan)
}

pub(super) struct Draft<'a> {
    pub(super) census: &'a Census,
    pub(super) judged: &'a Judged,
    /// What buckets are called, those included that had to get a name.
    pub(super) names: BTreeMap<BucketId, String>,
    /// What the versioning of each bucket is, as far as anything can be told.
    pub(super) versioning: BTreeMap<BucketId, Versioning>,
    /// How many versions of each bucket will lie apart from the objects.
    pub(super) apart: BTreeMap<BucketId, u64>,
    /// The counters that there will be.
    pub(super) counters: Counters,
    /// What the parts of a manifest are parts of, and whether that is an open upload.
    pub(super) labels: BTreeMap<ManifestId, (String, bool)>,
    /// The blobs that there will be.
    pub(super) blobs: BTreeMap<BlobId, BlobRecord>,
    /// Unreadable records that have found something in their place.
    settled: BTreeSet<(Space, Bytes)>,
    pub(super) plan: Plan,
}

impl Draft<'_> {
    /// Sets a value that follows from others. Where what is there cannot be read, it is written down first.
    pub(super) fn set(
        &mut self,
        space: Space,
        key: Vec<u8>,
        value: Bytes,
        what: impl FnOnce() -> String,
    ) {
        let place = (space, Bytes::from(key));
        match self.census.unreadable.get(&place) {
            Some(why) => {
                let key = place.1.clone();
                let (what, why) = (what(), why.clone());
                let replacement = Some(value);
                self.settled.insert(place);
                let removal = Removal { space, key, replacement, what, why, known: false };
                self.plan.removals.push(removal);
            }
            None => {
                let fix = Fix { space, key: place.1, value: Some(value), what: what() };
                self.plan.fixes.push(fix);
            }
        }
    }

    pub(super) fn clear(&mut self, space: Space, key: Vec<u8>, what: String) {
        self.plan.fixes.push(Fix { space, key: key.into(), value: None, what });
    }

    pub(super) fn take(
        &mut self,
        space: Space,
        key: Vec<u8>,
        known: bool,
        what: String,
        why: &str,
    ) {
        let (key, why) = (key.into(), why.to_owned());
        self.plan.removals.push(Removal { space, key, replacement: None, what, why, known });
    }

    pub(super) fn object_name(&self, bucket: BucketId, key: &ObjectKey) -> String {
        let key = key.as_str();
        match self.names.get(&bucket) {
            Some(name) => format!("{name}/{key}"),
            None => format!("{key} of the bucket with number {bucket}"),
        }
    }

    /// An object as people call it: by its bucket and key, and its version unless it is the latest.
    fn place_name(&self, (bucket, key, apart): &ObjectPlace, null: bool) -> String {
        let name = self.object_name(*bucket, key);
        match *apart {
            None => name,
            Some(_) if null => format!("version {} of {name}", VersionId::Null),
            Some(generation) => {
                format!("version {} of {name}", VersionId::Number(generation.get()))
            }
        }
    }

    fn label_manifests(&mut self) {
        for (place, object) in self.census.all_objects() {
            let label = || (self.place_name(&place, object.null), false);
            match &object.content {
                Content::Parts(manifest) => drop(self.labels.insert(manifest.id, label())),
                Content::Copied(manifest) => {
                    let label = label();
                    self.labels.entry(manifest.id).or_insert(label);
                }
                Content::Pieces(_) => {}
            }
        }
        for ((bucket, key, id), upload) in &self.census.uploads {
            let label = format!("upload {id} of {}", self.object_name(*bucket, key));
            self.labels.entry(upload.manifest).or_insert((label, true));
        }
    }

    /// What cannot be served whole, and what belonged to it or to nobody.
    fn drop_lost(&mut self) {
        let (census, judged) = (self.census, self.judged);
        for (place, why) in &judged.lost_objects {
            let (bucket, key, apart) = place;
            let (space, at, null) = match *apart {
                None => (Space::Objects, key::object(*bucket, key), false),
                Some(generation) => {
                    let stored = census.versions.get(&(*bucket, key.clone(), generation));
                    let null = stored.is_some_and(VersionRecord::is_null);
                    (Space::Versions, key::version(*bucket, key, generation), null)
                }
            };
            let name = self.place_name(place, null);
            let what = if apart.is_none() { format!("object {name}") } else { name };
            self.take(space, at, true, what, why);
        }
        for ((bucket, key, id), why) in &judged.lost_uploads {
            let what = format!("upload {id} of {}", self.object_name(*bucket, key));
            self.take(Space::Uploads, key::upload(*bucket, key, id), true, what, why);
        }
        for (manifest, number) in census.parts.keys() {
            if judged.parts.contains(&(*manifest, *number)) {
                continue;
            }
            let what = match self.labels.get(manifest) {
                Some((label, _)) => format!("part {number} of {label}"),
                None => format!("part {number} of nothing"),
            };
            let why = judged.lost_parts.get(&(*manifest, *number));
            let known = why.is_some();
            let why = why.map_or(UNOWNED, String::as_str);
            self.take(Space::Parts, key::part(*manifest, *number), known, what, why);
        }
        let manifests = census.manifest_pages.keys().map(|place| (Space::Manifests, *place));
        let lists = census.piece_pages.keys().map(|place| (Space::Pieces, *place));
        for (space, (id, page)) in manifests.chain(lists) {
            let kept = match space {
                Space::Manifests => judged.manifest_pages.contains(&(id, page)),
                _ => judged.piece_pages.contains(&(id, page)),
            };
            if !kept {
                let what = format!("page {page} of {} {id}", space.name());
                self.take(space, key::page(id, page), false, what, UNOWNED);
            }
        }
    }

    fn rebuild_blobs(&mut self) {
        let (census, judged) = (self.census, self.judged);
        let all: BTreeSet<BlobId> =
            census.blobs.keys().chain(judged.blobs.keys()).copied().collect();
        for blob in all {
            let what = || format!("blob {}", blob_name(blob));
            let was = census.blobs.get(&blob);
            match (was, judged.blobs.get(&blob)) {
                (Some(_), None) => {
                    let why = "its file or its block table is missing";
                    self.take(Space::Blobs, key::blob(blob), false, what(), why);
                }
                (Some(was), Some(now)) if was.refs > 0 && now.refs == 0 => {
                    self.take(Space::Blobs, key::blob(blob), false, what(), "nothing names it");
                }
                (None, Some(now)) if now.refs == 0 => {}
                (was, Some(now)) => {
                    self.blobs.insert(blob, *now);
                    if was != Some(now) {
                        self.set(Space::Blobs, key::blob(blob), now.encode(), || {
                            format!("record of blob {}", blob_name(blob))
                        });
                    }
                }
                (None, None) => {}
            }
        }
    }

    fn rebuild_tables(&mut self) {
        let (census, judged) = (self.census, self.judged);
        let mut users: BTreeMap<TableId, u64> = BTreeMap::new();
        for record in self.blobs.values() {
            *users.entry(record.table).or_default() += 1;
        }
        for table in census.tables.keys().filter(|table| !users.contains_key(table)) {
            let what = format!("head of block table {table}");
            self.take(Space::Tables, key::table_head(*table), false, what, UNUSED);
        }
        for (table, page) in census.table_pages.keys() {
            let used = users.contains_key(table)
                && judged.tables.get(table).is_some_and(|head| *page < head.pages);
            if !used && !judged.table_garbage.contains(&(*table, *page)) {
                let what = format!("page {page} of block table {table}");
                self.take(Space::Tables, key::table_page(*table, *page), false, what, UNUSED);
            }
        }
        for (table, refs) in users {
            let Some(head) = judged.tables.get(&table) else { continue };
            let head = TableHead { refs, ..*head };
            if census.tables.get(&table) != Some(&head) {
                self.set(Space::Tables, key::table_head(table), head.encode(), || {
                    format!("head of block table {table}")
                });
            }
            self.stand_in(table, &head);
        }
    }

    /// Pages that nothing reads any more, but which the table counts.
    fn stand_in(&mut self, table: TableId, head: &TableHead) {
        let (census, judged) = (self.census, self.judged);
        let mut running = Fingerprint::EMPTY;
        for page in 0..head.pages {
            let fit = |page| !judged.unfit_pages.contains(&(table, page));
            let stored = |page| census.table_pages.get(&(table, page)).filter(|_| fit(page));
            if let Some(sum) = stored(page) {
                running = sum.total;
                continue;
            }
            let total = if page + 1 == head.pages {
                head.fingerprint
            } else {
                // Between two that are lost anything will do.
                stored(page + 1).map_or(Fingerprint::EMPTY, |next| next.running)
            };
            let len = head.len.saturating_sub(u64::from(page) * TABLE_PAGE_LEN).min(TABLE_PAGE_LEN);
            let Some(made) = TablePage::stand_in(running, len, total) else { continue };
            self.set(Space::Tables, key::table_page(table, page), made.encode().into(), || {
                format!("page {page} of block table {table}, which nothing reads any more")
            });
            running = total;
        }
    }

    fn rebuild_marks(&mut self, last: Sequence) {
        let census = self.census;
        let since = Since { sequence: last }.encode();
        let free: BTreeSet<BlobId> =
            self.blobs.iter().filter(|(_, record)| record.refs == 0).map(|(b, _)| *b).collect();
        let mark = |blob: BlobId| format!("mark of blob {}", blob_name(blob));
        for blob in free.iter().filter(|blob| !census.unreferenced.contains_key(blob)) {
            self.set(Space::Garbage, key::unreferenced(*blob), since.clone(), || mark(*blob));
        }
        for blob in census.unreferenced.keys().filter(|blob| !free.contains(blob)) {
            self.clear(Space::Garbage, key::unreferenced(*blob), mark(*blob));
        }
        for blob in census.sparse.keys() {
            if !self.blobs.get(blob).is_some_and(BlobRecord::is_sparse) {
                self.clear(Space::Garbage, key::sparse(*blob), mark(*blob));
            }
        }
        for blob in census.taken.keys().filter(|blob| self.blobs.contains_key(blob)) {
            self.plan.fixes.push(Fix {
                space: Space::Garbage,
                key: key::taken(*blob).into(),
                value: None,
                what: mark(*blob),
            });
        }
        for (space, stored) in census.unreadable.keys() {
            let taken = key::taken_of(stored).filter(|_| *space == Space::Garbage);
            if let Some(blob) = taken.filter(|blob| !self.blobs.contains_key(blob)) {
                self.set(Space::Garbage, key::taken(blob), since.clone(), || mark(blob));
            }
        }
    }

    fn rebuild_owners(&mut self) {
        let (census, judged) = (self.census, self.judged);
        let what = |blob: BlobId| format!("owners of blob {}", blob_name(blob));
        for (blob, owner) in judged.owners.difference(&census.owners) {
            let at = key::owner(*blob, owner);
            self.set(Space::Owners, at, OwnerMark.encode(), || what(*blob));
        }
        for (blob, owner) in census.owners.difference(&judged.owners) {
            self.clear(Space::Owners, key::owner(*blob, owner), what(*blob));
        }
    }

    fn rebuild_garbage(&mut self) {
        let (census, judged) = (self.census, self.judged);
        for (at, garbage) in &census.garbage {
            let what = || format!("garbage {}-{}", at.sequence, at.index);
            match judged.garbage.get(at) {
                Some(left) if left == garbage => {}
                Some(left) => {
                    self.set(Space::Garbage, key::garbage(*at), left.encode(), what);
                }
                None => {
                    let why = "it speaks of what is not there, or of what is in use";
                    self.take(Space::Garbage, key::garbage(*at), false, what(), why);
                }
            }
        }
    }

    fn rebuild_names(&mut self) {
        let (census, judged) = (self.census, self.judged);
        let all: BTreeSet<ManifestId> =
            census.manifest_names.keys().chain(judged.names.keys()).copied().collect();
        for manifest in all {
            let stored = census.manifest_names.get(&manifest).copied();
            let names = judged.names.get(&manifest).copied().unwrap_or_default();
            // Garbage may have begun to take apart what it alone names.
            let right = match names {
                0 => None,
                1 => stored.filter(|count| *count == 0 && judged.going.contains(&manifest)),
                names => Some(names),
            };
            if right == stored {
                continue;
            }
            let (at, what) = (key::manifest_names(manifest), format!("names of {manifest}"));
            match right {
                Some(count) => {
                    let value = ManifestNames { count }.encode();
                    self.set(Space::Manifests, at, value, || what);
                }
                None => self.clear(Space::Manifests, at, what),
            }
        }
    }

    fn rebuild_uploads(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let (census, judged) = (self.census, self.judged);
        for ((bucket, key, id), upload) in &census.uploads {
            let all = census.parts_of(upload.manifest).map(|(number, _)| (upload.manifest, number));
            let kept = all.filter(|part| judged.parts.contains(part)).count();
            let parts = u32::try_from(kept).expect("an upload has at most 10,000 parts");
            let place = (*bucket, key.clone(), *id);
            if parts == upload.parts || judged.lost_uploads.contains_key(&place) {
                continue;
            }
            let at = key::upload(*bucket, key, id);
            // The census has left out the texts.
            let Some(stored) = store.get(Space::Uploads, &at)? else { continue };
            let whole = UploadRecord { parts, ..UploadRecord::decode(stored)? };
            let what = format!("parts of upload {id} of {}", self.object_name(*bucket, key));
            self.set(Space::Uploads, at, whole.encode(), || what);
        }
        Ok(())
    }

    /// A lease whose record cannot be read stays open: the next start sweeps its folder.
    fn rebuild_leases(&mut self) {
        for (space, stored) in self.census.unreadable.keys() {
            let folder = key::lease_of(stored).filter(|_| *space == Space::Leases);
            if let Some(folder) = folder {
                let value = LeaseRecord { shard: 0 }.encode();
                self.set(Space::Leases, key::lease(folder), value, || format!("lease {folder}"));
            }
        }
    }

    /// What cannot be read and has nothing in its place.
    fn drop_unreadable(&mut self) {
        let census = self.census;
        for (place, why) in &census.unreadable {
            if self.settled.contains(place) {
                continue;
            }
            let (space, stored) = place;
            let (known, what) = self.describe(*space, stored);
            self.take(*space, stored.to_vec(), known, what, why);
        }
    }

    /// What a key speaks of, and whether clients know it.
    fn describe(&self, space: Space, stored: &[u8]) -> (bool, String) {
        let plain = || format!("{} {}", space.name(), stored.escape_ascii());
        match space {
            Space::Objects => {
                let split = stored.split_first_chunk();
                let name = split.and_then(|(bucket, text)| {
                    let bucket = self.names.get(&BucketId::new(u64::from_be_bytes(*bucket)))?;
                    Some(format!("object {bucket}/{}", String::from_utf8_lossy(text)))
                });
                (true, name.unwrap_or_else(plain))
            }
            Space::Versions => self.describe_version(stored).unwrap_or_else(|| (false, plain())),
            Space::Uploads => {
                let named = key::upload_of(stored).map(|(bucket, key, id)| {
                    format!("upload {id} of {}", self.object_name(bucket, &key))
                });
                (true, named.unwrap_or_else(plain))
            }
            Space::Parts => {
                let label = stored.split_first_chunk().and_then(|(manifest, number)| {
                    let manifest = ManifestId::new(u64::from_be_bytes(*manifest));
                    let number = u16::from_be_bytes(number.try_into().ok()?);
                    let (label, open) = self.labels.get(&manifest)?;
                    Some((*open, format!("part {number} of {label}")))
                });
                label.unwrap_or_else(|| (false, plain()))
            }
            Space::Buckets => match key::bucket_name_of(stored) {
                Some(name) => (true, format!("bucket {name}")),
                None => (false, plain()),
            },
            Space::System
            | Space::Manifests
            | Space::Pieces
            | Space::Blobs
            | Space::Tables
            | Space::Leases
            | Space::Garbage
            | Space::Owners => (false, plain()),
        }
    }

    /// A version that cannot be read: only its head can say that it was the null version.
    fn describe_version(&self, stored: &[u8]) -> Option<(bool, String)> {
        let (bucket, key, generation) = key::version_of(stored)?;
        let Some(generation) = generation else {
            let name = self.object_name(bucket, &key);
            return Some((false, format!("head of the versions of {name}")));
        };
        let head = self.census.version_heads.get(&(bucket, key.clone()));
        let null = head.is_some_and(|head| head.null == Some(generation));
        Some((true, self.place_name(&(bucket, key, Some(generation)), null)))
    }
}

pub(super) const UNOWNED: &str = "nothing that is left has it";
const UNUSED: &str = "no blob uses it";
