//! Room: the names of things: bucket, object, version, upload, account. Parsed once, at the door; whoever
//! holds one of these types holds a name that obeys the rules.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv4Addr;

use sha2::{Digest, Sha256};

use crate::crc;
use crate::error::S3Error;
use crate::limits::{BUCKET_NAME_LEN_MAX, BUCKET_NAME_LEN_MIN, KEY_LEN_MAX};
use crate::time::Timestamp;

/// The name of a bucket: 3 to 63 of `a-z 0-9 . -`, a letter or digit first and last, no two dots in
/// a row, not an IPv4 address. S3: "General purpose bucket naming rules".
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketName(Arc<str>);

impl BucketName {
    /// Reads a name. Fails with InvalidBucketName.
    pub fn parse(name: &str) -> Result<Self, S3Error> {
        let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = name.as_bytes();
        let valid = (BUCKET_NAME_LEN_MIN..=BUCKET_NAME_LEN_MAX).contains(&bytes.len())
            && bytes.iter().all(|b| alphanumeric(b) || matches!(b, b'.' | b'-'))
            && bytes.first().is_some_and(alphanumeric)
            && bytes.last().is_some_and(alphanumeric)
            && !name.contains("..")
            && !looks_like_ipv4(name);
        if valid { Ok(Self(name.into())) } else { Err(S3Error::invalid_bucket_name(name)) }
    }

    /// Whether a general-purpose bucket of this name may be made. S3 keeps some beginnings and
    /// endings for itself; such names may still be asked for, and are not found.
    pub fn check_creatable(&self) -> Result<(), S3Error> {
        const BEGINNINGS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
        const ENDINGS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
        let reserved = BEGINNINGS.iter().any(|b| self.0.starts_with(b))
            || ENDINGS.iter().any(|e| self.0.ends_with(e));
        if reserved { Err(S3Error::invalid_bucket_name(&self.0)) } else { Ok(()) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Four runs of digits between dots, whatever their value.
fn looks_like_ipv4(name: &str) -> bool {
    name.parse::<Ipv4Addr>().is_ok()
        || (name.split('.').count() == 4
            && name.split('.').all(|f| !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit())))
}

/// The key of an object: 1 to 1,024 bytes of UTF-8, nothing else is forbidden. Keys are ordered by
/// their bytes. S3: "Naming Amazon S3 objects".
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(Arc<str>);

impl ObjectKey {
    /// Reads a key, already percent-decoded. Fails with KeyTooLongError, or InvalidArgument when
    /// there is none.
    pub fn parse(key: &str) -> Result<Self, S3Error> {
        if key.is_empty() {
            return Err(S3Error::invalid_argument("Key", None, "Object key must not be empty"));
        }
        if key.len() > KEY_LEN_MAX {
            return Err(S3Error::key_too_long(key.len()));
        }
        Ok(Self(key.into()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which version of an object: the null version, of which a key has at most one, or one that was
/// written while its bucket had versions. S3 User Guide, "Working with version IDs".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum VersionId {
    /// Written while the bucket had no versions, or while they were suspended.
    Null,
    /// The version of this number.
    Number(u64),
}

impl VersionId {
    /// Reads `null`, or 32 lower-case hex digits that we have once given out. `None` = nothing else
    /// is a version id, whatever the key.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "null" {
            return Some(Self::Null);
        }
        let mut bytes = [0; 16];
        if !crate::etag::parse_hex(text, &mut bytes) {
            return None;
        }
        let (halves, _) = bytes.as_chunks::<8>();
        let check = u64::from_be_bytes(halves[0]);
        let number = Self::mask(check) ^ u64::from_be_bytes(halves[1]);
        (Self::check(number) == check).then_some(Self::Number(number))
    }

    /// What tells a number of ours from made-up digits.
    fn check(number: u64) -> u64 {
        digest(b"tenon version id ", number)
    }

    /// What hides a number, so that nobody counts by looking.
    fn mask(check: u64) -> u64 {
        digest(b"tenon version number ", check)
    }
}

fn digest(of: &[u8], value: u64) -> u64 {
    let digest = Sha256::new().chain_update(of).chain_update(value.to_be_bytes());
    let digest: [u8; 32] = digest.finalize().into();
    u64::from_be_bytes(digest.as_chunks::<8>().0[0])
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Null => f.write_str("null"),
            Self::Number(number) => {
                let check = Self::check(number);
                write!(f, "{check:016x}{:016x}", number ^ Self::mask(check))
            }
        }
    }
}

/// The name of a multipart upload: when it began, and 128 random bits. Its bytes are ordered by
/// time, as ListMultipartUploads wants the uploads of one key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId([u8; 24]);

impl UploadId {
    /// The id of these two halves.
    pub fn new(initiated: Timestamp, random: [u8; 16]) -> Self {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&initiated.as_millis().to_be_bytes());
        bytes[8..].copy_from_slice(&random);
        Self(bytes)
    }

    /// A new upload's id: 96 of its random bits are random, the others are a check sum over it and
    /// the key, for [`is_of`](Self::is_of).
    pub fn for_key(initiated: Timestamp, random: [u8; 16], key: &ObjectKey) -> Self {
        let mut id = Self::new(initiated, random);
        let sum = id.sum(key.as_str());
        id.0[20..].copy_from_slice(&sum);
        id
    }

    /// Whether this was made for an upload of this key, be it open still or over.
    pub fn is_of(&self, key: &str) -> bool {
        self.0[20..] == self.sum(key)
    }

    fn sum(&self, key: &str) -> [u8; 4] {
        let mut summed = Vec::from(&self.0[..20]);
        summed.extend_from_slice(key.as_bytes());
        crc::crc32c(&summed).to_be_bytes()
    }

    /// Reads 48 lower-case hex digits. `None` = not an id of ours, so no such upload.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 24];
        crate::etag::parse_hex(text, &mut bytes).then_some(Self(bytes))
    }

    /// The id from its bytes.
    pub fn from_bytes(bytes: [u8; 24]) -> Self {
        Self(bytes)
    }

    /// The bytes: eight of the time, big-endian, and sixteen random ones.
    pub fn as_bytes(&self) -> &[u8; 24] {
        &self.0
    }

    /// When the upload began.
    pub fn initiated(&self) -> Timestamp {
        let mut millis = [0; 8];
        millis.copy_from_slice(&self.0[..8]);
        Timestamp::from_millis(u64::from_be_bytes(millis))
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An account: twelve digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// Reads twelve digits.
    pub fn parse(text: &str) -> Option<Self> {
        let valid = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        valid.then(|| Self(text.into()))
    }

    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The canonical user id of the account: 64 hex digits, the same for ever.
    pub fn canonical_id(&self) -> String {
        let digest = Sha256::new().chain_update(b"tenon canonical user ").chain_update(&*self.0);
        let digest: [u8; 32] = digest.finalize().into();
        crate::etag::hex(&digest)
    }
}

macro_rules! text_traits {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.as_str())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }
    )*};
}

text_traits!(BucketName ObjectKey AccountId);

impl fmt::Debug for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("UploadId({self})"))
    }
}

#[cfg(test)]
mod tests;
