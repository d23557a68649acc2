//! Room: tests of the commit round on damaged records: what they hold up, and what goes on.

use super::*;

#[test]
fn a_damaged_garbage_record_does_not_stop_the_others() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    for (blob, name) in (1..).zip(["a", "b", "c"]) {
        let known = Known::written(blob, 10);
        done(&store, put(bucket, name, vec![known.whole()], &[known]));
        done(&store, delete(bucket, name));
    }
    let all = query::garbage(&store, None, 10).expect("a store");
    let [first, second, third] = all[..] else { panic!("{all:?}") };
    put_raw(&store, Space::Garbage, key::garbage(second), b"\x01what");
    assert_eq!(query::garbage(&store, Some(first), 1), Ok(vec![second]));
    assert_eq!(query::garbage(&store, Some(second), 1), Ok(vec![third]));

    let mut round = begin(&store);
    let mut release =
        |at: &[GarbageKey]| round.apply(ReleaseGarbage { at: at.to_vec(), steps: 9 }.into());
    let up_to_it = Reply::Released { finished: 1, unreferenced: vec![BlobId::new(1)] };
    assert_eq!(release(&all), Ok(Ok(up_to_it)));
    assert!(matches!(release(&all[1..]), Err(StoreError::Corrupt(_))));
    let past_it = Reply::Released { finished: 1, unreferenced: vec![BlobId::new(3)] };
    assert_eq!(release(&[third]), Ok(Ok(past_it)));
    store.commit(round.finish()).expect("a commit");
    assert_eq!(query::garbage(&store, None, 10), Ok(vec![second]));
}

/// What was found out before the damage of one record is not half of it.
#[test]
fn a_release_that_meets_damage_leaves_that_record_whole() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let (sound, damaged) = (Known::written(1, 10), Known::written(2, 300 * MIB));
    done(&store, put(bucket, "a", vec![sound.whole()], &[sound]));
    done(&store, put(bucket, "b", damaged.backwards(MIB), &[damaged]));
    done(&store, delete(bucket, "a"));
    done(&store, delete(bucket, "b"));
    let all = garbage(&store);
    let GarbageRecord::List { list, .. } = all[1].1 else { panic!("{all:?}") };
    put_raw(&store, Space::Pieces, key::page(list, 1), b"what");
    let at = all.iter().map(|(at, _)| *at).collect();
    let released = done_unchecked(&store, ReleaseGarbage { at, steps: 1000 }.into());
    assert_eq!(released, Reply::Released { finished: 1, unreferenced: vec![sound.blob] });
    assert_eq!((refs(&store, damaged), garbage(&store)), (300, vec![all[1].clone()]));
}

#[test]
fn many_garbage_records_go_at_once_and_in_steps() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    for blob in 1..=5 {
        let known = Known::written(blob, 10);
        let pieces = vec![known.extent(0, 1), known.extent(2, 1)];
        done(&store, put(bucket, "key", pieces, &[known]));
    }
    done(&store, delete(bucket, "key"));
    let at = query::garbage(&store, None, 10).expect("a store");
    let release = |steps| match done(&store, ReleaseGarbage { at: at.clone(), steps }) {
        Reply::Released { finished, unreferenced } => (finished, unreferenced.len()),
        other => panic!("{other:?}"),
    };
    assert_eq!(release(5), (2, 2));
    assert_eq!(garbage(&store)[0].1, GarbageRecord::Pieces { extents: vec![(BlobId::new(3), 1)] });
    assert_eq!(release(1), (3, 1));
    assert_eq!(release(100), (5, 2));
    assert_eq!(garbage(&store), []);
}

#[test]
fn a_damaged_mark_or_blob_does_not_stop_the_others() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let blobs = [1, 2, 3, 4].map(BlobId::new);
    for blob in blobs {
        let known = Known::written(blob.get(), 10);
        done(&store, put(bucket, "key", vec![known.whole()], &[known]));
    }
    done(&store, delete(bucket, "key"));
    let at = query::garbage(&store, None, 10).expect("a store");
    done(&store, ReleaseGarbage { at, steps: 99 });
    put_raw(&store, Space::Garbage, key::unreferenced(blobs[0]), b"what");
    put_raw(&store, Space::Blobs, key::blob(blobs[1]), b"what");
    let head = key::table_head(crate::id::TableId::of(blobs[2]));
    put_raw(&store, Space::Tables, head, b"what");
    let marked = query::unreferenced(&store, None, 9).expect("a store");
    assert_eq!(marked.iter().map(|(blob, _)| *blob).collect::<Vec<_>>(), blobs);
    assert_eq!(marked[0].1, last(&store));

    let mut round = begin(&store);
    let mut take = |blobs: &[BlobId]| round.apply(TakeBlobs { blobs: blobs.to_vec() }.into());
    assert!(matches!(take(&blobs), Err(StoreError::Corrupt(_))));
    for (blob, sound) in blobs.iter().zip([true, false, false, true]) {
        let taken = Ok(Ok(Reply::BlobsTaken(vec![*blob])));
        assert_eq!(take(&[*blob]) == taken, sound, "blob {blob}");
    }
    store.commit(round.finish()).expect("a commit");
    let states = query::blob_states(&store, &[blobs[0], blobs[2], blobs[3]]).expect("a store");
    assert_eq!(states, [BlobState::Taken, BlobState::Named, BlobState::Taken]);
}

