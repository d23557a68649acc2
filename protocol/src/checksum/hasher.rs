//! Room: computing one checksum over bytes as they come.
//!
//! Holds: the state of one algorithm, at most a few hundred bytes, on the heap where it is more than a register or two.

use alloc::boxed::Box;
use core::fmt;
use core::hash::Hasher as _;

use crc_fast::CrcAlgorithm;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use twox_hash::{XxHash3_64, XxHash3_128, XxHash64};

use super::{ChecksumAlgorithm, ChecksumValue};
use crate::crc::low_half;

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
    Sha512(Box<Sha512>),
    Md5(Box<Md5>),
    XxHash64(Box<XxHash64>),
    XxHash3(Box<XxHash3_64>),
    XxHash128(Box<XxHash3_128>),
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
            ChecksumAlgorithm::Sha512 => State::Sha512(Box::default()),
            ChecksumAlgorithm::Md5 => State::Md5(Box::default()),
            ChecksumAlgorithm::XxHash64 => State::XxHash64(Box::new(XxHash64::with_seed(0))),
            ChecksumAlgorithm::XxHash3 => State::XxHash3(Box::default()),
            ChecksumAlgorithm::XxHash128 => State::XxHash128(Box::default()),
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
            State::Sha512(_) => ChecksumAlgorithm::Sha512,
            State::Md5(_) => ChecksumAlgorithm::Md5,
            State::XxHash64(_) => ChecksumAlgorithm::XxHash64,
            State::XxHash3(_) => ChecksumAlgorithm::XxHash3,
            State::XxHash128(_) => ChecksumAlgorithm::XxHash128,
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Crc32(crc) | State::Crc32c(crc) | State::Crc64Nvme(crc) => crc.update(bytes),
            State::Sha1(sha) => sha.update(bytes),
            State::Sha256(sha) => sha.update(bytes),
            State::Sha512(sha) => sha.update(bytes),
            State::Md5(md5) => md5.update(bytes),
            State::XxHash64(xxh) => xxh.write(bytes),
            State::XxHash3(xxh) => xxh.write(bytes),
            State::XxHash128(xxh) => xxh.write(bytes),
        }
    }

    /// The value over all bytes taken.
    pub fn finish(self) -> ChecksumValue {
        let algorithm = self.algorithm();
        let digest = |bytes: &[u8]| {
            ChecksumValue::from_bytes(algorithm, bytes).expect("the algorithm's own digest")
        };
        match self.0 {
            State::Crc32(crc) => ChecksumValue::from_crc32(low_half(crc.finalize())),
            State::Crc32c(crc) => ChecksumValue::from_crc32c(low_half(crc.finalize())),
            State::Crc64Nvme(crc) => ChecksumValue::from_crc64(crc.finalize()),
            State::Sha1(sha) => digest(&sha.finalize()),
            State::Sha256(sha) => digest(&sha.finalize()),
            State::Sha512(sha) => digest(&sha.finalize()),
            State::Md5(md5) => digest(&md5.finalize()),
            State::XxHash64(xxh) => digest(&xxh.finish().to_be_bytes()),
            State::XxHash3(xxh) => digest(&xxh.finish().to_be_bytes()),
            State::XxHash128(xxh) => digest(&xxh.finish_128().to_be_bytes()),
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher({})", self.algorithm().name())
    }
}
