//! Room: tests of uploads in the commit round: parts, completion, abort, and what each leaves to the garbage.

use super::*;

#[test]
fn a_part_replaces_the_part_of_its_number() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let manifest = make_upload(&store, bucket, "key", 1);
    let (old, new) = (Known::written(1, 10), Known::written(2, 20));
    let Reply::PartPut { generation } =
        done(&store, put_part(bucket, "key", 1, 3, vec![old.whole()], &[old]))
    else {
        panic!("a part was put")
    };
    assert_eq!(upload(&store, bucket, "key", 1).generation, generation);
    done(&store, put_part(bucket, "key", 1, 3, vec![new.whole()], &[new]));
    let record = upload(&store, bucket, "key", 1);
    assert!(record.generation > generation && record.parts == 1);
    let part = query::part(&store, manifest, number(3)).expect("a store").expect("a part");
    assert_eq!((part.len, part.generation), (20, record.generation));
    assert_eq!(drain(&store, 1), [old.blob]);
}

#[test]
fn an_object_adopts_the_parts_that_are_listed() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let old = Known::written(9, 10);
    done(&store, put(bucket, "key", vec![old.whole()], &[old]));
    make_upload(&store, bucket, "key", 1);
    let files: Vec<Known> = (1..=4).map(|n| Known::written(n, 10 * n)).collect();
    for (part, known) in (1..).zip(&files) {
        done(&store, put_part(bucket, "key", 1, part, vec![known.whole()], &[*known]));
    }
    done(&store, complete(&store, bucket, "key", 1, &[2, 4]));
    let record = object(&store, bucket, "key");
    assert_eq!((record.len, record.upload), (60, Some(upload_id(1))));
    let whole = ByteRange::new(0, 60).expect("a range");
    let found = query::resolve(&store, &record.content, whole).expect("pieces");
    let found: Vec<Piece> = found.into_iter().map(|slice| slice.piece).collect();
    assert_eq!(found, [files[1].whole(), files[3].whole()]);
    assert_eq!(one(&store, abort(bucket, "key", 1)), Err(Refusal::NoSuchUpload));
    let mut gone = drain(&store, 1);
    gone.sort_unstable();
    assert_eq!(gone, [files[0].blob, files[2].blob, old.blob]);
    done(&store, delete(bucket, "key"));
    drain(&store, 2);
    assert_no_bytes_are_left(&store);
}

/// The parts that an object left out go with its manifest, if that is released first.
#[test]
fn left_out_parts_are_released_once() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    make_upload(&store, bucket, "key", 1);
    for part in 1..=3 {
        let known = Known::written(part, 10);
        let number = u16::try_from(part).expect("small");
        done(&store, put_part(bucket, "key", 1, number, vec![known.whole()], &[known]));
    }
    done(&store, complete(&store, bucket, "key", 1, &[2]));
    done(&store, delete(bucket, "key"));
    let mut records = garbage(&store);
    records.reverse();
    for (at, _) in records {
        while !matches!(
            done(&store, ReleaseGarbage { at: vec![at], steps: 1 }),
            Reply::Released { finished: 1, .. }
        ) {}
    }
    assert_eq!(drain(&store, 1).len(), 3);
    assert_no_bytes_are_left(&store);
}

#[test]
fn a_part_put_meanwhile_asks_for_a_new_preparation() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    make_upload(&store, bucket, "key", 1);
    done(&store, put_part(bucket, "key", 1, 1, vec![inline(b"x")], &[]));
    let prepared = complete(&store, bucket, "key", 1, &[1]);
    let outcomes = run(
        &store,
        vec![put_part(bucket, "key", 1, 1, vec![inline(b"yz")], &[]).into(), prepared.into()],
    );
    assert_eq!(outcomes[1], Ok(Err(Refusal::UploadChanged)));
    done(&store, complete(&store, bucket, "key", 1, &[1]));
    let late = put_part(bucket, "key", 1, 2, vec![], &[]);
    assert_eq!(one(&store, late), Err(Refusal::NoSuchUpload));
}

