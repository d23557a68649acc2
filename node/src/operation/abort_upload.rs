//! Room: AbortMultipartUpload. Durable step: one command; from its commit on no part of the upload can be seen, and
//! a part that is still being written is refused and cleans up after itself.

use meta::command::{AbortUpload, Refusal};
use protocol::error::{ErrorCode, S3Error};
use protocol::operation::abort_upload::{self, AbortUploadInput};

use super::{Call, Outcome, failure, subject};
use crate::catalog::CatalogError;

pub(super) async fn abort(call: Call<'_>) -> Result<Outcome, S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = AbortUploadInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let found = subject::upload(call.machine, &bucket, key, &input.upload_id).await;
    let found = match found {
        Ok(found) => Some(found),
        Err(error) if error.code == ErrorCode::NoSuchUpload => None,
        Err(error) => return Err(error),
    };
    let begun = found.as_ref().map(|(_, upload)| upload.initiated);
    let there = input.check(begun, call.machine.clock.now())?;
    let Some((upload_id, _)) = found.filter(|_| there) else {
        return Ok(abort_upload::answer().into());
    };
    let command = AbortUpload { bucket: bucket.id, key: key.clone(), upload_id };
    match call.machine.catalog.commit(command.into()).await {
        Ok(_) => Ok(abort_upload::answer().into()),
        Err(CatalogError::Refused(Refusal::NoSuchUpload)) => {
            // Somebody else was faster.
            input.check(None, call.machine.clock.now())?;
            Ok(abort_upload::answer().into())
        }
        Err(other) => Err(failure::catalog(other)),
    }
}
