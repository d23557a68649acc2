//! Room: what is remembered of a run of bytes so that it can be recognised: three CRCs.
//!
//! Invariants: all three are linear, so the fingerprint of a whole follows from those of its parts
//! and their lengths, and the other way round, without the bytes. A fingerprint finds accidents, not
//! forgeries, and is never mistaken for an MD5.
//! Source: the checksums of "Checking object integrity in Amazon S3" that combine.

use protocol::checksum::{ChecksumAlgorithm, ChecksumValue};
use protocol::crc;

use crate::table::{BLOCK_LEN, BlockTable};

/// CRC64NVME, CRC32C and CRC32 of the same bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Fingerprint {
    /// CRC-64/NVME.
    pub crc64nvme: u64,
    /// CRC-32/ISCSI (Castagnoli).
    pub crc32c: u32,
    /// CRC-32/ISO-HDLC.
    pub crc32: u32,
}

impl Fingerprint {
    /// The fingerprint of no bytes.
    pub const EMPTY: Self = Self { crc64nvme: 0, crc32c: 0, crc32: 0 };

    /// Length of the encoded form in bytes.
    pub const ENCODED_LEN: usize = 16;

    /// The fingerprint of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            crc64nvme: crc::crc64nvme(bytes),
            crc32c: crc::crc32c(bytes),
            crc32: crc::crc32(bytes),
        }
    }

    /// The fingerprint of these bytes followed by `next_len` bytes whose fingerprint is `next`.
    #[must_use]
    pub fn then(self, next: Self, next_len: u64) -> Self {
        Self {
            crc64nvme: crc::crc64nvme_combine(self.crc64nvme, next.crc64nvme, next_len),
            crc32c: crc::crc32c_combine(self.crc32c, next.crc32c, next_len),
            crc32: crc::crc32_combine(self.crc32, next.crc32, next_len),
        }
    }

    /// The fingerprint of what is left when the bytes of `prefix` are taken from the front of these;
    /// `rest_len` is the length of what is left.
    #[must_use]
    pub fn strip_prefix(self, prefix: Self, rest_len: u64) -> Self {
        Self {
            crc64nvme: crc::crc64nvme_strip_prefix(self.crc64nvme, prefix.crc64nvme, rest_len),
            crc32c: crc::crc32c_strip_prefix(self.crc32c, prefix.crc32c, rest_len),
            crc32: crc::crc32_strip_prefix(self.crc32, prefix.crc32, rest_len),
        }
    }

    /// The checksum by `algorithm`, if it is one of the three.
    #[must_use]
    pub fn checksum(self, algorithm: ChecksumAlgorithm) -> Option<ChecksumValue> {
        match algorithm {
            ChecksumAlgorithm::Crc64Nvme => Some(ChecksumValue::from_crc64(self.crc64nvme)),
            ChecksumAlgorithm::Crc32c => Some(ChecksumValue::from_crc32c(self.crc32c)),
            ChecksumAlgorithm::Crc32 => Some(ChecksumValue::from_crc32(self.crc32)),
            ChecksumAlgorithm::Sha1
            | ChecksumAlgorithm::Sha256
            | ChecksumAlgorithm::Sha512
            | ChecksumAlgorithm::Md5
            | ChecksumAlgorithm::XxHash64
            | ChecksumAlgorithm::XxHash3
            | ChecksumAlgorithm::XxHash128 => None,
        }
    }

    /// The stored form: the three values in the order of the fields, little-endian.
    #[must_use]
    pub fn encode(self) -> [u8; Self::ENCODED_LEN] {
        let mut bytes = [0; Self::ENCODED_LEN];
        bytes[..8].copy_from_slice(&self.crc64nvme.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.crc32c.to_le_bytes());
        bytes[12..].copy_from_slice(&self.crc32.to_le_bytes());
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote.
    #[must_use]
    pub fn decode(bytes: [u8; Self::ENCODED_LEN]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
        Self {
            crc64nvme: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            crc32c: u32::from_le_bytes([i, j, k, l]),
            crc32: u32::from_le_bytes([m, n, o, p]),
        }
    }
}

/// Fingerprints a stream of bytes block by block, in whatever pieces it comes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Running {
    table: BlockTable,
    open: Fingerprint,
    open_len: u32,
}

