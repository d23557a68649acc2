//! The checks of CompleteMultipartUpload, one test for each rule, and the objects that come out.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::checksum::{ChecksumValue, Hasher};
use crate::crc;
use crate::error::ErrorCode;
use crate::limits::{OBJECT_LEN_MAX, PART_LEN_MIN};
use crate::operation::testing::{body, head};
use crate::part::PartNumber;

const COMPOSITE: Option<(ChecksumAlgorithm, ChecksumType)> =
    Some((ChecksumAlgorithm::Crc32, ChecksumType::Composite));
const FULL: Option<(ChecksumAlgorithm, ChecksumType)> =
    Some((ChecksumAlgorithm::Crc32, ChecksumType::FullObject));

fn input(headers: &[(&str, &str)]) -> CompleteUploadInput {
    CompleteUploadInput::parse(&head("POST", "/bucket/key?uploadId=u-1", headers)).unwrap()
}

/// The ETag of stored part `number`: distinct for each.
fn etag(number: u16) -> ETag {
    let mut md5 = [0xEE; 16];
    md5[14..].copy_from_slice(&number.to_be_bytes());
    ETag::from_md5(&md5)
}

/// A stored part whose CRC32 is its number.
fn part(number: u16, len: u64) -> StoredPart {
    let crc32 = u32::from(number);
    StoredPart {
        number: PartNumber::new(number).unwrap(),
        len,
        etag: etag(number),
        checksum: Some(ChecksumValue::from_crc32(crc32)),
        crc64nvme: u64::from(number) << 40,
        crc32c: !crc32,
        crc32,
    }
}

/// Three parts: two of the least length, the last of 7 bytes.
fn three() -> Vec<StoredPart> {
    vec![part(1, PART_LEN_MIN), part(2, PART_LEN_MIN), part(3, 7)]
}

/// The parts as a client without checksums lists them.
fn bare(parts: &[StoredPart]) -> Vec<ListedPart> {
    let listed = |part: &StoredPart| ListedPart {
        number: part.number.get().into(),
        etag: part.etag.to_string(),
        checksum: ListedChecksum::None,
    };
    parts.iter().map(listed).collect()
}

/// The parts as a client lists them that knows their checksums.
fn summed(parts: &[StoredPart]) -> Vec<ListedPart> {
    let mut listed = bare(parts);
    for (listed, part) in listed.iter_mut().zip(parts) {
        listed.checksum = ListedChecksum::Value(part.checksum.unwrap());
    }
    listed
}

type Upload = Option<(ChecksumAlgorithm, ChecksumType)>;

fn fault(headers: &[(&str, &str)], upload: Upload, listed: &[ListedPart]) -> S3Error {
    decide(&input(headers), upload, listed, &three()).unwrap_err()
}

fn told(error: &S3Error) -> (ErrorCode, &str) {
    (error.code, &error.message)
}

#[test]
fn a_missing_body_names_no_part() {
    // rule: complete/no-body
    for body in ["", " \n"] {
        let error = parse_body(body.as_bytes()).unwrap_err();
        let expect = (ErrorCode::InvalidRequest, "You must specify at least one part");
        assert_eq!(told(&error), expect);
    }
}

#[test]
fn a_body_that_lists_no_parts_is_malformed() {
    // rule: complete/malformed
    let root = |inner: &str| format!("<CompleteMultipartUpload>{inner}</CompleteMultipartUpload>");
    let good = "<Part><PartNumber>1</PartNumber><ETag>a</ETag></Part>";
    for bad in [
        "garbage".into(),
        "<Other><Part/></Other>".into(),
        root(""),
        root("<Other/>"),
        root("<Part/>"),
        root("<Part><PartNumber>1</PartNumber></Part>"),
        root("<Part><ETag>a</ETag></Part>"),
        root("<Part><PartNumber>x</PartNumber><ETag>a</ETag></Part>"),
        root("<Part><PartNumber>1</PartNumber><PartNumber>1</PartNumber><ETag>a</ETag></Part>"),
        root(&good.repeat(10_001)),
        root(good) + "tail",
    ] {
        let error = parse_body(bad.as_bytes()).unwrap_err();
        assert_eq!(error.code, ErrorCode::MalformedXml, "{}", &bad[..bad.len().min(200)]);
    }
    assert_eq!(parse_body(root(&good.repeat(10_000)).as_bytes()).unwrap().len(), 10_000);
}

