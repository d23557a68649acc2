use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::sign::{Signed, Signer, Unsigned};
use super::vectors::{self, VECTORS, Vector};
use super::*;
use crate::error::ErrorCode;
use crate::request::{Head, Headers, Method, Query};
use crate::time::Timestamp;

const REGION: &str = "us-east-1";

fn at(amz_date: &str) -> Timestamp {
    Timestamp::parse_amz_date(amz_date).unwrap()
}

fn keyring() -> Credential {
    Credential {
        access_key: vectors::ACCESS_KEY.to_string(),
        secret_key: vectors::SECRET_KEY.to_string(),
    }
}

fn head_of(vector: &Vector) -> Head {
    let mut headers = Headers::new();
    for (name, value) in vector.headers {
        headers.insert(*name, *value);
    }
    Head::new(Method::parse(vector.method), vector.path, Some(vector.query), headers, &[]).unwrap()
}

fn refused(head: &Head) -> S3Error {
    authenticate(head, REGION, &keyring(), at(vectors::DATE)).unwrap_err()
}

/// A request of the S3 pages.
struct Example {
    method: &'static str,
    path: &'static str,
    query: &'static str,
    signed: &'static str,
    extra: &'static [(&'static str, &'static str)],
    payload: &'static str,
    signature: &'static str,
}

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// S3 "Signature Calculations for the Authorization Header", its four examples.
const EXAMPLES: [Example; 4] = [
    Example {
        method: "GET",
        path: "/test.txt",
        query: "",
        signed: "host;range;x-amz-content-sha256;x-amz-date",
        extra: &[("range", "bytes=0-9")],
        payload: EMPTY,
        signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    },
    Example {
        method: "PUT",
        path: "/test%24file.text",
        query: "",
        signed: "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        extra: &[
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ],
        payload: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    },
    Example {
        method: "GET",
        path: "/",
        query: "lifecycle",
        signed: "host;x-amz-content-sha256;x-amz-date",
        extra: &[],
        payload: EMPTY,
        signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    },
    Example {
        method: "GET",
        path: "/",
        query: "max-keys=2&prefix=J",
        signed: "host;x-amz-content-sha256;x-amz-date",
        extra: &[],
        payload: EMPTY,
        signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    },
];

#[test]
fn examples_of_the_s3_pages_verify() {
    // rule: signature/version-4
    let credential = Credential {
        access_key: "AKIAIOSFODNN7EXAMPLE".to_string(),
        secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_string(),
    };
    for example in EXAMPLES {
        let mut headers = Headers::new();
        headers.insert("Host", "examplebucket.s3.amazonaws.com");
        headers.insert("x-amz-content-sha256", example.payload);
        headers.insert("x-amz-date", "20130524T000000Z");
        for (name, value) in example.extra {
            headers.insert(*name, *value);
        }
        headers.insert(
            "Authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/\
                 aws4_request,SignedHeaders={},Signature={}",
                example.signed, example.signature
            ),
        );
        let domains = ["s3.amazonaws.com".to_string()];
        let method = Method::parse(example.method);
        let query = Some(example.query);
        let head = Head::new(method, example.path, query, headers, &domains).unwrap();
        assert_eq!(head.target.bucket().unwrap().as_str(), "examplebucket");
        let who = authenticate(&head, REGION, &credential, at("20130524T000500Z")).unwrap();
        assert_eq!(who.access_key, "AKIAIOSFODNN7EXAMPLE");
        assert_eq!(who.payload, PayloadMode::Hash(parse_hex(example.payload).unwrap()));
    }
}

#[test]
fn requests_of_a_client_verify() {
    // rule: signature/version-4
    for vector in VECTORS {
        let who = authenticate(&head_of(vector), REGION, &keyring(), at(vectors::DATE));
        assert_eq!(who.expect(vector.name).access_key, vectors::ACCESS_KEY, "{}", vector.name);
    }
}

