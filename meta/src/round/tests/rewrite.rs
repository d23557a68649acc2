//! Owners, marks and totals, and the rewriting of sparse blobs.

use super::*;
use protocol::name::VersionId;
use protocol::versioning::Versioning;

use crate::command::{NewBlob, NewTable, SetVersioning, SettleSparse, Target};
use crate::id::TableId;
use crate::record::{Extent, Owner};
use crate::table::{BLOCK_LEN, BlockTable};

const BLOCK: u64 = BLOCK_LEN as u64;

fn range(start: u64, end: u64) -> ByteRange {
    ByteRange::new(start, end).expect("a range")
}

/// A clone of the blocks `range` of `source` as a new blob, and what extents of it say.
fn cloned(source: Known, blob: u64, range: ByteRange) -> (Target, Known) {
    let blocks = u32::try_from(range.start() / BLOCK).expect("small");
    let known = Known { len: range.len(), ..source.cloned(blob, blocks) };
    let table = NewTable::Cloned { table: known.table, first_block: known.first_block };
    let new = Some(NewBlob { id: known.blob, len: range.len(), table });
    (Target { range, to: known.blob, new }, known)
}

/// The bytes of `range` written once more.
fn written(blob: u64, range: ByteRange) -> (Target, Known) {
    let known = Known::written(blob, range.len());
    (Target { range, to: known.blob, new: Some(known.file()) }, known)
}

fn owner(bucket: BucketId, name: &str) -> Owner {
    Owner::Object { bucket, key: key(name) }
}

fn owners(store: &dyn Store, known: Known) -> Vec<Owner> {
    query::owners(store, known.blob, None, 1000).expect("owners")
}

fn marked(store: &dyn Store) -> Vec<BlobId> {
    let marked = query::sparse(store, None, 1000).expect("marks");
    marked.into_iter().map(|(blob, _)| blob).collect()
}

fn totals(store: &dyn Store) -> (u64, u64, u64) {
    let SpaceTotals { blob_bytes, named_bytes, slack_bytes } =
        query::space_totals(store).expect("totals");
    (blob_bytes, named_bytes, slack_bytes)
}

fn rewrite(from: Known, owners: Vec<Owner>, targets: Vec<Target>) -> Command {
    RewriteBlob { from: from.blob, owners, targets }.into()
}

fn rewritten(extents: u64) -> Reply {
    Reply::Rewritten { extents }
}

/// Releases all garbage that is there, as far as it goes.
fn release(store: &dyn Store) {
    let at = query::garbage(store, None, usize::MAX).expect("garbage");
    done(store, ReleaseGarbage { at, steps: 10_000 });
}

/// What is stored of the pieces of an object that was put as one.
fn extents(store: &dyn Store, bucket: BucketId, name: &str) -> Vec<Extent> {
    let record = object(store, bucket, name);
    let found = query::resolve(store, &record.content, ByteRange::whole(record.len));
    let found = found.expect("pieces").into_iter();
    found.filter_map(|slice| slice.piece.extent().copied()).collect()
}

/// An object's whole blob of 10 MiB, and a copy that names 100 KB of it from 3 MiB + 5 on.
fn with_a_copy(store: &dyn Store) -> (BucketId, Known, Piece) {
    let bucket = make_bucket(store, "bucket");
    let known = Known::written(1, 10 * MIB);
    let piece = known.extent(3 * MIB + 5, 100_000);
    done(store, put(bucket, "whole", vec![known.whole()], &[known]));
    done(store, put(bucket, "copy", vec![piece.clone()], &[]));
    (bucket, known, piece)
}

/// The same when only the copy is left.
fn sparse(store: &dyn Store) -> (BucketId, Known, Piece) {
    let (bucket, known, piece) = with_a_copy(store);
    done(store, delete(bucket, "whole"));
    release(store);
    (bucket, known, piece)
}

const RANGE: (u64, u64) = (3 * MIB, 3 * MIB + 2 * BLOCK);