#[test]
fn parts_are_read_in_any_spelling() {
    // rule: complete/document
    let text = "<?xml version=\"1.0\"?>\n\
        <CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n\
        <Part><ETag>&quot;ab&quot;</ETag><PartNumber> 7 </PartNumber></Part>\n\
        <Part><PartNumber>-1</PartNumber><ETag>cd</ETag><Unknown><X/></Unknown>\
        <ChecksumCRC32>AAAAAQ==</ChecksumCRC32></Part>\
        <Part><PartNumber>20000</PartNumber><ETag/><ChecksumSHA3>x</ChecksumSHA3></Part>\
        <Part><PartNumber>4</PartNumber><ETag>e</ETag><ChecksumCRC32>AA</ChecksumCRC32></Part>\
        <Part><PartNumber>5</PartNumber><ETag>e</ETag><ChecksumCRC32>AAAAAQ==</ChecksumCRC32>\
        <ChecksumSHA1>AAAA</ChecksumSHA1></Part></CompleteMultipartUpload>";
    let found = parse_body(text.as_bytes()).unwrap();
    let listed = |number, etag: &str, checksum| ListedPart { number, etag: etag.into(), checksum };
    assert_eq!(
        found,
        [
            listed(7, "ab", ListedChecksum::None),
            listed(-1, "cd", ListedChecksum::Value(ChecksumValue::from_crc32(1))),
            listed(20_000, "", ListedChecksum::None),
            listed(4, "e", ListedChecksum::Invalid),
            listed(5, "e", ListedChecksum::Invalid),
        ]
    );
}

#[test]
fn the_type_of_checksum_is_the_uploads() {
    // rule: complete/checksum-type
    for (upload, kind, own) in [
        (None, "FULL_OBJECT", "null"),
        (FULL, "COMPOSITE", "FULL_OBJECT"),
        (COMPOSITE, "FULL_OBJECT", "COMPOSITE"),
    ] {
        let error = fault(&[("x-amz-checksum-type", kind)], upload, &summed(&three()));
        let message = format!(
            "The upload was created using the {own} checksum mode. The complete request must use the same checksum mode."
        );
        assert_eq!(told(&error), (ErrorCode::InvalidRequest, message.as_str()));
    }
    let same = input(&[("x-amz-checksum-type", "COMPOSITE")]);
    assert!(decide(&same, COMPOSITE, &summed(&three()), &three()).is_ok());
}

#[test]
fn an_object_size_is_a_number() {
    // rule: complete/object-size-form
    for (size, message) in [
        ("ten", "Value for x-amz-mp-object-size header is invalid: 'ten'"),
        ("-1", "Value for x-amz-mp-object-size header is less than zero: '-1'"),
    ] {
        let error = fault(&[("x-amz-mp-object-size", size)], None, &bare(&three()));
        assert_eq!(told(&error), (ErrorCode::InvalidRequest, message));
    }
}

