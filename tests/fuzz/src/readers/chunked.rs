//! Room: aws-chunked bodies. The first line of an input says what the rest is:
//! `raw DECLARED ALGORITHM` wire bytes of an unsigned body of so many bytes, with a trailer of this checksum or `none`;
//! `signed CHUNK AT MASK ALGORITHM` a payload, to be sent in signed chunks of this size with one byte changed.
//!
//! Promises: however the wire is parted, payload and verdict are the same; a second reader, who has the whole wire at
//! once, agrees; what was framed comes out as it went in; of a signed body, changed on its way, no other payload does.

use bytes::Bytes;
use protocol::body::Intake;
use protocol::checksum::{ChecksumAlgorithm, ChecksumValue, Hasher};
use protocol::error::S3Error;
use protocol::limits::{CHUNK_LEN_MIN, CHUNK_LINE_LEN_MAX};
use protocol::request::{Head, Headers, Method};
use protocol::sign::sign::{Framer, Signed, Signer, Unsigned};
use protocol::sign::{Authenticated, PayloadMode, authenticate};

use super::{NOW, REGION, check_error, credential};
use crate::mutate::Dice;

pub(crate) fn run(bytes: &[u8]) {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let (first, rest) = (&bytes[..end], &bytes[end + 1..]);
    let words: Vec<&str> = str::from_utf8(first).unwrap_or("").split(' ').collect();
    match words[..] {
        ["raw", declared, algorithm] => {
            if let Ok(declared) = declared.parse() {
                raw(rest, declared, ChecksumAlgorithm::parse(algorithm).ok());
            }
        }
        ["signed", chunk, at, mask, algorithm] => {
            if let (Ok(chunk), Ok(at), Ok(mask)) = (chunk.parse(), at.parse(), mask.parse()) {
                signed(rest, chunk, (at, mask), ChecksumAlgorithm::parse(algorithm).ok());
            }
        }
        _ => {}
    }
}

fn raw(wire: &[u8], declared: u64, algorithm: Option<ChecksumAlgorithm>) {
    let request = Request::new(PayloadMode::StreamingUnsignedTrailer, declared, algorithm);
    for small in [false, true] {
        let found = request.receive_in_any_pieces(wire, small);
        let expect = reference(wire, declared, algorithm, small);
        assert_eq!(found.as_ref().ok(), expect.as_ref(), "small chunks {small}: {found:?}");
    }
}

fn signed(payload: &[u8], chunk: u16, change: (usize, u8), algorithm: Option<ChecksumAlgorithm>) {
    let mode = match algorithm {
        Some(_) => PayloadMode::StreamingSignedTrailer,
        None => PayloadMode::StreamingSigned,
    };
    let request =
        Request::new(mode, u64::try_from(payload.len()).expect("a size has 64 bits"), algorithm);
    let mut framer = Framer::signed(request.signed.chain.clone());
    payload.chunks(usize::from(chunk.max(1))).for_each(|data| framer.chunk(data));
    let mut wire = match algorithm {
        Some(algorithm) => {
            framer.end_with(&[(algorithm.header(), &checksum(algorithm, payload).to_base64())])
        }
        None => framer.end(),
    };
    assert_eq!(request.receive_in_any_pieces(&wire, true).as_deref(), Ok(payload));

    let (at, mask) = change;
    let place = at % wire.len();
    wire[place] ^= mask;
    if let Ok(found) = request.receive_in_any_pieces(&wire, true) {
        assert_eq!(found, payload, "byte {place} xor {mask}");
    }
}

/// A request that was signed and found good, without its body.
struct Request {
    head: Head,
    auth: Authenticated,
    signed: Signed,
    announced: u64,
}

impl Request {
    fn new(payload: PayloadMode, declared: u64, algorithm: Option<ChecksumAlgorithm>) -> Self {
        let mut headers = Headers::new();
        headers.insert("host", "node");
        headers.insert("x-amz-decoded-content-length", declared.to_string());
        if let Some(algorithm) = algorithm {
            headers.insert("x-amz-trailer", algorithm.header());
        }
        let credential = credential();
        let signer = Signer { credential: &credential, region: REGION, now: NOW };
        let path = "/bucket/key";
        let request = Unsigned { method: "PUT", path, query: "", headers: &headers, payload };
        let signed = signer.sign(&request);
        for (name, value) in &signed.headers {
            headers.insert(*name, value.as_bytes());
        }
        let head = Head::new(Method::Put, path, None, headers, &[]).expect("a good head");
        let auth = authenticate(&head, REGION, &credential, NOW).expect("what was signed is good");
        Self { head, auth, signed, announced: declared }
    }

