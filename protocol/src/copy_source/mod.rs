//! Room: the value of `x-amz-copy-source`: which object, and which version of it, is copied.
//!
//! Source: S3 "UploadPartCopy" and "CopyObject", x-amz-copy-source.

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::error::{ErrorCode, S3Error};
use crate::name::{BucketName, ObjectKey};
use crate::percent;

/// The object that a copy reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopySource {
    /// Its bucket.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
    /// The version asked for, decoded; `None` = the current one.
    pub version: Option<String>,
}

const HEADER: &str = "x-amz-copy-source";
const VERSION_MARK: &str = "?versionId=";

impl CopySource {
    /// Reads the header. Fails with InvalidArgument, KeyTooLongError, or NotImplemented for
    /// sources that are named by an ARN.
    pub fn parse(raw: &str) -> Result<Self, S3Error> {
        let raw = raw.trim_matches([' ', '\t']);
        let invalid = |message| S3Error::invalid_argument(HEADER, Some(raw), message);
        if raw.is_empty() {
            return Err(invalid(BAD_KEY));
        }
        // The mark is looked for before decoding: a key that contains it comes with `%3F`.
        let (path, version) = match raw.rfind(VERSION_MARK) {
            None => (raw, None),
            Some(at) => {
                let version = &raw[at + VERSION_MARK.len()..];
                (&raw[..at], Some(version.split_once('&').map_or(version, |(id, _)| id)))
            }
        };
        let utf8 = |bytes: alloc::vec::Vec<u8>| String::from_utf8(bytes).ok();
        let path =
            percent::decode_form(path).and_then(utf8).ok_or_else(|| invalid(BAD_ENCODING))?;
        let version = match version {
            None | Some("") => None,
            Some(id) => {
                Some(percent::decode(id).and_then(utf8).ok_or_else(|| invalid(BAD_ENCODING))?)
            }
        };
        let path = path.strip_prefix('/').unwrap_or(&path);
        if path.starts_with("arn:") {
            return Err(refuse_arn(path).unwrap_or_else(|| invalid(BAD_BUCKET)));
        }
        let (bucket, key) = match path.split_once('/') {
            Some((bucket, key)) if !key.is_empty() => (bucket, key),
            _ => return Err(invalid(BAD_KEY)),
        };
        let bucket = BucketName::parse(bucket).ok().ok_or_else(|| invalid(BAD_BUCKET))?;
        Ok(Self { bucket, key: ObjectKey::parse(key)?, version })
    }
}

const BAD_KEY: &str = "Invalid copy source object key";
const BAD_BUCKET: &str = "Invalid copy source bucket name";
const BAD_ENCODING: &str = "Invalid copy source encoding";

/// The answer to a well-formed ARN: sources named so are not built. `None` = malformed.
/// Forms: `arn:<partition>:s3:<region>:<account>:accesspoint/<name>/object/<key>`, and
/// `arn:<partition>:s3-outposts:<region>:<account>:outpost/<id>/…/object/<key>`; the first slash
/// may be a colon.
fn refuse_arn(arn: &str) -> Option<S3Error> {
    let mut fields = arn.splitn(6, ':').skip(1);
    let (partition, service) = (fields.next()?, fields.next()?);
    let (region, account, resource) = (fields.next()?, fields.next()?, fields.next()?);
    if !["aws", "aws-cn", "aws-us-gov"].contains(&partition) {
        return None;
    }
    let account_valid = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let (path, key) = resource.split_once("/object/")?;
    let (kind, name) = path.split_once(['/', ':'])?;
    if !account_valid || key.is_empty() || name.is_empty() {
        return None;
    }
    let not_built = |what: &'static str| Some(S3Error::not_implemented(Some(HEADER), Some(what)));
    match (service, kind) {
        ("s3", "accesspoint") if region.is_empty() => {
            not_built("Multi-Region Access Points are not supported as a copy source")
        }
        ("s3", "accesspoint") => not_built("Access points are not supported as a copy source"),
        ("s3-outposts", "outpost") => not_built("Outposts are not supported as a copy source"),
        ("s3-object-lambda", "accesspoint") => Some(S3Error::new(
            ErrorCode::InvalidRequest,
            "Object Lambda Access Points cannot be a copy source".to_owned(),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