/// S3: CompleteMultipartUpload, If-Match and If-None-Match with writes after the upload began.
#[test]
fn a_conditional_complete_notices_writes_since_the_upload_began() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let prepared = |which, name: &str, condition| {
        done(&store, put_part(bucket, name, which, 1, vec![inline(b"x")], &[]));
        CompleteUpload { condition, ..complete(&store, bucket, name, which, &[1]) }
    };
    let same = || WriteCond::Matches(etag("etag"));
    let write = || done(&store, put(bucket, "key", vec![inline(b"a")], &[]));

    write();
    make_upload(&store, bucket, "key", 1);
    let absent = prepared(1, "key", WriteCond::Absent);
    assert_eq!(one(&store, absent), Err(Refusal::ConditionFailed));
    write();
    assert_eq!(one(&store, prepared(1, "key", same())), Err(Refusal::Conflict));
    done(&store, delete(bucket, "key"));
    assert_eq!(one(&store, prepared(1, "key", WriteCond::Absent)), Err(Refusal::Conflict));
    assert_eq!(one(&store, prepared(1, "key", same())), Err(Refusal::NoSuchKey));

    make_upload(&store, bucket, "key", 2);
    done(&store, prepared(2, "key", WriteCond::Absent));
    // Made and deleted again in between; and something else was written.
    make_upload(&store, bucket, "other", 5);
    done(&store, put(bucket, "other", vec![inline(b"a")], &[]));
    done(&store, delete(bucket, "other"));
    assert_eq!(one(&store, prepared(5, "other", WriteCond::Absent)), Err(Refusal::Conflict));
    make_upload(&store, bucket, "other", 6);
    write();
    done(&store, delete(bucket, "none"));
    done(&store, delete(bucket, "other"));
    done(&store, prepared(6, "other", WriteCond::Absent));
    assert_eq!(one(&store, prepared(5, "other", same())), Err(Refusal::ConditionFailed));
    done(&store, prepared(5, "other", WriteCond::None));
    write();
    make_upload(&store, bucket, "key", 3);
    done(&store, prepared(3, "key", same()));
}

#[test]
fn miscounted_parts_are_damage() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    make_upload(&store, bucket, "key", 1);
    for part in 1..=2 {
        done(&store, put_part(bucket, "key", 1, part, vec![inline(b"x")], &[]));
    }
    let short = CompleteUpload { unlisted: vec![], ..complete(&store, bucket, "key", 1, &[1]) };
    assert!(matches!(begin(&store).apply(short.into()), Err(StoreError::Corrupt(_))));
}

#[test]
fn an_aborted_upload_goes_in_steps() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    make_upload(&store, bucket, "key", 1);
    let long = Known::written(500, 80 * MIB);
    done(&store, put_part(bucket, "key", 1, 200, long.backwards(MIB), &[long]));
    for part in 1..=150 {
        let known = Known::written(part.into(), 10);
        done(&store, put_part(bucket, "key", 1, part, vec![known.whole()], &[known]));
    }
    done(&store, abort(bucket, "key", 1));
    assert_eq!(garbage(&store).len(), 1);
    make_upload(&store, bucket, "key", 2);
    done(&store, abort(bucket, "key", 2));
    assert_eq!(garbage(&store).len(), 1);
    assert_eq!(drain(&store, 100).len(), 151);
    assert_no_bytes_are_left(&store);
}

#[test]
fn uploads_go_with_their_bucket() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let other = make_bucket(&store, "other");
    make_upload(&store, other, "key", 1);
    for which in 0..5 {
        make_upload(&store, bucket, "key", which);
        let known = Known::written(which.into(), 10);
        done(&store, put_part(bucket, "key", which, 1, vec![known.whole()], &[known]));
    }
    done(&store, DeleteBucket { name: bucket_name("bucket") });
    let late = put_part(bucket, "key", 1, 2, vec![], &[]);
    assert_eq!(one(&store, late), Err(Refusal::NoSuchBucket));
    assert_eq!(one(&store, abort(bucket, "key", 1)), Err(Refusal::NoSuchBucket));
    let again = make_bucket(&store, "bucket");
    assert_ne!(again, bucket);
    assert_eq!(drain(&store, 2).len(), 5);
    done(&store, abort(other, "key", 1));
    drain(&store, 1);
    assert_no_bytes_are_left(&store);
}
