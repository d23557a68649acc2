//! Room: GetObjectLockConfiguration and PutObjectLockConfiguration. Durable step: one command. Versions that are there keep the
//! lock that they have.

use meta::record::ConfigKind;
use protocol::answer::Answer;
use protocol::error::S3Error;
use protocol::limits::XML_BODY_MAX;
use protocol::lock::LockConfiguration;
use protocol::operation::configuration::{self, ConfigurationInput};
use protocol::route::Operation;

use super::configuration::{receive, set};
use super::{Call, Outcome, object_lock, subject};

pub(super) async fn get(call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = ConfigurationInput::parse(call.head, Operation::GetObjectLockConfiguration)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let found = object_lock::of_bucket(call.machine, &bucket).await?;
    let configuration = found.ok_or_else(|| S3Error::no_lock_configuration(name))?;
    Ok(Answer::xml(configuration.document()).into())
}

pub(super) async fn put(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    // The token that S3 once wanted for buckets that exist already says nothing any more.
    let input = ConfigurationInput::parse(call.head, Operation::PutObjectLockConfiguration)?;
    subject::bucket(call.machine, name, &input.common).await?;
    let rewritten = |sent: &[u8]| Ok(Some(LockConfiguration::parse(sent)?.document().into_text()));
    let document = receive(&mut call, rewritten, XML_BODY_MAX).await?;
    set(call.machine, name, ConfigKind::ObjectLock, document).await?;
    Ok(configuration::put().into())
}
