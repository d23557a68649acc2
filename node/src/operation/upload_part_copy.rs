//! Room: UploadPartCopy: a range of an object becomes a part, at any alignment, without moving bytes where it can.
//!
//! Durable steps: the files that the copy made (none where it shares) and their folders are synced; one command
//! raises the references, names the new blobs and puts the part. A crash before it leaves unnamed files for the sweep.
//! Source of the order of checks: S3 UploadPartCopy, errors.

use std::rc::Rc;

use meta::command::{NewPart, PutPart};
use meta::id::BucketId;
use meta::record::UploadRecord;
use protocol::answer::Answer;
use protocol::error::S3Error;
use protocol::etag::ETag;
use protocol::name::{ObjectKey, UploadId};
use protocol::operation::upload_part_copy::{self, CopiedPart, UploadPartCopyInput};

use super::source::{self, COPY_WAY_HEADER, Source};
use super::{Call, Done, Outcome, ingest, subject, upload_part};
use crate::copy;
use crate::epoch::EpochGuard;
use crate::machine::Machine;

pub(super) async fn copy(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let epoch = call.machine.epochs.enter();
    let (name, key) = subject::object_name(call.head)?;
    let input = UploadPartCopyInput::parse(call.head)?;
    ingest::no_body(&mut call).await?;
    let machine = call.machine;
    let bucket = subject::bucket(machine, name, &input.common).await?;
    let (upload_id, upload) = subject::upload(machine, &bucket, key, &input.upload_id).await?;
    let source_bucket =
        subject::source_bucket(machine, &input.source.bucket, &input.common).await?;
    let object = source::find(machine, &source_bucket, &input.source, &input.conditions).await?;
    let range = input.resolve(object.len)?;
    let told = source::told(&source_bucket, &object);

    ingest::admit(machine, 0)?;
    let part = PartToBe { bucket: bucket.id, key: key.clone(), upload_id, upload, input };
    let (machine, source) = (machine.clone(), Source { object, range });
    let rest = Box::pin(async move {
        let mut way = None;
        let answer = part.make(&machine, &source, epoch, &mut way).await;
        Done { answer, way }
    });
    Ok(Outcome::Late { told, rest })
}

struct PartToBe {
    bucket: BucketId,
    key: ObjectKey,
    upload_id: UploadId,
    upload: UploadRecord,
    input: UploadPartCopyInput,
}

impl PartToBe {
    async fn make(
        self,
        machine: &Rc<Machine>,
        source: &Source,
        epoch: EpochGuard,
        way: &mut Option<String>,
    ) -> Result<Answer, S3Error> {
        let wanted = upload_part_copy::part_checksum(self.upload.checksum);
        let source::Copy { copied, md5, checksum } = source.copy(machine, epoch, wanted).await?;
        let ways = way.insert(copied.ways.join("+")).clone();
        let opaque =
            || copy::opaque_etag(copied.fingerprint, source.object.generation, source.range);
        let part = NewPart {
            number: self.input.part,
            modified: machine.clock.now().truncated_to_second(),
            len: source.range.len(),
            etag: md5.as_ref().map_or_else(opaque, ETag::from_md5),
            md5,
            fingerprint: copied.fingerprint,
            checksum,
        };
        let answer = upload_part_copy::answer(CopiedPart {
            modified: part.modified,
            etag: &part.etag,
            checksum: part.checksum.as_ref(),
        });
        let command = PutPart {
            bucket: self.bucket,
            key: self.key,
            upload_id: self.upload_id,
            part,
            pieces: copied.pieces,
            blobs: copied.blobs,
        };
        match machine.publish(copied.files, command.into()).await {
            Ok(_) => Ok(answer.with(COPY_WAY_HEADER, ways)),
            Err(error) => Err(upload_part::refused(error, &self.input.upload_id)),
        }
    }
}