#[test]
fn whatever_is_changed_breaks_the_signature() {
    // rule: signature/mismatch
    for vector in VECTORS {
        let good = head_of(vector);
        let mut changed: Vec<Head> = Vec::new();
        changed.push(Head { method: Method::Delete, ..good.clone() });
        changed.push(Head { path: format!("{}x", good.path), ..good.clone() });
        let query = format!("{}&x", good.query.raw());
        changed.push(Head { query: Query::parse(&query).unwrap(), ..good.clone() });
        let signed_names = good.headers.get("authorization").unwrap().to_string();
        for (name, _) in vector.headers {
            if name.eq_ignore_ascii_case("x-amz-date")
                || name.eq_ignore_ascii_case("x-amz-content-sha256")
                || !signed_names.contains(&format!("{};", name.to_ascii_lowercase()))
            {
                continue;
            }
            let lines = good.headers.iter().map(|(line, value)| {
                let mut value = value.to_vec();
                if line.eq_ignore_ascii_case(name) {
                    value.push(b'x');
                }
                (line.to_string(), value)
            });
            changed.push(Head { headers: lines.collect(), ..good.clone() });
        }
        assert!(changed.len() > 3, "{}", vector.name);
        for head in changed {
            let error = refused(&head);
            assert_eq!(error.code, ErrorCode::SignatureDoesNotMatch, "{}: {head:?}", vector.name);
        }
        let other = Credential { secret_key: "another secret".to_string(), ..keyring() };
        let error = authenticate(&good, REGION, &other, at(vectors::DATE)).unwrap_err();
        assert_eq!(error.code, ErrorCode::SignatureDoesNotMatch);
    }
}

#[test]
fn a_mismatch_shows_what_was_compared() {
    // rule: signature/mismatch
    let mut head = head_of(&VECTORS[0]);
    head.path = "/bucket/%C3%A9 ".to_string();
    let error = refused(&head);
    assert_eq!(error.status(), 403);
    assert_eq!(error.detail("AWSAccessKeyId"), Some(vectors::ACCESS_KEY));
    assert!(
        head.headers
            .get("authorization")
            .unwrap()
            .ends_with(error.detail("SignatureProvided").unwrap())
    );
    let to_sign = error.detail("StringToSign").unwrap();
    assert!(
        to_sign.starts_with(
            "AWS4-HMAC-SHA256\n20260304T050607Z\n20260304/us-east-1/s3/aws4_request\n"
        )
    );
    assert!(error.detail("StringToSignBytes").unwrap().starts_with("41 57 53 34 2d 48"));
    let canonical = error.detail("CanonicalRequest").unwrap();
    assert!(canonical.starts_with("GET\n/bucket/%C3%A9%20\ndelimiter=%2F&encoding-type=url&"));
    assert_eq!(error.detail("CanonicalRequestBytes").unwrap().len(), canonical.len() * 3 - 1);
}

/// A head that is signed as it should be, to be spoilt.
fn fresh(extra: &[(&str, &str)]) -> Headers {
    let (mut headers, signed) = signed_with(extra);
    for (name, value) in signed.headers {
        headers.insert(name, value);
    }
    headers
}

fn signed_with(extra: &[(&str, &str)]) -> (Headers, Signed) {
    let credential = keyring();
    let mut headers = Headers::new();
    headers.insert("Host", "127.0.0.1:9000");
    for (name, value) in extra {
        headers.insert(*name, *value);
    }
    let signed = Signer { credential: &credential, region: REGION, now: at(vectors::DATE) }.sign(
        &Unsigned {
            method: "GET",
            path: "/bucket/k",
            query: "",
            headers: &headers,
            payload: PayloadMode::Unsigned,
        },
    );
    (headers, signed)
}

fn get(headers: Headers) -> Head {
    Head::new(Method::Get, "/bucket/k", None, headers, &[]).unwrap()
}

/// `headers` with the value of `name` replaced, or without it.
fn replaced(headers: &Headers, name: &str, value: Option<&str>) -> Headers {
    let mut lines: Headers = headers
        .iter()
        .filter(|(n, _)| *n != name)
        .map(|(n, v)| (n.to_string(), v.to_vec()))
        .collect();
    if let Some(value) = value {
        lines.insert(name, value);
    }
    lines
}

const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 \
     Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, \
     SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=0";

