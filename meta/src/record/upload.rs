//! Room: open uploads and their parts; the metadata and tags that uploads and objects share.

use protocol::checksum::{ChecksumAlgorithm, ChecksumType, ChecksumValue};
use protocol::etag::ETag;
use protocol::lock::ObjectLock;
use protocol::metadata::ObjectMetadata;
use protocol::name::ObjectKey;
use protocol::part::PartNumber;
use protocol::storage_class::StorageClass;
use protocol::tagging::{Tag, TagSet};
use protocol::time::Timestamp;

use super::PieceList;
use crate::codec::{DecodeError, Reader, Record, Writer};
use crate::fingerprint::Fingerprint;
use crate::id::{BucketId, Generation, ManifestId};

/// An upload that is open.
#[derive(Clone, PartialEq, Debug)]
pub struct UploadRecord {
    /// Where its parts are; the object that is made of them keeps it.
    pub manifest: ManifestId,
    /// Changes with every part that is put.
    pub generation: Generation,
    /// How many parts it has.
    pub parts: u32,
    /// When it was opened.
    pub initiated: Timestamp,
    /// The generation at which it was opened; what happened to its key before does not concern it.
    pub begun: Generation,
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ObjectKey,
    /// The checksum that was asked for.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    /// Metadata of the object to be.
    pub metadata: ObjectMetadata,
    /// Tags of the object to be.
    pub tags: TagSet,
    /// The storage class of the object to be.
    pub storage_class: StorageClass,
    /// What was asked for to protect the object to be.
    pub lock: ObjectLock,
}

impl Record for UploadRecord {
    const NAME: &'static str = "upload record";

    fn write(&self, to: &mut Writer) {
        to.u64(self.manifest.get());
        to.u64(self.generation.get());
        to.u32(self.parts);
        to.time(self.initiated);
        to.u64(self.begun.get());
        to.u64(self.bucket.get());
        to.text(self.key.as_str());
        to.option(self.checksum, |to, (algorithm, kind)| {
            to.algorithm(algorithm);
            to.checksum_type(kind);
        });
        write_metadata(to, &self.metadata);
        write_tags(to, &self.tags);
        to.storage_class(self.storage_class);
        to.lock(&self.lock);
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            manifest: ManifestId::new(from.u64("manifest")?),
            generation: Generation::new(from.u64("generation")?),
            parts: from.u32("part count")?,
            initiated: from.time("initiated")?,
            begun: Generation::new(from.u64("begun")?),
            bucket: BucketId::new(from.u64("bucket")?),
            key: from.object_key()?,
            checksum: from
                .option("checksum", |from| Ok((from.algorithm()?, from.checksum_type()?)))?,
            metadata: read_metadata(from)?,
            tags: read_tags(from)?,
            storage_class: from.storage_class()?,
            lock: from.lock()?,
        })
    }
}

/// A part of an upload, or of the object that was made of it.
#[derive(Clone, PartialEq, Debug)]
pub struct PartRecord {
    /// Its number.
    pub number: PartNumber,
    /// Which writing of this number it is.
    pub generation: Generation,
    /// When it was made.
    pub modified: Timestamp,
    /// Its length in bytes.
    pub len: u64,
    /// Its ETag.
    pub etag: ETag,
    /// The MD5 of its bytes, where it is known.
    pub md5: Option<[u8; 16]>,
    /// The fingerprint of its bytes.
    pub fingerprint: Fingerprint,
    /// The checksum of the upload's algorithm.
    pub checksum: Option<ChecksumValue>,
    /// Where its bytes are.
    pub pieces: PieceList,
}

/// What a listing says of a part: the front of its record.
#[derive(Clone, PartialEq, Debug)]
pub struct PartFacts {
    /// Its number.
    pub number: PartNumber,
    /// Which writing of this number it is.
    pub generation: Generation,
    /// When it was made.
    pub modified: Timestamp,
    /// Its length in bytes.
    pub len: u64,
    /// Its ETag.
    pub etag: ETag,
    /// The MD5 of its bytes, where it is known.
    pub md5: Option<[u8; 16]>,
    /// The fingerprint of its bytes.
    pub fingerprint: Fingerprint,
    /// The checksum of the upload's algorithm.
    pub checksum: Option<ChecksumValue>,
}

