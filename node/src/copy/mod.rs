//! Room: a range copy, from the resolved pieces of the source to the pieces of a new part.
//!
//! Flow: `plan` chooses the ways for each piece, `measure` finds the fingerprints of cut extents from block tables,
//! this file carries the steps out, `blocks` makes new blobs, `etag` says what the part's ETag is.
//! Invariants: the new pieces hold exactly the bytes of the source range; nothing here is named yet, and only what
//! `files` does not list as unsynced is durable.
//! Cancel: a dropped future leaves only files that `NewFiles` unlinks.

pub mod blocks;
mod etag;
mod measure;
pub mod plan;

use std::rc::Rc;

use bytes::BytesMut;
use meta::command::NewBlob;
use meta::extent::{self, Cut, PieceSlice, Unmeasured};
use meta::fingerprint::Fingerprint;
use meta::query;
use meta::record::{Content, Extent, Piece};
use meta::store::{Store, StoreError};
use meta::table::BLOCK_LEN;
use protocol::range::ByteRange;

pub use self::etag::{Digested, opaque_etag};
use self::plan::{SourceSlice, Step};
use crate::blob::blocks::Blocks;
use crate::blob::{BlockReader, ReadError};
use crate::config::Way;
use crate::disk::DiskError;
use crate::flush::FlushError;
use crate::lease::LeaseError;
use crate::limits;
use crate::machine::Machine;
use crate::metrics::{CopiedBytes, MovedBytes};
use crate::new_files::NewFiles;

/// A copied range, not durable yet.
pub struct Copied {
    /// The bytes, as pieces of a part.
    pub pieces: Vec<Piece>,
    /// New blobs that the pieces name.
    pub blobs: Vec<NewBlob>,
    /// The files of these blobs.
    pub files: NewFiles,
    /// The fingerprint of the whole range.
    pub fingerprint: Fingerprint,
    /// The ways it took, in the order of first use.
    pub ways: Vec<&'static str>,
}

/// Why a range could not be copied.
#[derive(Debug)]
pub enum CopyError {
    /// The source cannot be read, or is damaged.
    Read(ReadError),
    /// A new file could not be made.
    Disk(DiskError),
    /// New files could not be made durable.
    Flush(FlushError),
    /// No blob id was to be had.
    Lease(LeaseError),
}

impl From<ReadError> for CopyError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<DiskError> for CopyError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

/// The pieces of the source that `range` touches, with what the plan needs of their blobs.
///
/// # Errors
/// Of the store; a piece or blob that is missing is damage.
pub fn source_slices(
    store: &dyn Store,
    content: &Content,
    range: ByteRange,
) -> Result<Vec<SourceSlice>, StoreError> {
    let slices = query::resolve(store, content, range)?.into_iter();
    // Neighbours often lie in one blob: what was cut and put together again, copies of copies.
    let mut last = None;
    let with_blob = slices.map(|slice| {
        let Some(extent) = slice.piece.extent() else {
            return Ok(SourceSlice { slice, blob_len: 0 });
        };
        let blob_len = match last {
            Some((blob, len)) if blob == extent.blob => len,
            _ => query::blob(store, extent.blob)?.len,
        };
        if extent.offset.checked_add(extent.len).is_none_or(|end| end > blob_len) {
            let found = format!("an extent does not lie inside blob {}", extent.blob);
            return Err(StoreError::Corrupt(found));
        }
        last = Some((extent.blob, blob_len));
        Ok(SourceSlice { slice, blob_len })
    });
    with_blob.collect()
}

/// Copies `slices`.
///
/// # Errors
/// Each of [`CopyError`]; new files are given up then.
pub async fn copy(machine: &Rc<Machine>, slices: Vec<SourceSlice>) -> Result<Copied, CopyError> {
    let mut copy = Copying {
        machine,
        pieces: Vec::new(),
        fingerprint: Fingerprint::EMPTY,
        blobs: Vec::new(),
        files: NewFiles::none(machine),
        ways: Vec::new(),
    };
    for step in plan::plan(slices, &machine.copy_rules) {
        if let Err(error) = copy.step(step).await {
            copy.files.abandon();
            return Err(error);
        }
        // A range may have ten thousand pieces, and sharing one waits for nothing.
        machine.clock.pause().await;
    }
    let Copying { pieces, fingerprint, blobs, files, ways, .. } = copy;
    Ok(Copied { pieces: extent::merge(pieces), blobs, files, fingerprint, ways })
}

/// A copy under way.
struct Copying<'a> {
    machine: &'a Rc<Machine>,
    pieces: Vec<Piece>,
    /// Of all pieces so far.
    fingerprint: Fingerprint,
    blobs: Vec<NewBlob>,
    files: NewFiles,
    ways: Vec<&'static str>,
}

