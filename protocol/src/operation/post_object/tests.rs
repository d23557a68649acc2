use alloc::vec::Vec;

use super::*;
use crate::error::ErrorCode;
use crate::operation::testing::{head, pairs};

const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=b");

fn fields(pairs: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    pairs.iter().for_each(|(name, value)| fields.insert(name, value));
    fields
}

fn parse(more: &[(&str, &str)]) -> Result<PostObjectInput, S3Error> {
    let pairs: Vec<(&str, &str)> = [&[("Key", "k")][..], more].concat();
    let bucket = BucketName::parse("bucket").unwrap();
    PostObjectInput::parse(&head("POST", "/bucket", &[FORM]), &bucket, &fields(&pairs))
}

#[test]
fn the_head_says_how_long_the_form_is() {
    // rule: post/query, post/length, post/content-type
    let parse = |target, headers: &[(&str, &str)]| PostHead::parse(&head("POST", target, headers));
    let length = |len| [FORM, ("content-length", len)];
    let parsed = parse("/bucket", &length("100")).unwrap();
    assert_eq!((parsed.boundary.as_str(), parsed.len), ("b", 100));
    let error = parse("/bucket?Colour=red", &length("100")).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert_eq!(error.message, "Query String Parameters not allowed on POST requests.");
    assert_eq!(error.detail("ArgumentName"), Some("Colour"));
    assert_eq!(parse("/bucket", &[FORM]).unwrap_err().code, ErrorCode::MissingContentLength);
    let error = parse("/bucket", &[("content-length", "1")]).unwrap_err();
    assert_eq!(error.code, ErrorCode::PreconditionFailed);
    assert!(parse("/bucket", &length("5369709000")).is_ok(), "a file of 5 GiB has a frame");
    let error = parse("/bucket", &length("5369709120000")).unwrap_err();
    assert_eq!(error.code, ErrorCode::EntityTooLarge);
    assert_eq!(error.detail("MaxSizeAllowed"), Some("5368709120"));
}

#[test]
fn fields_are_what_headers_are_to_a_put() {
    // rule: post/metadata, post/tagging, post/canned-acl
    let input = parse(&[
        ("Content-Type", "text/plain"),
        ("Cache-Control", "no-store"),
        ("Content-Disposition", "inline"),
        ("Content-Encoding", "gzip"),
        ("Content-Language", "de"),
        ("Expires", "soon"),
        ("X-Amz-Meta-Colour", "röt"),
        ("x-amz-website-redirect-location", "/x"),
        ("x-amz-storage-class", "STANDARD"),
        ("acl", "private"),
        ("tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"),
        ("x-amz-tagging", "b=2"),
        ("x-amz-copy-source", "bucket/key"),
        ("x-amz-date", "20260101T000000Z"),
        ("if-none-match", "*"),
        ("unknown", "field"),
    ])
    .unwrap();
    assert_eq!(input.key.as_str(), "k");
    let metadata = &input.put.metadata;
    let system = [
        metadata.content_type.as_deref(),
        metadata.cache_control.as_deref(),
        metadata.content_disposition.as_deref(),
        metadata.content_encoding.as_deref(),
        metadata.content_language.as_deref(),
        metadata.expires.as_deref(),
        metadata.website_redirect.as_deref(),
    ];
    let expect = ["text/plain", "no-store", "inline", "gzip", "de", "soon", "/x"];
    assert_eq!(system, expect.map(Some));
    assert_eq!(metadata.user, [("colour".into(), "röt".into())]);
    let tags: Vec<_> =
        input.put.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect();
    assert_eq!(tags, [("a", "1")]);
    assert_eq!(input.put.condition, super::super::write_condition::WriteCondition::None);
    assert_eq!(parse(&[]).unwrap().put.metadata.content_type, None);
}

#[test]
fn what_a_put_refuses_a_form_refuses() {
    // rule: post/metadata, post/not-built, post/key
    let large = "x".repeat(2048);
    for (field, code) in [
        (("x-amz-server-side-encryption", "AES256"), ErrorCode::NotImplemented),
        (("x-amz-server-side-encryption-customer-key", "a2V5"), ErrorCode::NotImplemented),
        (("x-amz-storage-class", "COLD"), ErrorCode::InvalidStorageClass),
        (("x-amz-storage-class", "GLACIER"), ErrorCode::NotImplemented),
        (("x-amz-website-redirect-location", "ftp://x"), ErrorCode::InvalidRedirectLocation),
        (("x-amz-meta-large", large.as_str()), ErrorCode::MetadataTooLarge),
        (("x-amz-meta-lines", "one\r\ntwo"), ErrorCode::InvalidArgument),
        (("x-amz-meta-a b", "c"), ErrorCode::InvalidArgument),
        (("x-amz-meta-\u{e9}", "c"), ErrorCode::InvalidArgument),
        (("x-amz-meta-a\nb", "c"), ErrorCode::InvalidArgument),
        (("tagging", "a=1"), ErrorCode::MalformedXml),
        (
            ("tagging", "<Tagging><TagSet><Tag><Key>aws:x</Key><Value/></Tag></TagSet></Tagging>"),
            ErrorCode::InvalidTag,
        ),
        (("x-amz-checksum-algorithm", "CRC16"), ErrorCode::InvalidRequest),
    ] {
        assert_eq!(parse(&[field]).unwrap_err().code, code, "{field:?}");
    }
    let long = "k".repeat(1025);
    let parse = |pairs: &[(&str, &str)]| key(&fields(pairs)).unwrap_err();
    assert_eq!(parse(&[("key", &long)]).code, ErrorCode::KeyTooLongError);
    let error = parse(&[("key", "")]);
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert_eq!(error.message, "User key must have a length greater than 0.");
    let error = parse(&[]);
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert_eq!(
        error.message,
        "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields."
    );
    assert_eq!(error.detail("ArgumentName"), Some("key"));
    assert_eq!(error.detail("ArgumentValue"), Some(""));
}

