//! Room: tests of tags: what a header and a body may hold.

use alloc::format;

use super::*;

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.into(), value: value.into() }
}

#[test]
fn headers_that_parse() {
    for (raw, expected) in [
        ("", &[][..]),
        ("a=1", &[("a", "1")]),
        ("a=1&b=2", &[("a", "1"), ("b", "2")]),
        ("a=&b", &[("a", ""), ("b", "")]),
        ("a+b=c%2Bd%20e", &[("a b", "c+d e")]),
        ("k=v=w", &[("k", "v=w")]),
        ("%C3%A9=%E6%97%A5", &[("é", "日")]),
        ("&a=1&", &[("a", "1")]),
    ] {
        let tags = TagSet::parse_header(raw).unwrap();
        let expected: Vec<Tag> = expected.iter().map(|(k, v)| tag(k, v)).collect();
        assert_eq!(tags.iter().cloned().collect::<Vec<_>>(), expected, "{raw}");
        assert_eq!((tags.len(), tags.is_empty()), (expected.len(), expected.is_empty()));
    }
}

#[test]
fn headers_that_do_not() {
    // rule: put/tags-header
    for raw in ["a=1&a=2", "a=%", "%zz=1", "a=%C3", "a=1&%61=2"] {
        let error = TagSet::parse_header(raw).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{raw}");
        assert_eq!(
            error.message,
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates."
        );
        assert_eq!(error.detail("ArgumentName"), Some("x-amz-tagging"));
        assert_eq!(error.detail("ArgumentValue"), Some(raw));
    }
}

#[test]
fn at_most_ten() {
    // rule: tagging/at-most-ten
    let tags = |n| (0..n).map(|i| tag(&format!("k{i}"), "v")).collect::<Vec<_>>();
    let header = |n| (0..n).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join("&");
    TagSet::validate(tags(10)).unwrap();
    TagSet::parse_header(&header(10)).unwrap();
    let expected = S3Error::new(ErrorCode::BadRequest, "Object tags cannot be greater than 10");
    assert_eq!(TagSet::validate(tags(11)).unwrap_err(), expected);
    assert_eq!(TagSet::parse_header(&header(11)).unwrap_err(), expected);
}

#[test]
fn lengths_are_counted_in_characters() {
    // rule: tagging/lengths
    TagSet::validate(alloc::vec![tag(&"é".repeat(128), &"日".repeat(256))]).unwrap();
}

#[test]
fn tags_that_are_not_allowed() {
    // rule: tagging/invalid
    let long_key = "k".repeat(129);
    let long_value = "v".repeat(257);
    let bad_key = "The TagKey you have provided is invalid";
    let bad_value = "The TagValue you have provided is invalid";
    let system = "Your TagKey cannot be prefixed with aws:";
    for (key, value, message) in [
        ("", "v", bad_key),
        (&*long_key, "v", bad_key),
        ("a\nb", "v", bad_key),
        ("a<b", "v", bad_key),
        ("k", &*long_value, bad_value),
        ("k", "a&b", bad_value),
        ("aws:x", "v", system),
        ("AWS:", "v", system),
    ] {
        let error = TagSet::validate(alloc::vec![tag(key, value)]).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidTag, "{key}={value}");
        assert_eq!(error.message, message);
        assert_eq!(error.detail("TagKey"), Some(key));
        assert_eq!(error.detail("TagValue"), (message == bad_value).then_some(value));
    }
}

#[test]
fn a_key_twice_in_a_body() {
    // rule: tagging/duplicate
    let error = TagSet::validate(alloc::vec![tag("k", "1"), tag("k", "2")]).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidTag);
    assert_eq!(error.message, "Cannot provide multiple Tags with the same key");
    assert_eq!(error.detail("TagKey"), Some("k"));
}

#[test]
fn a_bucket_may_have_more_tags_than_an_object() {
    // rule: bucket-tagging/limits
    let tags = |count: usize| -> Vec<Tag> {
        (0..count).map(|n| Tag { key: format!("k{n}"), value: String::new() }).collect()
    };
    assert_eq!(TagSet::of(Tagged::Bucket, tags(50)).unwrap().len(), 50);
    let error = TagSet::of(Tagged::Bucket, tags(51)).unwrap_err();
    assert_eq!(error.code, ErrorCode::BadRequest);
    let system = alloc::vec![Tag { key: "aws:x".into(), value: String::new() }];
    let error = TagSet::of(Tagged::Bucket, system).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidTag);
    assert_eq!(error.message, "System tags cannot be added/updated by requester");
    let twice = alloc::vec![
        Tag { key: "a".into(), value: String::new() },
        Tag { key: "a".into(), value: String::new() },
    ];
    let error = TagSet::of(Tagged::Bucket, twice).unwrap_err();
    assert_eq!(error.message, "Cannot provide multiple Tags with the same key");
}
