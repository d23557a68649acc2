//! Room: what may be changed. One struct per command, the answers, and the reasons for a refusal.
//!
//! A command carries what a shard prepared (records without their identifiers, the files it wrote) and the facts
//! that the preparation relied on. The commit round checks these facts again and either applies the command as a
//! whole or refuses it as a whole.

use protocol::checksum::{Checksum, ChecksumAlgorithm, ChecksumType, ChecksumValue};
use protocol::etag::ETag;
use protocol::lock::{LockChange, ObjectLock};
use protocol::metadata::ObjectMetadata;
use protocol::name::{AccountId, BucketName, ObjectKey, UploadId, VersionId};
use protocol::part::PartNumber;
use protocol::range::ByteRange;
use protocol::storage_class::StorageClass;
use protocol::tagging::TagSet;
use protocol::time::Timestamp;
use protocol::versioning::Versioning;

use crate::fingerprint::Fingerprint;
use crate::id::{BlobId, BucketId, FolderId, Generation, ManifestId, TableId};
use crate::key::GarbageKey;
use crate::record::{ConfigKind, Manifest, Owner, Piece};
use crate::table::BlockTable;

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// One change of what exists.
        #[derive(Debug, Clone)]
        pub enum Command {
            $($(#[$doc])* $name(Box<$name>),)*
        }

        $(impl From<$name> for Command {
            fn from(command: $name) -> Self {
                Self::$name(Box::new(command))
            }
        })*
    };
}

commands! {
    /// Makes a bucket.
    CreateBucket,
    /// Removes an empty bucket and aborts its open uploads.
    DeleteBucket,
    /// Turns the versioning of a bucket on or off.
    SetVersioning,
    /// Gives a bucket a configuration, or takes it away.
    SetConfig,
    /// Gives a shard the next folder of blob identifiers.
    LeaseFolder,
    /// Ends a lease.
    CloseLease,
    /// Puts an object: what its key names from now on.
    PutObject,
    /// Takes a key away, or one version of it.
    DeleteObject,
    /// Takes several keys or versions away, each on its own.
    DeleteObjects,
    /// Takes away what lifecycle rules let go of.
    Expire,
    /// Replaces an object's tags.
    PutTags,
    /// Removes an object's tags.
    DeleteTags,
    /// Changes what protects an object.
    SetLock,
    /// Opens a multipart upload.
    CreateUpload,
    /// Puts a part in place of the upload's part of this number.
    PutPart,
    /// Makes an object of an upload's parts.
    CompleteUpload,
    /// Ends an upload and lets go of its parts.
    AbortUpload,
    /// Expands a garbage record a step further.
    ReleaseGarbage,
    /// Removes the records of blobs that nothing refers to.
    TakeBlobs,
    /// Removes what is remembered of blobs whose files are durably gone.
    ForgetGarbage,
    /// Moves what is still named of a blob to smaller ones.
    RewriteBlob,
    /// Removes the marks of sparse blobs that a rewrite would not make smaller.
    SettleSparse,
}

impl Command {
    /// How much a round has to do for it, in commands that change one thing each.
    pub fn weight(&self) -> usize {
        match self {
            Self::DeleteObjects(command) => command.keys.len().max(1),
            Self::Expire(command) => command.items.len().max(1),
            _ => 1,
        }
    }
}

/// What a write demands of the object that its key names before it. A delete marker is none.
/// S3: PutObject and CompleteMultipartUpload, If-Match and If-None-Match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteCond {
    /// Nothing.
    None,
    /// That there is none: else [`Refusal::ConditionFailed`].
    Absent,
    /// That it has this ETag: else [`Refusal::NoSuchKey`] if there is none, [`Refusal::ConditionFailed`] if it
    /// has another.
    Matches(ETag),
}

