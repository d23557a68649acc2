//! Room: tests of the commit round: each command by itself, and the steps that garbage takes.

use std::collections::BTreeSet;

use protocol::name::AccountId;
use protocol::range::ByteRange;
use protocol::versioning::Versioning;

use super::*;
use crate::command::{
    AbortUpload, CloseLease, CompleteUpload, CreateBucket, DeleteBucket, DeleteCond, DeleteKey,
    DeleteObject, DeleteObjects, DeleteTags, Deleted, ForgetGarbage, LeaseFolder, NewContent,
    NotDeleted, PutObject, PutTags, ReleaseGarbage, RewriteBlob, TakeBlobs, WriteCond,
};
use crate::id::{BlobId, BucketId, FolderId};
use crate::memory::MemoryStore;
use crate::query::BlobState;
use crate::record::{
    BlobRecord, BucketCounters, Content, ObjectRecord, Piece, PieceList, SpaceTotals, TableHead,
    UploadRecord,
};
use crate::testing::{
    AT, Known, MIB, assert_sound, begin, bucket_name, create_upload, done, etag, inline, key, last,
    len_of, make_bucket, make_upload, new_object, number, one, put, put_copy, put_part, run, tags,
    upload_id,
};

mod configs;
mod copies;
mod damage;
mod expire;
mod locks;
mod model;
mod rewrite;
mod transitions;
mod uploads;
mod versions;

fn object(store: &dyn Store, bucket: BucketId, name: &str) -> ObjectRecord {
    query::object(store, bucket, &key(name)).expect("a store").expect("an object")
}

fn upload(store: &dyn Store, bucket: BucketId, name: &str, which: u8) -> UploadRecord {
    let found = query::upload(store, bucket, &key(name), &upload_id(which));
    found.expect("a store").expect("an upload")
}

fn garbage(store: &dyn Store) -> Vec<(GarbageKey, GarbageRecord)> {
    let found = query::garbage(store, None, usize::MAX).expect("a store");
    let record = |at| {
        let stored = store.get(Space::Garbage, &key::garbage(at)).expect("a store");
        GarbageRecord::decode(stored.expect("a record")).expect("a record")
    };
    found.into_iter().map(|at| (at, record(at))).collect()
}

fn refs(store: &dyn Store, known: Known) -> u64 {
    query::blob(store, known.blob).expect("a blob").refs
}

fn delete(bucket: BucketId, name: &str) -> DeleteObject {
    delete_if(bucket, name, DeleteCond::None)
}

fn delete_if(bucket: BucketId, name: &str, condition: DeleteCond) -> DeleteObject {
    DeleteObject { bucket, key: key(name), version: None, condition, bypass: false, modified: AT }
}

fn tag(bucket: BucketId, name: &str, expected: Option<Generation>) -> PutTags {
    PutTags { bucket, key: key(name), version: None, expected, tags: tags("a") }
}

fn abort(bucket: BucketId, name: &str, which: u8) -> AbortUpload {
    AbortUpload { bucket, key: key(name), upload_id: upload_id(which) }
}

/// Completes with the parts of `listed`, and the rest unlisted.
fn complete(
    store: &dyn Store,
    bucket: BucketId,
    name: &str,
    which: u8,
    listed: &[u16],
) -> CompleteUpload {
    let upload = upload(store, bucket, name, which);
    let parts = query::parts(store, upload.manifest, None, 10_000).expect("parts");
    let (listed, unlisted): (Vec<_>, Vec<_>) =
        parts.into_iter().partition(|part| listed.contains(&part.number.get()));
    let mut object = new_object("complete-1", &[]);
    for part in &listed {
        object.fingerprint = object.fingerprint.then(part.fingerprint, part.len);
        object.len += part.len;
    }
    CompleteUpload {
        bucket,
        key: key(name),
        upload_id: upload_id(which),
        expected_generation: upload.generation,
        condition: WriteCond::None,
        object,
        listed: listed.iter().map(|part| (part.number, part.len)).collect(),
        unlisted: unlisted.iter().map(|part| part.number).collect(),
    }
}

