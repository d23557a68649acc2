//! Room: the reference: what S3 promises, written down the simplest way, with whole bodies in memory.
//!
//! Nothing here knows how the node does it. One request at a time; each is answered completely before the next.
//! What the node makes up has names of the reference's own (see `names`).
//! Source: S3 API Reference; the section of each operation in its file.

mod bucket;
pub(crate) mod checksum;
mod complete;
mod condition;
mod copy;
mod delete;
mod fault;
mod list;
mod object;
mod range;
mod read;
mod storage_class;
mod tags;
mod upload;
mod version;

use std::collections::BTreeMap;
use std::rc::Rc;

use self::checksum::Sum;
use self::fault::Fault;
use crate::content::Content;
use crate::names;
use crate::wire::{Answer, Ask};

/// All buckets, and where the clock stands.
pub(crate) struct Reference {
    /// Milliseconds since 1970.
    pub(crate) now: u64,
    pub(crate) buckets: BTreeMap<String, Bucket>,
    /// Tokens of pages, and where they lead.
    tokens: Vec<list::End>,
    /// Those of pages of objects.
    object_tokens: Vec<String>,
    made: u64,
    /// Counts every change of a key and every upload that begins.
    sequence: u64,
}

/// Whether a bucket keeps versions; one that never did is neither enabled nor suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versioning {
    Never,
    Enabled,
    Suspended,
}

/// A bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    created: u64,
    pub(crate) versioning: Versioning,
    /// The versions of each key, the latest one last; never empty.
    pub(crate) keys: BTreeMap<String, Vec<Version>>,
    pub(crate) uploads: Vec<Upload>,
    /// When each key was last written or deleted.
    touched: BTreeMap<String, u64>,
    /// What uploads have made.
    over: Vec<Over>,
    /// Every version that ever was, in the order of their making.
    pub(crate) ids: Vec<Made>,
}

/// A version that is or was.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) key: String,
    pub(crate) id: String,
    number: u64,
}

/// A version of a key.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// `null` or a name.
    pub(crate) id: String,
    /// Milliseconds since 1970.
    modified: u64,
    /// Tells versions apart that have the same id one after the other.
    number: u64,
    /// Nothing: a delete marker.
    pub(crate) object: Option<Rc<Object>>,
}

/// What a version holds.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) content: Rc<Content>,
    pub(crate) etag: String,
    pub(crate) sum: Option<Sum>,
    /// Of an object that was uploaded in parts.
    parts: Option<Vec<ObjectPart>>,
    /// The headers that are kept with it.
    headers: Vec<(String, String)>,
    tags: Vec<(String, String)>,
    /// Its storage class.
    class: String,
}

/// A part of an object.
#[derive(Debug, Clone)]
struct ObjectPart {
    len: usize,
    /// Its checksum by the upload's algorithm.
    sum: Option<String>,
}

/// An open upload.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) key: String,
    begun: u64,
    initiated: u64,
    headers: Vec<(String, String)>,
    tags: Vec<(String, String)>,
    /// The storage class of the object that it will make.
    class: String,
    /// The algorithm, and whether each part has a checksum of its own.
    pub(crate) sum: Option<(&'static str, checksum::Kind)>,
    pub(crate) parts: BTreeMap<u32, Part>,
}

/// A part of an open upload.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) content: Rc<Content>,
    pub(crate) etag: String,
    pub(crate) sum: Option<String>,
    modified: u64,
}

/// What became of an upload that was completed.
#[derive(Debug)]
struct Over {
    id: String,
    key: String,
    /// Numbers and ETags, as they were listed.
    list: Vec<(i64, String)>,
    version: String,
    number: u64,
    answer: Answer,
}

impl Version {
    /// When it was written, in milliseconds since 1970.
    pub(crate) fn modified(&self) -> u64 {
        self.modified
    }
}

impl Bucket {
    /// Keys and ids of the uploads that were completed.
    pub(crate) fn ended(&self) -> impl Iterator<Item = (&str, &str)> {
        self.over.iter().map(|over| (over.key.as_str(), over.id.as_str()))
    }

