//! Room: which interleavings really happened: what struck a copy, and how far the copy had come by then.
//!
//! A workload that does not get there any more proves nothing, so over the standard seeds each of them must have
//! been seen.

use std::collections::BTreeSet;

use node::disk::memory::Call;

use crate::oracle::{Action, Oracle};
use crate::trace::Seen;

/// What a request has done last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It has been sent.
    Begun,
    /// It has asked a reader thread.
    Asking,
    /// It has had a file made: by a clone, by the kernel, by writing.
    Making,
    /// It has read from a file.
    Reading,
    /// It has new files made durable.
    Flushing,
    /// Its command is on its way.
    Committing,
}

impl Phase {
    /// The phase of a request that has begun this call of the disk.
    pub(crate) fn of(call: Call) -> Self {
        match call {
            Call::Read => Self::Reading,
            _ => Self::Making,
        }
    }
}

/// What may strike a copy while it is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strike {
    /// The object that it copies is deleted.
    SourceDeleted,
    /// The object that it copies is replaced by another one.
    SourceReplaced,
    /// The key that it copies to is written by somebody else.
    TargetReplaced,
    /// The upload that it copies to is aborted.
    UploadAborted,
    /// The upload that it copies to is completed.
    UploadCompleted,
    /// The same part comes from somebody else.
    PartReplaced,
    /// Its client goes away.
    ClientLeft,
    /// The process ends.
    Crashed,
    /// The power goes.
    PowerCut,
}

/// A copy, for coverage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// CopyObject.
    Whole,
    /// UploadPartCopy.
    Part,
}

impl Kind {
    /// What kind of copy the action is, if it is one.
    pub(crate) fn of(action: &Action) -> Option<Self> {
        match action {
            Action::Copy { .. } => Some(Self::Whole),
            Action::CopyPart { .. } => Some(Self::Part),
            _ => None,
        }
    }
}

/// What `done`, which was answered with success, did to `copy`, which was under way.
pub(crate) fn strikes(done: &Action, copy: &Action, oracle: &Oracle) -> BTreeSet<Strike> {
    let (source, target, upload, part) = match copy {
        Action::Copy { key, source, .. } => (*source, Some(*key), None, None),
        Action::CopyPart { source, upload, number, .. } => {
            (*source, None, Some(*upload), Some(*number))
        }
        _ => return BTreeSet::new(),
    };
    let mut strikes = BTreeSet::new();
    let mut written = |key: usize, by: Strike| {
        if key == source {
            strikes.insert(by);
        }
        if Some(key) == target {
            strikes.insert(Strike::TargetReplaced);
        }
    };
    match done {
        Action::Put { key, .. } | Action::Copy { key, .. } => written(*key, Strike::SourceReplaced),
        Action::Complete { upload: done, .. } => {
            written(oracle.uploads[*done].key, Strike::SourceReplaced);
            if Some(*done) == upload {
                strikes.insert(Strike::UploadCompleted);
            }
        }
        Action::Delete { key, .. } => written(*key, Strike::SourceDeleted),
        Action::DeleteSome { keys, .. } => {
            keys.iter().for_each(|(key, _)| written(*key, Strike::SourceDeleted));
        }
        Action::Abort { upload: done } if Some(*done) == upload => {
            strikes.insert(Strike::UploadAborted);
        }
        Action::PutPart { upload: done, number, .. }
        | Action::CopyPart { upload: done, number, .. }
            if (Some(*done), Some(*number)) == (upload, part) =>
        {
            strikes.insert(Strike::PartReplaced);
        }
        _ => {}
    }
    strikes
}

/// How a strike is counted.
pub(crate) fn struck(kind: Kind, phase: Phase, strike: Strike) -> String {
    format!("{kind:?} copy, {phase:?}: {strike:?}")
}

/// How a strike from another shard is counted besides.
pub(crate) fn struck_from_afar(kind: Kind, strike: Strike) -> String {
    format!("{kind:?} copy: {strike:?} by another shard")
}

/// How the end of a copy that was struck is counted.
pub(crate) fn ended(kind: Kind, strike: Strike, made: bool) -> String {
    let end = if made { "made" } else { "refused" };
    format!("{kind:?} copy {end} after {strike:?}")
}

/// What must have happened but has not.
pub(crate) fn missing(seen: &Seen) -> Vec<String> {
    let mut required = Vec::new();
    let phases = [Phase::Asking, Phase::Making, Phase::Reading, Phase::Flushing, Phase::Committing];
    for phase in phases {
        let both = [
            Strike::SourceDeleted,
            Strike::SourceReplaced,
            Strike::ClientLeft,
            Strike::Crashed,
            Strike::PowerCut,
        ];
        for strike in both {
            required.push(struck(Kind::Whole, phase, strike));
            required.push(struck(Kind::Part, phase, strike));
        }
        required.push(struck(Kind::Whole, phase, Strike::TargetReplaced));
        let of_parts = [Strike::UploadAborted, Strike::UploadCompleted, Strike::PartReplaced];
        required.extend(of_parts.map(|strike| struck(Kind::Part, phase, strike)));
    }
    for strike in [Strike::SourceDeleted, Strike::SourceReplaced] {
        required.push(struck_from_afar(Kind::Whole, strike));
        required.push(struck_from_afar(Kind::Part, strike));
        required.push(ended(Kind::Whole, strike, true));
        required.push(ended(Kind::Part, strike, true));
    }
    for strike in [Strike::UploadAborted, Strike::UploadCompleted] {
        required.push(struck_from_afar(Kind::Part, strike));
        required.push(ended(Kind::Part, strike, false));
    }
    required.push(ended(Kind::Part, Strike::PartReplaced, true));
    required.retain(|thing| !seen.contains_key(thing));
    required
}
