//! Room: the bytes of objects, and their digests by means that the node does not use.
//!
//! Contents are whole in memory. Large ones are few and shared, so that their digests are computed once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;
use std::rc::Rc;

use bytes::Bytes;
use md5::{Digest, Md5};

/// Bytes that know their digests once somebody has asked.
pub(crate) struct Content {
    pub(crate) bytes: Bytes,
    digests: RefCell<HashMap<&'static str, Vec<u8>>>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes {}", self.bytes.len(), &hex(&self.digest("MD5"))[..8])
    }
}

/// From this length on a pattern is kept for the next who wants it.
const KEPT: usize = 1 << 20;

thread_local! {
    static PATTERNS: RefCell<HashMap<(u8, usize), Rc<Content>>> = RefCell::default();
}

impl Content {
    pub(crate) fn new(bytes: Bytes) -> Rc<Self> {
        Rc::new(Self { bytes, digests: RefCell::default() })
    }

    /// `len` bytes, other ones for each `seed`.
    pub(crate) fn pattern(seed: u8, len: usize) -> Rc<Self> {
        let make = || {
            let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let bytes = (0..len).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state.to_be_bytes()[0]
            });
            Self::new(bytes.collect())
        };
        if len < KEPT {
            return make();
        }
        let kept = PATTERNS.with_borrow(|patterns| patterns.get(&(seed, len)).cloned());
        kept.unwrap_or_else(|| {
            let made = make();
            PATTERNS.with_borrow_mut(|patterns| patterns.insert((seed, len), made.clone()));
            made
        })
    }

    /// The bytes of a range; of all of them, this very content.
    pub(crate) fn slice(self: &Rc<Self>, first: usize, end: usize) -> Rc<Self> {
        if (first, end) == (0, self.bytes.len()) {
            return self.clone();
        }
        Self::new(self.bytes.slice(first..end))
    }

    /// One content behind the other; a lone one is itself.
    pub(crate) fn joined(parts: &[Rc<Self>]) -> Rc<Self> {
        if let [one] = parts {
            return one.clone();
        }
        let parts: Vec<&[u8]> = parts.iter().map(|part| &part.bytes[..]).collect();
        Self::new(parts.concat().into())
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Its digest by the algorithm that S3 calls so.
    pub(crate) fn digest(&self, algorithm: &'static str) -> Vec<u8> {
        let known = self.digests.borrow().get(algorithm).cloned();
        known.unwrap_or_else(|| {
            let made = digest(algorithm, &self.bytes);
            self.digests.borrow_mut().insert(algorithm, made.clone());
            made
        })
    }

    /// The MD5 in hex, as an ETag.
    pub(crate) fn etag(&self) -> String {
        hex(&self.digest("MD5"))
    }
}

/// The digest of `bytes` by the algorithm that S3 calls so.
pub(crate) fn digest(algorithm: &str, bytes: &[u8]) -> Vec<u8> {
    use crc_fast::CrcAlgorithm as Crc;
    let crc = |algorithm| crc_fast::checksum(algorithm, bytes).to_be_bytes();
    match algorithm {
        "MD5" => Md5::digest(bytes).to_vec(),
        "SHA1" => sha1::Sha1::digest(bytes).to_vec(),
        "SHA256" => sha2::Sha256::digest(bytes).to_vec(),
        "SHA512" => sha2::Sha512::digest(bytes).to_vec(),
        "XXHASH64" => twox_hash::XxHash64::oneshot(0, bytes).to_be_bytes().to_vec(),
        "XXHASH3" => twox_hash::XxHash3_64::oneshot(bytes).to_be_bytes().to_vec(),
        "XXHASH128" => twox_hash::XxHash3_128::oneshot(bytes).to_be_bytes().to_vec(),
        "CRC32" => crc(Crc::Crc32IsoHdlc)[4..].to_vec(),
        "CRC32C" => crc(Crc::Crc32Iscsi)[4..].to_vec(),
        "CRC64NVME" => crc(Crc::Crc64Nvme).to_vec(),
        other => panic!("{other} is no algorithm"),
    }
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

/// Standard base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_values_of_the_algorithms() {
        for (algorithm, expected) in [
            ("CRC32", "cbf43926"),
            ("CRC32C", "e3069283"),
            ("CRC64NVME", "ae8b14860a799888"),
            ("MD5", "25f9e794323b453885f5181f1b624d0b"),
            ("SHA1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        ] {
            assert_eq!(hex(&digest(algorithm, b"123456789")), expected, "{algorithm}");
        }
    }
}
