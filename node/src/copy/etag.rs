//! Room: what a copied part is called: its ETag, and digests that need its bytes.
//!
//! Source: S3 UploadPartCopy, CopyPartResult ETag ("need not be an MD5"); configuration `etag.md5_up_to`.
//! Invariant: an opaque ETag is never stored as an MD5.

use std::rc::Rc;

use meta::extent::PieceSlice;
use meta::fingerprint::Fingerprint;
use meta::id::Generation;
use protocol::checksum::{ChecksumAlgorithm, ChecksumValue, Hasher};
use protocol::etag::ETag;
use protocol::range::ByteRange;
use sha2::{Digest as _, Sha256};

use crate::blob::{BlockReader, ReadError};
use crate::digest::Md5Stream;
use crate::limits;
use crate::machine::Machine;
use crate::seam::in_queue;

/// What reading the range's bytes has told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digested {
    /// The MD5 of the range, if it was asked for, be it as a checksum.
    pub md5: Option<[u8; 16]>,
    /// The checksum of the range, if it was asked for.
    pub checksum: Option<ChecksumValue>,
}

impl Digested {
    /// Reads the range once, verified, for what is asked of it; in the queue for long work.
    ///
    /// # Errors
    /// If the bytes cannot be read or are not what was written.
    pub async fn of(
        machine: &Rc<Machine>,
        slices: Vec<PieceSlice>,
        md5: bool,
        algorithm: Option<ChecksumAlgorithm>,
    ) -> Result<Self, ReadError> {
        let reading = Self::read(Rc::clone(machine), slices, md5, algorithm);
        in_queue(&*machine.bulk, reading).await
    }

    async fn read(
        machine: Rc<Machine>,
        slices: Vec<PieceSlice>,
        md5: bool,
        algorithm: Option<ChecksumAlgorithm>,
    ) -> Result<Self, ReadError> {
        // An MD5 is made in the lanes, also where it is the checksum.
        let is_md5 = algorithm == Some(ChecksumAlgorithm::Md5);
        let mut md5 = (md5 || is_md5).then(|| machine.md5.stream());
        let mut checksum = algorithm.filter(|_| !is_md5).map(Hasher::new);
        let step_len = limits::digest_step_len(algorithm);
        let mut reader = BlockReader::new(machine.copy_path.clone(), slices);
        while let Some(block) = reader.next().await {
            let block = block?;
            if let Some(checksum) = &mut checksum {
                for step in block.chunks(step_len) {
                    checksum.update(step);
                    machine.clock.pause().await;
                }
            }
            if let Some(md5) = &mut md5 {
                md5.update(block).await;
            }
        }
        let md5 = md5.map(Md5Stream::finish);
        let by_md5 = md5.filter(|_| is_md5).map(ChecksumValue::from_md5);
        Ok(Self { md5, checksum: checksum.map(Hasher::finish).or(by_md5) })
    }
}

/// The ETag of a range that is not read: the first 128 bits of SHA-256 over what identifies its content (its
/// fingerprint, the source's generation, offset and length, all little-endian). Stable for a retry, not to be forged.
#[must_use]
pub fn opaque_etag(content: Fingerprint, source: Generation, range: ByteRange) -> ETag {
    let mut hash = Sha256::new();
    hash.update(content.encode());
    hash.update(source.get().to_le_bytes());
    hash.update(range.start().to_le_bytes());
    hash.update(range.len().to_le_bytes());
    let mut digest = [0; 16];
    for (out, byte) in digest.iter_mut().zip(hash.finalize()) {
        *out = byte;
    }
    // Written like an MD5, as S3's own opaque ETags are.
    ETag::from_md5(&digest)
}
