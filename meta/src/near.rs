//! Room: the store as far as memory alone can tell, for questions that are asked on a thread that must not block.
//!
//! A question is asked as it is, with [`Near`] in the place of the store. The first look-up that would need the disk, or
//! one too many, ends it: its answer is then not to be used, whatever it is.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::Bytes;

use crate::store::{Advance, Batch, Pair, Peek, Space, Store, StoreError, Visit};

/// A store that never waits for a disk.
pub struct Near<'s> {
    store: &'s dyn Store,
    looks_left: AtomicU32,
    gave_up: AtomicBool,
}

/// What memory alone could tell.
#[derive(Debug, PartialEq, Eq)]
pub enum Told<T> {
    /// The same as the store itself would have answered.
    Known(T),
    /// Only the store itself can tell.
    Unknown,
}

impl<'s> Near<'s> {
    /// Asks `question` of what memory knows of `store`, with at most `looks_max` look-ups and no scan.
    pub fn ask<T>(
        store: &'s dyn Store,
        looks_max: u32,
        question: impl FnOnce(&dyn Store) -> T,
    ) -> Told<T> {
        let near =
            Near { store, looks_left: AtomicU32::new(looks_max), gave_up: AtomicBool::new(false) };
        let answer = question(&near);
        if near.gave_up.into_inner() { Told::Unknown } else { Told::Known(answer) }
    }

    fn give_up<T>(&self) -> Result<T, StoreError> {
        self.gave_up.store(true, Ordering::Relaxed);
        Err(StoreError::Failed("memory alone cannot tell".to_owned()))
    }
}

impl Store for Near<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.peek(space, key)? {
            Peek::Known(value) => Ok(value),
            Peek::Unknown => self.give_up(),
        }
    }

    fn peek(&self, space: Space, key: &[u8]) -> Result<Peek, StoreError> {
        let left = self.looks_left.load(Ordering::Relaxed);
        self.looks_left.store(left.saturating_sub(1), Ordering::Relaxed);
        if left == 0 { Ok(Peek::Unknown) } else { self.store.peek(space, key) }
    }

    fn scan(
        &self,
        _space: Space,
        _from: &[u8],
        _visit: &mut dyn FnMut(&[u8], &[u8]) -> Visit,
    ) -> Result<(), StoreError> {
        // How long one takes nobody knows before.
        self.give_up()
    }

    fn scan_pair(
        &self,
        _spaces: [Space; 2],
        _from: [&[u8]; 2],
        _visit: &mut dyn FnMut(Pair<'_>) -> Option<[Advance; 2]>,
    ) -> Result<(), StoreError> {
        self.give_up()
    }

    fn commit(&self, _batch: Batch) -> Result<(), StoreError> {
        self.give_up()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;

    fn store() -> MemoryStore {
        let store = MemoryStore::new();
        let mut batch = Batch::new();
        batch.put(Space::System, &b"here"[..], &b"value"[..]);
        store.commit(batch).expect("committed");
        store
    }

    fn get(store: &dyn Store, key: &str) -> Option<Bytes> {
        store.get(Space::System, key.as_bytes()).ok().flatten()
    }

    #[test]
    fn what_memory_knows_is_told() {
        let store = store();
        let told = Near::ask(&store, 2, |near| (get(near, "here"), get(near, "gone")));
        assert_eq!(told, Told::Known((Some(Bytes::from_static(b"value")), None)));
    }

    #[test]
    fn what_memory_does_not_know_is_never_told_as_absent() {
        let store = store();
        store.set_forgetful(1, 7);
        assert_eq!(Near::ask(&store, 9, |near| get(near, "here")), Told::Unknown);
        assert_eq!(Near::ask(&store, 9, |near| get(near, "gone")), Told::Unknown);
        store.set_forgetful(0, 7);
        assert!(matches!(Near::ask(&store, 9, |near| get(near, "here")), Told::Known(Some(_))));
    }

    #[test]
    fn a_long_question_is_given_up() {
        let store = store();
        let thrice = |near: &dyn Store| (0..3).filter_map(|_| get(near, "here")).count();
        assert_eq!(Near::ask(&store, 3, thrice), Told::Known(3));
        assert_eq!(Near::ask(&store, 2, thrice), Told::Unknown);
        let scan = |near: &dyn Store| near.scan(Space::System, b"", &mut |_, _| Visit::Next);
        assert_eq!(Near::ask(&store, 9, scan), Told::Unknown);
        let commit = |near: &dyn Store| near.commit(Batch::new());
        assert_eq!(Near::ask(&store, 9, commit), Told::Unknown);
    }

    #[test]
    fn a_failed_store_says_so() {
        let store = store();
        store.fail_next_commit(crate::memory::Fate::Lost);
        let mut batch = Batch::new();
        batch.put(Space::System, &b"more"[..], &b""[..]);
        let failed = store.commit(batch).expect_err("as asked");
        let told = Near::ask(&store, 9, |near| near.get(Space::System, b"here"));
        assert_eq!(told, Told::Known(Err(failed)));
    }
}
