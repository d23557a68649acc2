//! Room: takes the aws-chunked frame off a body: sizes, chunk signatures, trailers.
//! Holds: at most one line of framing (`CHUNK_LINE_LEN_MAX`) and the running digest of one signed chunk.
//! Invariants: no byte is handed out beyond the declared length; splitting the wire elsewhere
//! changes nothing.
//! Source: S3 "Signature Calculations for the Authorization Header: Transferring Payload in
//! Multiple Chunks", "… Including Trailing Headers", "x-amz-decoded-content-length".

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::checksum::{ChecksumAlgorithm, ChecksumValue};
use crate::error::S3Error;
use crate::limits::{CHUNK_LEN_MIN, CHUNK_LINE_LEN_MAX};
use crate::sign::{Authenticated, Chain, PayloadMode};

/// An aws-chunked body on its way in.
pub(super) struct Decoder {
    state: State,
    line: Line,
    sizes: Sizes,
    /// Signed bodies only.
    seal: Option<Seal>,
    trailer: Trailer,
}

enum State {
    /// A chunk's first line is to come.
    Size,
    /// So many bytes of a chunk are to come.
    Data { left: u64 },
    /// The line end after a chunk's data is to come.
    DataEnd,
    /// The zero chunk is through; trailers or the last empty line are to come.
    Trailer,
    /// All is through; some clients send one or two empty lines more.
    End { spare: usize },
}

impl Decoder {
    /// For a body of `declared` payload bytes, whose trailers hold a checksum by `promised`; `None`
    /// for a plain body.
    pub(super) fn for_payload(
        auth: &Authenticated,
        declared: u64,
        promised: Option<ChecksumAlgorithm>,
    ) -> Option<Self> {
        let (signed, allowed) = match auth.payload {
            PayloadMode::StreamingSigned => (true, false),
            PayloadMode::StreamingSignedTrailer => (true, true),
            PayloadMode::StreamingUnsignedTrailer => (false, true),
            PayloadMode::Hash(_) | PayloadMode::Unsigned => return None,
        };
        Some(Self {
            state: State::Size,
            line: Line { bytes: Vec::new() },
            sizes: Sizes { declared, seen: 0, chunks: 0, last: None, small_allowed: false },
            seal: signed.then(|| Seal::new(auth.chain.clone())),
            trailer: Trailer { allowed, promised, value: None, lines: String::new() },
        })
    }

    /// Takes chunks below S3's least size.
    pub(super) fn allow_small_chunks(&mut self) {
        self.sizes.small_allowed = true;
    }

    /// Takes wire bytes and hands out payload.
    pub(super) fn push(
        &mut self,
        mut wire: Bytes,
        out: &mut dyn FnMut(Bytes),
    ) -> Result<(), S3Error> {
        while !wire.is_empty() {
            match &mut self.state {
                State::Size => {
                    if let Some(line) = self.line.take(&mut wire, LineEnd::CrLf)? {
                        self.begin_chunk(&line)?;
                    }
                }
                State::Data { left } => {
                    let len = usize::try_from(*left).unwrap_or(usize::MAX).min(wire.len());
                    let piece = wire.split_to(len);
                    *left -= piece.len() as u64;
                    let ended = *left == 0;
                    if let Some(seal) = &mut self.seal {
                        seal.digest.update(&piece);
                    }
                    out(piece);
                    if ended {
                        self.end_chunk()?;
                    }
                }
                State::DataEnd => {
                    if let Some(line) = self.line.take(&mut wire, LineEnd::CrLf)? {
                        if !line.is_empty() {
                            return Err(S3Error::body_terminated());
                        }
                        self.state = State::Size;
                    }
                }
                State::Trailer => {
                    if let Some(line) = self.line.take(&mut wire, LineEnd::Lf)? {
                        self.trailer_line(&line)?;
                    }
                }
                State::End { spare } => {
                    *spare += wire.len();
                    if *spare > SPARE_LEN_MAX || wire.iter().any(|b| !matches!(b, b'\r' | b'\n')) {
                        return Err(S3Error::body_terminated());
                    }
                    wire.clear();
                }
            }
        }
        Ok(())
    }

