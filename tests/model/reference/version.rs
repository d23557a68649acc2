//! Room: what a key names: versions, delete markers, and how writes and deletes change them.
//!
//! Source: S3 User Guide, "Using versioning in S3 buckets".

use std::rc::Rc;

use super::{Bucket, Fault, Made, Object, Reference, Version, Versioning};
use crate::wire::Ask;

/// What a delete has done.
#[derive(Debug)]
pub(super) enum Deleted {
    /// In a bucket without versions.
    Plain,
    /// A delete marker was made.
    Marked(String),
    /// This version is gone; whether it was a delete marker.
    Gone(String, bool),
}

impl Bucket {
    /// The latest version.
    pub(crate) fn latest(&self, key: &str) -> Option<&Version> {
        self.keys.get(key).and_then(|versions| versions.last())
    }

    /// The object that the key names.
    pub(crate) fn current(&self, key: &str) -> Option<&Rc<Object>> {
        self.latest(key).and_then(|version| version.object.as_ref())
    }

    /// The id that answers tell; nothing in a bucket that never had versions.
    pub(super) fn shown<'a>(&self, version: &'a Version) -> Option<&'a str> {
        (self.versioning != Versioning::Never).then_some(version.id.as_str())
    }

    /// Checks the id that a request names, in this bucket.
    pub(super) fn check_id(&self, id: Option<&str>) -> Result<(), Fault> {
        match id {
            Some(id) if id != "null" && self.versioning == Versioning::Never => {
                Err(Fault::invalid_version(id))
            }
            _ => Ok(()),
        }
    }

    /// The version of that id.
    pub(super) fn version(&self, key: &str, id: &str) -> Option<&Version> {
        self.keys.get(key)?.iter().find(|version| version.id == id)
    }

    fn take(&mut self, key: &str, id: &str) -> Option<Version> {
        let versions = self.keys.get_mut(key)?;
        let place = versions.iter().position(|version| version.id == id)?;
        let taken = versions.remove(place);
        if versions.is_empty() {
            self.keys.remove(key);
        }
        Some(taken)
    }
}

/// The id that the query names. It is `null` or one that this node made.
pub(super) fn id_of(ask: &Ask) -> Result<Option<&str>, Fault> {
    let id = ask.get_param("versionId");
    id.map(well_formed).transpose()
}

/// Whether the id can be one.
pub(super) fn well_formed(id: &str) -> Result<&str, Fault> {
    if id == "null" || id.starts_with('\u{f8f0}') {
        return Ok(id);
    }
    Err(Fault::invalid_version(id))
}

impl Reference {
    fn add(&mut self, name: &str, key: &str, object: Option<Rc<Object>>) -> (String, u64) {
        let versioning = self.buckets[name].versioning;
        let id = if versioning == Versioning::Enabled { self.name('v') } else { "null".into() };
        let (number, modified) = (self.next(), self.now);
        let bucket = self.buckets.get_mut(name).expect("it was looked up");
        if versioning != Versioning::Enabled {
            bucket.take(key, "null");
        }
        bucket.ids.push(Made { key: key.to_owned(), id: id.clone(), number });
        bucket.touched.insert(key.to_owned(), number);
        let version = Version { id: id.clone(), modified, number, object };
        bucket.keys.entry(key.to_owned()).or_default().push(version);
        (id, number)
    }

    /// Writes an object; tells its version id, if that is told, and its number.
    pub(super) fn write(&mut self, name: &str, key: &str, object: Object) -> (Option<String>, u64) {
        let (id, number) = self.add(name, key, Some(Rc::new(object)));
        let versions = self.buckets[name].versioning != Versioning::Never;
        (versions.then_some(id), number)
    }

    /// Deletes what the key names, or one version.
    pub(super) fn remove(&mut self, name: &str, key: &str, id: Option<&str>) -> Deleted {
        let sequence = self.next();
        let bucket = self.buckets.get_mut(name).expect("it was looked up");
        if id.is_none() && bucket.versioning != Versioning::Never {
            return Deleted::Marked(self.add(name, key, None).0);
        }
        let id_taken = id.unwrap_or("null");
        // An old version that goes changes nothing of what the key names.
        if bucket.latest(key).is_some_and(|latest| latest.id == id_taken) {
            bucket.touched.insert(key.to_owned(), sequence);
        }
        let taken = bucket.take(key, id_taken);
        match id {
            Some(id) if bucket.versioning != Versioning::Never => {
                Deleted::Gone(id.to_owned(), taken.is_some_and(|taken| taken.object.is_none()))
            }
            _ => Deleted::Plain,
        }
    }
}
