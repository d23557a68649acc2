//! Room: listing the keys of a bucket, its open uploads, and (`versions`) all versions of its keys.
//!
//! Source: ListObjectsV2 (prefix, delimiter, start-after, continuation-token, max-keys), ListMultipartUploads.
//! Invariants: keys come in the order of their bytes, uploads of one key in the order of their identifiers, in
//! front of which stands the time; a common prefix is passed over by one seek, however much lies below it.

mod versions;

use bytes::Bytes;
use protocol::checksum::{ChecksumAlgorithm, ChecksumType};
use protocol::name::{ObjectKey, UploadId, VersionId};
use protocol::storage_class::StorageClass;
use protocol::time::Timestamp;

pub use versions::{VersionEntry, list_versions, next_key};

use crate::id::BucketId;
use crate::key;
use crate::record::{ObjectFacts, Record, UploadRecord};
use crate::store::{Space, Store, StoreError, Visit};

/// What is asked of a bucket's keys, of their versions, or of its uploads.
#[derive(Debug, Clone)]
pub struct ListAsk<'a> {
    /// The bucket.
    pub bucket: BucketId,
    /// What the keys begin with; empty: anything.
    pub prefix: &'a str,
    /// Keys that have this behind the prefix are rolled up into one common prefix each; never empty.
    pub delimiter: Option<&'a str>,
    /// Where to begin.
    pub from: ListFrom,
    /// How many entries and common prefixes together at most.
    pub max: usize,
}

/// Where a listing begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListFrom {
    /// At the first key.
    Start,
    /// Behind this text, which need not be a key that exists.
    AfterKey(String),
    /// Behind this upload, which need not exist; among others than uploads, behind its key.
    AfterUpload(ObjectKey, UploadId),
    /// Behind this version of the key, which need not exist; among others than versions, behind the key.
    AfterVersion(ObjectKey, VersionId),
    /// Behind all keys that begin with this.
    AfterPrefix(String),
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct ListPage<T> {
    /// Entries and common prefixes in the order of their bytes.
    pub lines: Vec<ListLine<T>>,
    /// Whether more follows behind the last of them.
    pub more: bool,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq)]
pub enum ListLine<T> {
    /// An object or an upload.
    Entry(T),
    /// All keys that begin with this text, delimiter included.
    Prefix(String),
}

/// An object of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectEntry {
    /// Its key.
    pub key: ObjectKey,
    /// What its record says in front.
    pub facts: ObjectFacts,
}

/// An open upload of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadEntry {
    /// Its key.
    pub key: ObjectKey,
    /// Its identifier.
    pub upload_id: UploadId,
    /// When it was opened.
    pub initiated: Timestamp,
    /// The checksum that was asked for.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    /// The storage class of the object to be.
    pub storage_class: StorageClass,
}

/// One page of the keys of a bucket.
pub fn list_objects(
    store: &dyn Store,
    ask: &ListAsk<'_>,
) -> Result<ListPage<ObjectEntry>, StoreError> {
    let text_at = |text: &str| key::object_text(ask.bucket, text);
    let behind = match &ask.from {
        ListFrom::Start => Some(Vec::new()),
        ListFrom::AfterKey(text) => Some(super::just_after(text_at(text))),
        ListFrom::AfterUpload(key, _) | ListFrom::AfterVersion(key, _) => {
            Some(super::just_after(text_at(key.as_str())))
        }
        ListFrom::AfterPrefix(text) => key::prefix_end(&text_at(text)),
    };
    let mut page = Page::new(ask);
    let Some(first) = page.first(behind, text_at) else { return page.finish() };
    store.scan(Space::Objects, &first, &mut |stored_key, value| {
        let Some(key) = key::object_key_of(ask.bucket, stored_key) else { return Visit::Stop };
        let Ok(key) = key else { return page.take(Err(no_key(stored_key))) };
        match page.pass(key) {
            Some(pass) => pass.visit(text_at),
            None => page.take(object_entry(key, value)),
        }
    })?;
    page.finish()
}