    /// At the end of the wire: the checksum from the trailers.
    pub(super) fn finish(self) -> Result<Option<ChecksumValue>, S3Error> {
        match self.state {
            State::End { .. } => Ok(self.trailer.value),
            State::Size | State::Data { .. } | State::DataEnd | State::Trailer => {
                Err(S3Error::body_terminated())
            }
        }
    }

    /// `<hex size>` and, in a signed body, `;chunk-signature=<64 hex>`.
    fn begin_chunk(&mut self, line: &[u8]) -> Result<(), S3Error> {
        let line = core::str::from_utf8(line).map_err(|_not_text| S3Error::body_terminated())?;
        let (size, extension) = match line.split_once(';') {
            Some((size, extension)) => (size, Some(extension)),
            None => (line, None),
        };
        let len = parse_size(size).ok_or_else(S3Error::body_terminated)?;
        if let Some(seal) = &mut self.seal {
            let signature = extension
                .and_then(|extension| extension.strip_prefix("chunk-signature="))
                .filter(|signature| signature.len() == SIGNATURE_DIGITS)
                .ok_or_else(S3Error::body_terminated)?;
            seal.provided = signature.to_string();
        }
        self.sizes.next(len)?;
        if len > 0 {
            self.state = State::Data { left: len };
            return Ok(());
        }
        if let Some(seal) = &mut self.seal {
            seal.close()?;
        }
        self.state = State::Trailer;
        Ok(())
    }

    fn end_chunk(&mut self) -> Result<(), S3Error> {
        self.state = State::DataEnd;
        match &mut self.seal {
            Some(seal) => seal.close(),
            None => Ok(()),
        }
    }

    fn trailer_line(&mut self, line: &[u8]) -> Result<(), S3Error> {
        let line = core::str::from_utf8(line).map_err(|_not_text| S3Error::malformed_trailer())?;
        let ended = match &mut self.seal {
            // Without trailers the zero chunk ends with one empty line.
            _ if !self.trailer.allowed && line.is_empty() => true,
            _ if !self.trailer.allowed => return Err(S3Error::body_terminated()),
            Some(seal) => seal.trailer_line(&mut self.trailer, line)?,
            None => self.trailer.line(line)?,
        };
        if ended {
            self.state = State::End { spare: 0 };
        }
        Ok(())
    }
}

/// The rules for chunk sizes.
struct Sizes {
    declared: u64,
    seen: u64,
    chunks: u64,
    last: Option<u64>,
    small_allowed: bool,
}

impl Sizes {
    /// Counts the next chunk; one of zero bytes is the end.
    fn next(&mut self, len: u64) -> Result<(), S3Error> {
        self.chunks += 1;
        let before = self.last.replace(len);
        if let Some(before) = before
            && len > 0
            && before < CHUNK_LEN_MIN
            && !self.small_allowed
        {
            // As the service does: the size of the small one, the number of the one after it.
            return Err(S3Error::invalid_chunk_size(self.chunks, before));
        }
        let room = self.declared - self.seen;
        if len > room || (len == 0 && room > 0) {
            return Err(S3Error::incomplete_body());
        }
        self.seen += len;
        Ok(())
    }
}

/// The signatures of a signed body.
struct Seal {
    chain: Chain,
    digest: Sha256,
    /// The signature in the chunk's first line.
    provided: String,
    /// Whether an empty line was seen before the trailers' signature.
    gap: bool,
    /// Whether the trailers' signature was seen and right.
    complete: bool,
}

impl Seal {
    fn new(chain: Chain) -> Self {
        Self { chain, digest: Sha256::new(), provided: String::new(), gap: false, complete: false }
    }

    /// At the end of a chunk.
    fn close(&mut self) -> Result<(), S3Error> {
        let digest = self.digest.finalize_reset().into();
        self.chain.verify_chunk(&digest, &self.provided)
    }

