//! Room: the headers of S3 that ask for something not built yet, by operation, in one table.
//!
//! Invariants: what stands here is refused with `NotImplemented`, never accepted and ignored; a
//! header that S3 itself ignores on an operation does not stand in that operation's rows; headers
//! that nobody here knows pass, because clients learn new ones before servers do. An empty value
//! counts as absent.
//! Source: S3 API Reference, the request syntax of each operation.

use alloc::format;

use crate::error::S3Error;
use crate::request::Head;
use crate::route::Operation;

/// Refuses a request that asks `operation` for something not built.
///
/// # Errors
/// `NotImplemented` with the header's name; `InvalidArgument` for a value that S3 does not know.
pub fn refuse(head: &Head, operation: Operation) -> Result<(), S3Error> {
    for (name, _) in head.headers.iter() {
        let Some(value) = head.headers.get_non_empty(name) else { continue };
        let asks =
            |row: &&Row| row.is(name) && row.on.contains(&operation) && !row.pass.contains(&value);
        if let Some(row) = HEADERS.iter().find(asks) {
            return Err(row.refusal(name, value));
        }
    }
    Ok(())
}

/// One header: where S3 gives it a meaning, and the values that ask for nothing
/// special.
struct Row {
    /// The lower-case name; a trailing `*` stands for any ending.
    name: &'static str,
    on: &'static [Operation],
    pass: &'static [&'static str],
    other: Other,
}

/// What S3 knows besides the values that pass.
enum Other {
    /// Any value is one that S3 knows.
    Any,
    /// These are S3's values, and another one is an `InvalidArgument`.
    Named(&'static [&'static str]),
}

impl Row {
    fn is(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == self.name,
        }
    }

    fn refusal(&self, name: &str, value: &str) -> S3Error {
        match &self.other {
            Other::Named(known) if !known.contains(&value) => {
                S3Error::invalid_argument(name, Some(value), format!("Invalid {name} value"))
            }
            Other::Any | Other::Named(_) => S3Error::not_implemented(Some(name), None),
        }
    }
}

const fn any(name: &'static str, on: &'static [Operation]) -> Row {
    Row { name, on, pass: &[], other: Other::Any }
}

/// The operations that write an object, now or at the end of an upload.
const CREATING: &[Operation] =
    &[Operation::PutObject, Operation::CopyObject, Operation::CreateMultipartUpload];

/// The operations that list objects.
const LISTING: &[Operation] =
    &[Operation::ListObjects, Operation::ListObjectsV2, Operation::ListObjectVersions];

const HEADERS: &[Row] = &[
    // Encryption, on either side: nowhere ignored, since a client that sends a key must not believe
    // that its bytes are sealed.
    any("x-amz-server-side-encryption*", Operation::ALL),
    any("x-amz-copy-source-server-side-encryption*", Operation::ALL),
    // Object lock: retentions that begin when a hold is let go.
    any("x-amz-object-lock-event-hold*", CREATING),
    // Kinds of buckets.
    Row {
        name: "x-amz-bucket-namespace",
        on: &[Operation::CreateBucket],
        pass: &["global"],
        other: Other::Named(&["account-regional"]),
    },
    // What more a listing may say of an object. Nothing is archived, so nothing is being restored.
    Row {
        name: "x-amz-optional-object-attributes",
        on: LISTING,
        pass: &["RestoreStatus"],
        other: Other::Named(&["RestoreStatus"]),
    },
    // Appending to an object.
    any("x-amz-write-offset-bytes", &[Operation::PutObject]),
    // Conditions of directory buckets on deletes.
    any("x-amz-if-match-last-modified-time", &[Operation::DeleteObject]),
    any("x-amz-if-match-size", &[Operation::DeleteObject]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::head;

    fn refused(operation: Operation, header: (&str, &str)) -> Option<S3Error> {
        refuse(&head("PUT", "/bucket/key", &[header]), operation).err()
    }

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        // rule: every/not-built, delete/directory-conditions, put/append
        use Operation as O;
        for (operation, name, value) in [
            (O::PutObject, "x-amz-server-side-encryption", "AES256"),
            (O::GetObject, "x-amz-server-side-encryption-customer-algorithm", "AES256"),
            (O::UploadPartCopy, "x-amz-copy-source-server-side-encryption-customer-key", "a2V5"),
            (O::PutObject, "x-amz-object-lock-event-hold", "ON"),
            (O::PutObject, "x-amz-write-offset-bytes", "0"),
            (O::DeleteObject, "x-amz-if-match-size", "5"),
        ] {
            let error = refused(operation, (name, value)).unwrap();
            assert_eq!(error.code, ErrorCode::NotImplemented, "{name}");
            assert!(error.details.contains(&("Header", name.into())), "{name}: {error:?}");
        }
    }

    #[test]
    fn what_says_nothing_special_passes() {
        // rule: every/unknown-headers
        use Operation as O;
        for (operation, name, value) in [
            (O::PutObject, "x-amz-server-side-encryption", ""),
            // S3 ignores these here.
            (O::GetObject, "x-amz-storage-class", "GLACIER"),
            (O::DeleteObject, "x-amz-bypass-governance-retention", "true"),
            (O::DeleteObjects, "x-amz-bypass-governance-retention", "true"),
            (O::DeleteObject, "x-amz-mfa", "20899872 301749"),
            // What default clients send.
            (O::GetObject, "x-amz-checksum-mode", "ENABLED"),
            (O::PutObject, "x-amz-sdk-checksum-algorithm", "CRC32"),
            (O::PutObject, "x-amz-object-annotation-directive", "EXCLUDE"),
            (O::PutObject, "x-amz-some-header-of-the-future", "1"),
        ] {
            assert_eq!(refused(operation, (name, value)), None, "{name}");
        }
    }

    #[test]
    fn a_listing_may_be_asked_for_what_is_being_restored() {
        // rule: list/restore-status
        for operation in LISTING {
            let refused = |value| {
                let header = ("x-amz-optional-object-attributes", value);
                refuse(&head("GET", "/bucket", &[header]), *operation).err()
            };
            assert_eq!((refused("RestoreStatus"), refused("")), (None, None));
            let error = refused("Colour").unwrap();
            assert_eq!(error.code, ErrorCode::InvalidArgument);
        }
    }
}
