//! Room: PutObjectTagging, GetObjectTagging, DeleteObjectTagging. Durable step: one command.

use meta::command::{Command, DeleteTags, PutTags, Refusal, Reply};
use meta::id::BucketId;
use protocol::error::S3Error;
use protocol::limits::XML_BODY_MAX;
use protocol::name::VersionId;
use protocol::operation::object_tagging::{self, ObjectTaggingInput};
use protocol::operation::version::{self, Asked};
use protocol::route::Operation;

use super::{Call, Outcome, failure, ingest, subject};
use crate::catalog::CatalogError;

pub(super) async fn put(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let (bucket, asked) = target(&call, Operation::PutObjectTagging).await?;
    ingest::admit(call.machine, 0)?;
    let document = ingest::document(&mut call, object_tagging::INTEGRITY, XML_BODY_MAX).await?;
    let tags = object_tagging::parse_body(&document.bytes)?;
    let (key, version) = (asked.key().clone(), asked.version());
    let command = PutTags { bucket, key, version, expected: None, tags };
    let version = commit(&call, &asked, command.into()).await?;
    Ok(object_tagging::put_answer().with_version(version).into())
}

pub(super) async fn get(call: Call<'_>) -> Result<Outcome, S3Error> {
    let (bucket, asked) = target(&call, Operation::GetObjectTagging).await?;
    let named = subject::named(call.machine, bucket, &asked).await?;
    let object = named.to_tag(&asked, &call.head.method)?;
    let version = asked.versioning().tells(object.version());
    Ok(object_tagging::get_answer(&object.tags).with_version(version).into())
}

pub(super) async fn delete(call: Call<'_>) -> Result<Outcome, S3Error> {
    let (bucket, asked) = target(&call, Operation::DeleteObjectTagging).await?;
    let (key, version) = (asked.key().clone(), asked.version());
    let command = DeleteTags { bucket, key, version, expected: None };
    let version = commit(&call, &asked, command.into()).await?;
    Ok(object_tagging::delete_answer().with_version(version).into())
}

async fn target<'a>(
    call: &Call<'a>,
    operation: Operation,
) -> Result<(BucketId, Asked<'a>), S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = ObjectTaggingInput::parse(call.head, operation)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    Ok((bucket.id, Asked::new(key, input.version, bucket.versioning)?))
}

/// Says whose tags were changed, if the bucket has versions.
async fn commit(
    call: &Call<'_>,
    asked: &Asked<'_>,
    command: Command,
) -> Result<Option<VersionId>, S3Error> {
    match call.machine.catalog.commit(command).await {
        Ok(Reply::TagsPut { version }) => Ok(version),
        Ok(_) => Err(S3Error::internal()),
        Err(CatalogError::Refused(Refusal::NoSuchKey | Refusal::NoSuchVersion)) => {
            Err(asked.unknown())
        }
        Err(CatalogError::Refused(Refusal::DeleteMarker { version })) => {
            Err(version::marker_refused(&call.head.method, version))
        }
        Err(other) => Err(failure::catalog(other)),
    }
}
