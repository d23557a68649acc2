//! Room: GetBucketVersioning and PutBucketVersioning. Durable step: one command. What is in the bucket stays as it is; writes
//! and deletes of later commands go by the new state.

use meta::command::{Refusal, SetVersioning};
use protocol::error::S3Error;
use protocol::limits::XML_BODY_MAX;
use protocol::operation::bucket_versioning::{self, BucketVersioningInput};
use protocol::route::Operation;

use super::{Call, Outcome, failure, ingest, subject};
use crate::catalog::CatalogError;

pub(super) async fn get(call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = BucketVersioningInput::parse(call.head, Operation::GetBucketVersioning)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    Ok(bucket_versioning::get_answer(bucket.versioning).into())
}

pub(super) async fn put(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = BucketVersioningInput::parse(call.head, Operation::PutBucketVersioning)?;
    subject::bucket(call.machine, name, &input.common).await?;
    ingest::admit(call.machine, 0)?;
    let document = ingest::document(&mut call, bucket_versioning::INTEGRITY, XML_BODY_MAX).await?;
    let versioning = bucket_versioning::parse_body(&document.bytes)?;
    let command = SetVersioning { name: name.clone(), versioning };
    match call.machine.catalog.commit(command.into()).await {
        Ok(_) => Ok(bucket_versioning::put_answer().into()),
        Err(CatalogError::Refused(Refusal::NoSuchBucket)) => Err(S3Error::no_such_bucket(name)),
        Err(CatalogError::Refused(Refusal::ObjectLockNeedsVersioning)) => {
            Err(S3Error::lock_keeps_versioning())
        }
        Err(other) => Err(failure::catalog(other)),
    }
}
