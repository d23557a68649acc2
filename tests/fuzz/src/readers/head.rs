//! Room: the head of a request, from its bytes to the input of the operation that it asks for.
//!
//! Promises: nothing panics; a refusal is the client's mistake, says nothing secret, and can be read; what was read,
//! written again, reads the same; no header of an answer ends early.

use protocol::error::S3Error;
use protocol::metadata::ObjectMetadata;
use protocol::name::AccountId;
use protocol::operation::{
    abort_upload, bucket_lifecycle, bucket_versioning, common, complete_upload, copy_object,
    create_bucket, create_upload, delete_bucket, delete_object, delete_objects,
    get_bucket_location, get_object, get_object_attributes, head_bucket, head_object, list_buckets,
    list_objects, list_parts, list_uploads, list_versions, object_tagging, put_object, unbuilt,
    upload_part, upload_part_copy,
};
use protocol::percent;
use protocol::precondition::{CopyConditions, RangeCondition, ReadConditions};
use protocol::request::{Head, Headers, Method, Query};
use protocol::route::{Operation, route};
use protocol::sign;

use super::{NOW, REGION, check_error, check_header, credential};

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
    let operation = route(&head)?;
    unbuilt::refuse(&head, operation)?;
    common::Common::parse(&head, operation)?;
    parse(&head, operation)
}

fn parse(head: &Head, operation: Operation) -> Result<(), S3Error> {
    match operation {
        Operation::ListBuckets => list_buckets::ListBucketsInput::parse(head).map(drop),
        Operation::CreateBucket => {
            let account = AccountId::parse("000000000000").expect("an account");
            create_bucket::CreateBucketInput::parse(head, &account).map(drop)
        }
        Operation::HeadBucket => head_bucket::HeadBucketInput::parse(head).map(drop),
        Operation::GetBucketLocation => {
            get_bucket_location::GetBucketLocationInput::parse(head).map(drop)
        }
        Operation::DeleteBucket => delete_bucket::DeleteBucketInput::parse(head).map(drop),
        Operation::GetBucketVersioning | Operation::PutBucketVersioning => {
            bucket_versioning::BucketVersioningInput::parse(head, operation).map(drop)
        }
        Operation::GetBucketLifecycleConfiguration
        | Operation::PutBucketLifecycleConfiguration
        | Operation::DeleteBucketLifecycle => {
            bucket_lifecycle::BucketLifecycleInput::parse(head, operation).map(drop)
        }
        Operation::ListObjects => list_objects::v1::ListObjectsInput::parse(head).map(drop),
        Operation::ListObjectsV2 => list_objects::v2::ListObjectsV2Input::parse(head).map(drop),
        Operation::ListObjectVersions => list_versions::ListVersionsInput::parse(head).map(drop),
        Operation::ListMultipartUploads => list_uploads::ListUploadsInput::parse(head).map(drop),
        Operation::PutObject => put_object::PutObjectInput::parse(head).map(drop),
        Operation::CopyObject => copy_object::CopyObjectInput::parse(head).map(drop),
        Operation::GetObject => get_object::GetObjectInput::parse(head).map(drop),
        Operation::HeadObject => head_object::HeadObjectInput::parse(head).map(drop),
        Operation::GetObjectAttributes => {
            get_object_attributes::GetObjectAttributesInput::parse(head).map(drop)
        }
        Operation::DeleteObject => delete_object::DeleteObjectInput::parse(head).map(drop),
        Operation::DeleteObjects => delete_objects::DeleteObjectsInput::parse(head).map(drop),
        Operation::PutObjectTagging
        | Operation::GetObjectTagging
        | Operation::DeleteObjectTagging => {
            object_tagging::ObjectTaggingInput::parse(head, operation).map(drop)
        }
        Operation::CreateMultipartUpload => create_upload::CreateUploadInput::parse(head).map(drop),
        Operation::UploadPart => upload_part::UploadPartInput::parse(head).map(drop),
        Operation::UploadPartCopy => upload_part_copy::UploadPartCopyInput::parse(head).map(drop),
        Operation::CompleteMultipartUpload => {
            complete_upload::CompleteUploadInput::parse(head).map(drop)
        }
        Operation::AbortMultipartUpload => abort_upload::AbortUploadInput::parse(head).map(drop),
        Operation::ListParts => list_parts::ListPartsInput::parse(head).map(drop),
        // Those whose input is a document, and those that have no input.
        _ => Ok(()),
    }
}
