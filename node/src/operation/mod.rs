//! Room: the S3 operations. One file per operation: its story, its durable steps, its refusals.
//!
//! A request's way: route and sign (`protocol`), parse and decide (`protocol`), then the steps of the operation on
//! the seams of [`Machine`]. Must not: name glommio, hyper or rocksdb, or block the shard.

mod abort_upload;
mod absent;
mod acl;
mod bucket;
mod bucket_lifecycle;
mod bucket_versioning;
mod complete_upload;
mod configuration;
mod copy_object;
mod cors;
mod create_upload;
mod delete_object;
mod delete_objects;
mod failure;
mod get_object;
mod get_object_attributes;
mod ingest;
mod list_objects;
mod list_parts;
mod list_uploads;
mod list_versions;
mod lock_configuration;
mod object_lock;
mod post_object;
mod put_object;
mod source;
mod subject;
mod tagging;
#[cfg(test)]
pub(crate) mod tests;
mod upload_part;
mod upload_part_copy;

use std::rc::Rc;

use bytes::Bytes;
use protocol::answer::Answer;
use protocol::error::S3Error;
use protocol::name::VersionId;
use protocol::operation::head_bucket;
use protocol::request::{AddressStyle, Head, Method, Target};
use protocol::route::{self, Operation};
use protocol::sign::{self, Authenticated};

use crate::exchange::{BodySource, Request, Response, ResponseBody, Trace};
use crate::machine::Machine;
use crate::seam::Local;

/// What an operation answers with: a complete answer, a stream behind its head, or what its last step makes.
enum Outcome {
    Answer(Answer),
    Stream {
        answer: Answer,
        body: ResponseBody,
    },
    /// Every check has been made, and what is left may take long. S3 may have answered 200 before it is over.
    Late {
        /// Headers of the answer that are known already.
        told: Vec<(String, String)>,
        rest: Local<'static, Done>,
    },
}

/// What an operation has come to at last.
struct Done {
    answer: Result<Answer, S3Error>,
    /// The ways of its copy.
    way: Option<String>,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// One authenticated request on its way through an operation.
struct Call<'a> {
    machine: &'a Rc<Machine>,
    head: &'a Head,
    auth: &'a Authenticated,
    body: &'a mut dyn BodySource,
}

/// Serves one request. Never fails: errors become S3 error documents.
///
/// Cancel: dropping the future abandons what is not yet durable and lets started commits end detached.
pub async fn serve(machine: &Rc<Machine>, request: Request) -> Response {
    let Request { mut head, id, mut body, .. } = request;
    let mut trace = Trace::default();
    let outcome = dispatch(machine, &mut head, &mut *body, &mut trace).await;
    let shared = cors::headers(machine, &head).await;
    let response = match outcome {
        Ok(Outcome::Answer(answer)) => respond(answer, None, trace),
        Ok(Outcome::Stream { answer, body }) => respond(answer, Some(body), trace),
        Ok(Outcome::Late { told, rest }) => late(told, rest, machine, id, trace),
        Err(error) => {
            let settings = &machine.settings;
            let error = if trace.operation == Some(Operation::HeadBucket.name()) {
                head_bucket::refusal(error, &settings.region)
            } else {
                error
            };
            refuse(head.method == Method::Head, &error, (&id, &settings.host_id), trace)
        }
    };
    cors::add(response, shared)
}

/// A 200 for whoever cannot wait, and the answer itself for later.
fn late(
    told: Vec<(String, String)>,
    rest: Local<'static, Done>,
    machine: &Rc<Machine>,
    id: String,
    trace: Trace,
) -> Response {
    let (settings, so_far) = (machine.settings.clone(), trace.clone());
    let mut headers = vec![("content-type".into(), "application/xml".into())];
    headers.extend(told.iter().cloned());
    let rest = async move {
        let Done { answer, way } = rest.await;
        let trace = Trace { way, ..trace };
        match answer {
            Ok(answer) => respond(answer.with_all(told), None, trace),
            Err(error) => refuse(false, &error, (&id, &settings.host_id), trace),
        }
    };
    Response { status: 200, headers, body: ResponseBody::Late(Box::pin(rest)), trace: so_far }
}