#[test]
fn a_sparse_blob_moves_to_a_smaller_one() {
    for clone in [true, false] {
        let store = MemoryStore::new();
        let (bucket, known, _) = with_a_copy(&store);
        assert_eq!(totals(&store), (10 * MIB, 10 * MIB + 100_000, 0));
        done(&store, delete(bucket, "whole"));
        assert_eq!(marked(&store), []);
        release(&store);
        assert_eq!(query::sparse(&store, None, 9).expect("marks")[0].1.sequence, last(&store));
        assert_eq!(totals(&store), (10 * MIB, 100_000, 10 * MIB - 100_000));
        assert_eq!(owners(&store, known), [owner(bucket, "copy")]);
        let ranges = query::named_ranges(&store, known.blob, &owners(&store, known));
        assert_eq!(ranges, Ok(vec![range(3 * MIB + 5, 3 * MIB + 100_005)]));

        let before = object(&store, bucket, "copy");
        let old = extents(&store, bucket, "copy")[0];
        let range = range(RANGE.0, RANGE.1);
        let (target, small) = if clone { cloned(known, 2, range) } else { written(2, range) };
        let command = rewrite(known, owners(&store, known), vec![target]);
        assert_eq!(done(&store, command), rewritten(1));
        let [new] = extents(&store, bucket, "copy")[..] else { panic!("one extent") };
        let Known { blob, table, first_block, .. } = small;
        assert_eq!(new, Extent { blob, table, first_block, offset: 5, ..old });
        let after = object(&store, bucket, "copy");
        assert_eq!(ObjectRecord { content: before.content.clone(), ..after }, before);

        // Whoever has read the old label may still come: the old blob goes by way of garbage.
        assert_eq!((refs(&store, small), refs(&store, known)), (1, 1));
        assert_eq!(owners(&store, known), []);
        assert_eq!(owners(&store, small), [owner(bucket, "copy")]);
        let [(at, record)] = garbage(&store).try_into().expect("one record");
        assert_eq!(record, GarbageRecord::Pieces { extents: vec![(known.blob, 100_000)] });
        assert_eq!(at.sequence, last(&store));
        assert_eq!(drain(&store, 10), [known.blob]);
        assert_eq!(totals(&store), (2 * BLOCK, 100_000, 2 * BLOCK - 100_000));
        assert_eq!(marked(&store), []);

        done(&store, delete(bucket, "copy"));
        assert_eq!(drain(&store, 10), [small.blob]);
        assert_eq!(totals(&store), (0, 0, 0));
        assert_no_bytes_are_left(&store);
        assert_eq!(count(&store, Space::Owners), 0);
    }
}

#[test]
fn only_large_blobs_of_which_less_than_a_quarter_is_named_are_sparse() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    for (blob, len, named, is_sparse) in [
        (1, MIB, MIB / 4, false),
        (2, MIB, MIB / 4 - 1, true),
        (3, 256 * 1024, 1, false),
        (4, 260 * 1024, 1, true),
    ] {
        let known = Known::written(blob, len);
        done(&store, put(bucket, "whole", vec![known.whole()], &[known]));
        done(&store, put(bucket, &format!("{blob}"), vec![known.extent(0, named)], &[]));
        done(&store, delete(bucket, "whole"));
        release(&store);
        assert_eq!(marked(&store).contains(&known.blob), is_sparse, "{named} of {len}");
    }
    // A share that names enough of it ends that; what nothing names is not sparse either.
    let second = Known::written(2, MIB);
    done(&store, put(bucket, "more", vec![second.whole()], &[]));
    assert_eq!(marked(&store), [BlobId::new(4)]);
    done(&store, delete(bucket, "4"));
    release(&store);
    assert_eq!(marked(&store), []);
}

#[test]
fn a_settled_blob_is_marked_again_when_it_loses_more() {
    let store = MemoryStore::new();
    let (bucket, known, piece) = sparse(&store);
    done(&store, put(bucket, "other", vec![piece], &[]));
    assert_eq!(marked(&store), [known.blob]);
    let settle = SettleSparse { blobs: vec![known.blob, BlobId::new(99)] };
    assert_eq!(done(&store, settle.clone()), Reply::Done);
    assert_eq!(marked(&store), []);
    assert!(begin(&store).apply(settle.into()).is_ok_and(|settled| settled.is_ok()));
    done(&store, delete(bucket, "other"));
    assert_eq!(marked(&store), []);
    release(&store);
    assert_eq!(marked(&store), [known.blob]);
}