/// Runs one command on a store that is not sound.
fn done_unchecked(store: &dyn Store, command: Command) -> Reply {
    let mut round = begin(store);
    let reply = round.apply(command).expect("a store that is well").expect("not refused");
    store.commit(round.finish()).expect("a commit");
    reply
}

fn put_raw(store: &dyn Store, space: Space, key: Vec<u8>, value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(space, key, Bytes::copy_from_slice(value));
    store.commit(batch).expect("a commit");
}

/// Lets go of everything that can be, a few steps a round; returns the blobs whose files were to be unlinked.
fn drain(store: &dyn Store, steps: u32) -> Vec<BlobId> {
    let mut unlinked = Vec::new();
    loop {
        let mut commands: Vec<Command> = Vec::new();
        for (at, _) in garbage(store) {
            commands.push(ReleaseGarbage { at: vec![at], steps }.into());
        }
        let free = query::unreferenced(store, None, 3).expect("a store");
        let free: Vec<BlobId> = free.into_iter().map(|(blob, _)| blob).collect();
        let gone = query::to_unlink(store, None, 2).expect("a store");
        let gone: Vec<BlobId> = gone.into_iter().map(|(blob, _)| blob).collect();
        if commands.is_empty() && free.is_empty() && gone.is_empty() {
            return unlinked;
        }
        unlinked.extend_from_slice(&gone);
        commands.push(TakeBlobs { blobs: free }.into());
        commands.push(ForgetGarbage { blobs: gone }.into());
        for outcome in run(store, commands) {
            outcome.expect("a store that is well").expect("not refused");
        }
    }
}

fn count(store: &dyn Store, space: Space) -> usize {
    let mut count = 0;
    let visit = &mut |_: &[u8], _: &[u8]| {
        count += 1;
        crate::store::Visit::Next
    };
    store.scan(space, &[], visit).expect("a scan");
    count
}

fn assert_no_bytes_are_left(store: &dyn Store) {
    for space in [
        Space::Parts,
        Space::Manifests,
        Space::Pieces,
        Space::Blobs,
        Space::Tables,
        Space::Garbage,
        Space::Uploads,
    ] {
        assert_eq!(count(store, space), 0, "{}", space.name());
    }
}

#[test]
fn a_refused_command_leaves_no_trace() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    done(&store, put(bucket, "there", vec![inline(b"x")], &[]));
    make_upload(&store, bucket, "key", 1);
    done(&store, put_part(bucket, "key", 1, 1, vec![inline(b"x")], &[]));
    let nowhere = BucketId::new(99);
    let known = Known::written(7, 10 * MIB);
    let crumbs: Vec<Piece> = (0..5).map(|n| known.extent(n * 10, 1)).collect();
    let owner = AccountId::parse("000000000000").expect("an account");
    let stale = CompleteUpload {
        expected_generation: Generation::new(1),
        ..complete(&store, bucket, "key", 1, &[1])
    };
    let absent = PutObject {
        condition: WriteCond::Absent,
        ..put(bucket, "there", vec![known.whole()], &[known])
    };
    let other = WriteCond::Matches(etag("other"));
    let elsewhere = PutObject { condition: other.clone(), ..put(bucket, "new", vec![], &[]) };
    let wrong = CompleteUpload { condition: other, ..complete(&store, bucket, "key", 1, &[1]) };
    let changed = Some(Generation::new(77));
    let cases: Vec<(Command, Refusal)> = vec![
        (
            CreateBucket {
                name: bucket_name("bucket"),
                created: AT,
                owner,
                versioning: Versioning::Unversioned,
                configs: Vec::new(),
            }
            .into(),
            Refusal::BucketExists,
        ),
        (DeleteBucket { name: bucket_name("none") }.into(), Refusal::NoSuchBucket),
        (DeleteBucket { name: bucket_name("bucket") }.into(), Refusal::BucketNotEmpty),
        (put(nowhere, "key", vec![known.whole()], &[known]).into(), Refusal::NoSuchBucket),
        (absent.into(), Refusal::ConditionFailed),
        (elsewhere.into(), Refusal::NoSuchKey),
        (put(bucket, "key", crumbs.clone(), &[known]).into(), Refusal::TooFragmented),
        (delete(nowhere, "key").into(), Refusal::NoSuchBucket),
        (tag(bucket, "none", None).into(), Refusal::NoSuchKey),
        (tag(bucket, "there", changed).into(), Refusal::ObjectChanged),
        (
            DeleteTags { bucket, key: key("there"), version: None, expected: changed }.into(),
            Refusal::ObjectChanged,
        ),
        (create_upload(nowhere, "key", 1).into(), Refusal::NoSuchBucket),
        (create_upload(bucket, "key", 1).into(), Refusal::UploadExists),
        (put_part(bucket, "key", 2, 1, vec![], &[]).into(), Refusal::NoSuchUpload),
        (put_part(bucket, "there", 1, 1, vec![], &[]).into(), Refusal::NoSuchUpload),
        (put_part(bucket, "key", 1, 1, crumbs, &[known]).into(), Refusal::TooFragmented),
        (stale.into(), Refusal::UploadChanged),
        (wrong.into(), Refusal::NoSuchKey),
        (abort(bucket, "key", 2).into(), Refusal::NoSuchUpload),
        (
            RewriteBlob { from: known.blob, owners: vec![], targets: vec![] }.into(),
            Refusal::NothingToRewrite,
        ),
    ];
    for (command, refusal) in cases {
        let mut round = begin(&store);
        let outcome = round.apply(command.clone()).expect("a store that is well");
        assert_eq!(outcome, Err(refusal), "{command:?}");
        assert!(round.is_empty() && round.bytes() == 0);
        assert!(round.finish().is_empty(), "{command:?}");
    }
}

