//! Room: the simulated store: the promises of `store` without a disk.
//!
//! Holds: the committed entries, shared with the scans and snapshots that look at them; and the failures
//! that a test has asked for. Since every commit is durable when it returns, a crash takes nothing away,
//! unless a lie was planted.
//! Invariants: a commit that fails leaves either all of its batch or none, and the store refuses
//! everything until [`MemoryStore::reopen`], as the real one does.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use protocol::name::ObjectKey;

use crate::id::BucketId;
use crate::key;
use crate::record::{ObjectRecord, Owner, Record, VersionRecord};
use crate::store::{Advance, Batch, Change, Pair, Peek, Space, Store, StoreError, Visit};

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

/// A promise of [`Store`] that is not kept, for tests that must notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// A commit is answered before it is synced: a power cut takes the last one away.
    ForgetsAtRestart,
    /// What counts the names of manifests is never written: the first garbage of many takes their parts apart.
    LosesManifestNames,
    /// The version before a latest one that goes never gets the place of the latest.
    ForgetsPromotions,
    /// A null version that lies behind others stays when a new one takes its place.
    KeepsOldNulls,
    /// A lock that is put on a version is never written.
    ForgetsLocks,
    /// A version that moves behind a new one is not named as owner of its blobs any more.
    LosesVersionOwners,
}

impl Lie {
    /// Whether the change is dropped. `entries` is what is stored before it.
    fn drops(self, change: &Change, entries: &Entries) -> bool {
        let Change { space, key, value } = change;
        match self {
            Self::ForgetsAtRestart => false,
            Self::LosesManifestNames => {
                *space == Space::Manifests && key::manifest_names_of(key).is_some()
            }
            Self::ForgetsPromotions => {
                *space == Space::Objects && is_promoted(key, value.as_ref(), entries)
            }
            Self::KeepsOldNulls => {
                let stored = entries.get(&(*space, key.clone())).cloned();
                let is_null = |stored| VersionRecord::decode(stored).is_ok_and(|old| old.is_null());
                let is_version = matches!(key::version_of(key), Some((.., Some(_))));
                *space == Space::Versions
                    && value.is_none()
                    && is_version
                    && stored.is_some_and(is_null)
            }
            Self::ForgetsLocks => {
                let lock_of = |stored: Option<&Bytes>| {
                    let stored = stored?.clone();
                    Some(match space {
                        Space::Objects => ObjectRecord::decode(stored).ok()?.lock,
                        Space::Versions => match VersionRecord::decode(stored).ok()? {
                            VersionRecord::Object(object) => object.lock,
                            VersionRecord::Marker(_) => return None,
                        },
                        _ => return None,
                    })
                };
                let before = lock_of(entries.get(&(*space, key.clone())));
                let after = lock_of(value.as_ref());
                after.is_some_and(|after| after.retention.is_some())
                    && before.is_some_and(|before| before.retention.is_none())
            }
            Self::LosesVersionOwners => {
                let owner = key::owner_of(key).map(|(_, owner)| owner);
                *space == Space::Owners
                    && value.is_some()
                    && matches!(owner, Some(Owner::Version { .. }))
            }
        }
    }
}

/// Whether a record that is to stand among the objects stands among the versions so far.
fn is_promoted(at: &[u8], value: Option<&Bytes>, entries: &Entries) -> bool {
    let record = value.and_then(|value| ObjectRecord::decode(value.clone()).ok());
    let Some((record, (bucket, name))) = record.zip(at.split_first_chunk()) else { return false };
    let name = std::str::from_utf8(name).ok().and_then(|name| ObjectKey::parse(name).ok());
    let bucket = BucketId::new(u64::from_be_bytes(*bucket));
    name.is_some_and(|name| {
        let before = key::version(bucket, &name, record.generation);
        entries.contains_key(&(Space::Versions, before.into()))
    })
}

