//! Room: the errors: code, status, sentence, details.
//!
//! Source: S3 "Error responses".

use crate::names::ANY;
use crate::wire::Answer;
use crate::xml::Node;

/// An error.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
    details: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
}

impl Fault {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let (details, headers) = (Vec::new(), Vec::new());
        Self { status, code, message: message.into(), details, headers }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.details.push((name, value.to_string()));
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// The document, with its headers.
    pub(super) fn answer(self) -> Answer {
        let mut root = Node::new("Error").with("Code", self.code).with("Message", self.message);
        for (name, value) in self.details {
            root = root.with(name, value);
        }
        let mut answer = Answer::document(root.with("RequestId", ANY).with("HostId", ANY));
        answer.status = self.status;
        self.headers.into_iter().fold(answer, |answer, (name, value)| answer.header(name, value))
    }

    pub(super) fn no_such_bucket(name: &str) -> Self {
        Self::new(404, "NoSuchBucket", "The specified bucket does not exist")
            .with("BucketName", name)
    }

    pub(super) fn no_such_key(key: &str) -> Self {
        Self::new(404, "NoSuchKey", "The specified key does not exist.").with("Key", key)
    }

    pub(super) fn no_such_version(key: &str, version: &str) -> Self {
        Self::new(404, "NoSuchVersion", "The specified version does not exist.")
            .with("Key", key)
            .with("VersionId", version)
    }

    pub(super) fn no_such_upload(id: &str) -> Self {
        let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
        Self::new(404, "NoSuchUpload", message).with("UploadId", id)
    }

    pub(super) fn invalid_version(value: &str) -> Self {
        Self::argument("versionId", value, "Invalid version id specified")
    }

    pub(super) fn delete_marker(method: &str) -> Self {
        let message = "The specified method is not allowed against this resource.";
        Self::new(405, "MethodNotAllowed", message)
            .with("Method", method)
            .with("ResourceType", "DeleteMarker")
            .header("allow", "DELETE")
    }

    /// What is told of the delete marker that is in the way.
    pub(super) fn of_marker(self, id: &str) -> Self {
        self.header("x-amz-delete-marker", "true").header("x-amz-version-id", id)
    }

    pub(super) fn argument(name: &str, value: &str, message: impl Into<String>) -> Self {
        Self::new(400, "InvalidArgument", message)
            .with("ArgumentName", name)
            .with("ArgumentValue", value)
    }

    pub(super) fn request(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidRequest", message)
    }

    pub(super) fn not_implemented(header: &str) -> Self {
        let message = "A header you provided implies functionality that is not implemented";
        Self::new(501, "NotImplemented", message).with("Header", header)
    }

    pub(super) fn precondition(condition: &str) -> Self {
        let message = "At least one of the pre-conditions you specified did not hold";
        Self::new(412, "PreconditionFailed", message).with("Condition", condition)
    }

    pub(super) fn conflict(condition: &str, key: &str) -> Self {
        let message = "The conditional request cannot succeed due to a conflicting operation against this resource.";
        Self::new(409, "ConditionalRequestConflict", message)
            .with("Condition", condition)
            .with("Key", key)
    }

    pub(super) fn malformed() -> Self {
        let message = "The XML you provided was not well-formed or did not validate against our published schema";
        Self::new(400, "MalformedXML", message)
    }
}