/// What is replaced in `AUTHORIZATION`, by what, and the error.
const SPOILT: [(&str, &str, ErrorCode, &str); 9] = [
    ("SHA256 ", "SHA256", ErrorCode::InvalidArgument, "Unsupported Authorization Type"),
    ("AWS4-HMAC-SHA256", "Bearer", ErrorCode::InvalidArgument, "Unsupported Authorization Type"),
    (
        "AWS4-HMAC-SHA256",
        "AWS",
        ErrorCode::InvalidRequest,
        "The authorization mechanism you have provided is not supported. Please use \
         AWS4-HMAC-SHA256.",
    ),
    (
        "HMAC-SHA256",
        "ECDSA-P256-SHA256",
        ErrorCode::NotImplemented,
        "A header you provided implies functionality that is not implemented",
    ),
    (" ", "", ErrorCode::InvalidArgument, ONE_SPACE),
    ("Credential=", "Signature=", ErrorCode::AuthorizationHeaderMalformed, "missing Credential."),
    ("Signature=0", "Signature=", ErrorCode::AuthorizationHeaderMalformed, "missing Signature."),
    (
        "SignedHeaders=",
        "Signature=",
        ErrorCode::AuthorizationHeaderMalformed,
        "missing SignedHeaders.",
    ),
    ("e=0", "e=0 ,", ErrorCode::SignatureDoesNotMatch, MISMATCH),
];

/// The same where the error is `AuthorizationHeaderMalformed`.
const MALFORMED: [(&str, &str, &str); 9] = [
    ("Signature=0", "Signature", "the authorization component \"Signature\" is malformed."),
    ("Signature=0", "Sig=0", "the authorization component \"Sig\" is malformed."),
    ("Signature=0", "Signature:0", "the authorization component \"Signature\" is malformed."),
    (
        "/s3/",
        "/",
        "the Credential is mal-formed; expecting \
         \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
    ),
    (
        "20260304",
        "2026-3-4",
        "incorrect date format \"2026-3-4\". This date in the credential must be in the format \
         \"yyyyMMdd\".",
    ),
    ("us-east-1", "eu-west-1", "the region 'eu-west-1' is wrong; expecting 'us-east-1'"),
    ("/s3/", "/ec2/", "incorrect service \"ec2\". This endpoint belongs to \"s3\"."),
    ("aws4_", "aws5_", "incorrect terminal \"aws5_request\". This endpoint uses \"aws4_request\"."),
    ("20260304", "20260305", "Invalid credential date. Date is not the same as X-Amz-Date."),
];

const ONE_SPACE: &str = "Authorization header is invalid -- one and only one ' ' (space) required.";
const MISMATCH: &str = "The request signature we calculated does not match the signature you \
     provided. Check your key and signing method.";

fn refused_with(authorization: &str) -> S3Error {
    refused(&get(replaced(&fresh(&[]), "authorization", Some(authorization))))
}

#[test]
fn the_authorization_header_must_be_well_formed() {
    // rule: signature/malformed, signature/scope, signature/version-4a
    for (from, to, code, message) in SPOILT {
        let error = refused_with(&AUTHORIZATION.replace(from, to));
        assert_eq!(error.code, code, "{from} -> {to}: {error}");
        assert!(error.message.ends_with(message), "{from} -> {to}: {error}");
    }
    for (from, to, message) in MALFORMED {
        let error = refused_with(&AUTHORIZATION.replace(from, to));
        assert_eq!(error.code, ErrorCode::AuthorizationHeaderMalformed, "{from} -> {to}: {error}");
        assert_eq!(error.message, format!("The authorization header is malformed; {message}"));
        assert_eq!(error.detail("Region").is_some(), from == "us-east-1");
    }
    let mut twice = fresh(&[]);
    twice.insert("authorization", AUTHORIZATION);
    assert_eq!(refused(&get(twice)).message, ONE_SPACE);
}

#[test]
fn other_ways_of_signing_are_refused() {
    // rule: signature/version-2, signature/anonymous, signature/one-way
    let unsigned = replaced(&fresh(&[]), "authorization", None);
    let rows = [
        (None, ErrorCode::AccessDenied),
        (Some("X-Amz-Signature=0"), ErrorCode::AuthorizationQueryParametersError),
        (Some("AWSAccessKeyId=a&Signature=b&Expires=1"), ErrorCode::InvalidRequest),
    ];
    for (query, code) in rows {
        let head = Head::new(Method::Get, "/bucket/k", query, unsigned.clone(), &[]).unwrap();
        assert_eq!(refused(&head).code, code, "{query:?}");
        if query.is_some() {
            let head = Head::new(Method::Get, "/bucket/k", query, fresh(&[]), &[]).unwrap();
            let error = refused(&head);
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{query:?}");
            assert!(error.message.starts_with("Only one auth mechanism allowed;"));
        }
    }
    assert_eq!(refused(&get(unsigned.clone())).message, "Access Denied");
    let query = Some("response-expires=0");
    for (path, code) in
        [("/bucket/k", ErrorCode::InvalidRequest), ("/bucket", ErrorCode::AccessDenied)]
    {
        let head = Head::new(Method::Get, path, query, unsigned.clone(), &[]).unwrap();
        assert_eq!(refused(&head).code, code, "{path}");
    }
    assert_eq!(
        refused(&get(replaced(&unsigned, "authorization", Some("")))).message,
        "Access Denied"
    );
    let streaming = replaced(&unsigned, "x-amz-content-sha256", Some(STREAMING_SIGNED));
    assert_eq!(refused(&get(streaming)).code, ErrorCode::InvalidRequest);
}

