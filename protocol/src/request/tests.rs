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

/// Each trick means a bucket and a key, or is refused; never a file, another bucket or another key.
#[test]
fn tricks_with_paths_are_keys_like_others() {
    for (path, expected) in [
        // Dot segments are names: nothing is resolved, escaped or not.
        ("/bucket/../../etc/passwd", object("bucket", "../../etc/passwd")),
        ("/bucket/%2e%2e/%2E%2E/x", object("bucket", "../../x")),
        ("/bucket/..%2F..%2Fx", object("bucket", "../../x")),
        ("/bucket/.", object("bucket", ".")),
        ("/bucket/..", object("bucket", "..")),
        ("/bucket/a/./b/../c", object("bucket", "a/./b/../c")),
        ("/bucket/..%5C..%5Cx", object("bucket", "..\\..\\x")),
        // Slashes count, each one, at the beginning, in the middle and at the end.
        ("/bucket//", object("bucket", "/")),
        ("/bucket///a//b//", object("bucket", "//a//b//")),
        ("/bucket/%2F", object("bucket", "/")),
        ("/bucket%2f%2Fa", object("bucket", "/a")),
        // Decoded once.
        ("/bucket/%252e%252e%252fx", object("bucket", "%2e%2e%2fx")),
        ("/bucket/%25", object("bucket", "%")),
        ("/bucket/%2500", object("bucket", "%00")),
        // A plus is a plus, a question mark and a hash in an escape are no ends.
        ("/bucket/a+b%2Bc", object("bucket", "a+b+c")),
        ("/bucket/a%3Fb%23c", object("bucket", "a?b#c")),
        // All of UTF-8 is allowed, control characters too.
        ("/bucket/a%00b", object("bucket", "a\0b")),
        ("/bucket/%0D%0Ax-amz-acl:%20public-read", object("bucket", "\r\nx-amz-acl: public-read")),
        ("/bucket/%EF%BF%BE", object("bucket", "\u{fffe}")),
        ("/bucket/e%CC%81", object("bucket", "e\u{301}")),
        ("/bucket/%C3%A9", object("bucket", "\u{e9}")),
    ] {
        assert_eq!(target(path).unwrap(), expected, "{path}");
    }
    for (path, code) in [
        // Broken escapes, and what is not UTF-8: truncated, alone, too long, a surrogate, beyond Unicode.
        ("/bucket/%", ErrorCode::InvalidUri),
        ("/bucket/%2", ErrorCode::InvalidUri),
        ("/bucket/%G0", ErrorCode::InvalidUri),
        ("/bucket/%+1", ErrorCode::InvalidUri),
        ("/bucket/%u0041", ErrorCode::InvalidUri),
        ("/bucket/%FF", ErrorCode::InvalidUri),
        ("/bucket/%C3", ErrorCode::InvalidUri),
        ("/bucket/%80", ErrorCode::InvalidUri),
        ("/bucket/%C0%AF", ErrorCode::InvalidUri),
        ("/bucket/%C0%80", ErrorCode::InvalidUri),
        ("/bucket/%ED%A0%80", ErrorCode::InvalidUri),
        ("/bucket/%F4%90%80%80", ErrorCode::InvalidUri),
        // What stands where a bucket should.
        ("/../bucket/k", ErrorCode::InvalidBucketName),
        ("/%2e%2e/bucket", ErrorCode::InvalidBucketName),
        ("/./bucket", ErrorCode::InvalidBucketName),
        ("//bucket/k", ErrorCode::InvalidBucketName),
        ("/%2Fbucket/k", ErrorCode::InvalidBucketName),
        ("/buck%00et/k", ErrorCode::InvalidBucketName),
        ("/bucket%20/k", ErrorCode::InvalidBucketName),
        ("/b%C3%BCcket/k", ErrorCode::InvalidBucketName),
        ("/bucket%252Fk", ErrorCode::InvalidBucketName),
        ("/bucket+/k", ErrorCode::InvalidBucketName),
        ("/..bucket/k", ErrorCode::InvalidBucketName),
        ("/127.0.0.1/k", ErrorCode::InvalidBucketName),
    ] {
        assert_eq!(target(path).unwrap_err().code, code, "{path}");
    }
}

fn at_host(host: &str, path: &str) -> Result<Head, S3Error> {
    let domains = ["example.test", "s3.example.test", "localhost"].map(|text| text.to_string());
    let mut headers = Headers::new();
    headers.insert("host", host);
    Head::new(Method::Get, path, None, headers, &domains)
}

