//! Room: what a client may rely on: acknowledged objects and parts, and the one request still in doubt.
//!
//! Invariants: a name is written by one worker only, one request at a time, so that at most one doubt exists.
//! A doubt has two outcomes, before and after; whatever the node shows must be one of them, in all places.

use std::collections::BTreeMap;

use tenon_tests::content::Content;

/// An object as acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    /// Its bytes.
    pub(crate) content: Content,
    /// Its ETag, unless the answer that said it was lost.
    pub(crate) etag: Option<String>,
}

/// A part of an open upload as acknowledged.
pub(crate) type Part = Object;

/// An upload that was neither completed nor aborted.
#[derive(Clone, Debug)]
pub(crate) struct OpenUpload {
    /// The path of the object that it will become.
    pub(crate) path: String,
    /// Its id.
    pub(crate) id: String,
    /// Its parts by number.
    pub(crate) parts: BTreeMap<u16, Part>,
}

/// A request whose answer has not been seen.
#[derive(Clone, Debug)]
pub(crate) enum Doubt {
    /// PutObject or CopyObject.
    Put {
        /// Of this object,
        path: String,
        /// with these bytes.
        content: Content,
    },
    /// DeleteObject, or DeleteObjects of so few that they are one command: of all of these or of none.
    Delete {
        /// The objects.
        paths: Vec<String>,
    },
    /// CreateMultipartUpload: whether it happened does not show without its answer, the id being unknown.
    Create {
        /// Of this object.
        path: String,
    },
    /// UploadPart or UploadPartCopy.
    Part {
        /// Of the upload at this place in the ledger,
        upload: usize,
        /// under this number,
        number: u16,
        /// with these bytes.
        content: Content,
    },
    /// CompleteMultipartUpload.
    Complete {
        /// Of the upload at this place in the ledger,
        upload: usize,
        /// which makes these bytes an object.
        content: Content,
    },
    /// AbortMultipartUpload of the upload at this place in the ledger.
    Abort {
        /// The upload.
        upload: usize,
    },
}

/// All that one worker knows.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Acknowledged objects by path.
    pub(crate) objects: BTreeMap<String, Object>,
    /// Acknowledged uploads.
    pub(crate) uploads: Vec<OpenUpload>,
    /// The request in flight, or the one whose answer was cut off.
    pub(crate) doubt: Option<Doubt>,
}

impl Ledger {
    /// The request in doubt has happened, with this ETag or upload id if one was answered.
    pub(crate) fn happened(&mut self, answered: Option<String>) {
        match self.doubt.take().expect("something was in doubt") {
            Doubt::Put { path, content } => {
                self.objects.insert(path, Object { content, etag: answered });
            }
            Doubt::Delete { paths } => {
                self.objects.retain(|path, _| !paths.contains(path));
            }
            Doubt::Create { path } => {
                let id = answered.expect("whether an upload was made shows by its id only");
                self.uploads.push(OpenUpload { path, id, parts: BTreeMap::new() });
            }
            Doubt::Part { upload, number, content } => {
                self.uploads[upload].parts.insert(number, Part { content, etag: answered });
            }
            Doubt::Complete { upload, content } => {
                let upload = self.uploads.remove(upload);
                self.objects.insert(upload.path, Object { content, etag: answered });
            }
            Doubt::Abort { upload } => {
                self.uploads.remove(upload);
            }
        }
    }

    /// What the object at `path` would be if the request in doubt has happened; `None` if it touches no
    /// object of this path.
    pub(crate) fn object_in_doubt(&self, path: &str) -> Option<Option<&Content>> {
        match self.doubt.as_ref()? {
            Doubt::Put { path: of, content } if of == path => Some(Some(content)),
            Doubt::Delete { paths } if paths.iter().any(|of| of == path) => Some(None),
            Doubt::Complete { upload, content } if self.uploads[*upload].path == path => {
                Some(Some(content))
            }
            Doubt::Put { .. }
            | Doubt::Delete { .. }
            | Doubt::Complete { .. }
            | Doubt::Create { .. }
            | Doubt::Part { .. }
            | Doubt::Abort { .. } => None,
        }
    }
}