#[test]
fn every_amz_header_must_be_signed() {
    // rule: signature/unsigned-headers
    let mut headers = fresh(&[]);
    headers.insert("x-amz-meta-late", "1");
    headers.insert("X-Amz-Acl", "private");
    headers.insert("X-Amzn-Trace-Id", "of a balancer");
    headers.insert("x-forwarded-for", "of a balancer");
    let error = refused(&get(headers));
    assert_eq!(error.code, ErrorCode::AccessDenied);
    assert_eq!(error.message, "There were headers present in the request which were not signed");
    assert_eq!(error.detail("HeadersNotSigned"), Some("x-amz-acl, x-amz-meta-late"));

    let value = fresh(&[]).get("authorization").unwrap().replace("host;", "");
    let error = refused(&get(replaced(&fresh(&[]), "authorization", Some(&value))));
    assert_eq!(error.detail("HeadersNotSigned"), Some("host"));
}

#[test]
fn a_signed_header_that_is_gone_counts_as_empty() {
    let with = fresh(&[("x-empty", ""), ("x-full", "1")]);
    let now = at(vectors::DATE);
    let without = replaced(&with, "x-empty", None);
    assert!(authenticate(&get(without), REGION, &keyring(), now).is_ok());
    let without = replaced(&with, "x-full", None);
    assert_eq!(refused(&get(without)).code, ErrorCode::SignatureDoesNotMatch);
}

/// A signature is over what a request means, so whoever stands between may write it differently.
#[test]
fn spellings_of_one_request_have_one_signature() {
    // rule: signature/spellings
    let credential = keyring();
    let now = at(vectors::DATE);
    let mut headers = Headers::new();
    headers.insert("Host", "127.0.0.1:9000");
    headers.insert("x-amz-meta-v", "a b");
    headers.insert("content-length", "0");
    headers.insert("x-amz-meta-w", "1,2");
    let signed = Signer { credential: &credential, region: REGION, now }.sign(&Unsigned {
        method: "GET",
        path: "/bucket/a%20b%28%2B%C3%A9//../~c",
        query: "a=1&a=2&flag=&p=x%20y%2Fz%2B",
        headers: &headers,
        payload: PayloadMode::Unsigned,
    });
    let verdict = |path: &str, query: &str, changes: &[(&str, &str)]| {
        let mut all = headers.clone();
        for (name, value) in &signed.headers {
            all.insert(*name, value.as_str());
        }
        for (name, value) in changes {
            all = replaced(&all, name, None);
            value.split('|').for_each(|value| all.insert(*name, value));
        }
        let head = Head::new(Method::Get, path, Some(query), all, &[]).unwrap();
        authenticate(&head, REGION, &credential, now).map(|_| ()).map_err(|error| error.code)
    };
    let (path, query) = ("/bucket/a%20b%28%2B%C3%A9//../~c", "a=1&a=2&flag=&p=x%20y%2Fz%2B");
    for same in ["/bucket/a b(+é//../~c", "/%62ucket/a%20b%28%2b%c3%a9%2F/..%2F%7ec"] {
        assert_eq!(verdict(same, query, &[]), Ok(()), "{same}");
    }
    for same in ["p=x+y/z%2b&flag&a=2&a=1", "&&a=2&%61=1&flag&p=x+y%2Fz%2B&"] {
        assert_eq!(verdict(path, same, &[]), Ok(()), "{same}");
    }
    for same in [("x-amz-meta-v", "  a    b "), ("x-amz-meta-w", "1|2"), ("content-length", " 0")] {
        assert_eq!(verdict(path, query, &[same]), Ok(()), "{same:?}");
    }
    let wrong = Err(ErrorCode::SignatureDoesNotMatch);
    for other in ["/bucket/a%2520b(+é//../~c", "/bucket/a b(+é/../~c", "/bucket/a+b(+é//../~c"] {
        assert_eq!(verdict(other, query, &[]), wrong, "{other}");
    }
    for other in ["a=1&a=2&flag=&p=x%20y/z+", "a=1&a=2&p=x+y/z%2B", "a=1&flag=&p=x+y/z%2B"] {
        assert_eq!(verdict(path, other, &[]), wrong, "{other}");
    }
    for other in [("x-amz-meta-v", "ab"), ("x-amz-meta-w", "2|1"), ("content-length", "1")] {
        assert_eq!(verdict(path, query, &[other]), wrong, "{other:?}");
    }
}

