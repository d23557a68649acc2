//! Room: CopyObject, and the source of a copy.
//!
//! Source: S3 "CopyObject", "UploadPartCopy".

use std::rc::Rc;

use super::checksum::{self, Kind, Sum};
use super::condition::{self, OfWrite};
use super::{
    Answered, Fault, Object, Reference, Version, Versioning, key, list, object, storage_class,
    tags, version,
};
use crate::wire::{Answer, Ask};
use crate::xml::Node;

/// The version that is copied.
pub(super) struct Source {
    pub(super) version: Version,
    pub(super) object: Rc<Object>,
    /// Its id, where that is told.
    pub(super) shown: Option<String>,
}

impl Reference {
    /// The version that is copied, if its conditions hold.
    pub(super) fn source(&self, ask: &Ask) -> Result<Source, Fault> {
        let source = ask.source.as_ref().expect("a copy");
        let bucket = self.buckets.get(&source.bucket);
        let bucket = bucket.ok_or_else(|| Fault::no_such_bucket(&source.bucket))?;
        let id = source.version.as_deref().map(version::well_formed).transpose()?;
        bucket.check_id(id)?;
        let found = match id {
            Some(id) => bucket.version(&source.key, id).ok_or_else(|| match bucket.versioning {
                Versioning::Never => Fault::no_such_key(&source.key),
                _ => Fault::no_such_version(&source.key, id),
            })?,
            None => {
                let latest = bucket.latest(&source.key).filter(|found| found.object.is_some());
                latest.ok_or_else(|| Fault::no_such_key(&source.key))?
            }
        };
        let object = found.object.clone().ok_or_else(|| {
            Fault::request("The source of a copy request may not specifically refer to a delete marker by version id.")
        })?;
        condition::of_source(ask, found, &object, self.now)?;
        let shown = bucket.shown(found).map(str::to_owned);
        Ok(Source { version: found.clone(), object, shown })
    }

    pub(super) fn copy(&mut self, ask: &Ask) -> Answered {
        let replaces = |name: &str, what: &str| match ask.get_header(name) {
            None | Some("COPY") => Ok(false),
            Some("REPLACE") => Ok(true),
            Some(other) => Err(Fault::argument(name, other, format!("Unknown {what} directive."))),
        };
        let new_headers = replaces("x-amz-metadata-directive", "metadata")?;
        let new_tags = replaces("x-amz-tagging-directive", "tagging")?;
        let own_headers = object::kept(ask)?;
        let own_tags = if new_tags { tags::of_header(ask)? } else { Vec::new() };
        let class = storage_class::of(ask)?;
        let algorithm = ask.get_header("x-amz-checksum-algorithm").map(checksum::known);
        let algorithm = algorithm.transpose()?;
        let condition = OfWrite::parse(ask)?;
        let redirect = ask.get_header("x-amz-website-redirect-location");
        self.bucket(ask)?;
        let found = self.source(ask)?;
        let original = &found.object;
        let changes = new_headers
            || redirect.is_some()
            || class != original.class
            || algorithm.is_some_and(|wanted| {
                let own = original.sum.as_ref().filter(|sum| sum.kind == Kind::Full);
                own.is_none_or(|own| own.algorithm != wanted)
            });
        if !changes && self.is_itself(ask, &found) {
            return Err(Fault::request(
                "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
            ));
        }
        condition.check(self.bucket(ask)?, key(ask))?;
        let own = original.sum.as_ref().map(|sum| sum.algorithm);
        let algorithm = algorithm.or(own).unwrap_or("CRC64NVME");
        let sum = Sum::of(&original.content, algorithm);
        let mut headers = if new_headers { own_headers } else { original.headers.clone() };
        headers.retain(|(name, _)| name != "x-amz-website-redirect-location");
        if let Some(to) = redirect {
            headers.push(("x-amz-website-redirect-location".into(), to.to_owned()));
        }
        let etag = original.content.etag();
        let copy = Object {
            content: original.content.clone(),
            etag: etag.clone(),
            sum: Some(sum.clone()),
            parts: None,
            headers,
            tags: if new_tags { own_tags } else { original.tags.clone() },
            class,
        };
        let name = ask.bucket.clone().unwrap_or_default();
        let (id, _) = self.write(&name, key(ask), copy);
        let root = Node::new("CopyObjectResult")
            .with("LastModified", list::date(self.now))
            .with("ETag", format!("\"{etag}\""))
            .with_sum(Some(&sum));
        Ok(Answer::document(root)
            .header_if("x-amz-version-id", id)
            .header_if("x-amz-copy-source-version-id", found.shown))
    }

    /// Whether an object would be copied to itself, so that nothing of it is left.
    fn is_itself(&self, ask: &Ask, found: &Source) -> bool {
        let source = ask.source.as_ref().expect("a copy");
        let same = ask.bucket.as_ref() == Some(&source.bucket) && key(ask) == source.key;
        same && match self.buckets[&source.bucket].versioning {
            Versioning::Never => true,
            Versioning::Enabled => false,
            Versioning::Suspended => source.version.is_none() && found.version.id == "null",
        }
    }
}