/// Makes a bucket. Reply: [`Reply::BucketCreated`]. Refused: `BucketExists`.
#[derive(Debug, Clone)]
pub struct CreateBucket {
    /// Its name.
    pub name: BucketName,
    /// When.
    pub created: Timestamp,
    /// Whose it is.
    pub owner: AccountId,
    /// Whether its keys have versions from the start.
    pub versioning: Versioning,
    /// The configurations that it has from the start, each kind once.
    pub configs: Vec<(ConfigKind, String)>,
}

/// Removes a bucket without objects and versions; its open uploads are aborted in the background.
/// Reply: [`Reply::Done`]. Refused: `NoSuchBucket`, `BucketNotEmpty`.
#[derive(Debug, Clone)]
pub struct DeleteBucket {
    /// Its name.
    pub name: BucketName,
}

/// Turns the versioning of a bucket on or off: the writes and deletes of later commands go by it. What is there stays.
/// Reply: [`Reply::Done`]. Refused: `NoSuchBucket`, `ObjectLockNeedsVersioning`.
#[derive(Debug, Clone)]
pub struct SetVersioning {
    /// Its name.
    pub name: BucketName,
    /// Never `Unversioned`: a bucket that has had versions cannot go back.
    pub versioning: Versioning,
}

/// Gives a bucket a configuration in place of the one of this kind that it has, or takes that away.
/// Reply: [`Reply::Done`], also if there is nothing to take away. Refused: `NoSuchBucket`, `VersioningNeeded`.
#[derive(Debug, Clone)]
pub struct SetConfig {
    /// Its name.
    pub name: BucketName,
    /// Of what kind.
    pub kind: ConfigKind,
    /// The document; `None`: takes it away, which is never asked of object lock.
    pub document: Option<String>,
}

/// Gives the next folder of blob identifiers to a shard. Reply: [`Reply::FolderLeased`]. Never refused.
#[derive(Debug, Clone)]
pub struct LeaseFolder {
    /// The shard's number.
    pub shard: u32,
}

/// Ends a lease: each identifier of the folder is named by a record or durably unlinked.
/// Reply: [`Reply::Done`], also if the lease is closed already. Never refused.
#[derive(Debug, Clone)]
pub struct CloseLease {
    /// The folder.
    pub folder: FolderId,
}

/// Facts of a new object, but for its bytes.
#[derive(Debug, Clone)]
pub struct NewObject {
    /// When it was made, to the second.
    pub modified: Timestamp,
    /// Its length in bytes.
    pub len: u64,
    /// Its ETag.
    pub etag: ETag,
    /// The MD5 of its bytes, where it is known.
    pub md5: Option<[u8; 16]>,
    /// The fingerprint of its bytes.
    pub fingerprint: Fingerprint,
    /// The checksum that clients see.
    pub checksum: Option<Checksum>,
    /// System and user metadata.
    pub metadata: ObjectMetadata,
    /// Tags.
    pub tags: TagSet,
    /// Its storage class.
    pub storage_class: StorageClass,
    /// What protects it.
    pub lock: ObjectLock,
}

/// The block table of a new blob.
#[derive(Debug, Clone)]
pub enum NewTable {
    /// The blob's bytes were written; this is their table.
    Written(BlockTable),
    /// The blob's bytes were cloned from another blob.
    Cloned {
        /// The table that describes them.
        table: TableId,
        /// Which of its blocks is the blob's first.
        first_block: u32,
    },
}

/// A file that a command brings along, already durable with its name.
#[derive(Debug, Clone)]
pub struct NewBlob {
    /// Its identifier, from a lease of the shard that wrote it.
    pub id: BlobId,
    /// The length of the file in bytes, padding included.
    pub len: u64,
    /// Its block table.
    pub table: NewTable,
}

/// The bytes of a new object.
#[derive(Debug, Clone)]
pub enum NewContent {
    /// Pieces. An extent names either one of `blobs` or a blob that exists already (a share).
    Pieces {
        /// The bytes, in order.
        pieces: Vec<Piece>,
        /// The files that were written for it; each is named by at least one piece.
        blobs: Vec<NewBlob>,
    },
    /// The parts of another object, or of a copy of one, that this one shares: nothing of them is written again.
    /// The caller holds the epoch at which it has read of them.
    SameParts(Manifest),
}

