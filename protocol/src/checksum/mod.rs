//! Room: the checksums that clients may ask for: names, spellings, types, and computing them.
//!
//! Source: S3 "Checking object integrity", x-amz-checksum-algorithm, x-amz-checksum-type.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;

use base64_simd::STANDARD;
use crc_fast::CrcAlgorithm;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::crc::low_half;
use crate::error::S3Error;

/// The checksum algorithms that we compute. The S3 model has five more; see [`Self::parse`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ChecksumAlgorithm {
    /// CRC-32 of ISO-HDLC.
    Crc32,
    /// CRC-32 of Castagnoli.
    Crc32c,
    /// CRC-64 of NVM Express.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl ChecksumAlgorithm {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// As in `x-amz-checksum-algorithm` and `<ChecksumAlgorithm>`: `CRC32`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// Whether the checksum of a whole follows from those of its parts.
    pub const fn combines(self) -> bool {
        match self {
            Self::Crc32 | Self::Crc32c | Self::Crc64Nvme => true,
            Self::Sha1 | Self::Sha256 => false,
        }
    }

    /// As in some sentences of errors: `crc32`.
    pub const fn lower(self) -> &'static str {
        match self {
            Self::Crc32 => "crc32",
            Self::Crc32c => "crc32c",
            Self::Crc64Nvme => "crc64nvme",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// The header or trailer that carries the value: `x-amz-checksum-crc32`.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The XML element that carries the value: `ChecksumCRC32`.
    pub const fn element(self) -> &'static str {
        match self {
            Self::Crc32 => "ChecksumCRC32",
            Self::Crc32c => "ChecksumCRC32C",
            Self::Crc64Nvme => "ChecksumCRC64NVME",
            Self::Sha1 => "ChecksumSHA1",
            Self::Sha256 => "ChecksumSHA256",
        }
    }

    /// Bytes of a value.
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Reads the value of `x-amz-checksum-algorithm`, in any case. Fails with NotImplemented for
    /// the five newer algorithms of S3, and with InvalidRequest for what is none.
    pub fn parse(name: &str) -> Result<Self, S3Error> {
        let known = Self::ALL.into_iter().find(|a| a.name().eq_ignore_ascii_case(name));
        if let Some(algorithm) = known {
            return Ok(algorithm);
        }
        if NOT_BUILT.iter().any(|n| n.eq_ignore_ascii_case(name)) {
            return Err(S3Error::not_implemented(Some("x-amz-checksum-algorithm"), None));
        }
        Err(S3Error::invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]",
        ))
    }

    /// The algorithm whose value this header or trailer carries; `name` in lower case.
    pub fn of_header(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.header() == name)
    }

    /// Whether a multipart upload may use the algorithm with this type. S3: "Checking object
    /// integrity", full object and composite checksum types.
    pub const fn allows(self, kind: ChecksumType) -> bool {
        match (self, kind) {
            (Self::Crc64Nvme, ChecksumType::Composite)
            | (Self::Sha1 | Self::Sha256, ChecksumType::FullObject) => false,
            (
                Self::Crc32 | Self::Crc32c | Self::Crc64Nvme | Self::Sha1 | Self::Sha256,
                ChecksumType::FullObject | ChecksumType::Composite,
            ) => true,
        }
    }

    /// The type of a multipart upload that asks for none.
    pub const fn default_type(self) -> ChecksumType {
        match self {
            Self::Crc64Nvme => ChecksumType::FullObject,
            Self::Crc32 | Self::Crc32c | Self::Sha1 | Self::Sha256 => ChecksumType::Composite,
        }
    }
}

/// Algorithms of the S3 model that we do not compute.
pub const NOT_BUILT: [&str; 5] = ["SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"];

/// What the checksum of an object of parts is taken over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ChecksumType {
    /// The whole content.
    FullObject,
    /// The parts' checksums, one after the other.
    Composite,
}

impl ChecksumType {
    /// Reads the value of `x-amz-checksum-type`, in any case. Fails with InvalidRequest.
    pub fn parse(text: &str) -> Result<Self, S3Error> {
        [Self::FullObject, Self::Composite]
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| S3Error::invalid_header_value("x-amz-checksum-type"))
    }

    /// `FULL_OBJECT` or `COMPOSITE`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

const DIGEST_LEN_MAX: usize = 32;

/// A value of one algorithm. CRCs are big-endian.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ChecksumValue {
    algorithm: ChecksumAlgorithm,
    /// Zero after `digest_len`.
    bytes: [u8; DIGEST_LEN_MAX],
}

impl ChecksumValue {
    /// The value of these bytes; `None` when they are not as many as the algorithm has.
    pub fn from_bytes(algorithm: ChecksumAlgorithm, digest: &[u8]) -> Option<Self> {
        let mut bytes = [0; DIGEST_LEN_MAX];
        if digest.len() != algorithm.digest_len() {
            return None;
        }
        bytes[..digest.len()].copy_from_slice(digest);
        Some(Self { algorithm, bytes })
    }

    /// Reads base64 of exactly the right length, with its padding.
    pub fn parse_base64(algorithm: ChecksumAlgorithm, text: &str) -> Option<Self> {
        let mut bytes = [0; 2 * DIGEST_LEN_MAX];
        // Longer text than the longest value's needs no decoding.
        let out = bytes.get_mut(..text.len())?;
        out.copy_from_slice(text.as_bytes());
        let decoded = STANDARD.decode_inplace(out).ok()?;
        Self::from_bytes(algorithm, decoded)
    }

