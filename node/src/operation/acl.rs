//! Room: GetBucketAcl, PutBucketAcl, GetObjectAcl, PutObjectAcl, and the lists that writes ask for. Nothing is stored: a list
//! that is accepted says what is so anyway.

use meta::record::BucketRecord;
use protocol::acl::{Acl, AclOf};
use protocol::error::S3Error;
use protocol::limits::XML_BODY_MAX;
use protocol::name::VersionId;
use protocol::operation::acl::{self, AclInput};
use protocol::operation::version::Asked;
use protocol::ownership::ObjectOwnership;
use protocol::request::Head;
use protocol::route::Operation;

use super::{Call, Outcome, failure, ingest, subject};
use crate::machine::Machine;

/// Whether an object that is written to this bucket may have the list that the headers ask for.
pub(super) async fn check_headers(
    machine: &Machine,
    head: &Head,
    bucket: &BucketRecord,
) -> Result<(), S3Error> {
    match Acl::of_headers(head, AclOf::Object, &machine.settings.account)? {
        None => Ok(()),
        Some(asked) => check(machine, bucket, asked).await,
    }
}

/// Whether something in this bucket may have this list.
pub(super) async fn check(
    machine: &Machine,
    bucket: &BucketRecord,
    asked: Acl,
) -> Result<(), S3Error> {
    if asked == Acl::Owner {
        return Ok(());
    }
    let ownership = machine.configs.ownership(bucket).await.map_err(failure::catalog)?;
    // S3: a bucket without the setting has lists.
    let ownership = ownership.map_or(ObjectOwnership::ObjectWriter, |ownership| *ownership);
    let blocked = machine.configs.public_access(bucket).await.map_err(failure::catalog)?;
    asked.check(ownership, blocked.is_some_and(|blocked| blocked.block_public_acls))
}

pub(super) async fn get_of_bucket(call: Call<'_>) -> Result<Outcome, S3Error> {
    of_bucket(&call, Operation::GetBucketAcl).await?;
    Ok(acl::get_answer(&call.machine.settings.account).into())
}

pub(super) async fn put_of_bucket(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let (input, bucket) = of_bucket(&call, Operation::PutBucketAcl).await?;
    put(&mut call, &input, &bucket).await?;
    Ok(acl::put_answer().into())
}

pub(super) async fn get_of_object(call: Call<'_>) -> Result<Outcome, S3Error> {
    let (_, _, version) = of_object(&call, Operation::GetObjectAcl).await?;
    Ok(acl::get_answer(&call.machine.settings.account).with_version(version).into())
}

pub(super) async fn put_of_object(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let (input, bucket, version) = of_object(&call, Operation::PutObjectAcl).await?;
    put(&mut call, &input, &bucket).await?;
    Ok(acl::put_answer().with_version(version).into())
}

async fn put(call: &mut Call<'_>, input: &AclInput, bucket: &BucketRecord) -> Result<(), S3Error> {
    let sent = ingest::document(call, acl::INTEGRITY, XML_BODY_MAX).await?;
    let wanted = input.wanted(&sent.bytes, &call.machine.settings.account)?;
    check(call.machine, bucket, wanted).await
}

async fn of_bucket(
    call: &Call<'_>,
    operation: Operation,
) -> Result<(AclInput, BucketRecord), S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = AclInput::parse(call.head, operation, &call.machine.settings.account)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    Ok((input, bucket))
}

/// The object must be there; tells which version it is, if the bucket has versions.
async fn of_object(
    call: &Call<'_>,
    operation: Operation,
) -> Result<(AclInput, BucketRecord, Option<VersionId>), S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = AclInput::parse(call.head, operation, &call.machine.settings.account)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let asked = Asked::new(key, input.version, bucket.versioning)?;
    let named = subject::named(call.machine, bucket.id, &asked).await?;
    let object = named.to_tag(&asked, &call.head.method)?;
    let version = asked.versioning().tells(object.version());
    Ok((input, bucket, version))
}
