//! Room: blocks of a blob into a new blob, by the first way that is not refused; used by copies of parts and by
//! the rewriting of blobs that are mostly garbage.
//!
//! Invariants: a refusal, whatever the file system says and at whatever call, takes the next way and is counted; a
//! source that is gone or too short is damage, and no way around it is tried. Reading and writing, the last way,
//! verifies every block. What moves bytes leaves the reserve of the file system alone.
//! Cancel: the ids belong to `NewFiles`, which unlinks what was made.

use std::fmt::Display;
use std::rc::Rc;

use meta::command::NewBlob;
use meta::extent::PieceSlice;
use meta::fingerprint::Fingerprint;
use meta::record::{Extent, Piece};
use meta::table::{BLOCK_LEN, PAGE_BLOCKS};
use protocol::range::ByteRange;

use super::CopyError;
use crate::blob::blocks::{self, Blocks, Means};
use crate::blob::{BlobWriter, BlockReader, ReadError, Written};
use crate::config::Way;
use crate::disk::{DiskError, KernelCopy};
use crate::lease::LeaseError;
use crate::log;
use crate::machine::Machine;
use crate::new_files::NewFiles;
use crate::seam::in_queue;

/// Makes a new blob that holds the blocks of `source`, by the first way of the configured order that works. Its
/// file is among `files.unsynced` then. By [`Way::Rw`] it has a table of its own.
///
/// # Errors
/// Each of [`CopyError`]; whatever was made is given up.
pub async fn blocks(
    machine: &Rc<Machine>,
    files: &mut NewFiles,
    source: Blocks,
) -> Result<(Way, NewBlob), CopyError> {
    for way in machine.copy_rules.ways_for_blocks() {
        let Some(means) = means_of(way) else { break };
        if let Some(blob) = by(machine, files, source, way, means).await? {
            return Ok((way, blob));
        }
    }
    let all = logical(machine, source).await?;
    let written = write(machine, files, vec![all]).await?;
    files.unsynced.push(written.unsynced);
    Ok((Way::Rw, written.blob))
}

/// How a way makes a blob without reading; `None` for the ways that do not.
pub(super) const fn means_of(way: Way) -> Option<Means> {
    match way {
        Way::Reflink => Some(Means::Clone),
        Way::CopyFileRange => Some(Means::Copy(KernelCopy::CopyFileRange)),
        Way::Splice => Some(Means::Copy(KernelCopy::Splice)),
        Way::Share | Way::Rw => None,
    }
}

/// Tries one way. `None` if it was refused: that has been counted, and nothing is left of it.
pub(super) async fn by(
    machine: &Rc<Machine>,
    files: &mut NewFiles,
    source: Blocks,
    way: Way,
    means: Means,
) -> Result<Option<NewBlob>, CopyError> {
    // Only a clone takes no room.
    let claim = match means {
        Means::Clone => None,
        Means::Copy(_) => match machine.admission.claim(source.range.len()) {
            None => {
                refused(machine, way, &DiskError::NoSpace);
                return Ok(None);
            }
            claim => claim,
        },
    };
    let target = match files.reserve().await {
        Ok(target) => target,
        // The file system refuses a folder: there may be a way that needs no file.
        Err(LeaseError::Disk(error)) => {
            refused(machine, way, &error);
            return Ok(None);
        }
        Err(error) => return Err(CopyError::Lease(error)),
    };
    match blocks::take(&machine.disk, source, means, target).await {
        Ok((unsynced, blob)) => {
            files.unsynced.push(unsynced);
            Ok(Some(blob))
        }
        Err(error) => {
            files.give_up(target);
            if let Some(claim) = claim {
                claim.give_back();
            }
            match error {
                DiskError::Missing | DiskError::Truncated => {
                    Err(ReadError::Disk { blob: source.blob, error }.into())
                }
                // The node's own queue is full: reading and writing would only add to the load.
                DiskError::Busy => Err(error.into()),
                error => {
                    refused(machine, way, &error);
                    Ok(None)
                }
            }
        }
    }
}

fn refused(machine: &Machine, way: Way, cause: &dyn Display) {
    if machine.metrics.copy_refused(way, machine.clock.now()) {
        log::warn("copy_way_refused", &[("way", &way.as_str()), ("cause", cause)]);
    }
}

/// All bytes of the blocks, without the zeros that pad the last one.
async fn logical(machine: &Machine, source: Blocks) -> Result<PieceSlice, CopyError> {
    let Blocks { blob, range, table, first_block } = source;
    let last = (range.end() - 1) / u64::from(BLOCK_LEN);
    let contradiction = || ReadError::Contradiction { blob, block: last };
    let in_table = u32::try_from(u64::from(first_block) + last).ok().ok_or_else(contradiction)?;
    let page = in_table / PAGE_BLOCKS;
    let tables = &machine.copy_path.tables;
    let found = tables.page(table, page).await;
    let found = found.map_err(|error| ReadError::Table { table, page, error })?;
    let (_, len) = found.block((in_table % PAGE_BLOCKS) as usize).ok_or_else(contradiction)?;
    let end = range.end().min(last * u64::from(BLOCK_LEN) + u64::from(len));
    let extent = Extent {
        blob,
        offset: range.start(),
        len: end - range.start(),
        table,
        first_block,
        // Blocks are verified against the table; what is written gets a fingerprint of its own.
        fingerprint: Fingerprint::EMPTY,
    };
    Ok(PieceSlice { piece: Piece::Extent(extent), within: ByteRange::whole(extent.len) })
}

/// Reads `slices`, verified, and writes them as one new blob; in the queue for long work.
pub(super) async fn write(
    machine: &Rc<Machine>,
    files: &mut NewFiles,
    slices: Vec<PieceSlice>,
) -> Result<Written, CopyError> {
    let len = slices.iter().map(PieceSlice::len).sum();
    let claim = machine.admission.claim(len).ok_or(DiskError::NoSpace)?;
    let id = files.reserve().await.map_err(CopyError::Lease)?;
    let (disk, clock) = (machine.disk.clone(), machine.clock.clone());
    let (path, pool) = (machine.copy_path.clone(), machine.copy_pool.clone());
    let moving = async move {
        let writer = BlobWriter::create(disk, clock, pool, id, len).await?.claiming(claim);
        pour(BlockReader::new(path, slices), writer).await
    };
    in_queue(&*machine.bulk, moving).await
}

/// From what is read into what is written.
async fn pour(mut reader: BlockReader, mut writer: BlobWriter) -> Result<Written, CopyError> {
    while let Some(block) = reader.next().await {
        // The one copy in user space: from the read buffer to the write buffer.
        writer.push(&block?).await?;
    }
    Ok(writer.finish().await?)
}

#[cfg(test)]
mod tests;
