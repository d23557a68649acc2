//! The random commands of the model, and how they are drawn.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

#[derive(Debug, Clone)]
pub(super) enum Body {
    Empty,
    Inline(u16),
    Write {
        len: u32,
        cut: Index,
    },
    Long {
        mib: u8,
    },
    Share {
        which: Index,
        from: Index,
        len: Index,
    },
    /// One blob several times, and another.
    Shares {
        which: Index,
        other: Index,
    },
    Clone {
        which: Index,
        blocks: Index,
    },
    Crumbs {
        which: Index,
    },
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Cond {
    None,
    Absent,
    Current,
    Other,
}

/// A key or a version of it: one of those that there are, or the null one.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) key: usize,
    pub(super) version: Option<Option<Index>>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Free,
    Governance(u8),
    Compliance(u8),
    Hold(bool),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Going {
    Latest,
    Noncurrent,
    LoneMarker,
}

#[derive(Debug, Clone)]
pub(super) enum Upload {
    /// One of those that are open.
    Open(Index),
    /// Open or not.
    At(usize, usize, u8),
}

#[derive(Debug, Clone)]
pub(super) enum Op {
    CreateBucket(usize),
    DeleteBucket(usize),
    Put {
        bucket: usize,
        key: usize,
        cond: Cond,
        body: Body,
    },
    /// A copy of an object that was made of parts, now or before it was deleted.
    Copy {
        which: Index,
        bucket: usize,
        key: usize,
        cond: Cond,
    },
    /// Versioning is turned on, or off.
    Switch {
        bucket: usize,
        on: bool,
    },
    /// A configuration comes, or goes.
    Configure {
        bucket: usize,
        kind: usize,
        set: bool,
    },
    /// What protects a version changes; the date is so many seconds from now.
    Lock {
        bucket: usize,
        wanted: Wanted,
        change: Change,
        bypass: bool,
    },
    /// One of the versions of a key expires, if it is what was judged.
    Expire {
        bucket: usize,
        key: usize,
        which: Index,
        what: Going,
    },
    Delete {
        bucket: usize,
        wanted: Wanted,
        bypass: bool,
    },
    DeleteSome {
        bucket: usize,
        keys: Vec<(Wanted, Cond)>,
    },
    Tag {
        bucket: usize,
        wanted: Wanted,
        stale: bool,
        set: bool,
    },
    CreateUpload {
        bucket: usize,
        key: usize,
        id: u8,
    },
    PutPart {
        upload: Upload,
        part: u16,
        body: Body,
    },
    Complete {
        upload: Upload,
        mask: u8,
        stale: bool,
        cond: Cond,
    },
    Abort {
        upload: Upload,
    },
    Release {
        which: Index,
        steps: u32,
    },
    Take,
    Forget,
    Lease,
    Rewrite {
        which: Index,
        at_once: usize,
        write: bool,
    },
    Settle,
}

pub(super) fn body() -> impl Strategy<Value = Body> {
    let any_index = any::<Index>;
    prop_oneof![
        1 => Just(Body::Empty),
        2 => (0_u16..2000).prop_map(Body::Inline),
        4 => (1_u32..200_000, any_index()).prop_map(|(len, cut)| Body::Write { len, cut }),
        1 => (66_u8..140).prop_map(|mib| Body::Long { mib }),
        6 => (any_index(), any_index(), any_index())
            .prop_map(|(which, from, len)| Body::Share { which, from, len }),
        2 => (any_index(), any_index()).prop_map(|(which, other)| Body::Shares { which, other }),
        3 => (any_index(), any_index()).prop_map(|(which, blocks)| Body::Clone { which, blocks }),
        1 => any_index().prop_map(|which| Body::Crumbs { which }),
    ]
}

pub(super) fn cond() -> impl Strategy<Value = Cond> {
    prop_oneof![
        9 => Just(Cond::None),
        2 => Just(Cond::Absent),
        3 => Just(Cond::Current),
        1 => Just(Cond::Other),
    ]
}

pub(super) fn some_bucket() -> impl Strategy<Value = usize> {
    prop_oneof![9 => Just(0_usize), 1 => Just(1_usize)]
}

pub(super) fn some_upload() -> impl Strategy<Value = Upload> {
    let any_place = (some_bucket(), 0..KEYS.len(), 0_u8..2);
    prop_oneof![
        9 => any::<Index>().prop_map(Upload::Open),
        1 => any_place.prop_map(|(bucket, key, id)| Upload::At(bucket, key, id)),
    ]
}

pub(super) fn wanted() -> impl Strategy<Value = Wanted> {
    let version = prop_oneof![
        5 => Just(None),
        6 => any::<Index>().prop_map(|which| Some(Some(which))),
        1 => Just(Some(None)),
    ];
    (0..KEYS.len(), version).prop_map(|(key, version)| Wanted { key, version })
}

/// An index of [`ConfigKind::ALL`]; rarely object lock, which ends the switching of versions.
fn config_kind() -> impl Strategy<Value = usize> {
    let last = ConfigKind::ALL.len() - 1;
    prop_oneof![20 => 0..last, 1 => Just(last)]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        2 => Just(Change::Free),
        2 => (0_u8..3).prop_map(Change::Governance),
        1 => (0_u8..3).prop_map(Change::Compliance),
        2 => any::<bool>().prop_map(Change::Hold),
    ]
}