/// The owner of the old bytes and of the new ones is the same, and so is the blob.
#[test]
fn an_object_or_part_replaced_by_a_copy_of_itself_keeps_its_entry() {
    let store = MemoryStore::new();
    let (bucket, known, piece) = with_a_copy(&store);
    let part = || put_part(bucket, "upload", 1, 1, vec![piece.clone()], &[]);
    make_upload(&store, bucket, "upload", 1);
    done(&store, part());
    let again = put(bucket, "copy", vec![piece.clone()], &[]);
    for outcome in run(&store, vec![again.clone().into(), again.into(), part().into()]) {
        outcome.expect("a store that is well").expect("not refused");
    }
    assert_eq!(owners(&store, known).len(), 3);
    assert_eq!(refs(&store, known), 6);
}

#[test]
fn an_entry_goes_with_the_record_that_it_speaks_of() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(1, 300 * MIB);
    let upload = make_upload(&store, bucket, "key", 1);
    done(&store, put_part(bucket, "key", 1, 1, known.backwards(MIB), &[known]));
    done(&store, put_part(bucket, "key", 1, 2, vec![known.extent(7, 7)], &[]));
    done(&store, put_part(bucket, "key", 1, 3, vec![known.extent(9, 9)], &[]));
    let part = |which| Owner::Part { manifest: upload, number: number(which) };
    let Owner::Page { list, .. } = owners(&store, known)[0] else { panic!("a page") };
    let page = |page| Owner::Page { list, page };
    assert_eq!(owners(&store, known), [page(0), page(1), page(2), part(2), part(3)]);
    let second = query::owners(&store, known.blob, Some(&page(0)), 2).expect("owners");
    assert_eq!(second, [page(1), page(2)]);

    done(&store, complete(&store, bucket, "key", 1, &[1, 2]));
    assert_eq!(owners(&store, known).len(), 5, "left-out parts are there until they are released");
    release(&store);
    assert_eq!(owners(&store, known), [page(0), page(1), page(2), part(2)]);
    done(&store, delete(bucket, "key"));
    assert_eq!(owners(&store, known).len(), 4);
    drain(&store, 1);
    assert_eq!(count(&store, Space::Owners), 0);
}

/// What is rewritten are parts; whose they are plays no role.
#[test]
fn parts_and_pages_of_an_upload_and_of_its_object_are_rewritten() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(1, 500 * MIB);
    let manifest = make_upload(&store, bucket, "key", 1);
    done(&store, put(bucket, "whole", vec![known.whole()], &[known]));
    let tail = Known { len: 100 * MIB, ..known };
    done(&store, put_part(bucket, "key", 1, 1, tail.backwards(MIB), &[]));
    done(&store, put_part(bucket, "key", 1, 2, vec![known.extent(200 * MIB, 9)], &[]));
    done(&store, delete(bucket, "whole"));
    release(&store);
    assert_eq!(marked(&store), [known.blob]);
    let prepared = complete(&store, bucket, "key", 1, &[1, 2]);
    let (low, small) = cloned(known, 2, range(0, 100 * MIB));
    let (high, tiny) = written(3, range(200 * MIB, 200 * MIB + BLOCK));
    let rewrite = rewrite(known, owners(&store, known), vec![low, high]);
    let outcomes = run(&store, vec![rewrite, prepared.into()]);
    assert_eq!(outcomes[0], Ok(Ok(rewritten(101))));
    assert!(matches!(outcomes[1], Ok(Ok(Reply::ObjectPut { .. }))), "a rewrite is no new part");
    assert_eq!((refs(&store, small), refs(&store, tiny), refs(&store, known)), (100, 1, 101));
    assert_eq!(owners(&store, tiny), [Owner::Part { manifest, number: number(2) }]);
    let blobs: BTreeSet<_> = extents(&store, bucket, "key").into_iter().map(|e| e.blob).collect();
    assert_eq!(blobs, [small.blob, tiny.blob].into());
    assert_eq!(drain(&store, 7), [known.blob]);
    done(&store, delete(bucket, "key"));
    assert_eq!(drain(&store, 7).len(), 2);
    assert_no_bytes_are_left(&store);
}

