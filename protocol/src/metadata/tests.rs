//! Room: tests of metadata: what is kept, joined, stripped and bounded.

use super::*;
use crate::request::{Headers, Method};

fn parse(lines: &[(&str, &str)]) -> Result<ObjectMetadata, S3Error> {
    let mut headers = Headers::new();
    lines.iter().for_each(|(name, value)| headers.insert(*name, value.as_bytes()));
    ObjectMetadata::parse(&Head::new(Method::Put, "/bucket/key", None, headers, &[]).unwrap())
}

#[test]
fn what_came_is_answered() {
    // rule: put/metadata
    let lines = [
        ("content-type", "text/plain; charset=utf-8"),
        ("cache-control", "no-cache"),
        ("content-disposition", "attachment; filename=\"é\""),
        ("content-encoding", "gzip"),
        ("content-language", "de"),
        ("expires", "whenever"),
        ("x-amz-website-redirect-location", "/elsewhere"),
        ("x-amz-meta-a", "1"),
        ("x-amz-meta-b", "zwei ü"),
    ];
    let expected: Vec<(String, String)> =
        lines.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    assert_eq!(parse(&lines).unwrap().answer_headers(), expected);
}

#[test]
fn nothing_is_answered_as_bytes() {
    // rule: put/content-type
    let metadata =
        parse(&[("content-type", ""), ("x-amz-acl", "private"), ("content-length", "3")]);
    let metadata = metadata.unwrap();
    assert_eq!(metadata, ObjectMetadata::default());
    let only: [(String, String); 1] = [("content-type".into(), "binary/octet-stream".into())];
    assert_eq!(metadata.answer_headers(), only);
}

#[test]
fn framing_is_not_kept_as_an_encoding() {
    // rule: put/content-encoding
    for (sent, kept) in [
        (&["aws-chunked"][..], None),
        (&["gzip,aws-chunked"], Some("gzip")),
        (&["aws-chunked, gzip"], Some("gzip")),
        (&["aws-chunked", "br"], Some("br")),
        (&["gzip, br"], Some("gzip,br")),
        (&["AWS-Chunked,"], None),
    ] {
        let lines: Vec<_> = sent.iter().map(|value| ("content-encoding", *value)).collect();
        assert_eq!(parse(&lines).unwrap().content_encoding.as_deref(), kept, "{sent:?}");
    }
}

#[test]
fn user_metadata_is_sorted_and_repeated_names_are_joined() {
    // rule: put/metadata
    let user =
        parse(&[("X-Amz-Meta-B", "1"), ("x-amz-meta-a", ""), ("x-amz-meta-b", "2")]).unwrap().user;
    let expected: [(String, String); 2] = [("a".into(), "".into()), ("b".into(), "1,2".into())];
    assert_eq!(user, expected);
}

#[test]
fn user_metadata_is_bounded() {
    // rule: put/metadata-too-large
    let value = "v".repeat(USER_METADATA_LEN_MAX - 3);
    parse(&[("x-amz-meta-ab", &value), ("x-amz-meta-c", "")]).unwrap();
    let error = parse(&[("x-amz-meta-ab", &value), ("x-amz-meta-cd", "")]).unwrap_err();
    assert_eq!(error.code, ErrorCode::MetadataTooLarge);
    assert_eq!(error.detail("Size"), Some("2049"));
    assert_eq!(error.detail("MaxSizeAllowed"), Some("2048"));
}

#[test]
fn redirects_are_paths_or_urls() {
    // rule: put/redirect
    for location in ["/x", "http://x", "https://x/y"] {
        parse(&[("x-amz-website-redirect-location", location)]).unwrap();
    }
    for location in ["x", "ftp://x", "HTTP//x"] {
        let error = parse(&[("x-amz-website-redirect-location", location)]).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRedirectLocation);
    }
}
