//! Room: the checksums that clients may ask for: names, spellings, types and values; [`hasher`] computes them.
//!
//! Source: S3 "Checking object integrity", x-amz-checksum-algorithm, x-amz-checksum-type.

mod hasher;

use alloc::format;
use alloc::string::String;

use base64_simd::STANDARD;

pub use self::hasher::Hasher;
use crate::error::S3Error;

/// The checksum algorithms of the S3 model.
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
    /// SHA-512.
    Sha512,
    /// MD5, as a checksum beside the ETag.
    Md5,
    /// XXH64 with seed 0.
    XxHash64,
    /// XXH3 of 64 bits with seed 0.
    XxHash3,
    /// XXH3 of 128 bits with seed 0.
    XxHash128,
}

/// How an algorithm is spelled, and how long its values are.
struct Form {
    name: &'static str,
    lower: &'static str,
    header: &'static str,
    element: &'static str,
    digest_len: usize,
}

macro_rules! form {
    ($name:literal, $lower:literal, $digest_len:literal) => {
        &Form {
            name: $name,
            lower: $lower,
            header: concat!("x-amz-checksum-", $lower),
            element: concat!("Checksum", $name),
            digest_len: $digest_len,
        }
    };
}

impl ChecksumAlgorithm {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::Md5,
        Self::XxHash64,
        Self::XxHash3,
        Self::XxHash128,
    ];

    const fn form(self) -> &'static Form {
        match self {
            Self::Crc32 => form!("CRC32", "crc32", 4),
            Self::Crc32c => form!("CRC32C", "crc32c", 4),
            Self::Crc64Nvme => form!("CRC64NVME", "crc64nvme", 8),
            Self::Sha1 => form!("SHA1", "sha1", 20),
            Self::Sha256 => form!("SHA256", "sha256", 32),
            Self::Sha512 => form!("SHA512", "sha512", 64),
            Self::Md5 => form!("MD5", "md5", 16),
            Self::XxHash64 => form!("XXHASH64", "xxhash64", 8),
            Self::XxHash3 => form!("XXHASH3", "xxhash3", 8),
            Self::XxHash128 => form!("XXHASH128", "xxhash128", 16),
        }
    }

    /// As in `x-amz-checksum-algorithm` and `<ChecksumAlgorithm>`: `CRC32`.
    pub const fn name(self) -> &'static str {
        self.form().name
    }

    /// As in some sentences of errors: `crc32`.
    pub const fn lower(self) -> &'static str {
        self.form().lower
    }

    /// The header or trailer that carries the value: `x-amz-checksum-crc32`.
    pub const fn header(self) -> &'static str {
        self.form().header
    }

    /// The XML element that carries the value: `ChecksumCRC32`.
    pub const fn element(self) -> &'static str {
        self.form().element
    }

    /// Bytes of a value.
    pub const fn digest_len(self) -> usize {
        self.form().digest_len
    }

    /// Whether the checksum of a whole follows from those of its parts.
    pub const fn combines(self) -> bool {
        match self {
            Self::Crc32 | Self::Crc32c | Self::Crc64Nvme => true,
            Self::Sha1
            | Self::Sha256
            | Self::Sha512
            | Self::Md5
            | Self::XxHash64
            | Self::XxHash3
            | Self::XxHash128 => false,
        }
    }

    /// Reads the value of `x-amz-checksum-algorithm`, in any case. Fails with InvalidRequest for
    /// what is none.
    pub fn parse(name: &str) -> Result<Self, S3Error> {
        let known = Self::ALL.into_iter().find(|a| a.name().eq_ignore_ascii_case(name));
        known.ok_or_else(|| {
            S3Error::invalid_request(
                "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]",
            )
        })
    }

    /// The algorithm whose value this header or trailer carries; `name` in lower case.
    pub fn of_header(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.header() == name)
    }

    /// Whether a multipart upload may use the algorithm with this type. S3: "Checking object
    /// integrity", full object and composite checksum types.
    pub const fn allows(self, kind: ChecksumType) -> bool {
        match kind {
            ChecksumType::FullObject => self.combines(),
            ChecksumType::Composite => !matches!(self, Self::Crc64Nvme),
        }
    }

    /// The type of a multipart upload that asks for none.
    pub const fn default_type(self) -> ChecksumType {
        if self.allows(ChecksumType::Composite) {
            ChecksumType::Composite
        } else {
            ChecksumType::FullObject
        }
    }
}

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

const DIGEST_LEN_MAX: usize = 64;

/// A value of one algorithm. Numbers (CRCs and XXH) are big-endian, XXH128 with its high half first.
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

    /// The value of an MD5.
    pub fn from_md5(md5: [u8; 16]) -> Self {
        Self::from_bytes(ChecksumAlgorithm::Md5, &md5).expect("16 bytes")
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

#[cfg(test)]
mod tests;