/// A line that is split at a comma has the same signature, so it must also have the same meaning.
#[test]
fn a_split_line_says_what_the_whole_one_said() {
    let headers = fresh(&[("x-amz-copy-source", "src/a,b")]);
    let mut split = replaced(&headers, "x-amz-copy-source", None);
    split.insert("x-amz-copy-source", "src/a");
    split.insert("x-amz-copy-source", "b");
    let head = get(split);
    assert!(authenticate(&head, REGION, &keyring(), at(vectors::DATE)).is_ok());
    assert_eq!(head.headers.get("x-amz-copy-source"), Some("src/a,b"));
}

#[test]
fn header_values_need_not_be_text() {
    let credential = keyring();
    let mut headers = Headers::new();
    headers.insert("Host", "127.0.0.1:9000");
    headers.insert("User-Agent", [0xff, b' ', b' ', 0xe9]);
    let now = at(vectors::DATE);
    let signed = Signer { credential: &credential, region: REGION, now }.sign(&Unsigned {
        method: "GET",
        path: "/bucket/k",
        query: "",
        headers: &headers,
        payload: PayloadMode::Unsigned,
    });
    for (name, value) in signed.headers {
        headers.insert(name, value);
    }
    assert!(authenticate(&get(headers.clone()), REGION, &credential, now).is_ok());
    let changed: Headers = headers
        .iter()
        .map(|(name, value)| {
            let value = if name == "user-agent" { &[0xfe, b' ', 0xe9][..] } else { value };
            (name.to_string(), value.to_vec())
        })
        .collect();
    assert_eq!(refused(&get(changed)).code, ErrorCode::SignatureDoesNotMatch);
}

#[test]
fn dates_must_be_there_and_near() {
    // rule: signature/date, signature/clock
    let good = fresh(&[]);
    for value in [None, Some(""), Some("yesterday"), Some("20260304T256070Z")] {
        let error = refused(&get(replaced(&good, "x-amz-date", value)));
        assert_eq!(error.code, ErrorCode::AccessDenied, "{value:?}");
        assert_eq!(error.message, "AWS authentication requires a valid Date or x-amz-date header.");
    }
    let sent = at(vectors::DATE).as_millis();
    for (ahead, code) in [
        (900_000_i64, None),
        (-900_000, None),
        (900_001, Some(ErrorCode::RequestTimeTooSkewed)),
        (-900_001, Some(ErrorCode::RequestTimeTooSkewed)),
    ] {
        let now = Timestamp::from_millis(sent.checked_add_signed(ahead).unwrap());
        let result = authenticate(&get(good.clone()), REGION, &keyring(), now);
        assert_eq!(result.as_ref().err().map(|error| error.code), code, "{ahead}");
        if let Err(error) = result {
            assert_eq!(error.status(), 403);
            assert_eq!(error.detail("RequestTime"), Some(vectors::DATE));
            assert!(error.detail("ServerTime").is_some());
            assert_eq!(error.detail("MaxAllowedSkewMilliseconds"), Some("900000"));
        }
    }
}

#[test]
fn the_date_header_serves_where_there_is_no_amz_date() {
    // rule: signature/date
    let credential = keyring();
    let now = at(vectors::DATE);
    let mut headers = Headers::new();
    headers.insert("Host", "h");
    headers.insert("Date", now.http_date());
    headers.insert("x-amz-content-sha256", UNSIGNED);
    let scope =
        Scope { day: now.amz_day(), region: REGION.to_string(), service: SERVICE.to_string() };
    let signed = "date;host;x-amz-content-sha256";
    let canonical = canonical::Canonical {
        method: "GET",
        path: "/bucket/k",
        query: "",
        headers: &headers,
        signed,
        payload: UNSIGNED,
    }
    .bytes();
    let signature = SigningKey::derive(&credential.secret_key, &scope)
        .sign(canonical::string_to_sign(now, &scope, &canonical).as_bytes());
    headers.insert(
        "Authorization",
        format!(
            "{ALGORITHM} Credential={}/{scope},SignedHeaders={signed},Signature={signature}",
            vectors::ACCESS_KEY
        ),
    );
    assert!(authenticate(&get(headers), REGION, &credential, now).is_ok());
}

