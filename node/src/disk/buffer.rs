//! Room: memory that the disk can write from and read into without a copy.
//!
//! [`Buffer`] is filled, sealed (padded with zeros to the grid) and written; [`Block`] came from a read, or from
//! memory, and is never changed again. Both stay on their shard.
//! Holds: the idle buffers of a [`BufferPool`], within its [`Budget`].
//! Invariants: pool memory, idle and in use, never exceeds the budget; what lies in a buffer beyond what was
//! appended never reaches the disk.

use std::cell::RefCell;
use std::fmt;
use std::ops::{Deref, Range};
use std::rc::Rc;

use bytes::{Buf, Bytes};
use glommio::allocate_dma_buffer_global;
use glommio::io::{DmaBuffer, ReadResult};

use super::ALIGN;
use crate::budget::{Budget, Permit};

/// The length of a full buffer, and so of a full write.
pub const BUFFER_LEN: usize = 1024 * 1024;

const _: () = assert!(BUFFER_LEN.is_multiple_of(ALIGN));

/// The write buffers of one shard.
#[derive(Debug)]
pub struct BufferPool {
    budget: Budget,
    idle: RefCell<Vec<Rc<DmaBuffer>>>,
}

impl BufferPool {
    /// A pool that hands out at most what `budget` allows.
    #[must_use]
    pub fn new(budget: Budget) -> Rc<Self> {
        Rc::new(Self { budget, idle: RefCell::new(Vec::new()) })
    }

    /// The budget that this pool keeps to.
    #[must_use]
    pub const fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The first buffer of a stream of at least `len` bytes: waits until it is this stream's turn.
    ///
    /// Cancel: leaves the queue.
    pub async fn admit(self: &Rc<Self>, len: u64) -> Buffer {
        let capacity = capacity_for(len);
        let permit = self.budget.admit(capacity).await;
        self.buffer(capacity, permit)
    }

    /// A further buffer, if one is free and nobody waits for it.
    #[must_use]
    pub fn try_take(self: &Rc<Self>, len: u64) -> Option<Buffer> {
        let capacity = capacity_for(len);
        self.budget.try_take(capacity).map(|permit| self.buffer(capacity, permit))
    }

    fn buffer(self: &Rc<Self>, capacity: usize, permit: Permit) -> Buffer {
        let memory = self.take_memory(capacity);
        Buffer { memory: Some(memory), capacity, len: 0, pool: Rc::clone(self), permit }
    }

    fn take_memory(&self, capacity: usize) -> Rc<DmaBuffer> {
        let mut idle = self.idle.borrow_mut();
        if capacity == BUFFER_LEN
            && let Some(memory) = idle.pop()
        {
            return memory;
        }
        // The permit is taken already: idle memory gives way to what is in use.
        idle.truncate(self.budget.free() / BUFFER_LEN);
        Rc::new(allocate_dma_buffer_global(capacity))
    }

    fn take_back(&self, memory: Rc<DmaBuffer>, about_to_be_free: usize) {
        let mut idle = self.idle.borrow_mut();
        let room = (self.budget.free() + about_to_be_free) / BUFFER_LEN;
        // A write that was cancelled under way still holds the memory: it goes when the kernel is done with it.
        if Rc::strong_count(&memory) == 1 && memory.len() == BUFFER_LEN && idle.len() < room {
            idle.push(memory);
        }
    }
}

/// How large the buffer of a stream is of which `len` bytes are still to come.
fn capacity_for(len: u64) -> usize {
    let len = usize::try_from(len).unwrap_or(BUFFER_LEN);
    len.clamp(1, BUFFER_LEN).next_multiple_of(ALIGN)
}

/// Memory to be written: owned by one stream, aligned for direct writes.
pub struct Buffer {
    /// Always there but while it is dropped.
    memory: Option<Rc<DmaBuffer>>,
    capacity: usize,
    len: usize,
    pool: Rc<BufferPool>,
    permit: Permit,
}

impl Buffer {
    /// The bytes appended so far (and, once sealed, the padding).
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been appended.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether no byte more goes in.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.len == self.capacity
    }

    /// Copies as much of `bytes` as there is room for, and says how much that was.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.capacity - self.len);
        let end = self.len + taken;
        let start = self.len;
        self.memory_mut().as_bytes_mut()[start..end].copy_from_slice(&bytes[..taken]);
        self.len = end;
        taken
    }

    /// Takes away all behind the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Pads with zeros to the grid; from here on [`Buffer::bytes`] is what gets written.
    pub fn seal(&mut self) {
        let start = self.len;
        let end = start.next_multiple_of(ALIGN);
        let memory = self.memory_mut();
        memory.as_bytes_mut()[start..end].fill(0);
        memory.trim_to_size(end);
        self.len = end;
    }

    /// What has been appended, and the padding once it is sealed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.memory().as_bytes()[..self.len]
    }

    /// Makes it empty again, for the next use by the same stream.
    pub fn clear(&mut self) {
        self.len = 0;
        let reusable = self.memory().len() == self.capacity
            && self.memory.as_ref().is_some_and(|memory| Rc::strong_count(memory) == 1);
        if !reusable {
            self.memory = Some(self.pool.take_memory(self.capacity));
        }
    }

    /// The memory itself, for a direct write of all of it.
    pub(super) fn direct(&self) -> Rc<DmaBuffer> {
        let memory = self.memory.as_ref().expect("memory leaves a buffer only while it is dropped");
        assert_eq!(memory.len(), self.len, "a buffer is sealed before it is written");
        Rc::clone(memory)
    }

    fn memory(&self) -> &DmaBuffer {
        self.memory.as_ref().expect("memory leaves a buffer only while it is dropped")
    }

    fn memory_mut(&mut self) -> &mut DmaBuffer {
        let memory = self.memory.as_mut().expect("memory leaves a buffer only while it is dropped");
        Rc::get_mut(memory).expect("a buffer that is filled is not being written")
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            self.pool.take_back(memory, self.permit.len());
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} of {})", self.len, self.capacity)
    }
}

