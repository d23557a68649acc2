//! Room: PutObject.
//!
//! Durable steps: the blob file (if any) and its folder are synced; one command names the object and lets go of
//! what it replaces. A crash in between leaves an unnamed file for the sweep, and the old object in place.

use std::rc::Rc;

use meta::command::{NewContent, NewObject, PutObject, Refusal, Reply, WriteCond};
use meta::id::BucketId;
use meta::query;
use meta::record::BucketRecord;
use protocol::answer::Answer;
use protocol::body::Intake;
use protocol::checksum::{Checksum, ChecksumAlgorithm};
use protocol::error::S3Error;
use protocol::etag::ETag;
use protocol::limits::PUT_LEN_MAX;
use protocol::name::{ObjectKey, VersionId};
use protocol::operation::put_object::{self, PutObjectInput};
use protocol::operation::write_condition::WriteCondition;

use super::ingest::Received;
use super::{Call, Outcome, acl, bucket_lifecycle, failure, ingest, object_lock, subject};
use crate::catalog::CatalogError;
use crate::machine::{Machine, PublishError};

pub(super) async fn put(call: Call<'_>) -> Result<Outcome, S3Error> {
    let Call { machine, head, auth, body, .. } = call;
    let (bucket_name, key) = subject::object_name(head)?;
    let input = PutObjectInput::parse(head)?;
    // S3: without a checksum from the client, CRC64NVME is stored and answered. It falls out of the fingerprint.
    let intake = Intake::new(head, auth, None, PUT_LEN_MAX)?;
    let bucket = subject::bucket(machine, bucket_name, &input.common).await?;
    acl::check_headers(machine, head, &bucket).await?;
    object_lock::check_bytes(machine, &bucket, &input.lock, intake.is_proven()).await?;
    check_condition(machine, bucket.id, key, &input.condition).await?;

    let received = ingest::store(machine, body, intake).await?;
    Ok(write(machine, &bucket, key, (input, received)).await?.into())
}

/// Names what has been received as the object of this key, as the head of its request wants it.
pub(super) async fn write(
    machine: &Rc<Machine>,
    bucket: &BucketRecord,
    key: &ObjectKey,
    (input, received): (PutObjectInput, Received),
) -> Result<Answer, S3Error> {
    let rules = bucket_lifecycle::rules(machine, bucket).await?;
    let computed = || received.fingerprint.checksum(ChecksumAlgorithm::Crc64Nvme);
    let value = received.digests.checksum.or_else(computed).ok_or_else(S3Error::internal)?;
    let (checksum, etag) = (Checksum::full_object(value), ETag::from_md5(&received.md5));
    let (len, modified) = (received.digests.len, machine.clock.now().truncated_to_second());
    let answer = put_object::answer(&etag, Some(&checksum));
    let answer = rules.tell(answer, key, (len, modified, &input.tags));
    let lock = object_lock::of_new(machine, bucket, input.lock, modified).await?;
    let command = PutObject {
        bucket: bucket.id,
        key: key.clone(),
        condition: condition(&input.condition),
        object: NewObject {
            modified,
            len,
            etag,
            md5: Some(received.md5),
            fingerprint: received.fingerprint,
            checksum: Some(checksum),
            metadata: input.metadata,
            tags: input.tags,
            storage_class: input.storage_class,
            lock,
        },
        content: NewContent::Pieces { pieces: received.pieces, blobs: received.blobs },
    };
    match machine.publish(received.files, command.into()).await {
        Ok(reply) => Ok(answer.with_version(version(&reply))),
        Err(error) => Err(unpublished(error, &input.condition, key)),
    }
}

/// Which version was written, if the bucket has versions.
pub(super) fn version(reply: &Reply) -> Option<VersionId> {
    if let Reply::ObjectPut { version, .. } = reply { *version } else { None }
}

/// Whether the condition holds now. The round decides; but whoever has lost already need not send a body, or have
/// one copied.
pub(super) async fn check_condition(
    machine: &Machine,
    bucket: BucketId,
    key: &ObjectKey,
    condition: &WriteCondition,
) -> Result<(), S3Error> {
    if *condition == WriteCondition::None {
        return Ok(());
    }
    let wanted = key.clone();
    let now = machine.catalog.look(move |store| query::object(store, bucket, &wanted)).await;
    let now = now.map_err(failure::catalog)?.map(|object| object.etag);
    condition.check(key, now.as_ref())
}

/// Why an object was not put.
pub(super) fn unpublished(error: PublishError, asked: &WriteCondition, key: &ObjectKey) -> S3Error {
    match error {
        PublishError::Catalog(CatalogError::Refused(refusal)) => refused(refusal, asked, key),
        other => failure::publish(other),
    }
}

/// The condition as the commit round evaluates it.
pub(super) fn condition(asked: &WriteCondition) -> WriteCond {
    match asked {
        WriteCondition::None => WriteCond::None,
        WriteCondition::IfNoneMatchAny => WriteCond::Absent,
        WriteCondition::IfMatch(etag) => WriteCond::Matches(etag.clone()),
    }
}

/// What S3 answers when the object was not written because of its condition.
pub(super) fn refused(refusal: Refusal, asked: &WriteCondition, key: &ObjectKey) -> S3Error {
    let header = match asked {
        WriteCondition::IfMatch(_) => "If-Match",
        WriteCondition::None | WriteCondition::IfNoneMatchAny => "If-None-Match",
    };
    match refusal {
        Refusal::ConditionFailed => S3Error::precondition_failed(header),
        Refusal::Conflict => S3Error::conditional_request_conflict(header, key),
        Refusal::NoSuchKey => S3Error::no_such_key(key),
        other => failure::catalog(CatalogError::Refused(other)),
    }
}