    /// The value of a CRC64NVME.
    pub fn from_crc64(crc: u64) -> Self {
        Self::from_bytes(ChecksumAlgorithm::Crc64Nvme, &crc.to_be_bytes()).expect("8 bytes")
    }

    /// The value of a CRC32.
    pub fn from_crc32(crc: u32) -> Self {
        Self::from_bytes(ChecksumAlgorithm::Crc32, &crc.to_be_bytes()).expect("4 bytes")
    }

    /// The value of a CRC32C.
    pub fn from_crc32c(crc: u32) -> Self {
        Self::from_bytes(ChecksumAlgorithm::Crc32c, &crc.to_be_bytes()).expect("4 bytes")
    }

    /// The algorithm.
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// The bytes, as many as the algorithm has.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.digest_len()]
    }

    /// Base64, as in headers and XML.
    pub fn to_base64(&self) -> String {
        STANDARD.encode_to_string(self.as_bytes())
    }
}

/// The checksum of an object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Checksum {
    /// Its value.
    pub value: ChecksumValue,
    /// What it is taken over.
    pub kind: ChecksumType,
    /// How many parts' checksums it is taken over; `None` exactly for FULL_OBJECT.
    pub parts: Option<u32>,
}

impl Checksum {
    /// A checksum of the whole content.
    pub fn full_object(value: ChecksumValue) -> Self {
        Self { value, kind: ChecksumType::FullObject, parts: None }
    }

    /// The checksum of the parts' checksums, all of them of `algorithm`.
    pub fn composite(
        algorithm: ChecksumAlgorithm,
        parts: impl Iterator<Item = ChecksumValue>,
    ) -> Self {
        let mut hasher = Hasher::new(algorithm);
        let mut count = 0;
        for part in parts {
            assert_eq!(part.algorithm, algorithm, "parts of one upload share its algorithm");
            hasher.update(part.as_bytes());
            count += 1;
        }
        Self { value: hasher.finish(), kind: ChecksumType::Composite, parts: Some(count) }
    }

    /// Base64, and `-N` for a COMPOSITE one: as in headers and the answer of
    /// CompleteMultipartUpload.
    pub fn text(&self) -> String {
        match self.parts {
            Some(parts) => format!("{}-{parts}", self.value.to_base64()),
            None => self.value.to_base64(),
        }
    }

    /// Reads a value that may end in `-N`: the value, and N. `None` = not a value of `algorithm`.
    pub fn parse_text(
        algorithm: ChecksumAlgorithm,
        text: &str,
    ) -> Option<(ChecksumValue, Option<u32>)> {
        // Standard base64 has no dash.
        match text.split_once('-') {
            None => Some((ChecksumValue::parse_base64(algorithm, text)?, None)),
            Some((value, parts)) => {
                let digits = !parts.is_empty() && parts.bytes().all(|b| b.is_ascii_digit());
                let parts = if digits { parts.parse().ok()? } else { return None };
                Some((ChecksumValue::parse_base64(algorithm, value)?, Some(parts)))
            }
        }
    }
}

/// Computes one checksum over bytes as they come.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Crc32(crc_fast::Digest),
    Crc32c(crc_fast::Digest),
    Crc64Nvme(crc_fast::Digest),
    Sha1(Box<Sha1>),
    Sha256(Box<Sha256>),
}

impl Hasher {
    /// Over nothing yet.
    pub fn new(algorithm: ChecksumAlgorithm) -> Self {
        let crc = crc_fast::Digest::new;
        Self(match algorithm {
            ChecksumAlgorithm::Crc32 => State::Crc32(crc(CrcAlgorithm::Crc32IsoHdlc)),
            ChecksumAlgorithm::Crc32c => State::Crc32c(crc(CrcAlgorithm::Crc32Iscsi)),
            ChecksumAlgorithm::Crc64Nvme => State::Crc64Nvme(crc(CrcAlgorithm::Crc64Nvme)),
            ChecksumAlgorithm::Sha1 => State::Sha1(Box::default()),
            ChecksumAlgorithm::Sha256 => State::Sha256(Box::default()),
        })
    }

    /// The algorithm.
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        match &self.0 {
            State::Crc32(_) => ChecksumAlgorithm::Crc32,
            State::Crc32c(_) => ChecksumAlgorithm::Crc32c,
            State::Crc64Nvme(_) => ChecksumAlgorithm::Crc64Nvme,
            State::Sha1(_) => ChecksumAlgorithm::Sha1,
            State::Sha256(_) => ChecksumAlgorithm::Sha256,
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Crc32(crc) | State::Crc32c(crc) | State::Crc64Nvme(crc) => crc.update(bytes),
            State::Sha1(sha) => sha.update(bytes),
            State::Sha256(sha) => sha.update(bytes),
        }
    }

    /// The value over all bytes taken.
    pub fn finish(self) -> ChecksumValue {
        let digest = |algorithm, bytes: &[u8]| {
            ChecksumValue::from_bytes(algorithm, bytes).expect("the algorithm's own digest")
        };
        match self.0 {
            State::Crc32(crc) => ChecksumValue::from_crc32(low_half(crc.finalize())),
            State::Crc32c(crc) => ChecksumValue::from_crc32c(low_half(crc.finalize())),
            State::Crc64Nvme(crc) => ChecksumValue::from_crc64(crc.finalize()),
            State::Sha1(sha) => digest(ChecksumAlgorithm::Sha1, &sha.finalize()),
            State::Sha256(sha) => digest(ChecksumAlgorithm::Sha256, &sha.finalize()),
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher({})", self.algorithm().name())
    }
}

#[cfg(test)]
mod tests;