impl Running {
    /// Before the first byte.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = (BLOCK_LEN - self.open_len) as usize;
            let (now, later) = rest.split_at(room.min(rest.len()));
            rest = later;
            let now_len = u32::try_from(now.len()).expect("at most a block");
            self.open = match self.open_len {
                0 => Fingerprint::of(now),
                _ => self.open.then(Fingerprint::of(now), u64::from(now_len)),
            };
            self.open_len += now_len;
            if self.open_len == BLOCK_LEN {
                self.close_block();
            }
        }
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.table.len() + u64::from(self.open_len)
    }

    /// Whether no byte has been taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The fingerprint of everything taken so far.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.table.total().then(self.open, u64::from(self.open_len))
    }

    /// The table of the whole stream.
    #[must_use]
    pub fn finish(mut self) -> BlockTable {
        if self.open_len > 0 {
            self.close_block();
        }
        self.table
    }

    fn close_block(&mut self) {
        self.table.push(self.open, self.open_len);
        self.open = Fingerprint::EMPTY;
        self.open_len = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The check values of the catalogue of CRC algorithms, for the digits one to nine.
    #[test]
    fn golden_bytes() {
        let golden = [
            0x88, 0x98, 0x79, 0x0a, 0x86, 0x14, 0x8b, 0xae, // CRC-64/NVME
            0x83, 0x92, 0x06, 0xe3, // CRC-32/ISCSI
            0x26, 0x39, 0xf4, 0xcb, // CRC-32/ISO-HDLC
        ];
        let fingerprint = Fingerprint::of(b"123456789");
        assert_eq!(fingerprint.encode(), golden);
        assert_eq!(Fingerprint::decode(golden), fingerprint);
    }

    #[test]
    fn no_bytes_change_nothing() {
        let some = Fingerprint::of(b"some");
        assert_eq!(Fingerprint::of(b""), Fingerprint::EMPTY);
        assert_eq!(some.then(Fingerprint::EMPTY, 0), some);
        assert_eq!(Fingerprint::EMPTY.then(some, 4), some);
        assert_eq!(some.strip_prefix(Fingerprint::EMPTY, 4), some);
        assert_eq!(some.strip_prefix(some, 0), Fingerprint::EMPTY);
    }

    #[test]
    fn answers_for_its_three_algorithms_only() {
        let fingerprint = Fingerprint::of(b"bytes");
        let answered: Vec<_> =
            ChecksumAlgorithm::ALL.iter().filter(|a| fingerprint.checksum(**a).is_some()).collect();
        assert_eq!(answered.len(), 3);
        assert_eq!(
            fingerprint.checksum(ChecksumAlgorithm::Crc32c),
            Some(ChecksumValue::from_crc32c(crc32c::crc32c(b"bytes")))
        );
        assert_eq!(fingerprint.checksum(ChecksumAlgorithm::Sha256), None);
    }

    proptest! {
        #[test]
        fn parts_make_the_whole_and_the_whole_its_parts(
            front in prop::collection::vec(any::<u8>(), 0..300),
            back in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let whole = Fingerprint::of(&[front.as_slice(), &back].concat());
            let (front, back_len, back) =
                (Fingerprint::of(&front), back.len() as u64, Fingerprint::of(&back));
            prop_assert_eq!(front.then(back, back_len), whole);
            prop_assert_eq!(whole.strip_prefix(front, back_len), back);
        }

        #[test]
        fn running_does_not_depend_on_how_the_bytes_come(
            len in 0_usize..4 * BLOCK_LEN as usize,
            steps in prop::collection::vec(1_usize..2 * BLOCK_LEN as usize, 1..20),
        ) {
            let bytes: Vec<u8> = (0..len).map(|at| (at * 7 / 3).to_le_bytes()[0]).collect();
            let mut expected = BlockTable::new();
            for block in bytes.chunks(BLOCK_LEN as usize) {
                expected.push(Fingerprint::of(block), u32::try_from(block.len())?);
            }

            let mut running = Running::new();
            let mut rest = bytes.as_slice();
            for step in steps.iter().cycle() {
                let (now, later) = rest.split_at(rest.len().min(*step));
                running.update(now);
                rest = later;
                let so_far = &bytes[..bytes.len() - rest.len()];
                prop_assert_eq!(running.len(), so_far.len() as u64);
                prop_assert_eq!(running.fingerprint(), Fingerprint::of(so_far));
                if rest.is_empty() {
                    break;
                }
            }
            let table = running.finish();
            prop_assert_eq!(table.total(), Fingerprint::of(&bytes));
            prop_assert_eq!(table, expected);
        }
    }
}
