//! Room: a request body on its way in: decoded, digested, and stored inline or in a new blob file.
//!
//! Invariant: what is returned has been checked against everything that the client declared of it (length,
//! Content-MD5, signature of the payload, checksum). Nothing here is durable or named yet.
//! Cancel: a dropped future unlinks the file that it was writing.

use std::pin::pin;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, join, select};
use md5::{Digest as _, Md5};
use meta::command::NewBlob;
use meta::fingerprint::Fingerprint;
use meta::record::Piece;
use protocol::body::{Digests, Intake, Integrity};
use protocol::error::S3Error;
use protocol::operation::upload_part_copy;

use super::{Call, failure};
use crate::admission::Claim;
use crate::blob::BlobWriter;
use crate::budget::Permit;
use crate::exchange::{BodyError, BodySource};
use crate::limits;
use crate::machine::Machine;
use crate::new_files::NewFiles;

/// Makes sure that there is room for a write of `len` bytes (0 for one that stores no more than a record).
///
/// # Errors
/// `InsufficientStorage` below the reserve.
pub(super) fn admit(machine: &Machine, len: u64) -> Result<(), S3Error> {
    if machine.admission.admit(len) { Ok(()) } else { Err(S3Error::insufficient_storage()) }
}

/// A body that has been received whole and found to be what the client declared.
pub(super) struct Received {
    pub(super) digests: Digests,
    pub(super) md5: [u8; 16],
    pub(super) fingerprint: Fingerprint,
    pub(super) pieces: Vec<Piece>,
    pub(super) blobs: Vec<NewBlob>,
    pub(super) files: NewFiles,
}

/// Receives a body and stores it, if there is room for it.
///
/// # Errors
/// The client's faults as S3 names them; a full or failing disk.
pub(super) async fn store(
    machine: &Rc<Machine>,
    body: &mut dyn BodySource,
    intake: Intake,
) -> Result<Received, S3Error> {
    let claim = machine.admission.claim(intake.payload_len_max().unwrap_or_default());
    let claim = claim.ok_or_else(S3Error::insufficient_storage)?;
    let mut files = NewFiles::none(machine);
    match receive(machine, body, intake, (&mut files, claim)).await {
        Ok((digests, md5, Stored { fingerprint, pieces, blobs })) => {
            Ok(Received { digests, md5, fingerprint, pieces, blobs, files })
        }
        Err(error) => {
            files.abandon();
            Err(error)
        }
    }
}

async fn receive(
    machine: &Rc<Machine>,
    body: &mut dyn BodySource,
    mut intake: Intake,
    (files, claim): (&mut NewFiles, Claim),
) -> Result<(Digests, [u8; 16], Stored), S3Error> {
    // Of a length that is not known yet, the first bytes decide.
    let mut claim = Some(claim);
    let mut sink = Sink::Inline(BytesMut::new());
    if let Some(len) = intake.payload_len().filter(|len| *len > limits::INLINE_LEN_MAX) {
        sink = Sink::Blob(Box::new(writer(machine, files, len, claim.take()).await?));
    }
    let len_max = intake.payload_len_max().unwrap_or_default();
    let mut md5 = machine.md5.stream();
    let mut payload = Vec::new();
    let step_len = limits::digest_step_len(intake.sent_algorithm());
    while let Some(wire) = next(body, &mut sink).await? {
        let mut wire = wire.map_err(failure::body)?;
        while !wire.is_empty() {
            let step = wire.split_to(wire.len().min(step_len));
            intake.push(step, &mut |piece| payload.push(piece))?;
            for piece in payload.drain(..) {
                if let Some(held) = sink.outgrown_by(&piece) {
                    let mut blob = writer(machine, files, len_max, claim.take()).await?;
                    blob.push(&held).await.map_err(|error| failure::disk(&error))?;
                    sink = Sink::Blob(Box::new(blob));
                }
                // While this stream's disk keeps it waiting, its bytes are hashed beside those of others.
                join(sink.take(piece.clone()), md5.update(piece)).await.0?;
            }
            machine.clock.pause().await;
        }
    }
    let md5 = md5.finish();
    // Whatever CRC the client sent is one of the fingerprint's.
    let fingerprint = sink.fingerprint();
    let digests = intake.finish(Some(md5), |crc| fingerprint.checksum(crc))?;
    Ok((digests, md5, sink.finish(fingerprint, files).await?))
}

/// The next bytes of the body. While they do not come, a buffer that others need is given back.
async fn next(
    body: &mut dyn BodySource,
    sink: &mut Sink,
) -> Result<Option<Result<Bytes, BodyError>>, S3Error> {
    let mut next = body.next();
    let Sink::Blob(blob) = sink else { return Ok(next.await) };
    loop {
        let asked = pin!(blob.asked_back());
        match select(next.as_mut(), asked).await {
            Either::Left((next, _)) => return Ok(next),
            Either::Right(((), _)) => {}
        }
        blob.give_back().await.map_err(|error| failure::disk(&error))?;
    }
}

