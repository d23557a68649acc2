use std::fmt::Debug;

use bytes::Bytes;
use proptest::prelude::*;
use protocol::checksum::{Checksum, ChecksumAlgorithm, ChecksumType, ChecksumValue};
use protocol::etag::ETag;
use protocol::lock::{ObjectLock, Retention, RetentionMode};
use protocol::metadata::ObjectMetadata;
use protocol::name::{AccountId, ObjectKey, UploadId};
use protocol::part::PartNumber;
use protocol::storage_class::StorageClass;
use protocol::tagging::{Tag, TagSet};
use protocol::time::Timestamp;
use protocol::versioning::Versioning;

use super::*;
use crate::fingerprint::Fingerprint;
use crate::id::{BlobId, BucketId, Generation, ManifestId, Sequence, TableId};

const FINGERPRINT: Fingerprint =
    Fingerprint { crc64nvme: 0x0807_0605_0403_0201, crc32c: 9, crc32: 10 };

fn extent() -> Extent {
    Extent {
        blob: BlobId::new(0x11),
        offset: 0x12,
        len: 0x13,
        table: TableId::new(0x14),
        first_block: 0x15,
        fingerprint: FINGERPRINT,
    }
}

fn short() -> PieceList {
    let inline = Piece::Inline { bytes: Bytes::from_static(b"inline"), fingerprint: FINGERPRINT };
    PieceList::Short(vec![Piece::Extent(extent()), inline])
}

fn long() -> PieceList {
    PieceList::Long { list: ManifestId::new(0x21), page_starts: vec![0, 0x22], len: 0x23 }
}

fn metadata() -> ObjectMetadata {
    ObjectMetadata {
        content_type: Some("text/plain".to_owned()),
        cache_control: Some("a".to_owned()),
        content_disposition: Some("b".to_owned()),
        content_encoding: Some("c".to_owned()),
        content_language: Some("d".to_owned()),
        expires: Some("e".to_owned()),
        website_redirect: None,
        user: vec![("name".to_owned(), "value".to_owned())],
    }
}

fn tags() -> TagSet {
    TagSet::validate(vec![Tag { key: "k".to_owned(), value: "v".to_owned() }]).expect("tags")
}

fn checksum() -> Checksum {
    Checksum {
        value: ChecksumValue::from_crc32c(0x3132_3334),
        kind: ChecksumType::Composite,
        parts: Some(2),
    }
}

fn number(number: u16) -> PartNumber {
    PartNumber::new(number).expect("a part number")
}

fn upload_id() -> UploadId {
    UploadId::new(Timestamp::from_millis(0x41), [0x42; 16])
}

fn object(content: Content) -> ObjectRecord {
    ObjectRecord {
        generation: Generation::new(0x51),
        null: true,
        modified: Timestamp::from_millis(0x52),
        len: 0x19,
        etag: ETag::from_text("etag-2").expect("an etag"),
        md5: Some([0x53; 16]),
        fingerprint: FINGERPRINT,
        checksum: Some(checksum()),
        upload: Some(upload_id()),
        metadata: metadata(),
        tags: tags(),
        storage_class: StorageClass::StandardIa,
        lock: ObjectLock {
            retention: Some(Retention {
                mode: RetentionMode::Compliance,
                until: Timestamp::from_millis(0x54),
            }),
            legal_hold: Some(false),
        },
        content,
    }
}

fn part(pieces: PieceList) -> PartRecord {
    PartRecord {
        number: number(0x61),
        generation: Generation::new(0x62),
        modified: Timestamp::from_millis(0x63),
        len: 0x19,
        etag: ETag::from_text("part").expect("an etag"),
        md5: None,
        fingerprint: FINGERPRINT,
        checksum: Some(ChecksumValue::from_crc64(0x6465_6667_6869_6a6b)),
        pieces,
    }
}

fn upload() -> UploadRecord {
    UploadRecord {
        manifest: ManifestId::new(0x71),
        generation: Generation::new(0x72),
        parts: 0x73,
        initiated: Timestamp::from_millis(0x74),
        begun: Generation::new(0x75),
        bucket: BucketId::new(0x76),
        key: ObjectKey::parse("key").expect("a key"),
        checksum: Some((ChecksumAlgorithm::Sha256, ChecksumType::Composite)),
        metadata: ObjectMetadata::default(),
        tags: TagSet::default(),
        storage_class: StorageClass::GlacierIr,
        lock: ObjectLock { retention: None, legal_hold: Some(true) },
    }
}

