use proptest::prelude::*;
use protocol::time::Timestamp;

use super::*;

fn key_of(text: &str) -> ObjectKey {
    ObjectKey::parse(text).expect("a key")
}

fn upload_of(millis: u64) -> UploadId {
    UploadId::new(Timestamp::from_millis(millis), [7; 16])
}

#[test]
fn keys_have_these_bytes() {
    let bucket_id = BucketId::new(0x0102);
    let manifest = ManifestId::new(0x0304);
    let blob_id = BlobId::new(0x0506);
    let part_number = PartNumber::new(0x0708).expect("a part number");
    let name = BucketName::parse("bucket").expect("a name");
    let at = GarbageKey { sequence: Sequence::new(0x0a0b), index: 0x0c0d };
    assert_eq!(counters(), b"counters");
    assert_eq!(bucket(&name), b"nbucket");
    assert_eq!(bucket_counters(bucket_id), b"c\0\0\0\0\0\0\x01\x02");
    let lifecycle = config(bucket_id, ConfigKind::Lifecycle);
    assert_eq!(lifecycle, b"f\0\0\0\0\0\0\x01\x02\x05");
    assert_eq!(config_of(&lifecycle), Some((bucket_id, ConfigKind::Lifecycle)));
    assert_eq!(object(bucket_id, &key_of("a/b")), b"\0\0\0\0\0\0\x01\x02a/b");
    assert_eq!(
        upload(bucket_id, &key_of("a\0b"), &upload_of(0x1122)),
        b"\0\0\0\0\0\0\x01\x02a\0\xffb\0\0\0\0\0\0\0\0\x11\x22\
          \x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07"
    );
    let key = key_of("a\0b");
    assert_eq!(version_head(bucket_id, &key), b"\0\0\0\0\0\0\x01\x02a\0\xffb\0\0");
    assert_eq!(
        version(bucket_id, &key, Generation::new(0x0f)),
        b"\0\0\0\0\0\0\x01\x02a\0\xffb\0\0\xff\xff\xff\xff\xff\xff\xff\xf0"
    );
    assert_eq!(open_key(bucket_id, &key), b"k\0\0\0\0\0\0\x01\x02a\0b");
    assert_eq!(part(manifest, part_number), b"\0\0\0\0\0\0\x03\x04\x07\x08");
    assert_eq!(page(manifest, 9), b"\0\0\0\0\0\0\x03\x04\0\0\0\x09");
    assert_eq!(manifest_names(manifest), b"\0\0\0\0\0\0\x03\x04");
    assert_eq!(blob(blob_id), b"\0\0\0\0\0\0\x05\x06");
    assert_eq!(table_head(TableId::of(blob_id)), b"\0\0\0\0\0\0\x05\x06");
    assert_eq!(table_page(TableId::of(blob_id), 1), b"\0\0\0\0\0\0\x05\x06\0\0\0\x01");
    assert_eq!(lease(FolderId::new(3)), b"\0\0\0\0\0\0\0\x03");
    assert_eq!(garbage(at), b"g\0\0\0\0\0\0\x0a\x0b\0\0\x0c\x0d");
    assert_eq!(taken(blob_id), b"t\0\0\0\0\0\0\x05\x06");
    assert_eq!(unreferenced(blob_id), b"u\0\0\0\0\0\0\x05\x06");
    assert_eq!(sparse(blob_id), b"s\0\0\0\0\0\0\x05\x06");
    for (who, golden) in owners_of_each_kind().into_iter().zip([
        &b"\0\0\0\0\0\0\x05\x06o\0\0\0\0\0\0\x01\x02a\0b"[..],
        b"\0\0\0\0\0\0\x05\x06v\0\0\0\0\0\0\x01\x02a\0\xffb\0\0\xff\xff\xff\xff\xff\xff\xff\xf0",
        b"\0\0\0\0\0\0\x05\x06p\0\0\0\0\0\0\x03\x04\x07\x08",
        b"\0\0\0\0\0\0\x05\x06l\0\0\0\0\0\0\x03\x04\0\0\0\x09",
    ]) {
        assert_eq!(owner(blob_id, &who), golden);
        assert_eq!(owner_of(golden), Some((blob_id, who)));
        assert!(golden.starts_with(&owners(blob_id)));
    }
}

fn owners_of_each_kind() -> [Owner; 4] {
    let manifest = ManifestId::new(0x0304);
    [
        Owner::Object { bucket: BucketId::new(0x0102), key: key_of("a\0b") },
        Owner::Version {
            bucket: BucketId::new(0x0102),
            key: key_of("a\0b"),
            generation: Generation::new(0x0f),
        },
        Owner::Part { manifest, number: PartNumber::new(0x0708).expect("a part number") },
        Owner::Page { list: manifest, page: 9 },
    ]
}

