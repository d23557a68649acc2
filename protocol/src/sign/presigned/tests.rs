//! Room: tests of presigned requests: those of S3's pages and of a client, each fault, each hoisted header.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::sign::{Signer, Unsigned};
use super::super::vectors;
use super::super::{Authenticated, Credential, PayloadMode, authenticate};
use super::*;
use crate::request::{Headers, Method};

const REGION: &str = "us-east-1";
const HOST: &str = "bucket.s3.test";
const LIFE_S: u64 = 600;

fn at(amz_date: &str) -> Timestamp {
    Timestamp::parse_amz_date(amz_date).unwrap()
}

fn now() -> Timestamp {
    at(vectors::DATE)
}

fn keyring() -> Credential {
    Credential {
        access_key: vectors::ACCESS_KEY.to_string(),
        secret_key: vectors::SECRET_KEY.to_string(),
    }
}

fn head(method: &str, path: &str, query: &str, headers: &[(&str, &str)]) -> Head {
    let list: Headers =
        headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    let domains = ["s3.test".to_string(), "s3.amazonaws.com".to_string()];
    Head::new(Method::parse(method), path, Some(query), list, &domains).unwrap()
}

/// The query of a URL for `PUT /k`, with these headers besides the host.
fn presigned(own: &str, headers: &[(&str, &str)], payload: PayloadMode) -> String {
    let mut signed = Headers::new();
    signed.insert("host", HOST);
    headers.iter().for_each(|(name, value)| signed.insert(*name, *value));
    let credential = keyring();
    let unsigned = Unsigned { method: "PUT", path: "/k", query: own, headers: &signed, payload };
    Signer { credential: &credential, region: REGION, now: now() }.presign(&unsigned, LIFE_S)
}

fn put(query: &str, headers: &[(&str, &str)]) -> Head {
    let mut all = Vec::from([("host", HOST)]);
    all.extend_from_slice(headers);
    head("PUT", "/k", query, &all)
}

fn ask(head: &Head) -> Result<Authenticated, S3Error> {
    authenticate(head, REGION, &keyring(), now())
}

/// A URL that S3's pages show, or one by botocore 1.44.5: all of it but what every one has.
struct Presigned {
    method: &'static str,
    host: &'static str,
    path: &'static str,
    /// Before the parameters that sign.
    query: &'static str,
    headers: &'static [(&'static str, &'static str)],
    life_s: u64,
    signature: &'static str,
}

const OF_A_CLIENT: &[Presigned] = &[
    Presigned {
        method: "GET",
        host: "s3.test:9000",
        path: "/bucket/a%20b/%C3%A9%2B%26%3D~%2A%27%28%29%21//../x%252F",
        query: "response-content-type=text%2Fplain%3B%20a%3Db&",
        headers: &[],
        life_s: 3600,
        signature: "51aa8ccf0120b05a398d8b0f5a374d571d5eb8099cf4dbc053298944a639bc58",
    },
    Presigned {
        method: "GET",
        host: "my.bucket.s3.test:9000",
        path: "/k/%C3%BC",
        query: "",
        headers: &[],
        life_s: 604800,
        signature: "3adf6460f6497d5958d8a23d7f5dc528027a4bde70248c6fecdefc7dd65a0766",
    },
    Presigned {
        method: "PUT",
        host: "s3.test:9000",
        path: "/bucket/k",
        query: "",
        headers: &[("content-type", "text/plain"), ("x-amz-meta-a", "b  c")],
        life_s: 60,
        signature: "c8f38203d8c2f3e4264c35d8e51d610da4ddd2ecbbad73826c3fb8006507f9be",
    },
    Presigned {
        method: "PUT",
        host: "bucket.s3.test:9000",
        path: "/k",
        query: "uploadId=u-1&partNumber=7&",
        headers: &[],
        life_s: 1,
        signature: "9e85de8a564141f96cf87c2ff2fc0abe88738bc1cafdb2a06cdafd00b3aba7dc",
    },
    Presigned {
        method: "PUT",
        host: "s3.test:9000",
        path: "/bucket/k",
        query: "uploadId=u-1&partNumber=7&",
        headers: &[
            ("x-amz-copy-source", "src/a%20b%2B%C3%A9"),
            ("x-amz-copy-source-range", "bytes=0-9"),
        ],
        life_s: 1,
        signature: "728aa9195a2740775ff35343f9da6d2da76a24bcb5b78ab0016decbc89f7ee70",
    },
    Presigned {
        method: "HEAD",
        host: "s3.test:9000",
        path: "/bucket/k",
        query: "",
        headers: &[("x-amz-checksum-mode", "ENABLED")],
        life_s: 10,
        signature: "711aac8ea6e50f9b281007278dd56b44c9a24a1c725b21f1a99a2bb3b9a6e286",
    },
    Presigned {
        method: "DELETE",
        host: "s3.test:9000",
        path: "/bucket/k",
        query: "",
        headers: &[],
        life_s: 10,
        signature: "eef857087e3272c62e35d9c57e515140b8fe5668ecf893c3afa206afb959c410",
    },
    Presigned {
        method: "GET",
        host: "bucket.s3.test:9000",
        path: "/",
        query: "list-type=2&prefix=a%20b%2F&encoding-type=url&",
        headers: &[],
        life_s: 10,
        signature: "ca5f899e1e279266a6943e9937527e8dc862448d710de121526c6fcc28d802b0",
    },
];

