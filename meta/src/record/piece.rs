//! Room: where bytes lie: extents of blobs, inline bytes, and lists of both.

use bytes::Bytes;

use crate::codec::{DecodeError, LEN_MAX, Reader, Record, Writer};
use crate::fingerprint::Fingerprint;
use crate::id::{BlobId, ManifestId, TableId};

/// A run of bytes of one blob.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Extent {
    /// The blob.
    pub blob: BlobId,
    /// Where in the blob it begins.
    pub offset: u64,
    /// Its length; never 0.
    pub len: u64,
    /// The block table that describes the blob's bytes.
    pub table: TableId,
    /// The table's block that the blob begins with.
    pub first_block: u32,
    /// The fingerprint of exactly these bytes.
    pub fingerprint: Fingerprint,
}

/// A run of bytes, wherever it lies. Never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// In a blob.
    Extent(Extent),
    /// In the record itself.
    Inline {
        /// The bytes.
        bytes: Bytes,
        /// Their fingerprint.
        fingerprint: Fingerprint,
    },
}

impl Piece {
    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Extent(extent) => extent.len,
            Self::Inline { bytes, .. } => bytes.len() as u64,
        }
    }

    /// Never true of a stored piece.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The fingerprint of its bytes.
    pub fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Extent(extent) => extent.fingerprint,
            Self::Inline { fingerprint, .. } => *fingerprint,
        }
    }

    /// Lets go of inline bytes and keeps how many they are: for whoever holds all records of a store at once.
    pub(crate) fn forget_bytes(&mut self) {
        if let Self::Inline { bytes, .. } = self
            && let Some(zeros) = ZEROS.get(..bytes.len())
        {
            *bytes = Bytes::from_static(zeros);
        }
    }

    /// The extent, if it is one.
    pub fn extent(&self) -> Option<&Extent> {
        match self {
            Self::Extent(extent) => Some(extent),
            Self::Inline { .. } => None,
        }
    }
}

/// The bytes of a part or of an object that was put as one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PieceList {
    /// All pieces, in order. No pieces: no bytes.
    Short(Vec<Piece>),
    /// Pages of pieces, by position: many pieces, or more inline bytes than a record should hold.
    Long {
        /// Whose pages they are.
        list: ManifestId,
        /// Where each page begins, ascending from 0.
        page_starts: Vec<u64>,
        /// The length of the whole.
        len: u64,
    },
}

impl PieceList {
    /// The length of the whole in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Short(pieces) => pieces.iter().map(Piece::len).sum(),
            Self::Long { len, .. } => *len,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn write(&self, to: &mut Writer) {
        match self {
            Self::Short(pieces) => {
                to.u8(0);
                to.list(pieces, write_piece);
            }
            Self::Long { list, page_starts, len } => {
                to.u8(1);
                to.u64(list.get());
                to.u64(*len);
                to.list(page_starts, |to, start| to.u64(*start));
            }
        }
    }

    pub(crate) fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        match from.u8("piece list")? {
            0 => Ok(Self::Short(read_pieces(from)?)),
            1 => {
                let list = ManifestId::new(from.u64("piece list id")?);
                let len = from.len("piece list length")?;
                let page_starts = from.list("piece page starts", |from| from.len("page start"))?;
                let ascend = page_starts.is_sorted_by(|a, b| a < b);
                let within = page_starts.last().is_some_and(|last| *last < len);
                if !ascend || !within || page_starts.first() != Some(&0) {
                    return Err(from.malformed("piece page starts"));
                }
                Ok(Self::Long { list, page_starts, len })
            }
            _ => Err(from.malformed("piece list")),
        }
    }
}

/// One page of a long list of pieces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PiecePage {
    /// The pieces, in order; at least one.
    pub pieces: Vec<Piece>,
}

impl Record for PiecePage {
    const NAME: &'static str = "page of pieces";

    fn write(&self, to: &mut Writer) {
        to.list(&self.pieces, write_piece);
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self { pieces: read_pieces(from)? })
    }
}

/// About how many bytes `piece` takes in a record.
pub(crate) fn piece_stored_len(piece: &Piece) -> usize {
    let mut to = Writer::default();
    match piece {
        Piece::Extent(_) => write_piece(&mut to, piece),
        Piece::Inline { bytes, .. } => return bytes.len() + 32,
    }
    to.len()
}

fn write_piece(to: &mut Writer, piece: &Piece) {
    match piece {
        Piece::Extent(extent) => {
            to.u8(0);
            to.u64(extent.blob.get());
            to.u64(extent.offset);
            to.u64(extent.len);
            to.u64(extent.table.get());
            to.u32(extent.first_block);
            to.fingerprint(extent.fingerprint);
        }
        Piece::Inline { bytes, fingerprint } => {
            to.u8(1);
            to.fingerprint(*fingerprint);
            to.bytes(bytes);
        }
    }
}

/// Pieces whose lengths can be added up.
fn read_pieces(from: &mut Reader) -> Result<Vec<Piece>, DecodeError> {
    let pieces = from.list("pieces", read_piece)?;
    let len = pieces.iter().try_fold(0_u64, |sum, piece| sum.checked_add(piece.len()));
    if len.is_some_and(|len| len <= LEN_MAX) { Ok(pieces) } else { Err(from.malformed("pieces")) }
}

fn read_piece(from: &mut Reader) -> Result<Piece, DecodeError> {
    let piece = match from.u8("piece")? {
        0 => Piece::Extent(Extent {
            blob: BlobId::new(from.u64("blob")?),
            offset: from.len("offset")?,
            len: from.len("length")?,
            table: TableId::new(from.u64("table")?),
            first_block: from.u32("first block")?,
            fingerprint: from.fingerprint("fingerprint")?,
        }),
        1 => Piece::Inline {
            fingerprint: from.fingerprint("fingerprint")?,
            bytes: from.bytes("inline bytes")?,
        },
        _ => return Err(from.malformed("piece")),
    };
    if piece.is_empty() { Err(from.malformed("piece")) } else { Ok(piece) }
}

/// Longer than the inline bytes of one piece are made.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
