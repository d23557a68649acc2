//! Room: from what is kept to what has to change: what goes, and what follows from the rest.
//!
//! Every count, mark, owner, total and number is computed from what is kept and compared with what is stored; only
//! what differs is changed.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use protocol::name::{AccountId, ObjectKey};
use protocol::time::Timestamp;
use protocol::versioning::Versioning;

use super::census::Census;
use super::judge::{Judged, TABLE_PAGE_LEN};
use super::{Files, Fix, Plan, Removal, blob_name};
use crate::fingerprint::Fingerprint;
use crate::id::{BlobId, BucketId, ManifestId, Sequence, TableId};
use crate::key;
use crate::record::{
    BlobRecord, BucketCounters, BucketRecord, Content, Counters, LeaseRecord, ManifestNames,
    NUMBER_MAX, OpenKey, OwnerMark, PieceList, Record, Since, SpaceTotals, TableHead, UploadRecord,
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
        labels: BTreeMap::new(),
        blobs: BTreeMap::new(),
        settled: BTreeSet::new(),
        plan: Plan { read: judged.read.clone(), ..Plan::default() },
    };
    draft.name_buckets();
    draft.label_manifests();
    draft.drop_lost();
    draft.rebuild_blobs();
    draft.rebuild_tables();
    let counters = draft.counters(files);
    draft.rebuild_marks(counters.last_sequence());
    draft.rebuild_owners();
    draft.rebuild_garbage();
    draft.rebuild_names();
    draft.rebuild_buckets();
    draft.rebuild_uploads(store)?;
    draft.rebuild_open_keys();
    draft.rebuild_leases();
    if counters != census.counters.unwrap_or_default() {
        let value = counters.encode();
        draft.set(Space::System, key::counters(), value, || "the counters".to_owned());
    }
    draft.drop_unreadable();
    Ok(draft.plan)
}

struct Draft<'a> {
    census: &'a Census,
    judged: &'a Judged,
    /// What buckets are called, those included that had to get a name.
    names: BTreeMap<BucketId, String>,
    /// What the parts of a manifest are parts of, and whether that is an open upload.
    labels: BTreeMap<ManifestId, (String, bool)>,
    /// The blobs that there will be.
    blobs: BTreeMap<BlobId, BlobRecord>,
    /// Unreadable records that have found something in their place.
    settled: BTreeSet<(Space, Bytes)>,
    plan: Plan,
}