async fn dispatch(
    machine: &Rc<Machine>,
    head: &mut Head,
    body: &mut dyn BodySource,
    trace: &mut Trace,
) -> Result<Outcome, S3Error> {
    trace.virtual_host = head.style == AddressStyle::VirtualHost;
    match &head.target {
        Target::Service => {}
        Target::Bucket(bucket) => trace.bucket = Some(bucket.as_str().to_owned()),
        Target::Object(bucket, key) => {
            trace.bucket = Some(bucket.as_str().to_owned());
            trace.key = Some(key.as_str().to_owned());
        }
    }
    let version = head.query.get("versionId").and_then(VersionId::parse);
    trace.version = version.map(|id| id.to_string());
    let operation = route::route(head)?;
    trace.operation = Some(operation.name());
    match operation {
        Operation::PreflightRequest => return cors::preflight(machine, head).await,
        // It is signed in its body.
        Operation::PostObject => return post_object::post(machine, head, body, trace).await,
        _ => {}
    }
    let settings = &machine.settings;
    let auth = sign::authenticate(head, &settings.region, &machine.keys, machine.clock.now())?;
    trace.access_key = Some(auth.access_key.clone());
    if !matches!(operation, Operation::PutObject | Operation::UploadPart) {
        auth.refuse_streaming()?;
    }
    head.query.refuse_ambiguous()?;
    sign::unhoist(head)?;
    run(operation, Call { machine, head, auth: &auth, body }).await
}