#[test]
fn numbers_begin_with_one_and_ascend() {
    // rule: complete/part-number, complete/ascending-order, complete/consecutive
    let mut listed = bare(&three());
    listed[0].number = 0;
    let error = fault(&[], None, &listed);
    assert_eq!(told(&error), (ErrorCode::InvalidArgument, "PartNumber must be >= 1"));
    let text =
        "The list of parts was not in ascending order. Parts must be ordered by part number.";
    for order in [[1, 3, 2], [1, 1, 2]] {
        let stored = three();
        let listed = bare(&order.map(|number: usize| stored[number - 1].clone()));
        let error = fault(&[], None, &listed);
        assert_eq!(told(&error), (ErrorCode::InvalidPartOrder, text));
        assert_eq!(error.detail("UploadId"), Some("u-1"));
    }
    // Gaps are fine, but not where the upload has a checksum.
    let gap = [part(1, PART_LEN_MIN), part(3, 7)];
    assert!(decide(&input(&[]), None, &bare(&gap), &three()).is_ok());
    assert_eq!(told(&fault(&[], FULL, &bare(&gap))), (ErrorCode::InvalidPartOrder, text));
}

#[test]
fn a_part_must_be_there_with_its_etag() {
    // rule: complete/part-there
    let unknown = [part(1, PART_LEN_MIN), part(9, 7)];
    let mut other = bare(&three());
    other[1].etag = "0".repeat(32);
    let mut beyond = bare(&three());
    beyond[2].number = 70_000;
    for (listed, number, claimed) in [
        (bare(&unknown), "9", etag(9).to_string()),
        (other, "2", "0".repeat(32)),
        (beyond, "70000", etag(3).to_string()),
    ] {
        let error = fault(&[], None, &listed);
        assert_eq!(
            told(&error),
            (
                ErrorCode::InvalidPart,
                "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
            )
        );
        assert_eq!(
            error.details,
            [("UploadId", "u-1".into()), ("PartNumber", number.into()), ("ETag", claimed)]
        );
    }
}

#[test]
fn a_part_has_one_good_checksum() {
    // rule: complete/part-one-checksum
    let mut listed = summed(&three());
    listed[1].checksum = ListedChecksum::Invalid;
    let error = fault(&[], COMPOSITE, &listed);
    let message = "Invalid Base64 or multiple checksums present in request";
    assert_eq!(told(&error), (ErrorCode::InvalidArgument, message));
    assert_eq!(error.detail("ArgumentName"), Some("Checksum"));
}

#[test]
fn a_composite_needs_the_checksum_of_each_part() {
    // rule: complete/composite-needs-checksums
    let mut listed = summed(&three());
    listed[1].checksum = ListedChecksum::None;
    let error = fault(&[], COMPOSITE, &listed);
    assert_eq!(
        told(&error),
        (
            ErrorCode::InvalidRequest,
            "The upload was created using a crc32 checksum. The complete request must include the checksum for each part. It was missing for part 2 in the request."
        )
    );
    assert!(decide(&input(&[]), FULL, &listed, &three()).is_ok());
}

#[test]
fn a_parts_checksum_is_the_stored_one() {
    // rule: complete/part-checksum
    let wrong = ListedChecksum::Value(ChecksumValue::from_crc32(99));
    let with = |checksum: &ListedChecksum| {
        let mut listed = summed(&three());
        listed[1].checksum = checksum.clone();
        listed
    };
    for upload in [COMPOSITE, FULL] {
        assert_eq!(fault(&[], upload, &with(&wrong)).code, ErrorCode::InvalidPart);
    }
    for algorithm in ChecksumAlgorithm::ALL.into_iter().filter(|a| *a != ChecksumAlgorithm::Crc32) {
        let message = format!(
            "The {} you specified for part 2 did not match what we received.",
            algorithm.lower()
        );
        let other = ListedChecksum::Value(Hasher::new(algorithm).finish());
        let error = fault(&[], FULL, &with(&other));
        assert_eq!(told(&error), (ErrorCode::BadDigest, message.as_str()));
    }
    // Parts of an upload without an algorithm have no checksum, whatever came with them.
    let mut stored = three();
    stored.iter_mut().for_each(|part| part.checksum = None);
    let error = decide(&input(&[]), None, &summed(&three()), &stored).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidPart);
}

