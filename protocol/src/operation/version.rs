//! Room: the version that a request names, while no bucket has versions.
//!
//! Source: S3 API Reference, GetObject, versionId; S3 User Guide, "Working with objects in a
//! versioning-enabled bucket": an object of a bucket without versions is its null version.

use crate::error::S3Error;
use crate::request::Head;

/// Checks that the query names no version, or the null version, which is the only one there is.
///
/// # Errors
/// `InvalidArgument` for any other version.
pub fn check(head: &Head) -> Result<(), S3Error> {
    check_id(head.query.get("versionId"))
}

/// As [`check`], for the version in a copy source.
///
/// # Errors
/// `InvalidArgument` for any other version than the null version.
pub fn check_id(version: Option<&str>) -> Result<(), S3Error> {
    match version {
        None | Some("" | "null") => Ok(()),
        Some(other) => Err(S3Error::invalid_version_id(other)),
    }
}

/// Checks that a request that writes names no version.
///
/// # Errors
/// `InvalidArgument` if it does.
pub fn check_none(head: &Head) -> Result<(), S3Error> {
    match head.query.get("versionId") {
        None => Ok(()),
        Some(other) => Err(S3Error::invalid_argument(
            "versionId",
            Some(other),
            "This operation does not accept a version-id.",
        )),
    }
}