impl Presigned {
    fn head(&self) -> Head {
        let mut headers = Vec::from([("host", self.host)]);
        headers.extend_from_slice(self.headers);
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let mut names = names;
        names.sort_unstable();
        let query = format!(
            "{}X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}%2F20260304%2Fus-east-1%2Fs3%2F\
             aws4_request&X-Amz-Date={}&X-Amz-Expires={}&X-Amz-SignedHeaders={}&X-Amz-Signature={}",
            self.query,
            vectors::ACCESS_KEY,
            vectors::DATE,
            self.life_s,
            names.join("%3B"),
            self.signature
        );
        head(self.method, self.path, &query, &headers)
    }
}

#[test]
fn the_example_of_the_s3_pages_verifies() {
    // rule: presigned/every-operation
    let credential = Credential {
        access_key: "AKIAIOSFODNN7EXAMPLE".to_string(),
        secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_string(),
    };
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524\
                 %2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400\
                 &X-Amz-SignedHeaders=host&X-Amz-Signature=\
                 aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let head = head("GET", "/test.txt", query, &[("host", "examplebucket.s3.amazonaws.com")]);
    let who = authenticate(&head, REGION, &credential, at("20130524T235959Z")).unwrap();
    assert_eq!((&*who.access_key, who.payload), ("AKIAIOSFODNN7EXAMPLE", PayloadMode::Unsigned));
}

#[test]
fn urls_of_a_client_verify() {
    // rule: presigned/every-operation
    for url in OF_A_CLIENT {
        let who = ask(&url.head());
        assert_eq!(who.expect(url.path).payload, PayloadMode::Unsigned, "{}", url.path);
    }
}

#[test]
fn whatever_is_changed_breaks_the_signature() {
    // rule: presigned/nothing-else
    for url in OF_A_CLIENT {
        let good = url.head();
        let mut changed: Vec<Head> = Vec::new();
        changed.push(Head { method: Method::Post, ..good.clone() });
        changed.push(Head { path: format!("{}x", good.path), ..good.clone() });
        for (from, to) in [
            ("X-Amz-Expires=", "X-Amz-Expires=1"),
            ("X-Amz-Expires", "response-cache-control=no-cache&X-Amz-Expires"),
            ("X-Amz-Expires", "partNumber=8&X-Amz-Expires"),
            ("X-Amz-Signature=", "X-Amz-Signature=0"),
            ("SignedHeaders=", "SignedHeaders=accept%3B"),
        ] {
            let raw = good.query.raw().replacen(from, to, 1);
            // Another life is only too long here, not expired.
            if url.life_s < 10_000 || !to.ends_with('1') {
                let query = crate::request::Query::parse(&raw).unwrap();
                changed.push(Head { query, ..good.clone() });
            }
        }
        for name in good.headers.iter().map(|(name, _)| name) {
            let spoilt = good.headers.iter().map(|(n, value)| {
                let value = if n == name { [value, b"x"].concat() } else { value.to_vec() };
                (n.to_string(), value)
            });
            changed.push(Head { headers: spoilt.collect(), ..good.clone() });
        }
        assert!(changed.len() >= 7, "{}", url.path);
        for head in changed {
            let error = ask(&head).unwrap_err();
            assert_eq!(error.code, ErrorCode::SignatureDoesNotMatch, "{head:?}");
            assert!(!error.detail("CanonicalRequest").unwrap().contains(SIGNATURE));
            assert!(error.detail("StringToSign").unwrap().starts_with(ALGORITHM));
        }
    }
}

