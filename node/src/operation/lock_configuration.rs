//! Room: GetObjectLockConfiguration and PutObjectLockConfiguration. Durable step: one command. Versions that are there keep the
//! lock that they have.

use meta::command::{Refusal, SetConfig};
use meta::record::ConfigKind;
use protocol::answer::Answer;
use protocol::error::S3Error;
use protocol::limits::XML_BODY_MAX;
use protocol::lock::LockConfiguration;
use protocol::operation::lock_configuration::{self, LockConfigurationInput};
use protocol::route::Operation;

use super::{Call, Outcome, failure, ingest, object_lock, subject};
use crate::catalog::CatalogError;

pub(super) async fn get(call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = LockConfigurationInput::parse(call.head, Operation::GetObjectLockConfiguration)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let found = object_lock::of_bucket(call.machine, &bucket).await?;
    let configuration = found.ok_or_else(|| S3Error::no_lock_configuration(name))?;
    Ok(Answer::xml(configuration.document()).into())
}

pub(super) async fn put(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = LockConfigurationInput::parse(call.head, Operation::PutObjectLockConfiguration)?;
    subject::bucket(call.machine, name, &input.common).await?;
    ingest::admit(call.machine, 0)?;
    let document = ingest::document(&mut call, lock_configuration::INTEGRITY, XML_BODY_MAX).await?;
    let configuration = LockConfiguration::parse(&document.bytes)?;
    let command = SetConfig {
        name: name.clone(),
        kind: ConfigKind::ObjectLock,
        document: Some(configuration.document().into_text()),
    };
    match call.machine.catalog.commit(command.into()).await {
        Ok(_) => Ok(lock_configuration::put_answer().into()),
        Err(CatalogError::Refused(Refusal::NoSuchBucket)) => Err(S3Error::no_such_bucket(name)),
        Err(CatalogError::Refused(Refusal::VersioningNeeded)) => {
            Err(S3Error::lock_needs_versioning())
        }
        Err(other) => Err(failure::catalog(other)),
    }
}
