//! Room: the questions of the lifecycle worker, asked on reader threads, where a thousand rules may be held against a
//! page of versions.
//!
//! Invariant: each page is judged by the rules that the bucket has at that moment, or not at all.

use std::sync::Arc;

use meta::command::{ExpireItem, Expiring};
use meta::id::{BucketId, Generation};
use meta::query::{self, ListAsk, ListFrom, ListLine, ListPage, Named, VersionEntry};
use meta::record::{BucketRecord, ConfigKind, VersionFacts};
use meta::store::{Store, StoreError};
use protocol::lifecycle::{DayLen, Facts, Judged, Known, Lifecycle, Standing};
use protocol::name::{BucketName, ObjectKey, UploadId};
use protocol::tagging::TagSet;
use protocol::time::Timestamp;

use crate::metrics::Action;

/// A bucket with rules.
#[derive(Clone)]
pub(super) struct Ruled {
    pub(super) name: BucketName,
    pub(super) id: BucketId,
    /// Which writing of the rules these are.
    generation: Generation,
    pub(super) rules: Arc<Lifecycle>,
}

/// By what is judged besides the rules.
#[derive(Clone, Copy)]
pub(super) struct Hour {
    pub(super) now: Timestamp,
    pub(super) day: DayLen,
}

/// Some buckets in the order of their names, and where the next ones begin.
pub(super) struct Buckets {
    /// Those with rules; of one whose rules cannot be read, what was found.
    pub(super) ruled: Vec<Result<Ruled, (BucketName, String)>>,
    pub(super) next: Option<BucketName>,
}

/// The next buckets behind `after`.
pub(super) fn buckets(
    store: &dyn Store,
    after: Option<&BucketName>,
    max: usize,
) -> Result<Buckets, StoreError> {
    let found = query::buckets(store, "", after, max)?;
    let next = found.last().filter(|_| found.len() >= max).map(|(name, _)| name.clone());
    let mut ruled = Vec::new();
    for (name, record) in found {
        let Some(generation) = rules_since(&record) else { continue };
        match rules(store, &name, &record) {
            Ok(Some(rules)) => {
                ruled.push(Ok(Ruled { name, id: record.id, generation, rules: Arc::new(rules) }));
            }
            // They were taken away in between.
            Ok(None) => {}
            Err(StoreError::Corrupt(found)) => ruled.push(Err((name, found))),
            Err(failed @ StoreError::Failed(_)) => return Err(failed),
        }
    }
    Ok(Buckets { ruled, next })
}

fn rules_since(record: &BucketRecord) -> Option<Generation> {
    let found = record.configs.iter().find(|(kind, _)| *kind == ConfigKind::Lifecycle);
    found.map(|(_, generation)| *generation)
}

fn rules(
    store: &dyn Store,
    name: &BucketName,
    record: &BucketRecord,
) -> Result<Option<Lifecycle>, StoreError> {
    let Some(config) = query::config_of(store, name, record, ConfigKind::Lifecycle)? else {
        return Ok(None);
    };
    let rules = Lifecycle::parse(config.document.as_bytes());
    rules.map(Some).map_err(|error| StoreError::Corrupt(format!("lifecycle rules: {error}")))
}

impl Ruled {
    /// Whether the bucket is there, with these rules.
    fn stands(&self, store: &dyn Store) -> Result<bool, StoreError> {
        let record = query::bucket(store, &self.name)?;
        Ok(record.is_some_and(|record| {
            record.id == self.id && rules_since(&record) == Some(self.generation)
        }))
    }

    fn ask(&self, from: ListFrom, max: usize) -> ListAsk<'_> {
        let prefix = self.rules.common_prefix();
        ListAsk { bucket: self.id, prefix, delimiter: None, from, max }
    }
}

/// Where a look through the versions of a bucket has come to.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) from: ListFrom,
    /// The version that was seen last.
    above: Option<Above>,
}

impl Place {
    /// At this entry of the listing, whatever stands above it.
    pub(super) const fn at(from: ListFrom) -> Self {
        Self { from, above: None }
    }
}

/// A version, as far as the next older one asks.
#[derive(Clone)]
struct Above {
    key: ObjectKey,
    modified: Timestamp,
    /// How many versions the latest one has down to this one.
    older: u32,
}

/// What goes of a page of versions, and where the next page begins.
pub(super) struct Page {
    pub(super) goes: Vec<(Action, ExpireItem)>,
    pub(super) next: Option<Place>,
}