fn parts() -> Manifest {
    Manifest { id: ManifestId::new(0x81), parts: 0x82, page_starts: vec![0, 0x83] }
}

fn parts_content() -> Content {
    Content::Parts(parts())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `record` is stored as exactly these bytes, read back as itself, and refused when anything is amiss.
fn golden<R: Record + PartialEq + Debug>(record: &R, expected: &str) {
    let stored = record.encode();
    assert_eq!(hex(&stored), expected.replace(|c: char| c.is_whitespace(), ""), "{}", R::NAME);
    assert_eq!(R::decode(stored.clone()).as_ref(), Ok(record));

    let mut newer = stored.to_vec();
    newer[0] = 2;
    let unknown = DecodeError::UnknownVersion { record: R::NAME, version: 2 };
    assert_eq!(R::decode(newer.into()), Err(unknown));

    for len in 0..stored.len() {
        let cut = R::decode(stored.slice(..len));
        assert!(matches!(cut, Err(DecodeError::Malformed { .. })), "{len} bytes of {}", R::NAME);
    }
    let longer = [&stored[..], &[0]].concat();
    let left_over = DecodeError::Malformed { record: R::NAME, field: "end" };
    assert_eq!(R::decode(longer.into()), Err(left_over));
}

#[test]
fn objects_are_stored_so() {
    golden(
        &object(Content::Pieces(short())),
        "015100000000000000015200000000000000190000000000000006000000657461672d3201535353\
         535353535353535353535353530102030405060708090000000a0000000102313233340201020000\
         000201000000000000004142424242424242424242424242424242010a000000746578742f706c61\
         696e0101000000610101000000620101000000630101000000640101000000650001000000040000\
         006e616d650500000076616c756501000000010000006b0100000076010254000000000000000100\
         00000200000000110000000000000012000000000000001300000000000000140000000000000015\
         0000000102030405060708090000000a000000010102030405060708090000000a00000006000000\
         696e6c696e65",
    );
    golden(
        &object(parts_content()),
        "015100000000000000015200000000000000190000000000000006000000657461672d3201535353\
         535353535353535353535353530102030405060708090000000a0000000102313233340201020000\
         000201000000000000004142424242424242424242424242424242010a000000746578742f706c61\
         696e0101000000610101000000620101000000630101000000640101000000650001000000040000\
         006e616d650500000076616c756501000000010000006b0100000076010254000000000000000100\
         018100000000000000820000000200000000000000000000008300000000000000",
    );
    golden(
        &object(Content::Copied(parts())),
        "015100000000000000015200000000000000190000000000000006000000657461672d3201535353\
         535353535353535353535353530102030405060708090000000a0000000102313233340201020000\
         000201000000000000004142424242424242424242424242424242010a000000746578742f706c61\
         696e0101000000610101000000620101000000630101000000640101000000650001000000040000\
         006e616d650500000076616c756501000000010000006b0100000076010254000000000000000100\
         028100000000000000820000000200000000000000000000008300000000000000",
    );
}

#[test]
fn versions_are_stored_so() {
    golden(
        &VersionRecord::Object(object(parts_content())),
        "01005100000000000000015200000000000000190000000000000006000000657461672d32015353\
         53535353535353535353535353530102030405060708090000000a00000001023132333402010200\
         00000201000000000000004142424242424242424242424242424242010a000000746578742f706c\
         61696e01010000006101010000006201010000006301010000006401010000006500010000000400\
         00006e616d650500000076616c756501000000010000006b01000000760102540000000000000001\
         00018100000000000000820000000200000000000000000000008300000000000000",
    );
    let (generation, modified) = (Generation::new(0x51), Timestamp::from_millis(0x52));
    golden(
        &VersionRecord::Marker(MarkerRecord { generation, modified, null: true }),
        "01015100000000000000015200000000000000",
    );
    let (marker, null) = (Some(Generation::new(2)), Some(Generation::new(3)));
    golden(
        &VersionHead { versions: 1, marker, null },
        "010100000000000000010200000000000000010300000000000000",
    );
    golden(&VersionHead { versions: 1, marker: None, null: None }, "0101000000000000000000");
}

#[test]
fn parts_are_stored_so() {
    golden(
        &part(short()),
        "01610062000000000000006300000000000000190000000000000004000000706172740001020304\
         05060708090000000a00000001036465666768696a6b000200000000110000000000000012000000\
         0000000013000000000000001400000000000000150000000102030405060708090000000a000000\
         010102030405060708090000000a00000006000000696e6c696e65",
    );
    golden(
        &part(long()),
        "01610062000000000000006300000000000000190000000000000004000000706172740001020304\
         05060708090000000a00000001036465666768696a6b012100000000000000230000000000000002\
         00000000000000000000002200000000000000",
    );
}

#[test]
fn uploads_are_stored_so() {
    golden(
        &upload(),
        "01710000000000000072000000000000007300000074000000000000007500000000000000760000\
         0000000000030000006b657901050200000000000000000000000000000005000101",
    );
}

#[test]
fn pages_are_stored_so() {
    let entries = vec![
        ManifestEntry { number: number(1), start: 0, len: 5 },
        ManifestEntry { number: number(10_000), start: 5, len: 0 },
    ];
    golden(
        &ManifestPage { entries },
        "01020000000100000000000000000005000000000000001027050000000000000000000000000000\
         00",
    );
    golden(&ManifestNames { count: 3 }, "010300000000000000");
    golden(
        &PiecePage { pieces: vec![Piece::Extent(extent())] },
        "01010000000011000000000000001200000000000000130000000000000014000000000000001500\
         00000102030405060708090000000a000000",
    );
}

#[test]
fn buckets_are_stored_so() {
    let owner = AccountId::parse("123456789012").expect("an account");
    let created = Timestamp::from_millis(0x91);
    golden(
        &BucketRecord {
            id: BucketId::new(0x92),
            created,
            owner,
            versioning: Versioning::Enabled,
            configs: vec![
                (ConfigKind::Tagging, Generation::new(3)),
                (ConfigKind::ObjectLock, Generation::new(4)),
            ],
        },
        "01920000000000000091000000000000000c00000031323334353637383930313201020000000103\
         00000000000000060400000000000000",
    );
    for (kind, number) in ConfigKind::ALL.into_iter().zip(1..) {
        assert_eq!(kind as u8, number);
    }
    golden(
        &ConfigRecord { generation: Generation::new(5), document: "<a/>".to_owned() },
        "010500000000000000040000003c612f3e",
    );
    golden(
        &BucketCounters { objects: 1, versions: 2, uploads: 3, versioning: Versioning::Suspended },
        "0101000000000000000200000000000000030000000000000002",
    );
    golden(
        &OpenKey { uploads: 1, touched: Some(Generation::new(2)) },
        "010100000000000000010200000000000000",
    );
}

#[test]
fn blobs_tables_and_leases_are_stored_so() {
    golden(
        &BlobRecord { refs: 1, named: 5, len: 4096, table: TableId::new(2), first_block: 3 },
        "01010000000000000005000000000000000010000000000000020000000000000003000000",
    );
    golden(
        &TableHead { refs: 1, len: 5, pages: 1, fingerprint: FINGERPRINT },
        "0101000000000000000500000000000000010000000102030405060708090000000a000000",
    );
    golden(&LeaseRecord { shard: 7 }, "0107000000");
    golden(&OwnerMark, "01");
}

#[test]
fn garbage_is_stored_so() {
    let extents = vec![(BlobId::new(1), 2), (BlobId::new(1), 3)];
    golden(
        &GarbageRecord::Pieces { extents },
        "0100020000000100000000000000020000000000000001000000000000000300000000000000",
    );
    let list = ManifestId::new(5);
    golden(
        &GarbageRecord::List { list, next: 1, pages: 2 },
        "010105000000000000000100000002000000",
    );
    golden(
        &GarbageRecord::Manifest { manifest: list, next: 0, pages: 2 },
        "010205000000000000000000000002000000",
    );
    let numbers = vec![number(3), number(4)];
    golden(
        &GarbageRecord::Parts { manifest: list, numbers },
        "010305000000000000000200000003000400",
    );
    golden(&GarbageRecord::Bucket { bucket: BucketId::new(6) }, "01040600000000000000");
    golden(
        &GarbageRecord::Table { table: TableId::new(7), next: 16, pages: 17 },
        "010507000000000000001000000011000000",
    );
    golden(&Since { sequence: Sequence::new(8) }, "010800000000000000");
}

#[test]
fn counters_are_stored_so() {
    let space = SpaceTotals { blob_bytes: 6, named_bytes: 7, slack_bytes: 8 };
    let counters =
        Counters { sequence: 1, bucket: 2, manifest: 3, folder: 4, generation: 5, space };
    golden(
        &counters,
        "01010000000000000002000000000000000300000000000000040000000000000005000000000000\
         00060000000000000007000000000000000800000000000000",
    );
}

#[test]
fn the_front_of_a_record_is_read_without_the_rest() {
    let record = object(Content::Pieces(short()));
    let stored = record.encode();
    let facts = ObjectFacts::decode(&stored).expect("an object");
    assert_eq!((facts.generation, facts.len, &facts.etag), (record.generation, 0x19, &record.etag));
    assert_eq!(facts.checksum, record.checksum);
    // Whatever is behind the front plays no part.
    assert_eq!(ObjectFacts::decode(&stored[..stored.len() - 40]), Ok(facts));

    let record = part(long());
    let facts = PartFacts::decode(&record.encode()).expect("a part");
    assert_eq!((facts.number, facts.generation), (record.number, record.generation));
    assert_eq!((facts.len, facts.checksum), (0x19, record.checksum));
}

/// Values that fit the layout and mean nothing.
#[test]
fn impossible_values_are_refused() {
    let empty = Extent { len: 0, ..extent() };
    let endless = Extent { offset: u64::MAX, ..extent() };
    for extent in [empty, endless] {
        let page = PiecePage { pieces: vec![Piece::Extent(extent)] };
        let refused = PiecePage::decode(page.encode()).expect_err("not a piece");
        assert!(matches!(refused, DecodeError::Malformed { record: PiecePage::NAME, .. }));
    }
    let huge = Extent { len: 1 << 59, ..extent() };
    let page = PiecePage { pieces: vec![Piece::Extent(huge); 3] };
    assert!(PiecePage::decode(page.encode()).is_err());
    let list = |page_starts, len| PieceList::Long { list: ManifestId::new(1), page_starts, len };
    for list in [list(vec![], 1), list(vec![1], 2), list(vec![0, 0], 2), list(vec![0, 2], 2)] {
        assert!(PartRecord::decode(part(list).encode()).is_err());
    }
    for page_starts in [vec![], vec![1], vec![0, 2, 1]] {
        let content = Content::Parts(Manifest { id: ManifestId::new(1), parts: 3, page_starts });
        assert!(ObjectRecord::decode(object(content).encode()).is_err());
    }
    let counters = Counters { folder: u64::MAX, ..Counters::default() };
    assert!(Counters::decode(counters.encode()).is_err());
    let entry = ManifestEntry { number: number(1), start: u64::MAX, len: 1 };
    let page = ManifestPage { entries: vec![entry] };
    assert!(ManifestPage::decode(page.encode()).is_err());
    let past = GarbageRecord::List { list: ManifestId::new(1), next: 3, pages: 2 };
    assert!(GarbageRecord::decode(past.encode()).is_err());
}

fn all() -> Vec<Bytes> {
    vec![
        object(Content::Pieces(short())).encode(),
        object(parts_content()).encode(),
        part(short()).encode(),
        part(long()).encode(),
        upload().encode(),
        PiecePage { pieces: vec![Piece::Extent(extent())] }.encode(),
        GarbageRecord::Pieces { extents: vec![(BlobId::new(1), 2)] }.encode(),
    ]
}

/// Reads `stored` as every kind of record; what is accepted is stored as the same bytes again.
fn read_as_everything(stored: &Bytes) {
    fn read<R: Record>(stored: &Bytes) {
        if let Ok(record) = R::decode(stored.clone()) {
            assert_eq!(record.encode(), stored, "{}", R::NAME);
        }
    }
    read::<ObjectRecord>(stored);
    read::<PartRecord>(stored);
    read::<UploadRecord>(stored);
    read::<ManifestPage>(stored);
    read::<PiecePage>(stored);
    read::<BucketRecord>(stored);
    read::<ConfigRecord>(stored);
    read::<BucketCounters>(stored);
    read::<BlobRecord>(stored);
    read::<TableHead>(stored);
    read::<LeaseRecord>(stored);
    read::<GarbageRecord>(stored);
    read::<Since>(stored);
    read::<Counters>(stored);
    read::<OwnerMark>(stored);
}

proptest! {
    #[test]
    fn no_bytes_upset_the_readers(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let versioned = [&[1], &bytes[..]].concat();
        read_as_everything(&versioned.into());
    }

    #[test]
    fn damaged_records_do_not_upset_the_readers(
        which in 0_usize..7, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = all()[which].to_vec();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        read_as_everything(&bytes.into());
    }
}