#[test]
fn of_two_puts_if_absent_exactly_one_wins() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let racer = |blob| {
        let known = Known::written(blob, 5000);
        let put = put(bucket, "key", vec![known.whole()], &[known]);
        Command::from(PutObject { condition: WriteCond::Absent, ..put })
    };
    let outcomes = run(&store, vec![racer(1), racer(2), racer(3)]);
    assert!(matches!(outcomes[0], Ok(Ok(Reply::ObjectPut { .. }))));
    assert_eq!(
        outcomes[1..],
        [Ok(Err(Refusal::ConditionFailed)), Ok(Err(Refusal::ConditionFailed))]
    );
    let blobs = [1, 2, 3].map(BlobId::new);
    let states = query::blob_states(&store, &blobs).expect("a store");
    assert_eq!(states, [BlobState::Named, BlobState::Unknown, BlobState::Unknown]);
}

#[test]
fn a_condition_sees_what_the_round_did_before() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let matching = |name: &str| PutObject {
        condition: WriteCond::Matches(etag(name)),
        ..put(bucket, "key", vec![inline(b"y")], &[])
    };
    let outcomes = run(
        &store,
        vec![
            matching("etag").into(),
            put(bucket, "key", vec![inline(b"x")], &[]).into(),
            matching("other").into(),
            matching("etag").into(),
            delete(bucket, "key").into(),
            matching("etag").into(),
            delete(bucket, "key").into(),
        ],
    );
    let outcomes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("a store")).collect();
    assert_eq!(outcomes[0], Err(Refusal::NoSuchKey));
    assert!(outcomes[1].is_ok() && outcomes[3].is_ok());
    assert_eq!(outcomes[2], Err(Refusal::ConditionFailed));
    assert_eq!(outcomes[4], Ok(Reply::ObjectDeleted(Deleted::Key { existed: true })));
    assert_eq!(outcomes[5], Err(Refusal::NoSuchKey));
    assert_eq!(outcomes[6], Ok(Reply::ObjectDeleted(Deleted::Key { existed: false })));
}

