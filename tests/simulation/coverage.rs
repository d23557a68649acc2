//! Room: which interleavings really happened: what struck a copy, and how far the copy had come by then.
//!
//! A workload that does not get there any more proves nothing, so over the standard seeds each of them must have
//! been seen.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use meta::id::ManifestId;
use meta::key;
use meta::record::{ManifestNames, Record};
use meta::store::{Space, Store, StoreError, Visit};
use node::disk::memory::Call;
use protocol::name::VersionId;

use crate::client::Answered;
use crate::keeping::Going;
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
    /// CopyObject of an object that was made of parts, or of a copy of one.
    Parts,
    /// UploadPartCopy.
    Part,
}

impl Kind {
    /// What kind of copy the action is, if it is one.
    pub(crate) fn of(action: &Action, oracle: &Oracle) -> Option<Self> {
        match action {
            Action::Copy { pinned, .. } if oracle.stored(*pinned).etag.contains('-') => {
                Some(Self::Parts)
            }
            Action::Copy { .. } => Some(Self::Whole),
            Action::CopyPart { .. } => Some(Self::Part),
            _ => None,
        }
    }
}

/// What `done`, which was answered with success, did to `copy`, which was under way.
pub(crate) fn strikes(done: &Action, copy: &Action, oracle: &Oracle) -> BTreeSet<Strike> {
    let (source, of, target, upload, part) = match copy {
        Action::Copy { key, source, version, .. } => (*source, *version, Some(*key), None, None),
        Action::CopyPart { source, version, upload, number, .. } => {
            (*source, *version, None, Some(*upload), Some(*number))
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
        Action::Delete { key, version, .. } if *version == of => {
            written(*key, Strike::SourceDeleted);
        }
        Action::DeleteSome { keys, .. } => {
            let same = keys.iter().filter(|(_, version, _)| *version == of);
            same.for_each(|(key, ..)| written(*key, Strike::SourceDeleted));
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

/// How the end of a copy that stood still while it was struck is counted besides.
pub(crate) fn ended_held(kind: Kind, strike: Strike, made: bool) -> String {
    format!("{} while it stood still", ended(kind, strike, made))
}

/// Streams were hashed side by side.
pub(crate) const ABREAST: &str = "MD5s of several streams made together";

/// How the end of a copy that was struck is counted.
pub(crate) fn ended(kind: Kind, strike: Strike, made: bool) -> String {
    let end = if made { "made" } else { "refused" };
    format!("{kind:?} copy {end} after {strike:?}")
}

/// What happened to versions, if the action, answered with success, is about any.
pub(crate) fn of_versions(action: &Action, answer: &Answered, oracle: &Oracle) -> Option<String> {
    let latest = |key: usize| oracle.versions[key].last().map(|(id, _)| *id);
    let is_marker = answer.header("x-amz-delete-marker").is_some();
    let what = match action {
        Action::SetVersioning { versioning, .. } => format!("versioning {versioning:?}"),
        Action::ListVersions { .. } => "a list of versions".to_owned(),
        Action::Get { version: Some(_), .. } | Action::Head { version: Some(_), .. } => {
            "a version read".to_owned()
        }
        Action::Copy { version: Some(_), .. } => "a version copied".to_owned(),
        Action::CopyPart { version: Some(_), .. } => "a part copied of a version".to_owned(),
        Action::Delete { version: None, .. } if is_marker => "a delete marker written".to_owned(),
        Action::Delete { version: Some(_), .. } if is_marker => "a delete marker purged".to_owned(),
        Action::Delete { version: Some(VersionId::Null), .. } => {
            "the null version purged".to_owned()
        }
        Action::Delete { key, version: Some(id), .. } => {
            let which = if latest(*key) == Some(*id) { "latest" } else { "another" };
            format!("{which} version purged")
        }
        Action::DeleteSome { keys, .. } if keys.iter().any(|(_, version, _)| version.is_some()) => {
            "versions purged by a list".to_owned()
        }
        Action::Retain { .. } => "a version locked".to_owned(),
        Action::Expire { going, .. } => {
            format!("{going:?} expired: {}", answer.header(Going::GONE).unwrap_or_default())
        }
        Action::Complete { .. } if answer.header("x-amz-version-id").is_some() => {
            "a version completed".to_owned()
        }
        _ => return None,
    };
    Some(what)
}

/// What must have happened to versions.
const OF_VERSIONS: [&str; 22] = [
    "a version locked",
    "Delete 403 AccessDenied",
    "Latest expired: true",
    "Latest expired: false",
    "Noncurrent expired: true",
    "Noncurrent expired: false",
    "LoneMarker expired: true",
    "LoneMarker expired: false",
    "versioning Enabled",
    "versioning Suspended",
    "a list of versions",
    "a version read",
    "a version copied",
    "a part copied of a version",
    "a delete marker written",
    "a delete marker purged",
    "the null version purged",
    "latest version purged",
    "another version purged",
    "versions purged by a list",
    "a version completed",
    "purged to the end",
];

/// What happens to manifests that several objects have.
const SHARING: [&str; 4] = [
    "a manifest came to have 2 names",
    "a manifest came to have 3 names",
    "a manifest came to have 1 names",
    "a crash with shared manifests",
];

/// The manifests that several records name, or that are being taken apart, and how many do.
pub(crate) type Names = BTreeMap<ManifestId, u64>;

/// How many records name which manifests, where it is not one.
///
/// # Errors
/// As the store says.
pub(crate) fn names(store: &dyn Store) -> Result<Names, StoreError> {
    let mut names = Names::new();
    store.scan(Space::Manifests, &[], &mut |at, value| {
        if let Some(manifest) = key::manifest_names_of(at) {
            let read = ManifestNames::decode(Bytes::copy_from_slice(value));
            names.insert(manifest, read.map_or(0, |names| names.count));
        }
        Visit::Next
    })?;
    Ok(names)
}

/// What has changed from one moment to the next.
pub(crate) fn renamed(before: &Names, now: &Names) -> Vec<String> {
    let mut things = Vec::new();
    for (manifest, count) in now {
        let had = before.get(manifest).copied().unwrap_or(1);
        if had != *count && *count > 0 {
            things.push(format!("a manifest came to have {count} names"));
        } else if had != *count {
            things.push("a manifest is being taken apart".to_owned());
        }
    }
    let one = before.iter().filter(|(manifest, count)| **count > 0 && !now.contains_key(*manifest));
    things.extend(one.map(|_| "a manifest came to have 1 names".to_owned()));
    things
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
    let all = [Strike::SourceDeleted, Strike::SourceReplaced, Strike::ClientLeft];
    required.extend(all.map(|strike| struck(Kind::Parts, Phase::Asking, strike)));
    for strike in [Strike::SourceDeleted, Strike::SourceReplaced] {
        for kind in [Kind::Whole, Kind::Parts, Kind::Part] {
            required.push(struck_from_afar(kind, strike));
            required.push(ended(kind, strike, true));
            required.push(ended_held(kind, strike, true));
        }
    }
    required.extend(SHARING.map(str::to_owned));
    required.extend(OF_VERSIONS.map(str::to_owned));
    required.push(ABREAST.to_owned());
    for strike in [Strike::UploadAborted, Strike::UploadCompleted] {
        required.push(struck_from_afar(Kind::Part, strike));
        required.push(ended(Kind::Part, strike, false));
    }
    required.push(ended(Kind::Part, Strike::PartReplaced, true));
    required.retain(|thing| !seen.contains_key(thing));
    required
}
