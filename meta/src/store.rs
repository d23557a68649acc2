//! Room: the seam under everything that meta knows: ordered key-value spaces with atomic, synced batches.
//!
//! Must not: know a record's layout, a file system or an engine. The real form is `rocks`, the
//! simulated one `memory`; both keep the promises of [`Store`], and one suite of tests holds them to it.
//!
//! Units: keys and values are opaque bytes; keys are ordered byte by byte, each space on its own.

use std::fmt;

use bytes::Bytes;

/// One ordered set of keys. Spaces share nothing but the batch that changes them together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Space {
    /// Counters and settings of the whole store.
    System,
    /// Bucket records, by name.
    Buckets,
    /// The latest version of each key, by bucket and key, where that is data.
    Objects,
    /// All other versions and the delete markers, by bucket, key and generation, newest first; before them what is
    /// counted of the key.
    Versions,
    /// Open multipart uploads, by bucket, key and upload.
    Uploads,
    /// Part records, by manifest and part number.
    Parts,
    /// Pages of part positions, and how many records name them, by manifest.
    Manifests,
    /// Pages of piece lists, and of inline bytes, too long for their record.
    Pieces,
    /// Blob records with their reference counts.
    Blobs,
    /// Heads and pages of block tables.
    Tables,
    /// Folders of blob ids that are in use by a shard.
    Leases,
    /// What no name reaches any more and is to be let go of.
    Garbage,
    /// Which records name a blob, by blob.
    Owners,
}

impl Space {
    /// Every space.
    pub const ALL: [Self; 13] = [
        Self::System,
        Self::Buckets,
        Self::Objects,
        Self::Versions,
        Self::Uploads,
        Self::Parts,
        Self::Manifests,
        Self::Pieces,
        Self::Blobs,
        Self::Tables,
        Self::Leases,
        Self::Garbage,
        Self::Owners,
    ];

    /// The name that the space has on disk and in messages. Never changed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Buckets => "buckets",
            Self::Objects => "objects",
            Self::Versions => "versions",
            Self::Uploads => "uploads",
            Self::Parts => "parts",
            Self::Manifests => "manifests",
            Self::Pieces => "pieces",
            Self::Blobs => "blobs",
            Self::Tables => "tables",
            Self::Leases => "leases",
            Self::Garbage => "garbage",
            Self::Owners => "owners",
        }
    }

    /// Whether values of this space may hold the bytes of small objects, so that large values are
    /// better kept apart from the keys. Nobody lists such a space: a scan reads what is kept apart too.
    #[must_use]
    pub const fn holds_inline_bytes(self) -> bool {
        matches!(self, Self::Pieces)
    }
}

/// What a visitor wants after the entry that it was shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Visit {
    /// The next entry.
    Next,
    /// The first entry at or after this key, which must lie behind the entry just shown. What is
    /// between is passed over without being read.
    SeekTo(Vec<u8>),
    /// Nothing more.
    Stop,
}

/// The next entry, key and value, of each of two spaces; `None` where a space has no more.
pub type Pair<'e> = [Option<(&'e [u8], &'e [u8])>; 2];

/// Where the scan of one of two spaces goes on after a [`Pair`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Advance {
    /// Nowhere: the same entry is shown again.
    Stay,
    /// To the next entry.
    Next,
    /// To the first entry at or after this key, which must lie behind the entry just shown.
    SeekTo(Vec<u8>),
}

/// An ordered key-value store.
///
/// Promises:
/// - [`commit`](Self::commit) is atomic across spaces and durable before it returns `Ok`: a later
///   open, after a power cut too, finds all of the batch.
/// - A read that starts after a commit returned sees it; no read ever sees a part of a batch.
/// - One scan sees one moment, whatever is committed meanwhile.
/// - When a commit fails, nobody knows whether it happened. From then on every call is refused with
///   [`StoreError::Failed`] until the store is opened anew; only what the reopened store holds decides.
pub trait Store: Send + Sync {
    /// The value of `key`, or `None` if there is none.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// Like [`get`](Self::get), but without ever waiting for a disk: answers [`Peek::Unknown`]
    /// where memory alone cannot tell. For threads that must not block.
    fn peek(&self, space: Space, key: &[u8]) -> Result<Peek, StoreError>;