#[test]
fn what_is_gone_meanwhile_is_passed_over() {
    let store = MemoryStore::new();
    let (bucket, known, piece) = sparse(&store);
    done(&store, put(bucket, "stays", vec![piece], &[]));
    let prepared = |blob| {
        let (target, _) = cloned(known, blob, range(RANGE.0, RANGE.1));
        rewrite(known, vec![owner(bucket, "copy")], vec![target])
    };
    let refused = Ok(Err(Refusal::NothingToRewrite));
    let overwrite = put(bucket, "copy", vec![inline(b"x")], &[]);
    assert_eq!(run(&store, vec![overwrite.into(), prepared(2)])[1], refused);
    assert_eq!(run(&store, vec![delete(bucket, "copy").into(), prepared(3)])[1], refused);
    let both = vec![owner(bucket, "copy"), owner(bucket, "stays")];
    let (target, small) = cloned(known, 4, range(RANGE.0, RANGE.1));
    assert_eq!(done(&store, rewrite(known, both, vec![target])), rewritten(1));
    // The same once more: everything has moved, so the second new blob would have no name.
    assert_eq!(run(&store, vec![prepared(5)])[0], refused);
    drain(&store, 9);
    assert_eq!(run(&store, vec![prepared(6)])[0], refused);
    assert_eq!((count(&store, Space::Blobs), refs(&store, small)), (1, 1));
}

#[test]
fn a_blob_with_many_owners_is_rewritten_in_several_commands() {
    let store = MemoryStore::new();
    let (bucket, known, piece) = sparse(&store);
    done(&store, put(bucket, "second", vec![piece], &[]));
    let (target, small) = cloned(known, 2, range(RANGE.0, RANGE.1));
    let made = Target { new: None, ..target };
    let first = rewrite(known, vec![owner(bucket, "copy")], vec![target]);
    let second = || rewrite(known, vec![owner(bucket, "second")], vec![made.clone()]);
    // A target that nobody has brought, or that is gone, takes nothing.
    assert_eq!(one(&store, second()), Err(Refusal::NothingToRewrite));
    assert_eq!(run(&store, vec![first, second()])[1], Ok(Ok(rewritten(1))));
    assert_eq!(one(&store, second()), Ok(rewritten(0)));
    assert_eq!(refs(&store, small), 2);
    assert_eq!(drain(&store, 9), [known.blob]);
}

/// A copy that has read the old label names the old blob once more. It holds an epoch, so the blob is there.
#[test]
fn a_share_after_the_rewrite_keeps_the_old_blob() {
    let store = MemoryStore::new();
    let (bucket, known, piece) = sparse(&store);
    let (target, _) = cloned(known, 2, range(RANGE.0, RANGE.1));
    done(&store, rewrite(known, owners(&store, known), vec![target]));
    done(&store, put(bucket, "late", vec![piece], &[]));
    done(&store, SettleSparse { blobs: vec![known.blob] });
    assert_eq!(drain(&store, 9), []);
    assert_eq!((refs(&store, known), owners(&store, known)), (1, vec![owner(bucket, "late")]));
    assert_eq!(marked(&store), [known.blob], "and is looked at again");
}

/// Two extents that followed each other only in the old blob's neighbour follow each other in the new one.
#[test]
fn extents_that_meet_in_the_new_blob_stay_two() {
    let store = MemoryStore::new();
    let (bucket, known, _) = sparse(&store);
    let (target, small) = cloned(known, 2, range(RANGE.0, RANGE.1));
    let made = Target { new: None, ..target };
    done(&store, rewrite(known, owners(&store, known), vec![target]));
    let pieces = vec![small.extent(0, 50), known.extent(RANGE.0 + 50, 50), small.extent(100, 50)];
    done(&store, put(bucket, "mixed", pieces, &[]));
    done(&store, rewrite(known, vec![owner(bucket, "mixed")], vec![made]));
    let [first, second, third] = extents(&store, bucket, "mixed")[..] else { panic!("three") };
    assert!(first.is_followed_by(&second) && second.is_followed_by(&third));
    assert_eq!((refs(&store, small), owners(&store, small).len()), (4, 2));
    // A copy of it is stored anew, as one.
    let pieces = [first, second, third].map(Piece::Extent).to_vec();
    done(&store, put(bucket, "again", pieces, &[]));
    assert_eq!(extents(&store, bucket, "again").len(), 1);
}

