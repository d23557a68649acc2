//! Room: the bytes of records: fixed-width little-endian numbers, texts and lists with their length before them.
//!
//! Must not: know any record. A record is a version byte and its fields in a fixed order; [`Record`] adds the
//! version and sees to it that nothing is left over.
//! Invariants: reading never panics and never allocates more than the input is long, whatever the input.

use std::fmt;

use bytes::{Buf, Bytes};
use protocol::checksum::{ChecksumAlgorithm, ChecksumType, ChecksumValue};
use protocol::etag::ETag;
use protocol::lock::{ObjectLock, Retention, RetentionMode};
use protocol::name::{AccountId, ObjectKey, UploadId};
use protocol::part::PartNumber;
use protocol::storage_class::StorageClass;
use protocol::time::Timestamp;
use protocol::versioning::Versioning;

use crate::fingerprint::Fingerprint;
use crate::store::StoreError;

/// A value of the store: one version byte, then the fields.
pub trait Record: Sized {
    /// What it is called in messages.
    const NAME: &'static str;

    /// The version that is written, and the only one that is read.
    const VERSION: u8 = 1;

    /// Writes the fields.
    fn write(&self, to: &mut Writer);

    /// Reads the fields.
    fn read(from: &mut Reader) -> Result<Self, DecodeError>;

    /// The stored form.
    fn encode(&self) -> Bytes {
        let mut to = Writer { bytes: vec![Self::VERSION] };
        self.write(&mut to);
        Bytes::from(to.bytes)
    }

    /// Reads the stored form. Inline bytes are shared with `stored`, not copied.
    fn decode(stored: Bytes) -> Result<Self, DecodeError> {
        let mut from = Reader::open(stored, Self::NAME, Self::VERSION)?;
        let record = Self::read(&mut from)?;
        from.close()?;
        Ok(record)
    }
}

/// Why a stored value cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// It was written in a version of the format that is not known here.
    UnknownVersion {
        /// The kind of record.
        record: &'static str,
        /// The version found.
        version: u8,
    },
    /// It is not what a record of its kind looks like.
    Malformed {
        /// The kind of record.
        record: &'static str,
        /// Where the reading stopped.
        field: &'static str,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVersion { record, version } => {
                write!(f, "a {record} of unknown version {version}")
            }
            Self::Malformed { record, field } => write!(f, "a malformed {record} (at {field})"),
        }
    }
}

impl std::error::Error for DecodeError {}

impl From<DecodeError> for StoreError {
    fn from(error: DecodeError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// Collects the bytes of a record.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Bytes written so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Bytes whose length the reader knows.
    pub(crate) fn raw(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
    }

    /// The number of elements that follow.
    pub(crate) fn count(&mut self, value: usize) {
        self.u32(u32::try_from(value).expect("a record has fewer than 2^32 elements"));
    }

    /// Bytes with their length before them.
    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.count(value.len());
        self.raw(value);
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    pub(crate) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.u8(0),
            Some(value) => {
                self.u8(1);
                write(self, value);
            }
        }
    }

    pub(crate) fn time(&mut self, value: Timestamp) {
        self.u64(value.as_millis());
    }

    pub(crate) fn fingerprint(&mut self, value: Fingerprint) {
        self.raw(&value.encode());
    }

    pub(crate) fn algorithm(&mut self, value: ChecksumAlgorithm) {
        self.u8(match value {
            ChecksumAlgorithm::Crc32 => 1,
            ChecksumAlgorithm::Crc32c => 2,
            ChecksumAlgorithm::Crc64Nvme => 3,
            ChecksumAlgorithm::Sha1 => 4,
            ChecksumAlgorithm::Sha256 => 5,
            ChecksumAlgorithm::Sha512 => 6,
            ChecksumAlgorithm::Md5 => 7,
            ChecksumAlgorithm::XxHash64 => 8,
            ChecksumAlgorithm::XxHash3 => 9,
            ChecksumAlgorithm::XxHash128 => 10,
        });
    }

    pub(crate) fn checksum_type(&mut self, value: ChecksumType) {
        self.u8(match value {
            ChecksumType::FullObject => 1,
            ChecksumType::Composite => 2,
        });
    }

    pub(crate) fn versioning(&mut self, value: Versioning) {
        self.u8(match value {
            Versioning::Unversioned => 0,
            Versioning::Enabled => 1,
            Versioning::Suspended => 2,
        });
    }

    pub(crate) fn storage_class(&mut self, value: StorageClass) {
        self.u8(match value {
            StorageClass::Standard => 0,
            StorageClass::ReducedRedundancy => 1,
            StorageClass::StandardIa => 2,
            StorageClass::OnezoneIa => 3,
            StorageClass::IntelligentTiering => 4,
            StorageClass::GlacierIr => 5,
        });
    }

    pub(crate) fn lock(&mut self, value: &ObjectLock) {
        self.option(value.retention, |to, Retention { mode, until }| {
            to.u8(match mode {
                RetentionMode::Governance => 1,
                RetentionMode::Compliance => 2,
            });
            to.time(until);
        });
        self.option(value.legal_hold, Self::bool);
    }

    pub(crate) fn checksum_value(&mut self, value: &ChecksumValue) {
        self.algorithm(value.algorithm());
        self.raw(value.as_bytes());
    }

    pub(crate) fn list<T>(&mut self, values: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.count(values.len());
        for value in values {
            write(self, value);
        }
    }
}

