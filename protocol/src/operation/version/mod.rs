//! Room: the version that a request names, and what is said of a key or a version that names no
//! object.
//!
//! Source: S3 API Reference, versionId on the pages of GetObject, HeadObject, CopyObject,
//! UploadPartCopy and the taggings; S3 User Guide, "Working with delete markers". An object of a
//! bucket that never had versions is its null version.

use alloc::string::ToString;

use crate::copy_source::CopySource;
use crate::error::S3Error;
use crate::name::{ObjectKey, VersionId};
use crate::request::{Head, Method};
use crate::time::Timestamp;
use crate::versioning::Versioning;

/// Reads the version in the query; `None` for the latest one.
///
/// # Errors
/// `InvalidArgument` for what is no version id. S3: an empty one is none either; who means a version
/// that turned out empty must not lose the latest one.
pub fn asked(head: &Head) -> Result<Option<VersionId>, S3Error> {
    match head.query.get("versionId") {
        Some("") => Err(S3Error::empty_version_id()),
        text => parse(text),
    }
}

fn parse(text: Option<&str>) -> Result<Option<VersionId>, S3Error> {
    let known = |id| VersionId::parse(id).ok_or_else(|| S3Error::invalid_version_id(id));
    text.map(known).transpose()
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

/// What was asked for: a key, or one of its versions, which its bucket may have.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    key: &'a ObjectKey,
    version: Option<VersionId>,
    versioning: Versioning,
}

impl<'a> Asked<'a> {
    /// A key and a version (`None`: the latest one) of a bucket that is known to exist.
    ///
    /// # Errors
    /// `InvalidArgument` for any but the null version in a bucket that never had versions.
    pub fn new(
        key: &'a ObjectKey,
        version: Option<VersionId>,
        versioning: Versioning,
    ) -> Result<Self, S3Error> {
        match (versioning, version) {
            (Versioning::Unversioned, Some(id @ VersionId::Number(_))) => {
                Err(S3Error::invalid_version_id(&id.to_string()))
            }
            _ => Ok(Self { key, version, versioning }),
        }
    }

    /// What a copy reads. Its version is looked at after its bucket.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no version id; as [`Asked::new`].
    pub fn of_source(source: &'a CopySource, versioning: Versioning) -> Result<Self, S3Error> {
        Self::new(&source.key, parse(source.version.as_deref())?, versioning)
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &'a ObjectKey {
        self.key
    }

    /// Which version of it; `None` for the latest one.
    #[must_use]
    pub fn version(&self) -> Option<VersionId> {
        self.version
    }

    /// Whether its bucket keeps versions.
    #[must_use]
    pub fn versioning(&self) -> Versioning {
        self.versioning
    }

    /// The answer where the key, or the version, does not exist.
    #[must_use]
    pub fn unknown(&self) -> S3Error {
        match self.version {
            Some(id) if self.versioning != Versioning::Unversioned => {
                S3Error::no_such_version(self.key, &id.to_string())
            }
            _ => S3Error::no_such_key(self.key),
        }
    }
}

/// A delete marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    /// Its version id.
    pub id: VersionId,
    /// When it was written.
    pub modified: Timestamp,
}

/// What a key, or one of its versions, turned out to name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named<O> {
    /// An object.
    Object(O),
    /// A delete marker.
    Marker(Marker),
    /// Nothing.
    Nothing,
}

impl<O> Named<O> {
    /// The object to read. S3: GetObject and HeadObject.
    ///
    /// # Errors
    /// `NoSuchKey`, also where a delete marker is the latest version; `NoSuchVersion`;
    /// `MethodNotAllowed` for a delete marker that was asked for by its id.
    pub fn to_read(self, asked: &Asked<'_>, method: &Method) -> Result<O, S3Error> {
        match self {
            Self::Object(object) => Ok(object),
            Self::Marker(marker) if asked.version.is_none() => {
                Err(of_marker(S3Error::no_such_key(asked.key), marker.id))
            }
            Self::Marker(marker) => Err(marker_refused(method, marker.id)
                .with_header("last-modified", marker.modified.http_date())),
            Self::Nothing => Err(asked.unknown()),
        }
    }

    /// The object to copy from. S3: CopyObject and UploadPartCopy.
    ///
    /// # Errors
    /// `NoSuchKey`, also where a delete marker is the latest version; `NoSuchVersion`;
    /// `InvalidRequest` for a delete marker that was asked for by its id.
    pub fn to_copy(self, asked: &Asked<'_>) -> Result<O, S3Error> {
        match self {
            Self::Object(object) => Ok(object),
            Self::Marker(_) if asked.version.is_some() => Err(S3Error::invalid_request(
                "The source of a copy request may not specifically refer to a delete marker by version id.",
            )),
            Self::Marker(_) => Err(S3Error::no_such_key(asked.key)),
            Self::Nothing => Err(asked.unknown()),
        }
    }

    /// The object whose tags are meant. S3: GetObjectTagging.
    ///
    /// # Errors
    /// `NoSuchKey`; `NoSuchVersion`; `MethodNotAllowed` for a delete marker, asked for by its id or
    /// as the latest version.
    pub fn to_tag(self, asked: &Asked<'_>, method: &Method) -> Result<O, S3Error> {
        match self {
            Self::Object(object) => Ok(object),
            Self::Marker(marker) => Err(marker_refused(method, marker.id)),
            Self::Nothing => Err(asked.unknown()),
        }
    }
}

/// The answer to what cannot be done with a delete marker. S3: all one can do is to delete it.
#[must_use]
pub fn marker_refused(method: &Method, id: VersionId) -> S3Error {
    let error = S3Error::method_not_allowed(method.as_str(), "DeleteMarker");
    of_marker(error.with_header("allow", "DELETE"), id)
}

fn of_marker(error: S3Error, id: VersionId) -> S3Error {
    error.with_header("x-amz-delete-marker", "true").with_header("x-amz-version-id", id.to_string())
}

#[cfg(test)]
mod tests;
