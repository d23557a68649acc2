//! Room: objects, and the pages of the manifest of an object made of parts.

use protocol::checksum::{Checksum, ChecksumType};
use protocol::etag::ETag;
use protocol::lock::ObjectLock;
use protocol::metadata::ObjectMetadata;
use protocol::name::{UploadId, VersionId};
use protocol::part::PartNumber;
use protocol::storage_class::StorageClass;
use protocol::tagging::TagSet;
use protocol::time::Timestamp;

use super::PieceList;
use super::upload::{read_metadata, read_tags, write_metadata, write_tags};
use crate::codec::{DecodeError, Reader, Record, Writer};
use crate::fingerprint::Fingerprint;
use crate::id::{Generation, ManifestId};

/// What a key names.
#[derive(Clone, PartialEq, Debug)]
pub struct ObjectRecord {
    /// Which writing of this key it is. Changing tags keeps it, and so does another version in front of it.
    pub generation: Generation,
    /// Whether it is the null version of its key, as everything is that was written without versioning or while it was
    /// suspended. Of others the generation is the version.
    pub null: bool,
    /// When it was made, to the second.
    pub modified: Timestamp,
    /// Its length in bytes.
    pub len: u64,
    /// Its ETag.
    pub etag: ETag,
    /// The MD5 of its bytes, where it is known.
    pub md5: Option<[u8; 16]>,
    /// The fingerprint of its bytes.
    pub fingerprint: Fingerprint,
    /// The checksum that clients see.
    pub checksum: Option<Checksum>,
    /// The upload that it was made of, so that a repeated completion can be recognised.
    pub upload: Option<UploadId>,
    /// System and user metadata.
    pub metadata: ObjectMetadata,
    /// Tags.
    pub tags: TagSet,
    /// Its storage class.
    pub storage_class: StorageClass,
    /// What protects this version.
    pub lock: ObjectLock,
    /// Where its bytes are.
    pub content: Content,
}

impl ObjectRecord {
    /// What clients call this version of its key.
    pub fn version(&self) -> VersionId {
        version_id(self.generation, self.null)
    }
}

/// What clients call the version that was written at `generation`.
pub(super) fn version_id(generation: Generation, null: bool) -> VersionId {
    if null { VersionId::Null } else { VersionId::Number(generation.get()) }
}

/// Where the bytes of an object are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// It was put as one.
    Pieces(PieceList),
    /// It was made of parts.
    Parts(Manifest),
    /// It is a copy of an object made of parts, and has the same ones. Clients see one object without parts.
    /// S3: CopyObject.
    Copied(Manifest),
}

impl Content {
    /// The parts that its bytes lie in, whether clients see them or not.
    pub fn manifest(&self) -> Option<&Manifest> {
        match self {
            Self::Parts(manifest) | Self::Copied(manifest) => Some(manifest),
            Self::Pieces(_) => None,
        }
    }
}

/// The parts of an object, as each object that has them says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Manifest {
    /// Where the parts and the pages over them are.
    pub id: ManifestId,
    /// How many parts there are.
    pub parts: u32,
    /// Where each page begins, ascending from 0.
    pub page_starts: Vec<u64>,
}

impl Manifest {
    /// How many parts each page holds; the last one may hold fewer.
    pub const PAGE_PARTS: usize = 256;

    fn write(&self, to: &mut Writer) {
        to.u64(self.id.get());
        to.u32(self.parts);
        to.list(&self.page_starts, |to, start| to.u64(*start));
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        let id = ManifestId::new(from.u64("manifest")?);
        let parts = from.u32("part count")?;
        let page_starts = from.list("page starts", |from| from.len("page start"))?;
        if !page_starts.is_sorted() || page_starts.first() != Some(&0) {
            return Err(from.malformed("page starts"));
        }
        Ok(Self { id, parts, page_starts })
    }

    /// How many pages it has.
    pub fn pages(&self) -> u32 {
        u32::try_from(self.page_starts.len()).expect("pages are counted in 32 bits")
    }
}

/// How many stored records name a manifest, garbage that is not released included. Without this record it is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ManifestNames {
    /// Several; or none, once the last of them has begun to take the manifest apart.
    pub count: u64,
}

impl Record for ManifestNames {
    const NAME: &'static str = "count of a manifest's names";

    fn write(&self, to: &mut Writer) {
        to.u64(self.count);
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self { count: from.u64("count")? })
    }
}

