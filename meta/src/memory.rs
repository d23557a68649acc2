//! Room: the simulated store: the promises of `store` without a disk.
//!
//! Holds: the committed entries, shared with the scans that look at them; and the failure that a test
//! has asked for. Since every commit is durable when it returns, a crash takes nothing away.
//! Invariants: a commit that fails leaves either all of its batch or none, and the store refuses
//! everything until [`MemoryStore::reopen`], as the real one does.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;

use crate::store::{Batch, Peek, Space, Store, StoreError, Visit};

/// A [`Store`] in memory, for tests and simulation.
#[derive(Default, Debug)]
pub struct MemoryStore {
    committed: RwLock<Arc<Entries>>,
    ahead: Mutex<Ahead>,
}

type Entries = BTreeMap<(Space, Bytes), Bytes>;

/// What a commit that reports a failure has really done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Nothing was written.
    Lost,
    /// All of it was written; only the answer was lost.
    Kept,
}

#[derive(Clone, Copy, Default, Debug)]
enum Ahead {
    #[default]
    Well,
    FailNext(Fate),
    Failed,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the next commit that changes something fail, and with it everything up to
    /// [`reopen`](Self::reopen).
    pub fn fail_next_commit(&self, fate: Fate) {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Ahead::FailNext(fate);
    }

    /// Opens the store anew, after a failure or a crash. What was committed is there.
    pub fn reopen(&self) {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Ahead::Well;
    }

    fn moment(&self) -> Result<Arc<Entries>, StoreError> {
        match *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) {
            Ahead::Failed => Err(failed()),
            Ahead::Well | Ahead::FailNext(_) => {
                Ok(Arc::clone(&self.committed.read().unwrap_or_else(PoisonError::into_inner)))
            }
        }
    }

    fn apply(&self, batch: Batch) {
        let mut committed = self.committed.write().unwrap_or_else(PoisonError::into_inner);
        // A scan that is under way keeps the moment that it looks at.
        let entries = Arc::make_mut(&mut committed);
        for change in batch {
            let key = (change.space, change.key);
            match change.value {
                Some(value) => entries.insert(key, value),
                None => entries.remove(&key),
            };
        }
    }
}

impl Store for MemoryStore {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let entries = self.moment()?;
        Ok(entries.get(&(space, Bytes::copy_from_slice(key))).cloned())
    }

    fn peek(&self, space: Space, key: &[u8]) -> Result<Peek, StoreError> {
        self.get(space, key).map(Peek::Known)
    }

    fn scan(
        &self,
        space: Space,
        from: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Visit,
    ) -> Result<(), StoreError> {
        let entries = self.moment()?;
        let mut from = Bytes::copy_from_slice(from);
        'seek: loop {
            let range = (Bound::Included((space, from.clone())), Bound::Unbounded);
            for ((_, key), value) in entries.range(range).take_while(|((s, _), _)| *s == space) {
                match visit(key, value) {
                    Visit::Next => {}
                    Visit::SeekTo(next) => {
                        assert!(next.as_slice() > key, "a scan goes forward only");
                        from = Bytes::from(next);
                        continue 'seek;
                    }
                    Visit::Stop => return Ok(()),
                }
            }
            return Ok(());
        }
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        // Held until the batch is in: a read begins before it or after it.
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        match *ahead {
            Ahead::Failed => return Err(failed()),
            _ if batch.is_empty() => return Ok(()),
            Ahead::Well => {
                self.apply(batch);
                return Ok(());
            }
            Ahead::FailNext(Fate::Lost) => {}
            Ahead::FailNext(Fate::Kept) => self.apply(batch),
        }
        *ahead = Ahead::Failed;
        Err(failed())
    }
}

fn failed() -> StoreError {
    StoreError::Failed("a commit failed as the test had asked".to_owned())
}