#[test]
fn tokens_unknown_keys_and_odd_payloads_are_refused() {
    // rule: every/payload-modes, signature/token, signature/unknown-key, signature/version-4a
    let token = refused(&get(fresh(&[("x-amz-security-token", "t")])));
    assert_eq!((token.code, token.status()), (ErrorCode::InvalidToken, 403));
    assert_eq!(token.message, "The provided token is malformed or otherwise invalid.");

    let nobody = Credential { access_key: "somebody".to_string(), ..keyring() };
    let error = authenticate(&get(fresh(&[])), REGION, &nobody, at(vectors::DATE)).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidAccessKeyId);
    assert_eq!(error.detail("AWSAccessKeyId"), Some(vectors::ACCESS_KEY));

    let good = fresh(&[]);
    let rows = [
        (
            None,
            ErrorCode::InvalidRequest,
            "Missing required header for this request: x-amz-content-sha256",
        ),
        (Some("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), ErrorCode::NotImplemented, ""),
        (Some("abc"), ErrorCode::InvalidArgument, CONTENT_SHA256_VALUES),
    ];
    for (value, code, message) in rows {
        let error = refused(&get(replaced(&good, "x-amz-content-sha256", value)));
        assert_eq!(error.code, code, "{value:?}");
        if !message.is_empty() {
            assert_eq!(error.message, message);
        }
    }
}

#[test]
fn payload_modes_read_back() {
    let modes = [
        PayloadMode::Hash([0xab; 32]),
        PayloadMode::Unsigned,
        PayloadMode::StreamingSigned,
        PayloadMode::StreamingSignedTrailer,
        PayloadMode::StreamingUnsignedTrailer,
    ];
    for mode in modes {
        assert_eq!(PayloadMode::parse(&mode.text()), Ok(mode));
    }
}

#[test]
fn secrets_are_not_printed() {
    let key = SigningKey::derive(
        "secret",
        &Scope { day: "20260304".into(), region: REGION.into(), service: SERVICE.into() },
    );
    let shown = format!("{:?} {key:?}", keyring());
    assert!(!shown.contains(vectors::SECRET_KEY));
    assert!(shown.ends_with("SigningKey(…)"));
}

proptest! {
    #[test]
    fn what_is_signed_here_verifies(
        key in "[^\u{0}]{1,40}",
        words in proptest::collection::vec(("[a-z&=+ /é%]{1,8}", "[ -~ü]{0,8}"), 0..6),
        values in proptest::collection::vec("[ -~]{0,20}", 0..4),
    ) {
        let path = format!("/bucket/{}", crate::percent::encode_path(&key));
        let query: Vec<String> = words
            .iter()
            .map(|(n, v)| format!("{}={}", crate::percent::encode(n), crate::percent::encode(v)))
            .collect();
        let query = query.join("&");
        let mut headers = Headers::new();
        headers.insert("Host", "h:1");
        for value in &values {
            headers.insert("x-amz-meta-v", value.as_str());
        }
        let (credential, now) = (keyring(), at(vectors::DATE));
        let signed = Signer { credential: &credential, region: REGION, now }.sign(&Unsigned {
            method: "PUT",
            path: &path,
            query: &query,
            headers: &headers,
            payload: PayloadMode::Unsigned,
        });
        for (name, value) in signed.headers {
            headers.insert(name, value);
        }
        let head = Head::new(Method::Put, &path, Some(&query), headers, &[]).unwrap();
        prop_assert!(authenticate(&head, REGION, &credential, now).is_ok());
    }

    #[test]
    fn no_authorization_header_is_a_panic(text in "(AWS4-HMAC-SHA256 )?[ -~é]{0,80}") {
        let head = get(replaced(&fresh(&[]), "authorization", Some(&text)));
        prop_assert!(authenticate(&head, REGION, &keyring(), at(vectors::DATE)).is_err());
    }
}
