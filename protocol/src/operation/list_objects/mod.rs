//! Room: ListObjects and ListObjectsV2: what a page holds and how an object is shown in it. Each
//! version has a file for what it asks and answers on its own.
//!
//! Source: S3 API Reference, ListObjects and ListObjectsV2.

pub mod v1;
pub mod v2;

use alloc::string::String;
use alloc::vec::Vec;

use super::common::write_account;
use super::listing::{PageEnd, Query, write_prefixes};
use crate::checksum::{ChecksumAlgorithm, ChecksumType};
use crate::etag::ETag;
use crate::name::AccountId;
use crate::storage_class::StorageClass;
use crate::time::Timestamp;
use crate::xml::write::Element;

/// One object of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// The whole key.
    pub key: String,
    /// When it was written.
    pub modified: Timestamp,
    /// Its ETag.
    pub etag: ETag,
    /// Its length in bytes.
    pub len: u64,
    /// The algorithm and type of its stored checksum.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    /// Its storage class.
    pub storage_class: StorageClass,
}

/// One page, in the order of its names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectPage {
    /// The objects, ascending.
    pub objects: Vec<ListedObject>,
    /// The common prefixes, ascending.
    pub prefixes: Vec<String>,
    /// The last key or common prefix of the page, if more would follow.
    pub ended_with: Option<PageEnd>,
}

/// Writes the objects, with their `owner` if it is to be shown, and the common prefixes.
fn write_page(root: &mut Element<'_>, query: &Query, owner: Option<&AccountId>, page: &ObjectPage) {
    for object in &page.objects {
        root.nest("Contents", |contents| {
            contents.text("Key", &query.shown(&object.key));
            write_object(contents, object);
            if let Some(owner) = owner {
                write_account(contents, "Owner", owner);
            }
        });
    }
    write_prefixes(root, query, &page.prefixes);
}

/// Writes what listings of objects and of versions show alike.
pub(crate) fn write_object(contents: &mut Element<'_>, object: &ListedObject) {
    contents
        .text("LastModified", &object.modified.truncated_to_second().iso8601())
        .text("ETag", &object.etag.quoted());
    if let Some((algorithm, kind)) = object.checksum {
        contents.text("ChecksumAlgorithm", algorithm.name()).text("ChecksumType", kind.as_str());
    }
    contents.number("Size", object.len).text("StorageClass", object.storage_class.as_str());
}

#[cfg(test)]
pub(crate) fn sample(key: &str) -> ListedObject {
    ListedObject {
        key: key.into(),
        modified: Timestamp::from_millis(1_576_278_963_000),
        etag: ETag::from_text("711470fc377698c393d94aed6305e245").unwrap(),
        len: 10,
        checksum: None,
        storage_class: StorageClass::Standard,
    }
}