/// Bytes that do not change any more. Clones and slices share the memory, and the permit that it is held under.
#[derive(Clone, Default)]
pub struct Block {
    bytes: Memory,
    permit: Option<Rc<Permit>>,
}

#[derive(Clone)]
enum Memory {
    Direct(ReadResult),
    Shared(Bytes),
}

impl Default for Memory {
    fn default() -> Self {
        Self::Shared(Bytes::new())
    }
}

impl Block {
    /// The outcome of a direct read, not copied.
    pub(super) const fn of_read(read: ReadResult) -> Self {
        Self { bytes: Memory::Direct(read), permit: None }
    }

    /// The part of it at `range`.
    ///
    /// # Panics
    /// If `range` is not within it.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let bytes = match &self.bytes {
            Memory::Direct(read) => Memory::Direct(
                ReadResult::slice(read, range.start, range.end - range.start)
                    .expect("the range lies within the block"),
            ),
            Memory::Shared(bytes) => Memory::Shared(bytes.slice(range)),
        };
        Self { bytes, permit: self.permit.clone() }
    }

    /// Keeps `permit` as long as any clone or slice of this block lives.
    #[must_use]
    pub fn held_under(mut self, permit: Permit) -> Self {
        self.permit = Some(Rc::new(permit));
        self
    }
}

impl From<Bytes> for Block {
    fn from(bytes: Bytes) -> Self {
        Self { bytes: Memory::Shared(bytes), permit: None }
    }
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Memory::Direct(read) => read,
            Memory::Shared(bytes) => bytes,
        }
    }
}

impl Buf for Block {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        self
    }

    fn advance(&mut self, count: usize) {
        *self = self.slice(count..self.len());
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lay_in_a_buffer_never_comes_out_again() {
        let pool = BufferPool::new(Budget::new(BUFFER_LEN));
        let mut buffer = pool.try_take(BUFFER_LEN as u64).expect("free");
        assert_eq!(buffer.append(&vec![0xAA; BUFFER_LEN + 5]), BUFFER_LEN);
        assert!(buffer.is_full());
        buffer.seal();
        drop(buffer);

        let mut buffer = pool.try_take(u64::MAX).expect("given back");
        assert_eq!(buffer.append(b"tenon"), 5);
        buffer.seal();
        assert_eq!(buffer.len(), ALIGN);
        assert_eq!(&buffer.bytes()[..5], b"tenon");
        assert!(buffer.bytes()[5..].iter().all(|&byte| byte == 0), "the padding is zeros");
        assert_eq!(buffer.direct().len(), ALIGN, "only the padded bytes are written");

        buffer.clear();
        assert_eq!(buffer.append(&[1; 2 * ALIGN]), 2 * ALIGN, "it has its full room again");
    }

    #[test]
    fn idle_memory_counts_against_the_budget() {
        let pool = BufferPool::new(Budget::new(2 * BUFFER_LEN));
        let two = [pool.try_take(u64::MAX), pool.try_take(u64::MAX)];
        assert!(two.iter().all(Option::is_some));
        assert!(pool.try_take(1).is_none());
        drop(two);
        assert_eq!(pool.idle.borrow().len(), 2);
        let small = pool.try_take(100).expect("free");
        assert_eq!(small.capacity, ALIGN);
        assert_eq!(pool.idle.borrow().len(), 1);
        assert_eq!(pool.budget().free(), 2 * BUFFER_LEN - ALIGN);
    }

    #[test]
    fn memory_that_is_still_being_written_is_not_reused() {
        let pool = BufferPool::new(Budget::new(BUFFER_LEN));
        let mut buffer = pool.try_take(u64::MAX).expect("free");
        buffer.append(&[7; BUFFER_LEN]);
        buffer.seal();
        let kernel = buffer.direct();
        buffer.clear();
        buffer.append(&[8; 16]);
        assert_eq!(kernel.as_bytes()[0], 7);
        buffer.append(&[8; BUFFER_LEN]);
        buffer.seal();
        let kernel = buffer.direct();
        drop(buffer);
        assert!(pool.idle.borrow().is_empty());
        drop(kernel);
    }

    #[test]
    fn slices_of_a_block_hold_its_permit() {
        let budget = Budget::new(10);
        let permit = budget.try_take(4).expect("free");
        let block = Block::from(Bytes::from_static(b"abcdef")).held_under(permit);
        let mut slice = block.slice(1..5);
        drop(block);
        slice.advance(2);
        assert_eq!((slice.chunk(), slice.remaining()), (&b"de"[..], 2));
        assert_eq!(budget.free(), 6);
        drop(slice);
        assert_eq!(budget.free(), 10);
    }
}
