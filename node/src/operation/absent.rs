//! Room: configurations that no bucket has, and who pays: GETs that are answered as S3 answers them where nothing was ever
//! put, and DELETEs of nothing. Nothing is stored.

use protocol::error::S3Error;
use protocol::limits::XML_BODY_MAX;
use protocol::operation::configuration::{self, ConfigurationInput};
use protocol::operation::{absent, request_payment};
use protocol::route::Operation;

use super::{Call, Outcome, ingest, subject};

pub(super) async fn get(call: Call<'_>, operation: Operation) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = ConfigurationInput::parse(call.head, operation)?;
    subject::bucket(call.machine, name, &input.common).await?;
    Ok(absent::get(operation, call.head, name)?.into())
}

pub(super) async fn delete(call: Call<'_>, operation: Operation) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = ConfigurationInput::parse(call.head, operation)?;
    subject::bucket(call.machine, name, &input.common).await?;
    Ok(configuration::done().into())
}

/// S3: PutBucketRequestPayment. The owner pays, which may be said again.
pub(super) async fn put_payer(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = ConfigurationInput::parse(call.head, Operation::PutBucketRequestPayment)?;
    subject::bucket(call.machine, name, &input.common).await?;
    let sent = ingest::document(&mut call, configuration::INTEGRITY, XML_BODY_MAX).await?;
    request_payment::parse_body(&sent.bytes)?;
    Ok(configuration::put().into())
}
