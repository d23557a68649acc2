//! Room: CompleteMultipartUpload: the upload's parts become the object's content where they are.
//!
//! Durable step: one command, O(1) in the parts: it adopts the manifest. It is prepared from the parts as they were
//! read; if one changed meanwhile, the command is refused and prepared again.

use std::sync::Arc;

use meta::command::{CompleteUpload, NewObject, Refusal};
use meta::fingerprint::Fingerprint;
use meta::id::BucketId;
use meta::query;
use meta::record::{PartFacts, UploadRecord};
use protocol::error::S3Error;
use protocol::limits::{COMPLETE_BODY_MAX, PART_NUMBER_MAX};
use protocol::operation::complete_upload::{
    self, CompleteUploadInput, Completed, ListedPart, StoredPart,
};
use protocol::operation::write_condition::WriteCondition;
use protocol::part::PartNumber;

use super::put_object::{condition, refused};
use super::{Call, Outcome, failure, ingest, subject};
use crate::catalog::CatalogError;
use crate::limits::COMPLETE_TRIES_MAX;

pub(super) async fn complete(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = Arc::new(CompleteUploadInput::parse(call.head)?);
    let mut document =
        ingest::document(&mut call, complete_upload::INTEGRITY, COMPLETE_BODY_MAX).await?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let mut listed = None;
    for _ in 0..COMPLETE_TRIES_MAX {
        let _epoch = call.machine.epochs.enter();
        let (upload_id, upload) =
            subject::upload(call.machine, &bucket, key, &input.upload_id).await?;
        // S3 looks for the upload before it looks into the document.
        let listed = match &listed {
            Some(listed) => listed,
            None => listed.insert(parse(&call, std::mem::take(&mut document.bytes)).await?),
        };
        let (completed, unlisted) =
            prepare(&call, bucket.id, &input, &upload, listed.clone()).await?;
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
        let committed = call
            .machine
            .detached(async move { machine.catalog.commit(command.into()).await })
            .await;
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

/// Reads the document, on a reader thread: 10,000 parts take tens of milliseconds.
async fn parse(call: &Call<'_>, document: Vec<u8>) -> Result<Arc<[ListedPart]>, S3Error> {
    let parsed = call.machine.catalog.ask(move |_| Ok(complete_upload::parse_body(&document)));
    Ok(parsed.await.map_err(failure::catalog)??.into())
}

/// Reads the parts as they are now and decides what they make, on a reader thread.
async fn prepare(
    call: &Call<'_>,
    bucket: BucketId,
    input: &Arc<CompleteUploadInput>,
    upload: &UploadRecord,
    listed: Arc<[ListedPart]>,
) -> Result<(Completed, Vec<PartNumber>), S3Error> {
    let (manifest, checksum, input) = (upload.manifest, upload.checksum, input.clone());
    let key = subject::object_name(call.head)?.1.clone();
    let decided = call.machine.catalog.ask(move |store| {
        // The round decides about the condition; but S3 looks at it before it looks at the parts.
        if input.condition != WriteCondition::None {
            let now = query::object(store, bucket, &key)?.map(|object| object.etag);
            if let Err(failed) = input.condition.check(&key, now.as_ref()) {
                return Ok(Err(failed));
            }
        }
        let parts = query::parts(store, manifest, None, usize::from(PART_NUMBER_MAX))?;
        let stored: Vec<StoredPart> = parts.into_iter().map(stored).collect();
        Ok(complete_upload::decide(&input, checksum, &listed, &stored)
            .map(|completed| (unlisted(&completed, &stored), completed)))
    });
    let (unlisted, completed) = decided.await.map_err(failure::catalog)??;
    Ok((completed, unlisted))
}

/// The parts that the object does not have. Both lists ascend, so one pass tells.
fn unlisted(completed: &Completed, stored: &[StoredPart]) -> Vec<PartNumber> {
    let mut taken = completed.parts.iter().map(|(number, _)| *number).peekable();
    stored
        .iter()
        .map(|part| part.number)
        .filter(|number| taken.next_if_eq(number).is_none())
        .collect()
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
        checksum: Some(completed.checksum),
        metadata: upload.metadata.clone(),
        tags: upload.tags.clone(),
    }
}

fn answer(call: &Call<'_>, completed: &Completed) -> Result<protocol::answer::Answer, S3Error> {
    let (bucket, key) = subject::object_name(call.head)?;
    Ok(complete_upload::answer(complete_upload::NewObject {
        location: &complete_upload::location(call.head, bucket, key),
        bucket,
        key,
        etag: &completed.etag,
        checksum: Some(&completed.checksum),
    }))
}
