//! Room: writing one blob from a stream of bytes.
//!
//! The bytes are copied into aligned buffers, fingerprinted block by block while they are warm, and written in
//! writes of 1 MiB of which a few are under way at a time; when none of the buffers is free, `push` waits, which is
//! the back-pressure on whoever sends. While others wait for a buffer, a writer gives its own up: at the end of each
//! write, and ([`BlobWriter::give_back`]) when its bytes come slowly; it gets another in its turn.
//! Invariants: the file is padded with zeros to the grid; space is reserved at most [`RESERVE_AHEAD`] beyond
//! what was received. The file of a writer that failed or was dropped before `finish` is unlinked by whoever
//! reserved its id.

use std::fmt;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use meta::command::{NewBlob, NewTable};
use meta::fingerprint::{Fingerprint, Running};
use meta::id::{BlobId, TableId};
use meta::record::Extent;
use meta::table::BLOCK_LEN;

use super::Written;
use crate::admission::Claim;
use crate::disk::buffer::BUFFER_LEN;
use crate::disk::{ALIGN, BlobFile, Buffer, BufferPool, Disk, DiskError};
use crate::seam::{Clock, Local};

/// How far beyond the received bytes space is reserved: enough for few extents, little to lose to a client that
/// announces much and sends nothing.
pub const RESERVE_AHEAD: u64 = 64 * 1024 * 1024;

/// How many writes of one blob are under way at a time.
const WRITES_MAX: usize = 4;

/// How many bytes are copied and fingerprinted before other tasks get a chance.
const STEP_LEN: usize = BLOCK_LEN as usize;

const _: () = assert!(BUFFER_LEN.is_multiple_of(STEP_LEN));

/// A blob while it is written.
pub struct BlobWriter {
    blob: BlobId,
    file: Rc<dyn BlobFile>,
    clock: Rc<dyn Clock>,
    pool: Rc<BufferPool>,
    /// What the whole stream was announced to be; it decides on buffers and reservations only.
    expected_len: u64,
    /// The room that it was let in for, if that is counted.
    claim: Option<Claim>,
    received: u64,
    reserved: u64,
    /// Where the next write goes.
    write_at: u64,
    buffer: Option<Buffer>,
    /// What did not fill the grid when the last buffer was given back: the beginning of the next.
    tail: Vec<u8>,
    /// How much of `buffer` is in `running`.
    fingerprinted: usize,
    running: Running,
    writes: FuturesUnordered<Local<'static, Result<Buffer, DiskError>>>,
    since_pause: usize,
    /// A push is under way, or failed, or was cancelled.
    unsound: bool,
}

impl BlobWriter {
    /// Begins `blob`, a stream announced to be `expected_len` bytes long. Waits for its first buffer.
    ///
    /// # Errors
    /// As [`Disk::create`]. Cancel: as there, the file may come to be.
    pub async fn create(
        disk: Rc<dyn Disk>,
        clock: Rc<dyn Clock>,
        pool: Rc<BufferPool>,
        blob: BlobId,
        expected_len: u64,
    ) -> Result<Self, DiskError> {
        let buffer = admit(&pool, &*clock, expected_len).await;
        let file = disk.create(blob).await?;
        Ok(Self {
            blob,
            file,
            clock,
            pool,
            expected_len,
            claim: None,
            received: 0,
            reserved: 0,
            write_at: 0,
            buffer: Some(buffer),
            tail: Vec::new(),
            fingerprinted: 0,
            running: Running::new(),
            writes: FuturesUnordered::new(),
            since_pause: 0,
            unsound: false,
        })
    }

    /// Lets the blob take what it writes from `claim`.
    #[must_use]
    pub fn claiming(mut self, claim: Claim) -> Self {
        self.claim = Some(claim);
        self
    }