#[test]
fn a_blob_goes_step_by_step() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(1, 100_000);
    done(&store, put(bucket, "key", vec![known.extent(0, 10), known.extent(20, 10)], &[known]));
    assert_eq!(refs(&store, known), 2);
    done(&store, put(bucket, "key", vec![inline(b"x")], &[]));
    let [(at, record)] = garbage(&store).try_into().expect("one record");
    assert_eq!(at, GarbageKey { sequence: last(&store), index: 0 });
    assert_eq!(record, GarbageRecord::Pieces { extents: vec![(known.blob, 10); 2] });
    assert_eq!(refs(&store, known), 2);

    let take = TakeBlobs { blobs: vec![known.blob] };
    assert_eq!(done(&store, take.clone()), Reply::BlobsTaken(vec![]));
    let step = ReleaseGarbage { at: vec![at], steps: 1 };
    let halfway = Reply::Released { finished: 0, unreferenced: vec![] };
    assert_eq!(done(&store, step.clone()), halfway);
    assert_eq!(refs(&store, known), 1);
    let finished = Reply::Released { finished: 1, unreferenced: vec![known.blob] };
    assert_eq!(done(&store, step.clone()), finished);
    let again = Reply::Released { finished: 1, unreferenced: vec![] };
    assert_eq!(done(&store, step), again);
    let since = last(&store);
    assert_eq!(query::unreferenced(&store, None, 9), Ok(vec![(known.blob, since)]));

    assert_eq!(done(&store, take.clone()), Reply::BlobsTaken(vec![known.blob]));
    assert_eq!(query::blob_states(&store, &[known.blob]), Ok(vec![BlobState::Taken]));
    assert_eq!(query::unreferenced(&store, None, 9), Ok(vec![]));
    assert_eq!(done(&store, take), Reply::BlobsTaken(vec![]));
    assert_eq!(query::to_unlink(&store, None, 9), Ok(vec![(known.blob, last(&store))]));
    done(&store, ForgetGarbage { blobs: vec![known.blob] });
    assert_no_bytes_are_left(&store);
}

/// Between the release of the last reference and the taking, a copy that began earlier may share the blob.
#[test]
fn a_share_saves_a_blob_that_nothing_refers_to() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(1, 100_000);
    done(&store, put(bucket, "key", vec![known.whole()], &[known]));
    done(&store, delete(bucket, "key"));
    let [(at, _)] = garbage(&store).try_into().expect("one record");
    done(&store, ReleaseGarbage { at: vec![at], steps: 10 });
    assert_eq!(refs(&store, known), 0);
    let outcomes = run(
        &store,
        vec![
            put(bucket, "copy", vec![known.extent(5, 50_000)], &[]).into(),
            TakeBlobs { blobs: vec![known.blob] }.into(),
        ],
    );
    assert_eq!(outcomes[1], Ok(Ok(Reply::BlobsTaken(vec![]))));
    assert_eq!(refs(&store, known), 1);
    assert_eq!(query::unreferenced(&store, None, 9), Ok(vec![]));
}

#[test]
fn a_share_of_a_blob_without_record_is_damage_and_leaves_no_trace() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let (missing, other) = (Known::written(1, 100_000), Known::written(2, 10));
    let mut round = begin(&store);
    let pieces = vec![other.whole(), missing.whole()];
    let outcome = round.apply(put(bucket, "key", pieces, &[other]).into());
    assert!(matches!(outcome, Err(StoreError::Corrupt(_))), "{outcome:?}");
    assert!(round.is_empty());
    round.apply(put(bucket, "key", vec![other.whole()], &[other]).into()).expect("ok").expect("ok");
    store.commit(round.finish()).expect("a commit");
    assert_sound(&store);
}

#[test]
fn a_blob_number_is_never_used_twice() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(1, 10);
    let again = || put(bucket, "key", vec![known.whole()], &[known]);
    done(&store, again());
    assert!(matches!(begin(&store).apply(again().into()), Err(StoreError::Corrupt(_))));
    done(&store, delete(bucket, "key"));
    let [(at, _)] = garbage(&store).try_into().expect("one record");
    done(&store, ReleaseGarbage { at: vec![at], steps: 1 });
    done(&store, TakeBlobs { blobs: vec![known.blob] });
    assert!(matches!(begin(&store).apply(again().into()), Err(StoreError::Corrupt(_))));
}

