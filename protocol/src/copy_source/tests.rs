//! Room: tests of copy sources: what clients send, what is refused, and that decoding is done once.

use proptest::prelude::*;

use super::*;

fn read(raw: &str) -> (String, String, Option<String>) {
    let source = CopySource::parse(raw).unwrap();
    (source.bucket.as_str().into(), source.key.as_str().into(), source.version)
}

fn owned(bucket: &str, key: &str, version: Option<&str>) -> (String, String, Option<String>) {
    (bucket.into(), key.into(), version.map(Into::into))
}

#[test]
fn sources_that_are() {
    // rule: copy-source/forms
    for (raw, bucket, key, version) in [
        ("src/a%20b%2Bc%252F%3Fd/%C3%A9~x?versionId=v1", "src", "a b+c%2F?d/é~x", Some("v1")),
        ("/src/a+b", "src", "a b", None),
        ("src%2Fkey", "src", "key", None),
        ("%2Fsrc%2Fa%2Fb", "src", "a/b", None),
        ("src/%3FversionId", "src", "?versionId", None),
        ("src/%3FversionId=x", "src", "?versionId=x", None),
        ("src/k?x=1", "src", "k?x=1", None),
        ("src/k?versionId", "src", "k?versionId", None),
        ("src/k?versionId=null", "src", "k", Some("null")),
        ("src/k?versionId=", "src", "k", None),
        ("src/k?versionId=v%2B1+/==&x=y", "src", "k", Some("v+1+/==")),
        ("src//k", "src", "/k", None),
        ("src/dir/", "src", "dir/", None),
        ("src/..", "src", "..", None),
        ("src/a/../b", "src", "a/../b", None),
        ("src/k?versionId=a?versionId=b", "src", "k?versionId=a", Some("b")),
        ("  src/k\t", "src", "k", None),
        ("src/é", "src", "é", None),
        ("src/file%252Fname", "src", "file%2Fname", None),
        (
            "my-ap-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias/k",
            "my-ap-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias",
            "k",
            None,
        ),
        ("base--usw2-az1--x-s3/key", "base--usw2-az1--x-s3", "key", None),
    ] {
        assert_eq!(read(raw), owned(bucket, key, version), "{raw}");
    }
}

#[test]
fn sources_that_are_not() {
    // rule: copy-source/malformed
    let key = "Invalid copy source object key";
    let encoding = "Invalid copy source encoding";
    let bucket = "Invalid copy source bucket name";
    for (raw, message) in [
        ("", key),
        ("src", key),
        ("src/", key),
        ("/", key),
        ("/src", key),
        ("?versionId=x", key),
        ("bucket/%ZZ", encoding),
        ("100%/x/y", encoding),
        ("bucket/%A/bar", encoding),
        ("%", encoding),
        ("bucket/%1", encoding),
        ("bucket/%C3%", encoding),
        ("bucket/%C3", encoding),
        ("bucket/k?versionId=%", encoding),
        ("192.168.1.1/foo", bucket),
        ("my-buc@k&()t/obj", bucket),
        ("2001:db8::1/x", bucket),
        ("//k", bucket),
        ("Src/k", bucket),
        ("arn:aws:s3:us-west-2:123456789012:accesspoint/ap", bucket),
        ("arn:aws:s3:us-west-2:12345678901:accesspoint/ap/object/k", bucket),
        ("arn:other:s3:us-west-2:123456789012:accesspoint/ap/object/k", bucket),
        ("arn:aws:sqs:us-west-2:123456789012:accesspoint/ap/object/k", bucket),
        ("arn:aws:s3:us-west-2:123456789012:accesspoint/ap/object/", bucket),
        ("arn:x/k", bucket),
    ] {
        let error = CopySource::parse(raw).unwrap_err();
        let expected = S3Error::invalid_argument("x-amz-copy-source", Some(raw), message);
        assert_eq!(error, expected, "{raw}");
    }
}

#[test]
fn too_long_a_key_is_an_error_of_its_own() {
    // rule: copy-source/key-too-long
    let raw = |len| alloc::format!("src/{}", "k".repeat(len));
    assert_eq!(CopySource::parse(&raw(1024)).unwrap().key.as_str().len(), 1024);
    let error = CopySource::parse(&raw(1025)).unwrap_err();
    assert_eq!(error.code, ErrorCode::KeyTooLongError);
}

#[test]
fn arns_are_refused() {
    // rule: copy-source/arn
    for raw in [
        "arn:aws:s3:us-west-2:123456789012:accesspoint/my-access-point/object/reports/january.pdf",
        "arn%3Aaws%3As3%3Aus-west-2%3A123456789012%3Aaccesspoint/my-access-point/object/k?versionId=v",
        "arn:aws:s3:us-west-2:123456789012:accesspoint:my-access-point/object/k",
        "arn:aws:s3::123456789012:accesspoint/x.mrap/object/k",
        "arn:aws:s3-outposts:us-west-2:123456789012:outpost/my-outpost/object/k",
        "arn:aws-cn:s3-outposts:us-west-2:123456789012:outpost:op-1/accesspoint/ap/object/k",
    ] {
        let error = CopySource::parse(raw).unwrap_err();
        assert_eq!(error.code, ErrorCode::NotImplemented, "{raw}");
        assert_eq!(error.detail("Header"), Some("x-amz-copy-source"));
    }
    let lambda = "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/ap/object/k";
    assert_eq!(CopySource::parse(lambda).unwrap_err().code, ErrorCode::InvalidRequest);
}

proptest! {
    #[test]
    fn an_encoded_key_is_read_back(key in ".{1,100}", leading: bool, version in "[A-Za-z0-9._-]{0,20}") {
        let slash = if leading { "/" } else { "" };
        let mut raw = alloc::format!("{slash}src/{}", percent::encode_path(&key));
        if !version.is_empty() {
            raw.push_str(&alloc::format!("?versionId={version}"));
        }
        let version = (!version.is_empty()).then_some(version);
        prop_assert_eq!(read(&raw), ("src".into(), key, version));
    }

    #[test]
    fn no_text_breaks_the_reader(text in ".{0,60}", arn in "arn[:%3A]{1,2}[a-z0-9:/%]{0,60}(/object/k)?") {
        for text in [text, arn] {
            let _: Result<CopySource, S3Error> = CopySource::parse(&text);
        }
    }
}