/// What is replaced in a good query, by what, and the sentence of `AuthorizationQueryParametersError`.
const FAULTS: [(&str, &str, &str); 24] = [
    ("X-Amz-Algorithm=AWS4-HMAC-SHA256&", "", SIX),
    ("X-Amz-Credential=", "x=", SIX),
    ("X-Amz-Signature=", "x=", SIX),
    ("X-Amz-Date=", "x=", SIX),
    ("X-Amz-SignedHeaders=", "x=", SIX),
    ("X-Amz-Expires=", "x=", SIX),
    ("X-Amz-Expires=600", "X-Amz-Expires=", SIX),
    ("X-Amz-Expires=600", "X-Amz-Expires", SIX),
    ("X-Amz-Expires", "x-amz-expires", SIX),
    ("X-Amz-Date=", "X-Amz-Date=1&X-Amz-Date=", "The X-Amz-Date parameter must be specified once."),
    (
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA512",
        "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\"",
    ),
    (
        "AWS4-HMAC-SHA256",
        "AWS4-ECDSA-P256-SHA256",
        "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"",
    ),
    (
        "%2Fs3%2F",
        "%2F",
        "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \
         \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
    ),
    (
        "%2F20260304%2F",
        "%2F2026-3-4%2F",
        "Error parsing the X-Amz-Credential parameter; incorrect date format \"2026-3-4\". This date \
         in the credential must be in the format \"yyyyMMdd\".",
    ),
    (
        "us-east-1",
        "eu-west-1",
        "Error parsing the X-Amz-Credential parameter; the region 'eu-west-1' is wrong; expecting \
         'us-east-1'",
    ),
    (
        "%2Fs3%2F",
        "%2Fec2%2F",
        "Error parsing the X-Amz-Credential parameter; incorrect service \"ec2\". This endpoint \
         belongs to \"s3\".",
    ),
    (
        "aws4_",
        "aws5_",
        "Error parsing the X-Amz-Credential parameter; incorrect terminal \"aws5_request\". This \
         endpoint uses \"aws4_request\".",
    ),
    (
        "%2F20260304%2F",
        "%2F20260305%2F",
        "Error parsing the X-Amz-Credential parameter; Invalid credential date. Date is not the same \
         as X-Amz-Date.",
    ),
    ("T050607Z", "T0506Z", DATE_FORMAT),
    ("20260304T050607Z", "Wed%2C%2004%20Mar%202026%2005%3A06%3A07%20GMT", DATE_FORMAT),
    ("=600", "=ten", "X-Amz-Expires should be a number"),
    ("=600", "=%2B600", "X-Amz-Expires should be a number"),
    ("=600", "=-600", "X-Amz-Expires must be non-negative"),
    ("=600", "=604801", TOO_LONG),
];

const SIX: &str = "Query-string authentication version 4 requires the X-Amz-Algorithm, \
     X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.";
const DATE_FORMAT: &str = "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"";
const TOO_LONG: &str = "X-Amz-Expires must be less than a week (in seconds); that is, the given \
     X-Amz-Expires must be less than 604800 seconds";