#[test]
fn what_lies_across_the_end_of_a_target_stays() {
    let store = MemoryStore::new();
    let (bucket, known, piece) = sparse(&store);
    let pieces = vec![known.extent(MIB, 10), piece, known.extent(RANGE.1 - 1, 2)];
    done(&store, put(bucket, "copy", pieces, &[]));
    let (target, small) = cloned(known, 2, range(RANGE.0, RANGE.1));
    done(&store, rewrite(known, owners(&store, known), vec![target]));
    let blobs: Vec<_> = extents(&store, bucket, "copy").iter().map(|e| e.blob).collect();
    assert_eq!(blobs, [known.blob, small.blob, known.blob]);
    assert_eq!(owners(&store, known), [owner(bucket, "copy")]);
    assert_eq!(owners(&store, small), [owner(bucket, "copy")]);
}

#[test]
fn a_target_may_end_where_the_blob_ends() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(1, MIB + 5000);
    done(&store, put(bucket, "whole", vec![known.whole()], &[known]));
    done(&store, put(bucket, "tail", vec![known.extent(MIB + 4000, 1000)], &[]));
    let len = query::blob(&store, known.blob).expect("a blob").len;
    let (target, small) = cloned(known, 2, range(MIB, len));
    done(&store, rewrite(known, vec![owner(bucket, "tail")], vec![target]));
    assert_eq!((len, refs(&store, small)), (MIB + 8192, 1));
}

#[test]
fn a_target_that_cannot_hold_the_bytes_is_damage() {
    let store = MemoryStore::new();
    let (bucket, known, _) = sparse(&store);
    let all = owners(&store, known);
    let range = range(RANGE.0, RANGE.1);
    let (target, _) = cloned(known, 2, range);
    let with = |table| {
        let new = NewBlob { id: BlobId::new(2), len: range.len(), table };
        Target { new: Some(new), ..target.clone() }
    };
    let ragged = Target { range: self::range(RANGE.0, RANGE.1 - 1), ..target.clone() };
    let off = with(NewTable::Cloned { table: known.table, first_block: 7 });
    let strange = with(NewTable::Cloned { table: TableId::new(9), first_block: 48 });
    let mut short = BlockTable::new();
    short.push(crate::fingerprint::Fingerprint::of(b"x"), 1);
    for target in [ragged, off, strange, with(NewTable::Written(short))] {
        let mut round = begin(&store);
        let outcome = round.apply(rewrite(known, all.clone(), vec![target]));
        assert!(matches!(outcome, Err(StoreError::Corrupt(_))), "{outcome:?}");
        assert!(round.is_empty());
    }
    // So is an extent that does not speak of its blob as the blob does.
    let mut record = object(&store, bucket, "copy");
    let Content::Pieces(PieceList::Short(pieces)) = &mut record.content else { panic!("short") };
    let Piece::Extent(extent) = &mut pieces[0] else { panic!("an extent") };
    extent.first_block = 3;
    put_raw(&store, Space::Objects, key::object(bucket, &key("copy")), &record.encode());
    let outcome = begin(&store).apply(rewrite(known, all, vec![target]));
    assert!(matches!(outcome, Err(StoreError::Corrupt(_))), "{outcome:?}");
}

fn keep_versions(store: &dyn Store) {
    let versioning = Versioning::Enabled;
    done(store, SetVersioning { name: bucket_name("bucket"), versioning });
}

fn purge(store: &dyn Store, bucket: BucketId, name: &str, version: VersionId) {
    let one = DeleteObject { version: Some(version), ..delete(bucket, name) };
    done(store, one);
}

/// A blob of which only a version that is not the latest names anything.
fn sparse_behind_the_latest(store: &dyn Store) -> (BucketId, Known, ObjectRecord) {
    let (bucket, known, _) = with_a_copy(store);
    keep_versions(store);
    let old = object(store, bucket, "copy");
    done(store, put(bucket, "copy", vec![inline(b"new")], &[]));
    purge(store, bucket, "whole", VersionId::Null);
    release(store);
    (bucket, known, old)
}

