//! Room: which operation a request asks for.
//!
//! Holds: two tables, one of the sub-resources of buckets and one of those of keys, that name every
//! operation of S3: those built here and those not built yet. To build one is to change its row and
//! to add its file.
//! Invariants: an operation or sub-resource of S3 that is not built is `NotImplemented`, never
//! taken for another one.
//! Source: S3 API Reference, the request syntax of each operation; order of UploadPart,
//! UploadPartCopy, CopyObject and PutObject by their query and header.

use alloc::format;

use crate::error::S3Error;
use crate::request::{Head, Method, Target};

macro_rules! operations {
    ($($name:ident,)*) => {
        /// The operations that are built.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is described on the API page of its name")]
        pub enum Operation { $($name,)* }

        impl Operation {
            /// Every operation that is built.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name that S3 gives the operation.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

operations! {
    ListBuckets,
    CreateBucket,
    HeadBucket,
    GetBucketLocation,
    DeleteBucket,
    GetBucketVersioning,
    PutBucketVersioning,
    GetObjectLockConfiguration,
    PutObjectLockConfiguration,
    GetBucketAcl,
    PutBucketAcl,
    GetBucketTagging,
    PutBucketTagging,
    DeleteBucketTagging,
    GetBucketOwnershipControls,
    PutBucketOwnershipControls,
    DeleteBucketOwnershipControls,
    GetPublicAccessBlock,
    PutPublicAccessBlock,
    DeletePublicAccessBlock,
    GetBucketLifecycleConfiguration,
    PutBucketLifecycleConfiguration,
    DeleteBucketLifecycle,
    GetBucketRequestPayment,
    PutBucketRequestPayment,
    GetBucketPolicy,
    GetBucketPolicyStatus,
    DeleteBucketPolicy,
    GetBucketEncryption,
    DeleteBucketEncryption,
    GetBucketNotificationConfiguration,
    GetBucketLogging,
    GetBucketAccelerateConfiguration,
    GetBucketWebsite,
    DeleteBucketWebsite,
    GetBucketReplication,
    DeleteBucketReplication,
    GetBucketAbac,
    GetBucketAnalyticsConfiguration,
    DeleteBucketAnalyticsConfiguration,
    GetBucketInventoryConfiguration,
    DeleteBucketInventoryConfiguration,
    GetBucketMetricsConfiguration,
    DeleteBucketMetricsConfiguration,
    GetBucketIntelligentTieringConfiguration,
    DeleteBucketIntelligentTieringConfiguration,
    GetBucketMetadataConfiguration,
    DeleteBucketMetadataConfiguration,
    GetBucketMetadataTableConfiguration,
    DeleteBucketMetadataTableConfiguration,
    PreflightRequest,
    GetBucketCors,
    PutBucketCors,
    DeleteBucketCors,
    ListObjects,
    ListObjectsV2,
    ListObjectVersions,
    ListMultipartUploads,
    PutObject,
    PostObject,
    CopyObject,
    GetObject,
    HeadObject,
    GetObjectAttributes,
    DeleteObject,
    DeleteObjects,
    PutObjectTagging,
    GetObjectTagging,
    DeleteObjectTagging,
    GetObjectRetention,
    PutObjectRetention,
    GetObjectLegalHold,
    PutObjectLegalHold,
    GetObjectAcl,
    PutObjectAcl,
    CreateMultipartUpload,
    UploadPart,
    UploadPartCopy,
    CompleteMultipartUpload,
    AbortMultipartUpload,
    ListParts,
}

/// Finds the operation of a request.
///
/// # Errors
/// `NotImplemented` for an operation that is not built; `MethodNotAllowed` where S3 has no
/// operation; `InvalidArgument` or `InvalidRequest` for a query or a copy source that S3 refuses
/// there.
pub fn route(head: &Head) -> Result<Operation, S3Error> {
    // S3: CORS preflight requests have no operation name in the API.
    if head.method == Method::Options {
        return match head.target {
            Target::Service => Err(method_not_allowed(head, "SERVICE")),
            Target::Bucket(_) | Target::Object(..) => Ok(Operation::PreflightRequest),
        };
    }
    let operation = match &head.target {
        Target::Service => route_service(head),
        Target::Bucket(_) => route_bucket(head),
        Target::Object(..) => route_object(head),
    }?;
    let copies = matches!(operation, Operation::CopyObject | Operation::UploadPartCopy);
    if head.headers.get(COPY_SOURCE).is_some() && !copies {
        // S3: the copy source belongs to CopyObject and UploadPartCopy alone.
        return Err(S3Error::invalid_argument(
            COPY_SOURCE,
            head.headers.get(COPY_SOURCE),
            "You can only specify a copy source header for copy requests.",
        ));
    }
    Ok(operation)
}

const COPY_SOURCE: &str = "x-amz-copy-source";

fn route_service(head: &Head) -> Result<Operation, S3Error> {
    match head.method {
        Method::Get if head.query.has("max-directory-buckets") => {
            Err(not_built("ListDirectoryBuckets"))
        }
        Method::Get => Ok(Operation::ListBuckets),
        _ => Err(method_not_allowed(head, "SERVICE")),
    }
}

fn route_bucket(head: &Head) -> Result<Operation, S3Error> {
    if let Some(name) = sub_resource(head, BUCKET)? {
        return by_table(head, BUCKET, name);
    }
    if let Some(name) = sub_resource(head, OBJECT)? {
        let message = format!("A key must be specified for the ?{name} sub-resource");
        return Err(S3Error::invalid_request(message));
    }
    match head.method {
        Method::Get => match head.query.get("list-type") {
            Some("2") => Ok(Operation::ListObjectsV2),
            None | Some("") => Ok(Operation::ListObjects),
            Some(other) => {
                Err(S3Error::invalid_argument("list-type", Some(other), "Invalid List Type"))
            }
        },
        Method::Head => Ok(Operation::HeadBucket),
        Method::Put => Ok(Operation::CreateBucket),
        Method::Delete => Ok(Operation::DeleteBucket),
        Method::Post => Ok(Operation::PostObject),
        Method::Options | Method::Other(_) => Err(method_not_allowed(head, "BUCKET")),
    }
}

fn route_object(head: &Head) -> Result<Operation, S3Error> {
    if let Some(name) = sub_resource(head, OBJECT)? {
        return match (name, &head.method) {
            // S3: ListMultipartUploads has no key.
            ("uploads", Method::Get) => Err(S3Error::invalid_request(
                "Key is not expected for the GET method ?uploads subresource",
            )),
            ("uploadId", Method::Put) => route_part(head),
            _ => by_table(head, OBJECT, name),
        };
    }
    if let Some(name) = sub_resource(head, BUCKET)? {
        let message = format!("There is no such thing as the ?{name} sub-resource for a key");
        return Err(S3Error::invalid_request(message));
    }
    match head.method {
        Method::Get => Ok(Operation::GetObject),
        Method::Head => Ok(Operation::HeadObject),
        Method::Delete => Ok(Operation::DeleteObject),
        Method::Put if head.query.has("partNumber") => Err(S3Error::invalid_argument(
            "partNumber",
            head.query.get("partNumber"),
            "This operation does not accept partNumber without uploadId",
        )),
        Method::Put if head.headers.get(COPY_SOURCE).is_some() => Ok(Operation::CopyObject),
        Method::Put => Ok(Operation::PutObject),
        Method::Post | Method::Options | Method::Other(_) => {
            Err(method_not_allowed(head, "OBJECT"))
        }
    }
}

/// A PUT with an upload id. Whether it copies is told by the copy source alone, even by an empty
/// one: a range says nothing, and a copy that is taken for an upload would store an empty part.
fn route_part(head: &Head) -> Result<Operation, S3Error> {
    if !head.query.has("partNumber") {
        return Err(S3Error::invalid_argument(
            "uploadId",
            head.query.get("uploadId"),
            "Must specify both uploadId and partNumber",
        ));
    }
    if head.headers.get(COPY_SOURCE).is_some() {
        Ok(Operation::UploadPartCopy)
    } else {
        Ok(Operation::UploadPart)
    }
}

/// The sub-resource of `table` that the query names.
fn sub_resource(head: &Head, table: &[Row]) -> Result<Option<&'static str>, S3Error> {
    let mut found: Option<&'static str> = None;
    for (name, _) in head.query.pairs() {
        let Some(row) = table.iter().find(|row| row.sub_resource == name.as_str()) else {
            continue;
        };
        match found {
            Some(first) if first != row.sub_resource => {
                // S3 answers so to a query that names two resources.
                let message =
                    format!("Conflicting query string parameters: {first}, {}", row.sub_resource);
                return Err(S3Error::invalid_argument("ResourceType", Some(first), message));
            }
            _ => found = Some(row.sub_resource),
        }
    }
    Ok(found)
}

fn by_table(head: &Head, table: &[Row], name: &str) -> Result<Operation, S3Error> {
    let row =
        table.iter().find(|row| row.sub_resource == name && row.method == head.method.as_str());
    match row.map(|row| row.to) {
        Some(To::Built(operation)) => Ok(operation),
        Some(To::NotBuilt(operation)) => Err(not_built(operation)),
        None => Err(method_not_allowed(head, &name.to_ascii_uppercase())),
    }
}

fn not_built(operation: &str) -> S3Error {
    let additional = format!("The operation {operation} is not implemented");
    S3Error::not_implemented(None, Some(&additional))
}

fn method_not_allowed(head: &Head, resource: &str) -> S3Error {
    S3Error::method_not_allowed(head.method.as_str(), resource)
}

/// One method on one sub-resource.
struct Row {
    sub_resource: &'static str,
    method: &'static str,
    to: To,
}

#[derive(Clone, Copy)]
enum To {
    Built(Operation),
    NotBuilt(&'static str),
}

const fn built(sub_resource: &'static str, method: &'static str, operation: Operation) -> Row {
    Row { sub_resource, method, to: To::Built(operation) }
}

const fn later(sub_resource: &'static str, method: &'static str, operation: &'static str) -> Row {
    Row { sub_resource, method, to: To::NotBuilt(operation) }
}

/// `/{Bucket}?sub-resource`.
const BUCKET: &[Row] = &[
    built("delete", "POST", Operation::DeleteObjects),
    built("location", "GET", Operation::GetBucketLocation),
    built("uploads", "GET", Operation::ListMultipartUploads),
    built("versions", "GET", Operation::ListObjectVersions),
    built("versioning", "GET", Operation::GetBucketVersioning),
    built("versioning", "PUT", Operation::PutBucketVersioning),
    built("abac", "GET", Operation::GetBucketAbac),
    later("abac", "PUT", "PutBucketAbac"),
    built("accelerate", "GET", Operation::GetBucketAccelerateConfiguration),
    later("accelerate", "PUT", "PutBucketAccelerateConfiguration"),
    built("acl", "GET", Operation::GetBucketAcl),
    built("acl", "PUT", Operation::PutBucketAcl),
    built("analytics", "GET", Operation::GetBucketAnalyticsConfiguration),
    later("analytics", "PUT", "PutBucketAnalyticsConfiguration"),
    built("analytics", "DELETE", Operation::DeleteBucketAnalyticsConfiguration),
    built("cors", "GET", Operation::GetBucketCors),
    built("cors", "PUT", Operation::PutBucketCors),
    built("cors", "DELETE", Operation::DeleteBucketCors),
    built("encryption", "GET", Operation::GetBucketEncryption),
    later("encryption", "PUT", "PutBucketEncryption"),
    built("encryption", "DELETE", Operation::DeleteBucketEncryption),
    built("intelligent-tiering", "GET", Operation::GetBucketIntelligentTieringConfiguration),
    later("intelligent-tiering", "PUT", "PutBucketIntelligentTieringConfiguration"),
    built("intelligent-tiering", "DELETE", Operation::DeleteBucketIntelligentTieringConfiguration),
    built("inventory", "GET", Operation::GetBucketInventoryConfiguration),
    later("inventory", "PUT", "PutBucketInventoryConfiguration"),
    built("inventory", "DELETE", Operation::DeleteBucketInventoryConfiguration),
    built("lifecycle", "GET", Operation::GetBucketLifecycleConfiguration),
    built("lifecycle", "PUT", Operation::PutBucketLifecycleConfiguration),
    built("lifecycle", "DELETE", Operation::DeleteBucketLifecycle),
    built("logging", "GET", Operation::GetBucketLogging),
    later("logging", "PUT", "PutBucketLogging"),
    built("metadataConfiguration", "GET", Operation::GetBucketMetadataConfiguration),
    later("metadataConfiguration", "POST", "CreateBucketMetadataConfiguration"),
    built("metadataConfiguration", "DELETE", Operation::DeleteBucketMetadataConfiguration),
    later("metadataInventoryTable", "PUT", "UpdateBucketMetadataInventoryTableConfiguration"),
    later("metadataJournalTable", "PUT", "UpdateBucketMetadataJournalTableConfiguration"),
    built("metadataTable", "GET", Operation::GetBucketMetadataTableConfiguration),
    later("metadataTable", "POST", "CreateBucketMetadataTableConfiguration"),
    built("metadataTable", "DELETE", Operation::DeleteBucketMetadataTableConfiguration),
    built("metrics", "GET", Operation::GetBucketMetricsConfiguration),
    later("metrics", "PUT", "PutBucketMetricsConfiguration"),
    built("metrics", "DELETE", Operation::DeleteBucketMetricsConfiguration),
    built("notification", "GET", Operation::GetBucketNotificationConfiguration),
    later("notification", "PUT", "PutBucketNotificationConfiguration"),
    built("object-lock", "GET", Operation::GetObjectLockConfiguration),
    built("object-lock", "PUT", Operation::PutObjectLockConfiguration),
    built("ownershipControls", "GET", Operation::GetBucketOwnershipControls),
    built("ownershipControls", "PUT", Operation::PutBucketOwnershipControls),
    built("ownershipControls", "DELETE", Operation::DeleteBucketOwnershipControls),
    built("policy", "GET", Operation::GetBucketPolicy),
    later("policy", "PUT", "PutBucketPolicy"),
    built("policy", "DELETE", Operation::DeleteBucketPolicy),
    built("policyStatus", "GET", Operation::GetBucketPolicyStatus),
    built("publicAccessBlock", "GET", Operation::GetPublicAccessBlock),
    built("publicAccessBlock", "PUT", Operation::PutPublicAccessBlock),
    built("publicAccessBlock", "DELETE", Operation::DeletePublicAccessBlock),
    built("replication", "GET", Operation::GetBucketReplication),
    later("replication", "PUT", "PutBucketReplication"),
    built("replication", "DELETE", Operation::DeleteBucketReplication),
    built("requestPayment", "GET", Operation::GetBucketRequestPayment),
    built("requestPayment", "PUT", Operation::PutBucketRequestPayment),
    later("session", "GET", "CreateSession"),
    built("tagging", "GET", Operation::GetBucketTagging),
    built("tagging", "PUT", Operation::PutBucketTagging),
    built("tagging", "DELETE", Operation::DeleteBucketTagging),
    built("website", "GET", Operation::GetBucketWebsite),
    later("website", "PUT", "PutBucketWebsite"),
    built("website", "DELETE", Operation::DeleteBucketWebsite),
];

/// `/{Bucket}/{Key}?sub-resource`.
const OBJECT: &[Row] = &[
    built("attributes", "GET", Operation::GetObjectAttributes),
    built("tagging", "GET", Operation::GetObjectTagging),
    built("tagging", "PUT", Operation::PutObjectTagging),
    built("tagging", "DELETE", Operation::DeleteObjectTagging),
    built("uploadId", "GET", Operation::ListParts),
    built("uploadId", "POST", Operation::CompleteMultipartUpload),
    built("uploadId", "DELETE", Operation::AbortMultipartUpload),
    built("uploads", "POST", Operation::CreateMultipartUpload),
    built("acl", "GET", Operation::GetObjectAcl),
    built("acl", "PUT", Operation::PutObjectAcl),
    later("annotation", "GET", "GetObjectAnnotation"),
    later("annotation", "PUT", "PutObjectAnnotation"),
    later("annotation", "DELETE", "DeleteObjectAnnotation"),
    later("annotations", "GET", "ListObjectAnnotations"),
    later("encryption", "PUT", "UpdateObjectEncryption"),
    built("legal-hold", "GET", Operation::GetObjectLegalHold),
    built("legal-hold", "PUT", Operation::PutObjectLegalHold),
    later("renameObject", "PUT", "RenameObject"),
    later("restore", "POST", "RestoreObject"),
    built("retention", "GET", Operation::GetObjectRetention),
    built("retention", "PUT", Operation::PutObjectRetention),
    later("select", "POST", "SelectObjectContent"),
    later("torrent", "GET", "GetObjectTorrent"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::head;

    const COPY: (&str, &str) = ("x-amz-copy-source", "src/key");

    fn routed(
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<&'static str, S3Error> {
        route(&head(method, target, headers)).map(Operation::name)
    }

    #[test]
    fn every_operation_has_its_request() {
        // rule: part-copy/dispatch
        for (method, target, name) in [
            ("GET", "/", "ListBuckets"),
            ("GET", "/?x-id=ListBuckets", "ListBuckets"),
            ("PUT", "/bucket", "CreateBucket"),
            ("PUT", "/bucket/", "CreateBucket"),
            ("HEAD", "/bucket", "HeadBucket"),
            ("GET", "/bucket?location", "GetBucketLocation"),
            ("DELETE", "/bucket", "DeleteBucket"),
            ("GET", "/bucket?versioning", "GetBucketVersioning"),
            ("PUT", "/bucket?versioning=", "PutBucketVersioning"),
            ("GET", "/bucket?lifecycle", "GetBucketLifecycleConfiguration"),
            ("PUT", "/bucket?lifecycle", "PutBucketLifecycleConfiguration"),
            ("DELETE", "/bucket?lifecycle", "DeleteBucketLifecycle"),
            ("GET", "/bucket?object-lock", "GetObjectLockConfiguration"),
            ("PUT", "/bucket?object-lock", "PutObjectLockConfiguration"),
            ("GET", "/bucket/key?retention", "GetObjectRetention"),
            ("PUT", "/bucket/key?retention&versionId=null", "PutObjectRetention"),
            ("GET", "/bucket/key?legal-hold", "GetObjectLegalHold"),
            ("PUT", "/bucket/key?legal-hold", "PutObjectLegalHold"),
            ("GET", "/bucket", "ListObjects"),
            ("GET", "/bucket?prefix=a&list-type=", "ListObjects"),
            ("GET", "/bucket?list-type=2&prefix=a", "ListObjectsV2"),
            ("GET", "/bucket?versions", "ListObjectVersions"),
            ("GET", "/bucket?versions&prefix=a", "ListObjectVersions"),
            ("GET", "/bucket?uploads", "ListMultipartUploads"),
            ("PUT", "/bucket/key", "PutObject"),
            ("POST", "/bucket", "PostObject"),
            ("POST", "/bucket/", "PostObject"),
            ("PUT", "/bucket/key?x-id=PutObject", "PutObject"),
            ("GET", "/bucket/key", "GetObject"),
            ("GET", "/bucket/key?versionId=null", "GetObject"),
            ("GET", "/bucket/key?partNumber=1", "GetObject"),
            ("HEAD", "/bucket/key", "HeadObject"),
            ("GET", "/bucket/key?attributes", "GetObjectAttributes"),
            ("DELETE", "/bucket/key", "DeleteObject"),
            ("POST", "/bucket?delete", "DeleteObjects"),
            ("PUT", "/bucket/key?tagging", "PutObjectTagging"),
            ("GET", "/bucket/key?tagging=", "GetObjectTagging"),
            ("DELETE", "/bucket/key?tagging", "DeleteObjectTagging"),
            ("POST", "/bucket/key?uploads", "CreateMultipartUpload"),
            ("PUT", "/bucket/key?uploadId=u&partNumber=1", "UploadPart"),
            ("PUT", "/bucket/key?partNumber=1&uploadId=u", "UploadPart"),
            ("POST", "/bucket/key?uploadId=u", "CompleteMultipartUpload"),
            ("DELETE", "/bucket/key?uploadId=u", "AbortMultipartUpload"),
            ("GET", "/bucket/key?uploadId=u", "ListParts"),
        ] {
            assert_eq!(routed(method, target, &[]), Ok(name), "{method} {target}");
        }
        for source in [COPY, ("x-amz-copy-source", "")] {
            let target = "/bucket/key?uploadId=u&partNumber=1";
            assert_eq!(routed("PUT", target, &[source]), Ok("UploadPartCopy"));
            assert_eq!(routed("PUT", "/bucket/key", &[source]), Ok("CopyObject"));
        }
    }

    #[test]
    fn what_is_not_built_says_its_name() {
        // rule: every/not-built
        for (method, target, headers, name) in [
            ("PUT", "/bucket?policy", &[][..], "PutBucketPolicy"),
            ("POST", "/bucket/key?select&select-type=2", &[], "SelectObjectContent"),
        ] {
            let error = routed(method, target, headers).unwrap_err();
            assert_eq!(error.code, ErrorCode::NotImplemented, "{method} {target}");
            let expect = format!("The operation {name} is not implemented");
            assert_eq!(error.detail("additionalMessage"), Some(expect.as_str()));
        }
    }

    #[test]
    fn what_s3_refuses_is_refused() {
        // rule: every/copy-source-elsewhere, put/part-without-upload
        use ErrorCode::{InvalidArgument, InvalidRequest, MethodNotAllowed};
        for (method, target, headers, code, detail) in [
            ("PUT", "/bucket/key?partNumber=1", &[][..], InvalidArgument, "partNumber"),
            ("PUT", "/bucket/key?partNumber=1", &[COPY], InvalidArgument, "partNumber"),
            ("PUT", "/bucket/key?uploadId=u", &[], InvalidArgument, "uploadId"),
            ("PUT", "/bucket/key?uploadId=u", &[COPY], InvalidArgument, "uploadId"),
            ("POST", "/bucket/key?uploads", &[COPY], InvalidArgument, "x-amz-copy-source"),
            ("PUT", "/bucket/key?tagging", &[COPY], InvalidArgument, "x-amz-copy-source"),
            ("PUT", "/bucket", &[COPY], InvalidArgument, "x-amz-copy-source"),
            ("GET", "/bucket/key?tagging&acl", &[], InvalidArgument, "ResourceType"),
            ("GET", "/bucket?list-type=3", &[], InvalidArgument, "list-type"),
            ("GET", "/bucket/key?uploads", &[], InvalidRequest, ""),
            ("GET", "/bucket/key?versions", &[], InvalidRequest, ""),
            ("POST", "/bucket?uploadId=u", &[], InvalidRequest, ""),
            ("POST", "/", &[], MethodNotAllowed, ""),
            ("POST", "/bucket/key", &[], MethodNotAllowed, ""),
            ("PATCH", "/bucket/key", &[], MethodNotAllowed, ""),
            ("PUT", "/bucket?location", &[], MethodNotAllowed, ""),
            ("HEAD", "/bucket/key?uploadId=u", &[], MethodNotAllowed, ""),
        ] {
            let error = routed(method, target, headers).unwrap_err();
            assert_eq!(error.code, code, "{method} {target}");
            assert_eq!(error.detail("ArgumentName").unwrap_or(""), detail, "{method} {target}");
        }
        let error = routed("PATCH", "/bucket/key", &[]).unwrap_err();
        assert_eq!(error.detail("Method"), Some("PATCH"));
        assert_eq!(error.detail("ResourceType"), Some("OBJECT"));
    }

    #[test]
    fn a_row_stands_once_and_its_operation_too() {
        for table in [BUCKET, OBJECT] {
            for (i, row) in table.iter().enumerate() {
                let same = |other: &&Row| {
                    (other.sub_resource, other.method) == (row.sub_resource, row.method)
                };
                assert!(!table[..i].iter().any(|other| same(&other)), "{}", row.sub_resource);
            }
        }
    }
}