#[test]
fn a_shared_extent_lies_inside_its_blob() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(1, 10);
    done(&store, put(bucket, "key", vec![known.whole()], &[known]));
    let strange = [
        known.extent(4000, 200),
        Known { first_block: 1, ..known }.extent(0, 1),
        Known { table: crate::id::TableId::new(9), ..known }.extent(0, 1),
    ];
    for piece in strange {
        let outcome = begin(&store).apply(put(bucket, "copy", vec![piece], &[]).into());
        assert!(matches!(outcome, Err(StoreError::Corrupt(_))), "{outcome:?}");
    }
}

#[test]
#[should_panic(expected = "named by a piece")]
fn a_file_that_no_piece_names_is_a_mistake() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let command = put(bucket, "key", vec![inline(b"x")], &[Known::written(1, 10)]);
    let _ = begin(&store).apply(command.into());
}

#[test]
#[should_panic(expected = "numbered upwards")]
fn rounds_are_numbered_upwards() {
    let store = MemoryStore::new();
    make_bucket(&store, "bucket");
    let _ = Round::begin(&store, last(&store));
}

#[test]
fn a_clone_keeps_the_table_of_its_source() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let source = Known::written(1, 20 * MIB);
    let clone = source.cloned(2, 16);
    done(&store, put(bucket, "source", vec![source.whole()], &[source]));
    done(&store, put(bucket, "copy", vec![clone.extent(3, MIB)], &[clone]));
    assert_eq!(query::table_head(&store, source.table).expect("a head").refs, 2);
    done(&store, delete(bucket, "source"));
    assert_eq!(drain(&store, 100), [source.blob]);
    assert_eq!(query::table_head(&store, source.table).expect("a head").refs, 1);
    assert!(query::table_page(&store, source.table, 1).is_ok());
    done(&store, delete(bucket, "copy"));
    assert_eq!(drain(&store, 100), [clone.blob]);
    assert_no_bytes_are_left(&store);
}

#[test]
fn a_large_table_goes_in_steps() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(1, 300 * MIB);
    done(&store, put(bucket, "key", vec![known.whole()], &[known]));
    done(&store, delete(bucket, "key"));
    let [(at, _)] = garbage(&store).try_into().expect("one record");
    done(&store, ReleaseGarbage { at: vec![at], steps: 1 });
    done(&store, TakeBlobs { blobs: vec![known.blob] });
    let [(_, record)] = garbage(&store).try_into().expect("one record");
    assert_eq!(record, GarbageRecord::Table { table: known.table, next: 16, pages: 19 });
    drain(&store, 1);
    assert_no_bytes_are_left(&store);
}

#[test]
fn a_long_list_lies_in_pages_and_goes_in_steps() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(1, 300 * MIB);
    done(&store, put(bucket, "key", known.backwards(MIB), &[known]));
    assert_eq!((refs(&store, known), count(&store, Space::Pieces)), (300, 3));
    done(&store, delete(bucket, "key"));
    assert_eq!(garbage(&store).len(), 1);
    assert_eq!(drain(&store, 1), [known.blob]);
    assert_no_bytes_are_left(&store);
}

#[test]
fn many_inline_bytes_lie_in_pages() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let pieces = vec![inline(&[1; 40_000]), inline(&[2; 30_000])];
    done(&store, put(bucket, "two", pieces, &[]));
    assert_eq!(count(&store, Space::Pieces), 2);
    done(&store, put(bucket, "one", vec![inline(&[1; 70_000])], &[]));
    assert_eq!(count(&store, Space::Pieces), 3);
    done(&store, delete(bucket, "one"));
    done(&store, delete(bucket, "two"));
    drain(&store, 1);
    assert_no_bytes_are_left(&store);
}