impl PartFacts {
    /// Reads the front of a stored [`PartRecord`] and leaves the rest alone.
    pub fn decode(stored: &[u8]) -> Result<Self, DecodeError> {
        Self::read(&mut Reader::open_front(stored, PartRecord::NAME, PartRecord::VERSION)?)
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            number: from.part_number()?,
            generation: Generation::new(from.u64("generation")?),
            modified: from.time("modified")?,
            len: from.len("length")?,
            etag: from.etag()?,
            md5: from.option("md5", |from| from.array("md5"))?,
            fingerprint: from.fingerprint("fingerprint")?,
            checksum: from.option("checksum", Reader::checksum_value)?,
        })
    }
}

impl From<PartRecord> for PartFacts {
    fn from(record: PartRecord) -> Self {
        let PartRecord {
            number, generation, modified, len, etag, md5, fingerprint, checksum, ..
        } = record;
        Self { number, generation, modified, len, etag, md5, fingerprint, checksum }
    }
}

impl Record for PartRecord {
    const NAME: &'static str = "part record";

    fn write(&self, to: &mut Writer) {
        to.u16(self.number.get());
        to.u64(self.generation.get());
        to.time(self.modified);
        to.u64(self.len);
        to.text(self.etag.as_str());
        to.option(self.md5.as_ref(), |to, md5| to.raw(md5));
        to.fingerprint(self.fingerprint);
        to.option(self.checksum.as_ref(), Writer::checksum_value);
        self.pieces.write(to);
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        let facts = PartFacts::read(from)?;
        let pieces = PieceList::read(from)?;
        let PartFacts { number, generation, modified, len, etag, md5, fingerprint, checksum } =
            facts;
        Ok(Self { number, generation, modified, len, etag, md5, fingerprint, checksum, pieces })
    }
}

pub(super) fn write_metadata(to: &mut Writer, metadata: &ObjectMetadata) {
    let ObjectMetadata {
        content_type,
        cache_control,
        content_disposition,
        content_encoding,
        content_language,
        expires,
        website_redirect,
        user,
    } = metadata;
    for field in [
        content_type,
        cache_control,
        content_disposition,
        content_encoding,
        content_language,
        expires,
        website_redirect,
    ] {
        to.option(field.as_deref(), Writer::text);
    }
    to.list(user, |to, (name, value)| {
        to.text(name);
        to.text(value);
    });
}

pub(super) fn read_metadata(from: &mut Reader) -> Result<ObjectMetadata, DecodeError> {
    let text = |from: &mut Reader, field| from.option(field, |from| from.text(field));
    Ok(ObjectMetadata {
        content_type: text(from, "content type")?,
        cache_control: text(from, "cache control")?,
        content_disposition: text(from, "content disposition")?,
        content_encoding: text(from, "content encoding")?,
        content_language: text(from, "content language")?,
        expires: text(from, "expires")?,
        website_redirect: text(from, "website redirect")?,
        user: from.list("user metadata", |from| {
            Ok((from.text("metadata name")?, from.text("metadata value")?))
        })?,
    })
}

pub(super) fn write_tags(to: &mut Writer, tags: &TagSet) {
    to.count(tags.len());
    for tag in tags.iter() {
        to.text(&tag.key);
        to.text(&tag.value);
    }
}

pub(super) fn read_tags(from: &mut Reader) -> Result<TagSet, DecodeError> {
    let tags = from.list("tags", |from| {
        Ok(Tag { key: from.text("tag key")?, value: from.text("tag value")? })
    })?;
    TagSet::validate(tags).ok().ok_or_else(|| from.malformed("tags"))
}
