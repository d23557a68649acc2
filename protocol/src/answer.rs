//! Room: an answer as plain values: status, headers and the body that is known in advance.
//!
//! Must not: add what belongs to the connection or to the request's identity (date, length of a
//! body, request ids); the HTTP side does. Header names are lower case.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::checksum::Checksum;
use crate::name::VersionId;
use crate::xml::write::Document;

/// What an operation says to the client, save the bytes of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Header names in lower case, and their values.
    pub headers: Vec<(String, String)>,
    /// The whole body; empty where the answer has none or where object bytes follow.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// A 200 with an XML document.
    #[must_use]
    pub fn xml(document: Document) -> Self {
        Self {
            status: 200,
            headers: alloc::vec![("content-type".to_string(), "application/xml".to_string())],
            body: document.finish(),
        }
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_string(), value.into()));
        self
    }

    /// The same answer with further headers behind those it has.
    #[must_use]
    pub fn with_all(mut self, headers: impl IntoIterator<Item = (String, String)>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// The same answer with the header of a checksum and the one of its type.
    #[must_use]
    pub fn with_checksum(self, checksum: Option<&Checksum>) -> Self {
        match checksum {
            None => self,
            Some(checksum) => self
                .with(checksum.value.algorithm().header(), checksum.text())
                .with("x-amz-checksum-type", checksum.kind.as_str()),
        }
    }

    /// The same answer with the id of the version that it is about, if its bucket has versions.
    #[must_use]
    pub fn with_version(self, version: Option<VersionId>) -> Self {
        match version {
            None => self,
            Some(id) => self.with("x-amz-version-id", id.to_string()),
        }
    }

    /// The value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}
