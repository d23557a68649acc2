//! Room: what a key, a bucket and an upload are to their clients: states, and what each answer means.

use std::collections::BTreeMap;

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
    /// What each key names.
    pub(crate) keys: Vec<Option<Value>>,
}

/// What was done to a bucket or its keys, or what was seen of them.
#[derive(Debug)]
pub(crate) enum KeyEvent {
    /// A put, completion or delete (no value) under a condition that held.
    Write { slot: usize, value: Option<Value>, cond: Cond },
    /// A completion under a condition that held, or one that was answered once more while the key still named what
    /// it had made.
    Completed { slot: usize, value: Value, cond: Cond },
    /// The key was seen to name this.
    Read { slot: usize, value: Option<Value> },
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

    fn after(state: &KeysState, event: &KeyEvent) -> Option<KeysState> {
        let same = |holds: bool| holds.then(|| state.clone());
        let empty = state.keys.iter().all(Option::is_none);
        let is = |slot: usize| state.keys[slot];
        match event {
            KeyEvent::Write { slot, value, cond } => {
                let holds = match cond {
                    Cond::None => true,
                    Cond::Absent => is(*slot).is_none(),
                    Cond::Matches(value) => is(*slot) == Some(*value),
                };
                (state.bucket && holds).then(|| {
                    let mut after = state.clone();
                    after.keys[*slot] = *value;
                    after
                })
            }
            KeyEvent::Completed { slot, value, .. } if is(*slot) == Some(*value) => {
                same(state.bucket)
            }
            KeyEvent::Completed { slot, value, cond } => {
                let write = KeyEvent::Write { slot: *slot, value: Some(*value), cond: *cond };
                Self::after(state, &write)
            }
            KeyEvent::Read { slot, value } => same(state.bucket && is(*slot) == *value),
            KeyEvent::ReadOne { slot, values } => {
                same(state.bucket && is(*slot).is_some_and(|now| values.contains(&now)))
            }
            KeyEvent::Present { slot } => same(state.bucket && is(*slot).is_some()),
            KeyEvent::Differs { slot, value } => {
                same(state.bucket && is(*slot).is_some_and(|now| now != *value))
            }
            KeyEvent::BucketMade => {
                (!state.bucket).then(|| KeysState { bucket: true, ..state.clone() })
            }
            KeyEvent::BucketDropped => {
                (state.bucket && empty).then(|| KeysState { bucket: false, ..state.clone() })
            }
            KeyEvent::BucketThere => same(state.bucket),
            KeyEvent::BucketFull => same(state.bucket && !empty),
            KeyEvent::BucketMissing => same(!state.bucket),
        }
    }
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
        let has_all =
            |list: &[(u16, Part)]| list.iter().all(|(n, part)| parts.get(n) == Some(part));
        match event {
            UploadEvent::Put(number, part) => {
                let mut parts = parts.clone();
                parts.insert(*number, *part);
                Some(UploadState::Open(parts))
            }
            UploadEvent::Complete(list) => {
                has_all(list).then(|| UploadState::Over(Some(list.clone())))
            }
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
}