#[test]
fn keys_are_read_back() {
    let at = GarbageKey { sequence: Sequence::new(5), index: 6 };
    let blob_id = BlobId::new(7);
    assert_eq!(garbage_of(&garbage(at)), Some(at));
    assert_eq!(taken_of(&taken(blob_id)), Some(blob_id));
    assert_eq!(unreferenced_of(&unreferenced(blob_id)), Some(blob_id));
    assert_eq!(sparse_of(&sparse(blob_id)), Some(blob_id));
    assert_eq!(blob_of(&blob(blob_id)), Some(blob_id));
    assert_eq!(lease_of(&lease(FolderId::new(8))), Some(FolderId::new(8)));
    assert_eq!(garbage_of(&taken(blob_id)), None);
    assert_eq!(taken_of(&unreferenced(blob_id)), None);
    let bucket_id = BucketId::new(1);
    assert_eq!(object_key_of(bucket_id, &object(bucket_id, &key_of("x"))), Some(Ok("x")));
    assert_eq!(object_key_of(BucketId::new(2), &object(bucket_id, &key_of("x"))), None);
}

#[test]
fn the_end_of_a_prefix_is_the_next_key() {
    assert_eq!(prefix_end(b"ab"), Some(b"ac".to_vec()));
    assert_eq!(prefix_end(b"a\xff\xff"), Some(b"b".to_vec()));
    assert_eq!(prefix_end(b"\xff"), None);
    assert_eq!(prefix_end(b""), None);
}

proptest! {
    #[test]
    fn uploads_sort_by_key_and_then_by_time(
        a in "[\0\u{1}a\u{ff}]{1,4}", b in "[\0\u{1}a\u{ff}]{1,4}", at in 0_u64..3, bt in 0_u64..3,
    ) {
        let bucket_id = BucketId::new(1);
        let stored = |key: &str, millis| upload(bucket_id, &key_of(key), &upload_of(millis));
        prop_assert_eq!(stored(&a, at).cmp(&stored(&b, bt)), (&a, at).cmp(&(&b, bt)));
    }

    #[test]
    fn versions_sort_by_key_and_then_from_the_newest(
        a in "[\0\u{1}a\u{ff}]{1,4}", b in "[\0\u{1}a\u{ff}]{1,4}", at in 0_u64..3, bt in 0_u64..3,
    ) {
        let bucket_id = BucketId::new(1);
        let stored = |key: &str, at| version(bucket_id, &key_of(key), Generation::new(at));
        prop_assert_eq!(stored(&a, at).cmp(&stored(&b, bt)), (&a, bt).cmp(&(&b, at)));
        let head = version_head(bucket_id, &key_of(&a));
        prop_assert!(head < first_version(bucket_id, &key_of(&a)));
        prop_assert!(first_version(bucket_id, &key_of(&a)) <= stored(&a, at));
        prop_assert!(stored(&a, at).starts_with(&head));
        prop_assert_eq!(head.cmp(&stored(&b, bt)), a.cmp(&b).then(std::cmp::Ordering::Less));
        let named = (bucket_id, key_of(&a), Some(Generation::new(at)));
        prop_assert_eq!(version_of(&stored(&a, at)), Some(named));
        prop_assert_eq!(version_of(&head), Some((bucket_id, key_of(&a), None)));
    }

    #[test]
    fn objects_sort_by_bucket_and_then_by_bytes(
        a in "\\PC{1,4}", b in "\\PC{1,4}", i in 0_u64..300, j in 0_u64..300,
    ) {
        let left = object_text(BucketId::new(i), &a);
        let right = object_text(BucketId::new(j), &b);
        prop_assert_eq!(left.cmp(&right), (i, a.as_bytes()).cmp(&(j, b.as_bytes())));
    }

    #[test]
    fn no_bytes_upset_the_readers(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
        let read = (
            garbage_of(&bytes).map(garbage),
            taken_of(&bytes).map(taken),
            unreferenced_of(&bytes).map(unreferenced),
            blob_of(&bytes).map(blob),
            sparse_of(&bytes).map(sparse),
            owner_of(&bytes).map(|(blob, who)| owner(blob, &who)),
            version_of(&bytes).map(|(bucket, key, generation)| match generation {
                None => version_head(bucket, &key),
                Some(generation) => version(bucket, &key, generation),
            }),
            open_key_of(&bytes).map(|(bucket, key)| open_key(bucket, &key)),
        );
        for again in [read.0, read.1, read.2, read.3, read.4, read.5, read.6, read.7].into_iter().flatten() {
            prop_assert_eq!(&again, &bytes);
        }
    }
}
