//! Room: the head of a request, from its bytes to the input of the operation that it asks for.
//!
//! Promises: nothing panics; a refusal is the client's mistake, says nothing secret, and can be read; what was read,
//! written again, reads the same; no header of an answer ends early.

use protocol::cors::Cors;
use protocol::error::S3Error;
use protocol::metadata::ObjectMetadata;
use protocol::operation::{
    abort_upload, absent, acl, bucket_lifecycle, bucket_versioning, common, complete_upload,
    configuration, copy_object, create_bucket, create_upload, delete_bucket, delete_object,
    delete_objects, get_bucket_location, get_object, get_object_attributes, head_bucket,
    head_object, list_buckets, list_objects, list_parts, list_uploads, list_versions,
    object_legal_hold, object_retention, object_tagging, post_object, preflight, put_object,
    unbuilt, upload_part, upload_part_copy,
};
use protocol::percent;
use protocol::precondition::{CopyConditions, RangeCondition, ReadConditions};
use protocol::request::{Head, Headers, Method, Query};
use protocol::route::{Operation, route};
use protocol::sign;

use super::{NOW, REGION, account, check_error, check_header, credential};

pub(crate) fn run(wire: &[u8]) {
    match read(wire) {
        None => {}
        Some(Err(error)) => check_error(&error),
        Some(Ok(head)) => {
            check_round_trip(&head);
            if let Err(error) = go_on(head) {
                check_error(&error);
            }
        }
    }
}

/// The domain of the node.
const DOMAIN: &str = "s3.example.test";

/// The head in these bytes; `None` where HTTP has none.
pub(super) fn read(wire: &[u8]) -> Option<Result<Head, S3Error>> {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut fields);
    request.parse(wire).ok().filter(httparse::Status::is_complete)?;
    let uri: http::Uri = request.path?.parse().ok()?;
    let mut headers = Headers::new();
    for field in request.headers.iter() {
        headers.insert(field.name, field.value);
    }
    let method = Method::parse(request.method?);
    Some(Head::new(method, uri.path(), uri.query(), headers, &[DOMAIN.into()]))
}

/// What was read, written as a client writes it, reads the same.
fn check_round_trip(head: &Head) {
    let (bucket, key) = (head.target.bucket(), head.target.key());
    let path = format!(
        "/{}{}",
        bucket.map_or("", |bucket| bucket.as_str()),
        key.map_or(String::new(), |key| format!("/{}", percent::encode_path(key.as_str())))
    );
    let pairs = head.query.pairs().iter();
    let pairs =
        pairs.map(|(name, value)| format!("{}={}", percent::encode(name), percent::encode(value)));
    let query = pairs.collect::<Vec<_>>().join("&");
    let again = Head::new(head.method.clone(), &path, Some(&query), Headers::new(), &[])
        .expect("it was good before");
    assert_eq!(again.target, head.target, "{path}");
    assert_eq!(again.query.pairs(), head.query.pairs(), "{query}");
    // Lines of one name are one header, and stay one.
    let lines = head.headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec()));
    let again = Head::new(head.method.clone(), "/", None, lines.collect(), &[])
        .expect("it was good before");
    assert_eq!(again.headers, head.headers);
}

/// Everything that is done with a head before something is looked up.
fn go_on(mut head: Head) -> Result<(), S3Error> {
    if let Err(error) = sign::authenticate(&head, REGION, &credential(), NOW) {
        check_error(&error);
    }
    sign::unhoist(&mut head)?;
    let _any = Query::refuse_ambiguous(&head.query).map_err(|error| check_error(&error));
    for (name, value) in ObjectMetadata::parse(&head)?.answer_headers() {
        check_header(&name, &value);
    }
    let _read =
        (ReadConditions::parse(&head), CopyConditions::parse(&head), RangeCondition::parse(&head));
    for (name, value) in preflight::actual(&rules(), &head) {
        check_header(&name, &value);
    }
    let operation = route(&head)?;
    unbuilt::refuse(&head, operation)?;
    common::Common::parse(&head, operation)?;
    parse(&head, operation)
}

