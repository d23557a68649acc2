//! Room: what a key, a bucket and an upload are to their clients: states, and what each answer means.

use std::collections::BTreeMap;

use protocol::name::VersionId;
use protocol::versioning::Versioning;

use crate::chain::{Chain, Said, Shown, What};
use crate::history::Model;
use crate::oracle::{Part, Value};

/// What a write demands of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cond {
    /// Nothing.
    None,
    /// If-None-Match: *
    Absent,
    /// If-Match
    Matches(Value),
}

/// A bucket and some of its keys, judged together.
pub(crate) struct Keys;

/// Whether the bucket is there, and what its keys name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeysState {
    /// The bucket exists.
    pub(crate) bucket: bool,
    /// Whether writes make versions.
    pub(crate) versioning: Versioning,
    /// The versions of each key.
    pub(crate) keys: Vec<Chain>,
}

impl KeysState {
    /// So many keys that name nothing.
    pub(crate) fn empty(bucket: bool, keys: usize) -> Self {
        Self { bucket, versioning: Versioning::Unversioned, keys: vec![Chain::default(); keys] }
    }

    fn with(&self, slot: usize, chain: Chain) -> Self {
        let mut after = self.clone();
        after.keys[slot] = chain;
        after
    }
}

/// What was done to a bucket or its keys, or what was seen of them.
#[derive(Debug)]
pub(crate) enum KeyEvent {
    /// A put, completion or delete (no value) under a condition that held.
    Write { slot: usize, value: Option<Value>, cond: Cond, said: Said },
    /// A completion under a condition that held, or one that was answered once more while the key still had what
    /// it had made.
    Completed { slot: usize, value: Value, cond: Cond, said: Said },
    /// The key was seen to name this, perhaps with its version.
    Read { slot: usize, value: Option<Value>, id: Option<VersionId> },
    /// This version of the key was seen to be this.
    ReadVersion { slot: usize, id: VersionId, what: What },
    /// The key was seen not to have this version.
    Lacks { slot: usize, id: VersionId },
    /// This version was taken away for good, if it was there; a delete marker, if the answer says so.
    Purged { slot: usize, id: VersionId, marker: Option<bool> },
    /// This version was seen not to be the latest.
    NotLatest { slot: usize, id: VersionId },
    /// This version was seen to be the only one.
    Alone { slot: usize, id: VersionId },
    /// All of these at one moment, in this order.
    All(Vec<Self>),
    /// This, or nothing.
    Perhaps(Box<Self>),
    /// The key was seen to have these versions.
    Shown { slot: usize, versions: Shown },
    /// The bucket was told whether to keep versions.
    Versioning(Versioning),
    /// The bucket was seen to keep versions or not, if it is there.
    Keeps(Versioning),
    /// The key was seen to name one of these.
    ReadOne { slot: usize, values: Vec<Value> },
    /// The key was seen to name something.
    Present { slot: usize },
    /// The key was seen to name something else.
    Differs { slot: usize, value: Value },
    /// The bucket was created.
    BucketMade,
    /// The bucket was deleted.
    BucketDropped,
    /// The bucket was seen to exist.
    BucketThere,
    /// The bucket was seen not to be empty.
    BucketFull,
    /// The bucket was seen not to exist.
    BucketMissing,
}

impl Model for Keys {
    type State = KeysState;
    type Event = KeyEvent;