#[expect(clippy::too_many_lines, reason = "a table: a line for each operation")]
async fn run(operation: Operation, call: Call<'_>) -> Result<Outcome, S3Error> {
    match operation {
        Operation::ListBuckets => bucket::list(call).await,
        Operation::CreateBucket => bucket::create(call).await,
        Operation::HeadBucket => bucket::head(call).await,
        Operation::GetBucketLocation => bucket::location(call).await,
        Operation::DeleteBucket => bucket::delete(call).await,
        Operation::GetBucketVersioning => bucket_versioning::get(call).await,
        Operation::PutBucketVersioning => bucket_versioning::put(call).await,
        Operation::GetBucketTagging
        | Operation::GetBucketCors
        | Operation::GetBucketOwnershipControls
        | Operation::GetPublicAccessBlock => configuration::get(call, operation).await,
        Operation::PutBucketTagging
        | Operation::PutBucketCors
        | Operation::PutBucketOwnershipControls
        | Operation::PutPublicAccessBlock => configuration::put(call, operation).await,
        Operation::DeleteBucketTagging
        | Operation::DeleteBucketCors
        | Operation::DeleteBucketOwnershipControls
        | Operation::DeletePublicAccessBlock => configuration::delete(call, operation).await,
        Operation::GetBucketAcl => acl::get_of_bucket(call).await,
        Operation::PutBucketAcl => acl::put_of_bucket(call).await,
        Operation::GetObjectAcl => acl::get_of_object(call).await,
        Operation::PutObjectAcl => acl::put_of_object(call).await,
        Operation::PutBucketRequestPayment => absent::put_payer(call).await,
        Operation::GetBucketPolicy
        | Operation::GetBucketPolicyStatus
        | Operation::GetBucketEncryption
        | Operation::GetBucketNotificationConfiguration
        | Operation::GetBucketLogging
        | Operation::GetBucketAccelerateConfiguration
        | Operation::GetBucketWebsite
        | Operation::GetBucketReplication
        | Operation::GetBucketAbac
        | Operation::GetBucketAnalyticsConfiguration
        | Operation::GetBucketInventoryConfiguration
        | Operation::GetBucketMetricsConfiguration
        | Operation::GetBucketIntelligentTieringConfiguration
        | Operation::GetBucketMetadataConfiguration
        | Operation::GetBucketMetadataTableConfiguration
        | Operation::GetBucketRequestPayment => absent::get(call, operation).await,
        Operation::DeleteBucketPolicy
        | Operation::DeleteBucketEncryption
        | Operation::DeleteBucketWebsite
        | Operation::DeleteBucketReplication
        | Operation::DeleteBucketAnalyticsConfiguration
        | Operation::DeleteBucketInventoryConfiguration
        | Operation::DeleteBucketMetricsConfiguration
        | Operation::DeleteBucketIntelligentTieringConfiguration
        | Operation::DeleteBucketMetadataConfiguration
        | Operation::DeleteBucketMetadataTableConfiguration => {
            absent::delete(call, operation).await
        }
        Operation::GetBucketLifecycleConfiguration => bucket_lifecycle::get(call).await,
        Operation::PutBucketLifecycleConfiguration => bucket_lifecycle::put(call).await,
        Operation::DeleteBucketLifecycle => bucket_lifecycle::delete(call).await,
        Operation::GetObjectLockConfiguration => lock_configuration::get(call).await,
        Operation::PutObjectLockConfiguration => lock_configuration::put(call).await,
        Operation::ListObjects => list_objects::list(call).await,
        Operation::ListObjectsV2 => list_objects::list_v2(call).await,
        Operation::ListObjectVersions => list_versions::list(call).await,
        Operation::ListMultipartUploads => list_uploads::list(call).await,
        Operation::PutObject => put_object::put(call).await,
        // Never comes here, since its signature is found elsewhere.
        Operation::PostObject | Operation::PreflightRequest => Err(S3Error::internal()),
        Operation::CopyObject => copy_object::copy(call).await,
        Operation::GetObject => get_object::get(call).await,
        Operation::HeadObject => get_object::head(call).await,
        Operation::GetObjectAttributes => get_object_attributes::get(call).await,
        Operation::DeleteObject => delete_object::delete(call).await,
        Operation::DeleteObjects => delete_objects::delete(call).await,
        Operation::PutObjectTagging => tagging::put(call).await,
        Operation::GetObjectTagging => tagging::get(call).await,
        Operation::DeleteObjectTagging => tagging::delete(call).await,
        Operation::GetObjectRetention => object_lock::get_retention(call).await,
        Operation::PutObjectRetention => object_lock::put_retention(call).await,
        Operation::GetObjectLegalHold => object_lock::get_legal_hold(call).await,
        Operation::PutObjectLegalHold => object_lock::put_legal_hold(call).await,
        Operation::CreateMultipartUpload => create_upload::create(call).await,
        Operation::UploadPart => upload_part::upload(call).await,
        Operation::UploadPartCopy => upload_part_copy::copy(call).await,
        Operation::CompleteMultipartUpload => complete_upload::complete(call).await,
        Operation::AbortMultipartUpload => abort_upload::abort(call).await,
        Operation::ListParts => list_parts::list(call).await,
    }
}

fn respond(answer: Answer, stream: Option<ResponseBody>, mut trace: Trace) -> Response {
    if let Some(id) = answer.header("x-amz-version-id") {
        trace.version = Some(id.to_owned());
    }
    let Answer { status, headers, body } = answer;
    let body = match stream {
        Some(stream) => stream,
        None if body.is_empty() => ResponseBody::Empty,
        None => ResponseBody::Bytes(Bytes::from(body)),
    };
    Response { status, headers, body, trace }
}

/// An error document; HEAD and statuses without a body carry none (S3: Error responses).
fn refuse(is_head: bool, error: &S3Error, (id, host): (&str, &str), mut trace: Trace) -> Response {
    trace.error = Some(error.code.as_str());
    let status = error.code.status();
    let mut headers: Vec<(String, String)> =
        error.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let body = if is_head || status == 304 {
        ResponseBody::Empty
    } else {
        headers.push(("content-type".into(), "application/xml".into()));
        ResponseBody::Bytes(Bytes::from(error.to_xml(id, host)))
    };
    Response { status, headers, body, trace }
}
