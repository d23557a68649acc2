//! Room: listing the versions of a bucket's keys: the latest ones, which lie among the objects, beside all others and
//! the delete markers.
//!
//! Source: ListObjectVersions (prefix, delimiter, key-marker, version-id-marker, max-keys).
//! Invariants: keys come in the order of their bytes, versions of one key from the newest to the oldest; a common
//! prefix is passed over by one seek in each of the two spaces, however many keys and versions lie below it; both
//! spaces are seen as of one moment, since a version moves from one to the other.

use bytes::Bytes;
use protocol::name::{ObjectKey, VersionId};

use super::{ListAsk, ListFrom, ListPage, Page, Pass, no_key};
use crate::id::{BucketId, Generation};
use crate::key;
use crate::record::{ObjectFacts, Record, VersionFacts, VersionHead};
use crate::store::{Advance, Pair, Space, Store, StoreError, Visit};

/// A version of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionEntry {
    /// The key that it is a version of.
    pub key: ObjectKey,
    /// Whether it is the newest of its key.
    pub latest: bool,
    /// What its record says in front.
    pub facts: VersionFacts,
}

impl VersionEntry {
    /// What clients call it.
    pub fn version(&self) -> VersionId {
        match &self.facts {
            VersionFacts::Object(object) => object.version(),
            VersionFacts::Marker(marker) => marker.version(),
        }
    }
}

/// One page of all versions of a bucket's keys, delete markers included.
pub fn list_versions(
    store: &dyn Store,
    ask: &ListAsk<'_>,
) -> Result<ListPage<VersionEntry>, StoreError> {
    let objects_at = |text: &str| key::object_text(ask.bucket, text);
    let versions_at = |text: &str| key::versions_under(ask.bucket, text);
    let behind_key = |text: &str| {
        let of_key = [&versions_at(text)[..], &[0, 0]].concat();
        (Some(super::super::just_after(objects_at(text))), key::prefix_end(&of_key))
    };
    let (objects, versions) = match &ask.from {
        ListFrom::Start => (Some(Vec::new()), Some(Vec::new())),
        ListFrom::AfterKey(text) => behind_key(text),
        ListFrom::AfterUpload(key, _) => behind_key(key.as_str()),
        // Where in the key's versions it stands is seen when its head is.
        ListFrom::AfterVersion(key, _) => {
            (Some(objects_at(key.as_str())), Some(versions_at(key.as_str())))
        }
        ListFrom::AfterPrefix(text) => {
            (key::prefix_end(&objects_at(text)), key::prefix_end(&versions_at(text)))
        }
    };
    let mut listing = Listing { bucket: ask.bucket, page: Page::new(ask), current: None };
    let first =
        (listing.page.first(objects, objects_at), listing.page.first(versions, versions_at));
    let (Some(objects), Some(versions)) = first else { return listing.page.finish() };
    store.scan_pair([Space::Objects, Space::Versions], [&objects, &versions], &mut |pair| {
        listing.visit(pair).unwrap_or_else(|error| {
            listing.page.failed = Some(error);
            None
        })
    })?;
    listing.page.finish()
}

/// The first key behind `after` that begins with `prefix` and has any version. It looks at names alone, so that whoever
/// has met damage in a listing can go on behind it.
pub fn next_key(
    store: &dyn Store,
    bucket: BucketId,
    prefix: &str,
    after: &str,
) -> Result<Option<String>, StoreError> {
    let mut names = [Ok(None), Ok(None)];
    let [object, version] = &mut names;
    let from = super::super::just_after(key::object_text(bucket, after));
    let from = from.max(key::object_text(bucket, prefix));
    store.scan(Space::Objects, &from, &mut |stored, _| {
        *object = key::object_key_of(bucket, stored)
            .map(|key| key.map(str::to_owned).map_err(|_no_text| no_key(stored)))
            .transpose();
        Visit::Stop
    })?;
    let behind = [&key::versions_under(bucket, after)[..], &[0, 0]].concat();
    let from = key::prefix_end(&behind).unwrap_or(behind);
    let from = from.max(key::versions_under(bucket, prefix));
    store.scan(Space::Versions, &from, &mut |stored, _| {
        if stored.starts_with(&key::versions(bucket)) {
            let found = key::version_of(stored).ok_or_else(|| no_key(stored));
            *version = found.map(|(_, key, _)| Some(key.as_str().to_owned()));
        }
        Visit::Stop
    })?;
    let [object, version] = names;
    let next = [object?, version?].into_iter().flatten().min();
    Ok(next.filter(|key| key.starts_with(prefix)))
}

/// A page of versions that is being filled.
struct Listing<'a> {
    bucket: BucketId,
    page: Page<'a, VersionEntry>,
    /// The key whose versions are being listed, and its head.
    current: Option<(ObjectKey, VersionHead)>,
}

/// The latest version of a key, if that is data.
#[derive(Clone, Copy)]
struct Latest<'e> {
    key: &'e str,
    value: &'e [u8],
}

/// An entry of the space of versions.
struct Older<'e> {
    key: ObjectKey,
    /// `None`: the head of the key.
    generation: Option<Generation>,
    value: &'e [u8],
}

