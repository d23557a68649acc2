//! Room: what a request is about: its bucket, key, upload, looked up in the order that S3 checks them.
//!
//! Source of the order: bucket existence, then the expected owner, then authorisation, then the state of the object.

use meta::id::BucketId;
use meta::query;
use meta::record::{BucketRecord, ObjectRecord, UploadRecord};
use protocol::error::S3Error;
use protocol::name::{BucketName, ObjectKey, UploadId};
use protocol::operation::common::Common;
use protocol::operation::version::{Asked, Marker, Named};
use protocol::request::{Head, Target};
use protocol::versioning::Versioning;

use super::failure;
use crate::machine::Machine;

/// The bucket that the request addresses.
pub(super) fn bucket_name(head: &Head) -> Result<&BucketName, S3Error> {
    match &head.target {
        Target::Bucket(bucket) | Target::Object(bucket, _) => Ok(bucket),
        Target::Service => Err(S3Error::internal()),
    }
}

/// The bucket and key that the request addresses.
pub(super) fn object_name(head: &Head) -> Result<(&BucketName, &ObjectKey), S3Error> {
    match &head.target {
        Target::Object(bucket, key) => Ok((bucket, key)),
        Target::Bucket(_) | Target::Service => Err(S3Error::internal()),
    }
}

/// The bucket's record, after its existence and the expected owner have been checked.
pub(super) async fn bucket(
    machine: &Machine,
    name: &BucketName,
    common: &Common,
) -> Result<BucketRecord, S3Error> {
    let record = bucket_unchecked(machine, name).await?;
    common.check(&machine.settings.account)?;
    Ok(record)
}

/// The same for the source bucket of a copy.
pub(super) async fn source_bucket(
    machine: &Machine,
    name: &BucketName,
    common: &Common,
) -> Result<BucketRecord, S3Error> {
    let record = bucket_unchecked(machine, name).await?;
    common.check_source(&machine.settings.account)?;
    Ok(record)
}

async fn bucket_unchecked(machine: &Machine, name: &BucketName) -> Result<BucketRecord, S3Error> {
    let wanted = name.clone();
    let found = machine.catalog.look(move |store| query::bucket(store, &wanted)).await;
    found.map_err(failure::catalog)?.ok_or_else(|| S3Error::no_such_bucket(name))
}

/// The open upload of exactly this bucket, key and id.
pub(super) async fn upload(
    machine: &Machine,
    bucket: &BucketRecord,
    key: &ObjectKey,
    id: &str,
) -> Result<(UploadId, UploadRecord), S3Error> {
    let unknown = || S3Error::no_such_upload(id);
    let upload_id = UploadId::parse(id).ok_or_else(unknown)?;
    let (bucket, key) = (bucket.id, key.clone());
    let found =
        machine.catalog.look(move |store| query::upload(store, bucket, &key, &upload_id)).await;
    let record = found.map_err(failure::catalog)?.ok_or_else(unknown)?;
    Ok((upload_id, record))
}

/// What the key, or the version of it that is asked for, names now.
pub(super) async fn named(
    machine: &Machine,
    bucket: BucketId,
    asked: &Asked<'_>,
) -> Result<Named<ObjectRecord>, S3Error> {
    let (key, version) = (asked.key().clone(), asked.version());
    // In a bucket without versions the objects are all there is. But it may have been given versions a moment ago:
    // who asks for the null version must not be given another one.
    let objects_alone = asked.versioning() == Versioning::Unversioned && version.is_none();
    let found = machine.catalog.look(move |store| {
        if !objects_alone {
            return query::version(store, bucket, &key, version);
        }
        let object = query::object(store, bucket, &key)?;
        Ok(object.map_or(query::Named::Nothing, query::Named::Object))
    });
    Ok(match found.await.map_err(failure::catalog)? {
        query::Named::Object(object) => Named::Object(object),
        query::Named::Marker(marker) => {
            Named::Marker(Marker { id: marker.version(), modified: marker.modified })
        }
        query::Named::Nothing => Named::Nothing,
    })
}
