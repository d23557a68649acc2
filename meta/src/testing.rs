//! Room: short ways to say what tests of several rooms say: names, bodies, rounds.

use bytes::Bytes;
use protocol::etag::ETag;
use protocol::lock::ObjectLock;
use protocol::metadata::ObjectMetadata;
use protocol::name::{AccountId, BucketName, ObjectKey, UploadId};
use protocol::part::PartNumber;
use protocol::storage_class::StorageClass;
use protocol::tagging::{Tag, TagSet};
use protocol::time::Timestamp;
use protocol::versioning::Versioning;

use crate::command::{
    Command, CreateBucket, CreateUpload, NewBlob, NewContent, NewObject, NewPart, NewTable,
    PutObject, PutPart, Refusal, Reply, WriteCond,
};
use crate::fingerprint::Fingerprint;
use crate::id::{BlobId, BucketId, ManifestId, Sequence, TableId};
use crate::invariant;
use crate::query;
use crate::record::{Extent, ObjectRecord, Piece};
use crate::round::Round;
use crate::store::{Store, StoreError};
use crate::table::{BLOCK_LEN, BlockTable};

pub(crate) const MIB: u64 = 1 << 20;

pub(crate) const AT: Timestamp = Timestamp::from_millis(1000);

pub(crate) fn bucket_name(text: &str) -> BucketName {
    BucketName::parse(text).expect("a bucket name")
}

pub(crate) fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).expect("a key")
}

pub(crate) fn etag(text: &str) -> ETag {
    ETag::from_text(text).expect("an etag")
}

pub(crate) fn number(number: u16) -> PartNumber {
    PartNumber::new(number).expect("a part number")
}

pub(crate) fn upload_id(which: u8) -> UploadId {
    UploadId::new(AT, [which; 16])
}

pub(crate) fn tags(value: &str) -> TagSet {
    TagSet::validate(vec![Tag { key: "tag".to_owned(), value: value.to_owned() }]).expect("tags")
}

/// A blob that a test knows of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) blob: BlobId,
    pub(crate) table: TableId,
    pub(crate) first_block: u32,
    /// Without padding.
    pub(crate) len: u64,
}

impl Known {
    /// What a file of `len` bytes is once it is written as `blob`.
    pub(crate) fn written(blob: u64, len: u64) -> Self {
        let blob = BlobId::new(blob);
        Self { blob, table: TableId::of(blob), first_block: 0, len }
    }

    /// What a clone is that leaves out the first `blocks`.
    pub(crate) fn cloned(self, blob: u64, blocks: u32) -> Self {
        Self {
            blob: BlobId::new(blob),
            first_block: self.first_block + blocks,
            len: self.len - u64::from(blocks) * u64::from(BLOCK_LEN),
            ..self
        }
    }

    /// What a command says of the file.
    pub(crate) fn file(self) -> NewBlob {
        let table = if self.table == TableId::of(self.blob) {
            NewTable::Written(table(self.len))
        } else {
            NewTable::Cloned { table: self.table, first_block: self.first_block }
        };
        NewBlob { id: self.blob, len: self.len.next_multiple_of(4096), table }
    }

    pub(crate) fn extent(self, offset: u64, len: u64) -> Piece {
        let at = offset + self.blob.get() * 7919;
        Piece::Extent(Extent {
            blob: self.blob,
            offset,
            len,
            table: self.table,
            first_block: self.first_block,
            fingerprint: Fingerprint::of(&[at.to_le_bytes(), len.to_le_bytes()].concat()),
        })
    }

    pub(crate) fn whole(self) -> Piece {
        self.extent(0, self.len)
    }

    /// The whole in pieces of `len`, from the last to the first, so that none can be merged.
    pub(crate) fn backwards(self, len: u64) -> Vec<Piece> {
        (0..self.len / len).rev().map(|index| self.extent(index * len, len)).collect()
    }
}

/// A table over `len` bytes of no particular content.
fn table(len: u64) -> BlockTable {
    let mut table = BlockTable::new();
    let mut left = len;
    while left > 0 {
        let block = left.min(u64::from(BLOCK_LEN));
        let fingerprint = Fingerprint::of(&left.to_le_bytes());
        table.push(fingerprint, u32::try_from(block).expect("at most a block"));
        left -= block;
    }
    table
}

pub(crate) fn inline(bytes: &[u8]) -> Piece {
    Piece::Inline { bytes: Bytes::copy_from_slice(bytes), fingerprint: Fingerprint::of(bytes) }
}

pub(crate) fn len_of(pieces: &[Piece]) -> u64 {
    pieces.iter().map(Piece::len).sum()
}