    /// The list by which an upload was completed.
    pub(crate) fn list_of(&self, id: &str) -> Option<&[(i64, String)]> {
        let over = self.over.iter().find(|over| over.id == id)?;
        Some(&over.list)
    }
}

type Answered = Result<Answer, Fault>;

impl Reference {
    /// A node without buckets.
    pub(crate) fn new() -> Self {
        let (now, made, sequence) = (0, 0, 0);
        Self {
            now,
            buckets: BTreeMap::new(),
            tokens: Vec::new(),
            object_tokens: Vec::new(),
            made,
            sequence,
        }
    }

    /// The answer to a request.
    pub(crate) fn answer(&mut self, ask: &Ask) -> Answer {
        let answered = self.dispatch(ask);
        let answer = answered.unwrap_or_else(|fault| fault.answer());
        if ask.method == "HEAD" { answer.without_body() } else { answer }
    }

    fn dispatch(&mut self, ask: &Ask) -> Answered {
        let has = |name: &str| ask.get_param(name).is_some();
        if ask.key.is_none() {
            return match ask.method {
                "GET" if ask.bucket.is_none() => self.list_buckets(ask),
                "GET" if has("versioning") => self.get_versioning(ask),
                "PUT" if has("versioning") => self.put_versioning(ask),
                "GET" if has("versions") => self.list_versions(ask),
                "GET" if has("uploads") => self.list_uploads(ask),
                "GET" => self.list_objects(ask),
                "HEAD" => self.head_bucket(ask),
                "PUT" => self.create_bucket(ask),
                "DELETE" => self.delete_bucket(ask),
                "POST" if has("delete") => self.delete_objects(ask),
                other => panic!("{other} of a bucket"),
            };
        }
        match ask.method {
            "GET" if has("tagging") => self.get_tags(ask),
            "PUT" if has("tagging") => self.put_tags(ask),
            "DELETE" if has("tagging") => self.delete_tags(ask),
            "GET" if has("attributes") => self.attributes(ask),
            "GET" if has("uploadId") => self.list_parts(ask),
            "GET" | "HEAD" => self.read(ask),
            "PUT" if has("uploadId") && ask.source.is_some() => self.upload_part_copy(ask),
            "PUT" if has("uploadId") => self.upload_part(ask),
            "PUT" if ask.source.is_some() => self.copy(ask),
            "PUT" => self.put(ask),
            "DELETE" if has("uploadId") => self.abort(ask),
            "DELETE" => self.delete(ask),
            "POST" if has("uploads") => self.create_upload(ask),
            "POST" if has("uploadId") => self.complete(ask),
            other => panic!("{other} of an object"),
        }
    }

    /// The tokens of pages of objects.
    pub(crate) fn tokens_of_objects(&self) -> Vec<String> {
        self.object_tokens.clone()
    }

    /// A new name of a kind.
    fn name(&mut self, kind: char) -> String {
        self.made += 1;
        names::name(kind, self.made)
    }

    fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn bucket(&self, ask: &Ask) -> Result<&Bucket, Fault> {
        let name = ask.bucket.as_deref().unwrap_or_default();
        self.buckets.get(name).ok_or_else(|| Fault::no_such_bucket(name))
    }

    fn bucket_mut(&mut self, ask: &Ask) -> Result<&mut Bucket, Fault> {
        let name = ask.bucket.as_deref().unwrap_or_default();
        self.buckets.get_mut(name).ok_or_else(|| Fault::no_such_bucket(name))
    }
}

/// The key of a request about one.
fn key(ask: &Ask) -> &str {
    ask.key.as_deref().expect("a request about a key")
}

impl Answer {
    /// What HEAD tells of it. An error that has no body has no type of content either.
    fn without_body(mut self) -> Self {
        if self.status >= 300 {
            self.headers.retain(|(name, _)| name != "content-type");
        }
        Self { body: crate::wire::Told::Nothing, ..self }
    }
}
