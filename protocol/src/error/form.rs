//! Room: the errors of uploads by HTML forms.
//!
//! Source: S3 "Error responses", and the texts that the service is known to send.

use alloc::format;
use alloc::string::ToString;

use super::{ErrorCode, S3Error};
use crate::post::FIELDS_LEN_MAX;

/// Errors of forms.
impl S3Error {
    /// The body is no form.
    pub fn malformed_form() -> Self {
        Self::new(
            ErrorCode::MalformedPostRequest,
            "The body of your POST request is not well-formed multipart/form-data.",
        )
    }

    /// The fields are longer than they may be.
    pub fn form_fields_too_long() -> Self {
        // "preceeding" is how S3 spells it.
        Self::new(
            ErrorCode::MaxPostPreDataLengthExceeded,
            "Your POST request fields preceeding the upload file was too large.",
        )
        .with("MaxPostPreDataLengthBytes", FIELDS_LEN_MAX.to_string())
    }

    /// A form has no file, or more than one.
    pub fn not_one_file(count: u32) -> Self {
        Self::invalid_argument(
            "file",
            Some(&count.to_string()),
            "POST requires exactly one file upload per request.",
        )
    }

    /// A field is missing, or stands behind the file.
    pub fn form_field_missing(name: &str) -> Self {
        let message = format!(
            "Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
        );
        Self::invalid_argument(name, Some(""), message)
    }

    /// The file is shorter than the policy says.
    pub fn entity_too_small(proposed: u64, min: u64) -> Self {
        Self::new(
            ErrorCode::EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size",
        )
        .with("ProposedSize", proposed.to_string())
        .with("MinSizeAllowed", min.to_string())
    }
}