#[test]
fn parameters_must_be_well_formed() {
    // rule: presigned/six, presigned/algorithm, presigned/credential, presigned/date
    // rule: presigned/life
    let good = presigned("", &[], PayloadMode::Unsigned);
    assert!(ask(&put(&good, &[])).is_ok());
    for (from, to, message) in FAULTS {
        assert!(good.contains(from), "{from} in {good}");
        let error = ask(&put(&good.replacen(from, to, 1), &[])).unwrap_err();
        assert_eq!(error.code, ErrorCode::AuthorizationQueryParametersError, "{from} -> {to}");
        assert_eq!((error.status(), &*error.message), (400, message), "{from} -> {to}");
        assert_eq!(error.detail("Region").is_some(), from == "us-east-1");
    }
    for digits in ["604801", "99999999999999999999999999"] {
        assert_eq!(life_seconds(digits).unwrap_err().message, TOO_LONG);
    }
    assert_eq!((life_seconds("0"), life_seconds("604800")), (Ok(0), Ok(604_800)));
    for text in ["-", "1 ", "0x10", "1e3", "१"] {
        assert_eq!(life_seconds(text).unwrap_err().message, "X-Amz-Expires should be a number");
    }
}

#[test]
fn a_url_lives_as_long_as_it_says() {
    // rule: presigned/expired, presigned/not-yet
    let head = put(&presigned("", &[], PayloadMode::Unsigned), &[]);
    let signed = now().as_millis();
    let skew = i64::try_from(CLOCK_SKEW_MAX_MS).unwrap();
    let life = i64::try_from(LIFE_S).unwrap() * 1000;
    for (passed, message) in [
        (-skew, None),
        (-skew - 1, Some("Request is not valid yet")),
        (0, None),
        (life, None),
        (life + 1, Some("Request has expired")),
        (30 * life, Some("Request has expired")),
    ] {
        let now = Timestamp::from_millis(signed.checked_add_signed(passed).unwrap());
        let result = authenticate(&head, REGION, &keyring(), now);
        let refusal = result.as_ref().err().map(|error| (error.code, &*error.message));
        assert_eq!(refusal, message.map(|text| (ErrorCode::AccessDenied, text)), "{passed}");
    }
    let late = Timestamp::from_millis(signed + 2 * 600_000);
    let error = authenticate(&head, REGION, &keyring(), late).unwrap_err();
    assert_eq!(error.status(), 403);
    assert_eq!(error.detail("X-Amz-Expires"), Some("600"));
    assert_eq!(error.detail("Expires"), Some("2026-03-04T05:16:07.000Z"));
    assert_eq!(error.detail("ServerTime"), Some("2026-03-04T05:26:07.000Z"));
}

#[test]
fn every_amz_header_must_be_signed() {
    // rule: presigned/unsigned-headers
    let query = presigned("", &[("x-amz-meta-a", "1")], PayloadMode::Unsigned);
    assert!(ask(&put(&query, &[("x-amz-meta-a", "1"), ("content-md5", "x")])).is_ok());
    let late = [("x-amz-meta-a", "1"), ("X-Amz-Meta-B", "2"), ("x-amz-acl", "private")];
    let error = ask(&put(&query, &late)).unwrap_err();
    assert_eq!((error.code, error.status()), (ErrorCode::AccessDenied, 403));
    assert_eq!(error.message, "There were headers present in the request which were not signed");
    assert_eq!(error.detail("HeadersNotSigned"), Some("x-amz-acl, x-amz-meta-b"));
    let without_host = query.replace("host%3B", "");
    let error = ask(&put(&without_host, &[("x-amz-meta-a", "1")])).unwrap_err();
    assert_eq!(error.detail("HeadersNotSigned"), Some("host"));
}

#[test]
fn a_copy_source_must_be_a_signed_header() {
    // rule: presigned/copy-source
    let source = ("x-amz-copy-source", "/bucket/k");
    let part = "uploadId=u&partNumber=1";
    let signed = presigned(part, &[source], PayloadMode::Unsigned);
    assert!(ask(&put(&signed, &[source])).is_ok());
    let error = ask(&put(&signed, &[("x-amz-copy-source", "/bucket/other")])).unwrap_err();
    assert_eq!(error.code, ErrorCode::SignatureDoesNotMatch);
    // One that is signed and missing counts as an empty one, which was not signed.
    assert_eq!(ask(&put(&signed, &[])).unwrap_err().code, ErrorCode::SignatureDoesNotMatch);
    let unsigned = presigned(part, &[], PayloadMode::Unsigned);
    let hoisted =
        presigned(&format!("{part}&X-Amz-Copy-Source=%2Fbucket%2Fk"), &[], PayloadMode::Unsigned);
    for head in [put(&unsigned, &[source]), put(&hoisted, &[])] {
        let error = ask(&head).unwrap_err();
        assert_eq!(error.code, ErrorCode::AccessDenied);
        assert_eq!(error.detail("HeadersNotSigned"), Some("x-amz-copy-source"));
    }
}

