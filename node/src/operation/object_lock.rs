//! Room: GetObjectRetention, PutObjectRetention, GetObjectLegalHold, PutObjectLegalHold, and what protects a new version.
//!
//! Durable step: one command, in whose round it is decided whether the change may be.

use std::rc::Rc;

use meta::command::{Refusal, Reply, SetLock};
use meta::record::{BucketRecord, ConfigKind, ObjectRecord};
use protocol::error::S3Error;
use protocol::limits::XML_BODY_MAX;
use protocol::lock::{LockChange, LockConfiguration, ObjectLock};
use protocol::name::VersionId;
use protocol::operation::object_legal_hold::{self, ObjectLegalHoldInput};
use protocol::operation::object_retention::{self, ObjectRetentionInput};
use protocol::operation::version::{self, Asked};
use protocol::route::Operation;
use protocol::time::Timestamp;

use super::{Call, Outcome, failure, ingest, subject};
use crate::catalog::CatalogError;
use crate::machine::Machine;

/// What the bucket says of the locks of new versions, if it has object lock.
pub(super) async fn of_bucket(
    machine: &Machine,
    bucket: &BucketRecord,
) -> Result<Option<Rc<LockConfiguration>>, S3Error> {
    let found = machine.configs.object_lock(bucket).await.map_err(failure::catalog)?;
    if found.is_none() && bucket.config(ConfigKind::ObjectLock).is_some() {
        // It is never taken away: the bucket itself went meanwhile.
        return Err(S3Error::operation_aborted());
    }
    Ok(found)
}

/// Whether a new version of this bucket may ask for `asked`.
pub(super) async fn check(
    machine: &Machine,
    bucket: &BucketRecord,
    asked: &ObjectLock,
) -> Result<(), S3Error> {
    let configuration = of_bucket(machine, bucket).await?;
    LockConfiguration::check(configuration.as_deref(), asked, machine.clock.now())
}

/// The same for one whose bytes come along, `proven` by a digest in the head or not. S3: what shall be locked must be;
/// the signature's SHA-256 is none.
pub(super) async fn check_bytes(
    machine: &Machine,
    bucket: &BucketRecord,
    asked: &ObjectLock,
    proven: bool,
) -> Result<(), S3Error> {
    check(machine, bucket, asked).await?;
    // The date does not matter.
    let lock = of_new(machine, bucket, *asked, machine.clock.now()).await?;
    if proven || lock.is_empty() { Ok(()) } else { Err(S3Error::lock_needs_integrity()) }
}

/// What protects a new version of this bucket that is made at `made` and asks for `asked`.
pub(super) async fn of_new(
    machine: &Machine,
    bucket: &BucketRecord,
    asked: ObjectLock,
    made: Timestamp,
) -> Result<ObjectLock, S3Error> {
    let configuration = of_bucket(machine, bucket).await?;
    Ok(LockConfiguration::lock_of(configuration.as_deref(), asked, made))
}

pub(super) async fn get_retention(call: Call<'_>) -> Result<Outcome, S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = ObjectRetentionInput::parse(call.head, Operation::GetObjectRetention)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let asked = Asked::new(key, input.version, bucket.versioning)?;
    let object = find(&call, &bucket, &asked).await?;
    Ok(object_retention::get_answer(object.lock.retention)?.into())
}

pub(super) async fn put_retention(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = ObjectRetentionInput::parse(call.head, Operation::PutObjectRetention)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let asked = Asked::new(key, input.version, bucket.versioning)?;
    ingest::admit(call.machine, 0)?;
    let document = ingest::document(&mut call, object_retention::INTEGRITY, XML_BODY_MAX).await?;
    let now = call.machine.clock.now();
    let retention = object_retention::parse_body(&document.bytes, now)?;
    let change = LockChange::Retention(retention);
    let version = set(&call, &bucket, &asked, change, input.bypass).await?;
    Ok(object_retention::put_answer().with_version(version).into())
}

pub(super) async fn get_legal_hold(call: Call<'_>) -> Result<Outcome, S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = ObjectLegalHoldInput::parse(call.head, Operation::GetObjectLegalHold)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let asked = Asked::new(key, input.version, bucket.versioning)?;
    let object = find(&call, &bucket, &asked).await?;
    Ok(object_legal_hold::get_answer(object.lock.legal_hold)?.into())
}

pub(super) async fn put_legal_hold(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = ObjectLegalHoldInput::parse(call.head, Operation::PutObjectLegalHold)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let asked = Asked::new(key, input.version, bucket.versioning)?;
    ingest::admit(call.machine, 0)?;
    let document = ingest::document(&mut call, object_legal_hold::INTEGRITY, XML_BODY_MAX).await?;
    let change = LockChange::LegalHold(object_legal_hold::parse_body(&document.bytes)?);
    let version = set(&call, &bucket, &asked, change, false).await?;
    Ok(object_legal_hold::put_answer().with_version(version).into())
}

/// The version whose lock is asked for. S3 looks at the bucket's lock first.
async fn find(
    call: &Call<'_>,
    bucket: &BucketRecord,
    asked: &Asked<'_>,
) -> Result<ObjectRecord, S3Error> {
    demand(call.machine, bucket).await?;
    let named = subject::named(call.machine, bucket.id, asked).await?;
    named.to_tag(asked, &call.head.method)
}

/// Changes what protects a version, and says which one it is.
async fn set(
    call: &Call<'_>,
    bucket: &BucketRecord,
    asked: &Asked<'_>,
    change: LockChange,
    bypass: bool,
) -> Result<Option<VersionId>, S3Error> {
    demand(call.machine, bucket).await?;
    let command = SetLock {
        bucket: bucket.id,
        key: asked.key().clone(),
        version: asked.version(),
        change,
        bypass,
        now: call.machine.clock.now(),
    };
    match call.machine.catalog.commit(command.into()).await {
        Ok(Reply::LockSet { version }) => Ok(version),
        Ok(_) => Err(S3Error::internal()),
        Err(CatalogError::Refused(Refusal::NoSuchKey | Refusal::NoSuchVersion)) => {
            Err(asked.unknown())
        }
        Err(CatalogError::Refused(Refusal::DeleteMarker { version })) => {
            Err(version::marker_refused(&call.head.method, version))
        }
        Err(CatalogError::Refused(Refusal::Locked)) => Err(S3Error::locked()),
        Err(other) => Err(failure::catalog(other)),
    }
}

async fn demand(machine: &Machine, bucket: &BucketRecord) -> Result<(), S3Error> {
    match of_bucket(machine, bucket).await? {
        Some(_) => Ok(()),
        None => Err(S3Error::bucket_without_lock()),
    }
}
