//! Room: CreateMultipartUpload. Durable step: one command.

use meta::command::CreateUpload;
use protocol::error::S3Error;
use protocol::name::UploadId;
use protocol::operation::create_upload::{self, CreateUploadInput};

use super::{Call, Outcome, acl, bucket_lifecycle, failure, ingest, object_lock, subject};

pub(super) async fn create(call: Call<'_>) -> Result<Outcome, S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = CreateUploadInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    acl::check_headers(call.machine, call.head, &bucket).await?;
    object_lock::check(call.machine, &bucket, &input.lock).await?;
    let rules = bucket_lifecycle::rules(call.machine, &bucket).await?;
    ingest::admit(call.machine, 0)?;
    let initiated = call.machine.clock.now();
    let mut random = [0; 16];
    call.machine.random.fill(&mut random);
    let upload_id = UploadId::for_key(initiated, random, key);
    let command = CreateUpload {
        bucket: bucket.id,
        key: key.clone(),
        upload_id,
        initiated,
        metadata: input.metadata,
        tags: input.tags,
        storage_class: input.storage_class,
        lock: input.lock,
        checksum: input.checksum,
    };
    call.machine.catalog.commit(command.into()).await.map_err(failure::catalog)?;
    let answer = create_upload::answer(name, key, &upload_id, input.checksum);
    Ok(rules.tell_upload(answer, key, initiated).into())
}
