//! Room: requests as clients with default settings send them: each must find its operation and be
//! understood.
//!
//! Source: the heads that boto3 1.43 sends over HTTP and over HTTPS, and what AWS CLI 2 adds to
//! them.

use alloc::collections::BTreeSet;

use super::testing::head;
use super::{
    abort_upload, acl, bucket_lifecycle, bucket_versioning, complete_upload, configuration,
    copy_object, create_bucket, create_upload, delete_bucket, delete_object, delete_objects,
    get_bucket_location, get_object, get_object_attributes, head_bucket, head_object, list_buckets,
    list_objects, list_parts, list_uploads, list_versions, object_legal_hold, object_retention,
    object_tagging, post_object, preflight, put_object, upload_part, upload_part_copy,
};
use crate::error::S3Error;
use crate::name::AccountId;
use crate::request::Head;
use crate::route::{Operation, route};

const SDK: (&str, &str) = ("x-amz-sdk-checksum-algorithm", "CRC32");
const CRC32: (&str, &str) = ("x-amz-checksum-crc32", "NhCmhg==");
const EMPTY: (&str, &str) = ("content-length", "0");
const EXPECT: (&str, &str) = ("expect", "100-continue");
const TRAILER: [(&str, &str); 6] = [
    EXPECT,
    ("transfer-encoding", "chunked"),
    ("content-encoding", "aws-chunked"),
    ("x-amz-trailer", "x-amz-checksum-crc32"),
    ("x-amz-decoded-content-length", "5"),
    SDK,
];
const PART: &str = "/bucket/dir/key?uploadId=u-1&partNumber=2";
const COPY: [(&str, &str); 4] = [
    ("x-amz-copy-source", "bucket/dir/key"),
    ("x-amz-copy-source-range", "bytes=8388608-16777215"),
    ("x-amz-copy-source-if-match", "\"711470fc377698c393d94aed6305e245\""),
    EMPTY,
];
/// What AWS CLI 2 may add anywhere.
const CLI: (&str, &str) = ("x-amz-object-annotation-directive", "EXCLUDE");

