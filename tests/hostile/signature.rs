//! Room: who may not come in: wrong signatures, headers that were not signed, clocks that differ.

use protocol::sign::PayloadMode;
use protocol::time::Timestamp;

use tenon_tests::client::{Call, now};

use crate::{TEN, Victim, expected, must_be, tampered};

const MINUTE_MS: u64 = 60_000;

#[test]
fn wrong_signatures_are_refused() {
    // rule: signature/mismatch, signature/unknown-key, signature/scope, signature/anonymous
    let mut victim = Victim::new();
    let get = Call::new("GET", TEN);
    let mismatch = expected(403, "SignatureDoesNotMatch");

    let mut other = victim.s3.clone();
    other.credential.secret_key.push('x');
    let reply = victim.answer(&other.wire(&get));
    must_be("wrong secret", &reply, &mismatch);
    let key = victim.s3.credential.access_key.clone();
    assert_eq!(reply.element("AWSAccessKeyId"), Some(key));
    for name in [
        "StringToSign",
        "SignatureProvided",
        "StringToSignBytes",
        "CanonicalRequest",
        "CanonicalRequestBytes",
    ] {
        assert!(
            reply.element(name).is_some_and(|text| !text.is_empty()),
            "{name}: {}",
            reply.text()
        );
    }
    let changes = [
        ("changed method", "GET /", "DELETE /"),
        ("changed path", "/ten HTTP", "/tem HTTP"),
        ("added query", "/ten HTTP", "/ten?x=1 HTTP"),
        ("changed host", "host: ", "host: x"),
    ];
    for (what, from, to) in changes {
        let wire = tampered(&victim.s3, &get, from, to);
        victim.must_refuse_wire(what, &wire, &mismatch);
    }
    let mut other = victim.s3.clone();
    other.credential.access_key = "NOBODY".to_owned();
    let unknown = expected(403, "InvalidAccessKeyId").elements(&[("AWSAccessKeyId", "NOBODY")]);
    victim.must_refuse_wire("unknown key", &other.wire(&get), &unknown);

    let mut other = victim.s3.clone();
    other.region = "eu-west-9".to_owned();
    let region = expected(400, "AuthorizationHeaderMalformed").elements(&[("Region", "us-east-1")]);
    victim.must_refuse_wire("wrong region", &other.wire(&get), &region);

    let anonymous = format!("GET {TEN} HTTP/1.1\r\nhost: {}\r\n\r\n", victim.s3.address);
    victim.must_refuse_wire("anonymous", anonymous.as_bytes(), &expected(403, "AccessDenied"));
    victim.node.stop();
}

#[test]
fn unsigned_headers_are_refused() {
    // rule: signature/unsigned-headers
    let mut victim = Victim::new();
    let late = [("HeadersNotSigned", "x-amz-meta-late")];
    let unsigned = expected(403, "AccessDenied")
        .message("There were headers present in the request which were not signed")
        .elements(&late);
    let put = Call::new("PUT", "/hostile/unsigned");
    let wire = tampered(&victim.s3, &put, "host: ", "x-amz-meta-late: 1\r\nhost: ");
    victim.must_refuse_wire("unsigned metadata", &wire, &unsigned);
    let late = [("HeadersNotSigned", "x-amz-copy-source")];
    let part = victim.part(1);
    let wire =
        tampered(&victim.s3, &part, "host: ", &format!("x-amz-copy-source: {TEN}\r\nhost: "));
    let unsigned = expected(403, "AccessDenied").elements(&late);
    victim.must_refuse_wire("unsigned copy source", &wire, &unsigned);
    victim.must_not_exist("/hostile/unsigned");
    victim.node.stop();
}

#[test]
fn only_uploads_come_in_signed_chunks() {
    // rule: body/chunks-of-uploads-alone
    let mut victim = Victim::new();
    let invalid = expected(400, "InvalidRequest")
        .message("The value of x-amz-content-sha256 header is invalid.");
    let copy = victim.copy();
    for payload in [PayloadMode::StreamingSigned, PayloadMode::StreamingUnsignedTrailer] {
        for call in [
            Call::new("GET", TEN),
            Call::new("GET", "/hostile").query("list-type=2"),
            Call::new("DELETE", TEN),
            Call::new("PUT", "/hostile-chunks"),
            Call::new("POST", "/hostile/chunks").query("uploads="),
            copy.clone(),
        ] {
            victim.must_refuse(&payload.text(), &call.payload(payload), &invalid);
        }
    }
    victim.must_have_no_parts();
    victim.must_not_exist("/hostile-chunks");
    victim.node.stop();
}

#[test]
fn clocks_may_differ_by_a_quarter_of_an_hour() {
    // rule: signature/clock
    let mut victim = Victim::new();
    let get = Call::new("GET", TEN);
    let skewed = expected(403, "RequestTimeTooSkewed")
        .message("The difference between the request time and the current time is too large.")
        .elements(&[("MaxAllowedSkewMilliseconds", "900000")]);
    let shifted = |minutes: u64| now().as_millis() - minutes * MINUTE_MS;
    let ahead = now().as_millis() + 16 * MINUTE_MS;
    for time in [shifted(16), shifted(24 * 60), ahead] {
        let call = get.clone().at(Timestamp::from_millis(time));
        victim.must_refuse("skewed clock", &call, &skewed);
    }
    let call = get.at(Timestamp::from_millis(shifted(14)));
    let reply = victim.call(&call);
    assert_eq!(reply.status, 200, "{}", reply.text());
    victim.node.stop();
}
