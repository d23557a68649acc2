//! Room: DeleteObject. Durable step: one command, which takes the name away and leaves garbage for the collector.

use meta::command::{DeleteCond, DeleteObject, Refusal};
use protocol::error::S3Error;
use protocol::name::ObjectKey;
use protocol::operation::delete_condition::DeleteCondition;
use protocol::operation::delete_object::{self, DeleteObjectInput};

use super::{Call, Outcome, failure, subject};
use crate::catalog::CatalogError;

pub(super) async fn delete(call: Call<'_>) -> Result<Outcome, S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = DeleteObjectInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let condition = condition(&input.condition);
    let modified = call.machine.clock.now().truncated_to_second();
    let command =
        DeleteObject { bucket: bucket.id, key: key.clone(), version: None, condition, modified };
    // S3: deleting what is not there succeeds.
    match call.machine.catalog.commit(command.into()).await {
        Ok(_) => Ok(delete_object::answer().into()),
        Err(CatalogError::Refused(refusal)) => Err(refused(refusal, key)),
        Err(other) => Err(failure::catalog(other)),
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
        other => failure::catalog(CatalogError::Refused(other)),
    }
}