/// Takes the bytes of a record apart.
#[derive(Debug)]
pub struct Reader {
    rest: Bytes,
    record: &'static str,
}

impl Reader {
    /// Starts behind the version byte of a `record`.
    pub(crate) fn open(
        mut stored: Bytes,
        record: &'static str,
        known: u8,
    ) -> Result<Self, DecodeError> {
        if stored.is_empty() {
            return Err(DecodeError::Malformed { record, field: "version" });
        }
        match stored.get_u8() {
            version if version == known => Ok(Self { rest: stored, record }),
            version => Err(DecodeError::UnknownVersion { record, version }),
        }
    }

    /// Like [`Reader::open`], for a reader that stops before [`FRONT_LEN`]: what comes later is not copied.
    pub(crate) fn open_front(
        stored: &[u8],
        record: &'static str,
        known: u8,
    ) -> Result<Self, DecodeError> {
        let front = stored.get(..FRONT_LEN).unwrap_or(stored);
        Self::open(Bytes::copy_from_slice(front), record, known)
    }

    /// Nothing may be left.
    pub(crate) fn close(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed("end")) }
    }

    pub(crate) fn malformed(&self, field: &'static str) -> DecodeError {
        DecodeError::Malformed { record: self.record, field }
    }

    /// The next `len` bytes, shared with what was opened.
    pub(crate) fn raw(&mut self, len: usize, field: &'static str) -> Result<Bytes, DecodeError> {
        if len > self.rest.len() {
            return Err(self.malformed(field));
        }
        Ok(self.rest.split_to(len))
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], DecodeError> {
        let bytes = *self.rest.first_chunk().ok_or_else(|| self.malformed(field))?;
        self.rest.advance(N);
        Ok(bytes)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array(field).map(u8::from_le_bytes)
    }

    pub(crate) fn bool(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        match self.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.malformed(field)),
        }
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.array(field).map(u64::from_le_bytes)
    }

    /// A length or a place in bytes: small enough that a few of them can be added up.
    pub(crate) fn len(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        let len = self.u64(field)?;
        if len <= LEN_MAX { Ok(len) } else { Err(self.malformed(field)) }
    }

    pub(crate) fn bytes(&mut self, field: &'static str) -> Result<Bytes, DecodeError> {
        let len = self.u32(field)?;
        self.raw(len as usize, field)
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<String, DecodeError> {
        let bytes = self.bytes(field)?;
        let text = str::from_utf8(&bytes).ok().map(str::to_owned);
        text.ok_or_else(|| self.malformed(field))
    }

    pub(crate) fn option<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        match self.u8(field)? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(self.malformed(field)),
        }
    }

    pub(crate) fn list<T>(
        &mut self,
        field: &'static str,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.u32(field)?;
        // Each element takes a byte at least; what is not there is not made room for.
        if u64::from(count) > self.rest.len() as u64 {
            return Err(self.malformed(field));
        }
        (0..count).map(|_| read(self)).collect()
    }

    pub(crate) fn time(&mut self, field: &'static str) -> Result<Timestamp, DecodeError> {
        self.u64(field).map(Timestamp::from_millis)
    }

    pub(crate) fn fingerprint(&mut self, field: &'static str) -> Result<Fingerprint, DecodeError> {
        self.array(field).map(Fingerprint::decode)
    }

    pub(crate) fn etag(&mut self) -> Result<ETag, DecodeError> {
        let text = self.text("etag")?;
        // What is stored is the tag itself: nothing around it that a client's tag may have.
        let etag = ETag::from_text(&text).filter(|etag| etag.as_str() == text);
        etag.ok_or_else(|| self.malformed("etag"))
    }

    pub(crate) fn part_number(&mut self) -> Result<PartNumber, DecodeError> {
        PartNumber::new(self.u16("part number")?).ok_or_else(|| self.malformed("part number"))
    }

    pub(crate) fn algorithm(&mut self) -> Result<ChecksumAlgorithm, DecodeError> {
        match self.u8("checksum algorithm")? {
            1 => Ok(ChecksumAlgorithm::Crc32),
            2 => Ok(ChecksumAlgorithm::Crc32c),
            3 => Ok(ChecksumAlgorithm::Crc64Nvme),
            4 => Ok(ChecksumAlgorithm::Sha1),
            5 => Ok(ChecksumAlgorithm::Sha256),
            6 => Ok(ChecksumAlgorithm::Sha512),
            7 => Ok(ChecksumAlgorithm::Md5),
            8 => Ok(ChecksumAlgorithm::XxHash64),
            9 => Ok(ChecksumAlgorithm::XxHash3),
            10 => Ok(ChecksumAlgorithm::XxHash128),
            _ => Err(self.malformed("checksum algorithm")),
        }
    }

    pub(crate) fn checksum_type(&mut self) -> Result<ChecksumType, DecodeError> {
        match self.u8("checksum type")? {
            1 => Ok(ChecksumType::FullObject),
            2 => Ok(ChecksumType::Composite),
            _ => Err(self.malformed("checksum type")),
        }
    }

    pub(crate) fn versioning(&mut self) -> Result<Versioning, DecodeError> {
        match self.u8("versioning")? {
            0 => Ok(Versioning::Unversioned),
            1 => Ok(Versioning::Enabled),
            2 => Ok(Versioning::Suspended),
            _ => Err(self.malformed("versioning")),
        }
    }

    pub(crate) fn storage_class(&mut self) -> Result<StorageClass, DecodeError> {
        match self.u8("storage class")? {
            0 => Ok(StorageClass::Standard),
            1 => Ok(StorageClass::ReducedRedundancy),
            2 => Ok(StorageClass::StandardIa),
            3 => Ok(StorageClass::OnezoneIa),
            4 => Ok(StorageClass::IntelligentTiering),
            5 => Ok(StorageClass::GlacierIr),
            _ => Err(self.malformed("storage class")),
        }
    }

    pub(crate) fn lock(&mut self) -> Result<ObjectLock, DecodeError> {
        let retention = self.option("retention", |from| {
            let mode = match from.u8("retention mode")? {
                1 => RetentionMode::Governance,
                2 => RetentionMode::Compliance,
                _ => return Err(from.malformed("retention mode")),
            };
            Ok(Retention { mode, until: from.time("retain until")? })
        })?;
        let legal_hold = self.option("legal hold", |from| from.bool("legal hold"))?;
        Ok(ObjectLock { retention, legal_hold })
    }

    pub(crate) fn checksum_value(&mut self) -> Result<ChecksumValue, DecodeError> {
        let algorithm = self.algorithm()?;
        let bytes = self.raw(algorithm.digest_len(), "checksum")?;
        ChecksumValue::from_bytes(algorithm, &bytes).ok_or_else(|| self.malformed("checksum"))
    }

    pub(crate) fn object_key(&mut self) -> Result<ObjectKey, DecodeError> {
        let key = ObjectKey::parse(&self.text("object key")?).ok();
        key.ok_or_else(|| self.malformed("object key"))
    }

    pub(crate) fn account_id(&mut self) -> Result<AccountId, DecodeError> {
        AccountId::parse(&self.text("account id")?).ok_or_else(|| self.malformed("account id"))
    }

    pub(crate) fn upload_id(&mut self) -> Result<UploadId, DecodeError> {
        self.array("upload id").map(UploadId::from_bytes)
    }
}