/// Puts an object: what its key names from now on. In a bucket without versions it takes the place of the one before; with
/// versioning on, that one is kept; while it is suspended, the null version goes and another one is kept.
/// Reply: [`Reply::ObjectPut`]. Refused: `NoSuchBucket`, `ConditionFailed`, `NoSuchKey`, `TooFragmented`.
#[derive(Debug, Clone)]
pub struct PutObject {
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ObjectKey,
    /// What must hold before.
    pub condition: WriteCond,
    /// The object but for its bytes.
    pub object: NewObject,
    /// Its bytes.
    pub content: NewContent,
}

/// What a delete demands of the object that its key names, whichever version it is to take away. A delete marker is none.
/// S3: DeleteObject and DeleteObjects, If-Match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteCond {
    /// Nothing: a key that names nothing is as good as deleted.
    None,
    /// That there is one: else [`Refusal::ConditionFailed`].
    Exists,
    /// That it has this ETag: else [`Refusal::NoSuchKey`] if there is none, [`Refusal::ConditionFailed`] if it
    /// has another.
    Matches(ETag),
}

/// Takes a key away, or one version of it. In a bucket that has had versions a key goes by a delete marker.
/// Reply: [`Reply::ObjectDeleted`]. Refused: `NoSuchBucket`, `ConditionFailed`, `NoSuchKey`, `Locked`.
#[derive(Debug, Clone)]
pub struct DeleteObject {
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ObjectKey,
    /// The version that is to go for good; the one before it becomes the latest. `None`: the key.
    pub version: Option<VersionId>,
    /// What must hold before.
    pub condition: DeleteCond,
    /// A retention in mode GOVERNANCE is no obstacle.
    pub bypass: bool,
    /// When, to the second: the date of a delete marker, and the present for retentions.
    pub modified: Timestamp,
}

/// How many keys one [`DeleteObjects`] may take away: so long may one command hold up those behind it.
pub const DELETE_KEYS_MAX: usize = 128;

/// Takes several keys or versions away, in order, each on its own as [`DeleteObject`] does: one that is refused or damaged
/// holds none of the others up.
/// Reply: [`Reply::ObjectsDeleted`]. Refused: `NoSuchBucket`.
#[derive(Debug, Clone)]
pub struct DeleteObjects {
    /// The bucket.
    pub bucket: BucketId,
    /// The keys, at most [`DELETE_KEYS_MAX`].
    pub keys: Vec<DeleteKey>,
    /// When, to the second: the date of delete markers, and the present for retentions.
    pub modified: Timestamp,
}

/// One of several keys to be taken away.
#[derive(Debug, Clone)]
pub struct DeleteKey {
    /// The key.
    pub key: ObjectKey,
    /// The version that is to go for good; `None`: the key.
    pub version: Option<VersionId>,
    /// What must hold before.
    pub condition: DeleteCond,
    /// A retention in mode GOVERNANCE is no obstacle.
    pub bypass: bool,
}

/// What a delete has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The key of a bucket without versions names nothing, also where its null version was asked for.
    Key {
        /// Whether it named something before.
        existed: bool,
    },
    /// A delete marker is the latest version of the key.
    Marked {
        /// The delete marker.
        version: VersionId,
    },
    /// The version that was asked for is gone for good.
    Version {
        /// The version.
        version: VersionId,
        /// Whether it was a delete marker.
        marker: bool,
        /// Whether it was there.
        existed: bool,
    },
}

/// Why one of several keys was not taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotDeleted {
    /// `ConditionFailed`, `NoSuchKey`, `Locked`.
    Refused(Refusal),
    /// Its record cannot be read; the text says what was found.
    Damaged(String),
}