/// One page of the open uploads of a bucket.
pub fn list_uploads(
    store: &dyn Store,
    ask: &ListAsk<'_>,
) -> Result<ListPage<UploadEntry>, StoreError> {
    let text_at = |text: &str| key::uploads_under(ask.bucket, text);
    let behind = match &ask.from {
        ListFrom::Start => Some(Vec::new()),
        ListFrom::AfterKey(text) => key::prefix_end(&key::uploads_of(ask.bucket, text)),
        ListFrom::AfterUpload(key, id) => Some(super::just_after(key::upload(ask.bucket, key, id))),
        ListFrom::AfterVersion(key, _) => {
            key::prefix_end(&key::uploads_of(ask.bucket, key.as_str()))
        }
        ListFrom::AfterPrefix(text) => key::prefix_end(&text_at(text)),
    };
    let mut page = Page::new(ask);
    let Some(first) = page.first(behind, text_at) else { return page.finish() };
    store.scan(Space::Uploads, &first, &mut |stored_key, value| {
        if !stored_key.starts_with(&key::uploads(ask.bucket)) {
            return Visit::Stop;
        }
        let Some((_, key, upload_id)) = key::upload_of(stored_key) else {
            return page.take(Err(no_key(stored_key)));
        };
        match page.pass(key.as_str()) {
            Some(pass) => pass.visit(text_at),
            None => page.take(upload_entry(&key, upload_id, value)),
        }
    })?;
    page.finish()
}

/// A page that is being filled.
struct Page<'a, T> {
    ask: &'a ListAsk<'a>,
    lines: Vec<ListLine<T>>,
    more: bool,
    failed: Option<StoreError>,
}

impl<'a, T> Page<'a, T> {
    fn new(ask: &'a ListAsk<'a>) -> Self {
        Self { ask, lines: Vec::new(), more: false, failed: None }
    }

    /// The first stored key that can belong to the page, at or after `behind`; `None` if none can.
    fn first(&self, behind: Option<Vec<u8>>, text_at: impl Fn(&str) -> Vec<u8>) -> Option<Vec<u8>> {
        // S3: ListObjectsV2, max-keys 0 answers an empty, complete page.
        if self.ask.max == 0 {
            return None;
        }
        Some(behind?.max(text_at(self.ask.prefix)))
    }

    /// What is to be done about this key if it is no entry of the page. A common prefix is a line from here on.
    fn pass<'k>(&mut self, key: &'k str) -> Option<Pass<'k>> {
        let prefix = self.ask.prefix;
        let Some(rest) = key.strip_prefix(prefix) else { return Some(Pass::End) };
        if self.lines.len() >= self.ask.max {
            self.more = true;
            return Some(Pass::End);
        }
        let delimiter = self.ask.delimiter?;
        let common = key.get(..prefix.len() + rest.find(delimiter)? + delimiter.len())?;
        self.lines.push(ListLine::Prefix(common.to_owned()));
        Some(Pass::Below(common))
    }

    fn take(&mut self, entry: Result<T, StoreError>) -> Visit {
        match entry {
            Ok(entry) => {
                self.lines.push(ListLine::Entry(entry));
                Visit::Next
            }
            Err(error) => {
                self.failed = Some(error);
                Visit::Stop
            }
        }
    }

    fn finish(self) -> Result<ListPage<T>, StoreError> {
        match self.failed {
            None => Ok(ListPage { lines: self.lines, more: self.more }),
            Some(error) => Err(error),
        }
    }
}

/// Why a key is no entry.
enum Pass<'k> {
    /// The page has ended.
    End,
    /// It lies below this common prefix, with all that begins so.
    Below(&'k str),
}

impl Pass<'_> {
    /// Where the scan of a space goes on in which keys that begin with a text stand where `text_at` says.
    fn visit(self, text_at: impl Fn(&str) -> Vec<u8>) -> Visit {
        match self {
            Pass::End => Visit::Stop,
            Pass::Below(common) => {
                key::prefix_end(&text_at(common)).map_or(Visit::Stop, Visit::SeekTo)
            }
        }
    }
}

fn object_entry(key: &str, value: &[u8]) -> Result<ObjectEntry, StoreError> {
    let key = ObjectKey::parse(key)
        .map_err(|error| StoreError::Corrupt(format!("an object is called {key:?}: {error}")))?;
    Ok(ObjectEntry { key, facts: ObjectFacts::decode(value)? })
}

fn upload_entry(
    key: &ObjectKey,
    upload_id: UploadId,
    value: &[u8],
) -> Result<UploadEntry, StoreError> {
    let record = UploadRecord::decode(Bytes::copy_from_slice(value))?;
    let UploadRecord { initiated, checksum, storage_class, .. } = record;
    Ok(UploadEntry { key: key.clone(), upload_id, initiated, checksum, storage_class })
}

/// A listing that passed over it would look complete.
fn no_key(stored_key: &[u8]) -> StoreError {
    StoreError::Corrupt(format!("this is the key of nothing that can be listed: {stored_key:02x?}"))
}

#[cfg(test)]
mod tests;
