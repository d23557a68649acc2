//! Room: a request body between the wire and whoever wants its bytes: takes the aws-chunked frame
//! off, counts, and holds the body against everything its head promised of it.
//! Must not: buffer payload. Pieces are handed out as they come; they are worth nothing until
//! `finish` has said yes.
//! Holds: running digests and at most one line of framing. Whoever takes the payload makes its MD5, which is fastest for
//! many bodies at a time, and, of an object or a part, its CRCs, which are stored in any case; `finish` is told.
//! Invariants: the same wire bytes give the same payload and the same verdict however they are split.
//! Source: S3 "Checking object integrity", "PutObject", "UploadPart", "Common Request Headers".

mod chunked;
mod promise;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;

use base64_simd::STANDARD as BASE64;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use self::chunked::Decoder;
use self::promise::{Promises, SentChecksum};
use crate::checksum::{ChecksumAlgorithm, ChecksumValue, Hasher};
use crate::error::S3Error;
use crate::request::Head;
use crate::sign::{Authenticated, PayloadMode, to_hex};

/// What an XML body must bring along to prove itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Integrity {
    /// Content-MD5 or a checksum must be there (the operations that S3 says so of).
    Required,
    /// What is there is verified.
    Optional,
    /// Content-MD5 is verified; a checksum header speaks of the object, not of this body
    /// (CompleteMultipartUpload).
    OfObject,
}

/// What is known of a payload that came in whole and as promised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Digests {
    /// Bytes of payload.
    pub len: u64,
    /// By the client's algorithm if it sent one, else by the wanted one.
    pub checksum: Option<ChecksumValue>,
}

/// A body on its way in.
pub struct Intake {
    framing: Framing,
    /// Payload bytes that the head announces.
    announced: Option<u64>,
    /// Payload bytes that there may be at most, if they are not announced.
    at_most: Option<u64>,
    limit: Limit,
    running: Running,
    /// The checksum that `finish` is told, rather than computed here.
    told: Option<ChecksumAlgorithm>,
    promises: Promises,
}

enum Framing {
    Plain,
    Chunked(Box<Decoder>),
}

#[derive(Clone, Copy)]
enum Limit {
    /// Of an object or a part.
    Object(u64),
    /// Of an XML body.
    Document(u64),
}

impl Intake {
    /// For the bytes of an object or a part, at most `len_max` of them. The checksum that is `wanted` is made when the
    /// client sends none of its own.
    ///
    /// # Errors
    /// `MissingContentLength`, `EntityTooLarge`, `InvalidDigest`, and `InvalidRequest` for
    /// checksum headers that contradict each other or cannot be kept.
    pub fn new(
        head: &Head,
        auth: &Authenticated,
        wanted: Option<ChecksumAlgorithm>,
        len_max: u64,
    ) -> Result<Self, S3Error> {
        let promises = Promises::parse(head, auth.payload)?;
        let announced =
            announced_len(head, auth.payload).ok_or_else(S3Error::missing_content_length)?;
        let framing = Decoder::for_payload(auth, announced, promises.trailer())
            .map_or(Framing::Plain, |decoder| Framing::Chunked(Box::new(decoder)));
        Self::build(framing, wanted, promises, Some(announced), Limit::Object(len_max))
    }