/// A listing of small objects must not read their bytes; of the smallest it may.
#[test]
fn records_that_are_listed_hold_few_inline_bytes() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let most = usize::try_from(blob::RECORD_INLINE_LEN_MAX).expect("small");
    done(&store, put(bucket, "few", vec![inline(&vec![1; most])], &[]));
    make_upload(&store, bucket, "upload", 1);
    done(&store, put_part(bucket, "upload", 1, 1, vec![inline(b"few")], &[]));
    assert_eq!(count(&store, Space::Pieces), 0);
    done(&store, delete(bucket, "few"));
    assert_eq!(garbage(&store), []);

    let known = Known::written(1, 10);
    let halves = vec![inline(&vec![1; most / 2]), known.whole(), inline(&vec![2; most / 2 + 1])];
    done(&store, put(bucket, "more", vec![inline(&vec![1; most + 1])], &[]));
    done(&store, put(bucket, "halves", halves.clone(), &[known]));
    done(&store, put_part(bucket, "upload", 1, 2, vec![inline(&vec![1; 32 * 1024])], &[]));
    for space in [Space::Objects, Space::Parts] {
        let visit = &mut |_: &[u8], value: &[u8]| {
            assert!(value.len() < 2 * most, "{} bytes in {}", value.len(), space.name());
            crate::store::Visit::Next
        };
        store.scan(space, &[], visit).expect("a scan");
    }
    let record = object(&store, bucket, "halves");
    let whole = ByteRange::new(0, record.len).expect("a range");
    let found = query::resolve(&store, &record.content, whole).expect("pieces");
    assert_eq!(found.into_iter().map(|slice| slice.piece).collect::<Vec<_>>(), halves);

    done(&store, delete(bucket, "more"));
    done(&store, delete(bucket, "halves"));
    done(&store, abort(bucket, "upload", 1));
    assert_eq!(drain(&store, 1), [known.blob]);
    assert_no_bytes_are_left(&store);
}

#[test]
fn neighbours_count_as_one_extent() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(1, 100);
    let pieces: Vec<Piece> = (0..100).map(|at| known.extent(at, 1)).collect();
    done(&store, put(bucket, "key", pieces, &[known]));
    let Content::Pieces(PieceList::Short(pieces)) = object(&store, bucket, "key").content else {
        panic!("a short list")
    };
    assert_eq!((pieces.len(), refs(&store, known)), (1, 1));
}

#[test]
fn tags_change_without_a_new_generation() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    done(&store, put(bucket, "key", vec![inline(b"x")], &[]));
    let before = object(&store, bucket, "key");
    let expected = Some(before.generation);
    done(&store, tag(bucket, "key", expected));
    let tagged = ObjectRecord { tags: tags("a"), ..before.clone() };
    assert_eq!(object(&store, bucket, "key"), tagged);
    done(&store, DeleteTags { bucket, key: key("key"), version: None, expected: None });
    assert_eq!(object(&store, bucket, "key"), before);
}

#[test]
fn folders_are_leased_once() {
    let store = MemoryStore::new();
    let lease = |shard| done(&store, LeaseFolder { shard });
    assert_eq!(lease(3), Reply::FolderLeased(FolderId::new(1)));
    assert_eq!(lease(4), Reply::FolderLeased(FolderId::new(2)));
    done(&store, CloseLease { folder: FolderId::new(2) });
    done(&store, CloseLease { folder: FolderId::new(2) });
    assert_eq!(lease(5), Reply::FolderLeased(FolderId::new(3)));
    let open = query::open_leases(&store).expect("a store");
    let open: Vec<_> =
        open.into_iter().map(|(folder, lease)| (folder.get(), lease.shard)).collect();
    assert_eq!(open, [(1, 3), (3, 5)]);
}

/// The numbers of a refused command are given out again; those of an applied one never.
#[test]
fn numbers_survive_in_the_batch() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let twice = run(
        &store,
        vec![
            create_upload(bucket, "key", 1).into(),
            create_upload(bucket, "key", 1).into(),
            create_upload(bucket, "key", 2).into(),
        ],
    );
    assert_eq!(twice[0], Ok(Ok(Reply::UploadCreated(ManifestId::new(1)))));
    assert_eq!(twice[1], Ok(Err(Refusal::UploadExists)));
    assert_eq!(twice[2], Ok(Ok(Reply::UploadCreated(ManifestId::new(2)))));
    assert_eq!(make_upload(&store, bucket, "key", 3), ManifestId::new(3));
}