/// Takes away what lifecycle rules let go of, each item on its own: one that is no longer what was judged, that is locked
/// or damaged, stays. Reply: [`Reply::Expired`]. Refused: `NoSuchBucket`.
#[derive(Debug, Clone)]
pub struct Expire {
    /// The bucket.
    pub bucket: BucketId,
    /// At most [`DELETE_KEYS_MAX`].
    pub items: Vec<ExpireItem>,
    /// When, to the second: the date of delete markers, and what locks are compared with.
    pub now: Timestamp,
}

/// What expires of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpireItem {
    /// The key.
    pub key: ObjectKey,
    /// What of it.
    pub what: Expiring,
}

/// A version that expires, as it was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiring {
    /// The latest version, which is data. Without versions it goes; else a delete marker is put in front of it.
    Latest {
        /// Which writing of the key it is.
        generation: Generation,
    },
    /// A version that is not the latest: it goes for good.
    Noncurrent {
        /// Which writing of the key it is.
        generation: Generation,
    },
    /// A delete marker that is the only version of its key: nothing is left of the key.
    LoneMarker {
        /// Which writing of the key it is.
        generation: Generation,
    },
}

/// Replaces the tags of an object, or of one of its versions.
/// Reply: [`Reply::TagsPut`]. Refused: `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`, `DeleteMarker`, `ObjectChanged`.
#[derive(Debug, Clone)]
pub struct PutTags {
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ObjectKey,
    /// The version; `None`: the latest.
    pub version: Option<VersionId>,
    /// The state of the object that is meant; `None`: whichever is there.
    pub expected: Option<Generation>,
    /// Its tags from now on.
    pub tags: TagSet,
}

/// Removes the tags of an object, or of one of its versions.
/// Reply: [`Reply::TagsPut`]. Refused: as [`PutTags`].
#[derive(Debug, Clone)]
pub struct DeleteTags {
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ObjectKey,
    /// The version; `None`: the latest.
    pub version: Option<VersionId>,
    /// The state of the object that is meant; `None`: whichever is there.
    pub expected: Option<Generation>,
}

/// Changes what protects an object, or one of its versions, where that which protects it allows it.
/// Reply: [`Reply::LockSet`]. Refused: `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`, `DeleteMarker`, `Locked`.
#[derive(Debug, Clone)]
pub struct SetLock {
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ObjectKey,
    /// The version; `None`: the latest.
    pub version: Option<VersionId>,
    /// What is to be another.
    pub change: LockChange,
    /// A retention in mode GOVERNANCE is no obstacle.
    pub bypass: bool,
    /// The present.
    pub now: Timestamp,
}

/// Opens a multipart upload. Reply: [`Reply::UploadCreated`]. Refused: `NoSuchBucket`, `UploadExists`.
#[derive(Debug, Clone)]
pub struct CreateUpload {
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ObjectKey,
    /// Its identifier, which nobody can guess.
    pub upload_id: UploadId,
    /// When.
    pub initiated: Timestamp,
    /// Metadata of the object to be.
    pub metadata: ObjectMetadata,
    /// Tags of the object to be.
    pub tags: TagSet,
    /// The storage class of the object to be.
    pub storage_class: StorageClass,
    /// What was asked for to protect the object to be. Its completion may add the default of the bucket.
    pub lock: ObjectLock,
    /// The checksum that was asked for.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
}

/// Facts of a new part, but for its bytes.
#[derive(Debug, Clone)]
pub struct NewPart {
    /// Its number.
    pub number: PartNumber,
    /// When it was made.
    pub modified: Timestamp,
    /// Its length in bytes.
    pub len: u64,
    /// Its ETag.
    pub etag: ETag,
    /// The MD5 of its bytes, where it is known.
    pub md5: Option<[u8; 16]>,
    /// The fingerprint of its bytes.
    pub fingerprint: Fingerprint,
    /// The checksum of the upload's algorithm.
    pub checksum: Option<ChecksumValue>,
}

