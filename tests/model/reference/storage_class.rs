//! Room: storage classes: labels that clients choose and read back.
//!
//! Source: S3 "PutObject", "CopyObject", "CreateMultipartUpload", x-amz-storage-class.

use super::Fault;
use crate::wire::Ask;

const HEADER: &str = "x-amz-storage-class";

/// What an object has that asks for none.
const STANDARD: &str = "STANDARD";

/// The class that a request gives to what it writes; a copy does not take over that of its source.
pub(super) fn of(ask: &Ask) -> Result<String, Fault> {
    match ask.get_header(HEADER).unwrap_or(STANDARD) {
        class @ (STANDARD
        | "REDUCED_REDUNDANCY"
        | "STANDARD_IA"
        | "ONEZONE_IA"
        | "INTELLIGENT_TIERING"
        | "GLACIER_IR") => Ok(class.to_owned()),
        "GLACIER" | "DEEP_ARCHIVE" => Err(Fault::not_implemented(HEADER)),
        other => {
            let message = "The storage class you specified is not valid";
            let fault = Fault::new(400, "InvalidStorageClass", message);
            Err(fault.with("StorageClassRequested", other))
        }
    }
}

/// The header of a read: none of the class that all have who ask for none.
pub(super) fn told(class: &str) -> Option<(String, String)> {
    (class != STANDARD).then(|| (HEADER.to_owned(), class.to_owned()))
}