#[test]
fn only_the_last_part_may_be_short() {
    // rule: complete/part-too-small
    let stored = [part(1, PART_LEN_MIN), part(2, PART_LEN_MIN - 1), part(3, 0)];
    let error = decide(&input(&[]), None, &bare(&stored), &stored).unwrap_err();
    let message = "Your proposed upload is smaller than the minimum allowed size";
    assert_eq!(told(&error), (ErrorCode::EntityTooSmall, message));
    assert_eq!(
        error.details,
        [
            ("ProposedSize", "5242879".into()),
            ("MinSizeAllowed", "5242880".into()),
            ("PartNumber", "2".into()),
            ("ETag", etag(2).to_string()),
        ]
    );
    // The last one of the list, not of the upload.
    assert!(decide(&input(&[]), None, &bare(&stored[..2]), &stored).is_ok());
}

#[test]
fn the_size_is_the_sum() {
    // rule: complete/object-size
    let error = fault(&[("x-amz-mp-object-size", "5")], None, &bare(&three()));
    let message = "The provided 'x-amz-mp-object-size' header value 5 does not match what was computed: 10485767";
    assert_eq!(told(&error), (ErrorCode::InvalidRequest, message));
    let right = input(&[("x-amz-mp-object-size", "10485767")]);
    assert_eq!(decide(&right, None, &bare(&three()), &three()).unwrap().len, 10_485_767);
}

#[test]
fn an_object_ends_at_the_largest_length() {
    // rule: complete/too-large
    let stored = [part(1, OBJECT_LEN_MAX), part(2, 1)];
    let error = decide(&input(&[]), None, &bare(&stored), &stored).unwrap_err();
    assert_eq!(error.code, ErrorCode::EntityTooLarge);
    assert_eq!(error.detail("MaxSizeAllowed"), Some(OBJECT_LEN_MAX.to_string().as_str()));
    assert!(decide(&input(&[]), None, &bare(&stored[..1]), &stored).is_ok());
}

#[test]
fn the_objects_checksum_is_the_computed_one() {
    // rule: complete/object-checksum
    let stored = three();
    let object = |upload| decide(&input(&[]), upload, &summed(&stored), &stored).unwrap();
    let verdict = |upload: Upload, header: (&str, &str)| {
        let stored: Vec<StoredPart> = three()
            .into_iter()
            .map(|part| StoredPart { checksum: part.checksum.filter(|_| upload.is_some()), ..part })
            .collect();
        let listed = if upload.is_some() { summed(&stored) } else { bare(&stored) };
        decide(&input(&[header]), upload, &listed, &stored).map(|_| ())
    };
    let composite = object(COMPOSITE).checksum;
    let full = object(FULL).checksum;
    let crc32 = "x-amz-checksum-crc32";
    let bad = |alg: &str| {
        (
            ErrorCode::BadDigest,
            format!("The {alg} you specified did not match the calculated checksum."),
        )
    };
    let malformed = |alg: &str| {
        (ErrorCode::InvalidRequest, format!("Value for x-amz-checksum-{alg} header is invalid."))
    };
    let told = |error: S3Error| (error.code, error.message.to_string());

    assert_eq!(verdict(COMPOSITE, (crc32, &composite.text())), Ok(()));
    assert_eq!(verdict(COMPOSITE, (crc32, &composite.value.to_base64())), Ok(()));
    let wrong_count = format!("{}-2", composite.value.to_base64());
    assert_eq!(verdict(COMPOSITE, (crc32, &wrong_count)).map_err(told), Err(malformed("crc32")));
    assert_eq!(verdict(FULL, (crc32, &full.text())), Ok(()));
    let counted = format!("{}-3", full.text());
    assert_eq!(verdict(FULL, (crc32, &counted)).map_err(told), Err(malformed("crc32")));
    assert_eq!(verdict(FULL, (crc32, "AAAA")).map_err(told), Err(malformed("crc32")));
    assert_eq!(verdict(FULL, (crc32, "AAAAAA==")).map_err(told), Err(bad("crc32")));
    let crc32c = "x-amz-checksum-crc32c";
    assert_eq!(verdict(FULL, (crc32c, "AAAAAA==")).map_err(told), Err(bad("crc32c")));

    // Without an algorithm, any CRC of the whole can be checked, and a SHA cannot.
    assert_eq!(verdict(None, (crc32, &full.text())), Ok(()));
    assert_eq!(verdict(None, (crc32, "AAAAAA==")).map_err(told), Err(bad("crc32")));
    let own = decide(&input(&[]), None, &bare(&stored), &stored).unwrap().checksum;
    assert_eq!(verdict(None, ("x-amz-checksum-crc64nvme", &own.text())), Ok(()));
    let sha = "2jmj7l5rSw0yVb/vlWAYkK/YBwk=";
    assert_eq!(verdict(None, ("x-amz-checksum-sha1", sha)), Ok(()));
}

