//! Room: listing the keys of a bucket.
//!
//! Source: ListObjectsV2 (prefix, delimiter, start-after, continuation-token, max-keys). Invariants: keys come in
//! the order of their bytes; a common prefix is passed over by one seek, however many keys lie below it.

use protocol::name::ObjectKey;

use crate::id::BucketId;
use crate::key;
use crate::record::ObjectFacts;
use crate::store::{Space, Store, StoreError, Visit};

/// Which keys are asked for.
#[derive(Debug, Clone)]
pub struct ListObjects<'a> {
    /// The bucket.
    pub bucket: BucketId,
    /// What the keys begin with; empty: anything.
    pub prefix: &'a str,
    /// Keys that have this behind the prefix are rolled up into one common prefix each; never empty.
    pub delimiter: Option<&'a str>,
    /// Where to begin.
    pub from: ListFrom,
    /// How many keys and common prefixes together at most.
    pub max: usize,
}

/// Where a listing begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListFrom {
    /// At the first key.
    Start,
    /// Behind this text, which need not be a key that exists.
    AfterKey(String),
    /// Behind all keys that begin with this.
    AfterPrefix(String),
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct ListPage {
    /// Keys and common prefixes in the order of their bytes.
    pub entries: Vec<ListEntry>,
    /// Where the next page begins; `None`: this is the last one.
    pub next: Option<ListFrom>,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq)]
pub enum ListEntry {
    /// An object.
    Object {
        /// Its key.
        key: ObjectKey,
        /// What its record says in front.
        facts: ObjectFacts,
    },
    /// All keys that begin with this text, delimiter included.
    Prefix(String),
}

/// One page of the keys of a bucket.
pub fn list_objects(store: &dyn Store, ask: &ListObjects<'_>) -> Result<ListPage, StoreError> {
    if ask.max == 0 {
        // S3: ListObjectsV2, max-keys 0 answers an empty, complete page.
        return Ok(ListPage { entries: Vec::new(), next: None });
    }
    let Some(first) = first_key(ask) else {
        return Ok(ListPage { entries: Vec::new(), next: None });
    };
    let mut page = Collector { ask, entries: Vec::new(), more: false, failed: None };
    store.scan(Space::Objects, &first, &mut |key, value| page.visit(key, value))?;
    if let Some(error) = page.failed {
        return Err(error);
    }
    let next = page.more.then(|| page.entries.last().map(resume_after)).flatten();
    Ok(ListPage { entries: page.entries, next })
}

/// The first key that can belong to the page; `None` if none can.
fn first_key(ask: &ListObjects<'_>) -> Option<Vec<u8>> {
    let prefix = key::object_text(ask.bucket, ask.prefix);
    let from = match &ask.from {
        ListFrom::Start => return Some(prefix),
        ListFrom::AfterKey(text) => super::just_after(key::object_text(ask.bucket, text)),
        ListFrom::AfterPrefix(text) => key::prefix_end(&key::object_text(ask.bucket, text))?,
    };
    Some(prefix.max(from))
}

fn resume_after(entry: &ListEntry) -> ListFrom {
    match entry {
        ListEntry::Object { key, .. } => ListFrom::AfterKey(key.as_str().to_owned()),
        ListEntry::Prefix(text) => ListFrom::AfterPrefix(text.clone()),
    }
}

struct Collector<'a> {
    ask: &'a ListObjects<'a>,
    entries: Vec<ListEntry>,
    more: bool,
    failed: Option<StoreError>,
}

impl Collector<'_> {
    fn visit(&mut self, stored_key: &[u8], value: &[u8]) -> Visit {
        let Some(key) = key::object_key_of(self.ask.bucket, stored_key) else { return Visit::Stop };
        let Ok(key) = key else {
            let what = format!("an object's key is no text: {stored_key:02x?}");
            self.failed = Some(StoreError::Corrupt(what));
            return Visit::Stop;
        };
        let Some(rest) = key.strip_prefix(self.ask.prefix) else { return Visit::Stop };
        if self.entries.len() >= self.ask.max {
            self.more = true;
            return Visit::Stop;
        }
        let rolled = self.ask.delimiter.and_then(|delimiter| {
            rest.find(delimiter).map(|at| self.ask.prefix.len() + at + delimiter.len())
        });
        if let Some(common) = rolled.and_then(|len| key.get(..len)) {
            self.entries.push(ListEntry::Prefix(common.to_owned()));
            let behind = key::prefix_end(&key::object_text(self.ask.bucket, common));
            return behind.map_or(Visit::Stop, Visit::SeekTo);
        }
        match object_entry(key, value) {
            Ok(entry) => {
                self.entries.push(entry);
                Visit::Next
            }
            Err(error) => {
                self.failed = Some(error);
                Visit::Stop
            }
        }
    }
}

fn object_entry(key: &str, value: &[u8]) -> Result<ListEntry, StoreError> {
    let key = ObjectKey::parse(key)
        .map_err(|error| StoreError::Corrupt(format!("an object is called {key:?}: {error}")))?;
    Ok(ListEntry::Object { key, facts: ObjectFacts::decode(value)? })
}