    /// Whether the client sends a digest of the payload besides that of its signature.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        !self.promises.is_empty()
    }

    /// For an XML body of at most `len_max` bytes.
    ///
    /// # Errors
    /// Those of `new` (`MaxMessageLengthExceeded` in place of `EntityTooLarge`, and a missing length is
    /// no error), and `InvalidRequest` for an aws-chunked body or a missing proof of integrity.
    pub fn document(
        head: &Head,
        auth: &Authenticated,
        integrity: Integrity,
        len_max: u64,
    ) -> Result<Self, S3Error> {
        auth.refuse_streaming()?;
        let promises = match integrity {
            Integrity::OfObject => Promises::parse_md5(head, auth.payload)?,
            Integrity::Required | Integrity::Optional => Promises::parse(head, auth.payload)?,
        };
        if integrity == Integrity::Required && promises.is_empty() {
            // S3 "PutObjectTagging" and others, x-amz-sdk-checksum-algorithm.
            return Err(S3Error::missing_header("Content-MD5 OR x-amz-checksum-*"));
        }
        let announced = announced_len(head, auth.payload);
        Self::build(Framing::Plain, None, promises, announced, Limit::Document(len_max))
    }

    /// For the file of a form, of which `head` has the fields as headers. Nothing announces its length, but there are
    /// no more than `at_most` bytes to come. The checksum that is `wanted` is made when the form brings none of its own.
    ///
    /// # Errors
    /// `InvalidDigest`, and `InvalidRequest` for checksums that contradict each other or cannot be kept; at the file's
    /// bytes `EntityTooLarge` beyond `len_max`.
    pub fn of_form(
        head: &Head,
        wanted: Option<ChecksumAlgorithm>,
        len_max: u64,
        at_most: u64,
    ) -> Result<Self, S3Error> {
        let promises = Promises::parse(head, PayloadMode::Unsigned)?;
        let intake = Self::build(Framing::Plain, wanted, promises, None, Limit::Object(len_max))?;
        Ok(Self { at_most: Some(at_most), ..intake })
    }

    fn build(
        framing: Framing,
        wanted: Option<ChecksumAlgorithm>,
        promises: Promises,
        announced: Option<u64>,
        limit: Limit,
    ) -> Result<Self, S3Error> {
        if let Some(len) = announced {
            limit.check(len)?;
        }
        let algorithm = promises.algorithm().or(wanted);
        let told = algorithm.filter(|algorithm| limit.is_of_object() && is_made_anyway(*algorithm));
        let running = Running {
            len: 0,
            sha256: matches!(promises.payload, PayloadMode::Hash(_)).then(Sha256::new),
            checksum: algorithm.filter(|_| told.is_none()).map(Hasher::new),
        };
        Ok(Self { framing, announced, at_most: None, limit, running, told, promises })
    }

    /// Takes chunks of any size. S3 itself wants 8 KiB of every chunk but the last.
    #[must_use]
    pub fn allow_small_chunks(mut self) -> Self {
        if let Framing::Chunked(decoder) = &mut self.framing {
            decoder.allow_small_chunks();
        }
        self
    }

    /// Payload bytes to come, as the head announces them.
    pub fn payload_len(&self) -> Option<u64> {
        self.announced
    }

    /// Payload bytes that may come at most, if anything is known of that.
    pub fn payload_len_max(&self) -> Option<u64> {
        self.announced.or(self.at_most)
    }

    /// The algorithm whose checksum the client sends, in a header or a trailer.
    pub fn sent_algorithm(&self) -> Option<ChecksumAlgorithm> {
        self.promises.algorithm()
    }

    /// Whether `finish` must be told the MD5 of the payload: the client has sent Content-MD5.
    pub fn promises_md5(&self) -> bool {
        self.promises.md5.is_some()
    }

    /// Takes wire bytes (at most 64 KiB, so that digests do not hold a core for long) and hands
    /// payload to `out`. After an error the intake is good for nothing.
    ///
    /// # Errors
    /// `IncompleteBody`, `InvalidChunkSizeError`, `MalformedTrailerError`, `SignatureDoesNotMatch`,
    /// `InvalidRequest` for a malformed trailer value, `MaxMessageLengthExceeded`.
    pub fn push(&mut self, wire: Bytes, out: &mut dyn FnMut(Bytes)) -> Result<(), S3Error> {
        let running = &mut self.running;
        match &mut self.framing {
            Framing::Chunked(decoder) => decoder.push(wire, &mut |piece: Bytes| {
                running.update(&piece);
                out(piece);
            }),
            Framing::Plain => {
                // What goes beyond the announced length is refused, with whatever came before it.
                let room = self.announced.map_or(u64::MAX, |len| len - running.len);
                if wire.len() as u64 > room {
                    return Err(S3Error::incomplete_body());
                }
                if wire.is_empty() {
                    return Ok(());
                }
                running.update(&wire);
                self.limit.check(running.len)?;
                out(wire);
                Ok(())
            }
        }
    }

    /// At the end of the wire body: whether it was all there and as promised. `md5` is that of the payload, and so is
    /// what `crc_of` says for an algorithm that combines; of a document it is not asked.
    ///
    /// # Errors
    /// `IncompleteBody`, `XAmzContentSHA256Mismatch`, `BadDigest`, `MalformedTrailerError`; `InternalError` without an
    /// MD5 or a CRC where one was promised.
    pub fn finish(
        self,
        md5: Option<[u8; 16]>,
        crc_of: impl FnOnce(ChecksumAlgorithm) -> Option<ChecksumValue>,
    ) -> Result<Digests, S3Error> {
        let in_trailer = match self.framing {
            Framing::Chunked(decoder) => decoder.finish()?,
            Framing::Plain => None,
        };
        if self.announced.is_some_and(|len| len != self.running.len) {
            return Err(S3Error::incomplete_body());
        }
        let Running { len, sha256, checksum } = self.running;
        if let (PayloadMode::Hash(sent), Some(hasher)) = (self.promises.payload, sha256) {
            check_sha256(&sent, &hasher.finalize().into())?;
        }
        if let Some(sent) = &self.promises.md5 {
            check_md5(sent, &md5.ok_or_else(S3Error::internal)?)?;
        }
        let told = |algorithm| match algorithm {
            ChecksumAlgorithm::Md5 => md5.map(ChecksumValue::from_md5),
            crc => crc_of(crc),
        };
        let checksum = match self.told {
            Some(algorithm) => Some(told(algorithm).ok_or_else(S3Error::internal)?),
            None => checksum.map(Hasher::finish),
        };
        let sent = match self.promises.checksum {
            Some(SentChecksum::Header(value)) => Some(value),
            Some(SentChecksum::Trailer(_)) => in_trailer,
            None => None,
        };
        if let Some(sent) = sent {
            check_checksum(&sent, checksum.as_ref())?;
        }
        Ok(Digests { len, checksum })
    }
}