/// Puts a part in place of the upload's part of this number. An extent of `pieces` names either one of `blobs` or
/// a blob that exists already (a share).
/// Reply: [`Reply::PartPut`]. Refused: `NoSuchBucket`, `NoSuchUpload`, `TooFragmented`.
#[derive(Debug, Clone)]
pub struct PutPart {
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ObjectKey,
    /// The upload.
    pub upload_id: UploadId,
    /// The part but for its bytes.
    pub part: NewPart,
    /// Its bytes, in order.
    pub pieces: Vec<Piece>,
    /// The files that were written for it; each is named by at least one piece.
    pub blobs: Vec<NewBlob>,
}

/// Makes an object of an upload's parts, prepared from a reading of all of them.
/// Reply: [`Reply::ObjectPut`]. Refused: `NoSuchBucket`, `NoSuchUpload`, `UploadChanged` (prepare again),
/// `ConditionFailed`, `NoSuchKey`, `Conflict`.
#[derive(Debug, Clone)]
pub struct CompleteUpload {
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ObjectKey,
    /// The upload.
    pub upload_id: UploadId,
    /// The upload's generation that the reading of its parts found before and after.
    pub expected_generation: Generation,
    /// What must hold before.
    pub condition: WriteCond,
    /// The object but for its bytes; the caller has copied metadata and tags from the upload.
    pub object: NewObject,
    /// The parts that make up the object, ascending, with their lengths in bytes.
    pub listed: Vec<(PartNumber, u64)>,
    /// The upload's other parts.
    pub unlisted: Vec<PartNumber>,
}

/// Ends an upload and lets go of its parts. Reply: [`Reply::Done`]. Refused: `NoSuchBucket`, `NoSuchUpload`.
#[derive(Debug, Clone)]
pub struct AbortUpload {
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ObjectKey,
    /// The upload.
    pub upload_id: UploadId,
}

/// Expands garbage records, one after the other, by about `steps` references and records in all; what is left of
/// the last stays in its record. It ends before a record that turns out to be damaged; only if that is the first
/// one, it fails with [`StoreError::Corrupt`](crate::store::StoreError::Corrupt).
/// The caller has made sure that no operation lives which began at or below the records' sequences.
/// Reply: [`Reply::Released`], also of records that are gone. Never refused.
#[derive(Debug, Clone)]
pub struct ReleaseGarbage {
    /// The garbage records.
    pub at: Vec<GarbageKey>,
    /// How much to do at most, give or take one record; at least one thing is done.
    pub steps: u32,
}

/// Removes the records of those of `blobs` that nothing refers to, and remembers that their files are to be
/// unlinked. Reply: [`Reply::BlobsTaken`]. Never refused.
#[derive(Debug, Clone)]
pub struct TakeBlobs {
    /// Candidates.
    pub blobs: Vec<BlobId>,
}

/// Forgets taken blobs: their files are unlinked and the folders synced.
/// Reply: [`Reply::Done`]. Never refused.
#[derive(Debug, Clone)]
pub struct ForgetGarbage {
    /// Blobs that an earlier round took.
    pub blobs: Vec<BlobId>,
}

/// The most owners that one [`RewriteBlob`] may change: each may hold as many pieces as a page does.
pub const REWRITE_OWNERS_MAX: usize = 64;

/// Moves what records name of a blob to other blobs that hold the same bytes. Every extent of `owners` that names
/// `from` and lies wholly in the range of a target names that target afterwards; others stay. Owners that are gone,
/// or were overwritten, are passed over. Nothing else of the records changes, so whoever has prepared a command on
/// what they were may go on.
///
/// A blob with many owners is rewritten in several commands: each brings the new blobs that its own owners name
/// first, and later ones name them again without `new`.
/// Reply: [`Reply::Rewritten`]. Refused: `NothingToRewrite`, if the blob is gone, or a target that was made before,
/// or if no extent of these owners has moved to one of the new blobs.
#[derive(Debug, Clone)]
pub struct RewriteBlob {
    /// The blob.
    pub from: BlobId,
    /// Records that name it, at most [`REWRITE_OWNERS_MAX`].
    pub owners: Vec<Owner>,
    /// Where the bytes are from now on; each another blob. Of ranges that overlap the first one counts.
    pub targets: Vec<Target>,
}

