//! Room: the metadata of an object: the headers that are kept with it and answered as they came.
//!
//! Source: S3 "Working with object metadata"; "PutObject", request headers.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{ErrorCode, S3Error};
use crate::limits::USER_METADATA_LEN_MAX;
use crate::request::Head;

/// What is answered for an object that was stored without Content-Type.
pub const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

const USER_PREFIX: &str = "x-amz-meta-";

/// The headers kept with an object.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ObjectMetadata {
    /// Content-Type.
    pub content_type: Option<String>,
    /// Cache-Control.
    pub cache_control: Option<String>,
    /// Content-Disposition.
    pub content_disposition: Option<String>,
    /// Content-Encoding, without `aws-chunked`, which is framing and not content.
    pub content_encoding: Option<String>,
    /// Content-Language.
    pub content_language: Option<String>,
    /// Expires, as sent; need not be a date.
    pub expires: Option<String>,
    /// x-amz-website-redirect-location.
    pub website_redirect: Option<String>,
    /// User metadata: names in lower case without `x-amz-meta-`, each once, ascending; and values.
    pub user: Vec<(String, String)>,
}

impl ObjectMetadata {
    /// Reads the headers. Fails with MetadataTooLarge or InvalidRedirectLocation.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        let kept = |name: &str| head.headers.get_non_empty(name).map(ToOwned::to_owned);
        let codings: Vec<&str> = head.headers.all("content-encoding").collect();
        Ok(Self {
            content_type: kept("content-type"),
            cache_control: kept("cache-control"),
            content_disposition: kept("content-disposition"),
            content_encoding: without_aws_chunked(&codings),
            content_language: kept("content-language"),
            expires: kept("expires"),
            website_redirect: website_redirect(head)?,
            user: user_metadata(head)?,
        })
    }

    /// The headers to answer with the object; names in lower case.
    pub fn answer_headers(&self) -> Vec<(String, String)> {
        let content_type = self.content_type.as_deref().unwrap_or(DEFAULT_CONTENT_TYPE);
        let system = [
            ("content-type", Some(content_type)),
            ("cache-control", self.cache_control.as_deref()),
            ("content-disposition", self.content_disposition.as_deref()),
            ("content-encoding", self.content_encoding.as_deref()),
            ("content-language", self.content_language.as_deref()),
            ("expires", self.expires.as_deref()),
            ("x-amz-website-redirect-location", self.website_redirect.as_deref()),
        ];
        let system = system
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        let user = self.user.iter();
        let user = user.map(|(name, value)| (format!("{USER_PREFIX}{name}"), value.clone()));
        system.chain(user).collect()
    }
}

/// Where a website is to send whoever asks for the object. Fails with InvalidRedirectLocation.
/// S3: "PutObject", x-amz-website-redirect-location.
pub fn website_redirect(head: &Head) -> Result<Option<String>, S3Error> {
    let Some(location) = head.headers.get_non_empty("x-amz-website-redirect-location") else {
        return Ok(None);
    };
    if ["/", "http://", "https://"].iter().any(|start| location.starts_with(start)) {
        return Ok(Some(location.to_owned()));
    }
    Err(S3Error::new(
        ErrorCode::InvalidRedirectLocation,
        "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
    ))
}

/// The codings but `aws-chunked`, which may stand anywhere among them. S3: "Signature Calculations
/// for the Authorization Header: Transferring Payload in Multiple Chunks", Content-Encoding.
fn without_aws_chunked(lines: &[&str]) -> Option<String> {
    let codings: Vec<&str> = lines
        .iter()
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!codings.is_empty()).then(|| codings.join(","))
}

/// A name that comes several times has its values joined by commas, in order.
fn user_metadata(head: &Head) -> Result<Vec<(String, String)>, S3Error> {
    let mut names: Vec<&str> = head
        .headers
        .iter()
        .filter_map(|(name, _)| name.strip_prefix(USER_PREFIX))
        .filter(|name| !name.is_empty())
        .collect();
    names.sort_unstable();
    names.dedup();
    let user: Vec<(String, String)> = names
        .into_iter()
        .map(|name| {
            let values: Vec<&str> = head.headers.all(&format!("{USER_PREFIX}{name}")).collect();
            (name.to_owned(), values.join(","))
        })
        .collect();
    let size = user.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > USER_METADATA_LEN_MAX {
        return Err(S3Error::metadata_too_large(size));
    }
    Ok(user)
}

#[cfg(test)]
mod tests;
