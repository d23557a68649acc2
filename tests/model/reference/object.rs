//! Room: PutObject, and what is kept with an object.
//!
//! Source: S3 "PutObject".

use std::rc::Rc;

use super::checksum::{self, Sum};
use super::condition::OfWrite;
use super::{Answered, Fault, Object, Reference, key, storage_class, tags};
use crate::content::Content;
use crate::wire::{Answer, Ask, Body};

/// The headers that are kept with an object, beside those of the user.
const KEPT: [&str; 7] = [
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
    "x-amz-website-redirect-location",
];

/// The headers of the request that are kept with the object.
pub(super) fn kept(ask: &Ask) -> Result<Vec<(String, String)>, Fault> {
    let is_kept = |name: &str| KEPT.contains(&name) || name.starts_with("x-amz-meta-");
    let kept = ask.headers.iter().filter(|(name, value)| is_kept(name) && !value.is_empty());
    let mut kept: Vec<(String, String)> = kept.cloned().collect();
    if !kept.iter().any(|(name, _)| name == "content-type") {
        kept.push(("content-type".into(), "binary/octet-stream".into()));
    }
    let redirect = ask.get_header("x-amz-website-redirect-location");
    if redirect.is_some_and(|to| !to.starts_with('/') && !to.starts_with("http")) {
        let message =
            "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.";
        return Err(Fault::new(400, "InvalidRedirectLocation", message));
    }
    Ok(kept)
}

/// The bytes of a body.
pub(super) fn body(ask: &Ask) -> Rc<Content> {
    match &ask.body {
        Body::Content(content) => content.clone(),
        Body::Empty | Body::Document(_) => Content::pattern(0, 0),
    }
}

impl Reference {
    pub(super) fn put(&mut self, ask: &Ask) -> Answered {
        let (headers, tags, class) = (kept(ask)?, tags::of_header(ask)?, storage_class::of(ask)?);
        let (condition, claimed) = (OfWrite::parse(ask)?, checksum::claimed(ask)?);
        condition.check(self.bucket(ask)?, key(ask))?;
        let content = body(ask);
        checksum::check(claimed.as_ref(), &content)?;
        let algorithm = claimed.map_or("CRC64NVME", |(algorithm, _)| algorithm);
        let sum = Sum::of(&content, algorithm);
        let etag = content.etag();
        let object = Object {
            content,
            etag: etag.clone(),
            sum: Some(sum.clone()),
            parts: None,
            headers,
            tags,
            class,
        };
        let name = ask.bucket.clone().unwrap_or_default();
        let (version, _) = self.write(&name, key(ask), object);
        Ok(Answer::empty(200)
            .header("etag", format!("\"{etag}\""))
            .with_sum(Some(&sum))
            .header_if("x-amz-version-id", version))
    }
}