#[test]
fn of_several_faults_the_earliest_rule_is_told() {
    // rule: complete/order
    let mut listed = bare(&three());
    listed[0].checksum = ListedChecksum::Invalid;
    listed[2].etag = "0".into();
    // A bad ETag of the last part goes before a bad checksum of the first.
    assert_eq!(fault(&[], COMPOSITE, &listed).code, ErrorCode::InvalidPart);
    listed[1].number = 1;
    assert_eq!(fault(&[], COMPOSITE, &listed).code, ErrorCode::InvalidPartOrder);
    let size = ("x-amz-mp-object-size", "-1");
    assert!(fault(&[size], COMPOSITE, &listed).message.contains("less than zero"));
    let both = [size, ("x-amz-checksum-type", "FULL_OBJECT")];
    assert!(fault(&both, COMPOSITE, &listed).message.contains("checksum mode"));
}

#[test]
fn the_object_is_what_its_bytes_would_make() {
    // rule: complete/checksum
    let first = vec![0xA5; 5 << 20];
    let second = b"the end of it".to_vec();
    let stored: Vec<StoredPart> = (1..)
        .zip([&first, &second])
        .map(|(number, bytes)| StoredPart {
            len: bytes.len() as u64,
            crc64nvme: crc::crc64nvme(bytes),
            crc32c: crc::crc32c(bytes),
            crc32: crc::crc32(bytes),
            checksum: Some(ChecksumValue::from_crc32(crc::crc32(bytes))),
            ..part(number, 0)
        })
        .collect();
    let whole = [first, second].concat();
    let object = decide(&input(&[]), FULL, &bare(&stored), &stored).unwrap();
    assert_eq!(object.len, whole.len() as u64);
    assert_eq!(object.crc64nvme, crc::crc64nvme(&whole));
    assert_eq!(object.crc32c, crc::crc32c(&whole));
    assert_eq!(object.crc32, crc::crc32(&whole));
    let value = ChecksumValue::from_crc32(crc::crc32(&whole));
    assert_eq!(object.checksum, Checksum::full_object(value));
    let numbers: Vec<(u16, u64)> = object.parts.iter().map(|(n, len)| (n.get(), *len)).collect();
    assert_eq!(numbers, [(1, 5 << 20), (2, 13)]);
    assert!(object.etag.as_str().ends_with("-2"));

    let mut plain = stored;
    plain.iter_mut().for_each(|part| part.checksum = None);
    let object = decide(&input(&[]), None, &bare(&plain), &plain).unwrap();
    let value = ChecksumValue::from_crc64(crc::crc64nvme(&whole));
    assert_eq!(object.checksum, Checksum::full_object(value));
}

/// ETag and checksum of an upload of one part, as S3 itself answered them.
#[test]
fn a_recorded_upload_of_one_part() {
    // rule: etag/multipart
    let etag = ETag::from_text("11df95d595559285eb2b042124e74f09").unwrap();
    let crc32c = ChecksumValue::parse_base64(ChecksumAlgorithm::Crc32c, "iqJrOQ==").unwrap();
    let stored = [StoredPart { etag, checksum: Some(crc32c), ..part(1, 7) }];
    let upload = Some((ChecksumAlgorithm::Crc32c, ChecksumType::Composite));
    let object = decide(&input(&[]), upload, &summed(&stored), &stored).unwrap();
    assert_eq!(object.etag.as_str(), "395d97c07920de036bfa21e7568a2e9f-1");
    assert_eq!(object.checksum.text(), "F9bAnw==-1");
}