/// Versions that are not the latest name blobs, too; one that becomes the latest again takes its label with it.
#[test]
fn a_sparse_blob_of_an_old_version_moves_to_a_smaller_one() {
    for clone in [true, false] {
        let store = MemoryStore::new();
        let (bucket, known, old) = sparse_behind_the_latest(&store);
        let key = key("copy");
        let apart = Owner::Version { bucket, key: key.clone(), generation: old.generation };
        assert_eq!(marked(&store), [known.blob]);
        assert_eq!(owners(&store, known), std::slice::from_ref(&apart));
        let named = query::named_ranges(&store, known.blob, &owners(&store, known));
        assert_eq!(named, Ok(vec![range(3 * MIB + 5, 3 * MIB + 100_005)]));

        let range = range(RANGE.0, RANGE.1);
        let (target, small) = if clone { cloned(known, 2, range) } else { written(2, range) };
        let command = rewrite(known, owners(&store, known), vec![target]);
        assert_eq!(done(&store, command), rewritten(1));
        assert_eq!((owners(&store, known), owners(&store, small)), (vec![], vec![apart]));
        assert_eq!(drain(&store, 10), [known.blob]);
        assert_eq!(marked(&store), []);

        let latest = object(&store, bucket, "copy").version();
        purge(&store, bucket, "copy", latest);
        assert_eq!(owners(&store, small), [owner(bucket, "copy")]);
        let again = object(&store, bucket, "copy");
        assert_eq!(ObjectRecord { content: old.content.clone(), ..again }, old);
        let [extent] = extents(&store, bucket, "copy")[..] else { panic!("one extent") };
        assert_eq!((extent.blob, extent.offset), (small.blob, 5));
        purge(&store, bucket, "copy", VersionId::Null);
        assert_eq!(drain(&store, 10), [small.blob]);
    }
}

/// A newer version comes between the look at a blob's records and the rewrite: nothing has the label that was seen, and
/// the next look finds where it is now.
#[test]
fn a_record_that_moves_behind_a_newer_version_is_found_again() {
    let store = MemoryStore::new();
    let (bucket, known, _) = sparse(&store);
    keep_versions(&store);
    let seen = owners(&store, known);
    let old = object(&store, bucket, "copy");
    done(&store, put(bucket, "copy", vec![inline(b"new")], &[]));
    let (target, _) = cloned(known, 2, range(RANGE.0, RANGE.1));
    let outcome = one(&store, rewrite(known, seen, vec![target]));
    assert_eq!(outcome, Err(Refusal::NothingToRewrite));

    let seen = owners(&store, known);
    assert_eq!(seen, [Owner::Version { bucket, key: key("copy"), generation: old.generation }]);
    // And back: the newer version goes again.
    let latest = object(&store, bucket, "copy").version();
    purge(&store, bucket, "copy", latest);
    let (target, _) = cloned(known, 3, range(RANGE.0, RANGE.1));
    let outcome = one(&store, rewrite(known, seen, vec![target]));
    assert_eq!(outcome, Err(Refusal::NothingToRewrite));
    let (target, small) = cloned(known, 4, range(RANGE.0, RANGE.1));
    let command = rewrite(known, owners(&store, known), vec![target]);
    assert_eq!(done(&store, command), rewritten(1));
    assert_eq!(owners(&store, small), [owner(bucket, "copy")]);
}

#[test]
fn a_stray_entry_is_damage_that_is_seen() {
    let store = MemoryStore::new();
    let (_, known, _) = sparse(&store);
    let found = || {
        let violations = crate::invariant::check(&store).expect("records");
        violations.into_iter().map(|found| found.predicate).collect::<Vec<_>>()
    };
    assert_eq!(found(), [""; 0]);
    let [listed] = owners(&store, known).try_into().expect("one owner");
    let mut batch = Batch::new();
    batch.delete(Space::Owners, key::owner(known.blob, &listed));
    store.commit(batch).expect("a commit");
    assert_eq!(found(), ["owners_are_listed"]);
    let page = Owner::Page { list: ManifestId::new(7), page: 0 };
    put_raw(&store, Space::Owners, key::owner(known.blob, &listed), b"\x01");
    put_raw(&store, Space::Owners, key::owner(known.blob, &page), b"\x01");
    assert_eq!(found(), ["owners_are_listed"]);
    let mut batch = Batch::new();
    batch.delete(Space::Owners, key::owner(known.blob, &page));
    store.commit(batch).expect("a commit");
    put_raw(&store, Space::Garbage, key::sparse(BlobId::new(8)), &[1; 9]);
    assert_eq!(found(), ["sparse_marks_are_true"]);
    done_unchecked(&store, SettleSparse { blobs: vec![BlobId::new(8)] }.into());

    let blob = query::blob(&store, known.blob).expect("a blob");
    let blob = BlobRecord { named: blob.named + 1, ..blob };
    put_raw(&store, Space::Blobs, key::blob(known.blob), &blob.encode());
    assert_eq!(found(), ["references_are_counted", "totals_are_counted"]);
}