/// Judges at most `max` versions. `None` if these are the bucket's rules no more.
pub(super) fn versions(
    store: &dyn Store,
    bucket: &Ruled,
    place: &Place,
    max: usize,
    hour: Hour,
) -> Result<Option<Page>, StoreError> {
    if !bucket.stands(store)? {
        return Ok(None);
    }
    let ListPage { lines, more } =
        query::list_versions(store, &bucket.ask(place.from.clone(), max))?;
    let mut entries: Vec<VersionEntry> = lines.into_iter().filter_map(entry).collect();
    // Whether a marker is alone is seen in the entry behind it: the last one begins the next page.
    let undecided = more && entries.len() > 1 && entries.last().is_some_and(is_latest_marker);
    let behind = if undecided { entries.pop() } else { None };
    let (mut goes, mut above) = (Vec::new(), place.above.clone());
    for (at, entry) in entries.iter().enumerate() {
        let over = above.as_ref().filter(|above| above.key == entry.key);
        let older = over.map_or(0, |above| above.older);
        let standing = match (&entry.facts, entry.latest) {
            (VersionFacts::Object(_), true) => Some(Standing::Latest),
            (VersionFacts::Marker(_), true) => {
                let next = entries.get(at + 1).or(behind.as_ref());
                let lone = next.map_or(!more, |next| next.key != entry.key);
                Some(Standing::LatestMarker { lone })
            }
            // What was damaged above it is not known: it is looked at again when that is mended.
            (_, false) => {
                over.map(|above| Standing::Noncurrent { since: above.modified, newer: above.older })
            }
        };
        if let Some(standing) = standing
            && judge(store, bucket, entry, standing, hour)?
        {
            goes.push(item(entry, standing));
        }
        let older = if entry.latest { 0 } else { older + 1 };
        above = Some(Above { key: entry.key.clone(), modified: modified(entry), older });
    }
    let last = entries.last().filter(|_| more);
    let next = last.map(|last| Place {
        from: ListFrom::AfterVersion(last.key.clone(), last.version()),
        above,
    });
    Ok(Some(Page { goes, next }))
}

fn entry<T>(line: ListLine<T>) -> Option<T> {
    match line {
        ListLine::Entry(entry) => Some(entry),
        ListLine::Prefix(_) => None,
    }
}

fn is_latest_marker(entry: &VersionEntry) -> bool {
    entry.latest && matches!(entry.facts, VersionFacts::Marker(_))
}

fn modified(entry: &VersionEntry) -> Timestamp {
    match &entry.facts {
        VersionFacts::Object(object) => object.modified,
        VersionFacts::Marker(marker) => marker.modified,
    }
}

fn item(entry: &VersionEntry, standing: Standing) -> (Action, ExpireItem) {
    let generation = match &entry.facts {
        VersionFacts::Object(object) => object.generation,
        VersionFacts::Marker(marker) => marker.generation,
    };
    let (action, what) = match standing {
        Standing::Latest => (Action::Expire, Expiring::Latest { generation }),
        Standing::LatestMarker { .. } => (Action::Marker, Expiring::LoneMarker { generation }),
        Standing::Noncurrent { .. } => (Action::Noncurrent, Expiring::Noncurrent { generation }),
    };
    (action, ExpireItem { key: entry.key.clone(), what })
}

/// Whether a version goes now. Its tags are looked up where they decide.
fn judge(
    store: &dyn Store,
    bucket: &Ruled,
    entry: &VersionEntry,
    standing: Standing,
    hour: Hour,
) -> Result<bool, StoreError> {
    let (len, untagged) = match &entry.facts {
        VersionFacts::Object(object) => (object.len, None),
        VersionFacts::Marker(_) => (0, Some(TagSet::default())),
    };
    let facts = Facts { key: entry.key.as_str(), len, modified: modified(entry), standing };
    let verdict = |known| bucket.rules.judge(&facts, known, hour.now, hour.day);
    match verdict(untagged.as_ref().map_or(Known::Nothing, Known::Tags)) {
        Judged::Goes(_) => Ok(true),
        Judged::Stays => Ok(false),
        Judged::ByTags => {
            match query::version(store, bucket.id, &entry.key, Some(entry.version())) {
                Ok(Named::Object(object)) => {
                    Ok(matches!(verdict(Known::Tags(&object.tags)), Judged::Goes(_)))
                }
                // It is gone, or what it says beside its facts is damaged: it stays.
                Ok(Named::Marker(_) | Named::Nothing) | Err(StoreError::Corrupt(_)) => Ok(false),
                Err(failed) => Err(failed),
            }
        }
    }
}

/// Uploads whose time is up, and where the next ones begin.
pub(super) struct Uploads {
    pub(super) goes: Vec<(ObjectKey, UploadId)>,
    pub(super) next: Option<ListFrom>,
}

/// Judges at most `max` uploads. `None` if these are the bucket's rules no more.
pub(super) fn uploads(
    store: &dyn Store,
    bucket: &Ruled,
    from: &ListFrom,
    max: usize,
    hour: Hour,
) -> Result<Option<Uploads>, StoreError> {
    if !bucket.stands(store)? {
        return Ok(None);
    }
    let ListPage { lines, more } = query::list_uploads(store, &bucket.ask(from.clone(), max))?;
    let (mut goes, mut next) = (Vec::new(), None);
    for upload in lines.into_iter().filter_map(entry) {
        let due = bucket.rules.abort(upload.key.as_str(), upload.initiated, hour.day);
        if due.is_some_and(|due| due.at <= hour.now) {
            goes.push((upload.key.clone(), upload.upload_id));
        }
        next = Some(ListFrom::AfterUpload(upload.key, upload.upload_id));
    }
    Ok(Some(Uploads { goes, next: next.filter(|_| more) }))
}