fn going() -> impl Strategy<Value = Going> {
    prop_oneof![Just(Going::Latest), Just(Going::Noncurrent), Just(Going::LoneMarker)]
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let place = || (some_bucket(), 0..KEYS.len());
    let mask = || prop_oneof![Just(u8::MAX), any::<u8>()];
    prop_oneof![
        1 => some_bucket().prop_map(Op::CreateBucket),
        1 => some_bucket().prop_map(Op::DeleteBucket),
        9 => (place(), cond(), body())
            .prop_map(|((bucket, key), cond, body)| Op::Put { bucket, key, cond, body }),
        6 => (any::<Index>(), place(), cond())
            .prop_map(|(which, (bucket, key), cond)| Op::Copy { which, bucket, key, cond }),
        1 => (some_bucket(), prop::bool::weighted(0.7))
            .prop_map(|(bucket, on)| Op::Switch { bucket, on }),
        2 => (some_bucket(), config_kind(), prop::bool::weighted(0.7))
            .prop_map(|(bucket, kind, set)| Op::Configure { bucket, kind, set }),
        3 => (some_bucket(), wanted(), change(), any::<bool>())
            .prop_map(|(bucket, wanted, change, bypass)| Op::Lock { bucket, wanted, change, bypass }),
        5 => (place(), any::<Index>(), going())
            .prop_map(|((bucket, key), which, what)| Op::Expire { bucket, key, which, what }),
        6 => (some_bucket(), wanted(), any::<bool>())
            .prop_map(|(bucket, wanted, bypass)| Op::Delete { bucket, wanted, bypass }),
        2 => (some_bucket(), prop::collection::vec((wanted(), cond()), 0..4))
            .prop_map(|(bucket, keys)| Op::DeleteSome { bucket, keys }),
        1 => (some_bucket(), wanted(), any::<bool>(), any::<bool>())
            .prop_map(|(bucket, wanted, stale, set)| Op::Tag { bucket, wanted, stale, set }),
        5 => (place(), 0_u8..2)
            .prop_map(|((bucket, key), id)| Op::CreateUpload { bucket, key, id }),
        14 => (some_upload(), 1_u16..5, body())
            .prop_map(|(upload, part, body)| Op::PutPart { upload, part, body }),
        6 => (some_upload(), mask(), prop::bool::weighted(0.1), cond())
            .prop_map(|(upload, mask, stale, cond)| Op::Complete { upload, mask, stale, cond }),
        1 => some_upload().prop_map(|upload| Op::Abort { upload }),
        9 => (any::<Index>(), 1_u32..40).prop_map(|(which, steps)| Op::Release { which, steps }),
        3 => Just(Op::Take),
        2 => Just(Op::Forget),
        1 => Just(Op::Lease),
        6 => (any::<Index>(), 1_usize..4, any::<bool>())
            .prop_map(|(which, at_once, write)| Op::Rewrite { which, at_once, write }),
        1 => Just(Op::Settle),
    ]
}