#[test]
fn a_checksum_is_that_of_its_algorithm() {
    // rule: post/checksum
    const CRC32: (&str, &str) = ("x-amz-checksum-crc32", "y/Q5Jg==");
    const ALGORITHM: &str = "x-amz-checksum-algorithm";
    let asked = |more: &[(&str, &str)]| parse(more).map(|input| input.checksum);
    assert_eq!(asked(&[CRC32]), Ok(None));
    assert_eq!(asked(&[CRC32, (ALGORITHM, "CRC32")]), Ok(Some(ChecksumAlgorithm::Crc32)));
    assert_eq!(asked(&[(ALGORITHM, "sha256")]), Ok(Some(ChecksumAlgorithm::Sha256)));
    let error = asked(&[CRC32, (ALGORITHM, "SHA256")]).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidRequest);
    assert_eq!(error.message, "Value for x-amz-checksum-algorithm header is invalid.");
}

#[test]
fn the_answer_is_what_the_form_wants() {
    // rule: post/success-status, post/success-redirect, post/location
    let success = |pairs: &[(&str, &str)]| Success::of(&fields(pairs));
    const STATUS: &str = "success_action_status";
    const REDIRECT: &str = "success_action_redirect";
    for (pairs, expect) in [
        (&[][..], Success::Empty(204)),
        (&[(STATUS, "200")], Success::Empty(200)),
        (&[(STATUS, "201")], Success::Document),
        (&[(STATUS, "204")], Success::Empty(204)),
        (&[(STATUS, "404")], Success::Empty(204)),
        (&[(REDIRECT, "https://a"), (STATUS, "201")], Success::Redirect("https://a".into())),
        (&[("redirect", "http://b/")], Success::Redirect("http://b/".into())),
        (
            &[("redirect", "http://b/"), (REDIRECT, "http://a/")],
            Success::Redirect("http://a/".into()),
        ),
        (&[(REDIRECT, "/relative"), (STATUS, "201")], Success::Document),
        (&[(REDIRECT, "ftp://a/")], Success::Empty(204)),
        (&[(REDIRECT, "http://")], Success::Empty(204)),
        (&[(REDIRECT, "http://a/\r\nset-cookie: x")], Success::Empty(204)),
    ] {
        assert_eq!(success(pairs), expect, "{pairs:?}");
    }
}

#[test]
fn answers_tell_where_the_object_is() {
    // rule: post/success-status, post/success-redirect, post/location
    let (bucket, key) = (BucketName::parse("bucket").unwrap(), ObjectKey::parse("a b/ü&").unwrap());
    let request = head("POST", "/bucket", &[("host", "node:9000")]);
    let answer = |success| {
        let put = Answer::empty(200).with("etag", "\"e\"").with("x-amz-version-id", "v");
        answer(put, &request, (&bucket, &key), &success)
    };
    let location = "http://node:9000/bucket/a%20b%2F%C3%BC%26";
    for status in [200, 204] {
        let empty = answer(Success::Empty(status));
        assert_eq!((empty.status, empty.body.len()), (status, 0));
        let expect = [("etag", "\"e\""), ("x-amz-version-id", "v"), ("location", location)];
        assert_eq!(pairs(&empty), expect);
    }
    let document = answer(Success::Document);
    assert_eq!((document.status, document.header("location")), (201, Some(location)));
    assert_eq!(document.header("content-type"), Some("application/xml"));
    assert_eq!(
        core::str::from_utf8(&document.body).unwrap(),
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{location}</Location>\
             <Bucket>bucket</Bucket><Key>a b/ü&amp;</Key><ETag>&quot;e&quot;</ETag></PostResponse>"
        )
    );
    for (address, expect) in [
        ("http://x/done", "http://x/done?bucket=bucket&key=a+b%2F%C3%BC%26&etag=%22e%22"),
        ("http://x/?a=b c", "http://x/?a=b c&bucket=bucket&key=a+b%2F%C3%BC%26&etag=%22e%22"),
    ] {
        let redirect = answer(Success::Redirect(address.into()));
        assert_eq!((redirect.status, redirect.body.len()), (303, 0));
        assert_eq!(redirect.header("location"), Some(expect));
    }
    let mut below = head("POST", "/", &[]);
    below.style = AddressStyle::VirtualHost;
    below.secure = true;
    assert_eq!(super::location(&below, &bucket, &key), "https://localhost/a%20b%2F%C3%BC%26");
}