    fn after(state: &KeysState, event: &KeyEvent) -> Vec<KeysState> {
        let same = |holds: bool| if holds { vec![state.clone()] } else { Vec::new() };
        let empty = state.keys.iter().all(Chain::is_empty);
        let is = |slot: usize| state.keys[slot].latest();
        let each = |slot: usize, chains: Vec<Chain>| -> Vec<KeysState> {
            let chains = chains.into_iter().filter(|_| state.bucket);
            chains.map(|chain| state.with(slot, chain)).collect()
        };
        let one = |slot: usize, chain: Option<Chain>| each(slot, chain.into_iter().collect());
        match event {
            KeyEvent::Write { slot, value, cond, said } => {
                let holds = match cond {
                    Cond::None => true,
                    Cond::Absent => is(*slot).is_none(),
                    Cond::Matches(value) => is(*slot) == Some(*value),
                };
                let chain = &state.keys[*slot];
                let written = chain.written(state.versioning, *value, *said);
                one(*slot, written.filter(|_| holds))
            }
            KeyEvent::Completed { slot, value, cond, said } => {
                let chain = &state.keys[*slot];
                let mut all = match said {
                    Said::Told(Some(id)) => each(*slot, chain.named(*id, Some(*value))),
                    Said::Told(None) | Said::Untold => same(state.bucket && chain.has(*value)),
                };
                let (slot, value) = (*slot, Some(*value));
                let write = KeyEvent::Write { slot, value, cond: *cond, said: *said };
                all.extend(Self::after(state, &write));
                all
            }
            KeyEvent::Read { slot, value, id } => one(*slot, state.keys[*slot].read(*value, *id)),
            KeyEvent::ReadVersion { slot, id, what } => {
                each(*slot, state.keys[*slot].named(*id, *what))
            }
            KeyEvent::Lacks { slot, id } => same(state.bucket && state.keys[*slot].lacks(*id)),
            KeyEvent::Purged { slot, id, marker } => {
                each(*slot, state.keys[*slot].purged(*id, *marker))
            }
            KeyEvent::NotLatest { slot, id } => same(!state.keys[*slot].is_latest(*id)),
            KeyEvent::Alone { slot, id } => same(state.keys[*slot].is_only(*id)),
            KeyEvent::All(events) => all_after(state, events),
            KeyEvent::Perhaps(event) => perhaps_after(state, event),
            KeyEvent::Shown { slot, versions } => {
                let shown = state.keys[*slot].shown(versions);
                shown.map(|chain| state.with(*slot, chain)).into_iter().collect()
            }
            KeyEvent::Versioning(versioning) => {
                let after = KeysState { versioning: *versioning, ..state.clone() };
                if state.bucket { vec![after] } else { Vec::new() }
            }
            KeyEvent::Keeps(versioning) => same(!state.bucket || state.versioning == *versioning),
            KeyEvent::ReadOne { slot, values } => {
                same(state.bucket && is(*slot).is_some_and(|now| values.contains(&now)))
            }
            KeyEvent::Present { slot } => same(state.bucket && is(*slot).is_some()),
            KeyEvent::Differs { slot, value } => {
                same(state.bucket && is(*slot).is_some_and(|now| now != *value))
            }
            KeyEvent::BucketMade if state.bucket => Vec::new(),
            KeyEvent::BucketMade => vec![KeysState::empty(true, state.keys.len())],
            KeyEvent::BucketDropped if state.bucket && empty => {
                vec![KeysState::empty(false, state.keys.len())]
            }
            KeyEvent::BucketDropped => Vec::new(),
            KeyEvent::BucketThere => same(state.bucket),
            KeyEvent::BucketFull => same(state.bucket && !empty),
            KeyEvent::BucketMissing => same(!state.bucket),
        }
    }
}

/// After this, and as if it had not been.
fn perhaps_after(state: &KeysState, event: &KeyEvent) -> Vec<KeysState> {
    let mut all = Keys::after(state, event);
    all.push(state.clone());
    all
}

/// After all of these, one after the other.
fn all_after(state: &KeysState, events: &[KeyEvent]) -> Vec<KeysState> {
    events.iter().fold(vec![state.clone()], |states, event| {
        let mut after: Vec<KeysState> =
            states.iter().flat_map(|state| Keys::after(state, event)).collect();
        after.sort_unstable();
        after.dedup();
        after
    })
}

/// One upload.
pub(crate) struct Uploads;

/// How far an upload has come.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UploadState {
    /// It takes parts, and has these.
    Open(BTreeMap<u16, Part>),
    /// It was completed with these parts, or aborted.
    Over(Option<Vec<(u16, Part)>>),
    /// It goes with its bucket, whenever that is; nothing of it is judged.
    Passing,
}

/// What was done to an upload, or what was seen of it.
#[derive(Debug)]
pub(crate) enum UploadEvent {
    /// A part was put in the place of this number.
    Put(u16, Part),
    /// An object was made of exactly these parts, or was told of again.
    Complete(Vec<(u16, Part)>),
    /// It was aborted.
    Abort,
    /// It was seen to be over.
    Over,
    /// It was seen not to have all of these parts.
    Mismatch(Vec<(u16, Part)>),
    /// It was seen to have a part of each of these numbers and no other, each one of those given.
    Parts(BTreeMap<u16, Vec<Part>>),
}

impl Model for Uploads {
    type State = UploadState;
    type Event = UploadEvent;

    fn after(state: &UploadState, event: &UploadEvent) -> Vec<UploadState> {
        after(state, event).into_iter().collect()
    }
}

fn after(state: &UploadState, event: &UploadEvent) -> Option<UploadState> {
    let parts = match state {
        UploadState::Open(parts) => parts,
        UploadState::Over(made) => {
            let told_again =
                matches!(event, UploadEvent::Complete(list) if made.as_ref() == Some(list));
            return (told_again || matches!(event, UploadEvent::Over)).then(|| state.clone());
        }
        UploadState::Passing => return Some(UploadState::Passing),
    };
    let has_all = |list: &[(u16, Part)]| list.iter().all(|(n, part)| parts.get(n) == Some(part));
    match event {
        UploadEvent::Put(number, part) => {
            let mut parts = parts.clone();
            parts.insert(*number, *part);
            Some(UploadState::Open(parts))
        }
        UploadEvent::Complete(list) => has_all(list).then(|| UploadState::Over(Some(list.clone()))),
        UploadEvent::Abort => Some(UploadState::Over(None)),
        UploadEvent::Over => None,
        UploadEvent::Mismatch(list) => (!has_all(list)).then(|| state.clone()),
        UploadEvent::Parts(seen) => {
            let fits = |(number, part): (&u16, &Part)| {
                seen.get(number).is_some_and(|parts| parts.contains(part))
            };
            let same = seen.len() == parts.len() && parts.iter().all(fits);
            same.then(|| state.clone())
        }
    }
}