impl Draft<'_> {
    /// Sets a value that follows from others. Where what is there cannot be read, it is written down first.
    fn set(&mut self, space: Space, key: Vec<u8>, value: Bytes, what: impl FnOnce() -> String) {
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

    fn clear(&mut self, space: Space, key: Vec<u8>, what: String) {
        self.plan.fixes.push(Fix { space, key: key.into(), value: None, what });
    }

    fn take(&mut self, space: Space, key: Vec<u8>, known: bool, what: String, why: &str) {
        let (key, why) = (key.into(), why.to_owned());
        self.plan.removals.push(Removal { space, key, replacement: None, what, why, known });
    }

    fn object_name(&self, bucket: BucketId, key: &ObjectKey) -> String {
        let key = key.as_str();
        match self.names.get(&bucket) {
            Some(name) => format!("{name}/{key}"),
            None => format!("{key} of the bucket with number {bucket}"),
        }
    }

    /// Finds out which bucket has which number. One whose record cannot be read gets its name back where only one
    /// number can be meant; else its objects are kept under a new name.
    fn name_buckets(&mut self) {
        let census = self.census;
        for (name, record) in &census.names {
            if let Some(other) = self.names.get(&record.id) {
                let why = format!("it has the number of bucket {other}");
                let at = bucket_key(name);
                self.take(Space::Buckets, at, true, format!("bucket {name}"), &why);
                continue;
            }
            self.names.insert(record.id, name.clone());
        }
        let filled = census.objects.keys().map(|(bucket, _)| *bucket);
        let open = census.uploads.keys().map(|(bucket, _, _)| *bucket);
        let filled = filled.chain(open.filter(|bucket| !census.is_going(*bucket)));
        let filled: BTreeSet<BucketId> = filled.collect();
        let mut nameless = filled.clone();
        nameless.extend(census.bucket_counters.keys());
        nameless.retain(|bucket| !self.names.contains_key(bucket));

        let mut unknown = Vec::new();
        for (name, number) in &census.damaged_names {
            match number.filter(|number| nameless.remove(number)) {
                Some(number) => self.name_bucket(number, name),
                None => unknown.push(name),
            }
        }
        if let (&[name], 1, Some(number)) = (&unknown[..], nameless.len(), nameless.first()) {
            self.name_bucket(*number, name);
            nameless.clear();
        }
        for bucket in nameless.intersection(&filled) {
            let mut name = format!("recovered-bucket-{bucket}");
            while census.names.contains_key(&name) {
                name.push_str("-x");
            }
            self.name_bucket(*bucket, &name);
        }
    }

    fn name_bucket(&mut self, id: BucketId, name: &str) {
        let census = self.census;
        let nobody = || AccountId::parse("000000000000").expect("twelve digits");
        let owner = census.names.values().next().map_or_else(nobody, |other| other.owner.clone());
        let objects = census.objects.iter().filter(|((bucket, _), _)| *bucket == id);
        let created = objects.map(|(_, object)| object.modified).min();
        let created = created.unwrap_or(Timestamp::from_millis(0));
        let versioning = self.versioning(id);
        let value = BucketRecord { id, created, owner, versioning }.encode();
        self.set(Space::Buckets, bucket_key(name), value, || format!("bucket {name}"));
        self.names.insert(id, name.to_owned());
    }

    /// Whether a bucket has versions: what readers are told, or else what the rounds go by.
    fn versioning(&self, id: BucketId) -> Versioning {
        let named = self.census.names.values().find(|record| record.id == id);
        let counted = || self.census.bucket_counters.get(&id).map(|of| of.versioning);
        named.map(|record| record.versioning).or_else(counted).unwrap_or_default()
    }

    fn label_manifests(&mut self) {
        for ((bucket, key), object) in &self.census.objects {
            let label = || (self.object_name(*bucket, key), false);
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
        for ((bucket, key), why) in &judged.lost_objects {
            let what = format!("object {}", self.object_name(*bucket, key));
            self.take(Space::Objects, key::object(*bucket, key), true, what, why);
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

    fn rebuild_buckets(&mut self) {
        let (census, judged) = (self.census, self.judged);
        let counters = |id: &BucketId| BucketCounters {
            versioning: self.versioning(*id),
            ..BucketCounters::default()
        };
        let mut counts: BTreeMap<BucketId, BucketCounters> =
            self.names.keys().map(|id| (*id, counters(id))).collect();
        for place in census.objects.keys().filter(|at| !judged.lost_objects.contains_key(at)) {
            counts.entry(place.0).or_default().objects += 1;
        }
        for place in census.uploads.keys().filter(|at| !judged.lost_uploads.contains_key(at)) {
            if let Some(counts) = counts.get_mut(&place.0) {
                counts.uploads += 1;
            }
        }
        for (id, count) in &counts {
            if census.bucket_counters.get(id) != Some(count) {
                let name = self.names.get(id).map_or("", String::as_str).to_owned();
                self.set(Space::Buckets, key::bucket_counters(*id), count.encode(), || {
                    format!("counters of bucket {name}")
                });
            }
        }
        for id in census.bucket_counters.keys().filter(|id| !counts.contains_key(id)) {
            let what = format!("counters of bucket number {id}");
            self.take(Space::Buckets, key::bucket_counters(*id), false, what, UNOWNED);
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

    /// What a lost one said of writes since is lost with it: conditions are looked at all the same.
    fn rebuild_open_keys(&mut self) {
        let (census, judged) = (self.census, self.judged);
        let mut there: BTreeMap<(BucketId, ObjectKey), u64> = BTreeMap::new();
        for place in census.uploads.keys().filter(|at| !judged.lost_uploads.contains_key(at)) {
            *there.entry((place.0, place.1.clone())).or_default() += 1;
        }
        for (place, uploads) in &there {
            let open = census.open_keys.get(place).copied().unwrap_or_default();
            if open.uploads != *uploads {
                let (at, what) = (key::open_key(place.0, &place.1), self.open_name(place));
                let value = OpenKey { uploads: *uploads, ..open }.encode();
                self.set(Space::Buckets, at, value, || what);
            }
        }
        for place in census.open_keys.keys().filter(|place| !there.contains_key(place)) {
            let what = self.open_name(place);
            self.clear(Space::Buckets, key::open_key(place.0, &place.1), what);
        }
    }

    fn open_name(&self, (bucket, key): &(BucketId, ObjectKey)) -> String {
        format!("count of the uploads of {}", self.object_name(*bucket, key))
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

    /// Numbers above all that are in use, whatever becomes of what uses them, and the totals.
    fn counters(&self, files: &Files) -> Counters {
        let Census { objects, uploads, parts, .. } = self.census;
        let census = self.census;
        let mut counters = census.counters.unwrap_or_default();
        let raise = |counter: &mut u64, numbers: &mut dyn Iterator<Item = u64>| {
            *counter = numbers.fold(*counter, u64::max);
        };
        let marks = [&census.unreferenced, &census.taken, &census.sparse].into_iter();
        let marks = marks.flat_map(|marks| marks.values().copied());
        let garbage = census.garbage.keys().map(|at| at.sequence.get());
        raise(&mut counters.sequence, &mut marks.chain(garbage));
        let buckets = self.names.keys().chain(census.bucket_counters.keys());
        let buckets = buckets.chain(objects.keys().map(|(bucket, _)| bucket));
        let buckets = buckets.chain(uploads.keys().map(|(bucket, ..)| bucket));
        raise(&mut counters.bucket, &mut buckets.map(|bucket| bucket.get()));
        let manifests = self.labels.keys().chain(parts.keys().map(|(manifest, _)| manifest));
        let pages = census.manifest_pages.keys().chain(census.piece_pages.keys());
        let lists = objects.values().filter_map(|object| match &object.content {
            Content::Pieces(PieceList::Long { list, .. }) => Some(list),
            Content::Pieces(PieceList::Short(_)) | Content::Parts(_) | Content::Copied(_) => None,
        });
        let manifests = manifests.chain(pages.map(|(id, _)| id)).chain(lists);
        raise(&mut counters.manifest, &mut manifests.map(|manifest| manifest.get()));
        let generations = objects.values().map(|object| object.generation);
        let generations = generations.chain(parts.values().map(|part| part.generation));
        let uploads = uploads.values().flat_map(|upload| [upload.generation, upload.begun]);
        raise(&mut counters.generation, &mut generations.chain(uploads).map(|one| one.get()));
        let blobs = census.blobs.keys().chain(census.taken.keys()).copied();
        let tables = census.tables.keys().chain(census.table_pages.keys().map(|(table, _)| table));
        let blobs = blobs.chain(tables.map(|table| BlobId::new(table.get())));
        let folders = blobs.map(BlobId::folder).chain(census.leases.iter().copied());
        let folders = folders.map(|folder| folder.get()).chain([files.last_folder]);
        raise(&mut counters.folder, &mut { folders });
        self.raise_above_unreadable(&mut counters);
        counters.space = SpaceTotals::default();
        self.blobs.values().for_each(|record| counters.space.exchange(None, Some(record)));
        counters
    }

    /// What cannot be read has numbers in its key all the same.
    fn raise_above_unreadable(&self, counters: &mut Counters) {
        for (space, stored) in self.census.unreadable.keys() {
            let front = stored.first_chunk().map(|number| u64::from_be_bytes(*number));
            let (counter, number) = match space {
                Space::Objects | Space::Versions | Space::Uploads => (&mut counters.bucket, front),
                Space::Parts | Space::Manifests | Space::Pieces => (&mut counters.manifest, front),
                Space::Garbage => {
                    let at = key::garbage_of(stored);
                    (&mut counters.sequence, at.map(|at| at.sequence.get()))
                }
                Space::Blobs | Space::Tables => {
                    let folder = front.map(|blob| BlobId::new(blob).folder().get());
                    (&mut counters.folder, folder)
                }
                Space::Leases => (&mut counters.folder, front),
                Space::System | Space::Buckets | Space::Owners => continue,
            };
            // A number that no counting comes to is part of the damage.
            let number = number.filter(|number| *number <= NUMBER_MAX);
            *counter = number.map_or(*counter, |number| number.max(*counter));
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
            | Space::Versions
            | Space::Manifests
            | Space::Pieces
            | Space::Blobs
            | Space::Tables
            | Space::Leases
            | Space::Garbage
            | Space::Owners => (false, plain()),
        }
    }
}

fn bucket_key(name: &str) -> Vec<u8> {
    key::bucket_names(name)
}

const UNOWNED: &str = "nothing that is left has it";
const UNUSED: &str = "no blob uses it";