/// What the next commits will meet.
#[derive(Default, Debug)]
struct Ahead {
    failed: bool,
    next: Option<Fate>,
    chance: Option<Chance>,
    /// Whether a look finds what it looks for in memory.
    forgetful: Option<Chance>,
    lie: Option<Lie>,
    /// What a power cut goes back to, where that was planted.
    before_last: Option<Arc<Entries>>,
}

/// What comes by chance, repeated by its seed.
#[derive(Debug)]
struct Chance {
    one_in: u64,
    state: u64,
}

impl Chance {
    /// The fate of the next commit, if it fails.
    fn roll(&mut self) -> Option<Fate> {
        // The generator `splitmix64`.
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let mixed = mixed ^ (mixed >> 31);
        let fate = if mixed >> 63 == 0 { Fate::Lost } else { Fate::Kept };
        mixed.is_multiple_of(self.one_in).then_some(fate)
    }
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
        self.ahead().next = Some(fate);
    }

    /// Lets one commit in `one_in` fail by chance, and its fate be either; 0 is none. The same seed makes
    /// the same choices.
    pub fn set_fault_rate(&self, one_in: u64, seed: u64) {
        self.ahead().chance = (one_in > 0).then_some(Chance { one_in, state: seed });
    }

    /// Lets one look in `one_in` not find in memory what it looks for, by chance; 0 is none. The same seed makes the
    /// same choices.
    pub fn set_forgetful(&self, one_in: u64, seed: u64) {
        self.ahead().forgetful = (one_in > 0).then_some(Chance { one_in, state: seed });
    }

    /// Breaks a promise from now on.
    pub fn plant(&self, lie: Lie) {
        self.ahead().lie = Some(lie);
    }

    /// Opens the store anew, after a failure or the end of the process. What was committed is there. Lies
    /// and the fault rate stay, the failure that was asked for goes.
    pub fn reopen(&self) {
        let mut ahead = self.ahead();
        (ahead.failed, ahead.next) = (false, None);
    }

    /// Opens the store anew after a power cut: the same, but for what a planted [`Lie`] takes away.
    pub fn restart(&self) {
        let before_last = self.ahead().before_last.take();
        if let Some(before_last) = before_last {
            *self.committed.write().unwrap_or_else(PoisonError::into_inner) = before_last;
        }
        self.reopen();
    }

    /// Everything that is committed now, as a store of its own that no failure was asked of. Shares all
    /// entries, so it costs nothing until one of the two changes.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let committed = self.committed.read().unwrap_or_else(PoisonError::into_inner);
        Self { committed: RwLock::new(Arc::clone(&committed)), ahead: Mutex::default() }
    }

    fn ahead(&self) -> MutexGuard<'_, Ahead> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self) -> Result<Arc<Entries>, StoreError> {
        if self.ahead().failed {
            return Err(failed());
        }
        Ok(Arc::clone(&self.committed.read().unwrap_or_else(PoisonError::into_inner)))
    }

    fn apply(&self, batch: Batch, lie: Option<Lie>) {
        let mut committed = self.committed.write().unwrap_or_else(PoisonError::into_inner);
        // A scan that is under way keeps the moment that it looks at.
        let entries = Arc::make_mut(&mut committed);
        let kept = |change: &Change| lie.is_none_or(|lie| !lie.drops(change, entries));
        let changes: Vec<Change> = batch.into_iter().filter(kept).collect();
        for change in changes {
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
        let value = self.get(space, key)?;
        let forgotten = self.ahead().forgetful.as_mut().and_then(Chance::roll).is_some();
        Ok(if forgotten { Peek::Unknown } else { Peek::Known(value) })
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

    fn scan_pair(
        &self,
        spaces: [Space; 2],
        from: [&[u8]; 2],
        visit: &mut dyn FnMut(Pair<'_>) -> Option<[Advance; 2]>,
    ) -> Result<(), StoreError> {
        let entries = self.moment()?;
        let mut from = from.map(|from| Bound::Included(Bytes::copy_from_slice(from)));
        loop {
            let shown = [0, 1].map(|side| {
                let space = spaces[side];
                let from = from[side].clone().map(|key| (space, key));
                let (key, value) = entries.range((from, Bound::Unbounded)).next()?;
                (key.0 == space).then_some((&key.1, value))
            });
            if shown == [None, None] {
                return Ok(());
            }
            let pair = shown.map(|entry| entry.map(|(key, value)| (&key[..], &value[..])));
            let Some(steps) = visit(pair) else { return Ok(()) };
            let mut gone_on = false;
            for ((from, step), entry) in from.iter_mut().zip(steps).zip(shown) {
                let Some((key, _)) = entry else { continue };
                *from = match step {
                    Advance::Stay => continue,
                    Advance::Next => Bound::Excluded(key.clone()),
                    Advance::SeekTo(next) => {
                        assert!(next.as_slice() > &key[..], "a scan goes forward only");
                        Bound::Included(Bytes::from(next))
                    }
                };
                gone_on = true;
            }
            assert!(gone_on, "a scan goes on");
        }
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        // Held until the batch is in: a read begins before it or after it.
        let mut ahead = self.ahead();
        if ahead.failed {
            return Err(failed());
        }
        if batch.is_empty() {
            return Ok(());
        }
        let by_chance = ahead.chance.as_mut().and_then(Chance::roll);
        let fate = ahead.next.take().or(by_chance);
        if fate != Some(Fate::Lost) {
            if ahead.lie == Some(Lie::ForgetsAtRestart) {
                let committed = self.committed.read().unwrap_or_else(PoisonError::into_inner);
                ahead.before_last = Some(Arc::clone(&committed));
            }
            self.apply(batch, ahead.lie);
        }
        ahead.failed = fate.is_some();
        if ahead.failed { Err(failed()) } else { Ok(()) }
    }
}

fn failed() -> StoreError {
    StoreError::Failed("a commit failed as the test had asked".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(store: &MemoryStore, key: &'static str) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(Space::System, key, "x");
        store.commit(batch)
    }

    fn has(store: &MemoryStore, key: &str) -> bool {
        store.get(Space::System, key.as_bytes()).expect("open").is_some()
    }

    #[test]
    fn a_planted_store_forgets_what_it_answered_last() {
        let store = MemoryStore::new();
        store.plant(Lie::ForgetsAtRestart);
        put(&store, "one").expect("committed");
        put(&store, "two").expect("committed");
        store.reopen();
        assert!(has(&store, "two"), "the end of a process takes nothing");
        store.restart();
        assert!(has(&store, "one") && !has(&store, "two"));
        store.restart();
        assert!(has(&store, "one"), "once is enough");
    }

    #[test]
    fn a_power_cut_takes_nothing_from_an_honest_store() {
        let store = MemoryStore::new();
        put(&store, "one").expect("committed");
        for (fate, kept) in [(Fate::Lost, false), (Fate::Kept, true)] {
            store.fail_next_commit(fate);
            put(&store, "two").expect_err("asked for");
            store.restart();
            assert!(has(&store, "one") && has(&store, "two") == kept, "{fate:?}");
        }
    }

    #[test]
    fn a_snapshot_is_a_store_of_its_own() {
        let store = MemoryStore::new();
        put(&store, "one").expect("committed");
        store.fail_next_commit(Fate::Kept);
        put(&store, "two").expect_err("asked for");
        let snapshot = store.snapshot();
        assert!(
            has(&snapshot, "one") && has(&snapshot, "two"),
            "it shows what a restart will find"
        );
        put(&snapshot, "three").expect("well");
        store.restart();
        assert!(!has(&store, "three"));
    }

    #[test]
    fn chance_repeats_itself() {
        let fates = |seed| {
            let store = MemoryStore::new();
            store.set_fault_rate(4, seed);
            let mut fates = Vec::new();
            for key in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] {
                fates.push((put(&store, key).is_ok(), has(&store.snapshot(), key)));
                store.restart();
            }
            fates
        };
        assert_eq!(fates(1), fates(1));
        let seen: Vec<_> = (0..20).flat_map(fates).collect();
        for fate in [(true, true), (false, true), (false, false)] {
            assert!(seen.contains(&fate), "{fate:?}");
        }
    }
}