#[test]
fn a_host_below_a_domain_names_the_bucket() {
    // rule: host/bucket
    for (host, path, expected) in [
        ("bucket.s3.example.test", "/", Target::Bucket(bucket("bucket"))),
        ("bucket.s3.example.test", "/k", object("bucket", "k")),
        ("bucket.s3.example.test:9000", "/k/l/", object("bucket", "k/l/")),
        ("BUCKET.S3.Example.TEST:80", "/K", object("bucket", "K")),
        ("bucket.s3.example.test.", "/k", object("bucket", "k")),
        ("my.dotted.bucket.s3.example.test", "/k", object("my.dotted.bucket", "k")),
        // The longest domain wins; a shorter one serves what is below it alone.
        ("bucket.example.test", "/k", object("bucket", "k")),
        ("bucket.localhost:9000", "/k", object("bucket", "k")),
        // The whole path is the key.
        ("bucket.s3.example.test", "/other/k", object("bucket", "other/k")),
        ("bucket.s3.example.test", "//k", object("bucket", "/k")),
        ("bucket.s3.example.test", "/../k", object("bucket", "../k")),
        ("bucket.s3.example.test", "/%2Fk%252F+", object("bucket", "/k%2F+")),
    ] {
        let head = at_host(host, path).unwrap();
        assert_eq!(head.target, expected, "{host} {path}");
        assert_eq!(head.style, AddressStyle::VirtualHost, "{host}");
        assert_eq!(head.path, path);
    }
}

#[test]
fn every_other_host_means_the_path() {
    // rule: host/path
    for host in [
        "s3.example.test",
        "S3.EXAMPLE.TEST:9000",
        "s3.example.test.",
        "example.test",
        "localhost",
        "localhost:9000",
        "127.0.0.1:9000",
        "[::1]:9000",
        "[::1]",
        "bucket.elsewhere.test",
        "bucket.s3.example.test.elsewhere",
        "evils3.example.test.other",
        "myexample.test",
        "",
    ] {
        let head = at_host(host, "/bucket/k").unwrap();
        assert_eq!(head.target, object("bucket", "k"), "{host}");
        assert_eq!(head.style, AddressStyle::Path, "{host}");
        assert_eq!(at_host(host, "/").unwrap().target, Target::Service, "{host}");
    }
    assert_eq!(target("/bucket/k").unwrap(), object("bucket", "k"), "no host at all");
}

#[test]
fn a_host_that_names_no_bucket_is_refused() {
    // rule: host/no-bucket, host/one
    for (host, code) in [
        (".s3.example.test", ErrorCode::InvalidBucketName),
        ("ab.s3.example.test", ErrorCode::InvalidBucketName),
        ("a_b.s3.example.test", ErrorCode::InvalidBucketName),
        ("10.0.0.1.s3.example.test", ErrorCode::InvalidBucketName),
        ("bucket..s3.example.test", ErrorCode::InvalidBucketName),
        ("user@bucket.s3.example.test", ErrorCode::BadRequest),
        ("bucket.s3.example.test/x", ErrorCode::BadRequest),
        ("a.s3.example.test,b.s3.example.test", ErrorCode::BadRequest),
        ("bucket .s3.example.test", ErrorCode::BadRequest),
    ] {
        assert_eq!(at_host(host, "/k").unwrap_err().code, code, "{host}");
    }
    let mut two = Headers::new();
    two.insert("Host", "a.example.test");
    two.insert("host", "a.example.test");
    let error = Head::new(Method::Get, "/k", None, two, &[]).unwrap_err();
    assert_eq!((error.code, error.status()), (ErrorCode::BadRequest, 400));
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
    let error = Query::parse("X-Amz-Signature=5ec2e7&a=%zz").unwrap_err();
    assert_eq!(error.detail("URI"), Some("%zz"), "the rest may be a signature");
}

#[test]
fn a_parameter_with_two_values_is_ambiguous() {
    for query in ["partNumber=1&partNumber=2", "b&a=1&part%4Eumber=2&partNumber=", "a&a=1"] {
        let error = Query::parse(query).unwrap().refuse_ambiguous().unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{query}");
    }
    for query in ["", "a=1&b=1&A=2", "uploads&uploads=&x=%20&x=+"] {
        assert_eq!(Query::parse(query).unwrap().refuse_ambiguous(), Ok(()), "{query}");
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
fn lines_of_one_name_are_one_value() {
    let mut headers = Headers::new();
    for (name, value) in [
        ("Host", "h"),
        ("X-Amz-Copy-Source", " src/a  "),
        ("x-amz-meta-a", "1"),
        ("x-amz-copy-source", " b"),
        ("if-match", "\"a\""),
        ("If-Match", ""),
        ("x-amz-copy-source", "c "),
        ("authorization", "a"),
        ("authorization", "b"),
    ] {
        headers.insert(name, value);
    }
    let head = Head::new(Method::Put, "/bucket/k", None, headers, &[]).unwrap();
    let lines: Vec<_> = head.headers.iter().collect();
    assert_eq!(
        lines,
        [
            ("host", &b"h"[..]),
            ("x-amz-copy-source", b" src/a,b,c"),
            ("x-amz-meta-a", b"1"),
            ("if-match", b"\"a\","),
            ("authorization", b"a"),
            ("authorization", b"b"),
        ]
    );
    assert_eq!(head.headers.get("x-amz-copy-source"), Some("src/a,b,c"));
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