/// What a listing says of an object: the front of its record.
#[derive(Clone, PartialEq, Debug)]
pub struct ObjectFacts {
    /// Which writing of this key it is.
    pub generation: Generation,
    /// Whether it is the null version of its key.
    pub null: bool,
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
    /// The checksum that clients see.
    pub checksum: Option<Checksum>,
    /// Its storage class.
    pub storage_class: StorageClass,
}

impl ObjectFacts {
    /// What clients call this version of its key.
    pub fn version(&self) -> VersionId {
        version_id(self.generation, self.null)
    }

    /// Reads the front of a stored [`ObjectRecord`] and leaves the rest alone.
    pub fn decode(stored: &[u8]) -> Result<Self, DecodeError> {
        Self::read(&mut Reader::open_front(stored, ObjectRecord::NAME, ObjectRecord::VERSION)?)
    }

    pub(super) fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            generation: Generation::new(from.u64("generation")?),
            null: from.bool("null version")?,
            modified: from.time("modified")?,
            len: from.len("length")?,
            etag: from.etag()?,
            md5: from.option("md5", |from| from.array("md5"))?,
            fingerprint: from.fingerprint("fingerprint")?,
            checksum: from.option("checksum", read_checksum)?,
            storage_class: from.storage_class()?,
        })
    }
}

impl Record for ObjectRecord {
    const NAME: &'static str = "object record";

    fn write(&self, to: &mut Writer) {
        to.u64(self.generation.get());
        to.bool(self.null);
        to.time(self.modified);
        to.u64(self.len);
        to.text(self.etag.as_str());
        to.option(self.md5.as_ref(), |to, md5| to.raw(md5));
        to.fingerprint(self.fingerprint);
        to.option(self.checksum.as_ref(), write_checksum);
        to.storage_class(self.storage_class);
        to.option(self.upload.as_ref(), |to, upload| to.raw(upload.as_bytes()));
        write_metadata(to, &self.metadata);
        write_tags(to, &self.tags);
        to.lock(&self.lock);
        match &self.content {
            Content::Pieces(pieces) => {
                to.u8(0);
                pieces.write(to);
            }
            Content::Parts(manifest) => {
                to.u8(1);
                manifest.write(to);
            }
            Content::Copied(manifest) => {
                to.u8(2);
                manifest.write(to);
            }
        }
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        let facts = ObjectFacts::read(from)?;
        let upload = from.option("upload", Reader::upload_id)?;
        let metadata = read_metadata(from)?;
        let tags = read_tags(from)?;
        let lock = from.lock()?;
        let content = match from.u8("content")? {
            0 => Content::Pieces(PieceList::read(from)?),
            1 => Content::Parts(Manifest::read(from)?),
            2 => Content::Copied(Manifest::read(from)?),
            _ => return Err(from.malformed("content")),
        };
        let ObjectFacts {
            generation,
            null,
            modified,
            len,
            etag,
            md5,
            fingerprint,
            checksum,
            storage_class,
        } = facts;
        Ok(Self {
            generation,
            null,
            modified,
            len,
            etag,
            md5,
            fingerprint,
            checksum,
            upload,
            metadata,
            tags,
            storage_class,
            lock,
            content,
        })
    }
}

/// Where one part lies in its object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ManifestEntry {
    /// The part.
    pub number: PartNumber,
    /// Where in the object it begins.
    pub start: u64,
    /// Its length; may be 0.
    pub len: u64,
}

/// One page of an object's manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ManifestPage {
    /// The parts, ascending; at least one.
    pub entries: Vec<ManifestEntry>,
}

impl Record for ManifestPage {
    const NAME: &'static str = "page of a manifest";

    fn write(&self, to: &mut Writer) {
        to.list(&self.entries, |to, entry| {
            to.u16(entry.number.get());
            to.u64(entry.start);
            to.u64(entry.len);
        });
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        let entries = from.list("entries", |from| {
            Ok(ManifestEntry {
                number: from.part_number()?,
                start: from.len("start")?,
                len: from.len("length")?,
            })
        })?;
        Ok(Self { entries })
    }
}

fn write_checksum(to: &mut Writer, checksum: &Checksum) {
    to.checksum_value(&checksum.value);
    to.checksum_type(checksum.kind);
    to.option(checksum.parts, Writer::u32);
}

fn read_checksum(from: &mut Reader) -> Result<Checksum, DecodeError> {
    let value = from.checksum_value()?;
    let kind: ChecksumType = from.checksum_type()?;
    let parts = from.option("checksum parts", |from| from.u32("checksum parts"))?;
    Ok(Checksum { value, kind, parts })
}
