//! Room: tests of names: what is one and what is not, their order, and what may never change.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::*;
use crate::error::ErrorCode;

#[test]
fn bucket_names_that_are() {
    // rule: create-bucket/name
    let longest = "a".repeat(63);
    for name in ["abc", "a-b", "my.bucket", "0a0", "1.2.3", "1.2.3.4.5", "a--b", "a.-b", &longest] {
        assert_eq!(BucketName::parse(name).unwrap().as_str(), name);
    }
}

#[test]
fn bucket_names_that_are_not() {
    // rule: create-bucket/name
    let too_long = "a".repeat(64);
    for name in [
        "",
        "ab",
        "-abc",
        "abc-",
        ".abc",
        "abc.",
        "a..b",
        "Abc",
        "a_b",
        "a b",
        "a/b",
        "é-é",
        "192.168.1.1",
        "999.999.1.1",
        "my-buc@k",
        &too_long,
    ] {
        let error = BucketName::parse(name).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidBucketName, "{name}");
        assert_eq!(error.message, "The specified bucket is not valid.");
        assert_eq!(error.detail("BucketName"), Some(name));
    }
}

#[test]
fn reserved_bucket_names_are_names_but_cannot_be_made() {
    // rule: create-bucket/name
    for name in [
        "xn--abc",
        "sthree-abc",
        "amzn-s3-demo-bucket",
        "abc-s3alias",
        "abc--ol-s3",
        "abc.mrap",
        "base--usw2-az1--x-s3",
        "abc--table-s3",
    ] {
        let error = BucketName::parse(name).unwrap().check_creatable().unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidBucketName, "{name}");
    }
    BucketName::parse("plain-bucket").unwrap().check_creatable().unwrap();
}

#[test]
fn keys_are_bounded_in_bytes() {
    ObjectKey::parse(&"a".repeat(1024)).unwrap();
    ObjectKey::parse(&"é".repeat(512)).unwrap();
    for key in ["a".repeat(1025), "é".repeat(513)] {
        let error = ObjectKey::parse(&key).unwrap_err();
        assert_eq!(error.code, ErrorCode::KeyTooLongError);
        assert_eq!(error.message, "Your key is too long");
        assert_eq!(error.detail("Size"), Some(key.len().to_string().as_str()));
        assert_eq!(error.detail("MaxSizeAllowed"), Some("1024"));
    }
    assert_eq!(ObjectKey::parse("").unwrap_err().code, ErrorCode::InvalidArgument);
}

#[test]
fn keys_order_by_bytes() {
    let mut keys: Vec<ObjectKey> = ["b", "a\u{10000}", "a\u{ff00}", "a/", "a", "A"]
        .iter()
        .map(|k| ObjectKey::parse(k).unwrap())
        .collect();
    keys.sort();
    let sorted: Vec<&str> = keys.iter().map(ObjectKey::as_str).collect();
    assert_eq!(sorted, ["A", "a", "a/", "a\u{ff00}", "a\u{10000}", "b"]);
}

#[test]
fn upload_ids_carry_their_time_and_order_by_it() {
    let early = UploadId::new(Timestamp::from_millis(255), [0xff; 16]);
    let late = UploadId::new(Timestamp::from_millis(256), [0; 16]);
    assert!(early < late && early.to_string() < late.to_string());
    assert_eq!(late.to_string(), "000000000000010000000000000000000000000000000000");
    assert_eq!(late.initiated().as_millis(), 256);
    assert_eq!(UploadId::parse(&early.to_string()), Some(early));
    assert_eq!(UploadId::from_bytes(*early.as_bytes()), early);
}

#[test]
fn what_is_no_upload_id() {
    let good = UploadId::new(Timestamp::from_millis(1), [0xab; 16]).to_string();
    for text in [
        "",
        "null",
        &good[1..],
        &good.to_uppercase(),
        &(good.clone() + "0"),
        "é".repeat(24).as_str(),
    ] {
        assert_eq!(UploadId::parse(text), None, "{text}");
    }
}

#[test]
fn accounts_are_twelve_digits() {
    for text in ["", "12345678901", "1234567890123", "12345678901a", "１２３４"] {
        assert_eq!(AccountId::parse(text), None, "{text}");
    }
    let account = AccountId::parse("123456789012").unwrap();
    assert_eq!(account.as_str(), "123456789012");
    // Answers to clients carry it; it must never change.
    assert_eq!(
        account.canonical_id(),
        "f538089114814f69bd21b043ffbe16e528f5fc6f284dc4ad5660354c94d16c71"
    );
}

#[test]
fn an_upload_id_tells_its_key() {
    let key = ObjectKey::parse("dir/key").unwrap();
    let id = UploadId::for_key(Timestamp::from_millis(7), [0xab; 16], &key);
    assert_eq!(id.initiated(), Timestamp::from_millis(7));
    assert!(id.is_of("dir/key"));
    assert!(!id.is_of("dir/other") && !id.is_of("dir/ke") && !id.is_of(""));
    for at in 0..24 {
        let mut other = *id.as_bytes();
        other[at] ^= 1;
        assert!(!UploadId::from_bytes(other).is_of("dir/key"), "byte {at}");
    }
}

#[test]
fn version_ids_are_read_as_they_are_written() {
    // rule: version-id/form
    assert_eq!(VersionId::Null.to_string(), "null");
    assert_eq!(VersionId::parse("null"), Some(VersionId::Null));
    for number in [0, 1, 2, 255, 1 << 32, u64::MAX] {
        let text = VersionId::Number(number).to_string();
        assert_eq!(text.len(), 32);
        assert!(text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{text}");
        assert_eq!(VersionId::parse(&text), Some(VersionId::Number(number)));
    }
    // Clients keep them; they must never change.
    assert_eq!(VersionId::Number(7).to_string(), "5ad0143440a8bac0928544f5072f42dd");
}

#[test]
fn what_is_no_version_id() {
    // rule: version-id/form
    let good = VersionId::Number(7).to_string();
    for text in [
        "",
        "NULL",
        " null",
        "0",
        &good[1..],
        &good.to_uppercase(),
        &(good.clone() + "0"),
        "é",
        "v1",
    ] {
        assert_eq!(VersionId::parse(text), None, "{text}");
    }
    for at in 0..good.len() {
        let mut made_up = good.clone().into_bytes();
        made_up[at] = if made_up[at] == b'0' { b'1' } else { b'0' };
        let made_up = String::from_utf8(made_up).unwrap();
        assert_eq!(VersionId::parse(&made_up), None, "{made_up}");
    }
}
