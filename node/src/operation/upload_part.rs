//! Room: UploadPart.
//!
//! Durable steps: the blob file (if any) and its folder are synced; one command puts the part in place of an
//! earlier one of its number. A failed or short body leaves the earlier one as it was.

use meta::command::{NewPart, PutPart, Refusal};
use protocol::body::Intake;
use protocol::error::S3Error;
use protocol::etag::ETag;
use protocol::limits::PART_LEN_MAX;
use protocol::operation::upload_part::{self, UploadPartInput};

use super::{Call, Outcome, failure, ingest, subject};
use crate::catalog::CatalogError;
use crate::machine::PublishError;

pub(super) async fn upload(call: Call<'_>) -> Result<Outcome, S3Error> {
    let Call { machine, head, auth, body, .. } = call;
    let (name, key) = subject::object_name(head)?;
    let input = UploadPartInput::parse(head)?;
    // CRCs fall out of the fingerprint; an intake that the client sends a checksum to computes that one anyway.
    let probe = Intake::new(head, auth, None, PART_LEN_MAX)?;
    let bucket = subject::bucket(machine, name, &input.common).await?;
    let (upload_id, upload) = subject::upload(machine, &bucket, key, &input.upload_id).await?;
    if !upload.lock.is_empty() && !probe.is_proven() {
        // S3: UploadPart, Content-MD5.
        return Err(S3Error::lock_needs_integrity());
    }
    let rule = upload_part::part_checksum(upload.checksum, probe.sent_algorithm())?;
    let intake = Intake::new(head, auth, rule.algorithm, PART_LEN_MAX)?;

    let received = ingest::store(machine, body, intake).await?;
    let (etag, checksum) = (ETag::from_md5(&received.md5), received.digests.checksum);
    let command = PutPart {
        bucket: bucket.id,
        key: key.clone(),
        upload_id,
        part: NewPart {
            number: input.part,
            modified: machine.clock.now().truncated_to_second(),
            len: received.digests.len,
            etag: etag.clone(),
            md5: Some(received.md5),
            fingerprint: received.fingerprint,
            checksum: checksum.filter(|_| rule.stored),
        },
        pieces: received.pieces,
        blobs: received.blobs,
    };
    match machine.publish(received.files, command.into()).await {
        Ok(_) => Ok(upload_part::answer(&etag, checksum.as_ref()).into()),
        Err(error) => Err(refused(error, &input.upload_id)),
    }
}

/// A part that was not put: the upload may have been aborted or completed meanwhile.
pub(super) fn refused(error: PublishError, upload_id: &str) -> S3Error {
    match error {
        PublishError::Catalog(CatalogError::Refused(Refusal::NoSuchUpload)) => {
            S3Error::no_such_upload(upload_id)
        }
        other => failure::publish(other),
    }
}
