//! Room: the fingerprint of a cut extent, from its block table: two page look-ups and at most two edge blocks read,
//! whatever the length.

use std::rc::Rc;

use futures_util::future::try_join;
use meta::extent::{PieceSlice, Unmeasured};
use meta::fingerprint::Fingerprint;
use meta::record::{Extent, Piece};
use meta::table::{self, BLOCK_LEN, Edge};
use protocol::range::ByteRange;

use crate::blob::{BlockReader, ReadError, ReadPath};

/// The fingerprint of exactly the bytes of `cut`.
///
/// # Errors
/// If a page cannot be had or an edge block is not what was written.
pub(super) async fn fingerprint(
    path: &Rc<ReadPath>,
    cut: Unmeasured,
) -> Result<Fingerprint, ReadError> {
    let contradiction =
        || ReadError::Contradiction { blob: cut.blob, block: cut.offset / u64::from(BLOCK_LEN) };
    let (start, end) = cut.edges().ok_or_else(contradiction)?;
    let (before_start, before_end) =
        try_join(before(path, cut, start), before(path, cut, end)).await?;
    Ok(table::between(before_start, before_end, cut.len))
}

/// The running fingerprint of everything before `edge`.
async fn before(
    path: &Rc<ReadPath>,
    cut: Unmeasured,
    edge: Edge,
) -> Result<Fingerprint, ReadError> {
    let failed = |error| ReadError::Table { table: cut.table, page: edge.page(), error };
    let page = path.tables.page(cut.table, edge.page()).await.map_err(failed)?;
    let block = u64::from(edge.block().saturating_sub(cut.first_block));
    let contradiction = || ReadError::Contradiction { blob: cut.blob, block };
    let front = match edge.needs(&page).ok_or_else(contradiction)? {
        0 => Fingerprint::EMPTY,
        len => front_of_block(path, cut, edge.block(), len).await?,
    };
    edge.before(&page, front).ok_or_else(contradiction)
}

/// The fingerprint of the first `len` bytes of block `block` of the table, read from the blob at hand.
async fn front_of_block(
    path: &Rc<ReadPath>,
    cut: Unmeasured,
    block: u32,
    len: u32,
) -> Result<Fingerprint, ReadError> {
    let within_blob = block
        .checked_sub(cut.first_block)
        .ok_or(ReadError::Contradiction { blob: cut.blob, block: 0 })?;
    let front = Extent {
        blob: cut.blob,
        offset: u64::from(within_blob) * u64::from(BLOCK_LEN),
        len: u64::from(len),
        table: cut.table,
        first_block: cut.first_block,
        // Blocks are verified against the table; the extent's own fingerprint is what is being made here.
        fingerprint: Fingerprint::EMPTY,
    };
    let slice = PieceSlice { piece: Piece::Extent(front), within: ByteRange::whole(front.len) };
    let mut reader = BlockReader::new(path.clone(), vec![slice]);
    let mut fingerprint = Fingerprint::EMPTY;
    while let Some(read) = reader.next().await {
        let read = read?;
        fingerprint = fingerprint.then(Fingerprint::of(&read), read.len() as u64);
    }
    Ok(fingerprint)
}