#[test]
fn only_one_mechanism_signs() {
    // rule: signature/one-way, signature/token, signature/unknown-key
    let query = presigned("", &[], PayloadMode::Unsigned);
    let secret = "AWS4-HMAC-SHA256 Credential=c, SignedHeaders=host, Signature=5ec2e7";
    let error = ask(&put(&query, &[("authorization", secret)])).unwrap_err();
    assert_eq!((error.code, error.status()), (ErrorCode::InvalidArgument, 400));
    assert_eq!(
        error.message,
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query \
         string parameter or the Authorization header should be specified"
    );
    assert!(!format!("{error:?}").contains("5ec2e7"));
    assert!(ask(&put(&query, &[("authorization", "")])).is_ok());
    let token = presigned("X-Amz-Security-Token=t", &[], PayloadMode::Unsigned);
    assert_eq!(ask(&put(&token, &[])).unwrap_err().code, ErrorCode::InvalidToken);
    let nobody = Credential { access_key: "somebody".to_string(), ..keyring() };
    let error = authenticate(&put(&query, &[]), REGION, &nobody, now()).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidAccessKeyId);
}

#[test]
fn a_url_may_vouch_for_the_body() {
    // rule: presigned/body
    let hash = PayloadMode::Hash([0xab; 32]);
    let text = hash.text();
    let in_query = presigned("", &[], hash);
    assert_eq!(ask(&put(&in_query, &[])).unwrap().payload, hash);
    let both = [(CONTENT_SHA256, &*text)];
    // The header alone: signed like any other, and then the payload's line in what is signed.
    let unsigned = head("PUT", "/k", "", &[("host", HOST), (CONTENT_SHA256, &text)]);
    let query = presigned("", &both, hash).replace(&format!("X-Amz-Content-Sha256={text}&"), "");
    let error = ask(&put(&query, &both)).unwrap_err();
    assert_eq!(error.code, ErrorCode::SignatureDoesNotMatch, "the parameter was signed");
    assert_eq!(payload(&unsigned), Ok(&*text));
    assert_eq!(ask(&put(&presigned("", &both, hash), &both)).unwrap().payload, hash);

    let other = [(CONTENT_SHA256, UNSIGNED)];
    let error = ask(&put(&presigned("", &other, hash), &other)).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert_eq!(error.detail("ArgumentName"), Some(CONTENT_SHA256));
    let unknown = presigned("X-Amz-Content-Sha256=abc", &[], PayloadMode::Unsigned);
    let error = ask(&put(&unknown, &[])).unwrap_err();
    assert_eq!(error.detail("ArgumentValue"), Some("abc"));
    let streaming = presigned("", &[], PayloadMode::StreamingUnsignedTrailer);
    assert!(ask(&put(&streaming, &[])).unwrap().payload.is_streaming());
}