/// A blob that holds the bytes of a range of another one.
#[derive(Debug, Clone)]
pub struct Target {
    /// The range of the other blob. It begins on the grid of blocks, and ends on it or where the other blob ends.
    pub range: ByteRange,
    /// The blob, in which these bytes begin at 0.
    pub to: BlobId,
    /// Its file; `None`: an earlier command has brought it.
    pub new: Option<NewBlob>,
}

/// Removes the marks of sparse blobs: there is nothing to gain. They are marked again when the next of their
/// references is released. Reply: [`Reply::Done`]. Never refused.
#[derive(Debug, Clone)]
pub struct SettleSparse {
    /// The blobs.
    pub blobs: Vec<BlobId>,
}

/// The answer to a command that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nothing more to say.
    Done,
    /// The new bucket.
    BucketCreated(BucketId),
    /// The folder whose identifiers the shard may use.
    FolderLeased(FolderId),
    /// The object is in place (by put or by complete).
    ObjectPut {
        /// Its generation.
        generation: Generation,
        /// Its version; `None` in a bucket without versions.
        version: Option<VersionId>,
    },
    /// The key, or the version, is gone.
    ObjectDeleted(Deleted),
    /// What became of each key, in the order of the command.
    ObjectsDeleted(Vec<Result<Deleted, NotDeleted>>),
    /// Which of the items have gone, in the order of the command. The others are no longer what was judged, are
    /// locked, or are damaged.
    Expired(Vec<bool>),
    /// The tags are in place.
    TagsPut {
        /// Of which version; `None` in a bucket without versions.
        version: Option<VersionId>,
    },
    /// What protects the version was changed.
    LockSet {
        /// Which one; `None` in a bucket without versions.
        version: Option<VersionId>,
    },
    /// The upload is open; its parts go into this manifest.
    UploadCreated(ManifestId),
    /// The part is in place.
    PartPut {
        /// Its generation.
        generation: Generation,
    },
    /// Garbage records were expanded.
    Released {
        /// How many of the records are gone, those in front: nothing is left of them to do.
        finished: usize,
        /// Blobs that nothing refers to since this command: candidates to take.
        unreferenced: Vec<BlobId>,
    },
    /// These blobs have no record any more: unlink their files.
    BlobsTaken(Vec<BlobId>),
    /// Extents name other blobs than before.
    Rewritten {
        /// How many.
        extents: u64,
    },
}

/// Why a command was not applied. It has left no trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The name is taken.
    BucketExists,
    /// The bucket is gone or was never there.
    NoSuchBucket,
    /// The bucket holds objects or versions.
    BucketNotEmpty,
    /// Versions can be locked only where they are kept.
    VersioningNeeded,
    /// The bucket keeps versions for good, since they can be locked.
    ObjectLockNeedsVersioning,
    /// The key names nothing.
    NoSuchKey,
    /// The key has no such version.
    NoSuchVersion,
    /// The version is a delete marker, which has neither tags nor a lock.
    DeleteMarker {
        /// The delete marker, also if the key was asked for.
        version: VersionId,
    },
    /// What protects the version does not let this happen. S3: AccessDenied.
    Locked,
    /// The object is not in the state that the command was prepared for.
    ObjectChanged,
    /// The write's condition does not hold.
    ConditionFailed,
    /// The write's condition holds now, but the key was written or deleted since the upload began.
    /// S3: CompleteMultipartUpload, ConditionalRequestConflict.
    Conflict,
    /// The upload is gone or was never there.
    NoSuchUpload,
    /// An upload of this identifier is open already.
    UploadExists,
    /// A part was put since the command was prepared: prepare again.
    UploadChanged,
    /// The bytes lie in more extents than their length allows: rewrite them.
    TooFragmented,
    /// Nobody would name what a rewrite has brought.
    NothingToRewrite,
}