/// Damage that a command meets is its own affair; an assertion would take the node down.
#[test]
fn damaged_counts_and_tables_are_errors() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(1, 10 * MIB);
    done(&store, put(bucket, "key", vec![known.whole()], &[known]));
    let share = || Command::from(put(bucket, "copy", vec![known.whole()], &[]));
    let clone = known.cloned(2, 1);
    let clone = || Command::from(put(bucket, "copy", vec![clone.whole()], &[clone]));
    let upset = |command: Command| {
        let mut round = begin(&store);
        let outcome = round.apply(command);
        assert!(matches!(outcome, Err(StoreError::Corrupt(_))), "{outcome:?}");
        assert!(round.is_empty());
    };
    let head = query::table_head(&store, known.table).expect("a head");
    for head in [TableHead { len: 100, ..head }, TableHead { refs: u64::MAX, ..head }] {
        put_raw(&store, Space::Tables, key::table_head(known.table), &head.encode());
        upset(clone());
    }
    let blob = query::blob(&store, known.blob).expect("a blob");
    let blob = BlobRecord { refs: u64::MAX, ..blob };
    put_raw(&store, Space::Blobs, key::blob(known.blob), &blob.encode());
    upset(share());
    let counters =
        BucketCounters { objects: u64::MAX, uploads: u64::MAX, ..BucketCounters::default() };
    put_raw(&store, Space::Buckets, key::bucket_counters(bucket), &counters.encode());
    upset(put(bucket, "new", vec![], &[]).into());
    upset(create_upload(bucket, "new", 1).into());
}

/// What was prepared on damaged records may not add up. That too is one command's affair.
#[test]
fn what_does_not_add_up_is_an_error() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(1, 100);
    make_upload(&store, bucket, "upload", 1);
    for part in 1..=2 {
        done(&store, put_part(bucket, "upload", 1, part, vec![inline(b"x")], &[]));
    }
    let of = |pieces: Vec<Piece>| put(bucket, "key", pieces, &[known]);
    let mut short = of(vec![known.extent(0, 10)]);
    short.object.len = 11;
    let with = |pieces| {
        let content = NewContent::Pieces { pieces, blobs: vec![known.file()] };
        PutObject { content, ..of(vec![known.whole()]) }
    };
    let huge = with(vec![known.extent(0, u64::MAX), known.extent(0, u64::MAX)]);
    let empty = with(vec![known.whole(), known.extent(7, 0)]);
    let beyond = of(vec![known.extent(0, 5000)]);
    let prepared = || complete(&store, bucket, "upload", 1, &[1, 2]);
    let mut longer = prepared();
    longer.object.len += 1;
    let mut endless = prepared();
    endless.listed[0].1 = u64::MAX;
    let mut disordered = prepared();
    disordered.listed.reverse();
    let commands: Vec<Command> = vec![
        short.into(),
        huge.into(),
        empty.into(),
        beyond.into(),
        longer.into(),
        endless.into(),
        disordered.into(),
    ];
    for command in commands {
        let mut round = begin(&store);
        let outcome = round.apply(command.clone());
        assert!(matches!(outcome, Err(StoreError::Corrupt(_))), "{command:?}: {outcome:?}");
        assert!(round.is_empty());
    }
}

/// Totals are told, not relied on: damage in them, or in what they count, holds nothing up.
#[test]
fn damaged_totals_hold_nothing_up() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(1, 100);
    done(&store, put(bucket, "key", vec![known.whole()], &[known]));
    for blob_bytes in [0, u64::MAX] {
        let counters = query::counters(&store).expect("counters");
        let space = SpaceTotals { blob_bytes, ..counters.space };
        let counters = Counters { space, ..counters };
        put_raw(&store, Space::System, key::counters(), &counters.encode());
        done_unchecked(&store, put(bucket, "key", vec![known.whole()], &[]).into());
        let other = Known::written(2 + blob_bytes % 2, 100);
        done_unchecked(&store, put(bucket, "other", vec![other.whole()], &[other]).into());
    }
    done_unchecked(&store, delete(bucket, "other").into());
    let at = query::garbage(&store, None, 9).expect("garbage");
    done_unchecked(&store, ReleaseGarbage { at, steps: 99 }.into());
    let blobs = vec![BlobId::new(2), BlobId::new(3)];
    let taken = done_unchecked(&store, TakeBlobs { blobs: blobs.clone() }.into());
    assert_eq!(taken, Reply::BlobsTaken(blobs));
}
