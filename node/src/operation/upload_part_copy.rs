//! Room: UploadPartCopy: a range of an object becomes a part, at any alignment, without moving bytes where it can.
//!
//! Durable steps: the files that the copy made (none where it shares) and their folders are synced; one command
//! raises the references, names the new blobs and puts the part. A crash before it leaves unnamed files for the sweep.
//! The source is the object that the key names once, when it is looked up: an overwrite or delete from then on
//! changes nothing (the epoch keeps what was read resolvable until the command has made the part its co-owner,
//! also if the client goes away meanwhile).
//! Source of the order of checks: S3 UploadPartCopy, errors.

use std::rc::Rc;

use meta::command::{NewPart, PutPart};
use meta::id::BucketId;
use meta::query;
use meta::record::{ObjectRecord, UploadRecord};
use protocol::checksum::ChecksumAlgorithm;
use protocol::error::S3Error;
use protocol::etag::ETag;
use protocol::operation::upload_part_copy::{self, CopiedPart, UploadPartCopyInput};
use protocol::precondition::Facts;
use protocol::range::ByteRange;

use super::{Call, Outcome, failure, ingest, subject, upload_part};
use crate::copy::plan::SourceSlice;
use crate::copy::{self, Digested};
use crate::machine::Machine;

/// A header of our own: the ways that the copy took, e.g. `share` or `inline+reflink`; empty for no bytes.
const COPY_WAY_HEADER: &str = "x-tenon-copy-way";

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
    input.check_version()?;
    let source = Source::find(machine, source_bucket.id, &input).await?;

    ingest::admit(machine, 0)?;
    let mut copied = copy::copy(machine, source.slices.clone())
        .await
        .map_err(|error| failure::copy(machine, error))?;
    copied.files.hold(epoch);
    let ways = copied.ways.join("+");
    call.trace.way = Some(ways.clone());
    let part = match describe(machine, &input, &upload, &source, &copied).await {
        Ok(part) => part,
        Err(error) => {
            copied.files.abandon();
            return Err(error);
        }
    };
    let command = PutPart {
        bucket: bucket.id,
        key: key.clone(),
        upload_id,
        part: part.clone(),
        pieces: copied.pieces,
        blobs: copied.blobs,
    };
    match machine.publish(copied.files, command.into()).await {
        Ok(_) => Ok(upload_part_copy::answer(CopiedPart {
            modified: part.modified,
            etag: &part.etag,
            checksum: part.checksum.as_ref(),
        })
        .with(COPY_WAY_HEADER, ways)
        .into()),
        Err(error) => Err(upload_part::refused(error, &input.upload_id)),
    }
}

/// The source as it was when it was looked up.
struct Source {
    object: ObjectRecord,
    range: ByteRange,
    slices: Vec<SourceSlice>,
    /// The MD5 of exactly the range, where it is stored: a whole object, or a whole part of one.
    md5: Option<[u8; 16]>,
}

impl Source {
    /// Looks the source up, evaluates conditions and range, and resolves the range to pieces.
    async fn find(
        machine: &Rc<Machine>,
        bucket: BucketId,
        input: &UploadPartCopyInput,
    ) -> Result<Self, S3Error> {
        let object = subject::object(machine, bucket, &input.source.key).await?;
        let facts = Facts { etag: &object.etag, modified: object.modified };
        input.conditions.check(&facts, machine.clock.now())?;
        let range = input.resolve(object.len)?;
        let content = object.content.clone();
        let found = machine.catalog.ask(move |store| {
            let part = query::exact_part(store, &content, range)?;
            let slices = copy::source_slices(store, &content, range)?;
            Ok((slices, part.and_then(|part| part.md5)))
        });
        let (slices, part_md5) = found.await.map_err(failure::catalog)?;
        let whole = range == ByteRange::whole(object.len);
        let md5 = object.md5.filter(|_| whole).or(part_md5);
        Ok(Self { object, range, slices, md5 })
    }
}

/// The part's ETag and checksum: what is known, what falls out of the fingerprint, and only where neither does
/// the range is read (S3: the ETag of a copied part need not be an MD5; `etag.md5_up_to` says how far it is).
async fn describe(
    machine: &Rc<Machine>,
    input: &UploadPartCopyInput,
    upload: &UploadRecord,
    source: &Source,
    copied: &copy::Copied,
) -> Result<NewPart, S3Error> {
    let wanted: Option<ChecksumAlgorithm> = upload_part_copy::part_checksum(upload.checksum);
    let linear = wanted.and_then(|algorithm| copied.fingerprint.checksum(algorithm));
    let to_hash = wanted.filter(|_| linear.is_none());
    let to_md5 = source.md5.is_none() && source.range.len() <= machine.settings.etag_md5_up_to;
    let digested = if to_md5 || to_hash.is_some() {
        let slices = source.slices.iter().map(|source| source.slice.clone()).collect();
        let digested = Digested::of(machine, slices, to_md5, to_hash).await;
        digested.map_err(|error| failure::read(machine, &error))?
    } else {
        Digested::default()
    };
    let md5 = source.md5.or(digested.md5);
    let etag = match &md5 {
        Some(md5) => ETag::from_md5(md5),
        None => copy::opaque_etag(copied.fingerprint, source.object.generation, source.range),
    };
    Ok(NewPart {
        number: input.part,
        modified: machine.clock.now().truncated_to_second(),
        len: source.range.len(),
        etag,
        md5,
        fingerprint: copied.fingerprint,
        checksum: linear.or(digested.checksum),
    })
}