/// Whether who takes the bytes of an object or a part makes this digest of them in any case.
const fn is_made_anyway(algorithm: ChecksumAlgorithm) -> bool {
    algorithm.combines() || matches!(algorithm, ChecksumAlgorithm::Md5)
}

/// The digests that grow here with the payload.
struct Running {
    len: u64,
    sha256: Option<Sha256>,
    checksum: Option<Hasher>,
}

impl Running {
    fn update(&mut self, piece: &[u8]) {
        self.len += piece.len() as u64;
        if let Some(hasher) = &mut self.sha256 {
            hasher.update(piece);
        }
        if let Some(hasher) = &mut self.checksum {
            hasher.update(piece);
        }
    }
}

impl Limit {
    const fn is_of_object(self) -> bool {
        matches!(self, Self::Object(_))
    }

    fn check(self, len: u64) -> Result<(), S3Error> {
        match self {
            Self::Object(max) if len > max => Err(S3Error::entity_too_large(len, max)),
            Self::Document(max) if len > max => Err(S3Error::max_message_length_exceeded(max)),
            Self::Object(_) | Self::Document(_) => Ok(()),
        }
    }
}

/// Payload bytes by the head. An aws-chunked body, or one in HTTP chunks, has its own header for it.
/// Source: S3 "Common Request Headers", Content-Length and x-amz-decoded-content-length.
fn announced_len(head: &Head, payload: PayloadMode) -> Option<u64> {
    let decoded = || head.headers.get_non_empty("x-amz-decoded-content-length");
    let text = if payload.is_streaming() {
        decoded()
    } else {
        head.headers.get_non_empty("content-length").or_else(decoded)
    }?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn check_sha256(sent: &[u8; 32], found: &[u8; 32]) -> Result<(), S3Error> {
    if sent == found {
        return Ok(());
    }
    Err(S3Error::content_sha256_mismatch(&to_hex(sent), &to_hex(found)))
}

fn check_md5(sent: &[u8; 16], found: &[u8; 16]) -> Result<(), S3Error> {
    if sent == found {
        return Ok(());
    }
    let (sent, found) = (BASE64.encode_to_string(sent), BASE64.encode_to_string(found));
    Err(S3Error::content_md5_mismatch(&sent, &found))
}

fn check_checksum(sent: &ChecksumValue, found: Option<&ChecksumValue>) -> Result<(), S3Error> {
    if Some(sent) == found {
        return Ok(());
    }
    Err(S3Error::checksum_mismatch(sent.algorithm().name()))
}
