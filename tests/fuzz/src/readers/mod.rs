//! Room: one target for each reader, and what several of them ask of an answer.

pub(crate) mod chunked;
pub(crate) mod copy_source;
pub(crate) mod date;
pub(crate) mod framing;
pub(crate) mod head;
pub(crate) mod post;
pub(crate) mod range;
pub(crate) mod signature;
pub(crate) mod tagging;
pub(crate) mod xml;

use protocol::error::S3Error;
use protocol::name::AccountId;
use protocol::sign::Credential;
use protocol::time::Timestamp;
use protocol::xml::read::Body;

/// Whose requests these are.
fn credential() -> Credential {
    Credential { access_key: "AKFUZZ".into(), secret_key: SECRET.into() }
}

/// Who owns the buckets.
fn account() -> AccountId {
    AccountId::parse("000000000000").expect("an account")
}

/// When they come: 2026-01-02T03:04:05Z.
const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_000);
/// Never told to anybody.
const SECRET: &str = "a secret that no answer may hold";
const REGION: &str = "us-east-1";

/// A refusal is one of the client's mistakes, an answer that can be read, and no help to whoever looks for secrets.
fn check_error(error: &S3Error) {
    assert!((400..600).contains(&error.status()), "{error:?}");
    assert_ne!(error.status(), 500, "what a client sends is not our mistake: {error:?}");
    let bytes = error.to_xml("request", "host");
    let text = str::from_utf8(&bytes).expect("an answer is text");
    assert!(!text.contains(SECRET), "{text}");
    for (name, value) in &error.headers {
        check_header(name, value);
    }
    // What XML cannot say goes out as a reference that its readers refuse.
    if !text.contains("&#x") {
        let mut body = Body::open(&bytes, "Error").expect("an error is XML");
        let code = body.child().expect("an error is XML");
        assert_eq!(code.as_deref(), Some("Code"));
        body.skip().expect("an error is XML");
        while body.child().expect("an error is XML").is_some() {
            body.skip().expect("an error is XML");
        }
        body.end().expect("an error is XML");
    }
}

/// A header that is answered ends where it should.
fn check_header(name: &str, value: &str) {
    assert!(http::HeaderName::from_bytes(name.as_bytes()).is_ok(), "{name:?}");
    assert!(http::HeaderValue::from_str(value).is_ok() || !value.is_ascii(), "{name}: {value:?}");
    assert!(!value.contains(['\r', '\n', '\0']), "{name}: {value:?}");
}