#[test]
fn a_part_that_cannot_be_is_our_fault() {
    let stored = [StoredPart { etag: ETag::from_text("short").unwrap(), ..part(1, 7) }];
    let error = decide(&input(&[]), None, &bare(&stored), &stored).unwrap_err();
    assert_eq!(error.code, ErrorCode::InternalError);
    let stored = [StoredPart { checksum: None, ..part(1, 7) }];
    let listed = summed(&[part(1, 7)]);
    // The claimed checksum cannot equal one that is not there.
    let error = decide(&input(&[]), COMPOSITE, &listed, &stored).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidPart);
}

#[test]
fn the_head_has_one_checksum_at_most() {
    // rule: complete/header-checksum
    let two = [("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-checksum-sha1", "AAAA")];
    let request = head("POST", "/bucket/key?uploadId=u", &two);
    let error = CompleteUploadInput::parse(&request).unwrap_err();
    assert_eq!(
        told(&error),
        (
            ErrorCode::InvalidRequest,
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    );
    let unknown = head("POST", "/bucket/key?uploadId=u", &[("x-amz-checksum-type", "HALF")]);
    let error = CompleteUploadInput::parse(&unknown).unwrap_err();
    assert_eq!(error.message, "Value for x-amz-checksum-type header is invalid.");
}

#[test]
fn the_answer() {
    // rule: complete/answer
    let bucket = BucketName::parse("bucket").unwrap();
    let key = ObjectKey::parse("a b/ü&").unwrap();
    let target = "/bucket/a%20b/%C3%BC%26?uploadId=u";
    let location = location(&head("POST", target, &[("host", "127.0.0.1:9000")]), &bucket, &key);
    let etag = ETag::from_text("395d97c07920de036bfa21e7568a2e9f-1").unwrap();
    let value = ChecksumValue::parse_base64(ChecksumAlgorithm::Crc32c, "F9bAnw==").unwrap();
    let checksum = Checksum { value, kind: ChecksumType::Composite, parts: Some(1) };
    let answer = answer(NewObject {
        location: &location,
        bucket: &bucket,
        key: &key,
        etag: &etag,
        checksum: Some(&checksum),
    });
    assert_eq!(
        body(&answer),
        "<CompleteMultipartUploadResult>\
         <Location>http://127.0.0.1:9000/bucket/a%20b/%C3%BC%26</Location><Bucket>bucket</Bucket>\
         <Key>a b/ü&amp;</Key><ETag>&quot;395d97c07920de036bfa21e7568a2e9f-1&quot;</ETag>\
         <ChecksumCRC32C>F9bAnw==-1</ChecksumCRC32C><ChecksumType>COMPOSITE</ChecksumType>\
         </CompleteMultipartUploadResult>"
    );
}

#[test]
fn a_location_is_as_the_client_wrote_it() {
    // rule: complete/location
    let bucket = BucketName::parse("bucket").unwrap();
    let key = ObjectKey::parse("a/ü").unwrap();
    let mut head = head("POST", "/any/thing?uploadId=u", &[("host", "bucket.s3.test")]);
    head.style = AddressStyle::VirtualHost;
    assert_eq!(location(&head, &bucket, &key), "http://bucket.s3.test/a/%C3%BC");
    head.secure = true;
    assert_eq!(location(&head, &bucket, &key), "https://bucket.s3.test/a/%C3%BC");
    head.style = AddressStyle::Path;
    assert_eq!(location(&head, &bucket, &key), "https://bucket.s3.test/bucket/a/%C3%BC");
}
