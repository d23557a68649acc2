//! Room: DeleteObject. Durable step: one command, which takes the name away and leaves garbage for the collector.

use meta::command::DeleteObject;
use protocol::error::S3Error;
use protocol::operation::delete_object::{self, DeleteObjectInput};

use super::{Call, Outcome, failure, subject};

pub(super) async fn delete(call: Call<'_>) -> Result<Outcome, S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = DeleteObjectInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let command = DeleteObject { bucket: bucket.id, key: key.clone() };
    // S3: deleting what is not there succeeds.
    call.machine.catalog.commit(command.into()).await.map_err(failure::catalog)?;
    Ok(delete_object::answer().into())
}