    /// A line of signed trailers; whether it ends them.
    fn trailer_line(&mut self, trailer: &mut Trailer, line: &str) -> Result<bool, S3Error> {
        if self.complete {
            return if line.is_empty() { Ok(true) } else { Err(S3Error::body_terminated()) };
        }
        if let Some(signature) = line.strip_prefix("x-amz-trailer-signature:") {
            trailer.check_complete()?;
            if signature.len() != SIGNATURE_DIGITS {
                return Err(S3Error::body_terminated());
            }
            let digest = Sha256::digest(&trailer.lines).into();
            self.chain.verify_trailer(&digest, signature)?;
            self.complete = true;
        } else if line.is_empty() && !self.gap {
            // minio-go puts an empty line between the trailers and their signature.
            trailer.check_complete()?;
            self.gap = true;
        } else if self.gap || trailer.value.is_some() {
            // Only the signature may follow.
            return Err(S3Error::body_terminated());
        } else {
            trailer.take(line)?;
        }
        Ok(false)
    }
}

/// What follows the zero chunk.
struct Trailer {
    /// Whether this kind of body may have any.
    allowed: bool,
    promised: Option<ChecksumAlgorithm>,
    value: Option<ChecksumValue>,
    /// As they are signed: `name:value` and a line feed each.
    lines: String,
}

impl Trailer {
    /// A line of trailers without a signature; whether it ends them.
    fn line(&mut self, line: &str) -> Result<bool, S3Error> {
        if line.is_empty() {
            self.check_complete()?;
            return Ok(true);
        }
        self.take(line)?;
        Ok(false)
    }

    /// `name:value`, which must be the one that the head promised.
    fn take(&mut self, line: &str) -> Result<(), S3Error> {
        let (name, value) = line.split_once(':').ok_or_else(S3Error::malformed_trailer)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        let algorithm = self
            .promised
            .filter(|algorithm| algorithm.header() == name && self.value.is_none())
            .ok_or_else(S3Error::malformed_trailer)?;
        self.value = Some(
            ChecksumValue::parse_base64(algorithm, value)
                .ok_or_else(|| S3Error::invalid_trailer_value(algorithm.header()))?,
        );
        self.lines.push_str(&format!("{name}:{value}\n"));
        Ok(())
    }

    fn check_complete(&self) -> Result<(), S3Error> {
        if self.promised.is_some() && self.value.is_none() {
            return Err(S3Error::malformed_trailer());
        }
        Ok(())
    }
}

/// One line of framing, gathered from pieces of the wire.
struct Line {
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    /// Carriage return and line feed.
    CrLf,
    /// The line feed alone is enough.
    Lf,
}

impl Line {
    /// Takes bytes up to the line's end off the wire; the line without its end once it is whole.
    fn take(&mut self, wire: &mut Bytes, end: LineEnd) -> Result<Option<Vec<u8>>, S3Error> {
        let feed = wire.iter().position(|&byte| byte == b'\n');
        let len = feed.map_or(wire.len(), |index| index + 1);
        if self.bytes.len() + len > CHUNK_LINE_LEN_MAX {
            return Err(S3Error::body_terminated());
        }
        self.bytes.extend_from_slice(&wire.split_to(len));
        if feed.is_none() {
            return Ok(None);
        }
        let mut line = core::mem::take(&mut self.bytes);
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        } else if end == LineEnd::CrLf {
            return Err(S3Error::body_terminated());
        }
        if line.contains(&b'\r') { Err(S3Error::body_terminated()) } else { Ok(Some(line)) }
    }
}

/// Hexadecimal digits only, no sign, at most 64 bits.
fn parse_size(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(text, 16).ok()
}

/// Hexadecimal digits of a signature.
const SIGNATURE_DIGITS: usize = 64;
/// Empty lines after the end that are overlooked: two.
const SPARE_LEN_MAX: usize = 4;