type Sent = (&'static str, &'static str, &'static [(&'static str, &'static str)], Operation);

const SENT: &[Sent] = &[
    ("GET", "/", &[], Operation::ListBuckets),
    ("GET", "/?x-id=ListBuckets", &[], Operation::ListBuckets),
    ("PUT", "/bucket", &[EMPTY], Operation::CreateBucket),
    ("HEAD", "/bucket", &[], Operation::HeadBucket),
    ("GET", "/bucket?location", &[], Operation::GetBucketLocation),
    ("GET", "/bucket?prefix=&delimiter=%2F&encoding-type=url", &[], Operation::ListObjects),
    ("GET", "/bucket?list-type=2&encoding-type=url", &[], Operation::ListObjectsV2),
    (
        "GET",
        "/bucket?list-type=2&prefix=&delimiter=%2F&encoding-type=url",
        &[],
        Operation::ListObjectsV2,
    ),
    ("GET", "/bucket?uploads&encoding-type=url", &[], Operation::ListMultipartUploads),
    (
        "GET",
        "/bucket?versions&prefix=&encoding-type=url&max-keys=1000",
        &[],
        Operation::ListObjectVersions,
    ),
    ("PUT", "/bucket/dir/key", &[EXPECT, CRC32, SDK], Operation::PutObject),
    ("PUT", "/bucket/dir/key", &TRAILER, Operation::PutObject),
    ("HEAD", "/bucket/dir/key", &[], Operation::HeadObject),
    ("HEAD", "/bucket/dir/key", &[("x-amz-checksum-mode", "ENABLED")], Operation::HeadObject),
    ("GET", "/bucket/dir/key", &[("x-amz-checksum-mode", "ENABLED")], Operation::GetObject),
    (
        "GET",
        "/bucket/dir/key",
        &[("range", "bytes=0-8388607"), ("x-amz-checksum-mode", "ENABLED"), ("if-match", "\"a\"")],
        Operation::GetObject,
    ),
    ("GET", "/bucket/dir/key?partNumber=1", &[], Operation::GetObject),
    ("HEAD", "/bucket/dir/key?partNumber=1", &[], Operation::HeadObject),
    (
        "GET",
        "/bucket/dir/key?attributes",
        &[("x-amz-object-attributes", "ETag,ObjectSize,ObjectParts"), ("x-amz-max-parts", "2")],
        Operation::GetObjectAttributes,
    ),
    ("DELETE", "/bucket/dir/key", &[EMPTY], Operation::DeleteObject),
    ("POST", "/bucket?delete", &[CRC32, SDK], Operation::DeleteObjects),
    (
        "POST",
        "/bucket?delete",
        &[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")],
        Operation::DeleteObjects,
    ),
    ("PUT", "/bucket/dir/key?tagging", &[CRC32, SDK], Operation::PutObjectTagging),
    ("GET", "/bucket/dir/key?tagging", &[], Operation::GetObjectTagging),
    ("DELETE", "/bucket/dir/key?tagging", &[EMPTY], Operation::DeleteObjectTagging),
    ("POST", "/bucket/dir/key?uploads", &[EMPTY, CLI], Operation::CreateMultipartUpload),
    (
        "POST",
        "/bucket/dir/key?uploads",
        &[EMPTY, ("x-amz-checksum-algorithm", "CRC32"), ("content-type", "text/plain")],
        Operation::CreateMultipartUpload,
    ),
    (
        "POST",
        "/bucket",
        &[("content-type", "multipart/form-data; boundary=b0"), ("content-length", "9")],
        Operation::PostObject,
    ),
    ("PUT", PART, &[SDK, EXPECT, CRC32], Operation::UploadPart),
    ("PUT", PART, &TRAILER, Operation::UploadPart),
    ("PUT", PART, &COPY, Operation::UploadPartCopy),
    (
        "PUT",
        "/bucket/dir/key",
        &[("x-amz-copy-source", "bucket/a%20b"), EMPTY],
        Operation::CopyObject,
    ),
    (
        "PUT",
        "/bucket/dir/key",
        &[
            ("x-amz-copy-source", "bucket/dir/key"),
            ("x-amz-metadata-directive", "REPLACE"),
            ("content-type", "text/plain"),
            CLI,
            EMPTY,
        ],
        Operation::CopyObject,
    ),
    ("POST", "/bucket/dir/key?uploadId=u-1", &[], Operation::CompleteMultipartUpload),
    ("DELETE", "/bucket/dir/key?uploadId=u-1", &[EMPTY], Operation::AbortMultipartUpload),
    ("GET", "/bucket/dir/key?uploadId=u-1", &[], Operation::ListParts),
    ("GET", "/bucket?versioning", &[], Operation::GetBucketVersioning),
    ("PUT", "/bucket?versioning", &[CRC32, SDK], Operation::PutBucketVersioning),
    ("GET", "/bucket?lifecycle", &[], Operation::GetBucketLifecycleConfiguration),
    ("PUT", "/bucket?lifecycle", &[CRC32, SDK], Operation::PutBucketLifecycleConfiguration),
    ("DELETE", "/bucket?lifecycle", &[EMPTY], Operation::DeleteBucketLifecycle),
    ("GET", "/bucket?object-lock", &[], Operation::GetObjectLockConfiguration),
    ("PUT", "/bucket?object-lock", &[CRC32, SDK], Operation::PutObjectLockConfiguration),
    ("GET", "/bucket/dir/key?retention", &[], Operation::GetObjectRetention),
    (
        "PUT",
        "/bucket/dir/key?retention",
        &[CRC32, SDK, ("x-amz-bypass-governance-retention", "true")],
        Operation::PutObjectRetention,
    ),
    ("GET", "/bucket/dir/key?legal-hold", &[], Operation::GetObjectLegalHold),
    ("PUT", "/bucket/dir/key?legal-hold", &[CRC32, SDK], Operation::PutObjectLegalHold),
    ("DELETE", "/bucket", &[EMPTY], Operation::DeleteBucket),
    ("GET", "/bucket?acl", &[], Operation::GetBucketAcl),
    ("PUT", "/bucket?acl", &[("x-amz-acl", "private"), EMPTY], Operation::PutBucketAcl),
    ("GET", "/bucket/dir/key?acl", &[], Operation::GetObjectAcl),
    ("PUT", "/bucket/dir/key?acl", &[CRC32, SDK], Operation::PutObjectAcl),
    ("GET", "/bucket?tagging", &[], Operation::GetBucketTagging),
    ("PUT", "/bucket?tagging", &[CRC32, SDK], Operation::PutBucketTagging),
    ("DELETE", "/bucket?tagging", &[EMPTY], Operation::DeleteBucketTagging),
    ("GET", "/bucket?cors", &[], Operation::GetBucketCors),
    ("PUT", "/bucket?cors", &[CRC32, SDK], Operation::PutBucketCors),
    ("DELETE", "/bucket?cors", &[EMPTY], Operation::DeleteBucketCors),
    (
        "OPTIONS",
        "/bucket/dir/key",
        &[("origin", "https://a.test"), ("access-control-request-method", "PUT")],
        Operation::PreflightRequest,
    ),
    ("GET", "/bucket?ownershipControls", &[], Operation::GetBucketOwnershipControls),
    ("PUT", "/bucket?ownershipControls", &[CRC32, SDK], Operation::PutBucketOwnershipControls),
    ("DELETE", "/bucket?ownershipControls", &[EMPTY], Operation::DeleteBucketOwnershipControls),
    ("GET", "/bucket?publicAccessBlock", &[], Operation::GetPublicAccessBlock),
    ("PUT", "/bucket?publicAccessBlock", &[CRC32, SDK], Operation::PutPublicAccessBlock),
    ("DELETE", "/bucket?publicAccessBlock", &[EMPTY], Operation::DeletePublicAccessBlock),
    ("GET", "/bucket?requestPayment", &[], Operation::GetBucketRequestPayment),
    ("PUT", "/bucket?requestPayment", &[CRC32, SDK], Operation::PutBucketRequestPayment),
    ("GET", "/bucket?policy", &[], Operation::GetBucketPolicy),
    ("GET", "/bucket?policyStatus", &[], Operation::GetBucketPolicyStatus),
    ("DELETE", "/bucket?policy", &[EMPTY], Operation::DeleteBucketPolicy),
    ("GET", "/bucket?encryption", &[], Operation::GetBucketEncryption),
    ("DELETE", "/bucket?encryption", &[EMPTY], Operation::DeleteBucketEncryption),
    ("GET", "/bucket?notification", &[], Operation::GetBucketNotificationConfiguration),
    ("GET", "/bucket?logging", &[], Operation::GetBucketLogging),
    ("GET", "/bucket?accelerate", &[], Operation::GetBucketAccelerateConfiguration),
    ("GET", "/bucket?website", &[], Operation::GetBucketWebsite),
    ("DELETE", "/bucket?website", &[EMPTY], Operation::DeleteBucketWebsite),
    ("GET", "/bucket?replication", &[], Operation::GetBucketReplication),
    ("DELETE", "/bucket?replication", &[EMPTY], Operation::DeleteBucketReplication),
    ("GET", "/bucket?abac", &[], Operation::GetBucketAbac),
    ("GET", "/bucket?analytics&x-id=1", &[], Operation::GetBucketAnalyticsConfiguration),
    ("DELETE", "/bucket?analytics&id=a", &[EMPTY], Operation::DeleteBucketAnalyticsConfiguration),
    ("GET", "/bucket?inventory", &[], Operation::GetBucketInventoryConfiguration),
    ("DELETE", "/bucket?inventory&id=a", &[EMPTY], Operation::DeleteBucketInventoryConfiguration),
    ("GET", "/bucket?metrics", &[], Operation::GetBucketMetricsConfiguration),
    ("DELETE", "/bucket?metrics&id=a", &[EMPTY], Operation::DeleteBucketMetricsConfiguration),
    (
        "GET",
        "/bucket?intelligent-tiering",
        &[],
        Operation::GetBucketIntelligentTieringConfiguration,
    ),
    (
        "DELETE",
        "/bucket?intelligent-tiering&id=a",
        &[EMPTY],
        Operation::DeleteBucketIntelligentTieringConfiguration,
    ),
    ("GET", "/bucket?metadataConfiguration", &[], Operation::GetBucketMetadataConfiguration),
    (
        "DELETE",
        "/bucket?metadataConfiguration",
        &[EMPTY],
        Operation::DeleteBucketMetadataConfiguration,
    ),
    ("GET", "/bucket?metadataTable", &[], Operation::GetBucketMetadataTableConfiguration),
    (
        "DELETE",
        "/bucket?metadataTable",
        &[EMPTY],
        Operation::DeleteBucketMetadataTableConfiguration,
    ),
];

fn account() -> AccountId {
    AccountId::parse("000000000000").expect("an account")
}

fn understood(head: &Head, operation: Operation) -> Result<(), S3Error> {
    use Operation as O;
    match operation {
        O::ListBuckets => list_buckets::ListBucketsInput::parse(head).map(drop),
        O::CreateBucket => create_bucket::CreateBucketInput::parse(head, &account()).map(|_| ()),
        O::HeadBucket => head_bucket::HeadBucketInput::parse(head).map(drop),
        O::GetBucketLocation => get_bucket_location::GetBucketLocationInput::parse(head).map(drop),
        O::DeleteBucket => delete_bucket::DeleteBucketInput::parse(head).map(drop),
        O::GetBucketVersioning | O::PutBucketVersioning => {
            bucket_versioning::BucketVersioningInput::parse(head, operation).map(drop)
        }
        O::GetBucketLifecycleConfiguration
        | O::PutBucketLifecycleConfiguration
        | O::DeleteBucketLifecycle => {
            bucket_lifecycle::BucketLifecycleInput::parse(head, operation).map(drop)
        }
        O::GetObjectRetention | O::PutObjectRetention => {
            object_retention::ObjectRetentionInput::parse(head, operation).map(drop)
        }
        O::GetObjectLegalHold | O::PutObjectLegalHold => {
            object_legal_hold::ObjectLegalHoldInput::parse(head, operation).map(drop)
        }
        O::ListObjects => list_objects::v1::ListObjectsInput::parse(head).map(drop),
        O::ListObjectsV2 => list_objects::v2::ListObjectsV2Input::parse(head).map(drop),
        O::ListObjectVersions => list_versions::ListVersionsInput::parse(head).map(drop),
        O::ListMultipartUploads => list_uploads::ListUploadsInput::parse(head).map(drop),
        O::PutObject => put_object::PutObjectInput::parse(head).map(drop),
        O::PostObject => post_object::PostHead::parse(head).map(drop),
        O::GetObject => get_object::GetObjectInput::parse(head).map(drop),
        O::GetObjectAttributes => {
            get_object_attributes::GetObjectAttributesInput::parse(head).map(drop)
        }
        O::HeadObject => head_object::HeadObjectInput::parse(head).map(drop),
        O::DeleteObject => delete_object::DeleteObjectInput::parse(head).map(drop),
        O::DeleteObjects => delete_objects::DeleteObjectsInput::parse(head).map(drop),
        O::PutObjectTagging | O::GetObjectTagging | O::DeleteObjectTagging => {
            object_tagging::ObjectTaggingInput::parse(head, operation).map(drop)
        }
        O::CreateMultipartUpload => create_upload::CreateUploadInput::parse(head).map(drop),
        O::UploadPart => upload_part::UploadPartInput::parse(head).map(drop),
        O::CopyObject => copy_object::CopyObjectInput::parse(head).map(drop),
        O::UploadPartCopy => upload_part_copy::UploadPartCopyInput::parse(head).map(drop),
        O::CompleteMultipartUpload => complete_upload::CompleteUploadInput::parse(head).map(drop),
        O::AbortMultipartUpload => abort_upload::AbortUploadInput::parse(head).map(drop),
        O::ListParts => list_parts::ListPartsInput::parse(head).map(drop),
        O::GetBucketAcl | O::PutBucketAcl | O::GetObjectAcl | O::PutObjectAcl => {
            acl::AclInput::parse(head, operation, &account()).map(drop)
        }
        O::PreflightRequest => preflight::PreflightInput::parse(head).map(drop),
        // The other configurations of buckets.
        _ => configuration::ConfigurationInput::parse(head, operation).map(drop),
    }
}

#[test]
fn every_default_request_is_understood() {
    // rule: every/default-clients
    let mut seen = BTreeSet::new();
    for (method, target, headers, operation) in SENT {
        let request = head(method, target, headers);
        assert_eq!(route(&request), Ok(*operation), "{method} {target}");
        assert_eq!(understood(&request, *operation), Ok(()), "{method} {target} {headers:?}");
        seen.insert(*operation);
    }
    assert_eq!(seen, Operation::ALL.iter().copied().collect());
}
