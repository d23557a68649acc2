//! Room: what is to be let go of, and how far that has come.

use protocol::part::PartNumber;

use crate::codec::{DecodeError, Reader, Record, Writer};
use crate::id::{BlobId, BucketId, ManifestId, Sequence, TableId};

/// Something that no name reaches since the round of its key's sequence. It is expanded in steps; the record
/// always says exactly what is left to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GarbageRecord {
    /// Extents that are no more: a reference of each of these blobs, and so many named bytes, once per mention.
    Pieces {
        /// The blobs, and the length of each extent.
        extents: Vec<(BlobId, u64)>,
    },
    /// A long list of pieces: its pages and the references in them.
    List {
        /// The list.
        list: ManifestId,
        /// The first page that is still there.
        next: u32,
        /// How many pages it had.
        pages: u32,
    },
    /// A name of a manifest; with the last one, all parts under it, then its pages.
    Manifest {
        /// The manifest.
        manifest: ManifestId,
        /// The first page that is still there.
        next: u32,
        /// How many pages it had.
        pages: u32,
    },
    /// Single parts under a manifest that lives on (or whose garbage record comes later).
    Parts {
        /// The manifest.
        manifest: ManifestId,
        /// The parts that are still there.
        numbers: Vec<PartNumber>,
    },
    /// The open uploads of a bucket that is gone.
    Bucket {
        /// The bucket.
        bucket: BucketId,
    },
    /// The pages of a block table whose head is gone.
    Table {
        /// The table.
        table: TableId,
        /// The first page that is still there.
        next: u32,
        /// How many pages it had.
        pages: u32,
    },
}

impl Record for GarbageRecord {
    const NAME: &'static str = "garbage record";

    fn write(&self, to: &mut Writer) {
        match self {
            Self::Pieces { extents } => {
                to.u8(0);
                to.list(extents, |to, (blob, len)| {
                    to.u64(blob.get());
                    to.u64(*len);
                });
            }
            Self::List { list, next, pages } => write_pages(to, 1, list.get(), *next, *pages),
            Self::Manifest { manifest, next, pages } => {
                write_pages(to, 2, manifest.get(), *next, *pages);
            }
            Self::Parts { manifest, numbers } => {
                to.u8(3);
                to.u64(manifest.get());
                to.list(numbers, |to, number| to.u16(number.get()));
            }
            Self::Bucket { bucket } => {
                to.u8(4);
                to.u64(bucket.get());
            }
            Self::Table { table, next, pages } => write_pages(to, 5, table.get(), *next, *pages),
        }
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match from.u8("kind")? {
            0 => Self::Pieces {
                extents: from.list("extents", |from| {
                    Ok((BlobId::new(from.u64("blob")?), from.len("length")?))
                })?,
            },
            1 => {
                let (list, next, pages) = read_pages(from)?;
                Self::List { list: ManifestId::new(list), next, pages }
            }
            2 => {
                let (manifest, next, pages) = read_pages(from)?;
                Self::Manifest { manifest: ManifestId::new(manifest), next, pages }
            }
            3 => Self::Parts {
                manifest: ManifestId::new(from.u64("manifest")?),
                numbers: from.list("parts", Reader::part_number)?,
            },
            4 => Self::Bucket { bucket: BucketId::new(from.u64("bucket")?) },
            5 => {
                let (table, next, pages) = read_pages(from)?;
                Self::Table { table: TableId::new(table), next, pages }
            }
            _ => return Err(from.malformed("kind")),
        })
    }
}

fn write_pages(to: &mut Writer, kind: u8, id: u64, next: u32, pages: u32) {
    to.u8(kind);
    to.u64(id);
    to.u32(next);
    to.u32(pages);
}

fn read_pages(from: &mut Reader) -> Result<(u64, u32, u32), DecodeError> {
    let (id, next, pages) = (from.u64("id")?, from.u32("next page")?, from.u32("pages")?);
    if next <= pages { Ok((id, next, pages)) } else { Err(from.malformed("next page")) }
}

/// Since which round something has been so: a blob without references, a taken blob whose file is to be unlinked,
/// or a blob that is sparse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Since {
    /// The round.
    pub sequence: Sequence,
}

impl Record for Since {
    const NAME: &'static str = "mark of a blob";

    fn write(&self, to: &mut Writer) {
        to.u64(self.sequence.get());
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self { sequence: Sequence::new(from.u64("sequence")?) })
    }
}