    /// The payload, which does not depend on how the wire is parted.
    fn receive_in_any_pieces(&self, wire: &[u8], small: bool) -> Result<Vec<u8>, S3Error> {
        let wire = &Bytes::copy_from_slice(wire);
        let pieces = |pieces: Vec<&[u8]>| -> Vec<Bytes> {
            pieces.iter().map(|piece| wire.slice_ref(piece)).collect()
        };
        let whole = self.receive(vec![wire.clone()], small);
        let dice = &mut Dice::of(wire);
        for len_max in [1, 100] {
            assert_eq!(
                self.receive(pieces(dice.split(wire, len_max)), small),
                whole,
                "pieces of up to {len_max}"
            );
        }
        whole.inspect_err(check_error)
    }

    fn receive(&self, pieces: Vec<Bytes>, small: bool) -> Result<Vec<u8>, S3Error> {
        let mut intake = Intake::new(&self.head, &self.auth, None, 5 << 30)?;
        if small {
            intake = intake.allow_small_chunks();
        }
        let mut payload = Vec::new();
        for piece in pieces {
            intake.push(piece, &mut |part| {
                payload.extend_from_slice(&part);
            })?;
            assert!(payload.len() as u64 <= self.announced, "more than was announced");
        }
        let md5 = checksum(ChecksumAlgorithm::Md5, &payload);
        let md5 = md5.as_bytes().try_into().ok();
        let digests = intake.finish(md5, |crc| Some(checksum(crc, &payload)))?;
        assert_eq!(digests.len, payload.len() as u64);
        Ok(payload)
    }
}

fn checksum(algorithm: ChecksumAlgorithm, payload: &[u8]) -> ChecksumValue {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(payload);
    hasher.finish()
}

/// The payload of an unsigned body that is there as a whole; `None` if anything is wrong with it.
fn reference(
    mut wire: &[u8],
    declared: u64,
    promised: Option<ChecksumAlgorithm>,
    small: bool,
) -> Option<Vec<u8>> {
    let mut payload = Vec::new();
    let mut before = None;
    loop {
        let text = line(&mut wire)?.strip_suffix("\r")?.to_owned();
        let digits = text.split(';').next()?;
        let hex = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit());
        let len = u64::from_str_radix(digits, 16).ok().filter(|_| hex && !text.contains('\r'))?;
        if len == 0 {
            break;
        }
        if before.is_some_and(|before| before < CHUNK_LEN_MIN && !small) {
            return None;
        }
        before = Some(len);
        let (data, rest) = wire.split_at_checked(usize::try_from(len).ok()?)?;
        payload.extend_from_slice(data);
        wire = rest.strip_prefix(b"\r\n")?;
    }
    let mut trailers = Vec::new();
    loop {
        let text = line(&mut wire)?;
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            break;
        }
        let (name, value) = text.split_once(':').filter(|_| !text.contains('\r'))?;
        trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    let good = match promised {
        None => trailers.is_empty(),
        Some(algorithm) => {
            trailers == [(algorithm.header().to_owned(), checksum(algorithm, &payload).to_base64())]
        }
    };
    let ended = wire.len() <= 4 && wire.iter().all(|byte| b"\r\n".contains(byte));
    (good && ended && payload.len() as u64 == declared).then_some(payload)
}

/// The bytes up to the next line feed, if they are text and not too many.
fn line<'a>(wire: &mut &'a [u8]) -> Option<&'a str> {
    let end =
        wire.iter().position(|byte| *byte == b'\n').filter(|end| *end < CHUNK_LINE_LEN_MAX)?;
    let text = str::from_utf8(&wire[..end]).ok()?;
    *wire = &wire[end + 1..];
    Some(text)
}