#[test]
fn headers_in_the_query_count_as_headers() {
    // rule: presigned/headers-in-the-url
    let own = "x-amz-meta-A=b%20c&X-Amz-Acl=private&x-amz-server-side-encryption=AES256\
               &x-amz-checksum-mode=ENABLED&x-amz-checksum-crc32=AAAAAA%3D%3D\
               &x-amz-sdk-checksum-algorithm=CRC32&x-amz-meta-sent=query&x-id=PutObject";
    let sent = [("x-amz-meta-sent", "header")];
    let mut head = put(&presigned(own, &sent, PayloadMode::Unsigned), &sent);
    ask(&head).unwrap();
    unhoist(&mut head).unwrap();
    for (name, value) in [
        ("x-amz-meta-a", Some("b c")),
        ("x-amz-acl", Some("private")),
        ("x-amz-server-side-encryption", Some("AES256")),
        ("x-amz-checksum-mode", Some("ENABLED")),
        ("x-amz-meta-sent", Some("header")),
        // Of a body that the signer has not seen.
        ("x-amz-checksum-crc32", None),
        ("x-amz-sdk-checksum-algorithm", None),
        // What signs is no header.
        ("x-amz-algorithm", None),
        ("x-amz-credential", None),
        ("x-amz-date", None),
        ("x-amz-expires", None),
        ("x-amz-signature", None),
        ("x-amz-signedheaders", None),
        ("x-id", None),
    ] {
        assert_eq!(head.headers.get(name), value, "{name}");
        assert!(head.headers.all(name).count() <= 1, "{name}");
    }
    let mut plain = put("x-amz-acl=public-read", &[]);
    unhoist(&mut plain).unwrap();
    assert_eq!(plain.headers.get("x-amz-acl"), None, "only a presigned request");
    for odd in ["x-amz-meta-a=b%0D%0Ac", "x-amz-meta-a%3A=b", "x-amz-meta-%C3%A9=b", "x-amz-a=%00"]
    {
        let mut head = put(&presigned(odd, &[], PayloadMode::Unsigned), &[]);
        assert_eq!(unhoist(&mut head).unwrap_err().code, ErrorCode::InvalidArgument, "{odd}");
    }
}

#[test]
fn headers_in_the_query_are_told_once_and_bounded() {
    // rule: presigned/headers-in-the-url
    let unhoisted = |own: &str| {
        let mut head = put(&presigned(own, &[], PayloadMode::Unsigned), &[]);
        ask(&head).and_then(|_| unhoist(&mut head)).map_err(|error| error.code)
    };
    let twice = "x-amz-acl=private&X-Amz-Acl=public-read";
    assert_eq!(unhoisted(twice), Err(ErrorCode::InvalidArgument));
    assert_eq!(unhoisted("x-amz-acl=private&X-Amz-Acl=private"), Ok(()));
    let many: Vec<String> = (0..400).map(|n| format!("x-amz-meta-{n}=0123456789")).collect();
    assert_eq!(unhoisted(&many[..100].join("&")), Ok(()));
    assert_eq!(unhoisted(&many.join("&")), Err(ErrorCode::RequestHeaderSectionTooLarge));
}

proptest! {
    #[test]
    fn what_is_presigned_here_verifies(
        key in "[^\u{0}]{1,40}",
        words in proptest::collection::vec(("[a-z&=+ /é%]{1,8}", "[ -~ü]{0,8}"), 0..6),
        value in "[ -~]{0,20}",
        life_s in 0..=604_800_u64,
        passed_s in 0..=604_800_u64,
    ) {
        let path = format!("/bucket/{}", crate::percent::encode_path(&key));
        let encode = crate::percent::encode;
        let words = words.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v)));
        let own = words.collect::<Vec<_>>().join("&");
        let mut headers = Headers::new();
        headers.insert("Host", "h:1");
        headers.insert("x-amz-meta-v", value.as_str());
        let credential = keyring();
        let query = Signer { credential: &credential, region: REGION, now: now() }.presign(
            &Unsigned {
                method: "PUT",
                path: &path,
                query: &own,
                headers: &headers,
                payload: PayloadMode::Unsigned,
            },
            life_s,
        );
        let head = Head::new(Method::Put, &path, Some(&query), headers, &[]).unwrap();
        let later = Timestamp::from_millis(now().as_millis() + passed_s * 1000);
        let verdict = authenticate(&head, REGION, &credential, later);
        prop_assert_eq!(verdict.is_ok(), passed_s <= life_s);
    }

    #[test]
    fn no_query_is_a_panic(
        words in proptest::collection::vec(
            ("(X-Amz-(Algorithm|Credential|Signature|Date|SignedHeaders|Expires)|[a-z]{1,3})", "[ -~é]{0,24}"),
            0..8,
        ),
    ) {
        let encode = crate::percent::encode;
        let words = words.iter().map(|(n, v)| format!("{n}={}", encode(v)));
        let query = words.collect::<Vec<_>>().join("&");
        prop_assert!(ask(&put(&query, &[])).is_err());
    }
}