impl Listing<'_> {
    fn visit(&mut self, pair: Pair<'_>) -> Result<Option<[Advance; 2]>, StoreError> {
        let [object, version] = pair;
        let object = object.map_or(Ok(None), |entry| self.latest(entry))?;
        let version = version.map_or(Ok(None), |entry| self.older(entry))?;
        let keys = [object.map(|one| one.key), version.as_ref().map(|one| one.key.as_str())];
        let Some(key) = keys.into_iter().flatten().min() else { return Ok(None) };
        if let Some(pass) = self.page.pass(key) {
            return Ok(self.behind(&pass, keys));
        }
        let object = object.filter(|one| one.key == key);
        match version.as_ref().filter(|one| one.key.as_str() == key) {
            Some(Older { key, generation: Some(generation), value }) => {
                self.record(key.clone(), *generation, value)
            }
            head => self.begin(key, object, head),
        }
    }

    /// The entry of the space of objects, if it is of this bucket.
    fn latest<'e>(
        &self,
        (stored_key, value): (&'e [u8], &'e [u8]),
    ) -> Result<Option<Latest<'e>>, StoreError> {
        match key::object_key_of(self.bucket, stored_key) {
            None => Ok(None),
            Some(Ok(key)) => Ok(Some(Latest { key, value })),
            Some(Err(_no_text)) => Err(no_key(stored_key)),
        }
    }

    /// The entry of the space of versions, if it is of this bucket.
    fn older<'e>(
        &self,
        (stored_key, value): (&'e [u8], &'e [u8]),
    ) -> Result<Option<Older<'e>>, StoreError> {
        if !stored_key.starts_with(&key::versions(self.bucket)) {
            return Ok(None);
        }
        let (_, key, generation) = key::version_of(stored_key).ok_or_else(|| no_key(stored_key))?;
        Ok(Some(Older { key, generation, value }))
    }

    /// Where both scans go on behind a key that is no entry.
    fn behind(&self, pass: &Pass<'_>, keys: [Option<&str>; 2]) -> Option<[Advance; 2]> {
        let Pass::Below(common) = pass else { return None };
        let below = |key: Option<&str>| key.is_some_and(|key| key.starts_with(common));
        let seek = |at: Vec<u8>| key::prefix_end(&at).map(Advance::SeekTo);
        Some([
            if below(keys[0]) {
                seek(key::object_text(self.bucket, common))?
            } else {
                Advance::Stay
            },
            if below(keys[1]) {
                seek(key::versions_under(self.bucket, common))?
            } else {
                Advance::Stay
            },
        ])
    }

    /// Begins with the versions of a key: notes its head, if there is one, and lists the latest version, if that is
    /// data and not in front of where the page begins.
    fn begin(
        &mut self,
        key: &str,
        object: Option<Latest<'_>>,
        head: Option<&Older<'_>>,
    ) -> Result<Option<[Advance; 2]>, StoreError> {
        let key = ObjectKey::parse(key).map_err(|error| {
            StoreError::Corrupt(format!("an object is called {key:?}: {error}"))
        })?;
        let facts = object.map(|one| ObjectFacts::decode(one.value)).transpose()?;
        let counted = head.map(|one| VersionHead::decode(Bytes::copy_from_slice(one.value)));
        let counted = counted.transpose()?.unwrap_or_default();
        let behind = self.resume(&key, facts.as_ref(), &counted);
        let steps = [
            if object.is_some() { Advance::Next } else { Advance::Stay },
            match (head, behind) {
                (None, _) => Advance::Stay,
                (Some(_), None) => Advance::Next,
                (Some(_), Some(generation)) => Advance::SeekTo(super::super::just_after(
                    key::version(self.bucket, &key, generation),
                )),
            },
        ];
        self.current = Some((key.clone(), counted));
        if let Some(facts) = facts.filter(|facts| behind.is_none_or(|at| facts.generation < at)) {
            let facts = VersionFacts::Object(facts);
            self.page.take(Ok(VersionEntry { key, latest: true, facts }));
        }
        Ok(Some(steps))
    }

    /// The version of this key that the page begins behind. A null version that is gone has left no place: the key
    /// is listed from its newest version then, so that none is left out.
    fn resume(
        &self,
        key: &ObjectKey,
        latest: Option<&ObjectFacts>,
        head: &VersionHead,
    ) -> Option<Generation> {
        match &self.page.ask.from {
            ListFrom::AfterVersion(behind, version) if behind == key => match version {
                VersionId::Number(number) => Some(Generation::new(*number)),
                VersionId::Null => {
                    latest.filter(|facts| facts.null).map(|facts| facts.generation).or(head.null)
                }
            },
            _ => None,
        }
    }

    fn record(
        &mut self,
        key: ObjectKey,
        generation: Generation,
        value: &[u8],
    ) -> Result<Option<[Advance; 2]>, StoreError> {
        let Some((_, head)) = self.current.as_ref().filter(|(current, _)| *current == key) else {
            return Err(StoreError::Corrupt(format!("the versions of {key:?} have no head")));
        };
        let latest = head.marker == Some(generation);
        let facts = VersionFacts::decode(value)?;
        let visit = self.page.take(Ok(VersionEntry { key, latest, facts }));
        Ok((visit == Visit::Next).then_some([Advance::Stay, Advance::Next]))
    }
}
