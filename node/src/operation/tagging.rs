//! Room: PutObjectTagging, GetObjectTagging, DeleteObjectTagging. Durable step: one command.

use meta::command::{Command, DeleteTags, PutTags, Refusal};
use meta::id::BucketId;
use protocol::error::S3Error;
use protocol::limits::XML_BODY_MAX;
use protocol::name::ObjectKey;
use protocol::operation::object_tagging::{self, ObjectTaggingInput};
use protocol::route::Operation;

use super::{Call, Outcome, failure, ingest, subject};
use crate::catalog::CatalogError;

pub(super) async fn put(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let (bucket, key) = target(&call, Operation::PutObjectTagging).await?;
    ingest::admit(call.machine, 0)?;
    let document = ingest::document(&mut call, object_tagging::INTEGRITY, XML_BODY_MAX).await?;
    let tags = object_tagging::parse_body(&document.bytes)?;
    let command = PutTags { bucket, key: key.clone(), version: None, expected: None, tags };
    commit(&call, key, command.into()).await?;
    Ok(object_tagging::put_answer().into())
}

pub(super) async fn get(call: Call<'_>) -> Result<Outcome, S3Error> {
    let (bucket, key) = target(&call, Operation::GetObjectTagging).await?;
    let record = subject::object(call.machine, bucket, key).await?;
    Ok(object_tagging::get_answer(&record.tags).into())
}

pub(super) async fn delete(call: Call<'_>) -> Result<Outcome, S3Error> {
    let (bucket, key) = target(&call, Operation::DeleteObjectTagging).await?;
    let command = DeleteTags { bucket, key: key.clone(), version: None, expected: None };
    commit(&call, key, command.into()).await?;
    Ok(object_tagging::delete_answer().into())
}

async fn target<'a>(
    call: &Call<'a>,
    operation: Operation,
) -> Result<(BucketId, &'a ObjectKey), S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = ObjectTaggingInput::parse(call.head, operation)?;
    Ok((subject::bucket(call.machine, name, &input.common).await?.id, key))
}

async fn commit(call: &Call<'_>, key: &ObjectKey, command: Command) -> Result<(), S3Error> {
    match call.machine.catalog.commit(command).await {
        Ok(_) => Ok(()),
        Err(CatalogError::Refused(Refusal::NoSuchKey)) => Err(S3Error::no_such_key(key)),
        Err(other) => Err(failure::catalog(other)),
    }
}