    /// The bytes received so far.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.received
    }

    /// Whether no byte was received yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.received == 0
    }

    /// The fingerprint of the bytes received so far.
    pub fn fingerprint(&mut self) -> Fingerprint {
        if let Some(buffer) = self.buffer.take() {
            self.fingerprint_new(&buffer, 1);
            self.buffer = Some(buffer);
        }
        self.running.fingerprint()
    }

    /// Takes the next bytes; waits while all buffers are on their way to the disk.
    ///
    /// # Errors
    /// Of this or an earlier write. After an error, and when it was cancelled, the writer is good for nothing
    /// but being dropped.
    ///
    /// # Panics
    /// If it is used after an error.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.enter();
        if let Some(back) = self.take_written()?
            && self.buffer.is_none()
        {
            self.buffer = Some(back);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let mut buffer = match self.buffer.take() {
                Some(buffer) => buffer,
                None => self.next_buffer().await?,
            };
            let step = rest.len().min(STEP_LEN);
            let taken = buffer.append(&rest[..step]);
            rest = &rest[taken..];
            self.received += taken as u64;
            self.fingerprint_new(&buffer, STEP_LEN);
            if buffer.is_full() {
                self.submit(buffer).await?;
            } else {
                self.buffer = Some(buffer);
            }
            self.since_pause += taken;
            if self.since_pause >= STEP_LEN {
                self.since_pause = 0;
                self.clock.pause().await;
            }
        }
        self.unsound = false;
        Ok(())
    }

    /// Writes what is left, and ends the blob.
    ///
    /// # Errors
    /// Of any write; then, and when it is cancelled, the file is to be unlinked.
    ///
    /// # Panics
    /// If nothing was pushed: no bytes need no blob. If it is used after an error.
    pub async fn finish(mut self) -> Result<Written, DiskError> {
        assert!(self.received > 0, "a blob has bytes");
        self.enter();
        if !self.tail.is_empty() {
            self.buffer = Some(self.buffer_anew().await);
        }
        if let Some(buffer) = self.buffer.take().filter(|buffer| !buffer.is_empty()) {
            self.submit(buffer).await?;
        }
        self.finish_writes().await?;
        let unsynced = self.file.finish(self.write_at).await?;
        let table = std::mem::take(&mut self.running).finish();
        assert_eq!(table.len(), self.received, "every byte is in the table");
        let extent = Extent {
            blob: self.blob,
            offset: 0,
            len: self.received,
            table: TableId::of(self.blob),
            first_block: 0,
            fingerprint: table.total(),
        };
        let blob = NewBlob { id: self.blob, len: self.write_at, table: NewTable::Written(table) };
        Ok(Written { unsynced, blob, extent })
    }

    /// Completes when others need the buffer that this writer holds, while its client sends nothing: then it is to
    /// be given back. Never, if it holds none.
    pub fn asked_back(&self) -> impl Future<Output = ()> + 'static {
        let budget = self.buffer.as_ref().map(|_held| self.pool.budget().clone());
        async move {
            match budget {
                Some(budget) => budget.asked_back().await,
                None => std::future::pending().await,
            }
        }
    }

    /// Writes out what fills the grid and gives all buffers back. The next bytes wait for their turn.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub async fn give_back(&mut self) -> Result<(), DiskError> {
        self.enter();
        if let Some(mut buffer) = self.buffer.take() {
            self.fingerprint_new(&buffer, 1);
            let whole = buffer.len() / ALIGN * ALIGN;
            self.tail = buffer.bytes()[whole..].to_vec();
            buffer.truncate(whole);
            if whole > 0 {
                self.fingerprinted = whole;
                self.submit(buffer).await?;
            }
        }
        self.buffer = None;
        self.finish_writes().await?;
        self.unsound = false;
        Ok(())
    }

    /// Waits for all writes under way, and gives their buffers back.
    async fn finish_writes(&mut self) -> Result<(), DiskError> {
        while let Some(written) = self.writes.next().await {
            drop(written?);
        }
        Ok(())
    }

    /// A buffer for a writer that has none, in its turn; it begins with what the last one could not write.
    async fn buffer_anew(&mut self) -> Buffer {
        let to_come = self.to_come().saturating_add(self.tail.len() as u64);
        let mut buffer = admit(&self.pool, &*self.clock, to_come).await;
        let tail = std::mem::take(&mut self.tail);
        let taken = buffer.append(&tail);
        assert_eq!(taken, tail.len(), "what does not fill the grid fits in any buffer");
        self.fingerprinted = taken;
        buffer
    }

    /// How much is announced and not yet here; without end if more comes than was announced.
    fn to_come(&self) -> u64 {
        match self.expected_len.saturating_sub(self.received) {
            0 => u64::MAX,
            to_come => to_come,
        }
    }

    fn enter(&mut self) {
        assert!(!self.unsound, "a writer whose last call did not succeed is dropped");
        self.unsound = true;
    }

    /// Fingerprints what is new in `buffer`, in whole steps of `step` bytes.
    fn fingerprint_new(&mut self, buffer: &Buffer, step: usize) {
        let new = (buffer.len() - self.fingerprinted) / step * step;
        let end = self.fingerprinted + new;
        self.running.update(&buffer.bytes()[self.fingerprinted..end]);
        self.fingerprinted = end;
    }

    /// A buffer for the bytes to come: one that came back, a further one if it is free, else the next that
    /// comes back.
    async fn next_buffer(&mut self) -> Result<Buffer, DiskError> {
        if !self.writes.is_empty() && self.pool.budget().is_owed() {
            self.finish_writes().await?;
        }
        if self.writes.is_empty() {
            return Ok(self.buffer_anew().await);
        }
        if let Some(back) = self.take_written()? {
            return Ok(back);
        }
        if self.writes.len() < WRITES_MAX
            && let Some(buffer) = self.pool.try_take(self.to_come())
        {
            return Ok(buffer);
        }
        let written = self.writes.next().await;
        let mut buffer = written.expect("a stream without a buffer has writes under way")?;
        buffer.clear();
        Ok(buffer)
    }

    /// Takes up the writes that are done: one buffer for the next bytes, the others go back to the pool. This
    /// also polls the writes, which is what hands a new one to the disk.
    fn take_written(&mut self) -> Result<Option<Buffer>, DiskError> {
        let mut back = None;
        while let Some(Some(written)) = self.writes.next().now_or_never() {
            back = Some(written?);
        }
        Ok(back.map(|mut buffer: Buffer| {
            buffer.clear();
            buffer
        }))
    }

    /// Starts the write of `buffer`.
    async fn submit(&mut self, mut buffer: Buffer) -> Result<(), DiskError> {
        self.fingerprint_new(&buffer, 1);
        self.fingerprinted = 0;
        buffer.seal();
        let offset = self.write_at;
        let end = offset + buffer.len() as u64;
        self.reserve(end).await?;
        self.write_at = end;
        let file = Rc::clone(&self.file);
        self.writes.push(Box::pin(async move { file.write(offset, buffer).await }));
        self.buffer = self.take_written()?;
        Ok(())
    }

    /// Sees to it that the file has room up to `end`, a good deal ahead if much is to come. A blob of a single
    /// write needs no reservation: it lies in one piece anyway.
    async fn reserve(&mut self, end: u64) -> Result<(), DiskError> {
        let padded = self.expected_len.next_multiple_of(ALIGN as u64);
        if end <= self.reserved || padded <= BUFFER_LEN as u64 {
            return Ok(());
        }
        let upto = padded.min(self.received + RESERVE_AHEAD).max(end);
        self.file.reserve(upto).await?;
        if let Some(claim) = &mut self.claim {
            claim.take(upto - self.reserved);
        }
        self.reserved = upto;
        Ok(())
    }
}

/// A buffer in its turn. Who waits long for it asks for one back.
async fn admit(pool: &Rc<BufferPool>, clock: &dyn Clock, len: u64) -> Buffer {
    if let Some(buffer) = pool.try_take(len) {
        return buffer;
    }
    pool.budget().asking(clock, pool.admit(len)).await
}

impl fmt::Debug for BlobWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobWriter({:?}, {} of {})", self.blob, self.received, self.expected_len)
    }
}