    /// Shows `visit` the entries of `space` in ascending order of keys, from the first key at or
    /// after `from`, until it answers [`Visit::Stop`] or there are no more.
    ///
    /// # Panics
    /// If `visit` asks for [`Visit::SeekTo`] a key that is not behind the entry just shown: it might
    /// never end.
    fn scan(
        &self,
        space: Space,
        from: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Visit,
    ) -> Result<(), StoreError>;

    /// Scans two spaces side by side, as they are at one moment, so that what moves from one to the other is seen
    /// once. Shows `visit` the next entry of each, until it answers `None` or neither has more; the visitor says
    /// for each where it goes on, which means nothing for one that has no more.
    ///
    /// # Panics
    /// If `visit` lets neither go on, or one go back: it might never end.
    fn scan_pair(
        &self,
        spaces: [Space; 2],
        from: [&[u8]; 2],
        visit: &mut dyn FnMut(Pair<'_>) -> Option<[Advance; 2]>,
    ) -> Result<(), StoreError>;

    /// Makes all changes of `batch`, in their order, as one. Committing nothing does nothing.
    fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// What the store knows about itself, for those who look after it. May look at files, so it is no call for
    /// threads that must not block. A store in memory has nothing to tell.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }
}

/// Something that a store knows about itself.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Figure {
    /// Its name in metrics, without the prefix that all have: lower case, the unit at its end.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// The space that it is of, if it is not of the whole store. The figures of one name come together.
    pub space: Option<Space>,
    /// Its value now.
    pub value: u64,
}

/// What memory alone can tell of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Peek {
    /// The same answer as [`Store::get`] would give.
    Known(Option<Bytes>),
    /// Only a read of the disk can tell.
    Unknown,
}

/// Changes to be made together. A later change of the same key wins.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Batch {
    changes: Vec<Change>,
    bytes: usize,
}

/// One change of a [`Batch`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Where.
    pub space: Space,
    /// Which entry.
    pub key: Bytes,
    /// Its new value; `None` takes it away.
    pub value: Option<Bytes>,
}

impl Batch {
    /// A batch that changes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value`, whether it was there or not.
    pub fn put(&mut self, space: Space, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.push(Change { space, key: key.into(), value: Some(value.into()) });
    }

    /// Takes `key` away, whether it was there or not.
    pub fn delete(&mut self, space: Space, key: impl Into<Bytes>) {
        self.push(Change { space, key: key.into(), value: None });
    }

    /// Length of all keys and values together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether the batch changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes in the order in which they were asked for.
    pub fn iter(&self) -> std::slice::Iter<'_, Change> {
        self.changes.iter()
    }

    fn push(&mut self, change: Change) {
        self.bytes += change.key.len() + change.value.as_ref().map_or(0, Bytes::len);
        self.changes.push(change);
    }
}

impl IntoIterator for Batch {
    type Item = Change;
    type IntoIter = std::vec::IntoIter<Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.changes.into_iter()
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = &'a Change;
    type IntoIter = std::slice::Iter<'a, Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Why a store cannot answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreError {
    /// The store could not be opened, or a commit failed: what it holds is unknown until it is
    /// opened anew, and every further call is refused.
    Failed(String),
    /// What is stored cannot be read back: damaged, or the disk refuses. Other entries may be well.
    Corrupt(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => write!(f, "the metadata store has failed: {why}"),
            Self::Corrupt(what) => write!(f, "the metadata store cannot be read: {what}"),
        }
    }
}

impl std::error::Error for StoreError {}
