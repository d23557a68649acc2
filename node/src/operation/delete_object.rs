//! Room: DeleteObject. Durable step: one command, which takes the name away and leaves garbage for the collector.

use meta::command::{self, DeleteCond, DeleteObject, Refusal, Reply};
use protocol::error::S3Error;
use protocol::name::ObjectKey;
use protocol::operation::delete_condition::DeleteCondition;
use protocol::operation::delete_object::{self, DeleteObjectInput, Deleted};
use protocol::operation::version::Asked;

use super::{Call, Outcome, failure, subject};
use crate::catalog::CatalogError;

pub(super) async fn delete(call: Call<'_>) -> Result<Outcome, S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = DeleteObjectInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let asked = Asked::new(key, input.version, bucket.versioning)?;
    let command = DeleteObject {
        bucket: bucket.id,
        key: key.clone(),
        version: asked.version(),
        condition: condition(&input.condition),
        bypass: input.bypass,
        modified: call.machine.clock.now().truncated_to_second(),
    };
    // S3: deleting what is not there succeeds.
    match call.machine.catalog.commit(command.into()).await {
        Ok(Reply::ObjectDeleted(done)) => Ok(delete_object::answer(deleted(done)).into()),
        Ok(_) => Err(S3Error::internal()),
        Err(CatalogError::Refused(refusal)) => Err(refused(refusal, key)),
        Err(other) => Err(failure::catalog(other)),
    }
}

/// What a delete has done, as answers tell it.
pub(super) fn deleted(done: command::Deleted) -> Deleted {
    match done {
        command::Deleted::Key { .. } => Deleted::Key,
        command::Deleted::Marked { version } => Deleted::Marked(version),
        command::Deleted::Version { version: id, marker, .. } => Deleted::Version { id, marker },
    }
}

/// The condition as the commit round evaluates it.
pub(super) fn condition(asked: &DeleteCondition) -> DeleteCond {
    match asked {
        DeleteCondition::None => DeleteCond::None,
        DeleteCondition::IfMatchAny => DeleteCond::Exists,
        DeleteCondition::IfMatch(etag) => DeleteCond::Matches(etag.clone()),
    }
}

/// What S3 answers when the object was not deleted because of its condition.
pub(super) fn refused(refusal: Refusal, key: &ObjectKey) -> S3Error {
    match refusal {
        Refusal::ConditionFailed => S3Error::precondition_failed("If-Match"),
        Refusal::NoSuchKey => S3Error::no_such_key(key),
        Refusal::Locked => S3Error::locked(),
        other => failure::catalog(CatalogError::Refused(other)),
    }
}
