//! Room: tests of checksums: known values, names, types, and hashing in pieces.

use alloc::format;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;

use ChecksumAlgorithm::{
    Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256, Sha512, XxHash3, XxHash64, XxHash128,
};

fn of(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> ChecksumValue {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}

#[test]
fn known_values() {
    // rule: checksum/values
    for (algorithm, bytes, base64) in [
        (Crc64Nvme, "data", "7a5hQ478J4A="),
        (Crc32, "123456789", "y/Q5Jg=="),
        (Crc32c, "123456789", "4waSgw=="),
        (Crc64Nvme, "123456789", "rosUhgp5mIg="),
        (Sha1, "abc", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="),
        (Sha256, "abc", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
        (
            Sha512,
            "abc",
            "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==",
        ),
        (Md5, "", "1B2M2Y8AsgTpgAmY7PhCfg=="),
        (Md5, "123456789", "JfnnlDI7RTiF9RgfG2JNCw=="),
        // What the reference implementation of xxHash calls the canonical form: ef46db3751d8e999 and so on.
        (XxHash64, "", "70bbN1HY6Zk="),
        (XxHash64, "123456789", "jLhB20DmroM="),
        (XxHash3, "", "LQaABTjTlMI="),
        (XxHash3, "123456789", "ctyxi2ehff8="),
        (XxHash128, "", "maoG0wFHmNhgAcMkRo1Jfw=="),
        (XxHash128, "123456789", "MxGUd+3l3NXpcWQnaB1YYA=="),
    ] {
        assert_eq!(of(algorithm, bytes.as_bytes()).to_base64(), base64);
    }
}

/// XXH takes another way for short, middle and long inputs. The sums over all these values were made with
/// the reference implementation (xxHash 0.8).
#[test]
fn xxh_of_every_length() {
    // rule: checksum/values
    let pattern: Vec<u8> =
        (0_u32..1400).map(|i| ((i * i + i / 251) % 251).to_le_bytes()[0]).collect();
    for (algorithm, sum) in [
        (XxHash64, "h4qdbPje1wXYk2hFvYRhAGdP0a0Xd9B/0/8kSH4SaYQ="),
        (XxHash3, "Pm2GI6JosK5MncHZtiECXcRM+Aw3jbXEwO4q9rKYAyQ="),
        (XxHash128, "PUIpiUS8Apabe/qtV84eR5xq0a8XEfKWJnUeRx7e38I="),
    ] {
        let mut all = Hasher::new(Sha256);
        (0..pattern.len()).for_each(|len| all.update(of(algorithm, &pattern[..len]).as_bytes()));
        assert_eq!(all.finish().to_base64(), sum, "{algorithm:?}");
    }
}

/// S3: base64(H(digests of the parts, one after the other)), then a dash and how many they are.
#[test]
fn composite_of_two_parts() {
    // rule: checksum/composite
    for algorithm in ChecksumAlgorithm::ALL {
        let parts = [of(algorithm, b"first"), of(algorithm, b"second")];
        let digests = [parts[0].as_bytes(), parts[1].as_bytes()].concat();
        let text = format!("{}-2", of(algorithm, &digests).to_base64());
        let checksum = Checksum::composite(algorithm, parts.into_iter());
        assert_eq!(checksum.text(), text);
        assert_eq!(Checksum::parse_text(algorithm, &text), Some((checksum.value, Some(2))));
    }
}

#[test]
fn composite_of_one_part() {
    // rule: checksum/composite
    let part = ChecksumValue::parse_base64(Crc32c, "iqJrOQ==").unwrap();
    let checksum = Checksum::composite(Crc32c, [part].into_iter());
    assert_eq!(checksum.text(), "F9bAnw==-1");
    assert_eq!(checksum.kind, ChecksumType::Composite);
    assert_eq!(Checksum::parse_text(Crc32c, "F9bAnw==-1"), Some((checksum.value, Some(1))));
}

#[test]
fn full_object_text_has_no_count() {
    let checksum = Checksum::full_object(of(Crc64Nvme, b"data"));
    assert_eq!(checksum.text(), "7a5hQ478J4A=");
    assert_eq!(Checksum::parse_text(Crc64Nvme, "7a5hQ478J4A="), Some((checksum.value, None)));
}

#[test]
fn what_is_no_value_of_an_algorithm() {
    for text in [
        "",
        "y/Q5Jg",
        "y/Q5Jg=",
        "y/Q5Jg==\n",
        " y/Q5Jg==",
        "y/Q5",
        "7a5hQ478J4A=",
        "y_Q5Jg==",
        "!!!!",
        "y/Q5Jh==",
        &"A".repeat(400),
    ] {
        assert_eq!(ChecksumValue::parse_base64(Crc32, text), None, "{text:?}");
    }
    for text in
        ["y/Q5Jg==-", "y/Q5Jg==-x", "y/Q5Jg==--1", "y/Q5Jg==-+1", "y/Q5Jg==-99999999999", "-1"]
    {
        assert_eq!(Checksum::parse_text(Crc32, text), None, "{text:?}");
    }
}

#[test]
fn all_ways_in_agree() {
    assert_eq!(ChecksumValue::from_crc32(crate::crc::crc32(b"x")), of(Crc32, b"x"));
    assert_eq!(ChecksumValue::from_crc32c(crate::crc::crc32c(b"x")), of(Crc32c, b"x"));
    assert_eq!(ChecksumValue::from_crc64(crate::crc::crc64nvme(b"x")), of(Crc64Nvme, b"x"));
    for algorithm in ChecksumAlgorithm::ALL {
        let value = of(algorithm, b"x");
        assert_eq!(value.as_bytes().len(), algorithm.digest_len());
        assert_eq!(ChecksumValue::from_bytes(algorithm, value.as_bytes()), Some(value));
        assert_eq!(ChecksumValue::from_bytes(algorithm, &value.as_bytes()[1..]), None);
        assert_eq!(ChecksumValue::parse_base64(algorithm, &value.to_base64()), Some(value));
        assert_eq!(Hasher::new(algorithm).algorithm(), algorithm);
    }
}

#[test]
fn names_follow_from_each_other() {
    // rule: checksum/names
    for algorithm in ChecksumAlgorithm::ALL {
        let name = algorithm.name();
        assert_eq!(algorithm.lower(), name.to_ascii_lowercase());
        assert_eq!(algorithm.header(), format!("x-amz-checksum-{}", algorithm.lower()));
        assert_eq!(algorithm.element(), format!("Checksum{name}"));
        assert_eq!(ChecksumAlgorithm::parse(name).unwrap(), algorithm);
        assert_eq!(ChecksumAlgorithm::parse(algorithm.lower()).unwrap(), algorithm);
        assert_eq!(ChecksumAlgorithm::of_header(algorithm.header()), Some(algorithm));
    }
    assert_eq!(ChecksumAlgorithm::of_header("x-amz-checksum-type"), None);
}

#[test]
fn unknown_names() {
    // rule: checksum/unknown-algorithm
    let error = ChecksumAlgorithm::parse("CRC16").unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidRequest);
    assert_eq!(
        error.message,
        "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]"
    );
}

#[test]
fn types_by_algorithm() {
    // rule: checksum/types
    use ChecksumType::{Composite, FullObject};
    for (algorithm, full, composite, default) in [
        (Crc32, true, true, Composite),
        (Crc32c, true, true, Composite),
        (Crc64Nvme, true, false, FullObject),
        (Sha1, false, true, Composite),
        (Sha256, false, true, Composite),
        (Sha512, false, true, Composite),
        (Md5, false, true, Composite),
        (XxHash64, false, true, Composite),
        (XxHash3, false, true, Composite),
        (XxHash128, false, true, Composite),
    ] {
        assert_eq!(algorithm.allows(FullObject), full, "{algorithm:?}");
        assert_eq!(algorithm.allows(Composite), composite, "{algorithm:?}");
        assert_eq!(algorithm.default_type(), default);
        assert!(algorithm.allows(algorithm.default_type()));
        assert_eq!(algorithm.combines(), full);
    }
    for kind in [FullObject, Composite] {
        assert_eq!(ChecksumType::parse(kind.as_str()).unwrap(), kind);
    }
    // rule: checksum/unknown-type
    let error = ChecksumType::parse("PARTIAL").unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidRequest);
    assert_eq!(error.message, "Value for x-amz-checksum-type header is invalid.");
}

proptest! {
    #[test]
    fn pieces_hash_as_the_whole(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8)) {
        let whole: Vec<u8> = pieces.concat();
        for algorithm in ChecksumAlgorithm::ALL {
            let mut hasher = Hasher::new(algorithm);
            pieces.iter().for_each(|piece| hasher.update(piece));
            prop_assert_eq!(hasher.finish(), of(algorithm, &whole));
        }
    }
}