/// A command that finds damage halfway gives back what it had counted.
#[test]
fn numbers_are_given_back_when_damage_is_found() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(1, 10);
    done(&store, put(bucket, "key", vec![known.whole()], &[known]));
    let mut damage = Batch::new();
    let counters = BucketCounters::default().encode();
    damage.put(Space::Buckets, key::bucket_counters(bucket), counters);
    store.commit(damage).expect("a commit");
    let mut round = begin(&store);
    let outcome = round.apply(delete(bucket, "key").into());
    assert!(matches!(outcome, Err(StoreError::Corrupt(_))), "{outcome:?}");
    assert_eq!((round.numbers.garbage, round.bytes()), (0, 0));
}

#[test]
fn the_length_of_a_round_is_that_of_its_batch() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let mut round = begin(&store);
    for value in [&b"abc"[..], b"a", b"abcdef"] {
        round.apply(put(bucket, "key", vec![inline(value)], &[]).into()).expect("ok").expect("ok");
    }
    let bytes = round.bytes();
    let batch = round.finish();
    let counters = key::counters().len() + Counters::default().encode().len();
    assert_eq!(batch.bytes(), bytes + counters);
}

#[test]
fn part_lengths_may_be_zero() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    make_upload(&store, bucket, "key", 1);
    done(&store, put_part(bucket, "key", 1, 1, vec![], &[]));
    done(&store, complete(&store, bucket, "key", 1, &[1]));
    assert_eq!(object(&store, bucket, "key").len, 0);
}

#[test]
fn a_damaged_record_holds_up_no_other_key_of_its_command() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    for name in ["a", "b", "c"] {
        done(&store, put(bucket, name, vec![inline(name.as_bytes())], &[]));
    }
    let mut batch = Batch::new();
    batch.put(Space::Objects, key::object(bucket, &key("b")), vec![1]);
    store.commit(batch).expect("a commit");
    let named = ["a", "b", "none", "c"].map(|name| DeleteKey {
        key: key(name),
        version: None,
        condition: DeleteCond::None,
        bypass: false,
    });
    let mut round = begin(&store);
    let reply = round.apply(DeleteObjects { bucket, keys: named.into(), modified: AT }.into());
    store.commit(round.finish()).expect("a commit");
    let Ok(Ok(Reply::ObjectsDeleted(verdicts))) = reply else { panic!("{reply:?}") };
    assert!(matches!(&verdicts[..], [Ok(_), Err(NotDeleted::Damaged(_)), Ok(_), Ok(_)]));
    let counters = query::bucket_counters(&store, bucket).expect("a store").expect("a bucket");
    assert_eq!(counters.objects, 1, "the damaged one");
    assert_eq!(query::object(&store, bucket, &key("c")), Ok(None));
}

#[test]
fn a_delete_may_demand_what_the_key_names() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let one = |name, condition| delete_if(bucket, name, condition);
    done(&store, put(bucket, "there", vec![inline(b"x")], &[]));
    let other = DeleteCond::Matches(etag("other"));
    for (name, condition, expected) in [
        ("none", DeleteCond::Exists, Refusal::ConditionFailed),
        ("none", other.clone(), Refusal::NoSuchKey),
        ("there", other, Refusal::ConditionFailed),
    ] {
        let outcome = run(&store, vec![one(name, condition).into()]).remove(0);
        assert_eq!(outcome.expect("a store"), Err(expected));
    }
    let now = object(&store, bucket, "there").etag;
    let existed = Reply::ObjectDeleted(Deleted::Key { existed: true });
    assert_eq!(done(&store, one("there", DeleteCond::Matches(now))), existed);
    done(&store, put(bucket, "there", vec![inline(b"x")], &[]));
    assert_eq!(done(&store, one("there", DeleteCond::Exists)), existed);
}