pub(crate) fn fingerprint_of(pieces: &[Piece]) -> Fingerprint {
    let join = |sum: Fingerprint, piece: &Piece| sum.then(piece.fingerprint(), piece.len());
    pieces.iter().fold(Fingerprint::EMPTY, join)
}

pub(crate) fn new_object(name: &str, pieces: &[Piece]) -> NewObject {
    NewObject {
        modified: AT,
        len: len_of(pieces),
        etag: etag(name),
        md5: None,
        fingerprint: fingerprint_of(pieces),
        checksum: None,
        metadata: ObjectMetadata::default(),
        tags: TagSet::default(),
        storage_class: StorageClass::Standard,
        lock: ObjectLock::default(),
    }
}

pub(crate) fn put(bucket: BucketId, name: &str, pieces: Vec<Piece>, files: &[Known]) -> PutObject {
    PutObject {
        bucket,
        key: key(name),
        condition: WriteCond::None,
        object: new_object("etag", &pieces),
        content: NewContent::Pieces {
            pieces,
            blobs: files.iter().map(|known| known.file()).collect(),
        },
    }
}

/// Puts a copy of an object that is made of parts.
pub(crate) fn put_copy(bucket: BucketId, name: &str, original: &ObjectRecord) -> PutObject {
    let manifest = original.content.manifest().expect("an object made of parts");
    let mut object = new_object("copy", &[]);
    (object.len, object.fingerprint) = (original.len, original.fingerprint);
    PutObject {
        bucket,
        key: key(name),
        condition: WriteCond::None,
        object,
        content: NewContent::SameParts(manifest.clone()),
    }
}

pub(crate) fn put_part(
    bucket: BucketId,
    name: &str,
    upload: u8,
    part: u16,
    pieces: Vec<Piece>,
    files: &[Known],
) -> PutPart {
    PutPart {
        bucket,
        key: key(name),
        upload_id: upload_id(upload),
        part: NewPart {
            number: number(part),
            modified: AT,
            len: len_of(&pieces),
            etag: etag(&format!("part-{part}")),
            md5: None,
            fingerprint: fingerprint_of(&pieces),
            checksum: None,
        },
        pieces,
        blobs: files.iter().map(|known| known.file()).collect(),
    }
}

pub(crate) fn create_upload(bucket: BucketId, name: &str, upload: u8) -> CreateUpload {
    CreateUpload {
        bucket,
        key: key(name),
        upload_id: upload_id(upload),
        initiated: AT,
        metadata: ObjectMetadata::default(),
        tags: TagSet::default(),
        storage_class: StorageClass::Standard,
        lock: ObjectLock::default(),
        checksum: None,
    }
}

pub(crate) type Outcome = Result<Reply, Refusal>;

/// The next round of `store`.
pub(crate) fn begin(store: &dyn Store) -> Round<'_> {
    let last = query::last_sequence(store).expect("counters");
    Round::begin(store, last.next()).expect("a round")
}

/// Runs the commands as one round, commits it and checks the store.
pub(crate) fn run(store: &dyn Store, commands: Vec<Command>) -> Vec<Result<Outcome, StoreError>> {
    let mut round = begin(store);
    let outcomes = commands.into_iter().map(|command| round.apply(command)).collect();
    store.commit(round.finish()).expect("a commit");
    assert_sound(store);
    outcomes
}

/// Runs one command as a round of its own.
pub(crate) fn one(store: &dyn Store, command: impl Into<Command>) -> Outcome {
    run(store, vec![command.into()]).remove(0).expect("a store that is well")
}

pub(crate) fn done(store: &dyn Store, command: impl Into<Command>) -> Reply {
    one(store, command).expect("not refused")
}

pub(crate) fn assert_sound(store: &dyn Store) {
    let violations = invariant::check(store).expect("records that can be read");
    assert!(violations.is_empty(), "{violations:#?}");
}

pub(crate) fn make_bucket(store: &dyn Store, name: &str) -> BucketId {
    let owner = AccountId::parse("000000000000").expect("an account");
    match done(
        store,
        CreateBucket {
            name: bucket_name(name),
            created: AT,
            owner,
            versioning: Versioning::Unversioned,
            configs: Vec::new(),
        },
    ) {
        Reply::BucketCreated(id) => id,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn make_upload(
    store: &dyn Store,
    bucket: BucketId,
    name: &str,
    upload: u8,
) -> ManifestId {
    match done(store, create_upload(bucket, name, upload)) {
        Reply::UploadCreated(manifest) => manifest,
        other => panic!("{other:?}"),
    }
}

/// The sequence of the last round.
pub(crate) fn last(store: &dyn Store) -> Sequence {
    query::last_sequence(store).expect("counters")
}