/// Reads the head as the operation does, each with its own input.
#[expect(clippy::too_many_lines, reason = "each operation has its line, so that none is forgotten")]
fn parse(head: &Head, operation: Operation) -> Result<(), S3Error> {
    use Operation as O;
    match operation {
        O::ListBuckets => list_buckets::ListBucketsInput::parse(head).map(drop),
        O::CreateBucket => create_bucket::CreateBucketInput::parse(head, &account()).map(drop),
        O::HeadBucket => head_bucket::HeadBucketInput::parse(head).map(drop),
        O::GetBucketLocation => get_bucket_location::GetBucketLocationInput::parse(head).map(drop),
        O::DeleteBucket => delete_bucket::DeleteBucketInput::parse(head).map(drop),
        O::ListObjects => list_objects::v1::ListObjectsInput::parse(head).map(drop),
        O::ListObjectsV2 => list_objects::v2::ListObjectsV2Input::parse(head).map(drop),
        O::ListObjectVersions => list_versions::ListVersionsInput::parse(head).map(drop),
        O::ListMultipartUploads => list_uploads::ListUploadsInput::parse(head).map(drop),
        O::PutObject => put_object::PutObjectInput::parse(head).map(drop),
        O::PreflightRequest => check_preflight(head),
        O::PostObject => post_object::PostHead::parse(head).map(drop),
        O::CopyObject => copy_object::CopyObjectInput::parse(head).map(drop),
        O::GetObject => get_object::GetObjectInput::parse(head).map(drop),
        O::HeadObject => head_object::HeadObjectInput::parse(head).map(drop),
        O::GetObjectAttributes => {
            get_object_attributes::GetObjectAttributesInput::parse(head).map(drop)
        }
        O::DeleteObject => delete_object::DeleteObjectInput::parse(head).map(drop),
        O::DeleteObjects => delete_objects::DeleteObjectsInput::parse(head).map(drop),
        O::PutObjectTagging | O::GetObjectTagging | O::DeleteObjectTagging => {
            object_tagging::ObjectTaggingInput::parse(head, operation).map(drop)
        }
        O::GetObjectRetention | O::PutObjectRetention => {
            object_retention::ObjectRetentionInput::parse(head, operation).map(drop)
        }
        O::GetObjectLegalHold | O::PutObjectLegalHold => {
            object_legal_hold::ObjectLegalHoldInput::parse(head, operation).map(drop)
        }
        O::GetBucketAcl | O::PutBucketAcl | O::GetObjectAcl | O::PutObjectAcl => {
            acl::AclInput::parse(head, operation, &account()).map(drop)
        }
        O::CreateMultipartUpload => create_upload::CreateUploadInput::parse(head).map(drop),
        O::UploadPart => upload_part::UploadPartInput::parse(head).map(drop),
        O::UploadPartCopy => upload_part_copy::UploadPartCopyInput::parse(head).map(drop),
        O::CompleteMultipartUpload => complete_upload::CompleteUploadInput::parse(head).map(drop),
        O::AbortMultipartUpload => abort_upload::AbortUploadInput::parse(head).map(drop),
        O::ListParts => list_parts::ListPartsInput::parse(head).map(drop),
        O::GetBucketVersioning | O::PutBucketVersioning => {
            bucket_versioning::BucketVersioningInput::parse(head, operation).map(drop)
        }
        O::GetBucketLifecycleConfiguration
        | O::PutBucketLifecycleConfiguration
        | O::DeleteBucketLifecycle => {
            bucket_lifecycle::BucketLifecycleInput::parse(head, operation).map(drop)
        }
        O::GetBucketCors
        | O::PutBucketCors
        | O::DeleteBucketCors
        | O::GetBucketTagging
        | O::PutBucketTagging
        | O::DeleteBucketTagging
        | O::GetBucketOwnershipControls
        | O::PutBucketOwnershipControls
        | O::DeleteBucketOwnershipControls
        | O::GetPublicAccessBlock
        | O::PutPublicAccessBlock
        | O::DeletePublicAccessBlock
        | O::GetObjectLockConfiguration
        | O::PutObjectLockConfiguration
        | O::PutBucketRequestPayment
        | O::DeleteBucketPolicy
        | O::DeleteBucketEncryption
        | O::DeleteBucketWebsite
        | O::DeleteBucketReplication
        | O::DeleteBucketAnalyticsConfiguration
        | O::DeleteBucketInventoryConfiguration
        | O::DeleteBucketMetricsConfiguration
        | O::DeleteBucketIntelligentTieringConfiguration
        | O::DeleteBucketMetadataConfiguration
        | O::DeleteBucketMetadataTableConfiguration => {
            configuration::ConfigurationInput::parse(head, operation).map(drop)
        }
        O::GetBucketRequestPayment
        | O::GetBucketPolicy
        | O::GetBucketPolicyStatus
        | O::GetBucketEncryption
        | O::GetBucketNotificationConfiguration
        | O::GetBucketLogging
        | O::GetBucketAccelerateConfiguration
        | O::GetBucketWebsite
        | O::GetBucketReplication
        | O::GetBucketAbac
        | O::GetBucketAnalyticsConfiguration
        | O::GetBucketInventoryConfiguration
        | O::GetBucketMetricsConfiguration
        | O::GetBucketIntelligentTieringConfiguration
        | O::GetBucketMetadataConfiguration
        | O::GetBucketMetadataTableConfiguration => never_there(head, operation),
    }
}

/// Rules that allow pages of any origin to read and write.
fn rules() -> Cors {
    const RULES: &[u8] = b"<CORSConfiguration><CORSRule><AllowedOrigin>http://*</AllowedOrigin>\
        <AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>\
        <AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader></CORSRule></CORSConfiguration>";
    Cors::parse(RULES).expect("good rules")
}

fn check_preflight(head: &Head) -> Result<(), S3Error> {
    let input = preflight::PreflightInput::parse(head)?;
    assert!(input.answer(None, head).is_err(), "without rules nothing is allowed");
    for (name, value) in &input.answer(Some(&rules()), head)?.headers {
        check_header(name, value);
    }
    Ok(())
}

/// Of a configuration that no bucket has: every GET has its answer.
fn never_there(head: &Head, operation: Operation) -> Result<(), S3Error> {
    configuration::ConfigurationInput::parse(head, operation)?;
    let bucket = head.target.bucket().expect("it is a bucket's");
    let answer = absent::get(operation, head, bucket)?;
    assert!(str::from_utf8(&answer.body).is_ok_and(|body| body.starts_with("<?xml")));
    Ok(())
}