/// No record speaks of as many bytes; what does is damaged, and sums would overflow.
pub(crate) const LEN_MAX: u64 = 1 << 60;

/// How long the front of a record is at most: a few numbers, an ETag, a fingerprint and checksums.
const FRONT_LEN: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is stored says so for ever.
    #[test]
    fn checksums_are_stored_under_their_numbers() {
        let mut to = Writer { bytes: Vec::new() };
        ChecksumAlgorithm::ALL.into_iter().for_each(|algorithm| to.algorithm(algorithm));
        assert_eq!(to.bytes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(
            ChecksumAlgorithm::ALL.map(ChecksumAlgorithm::name),
            [
                "CRC32",
                "CRC32C",
                "CRC64NVME",
                "SHA1",
                "SHA256",
                "SHA512",
                "MD5",
                "XXHASH64",
                "XXHASH3",
                "XXHASH128",
            ]
        );
        for algorithm in ChecksumAlgorithm::ALL {
            let digest = vec![7; algorithm.digest_len()];
            let value = ChecksumValue::from_bytes(algorithm, &digest).expect("its length");
            let mut to = Writer { bytes: vec![1] };
            to.checksum_value(&value);
            let mut from = Reader::open(Bytes::from(to.bytes), "test", 1).expect("a version");
            assert_eq!(from.checksum_value(), Ok(value));
        }
    }
}
