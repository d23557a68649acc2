//! Room: tests of request heads: targets, queries, headers.

use alloc::format;
use alloc::string::ToString;

use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;

fn target(path: &str) -> Result<Target, S3Error> {
    Head::new(Method::Get, path, None, Headers::new(), &[]).map(|head| head.target)
}

fn bucket(name: &str) -> BucketName {
    BucketName::parse(name).unwrap()
}

fn object(name: &str, key: &str) -> Target {
    Target::Object(bucket(name), ObjectKey::parse(key).unwrap())
}

#[test]
fn targets_of_paths() {
    for (path, expected) in [
        ("/", Target::Service),
        ("/bucket", Target::Bucket(bucket("bucket"))),
        ("/bucket/", Target::Bucket(bucket("bucket"))),
        ("/bucket/key", object("bucket", "key")),
        ("/bucket//key", object("bucket", "/key")),
        ("/bucket/a/b/", object("bucket", "a/b/")),
        ("/bucket/a%2Fb", object("bucket", "a/b")),
        ("/bucket/a%252Fb", object("bucket", "a%2Fb")),
        ("/bucket/a+b%20c", object("bucket", "a+b c")),
        ("/bucket/../x/./y", object("bucket", "../x/./y")),
        ("/bucket/%C3%A9", object("bucket", "é")),
        ("/bucket%2Fkey", object("bucket", "key")),
    ] {
        assert_eq!(target(path).unwrap(), expected, "{path}");
    }
}

#[test]
fn paths_that_are_not() {
    for (path, code) in [
        ("", ErrorCode::InvalidUri),
        ("*", ErrorCode::InvalidUri),
        ("bucket/key", ErrorCode::InvalidUri),
        ("/bucket/%", ErrorCode::InvalidUri),
        ("/bucket/%zz", ErrorCode::InvalidUri),
        ("/bucket/%C3", ErrorCode::InvalidUri),
        ("//key", ErrorCode::InvalidBucketName),
        ("/Bucket/key", ErrorCode::InvalidBucketName),
        ("/ab", ErrorCode::InvalidBucketName),
    ] {
        assert_eq!(target(path).unwrap_err().code, code, "{path}");
    }
    assert_eq!(target("/bucket/%zz").unwrap_err().message, "Couldn't parse the specified URI.");
    let key = "k".repeat(1025);
    let error = target(&format!("/bucket/{key}")).unwrap_err();
    assert_eq!(error.code, ErrorCode::KeyTooLongError);
}

#[test]
fn queries_are_decoded_once() {
    let query =
        Query::parse("uploadId=a%2Bb&partNumber=1&uploads&x=1=2&&p=a+b%2520&x=3&=v").unwrap();
    assert_eq!(query.get("uploadId"), Some("a+b"));
    assert_eq!(query.get("partNumber"), Some("1"));
    assert_eq!(query.get("uploads"), Some(""));
    assert!(query.has("uploads") && !query.has("uploadid"));
    assert_eq!(query.get("x"), Some("1=2"));
    assert_eq!(query.get("p"), Some("a b%20"));
    assert_eq!(query.get("y"), None);
    assert_eq!(query.pairs().len(), 7);
    assert_eq!(query.pairs()[6], ("".to_string(), "v".to_string()));
    assert!(query.raw().starts_with("uploadId=a%2Bb&"));
}

#[test]
fn queries_that_do_not_decode() {
    for raw in ["%", "a=%zz", "a=%C3"] {
        assert_eq!(Query::parse(raw).unwrap_err().code, ErrorCode::InvalidUri, "{raw}");
    }
}

#[test]
fn headers_are_found_in_any_case_and_trimmed() {
    let mut headers = Headers::new();
    headers.insert("X-Amz-Thing", b" a \t".as_slice());
    headers.insert("x-amz-thing", b"b".as_slice());
    headers.insert("empty", b"  ".as_slice());
    assert_eq!(headers.get("x-amz-thing"), Some("a"));
    assert!(headers.all("x-amz-thing").eq(["a", "b"]));
    assert_eq!(headers.get("empty"), Some(""));
    assert_eq!(headers.get_non_empty("empty"), None);
    assert!(headers.has("empty") && !headers.has("absent"));
    assert!(headers.iter().map(|(name, _)| name).eq(["x-amz-thing", "x-amz-thing", "empty"]));
}

#[test]
fn headers_that_mean_something_must_be_utf_8() {
    let head = |name: &str| {
        let mut headers = Headers::new();
        headers.insert(name, [0xff, 0xfe]);
        Head::new(Method::Put, "/bucket/key", None, headers, &[])
    };
    for name in ["x-amz-copy-source", "x-amz-meta-a", "if-match", "range", "content-type"] {
        let error = head(name).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(error.detail("ArgumentName"), Some(name));
    }
    let head = head("user-agent").unwrap();
    assert_eq!(head.headers.get("user-agent"), None);
}

#[test]
fn headers_are_bounded() {
    let head = |len: usize| {
        let mut headers = Headers::new();
        headers.insert("name", alloc::vec![b'v'; len]);
        Head::new(Method::Put, "/bucket/key", None, headers, &[])
    };
    head(HEADER_SECTION_LEN_MAX - 8).unwrap();
    let error = head(HEADER_SECTION_LEN_MAX - 7).unwrap_err();
    assert_eq!(error.code, ErrorCode::RequestHeaderSectionTooLarge);
}

#[test]
fn methods_keep_their_names() {
    for name in ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "get"] {
        assert_eq!(Method::parse(name).as_str(), name);
    }
    assert_eq!(Method::parse("get"), Method::Other("get".into()));
}

proptest! {
    #[test]
    fn an_encoded_key_is_read_back(key in ".{1,100}") {
        let path = format!("/bucket/{}", percent::encode_path(&key));
        prop_assert_eq!(target(&path).unwrap(), object("bucket", &key));
    }

    #[test]
    fn an_encoded_query_is_read_back(name in ".{1,20}", value in ".{0,20}") {
        let raw = format!("a=b&{}={}", percent::encode(&name), percent::encode(&value));
        let query = Query::parse(&raw).unwrap();
        prop_assert_eq!(&query.pairs()[1], &(name, value));
    }
}