impl Copying<'_> {
    async fn step(&mut self, step: Step) -> Result<(), CopyError> {
        match step {
            Step::Inline(slice) => self.inline(&slice),
            Step::Extent { source, ways } => self.extent(source, ways).await,
            Step::Write(slices) => self.write(slices).await,
        }
    }

    fn went(&mut self, way: Way, logical: u64, physical: u64) {
        self.note(way.as_str());
        self.machine.metrics.copied(way, CopiedBytes(logical), MovedBytes(physical));
    }

    fn add(&mut self, piece: Piece) {
        self.fingerprint = self.fingerprint.then(piece.fingerprint(), piece.len());
        self.pieces.push(piece);
    }

    fn note(&mut self, way: &'static str) {
        if !self.ways.contains(&way) {
            self.ways.push(way);
        }
    }

    fn inline(&mut self, slice: &PieceSlice) -> Result<(), CopyError> {
        if let Piece::Inline { bytes, fingerprint } = &slice.piece {
            // The cut gets a fingerprint of its own: bytes that have rotted must not get a valid one.
            if Fingerprint::of(bytes) != *fingerprint {
                return Err(ReadError::CorruptInline.into());
            }
        }
        let Cut::Known(piece) = slice.cut() else { unreachable!("inline bytes are in memory") };
        self.note("inline");
        self.machine.metrics.copied_inline(CopiedBytes(piece.len()));
        self.add(piece);
        Ok(())
    }

    /// The extent of exactly the bytes that are meant, in the blob where they lie now.
    async fn measured(&self, slice: &PieceSlice) -> Result<Extent, CopyError> {
        match slice.cut() {
            Cut::Known(Piece::Extent(extent)) => Ok(extent),
            Cut::Known(Piece::Inline { .. }) => unreachable!("the plan keeps inline bytes inline"),
            Cut::Unmeasured(cut) => self.measure(cut).await,
        }
    }

    async fn measure(&self, cut: Unmeasured) -> Result<Extent, CopyError> {
        Ok(cut.measured(measure::fingerprint(&self.machine.copy_path, cut).await?))
    }

    fn share(&mut self, extent: Extent) {
        self.went(Way::Share, extent.len, 0);
        self.add(Piece::Extent(extent));
    }

    /// Copies a range of one blob by the first of `ways` that is not refused.
    async fn extent(&mut self, source: SourceSlice, ways: Vec<Way>) -> Result<(), CopyError> {
        let SourceSlice { slice, blob_len } = source;
        let mut measured = None;
        for way in ways {
            if way == Way::Rw {
                break;
            }
            let extent = match measured {
                Some(extent) => extent,
                None => *measured.insert(self.measured(&slice).await?),
            };
            let Some(means) = blocks::means_of(way) else {
                self.share(extent);
                return Ok(());
            };
            let around = Blocks::around(&extent, blob_len).ok_or_else(|| {
                let block = extent.offset / u64::from(BLOCK_LEN);
                ReadError::Contradiction { blob: extent.blob, block }
            })?;
            let made = blocks::by(self.machine, &mut self.files, around, way, means).await?;
            if let Some(blob) = made {
                self.machine.metrics.copy_slack_bytes.add(blob.len - extent.len);
                let moved = if way == Way::Reflink { 0 } else { blob.len };
                let extent = around.moved(extent, blob.id);
                return self.take(way, blob, extent, moved).await;
            }
        }
        self.write(vec![slice]).await
    }

    async fn write(&mut self, slices: Vec<PieceSlice>) -> Result<(), CopyError> {
        let len: u64 = slices.iter().map(PieceSlice::len).sum();
        if len <= limits::INLINE_LEN_MAX {
            let mut reader = BlockReader::new(self.machine.copy_path.clone(), slices);
            let mut bytes = BytesMut::new();
            while let Some(block) = reader.next().await {
                bytes.extend_from_slice(&block?);
            }
            let fingerprint = Fingerprint::of(&bytes);
            self.went(Way::Rw, len, len);
            self.add(Piece::Inline { bytes: bytes.freeze(), fingerprint });
            return Ok(());
        }
        let written = blocks::write(self.machine, &mut self.files, slices).await?;
        self.files.unsynced.push(written.unsynced);
        self.take(Way::Rw, written.blob, written.extent, len).await
    }

    /// Takes up a new blob whose file is among the unsynced ones.
    async fn take(
        &mut self,
        way: Way,
        blob: NewBlob,
        extent: Extent,
        moved: u64,
    ) -> Result<(), CopyError> {
        self.went(way, extent.len, moved);
        self.blobs.push(blob);
        self.add(Piece::Extent(extent));
        if self.files.unsynced.len() < limits::COPY_UNSYNCED_MAX {
            return Ok(());
        }
        let some = std::mem::take(&mut self.files.unsynced);
        self.machine.flush.flush(some).await.map_err(CopyError::Flush)
    }
}