/// Where the payload goes. An inline payload is never longer than it may be.
enum Sink {
    Inline(BytesMut),
    Blob(Box<BlobWriter>),
}

/// What a sink has made of the payload.
struct Stored {
    fingerprint: Fingerprint,
    pieces: Vec<Piece>,
    blobs: Vec<NewBlob>,
}

impl Sink {
    /// What an inline payload has so far, if the next piece is too much for it.
    fn outgrown_by(&mut self, piece: &[u8]) -> Option<BytesMut> {
        match self {
            Self::Inline(bytes) if (bytes.len() + piece.len()) as u64 > limits::INLINE_LEN_MAX => {
                Some(std::mem::take(bytes))
            }
            Self::Inline(_) | Self::Blob(_) => None,
        }
    }

    async fn take(&mut self, piece: Bytes) -> Result<(), S3Error> {
        match self {
            Self::Inline(bytes) => {
                bytes.extend_from_slice(&piece);
                Ok(())
            }
            Self::Blob(blob) => blob.push(&piece).await.map_err(|error| failure::disk(&error)),
        }
    }

    /// The fingerprint of all that it took.
    fn fingerprint(&mut self) -> Fingerprint {
        match self {
            Self::Inline(bytes) => Fingerprint::of(bytes),
            Self::Blob(blob) => blob.fingerprint(),
        }
    }

    /// Ends what has that `fingerprint`.
    async fn finish(
        self,
        fingerprint: Fingerprint,
        files: &mut NewFiles,
    ) -> Result<Stored, S3Error> {
        match self {
            Self::Inline(bytes) => {
                let pieces = inline(bytes.freeze(), fingerprint);
                Ok(Stored { fingerprint, pieces, blobs: Vec::new() })
            }
            Self::Blob(writer) => {
                let written = writer.finish().await.map_err(|error| failure::disk(&error))?;
                files.unsynced.push(written.unsynced);
                Ok(Stored {
                    fingerprint,
                    pieces: vec![Piece::Extent(written.extent)],
                    blobs: vec![written.blob],
                })
            }
        }
    }
}

/// The pieces of bytes that are stored inside their record: none where there are no bytes.
pub(crate) fn inline(bytes: Bytes, fingerprint: Fingerprint) -> Vec<Piece> {
    if bytes.is_empty() { Vec::new() } else { vec![Piece::Inline { bytes, fingerprint }] }
}

async fn writer(
    machine: &Rc<Machine>,
    files: &mut NewFiles,
    len: u64,
    claim: Option<Claim>,
) -> Result<BlobWriter, S3Error> {
    let id = files.reserve().await.map_err(failure::lease)?;
    let (disk, clock, pool) =
        (machine.disk.clone(), machine.clock.clone(), machine.put_pool.clone());
    let writer = BlobWriter::create(disk, clock, pool, id, len).await;
    let writer = writer.map_err(|error| failure::disk(&error))?;
    Ok(match claim {
        Some(claim) => writer.claiming(claim),
        None => writer,
    })
}

/// A small body in memory.
pub(super) struct Document {
    pub(super) bytes: Vec<u8>,
    /// What it, and what is made of it, is held under.
    permit: Option<Permit>,
}

/// Receives a small body, such as an XML document, into memory, as soon as there is memory for one of its length.
///
/// # Errors
/// The client's faults as S3 names them; `MaxMessageLengthExceeded` beyond `len_max`.
pub(super) async fn document(
    call: &mut Call<'_>,
    integrity: Integrity,
    len_max: u64,
) -> Result<Document, S3Error> {
    let mut intake = Intake::document(call.head, call.auth, integrity, len_max)?;
    let len = usize::try_from(intake.payload_len().unwrap_or(len_max)).unwrap_or(usize::MAX);
    let mut md5 = intake.promises_md5().then(Md5::new);
    let mut document = Document { bytes: Vec::new(), permit: None };
    let step_len = limits::digest_step_len(intake.sent_algorithm());
    while let Some(wire) = call.body.next().await {
        let mut wire = wire.map_err(failure::body)?;
        while !wire.is_empty() {
            if document.permit.is_none() {
                document.permit = Some(call.machine.documents.admit(len).await);
            }
            let step = wire.split_to(wire.len().min(step_len));
            intake.push(step, &mut |piece| {
                if let Some(md5) = &mut md5 {
                    md5.update(&piece);
                }
                document.bytes.extend_from_slice(&piece);
            })?;
            call.machine.clock.pause().await;
        }
    }
    intake.finish(md5.map(|md5| md5.finalize().into()), |_| None)?;
    Ok(document)
}

/// Makes sure that a request whose operation takes no body has none.
///
/// # Errors
/// `InvalidRequest` at its first byte.
pub(super) async fn no_body(call: &mut Call<'_>) -> Result<(), S3Error> {
    while let Some(wire) = call.body.next().await {
        if !wire.map_err(failure::body)?.is_empty() {
            return Err(upload_part_copy::body_not_empty());
        }
    }
    Ok(())
}
