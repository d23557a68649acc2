//! Room: CompleteMultipartUpload: the upload's parts become the object's content where they are.
//!
//! Durable step: one command, O(1) in the parts: it adopts the manifest. It is prepared from the parts as they were
//! read; if one changed meanwhile, the command is refused and prepared again.

use meta::command::{CompleteUpload, NewObject, Refusal};
use meta::fingerprint::Fingerprint;
use meta::query;
use meta::record::{PartFacts, UploadRecord};
use protocol::body::Integrity;
use protocol::error::S3Error;
use protocol::limits::{COMPLETE_BODY_MAX, PART_NUMBER_MAX};
use protocol::operation::complete_upload::{
    self, Completed, CompleteUploadInput, ListedPart, StoredPart,
};

use super::put_object::{condition, refused};
use super::{Call, Outcome, failure, ingest, subject};
use crate::catalog::CatalogError;
use crate::limits::COMPLETE_TRIES_MAX;

pub(super) async fn complete(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = CompleteUploadInput::parse(call.head)?;
    let document = ingest::document(&mut call, Integrity::OfObject, COMPLETE_BODY_MAX).await?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let mut listed = None;
    for _ in 0..COMPLETE_TRIES_MAX {
        let _epoch = call.machine.epochs.enter();
        let (upload_id, upload) =
            subject::upload(call.machine, &bucket, key, &input.upload_id).await?;
        // S3 looks for the upload before it looks into the document.
        let listed = match &listed {
            Some(listed) => listed,
            None => listed.insert(complete_upload::parse_body(&document)?),
        };
        let (completed, unlisted) = prepare(&call, &input, &upload, listed).await?;
        let command = CompleteUpload {
            bucket: bucket.id,
            key: key.clone(),
            upload_id,
            expected_generation: upload.generation,
            condition: condition(&input.condition),
            object: object(&call, &upload, &completed),
            listed: completed.parts.clone(),
            unlisted,
        };
        let machine = call.machine.clone();
        let committed =
            call.machine.detached(async move { machine.catalog.commit(command.into()).await }).await;
        match committed {
            Ok(_) => return Ok(answer(&call, &completed)?.into()),
            Err(CatalogError::Refused(Refusal::UploadChanged)) => {}
            Err(CatalogError::Refused(Refusal::NoSuchUpload)) => {
                return Err(S3Error::no_such_upload(&input.upload_id));
            }
            Err(CatalogError::Refused(refusal)) => {
                return Err(refused(refusal, &input.condition, key));
            }
            Err(other) => return Err(failure::catalog(other)),
        }
    }
    Err(S3Error::slow_down())
}

/// Reads the parts as they are now and decides what they make.
async fn prepare(
    call: &Call<'_>,
    input: &CompleteUploadInput,
    upload: &UploadRecord,
    listed: &[ListedPart],
) -> Result<(Completed, Vec<protocol::part::PartNumber>), S3Error> {
    let manifest = upload.manifest;
    let parts = call
        .machine
        .catalog
        .ask(move |store| query::parts(store, manifest, None, usize::from(PART_NUMBER_MAX)))
        .await
        .map_err(failure::catalog)?;
    let stored: Vec<StoredPart> = parts.into_iter().map(stored).collect();
    let completed = complete_upload::decide(input, upload.checksum, listed, &stored)?;
    let mut taken = completed.parts.iter().map(|(number, _)| *number).peekable();
    // Both ascend, so one pass tells which parts the object does not have.
    let unlisted = stored
        .iter()
        .map(|part| part.number)
        .filter(|number| taken.next_if_eq(number).is_none())
        .collect();
    Ok((completed, unlisted))
}

fn stored(part: PartFacts) -> StoredPart {
    let Fingerprint { crc64nvme, crc32c, crc32 } = part.fingerprint;
    StoredPart {
        number: part.number,
        len: part.len,
        etag: part.etag,
        checksum: part.checksum,
        crc64nvme,
        crc32c,
        crc32,
    }
}

fn object(call: &Call<'_>, upload: &UploadRecord, completed: &Completed) -> NewObject {
    let &Completed { crc64nvme, crc32c, crc32, .. } = completed;
    NewObject {
        // The object's date is that of its completion, so that listings only ever move forward.
        modified: call.machine.clock.now().truncated_to_second(),
        len: completed.len,
        etag: completed.etag.clone(),
        md5: None,
        fingerprint: Fingerprint { crc64nvme, crc32c, crc32 },
        checksum: Some(completed.checksum.clone()),
        metadata: upload.metadata.clone(),
        tags: upload.tags.clone(),
    }
}

fn answer(call: &Call<'_>, completed: &Completed) -> Result<protocol::answer::Answer, S3Error> {
    let (bucket, key) = subject::object_name(call.head)?;
    let host = call.head.headers.get_non_empty("host").unwrap_or("localhost");
    Ok(complete_upload::answer(complete_upload::NewObject {
        location: &complete_upload::location(false, host, bucket, key),
        bucket,
        key,
        etag: &completed.etag,
        checksum: Some(&completed.checksum),
    }))
}
