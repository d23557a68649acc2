//! Room: requests that no SDK sends: each gets the S3 error that it deserves, and the node goes on serving.
//!
//! Statuses, codes, texts and elements are those of S3 ("Error responses"; "UploadPartCopy"; "Signature
//! Calculations for the Authorization Header"). After every case a healthy request must be answered.

use protocol::sign::PayloadMode;
use protocol::sign::sign::Framer;
use protocol::time::Timestamp;

use tenon_tests::client::{
    Call, S3, complete_upload, copy_part, create_bucket, create_upload, now, upload_part,
};
use tenon_tests::http::{Connection, Reply};
use tenon_tests::node::Node;

const MINUTE_MS: u64 = 60_000;
const PART_NUMBER_TEXT: &str = "Part number must be an integer between 1 and 10000, inclusive";
const COPY_RANGE_FORM_TEXT: &str = "The x-amz-copy-source-range value must be of the form bytes=first-last \
    where first and last are the zero-based offsets of the first and last bytes to copy";
const INCOMPLETE_TEXT: &str =
    "You did not provide the number of bytes specified by the Content-Length HTTP header";

/// What must come back.
struct Expected<'a> {
    status: u16,
    code: &'a str,
    /// The exact text; `None` where S3 documents none.
    message: Option<&'a str>,
    /// Further elements of the error document, with their exact texts.
    elements: &'a [(&'a str, &'a str)],
}

fn expected<'a>(status: u16, code: &'a str) -> Expected<'a> {
    Expected { status, code, message: None, elements: &[] }
}

impl<'a> Expected<'a> {
    fn message(mut self, message: &'a str) -> Self {
        self.message = Some(message);
        self
    }

    fn elements(mut self, elements: &'a [(&'a str, &'a str)]) -> Self {
        self.elements = elements;
        self
    }
}

/// A node with a bucket, two objects and an open upload.
struct Victim {
    node: Node,
    s3: S3,
    upload_id: String,
}

const TEN: &str = "/hostile/ten";
const TEN_BYTES: &[u8] = b"0123456789";
const TARGET: &str = "/hostile/target";

impl Victim {
    fn new() -> Self {
        let node = Node::start("hostile");
        let s3 = node.s3();
        let mut session = s3.session().expect("the node listens");
        for call in [create_bucket("hostile"), Call::new("PUT", TEN).body(TEN_BYTES)] {
            let reply = session.call(&call).expect("the node answers");
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        let reply = session.call(&create_upload(TARGET)).expect("the node answers");
        let upload_id = reply.element("UploadId").expect("an upload has an id");
        Self { node, s3, upload_id }
    }

    fn part(&self, number: u16) -> Call {
        upload_part(TARGET, &self.upload_id, number)
    }

    fn copy(&self) -> Call {
        copy_part(TARGET, &self.upload_id, 1, TEN, None)
    }

    /// Sends these bytes and nothing more, and takes the answer apart.
    fn answer(&self, wire: &[u8]) -> Reply {
        let mut connection = Connection::open(self.s3.address).expect("the node listens");
        connection.send(wire).expect("the node takes bytes");
        connection.receive(false).expect("the node answers")
    }

    fn must_refuse(&mut self, what: &str, call: &Call, expected: &Expected<'_>) {
        let wire = self.s3.wire(call);
        self.must_refuse_wire(what, &wire, expected);
    }

    fn must_refuse_wire(&mut self, what: &str, wire: &[u8], expected: &Expected<'_>) {
        let reply = self.answer(wire);
        must_be(what, &reply, expected);
        self.must_serve(what);
    }

    /// The node is the same process and answers a healthy request.
    fn must_serve(&mut self, what: &str) {
        self.node.must_be_running();
        let reply = self.s3.call(&Call::new("GET", TEN)).expect("the node answers");
        assert_eq!((reply.status, &*reply.body), (200, TEN_BYTES), "after {what}");
    }

    fn must_not_exist(&self, path: &str) {
        let reply = self.s3.call(&Call::new("HEAD", path)).expect("the node answers");
        assert_eq!(reply.status, 404, "{path} exists");
    }
}

fn must_be(what: &str, reply: &Reply, expected: &Expected<'_>) {
    let text = reply.text();
    let got = (reply.status, reply.element("Code"));
    assert_eq!(got, (expected.status, Some(expected.code.to_owned())), "{what}: {text}");
    if let Some(message) = expected.message {
        assert_eq!(reply.element("Message").as_deref(), Some(message), "{what}: {text}");
    }
    for (name, value) in expected.elements {
        assert_eq!(reply.element(name).as_deref(), Some(*value), "{what}: {name} in {text}");
    }
    assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"), "{what}: {text}");
    assert_eq!(reply.header("content-type"), Some("application/xml"), "{what}");
    let id = reply.header("x-amz-request-id").expect("every answer has a request id");
    let proper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    assert!(id.len() == 16 && id.chars().all(proper), "{what}: request id {id}");
    assert_eq!(reply.element("RequestId").as_deref(), Some(id), "{what}");
    assert_eq!(reply.element("HostId").as_deref(), reply.header("x-amz-id-2"), "{what}");
}

/// The signed request with one piece of its text replaced by another.
fn tampered(s3: &S3, call: &Call, from: &str, to: &str) -> Vec<u8> {
    let wire = String::from_utf8(s3.wire(call)).expect("a request without binary body");
    assert!(wire.contains(from), "{from} is not in {wire}");
    wire.replacen(from, to, 1).into_bytes()
}

#[test]
fn wrong_signatures_are_refused() {
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
fn clocks_may_differ_by_a_quarter_of_an_hour() {
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
    let reply = victim.s3.call(&call).expect("the node answers");
    assert_eq!(reply.status, 200, "{}", reply.text());
    victim.node.stop();
}

#[test]
fn bad_copy_ranges_copy_nothing() {
    let mut victim = Victim::new();
    let ranged = |victim: &Victim, range: &str| {
        let header = "x-amz-copy-source-range";
        copy_part(TARGET, &victim.upload_id, 1, TEN, None).header(header, range)
    };
    for range in [
        "0-8",
        "bytes=1-0",
        "bytes=-1-",
        "bytes=0--1",
        "bytes=0-1,3-4,7-9",
        "bytes=-",
        "bytes=-0",
        "bytes=-2",
        "bytes=1-",
        "Bytes=0-1",
        "bytes= 0-1",
        "bytes=0-99999999999999999999",
        "",
    ] {
        let call = ranged(&victim, range);
        let name = ("ArgumentName", "x-amz-copy-source-range");
        let elements = [name, ("ArgumentValue", range)];
        let shown = if range.is_empty() { &elements[..1] } else { &elements };
        let refused =
            expected(400, "InvalidArgument").message(COPY_RANGE_FORM_TEXT).elements(shown);
        victim.must_refuse(range, &call, &refused);
    }
    for range in ["bytes=0-10", "bytes=9-100"] {
        let call = ranged(&victim, range);
        let elements = [("ArgumentName", "x-amz-copy-source-range"), ("ArgumentValue", range)];
        let refused = expected(400, "InvalidArgument")
            .message("Range specified is not valid for source object of size: 10")
            .elements(&elements);
        victim.must_refuse(range, &call, &refused);
    }
    for range in ["bytes=10-10", "bytes=100-200"] {
        let call = ranged(&victim, range);
        let refused = expected(400, "InvalidRequest")
            .message("The specified copy range is invalid for the source object size");
        victim.must_refuse(range, &call, &refused);
    }
    must_have_no_parts(&victim);
    victim.node.stop();
}

fn must_have_no_parts(victim: &Victim) {
    let call = Call::new("GET", TARGET).query(format!("uploadId={}", victim.upload_id));
    let reply = victim.s3.call(&call).expect("the node answers");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.elements("PartNumber").is_empty(), "{}", reply.text());
}

#[test]
fn bad_part_numbers_and_uploads_are_refused() {
    let mut victim = Victim::new();
    for number in ["0", "10001", "-1", "abc", "1.5", "65537", "18446744073709551617"] {
        let query = format!("partNumber={number}&uploadId={}", victim.upload_id);
        let elements = [("ArgumentName", "partNumber"), ("ArgumentValue", number)];
        let refused =
            expected(400, "InvalidArgument").message(PART_NUMBER_TEXT).elements(&elements);
        let put = Call::new("PUT", TARGET).query(query).body("x");
        victim.must_refuse(number, &put, &refused);
        let copy = Call { body: Vec::new(), ..put }.header("x-amz-copy-source", TEN);
        victim.must_refuse(number, &copy, &refused);
    }
    let no_upload = expected(404, "NoSuchUpload").message(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
         aborted or completed.",
    );
    let right = victim.upload_id.clone();
    for (path, id) in [(TARGET, "none"), ("/hostile/other", &*right), (TARGET, &right[1..])] {
        victim.must_refuse(id, &upload_part(path, id, 1).body("x"), &no_upload);
        victim.must_refuse(id, &copy_part(path, id, 1, TEN, None), &no_upload);
        let parts = [(1, "0".repeat(32))];
        victim.must_refuse(id, &complete_upload(path, id, &parts), &no_upload);
    }
    let lonely = Call::new("PUT", TARGET).query("partNumber=1").body("x");
    victim.must_refuse("no upload id", &lonely, &expected(400, "InvalidArgument"));
    must_have_no_parts(&victim);
    victim.node.stop();
}

#[test]
fn bad_copy_sources_are_refused() {
    let mut victim = Victim::new();
    let cases: [(&str, &str); 9] = [
        ("", "Invalid copy source object key"),
        ("hostile", "Invalid copy source object key"),
        ("hostile/", "Invalid copy source object key"),
        ("/", "Invalid copy source object key"),
        ("hostile/%ZZ", "Invalid copy source encoding"),
        ("100%/x/y", "Invalid copy source encoding"),
        ("hostile/%C3%", "Invalid copy source encoding"),
        ("192.168.1.1/foo", "Invalid copy source bucket name"),
        ("my-buc@k&()t/obj", "Invalid copy source bucket name"),
    ];
    for (source, message) in cases {
        let refused = expected(400, "InvalidArgument")
            .message(message)
            .elements(&[("ArgumentName", "x-amz-copy-source")]);
        let call = copy_part(TARGET, &victim.upload_id, 1, source, None);
        victim.must_refuse(source, &call, &refused);
    }
    let none = expected(404, "NoSuchKey").elements(&[("Key", "none")]);
    victim.must_refuse(
        "no key",
        &copy_part(TARGET, &victim.upload_id, 1, "hostile/none", None),
        &none,
    );
    let none = expected(404, "NoSuchBucket").elements(&[("BucketName", "nowhere")]);
    victim.must_refuse(
        "no bucket",
        &copy_part(TARGET, &victim.upload_id, 1, "nowhere/x", None),
        &none,
    );
    let call = victim.copy().body("x");
    let refused = expected(400, "InvalidRequest").message(
        "The request included a body. Requests of this type must not include a non-empty body.",
    );
    victim.must_refuse("a copy with a body", &call, &refused);
    let failed = expected(412, "PreconditionFailed")
        .message("At least one of the pre-conditions you specified did not hold")
        .elements(&[("Condition", "x-amz-copy-source-If-Match")]);
    let call = victim.copy().header("x-amz-copy-source-if-match", "\"0\"");
    victim.must_refuse("if-match", &call, &failed);
    must_have_no_parts(&victim);
    victim.node.stop();
}

#[test]
fn keys_end_at_1024_bytes() {
    let mut victim = Victim::new();
    let path = format!("/hostile/{}", "k".repeat(1025));
    let too_long = expected(400, "KeyTooLongError");
    for method in ["PUT", "GET", "DELETE"] {
        victim.must_refuse(method, &Call::new(method, &*path), &too_long);
    }
    let source = format!("hostile/{}", "k".repeat(1025));
    let call = copy_part(TARGET, &victim.upload_id, 1, &source, None);
    victim.must_refuse("copy source", &call, &too_long);
    // Bytes count, not characters, and not their escapes: three escapes are one character of three bytes.
    let path = format!("/hostile/{}k", "%E6%97%A5".repeat(341));
    let reply = victim.s3.call(&Call::new("PUT", &*path).body("x")).expect("the node answers");
    assert_eq!(reply.status, 200, "{}", reply.text());
    victim.must_refuse("escapes", &Call::new("PUT", format!("{path}k")), &too_long);
    victim.must_refuse(
        "bad escape",
        &Call::new("GET", "/hostile/%ZZ"),
        &expected(400, "InvalidURI"),
    );
    victim.must_refuse(
        "bad UTF-8",
        &Call::new("GET", "/hostile/%FF"),
        &expected(400, "InvalidURI"),
    );
    victim.node.stop();
}

#[test]
fn garbage_xml_completes_nothing() {
    let mut victim = Victim::new();
    let reply = victim.s3.call(&victim.part(1).body("x")).expect("the node answers");
    let etag = reply.header("etag").expect("a part has an ETag").to_owned();
    let query = format!("uploadId={}", victim.upload_id);
    let part = "<Part><PartNumber>1</PartNumber><ETag>x</ETag></Part>";
    let entity = format!(
        "<!DOCTYPE a [<!ENTITY e \"1\">]><CompleteMultipartUpload>{part}</CompleteMultipartUpload>"
    );
    let nested = "<a>".repeat(100_000);
    for body in [
        "not XML",
        "<CompleteMultipartUpload>",
        "<CompleteMultipartUpload/>",
        "<CompleteMultipartUpload><Part></CompleteMultipartUpload>",
        "<CompleteMultipartUpload><Part><ETag>x</ETag></Part></CompleteMultipartUpload>",
        "<CompleteMultipartUpload><Part><PartNumber>x</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>",
        "<Other><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></Other>",
        "\0\u{1}\u{2}",
        &entity,
        &nested,
    ] {
        let call = Call::new("POST", TARGET).query(&*query).body(body);
        victim.must_refuse(body.get(..40).unwrap_or(body), &call, &expected(400, "MalformedXML"));
    }
    let empty = expected(400, "InvalidRequest").message("You must specify at least one part");
    victim.must_refuse("no body", &Call::new("POST", TARGET).query(&*query), &empty);
    // Sent with its MD5, as S3 asks of this operation, so that only the XML is wrong.
    let tags = Call::new("PUT", TEN)
        .query("tagging=")
        .body("<Tagging><TagSet>")
        .header("content-md5", "qmV02LzFsUoS6NVSbqnHNA==");
    victim.must_refuse("tags", &tags, &expected(400, "MalformedXML"));
    victim.must_not_exist(TARGET);
    let complete = complete_upload(TARGET, &victim.upload_id, &[(1, etag)]);
    let reply = victim.s3.call(&complete).expect("the node answers");
    assert_eq!(reply.status, 200, "the upload is unharmed: {}", reply.text());
    victim.node.stop();
}

#[test]
fn short_and_wrong_bodies_store_nothing() {
    let mut victim = Victim::new();
    let short = Call::new("PUT", "/hostile/short").payload(PayloadMode::Unsigned);
    for (what, call) in [
        ("short object", short.clone()),
        ("short part", victim.part(1).payload(PayloadMode::Unsigned)),
    ] {
        let (head, _) = victim.s3.head(&call, 200_000);
        let mut connection = Connection::open(victim.s3.address).expect("the node listens");
        connection.send(&head).expect("the node takes bytes");
        connection.send(&[7; 100_000]).expect("the node takes bytes");
        connection.close_sending().expect("a connection can be half closed");
        let reply = connection.receive(false).expect("the node answers");
        must_be(what, &reply, &expected(400, "IncompleteBody").message(INCOMPLETE_TEXT));
        victim.must_serve(what);
    }
    let wrong =
        Call::new("PUT", "/hostile/short").body("right").payload(PayloadMode::Hash([7; 32]));
    let mismatch = expected(400, "XAmzContentSHA256Mismatch")
        .message("The provided 'x-amz-content-sha256' header does not match what was computed.");
    victim.must_refuse("wrong hash", &wrong, &mismatch);
    let wrong = Call::new("PUT", "/hostile/short")
        .body("x")
        .header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==");
    let digest = expected(400, "BadDigest")
        .message("The Content-MD5 you specified did not match what we received.");
    victim.must_refuse("wrong MD5", &wrong, &digest);
    let wrong =
        Call::new("PUT", "/hostile/short").body("x").header("x-amz-checksum-crc32", "AAAAAA==");
    let digest = expected(400, "BadDigest")
        .message("The CRC32 you specified did not match the calculated checksum.");
    victim.must_refuse("wrong CRC32", &wrong, &digest);

    let head = tampered(&victim.s3, &short, "content-length: 0\r\n", "");
    victim.must_refuse_wire("no length", &head, &expected(411, "MissingContentLength"));
    let (head, _) = victim.s3.head(&short.header("expect", "100-continue"), (5 << 30) + 1);
    victim.must_refuse_wire("too long", &head, &expected(400, "EntityTooLarge"));
    victim.must_not_exist("/hostile/short");
    must_have_no_parts(&victim);
    victim.node.stop();
}

#[test]
fn continue_comes_after_the_checks() {
    let mut victim = Victim::new();
    let put = Call::new("PUT", "/hostile/expected")
        .header("expect", "100-continue")
        .payload(PayloadMode::Unsigned);
    let (head, _) = victim.s3.head(&put, 5);
    let mut connection = Connection::open(victim.s3.address).expect("the node listens");
    connection.send(&head).expect("the node takes bytes");
    assert_eq!(connection.receive_head().expect("the node answers").status, 100);
    connection.send(b"12345").expect("the node takes bytes");
    let reply = connection.receive(false).expect("the node answers");
    assert_eq!(reply.status, 200, "{}", reply.text());

    let mut other = victim.s3.clone();
    other.credential.secret_key.push('x');
    let missing = Call { path: "/nowhere/x".to_owned(), ..put.clone() };
    for (wire, status) in [(other.head(&put, 5).0, 403), (victim.s3.head(&missing, 5).0, 404)] {
        let mut connection = Connection::open(victim.s3.address).expect("the node listens");
        connection.send(&wire).expect("the node takes bytes");
        let reply = connection.receive_head().expect("the node answers");
        assert_eq!(reply.status, status, "the final answer comes at once, without 100");
    }
    victim.must_serve("refused expectations");
    victim.node.stop();
}

/// A body in chunks of 8 KiB and a rest, with a CRC32 trailer where the mode has trailers.
fn chunked(
    victim: &Victim,
    path: &str,
    mode: PayloadMode,
    data: &[u8],
    trailer: Option<&str>,
) -> (Vec<u8>, Vec<u8>) {
    let mut call = Call::new("PUT", path)
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", data.len().to_string())
        .payload(mode);
    if trailer.is_some() {
        call = call.header("x-amz-trailer", "x-amz-checksum-crc32");
    }
    let frame = |mut framer: Framer| {
        for chunk in data.chunks(8192) {
            framer.chunk(chunk);
        }
        match trailer {
            Some(value) => framer.end_with(&[("x-amz-checksum-crc32", value)]),
            None => framer.end(),
        }
    };
    let unsigned = mode == PayloadMode::StreamingUnsignedTrailer;
    let framer = |chain| if unsigned { Framer::unsigned() } else { Framer::signed(chain) };
    // The length stands in the head, is not signed, and is the same for every chain.
    let (_, signed) = victim.s3.head(&call, 0);
    let body_len = frame(framer(signed.chain)).len();
    let (head, signed) = victim.s3.head(&call, u64::try_from(body_len).expect("a length fits"));
    (head, frame(framer(signed.chain)))
}

#[test]
fn chunked_bodies_are_verified() {
    let mut victim = Victim::new();
    let data: Vec<u8> =
        (0..20_000_u32).map(|index| u8::try_from(index % 251).expect("below 251")).collect();
    let crc =
        protocol::checksum::ChecksumValue::from_crc32(protocol::crc::crc32(&data)).to_base64();
    let modes = [
        (PayloadMode::StreamingSigned, None),
        (PayloadMode::StreamingSignedTrailer, Some(&*crc)),
        (PayloadMode::StreamingUnsignedTrailer, Some(&*crc)),
    ];
    for (mode, trailer) in modes {
        let (head, body) = chunked(&victim, "/hostile/chunked", mode, &data, trailer);
        let reply = victim.answer(&[&*head, &body].concat());
        assert_eq!(reply.status, 200, "{mode:?}: {}", reply.text());
        let reply =
            victim.s3.call(&Call::new("GET", "/hostile/chunked")).expect("the node answers");
        assert_eq!(reply.body, data, "{mode:?}");
        assert_eq!(reply.header("content-encoding"), None, "{mode:?}");

        let refused = match mode {
            PayloadMode::StreamingUnsignedTrailer => expected(400, "BadDigest"),
            _ => expected(403, "SignatureDoesNotMatch"),
        };
        let (head, mut body) = chunked(&victim, "/hostile/broken", mode, &data, trailer);
        let middle = body.len() / 2;
        body[middle] ^= 1;
        victim.must_refuse_wire("a changed chunk", &[&*head, &body].concat(), &refused);

        let (head, body) = chunked(&victim, "/hostile/broken", mode, &data, trailer);
        let mut connection = Connection::open(victim.s3.address).expect("the node listens");
        connection.send(&[&head, &body[..9000]].concat()).expect("the node takes bytes");
        connection.close_sending().expect("a connection can be half closed");
        let reply = connection.receive(false).expect("the node answers");
        must_be("a truncated stream", &reply, &expected(400, "IncompleteBody"));
    }
    for mode in [PayloadMode::StreamingSignedTrailer, PayloadMode::StreamingUnsignedTrailer] {
        let (head, body) = chunked(&victim, "/hostile/broken", mode, &data, Some("AAAAAA=="));
        let refused = expected(400, "BadDigest");
        victim.must_refuse_wire("a wrong trailer", &[head, body].concat(), &refused);
    }
    victim.must_not_exist("/hostile/broken");
    victim.node.stop();
}

#[test]
fn what_is_not_built_is_refused() {
    let mut victim = Victim::new();
    let path = "/hostile/refused";
    let refused = expected(501, "NotImplemented");
    let put = || Call::new("PUT", path).body("x");
    for (name, value) in [
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-storage-class", "GLACIER"),
        ("x-amz-write-offset-bytes", "0"),
    ] {
        victim.must_refuse(name, &put().header(name, value), &refused);
    }
    for query in ["acl=", "retention=", "legal-hold=", "renameObject="] {
        victim.must_refuse(query, &put().query(query), &refused);
    }
    for query in ["versioning=", "policy=", "lifecycle=", "cors=", "replication=", "encryption="] {
        victim.must_refuse(
            query,
            &Call::new("PUT", "/hostile").query(query).body("<x/>"),
            &refused,
        );
    }
    victim.must_refuse("a copy of objects", &put().header("x-amz-copy-source", TEN), &refused);
    victim.must_refuse("select", &Call::new("POST", TEN).query("select=&select-type=2"), &refused);
    victim.must_refuse("a method", &Call::new("PATCH", TEN), &expected(405, "MethodNotAllowed"));
    victim.must_not_exist(path);
    victim.node.stop();
}

/// What is no HTTP has no S3 error; it must be turned away and do no harm.
#[test]
fn what_is_no_http_is_turned_away() {
    let mut victim = Victim::new();
    let host = victim.s3.address;
    let header = format!("x-filler: {}\r\n", "y".repeat(1000));
    let cases = [
        ("garbage", "\0\u{1}GARBAGE\r\n\r\n".to_owned()),
        ("no version", format!("GET {TEN}\r\n\r\n")),
        (
            "two lengths",
            format!(
                "PUT {TEN} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"
            ),
        ),
        ("no number", format!("PUT {TEN} HTTP/1.1\r\nhost: {host}\r\ncontent-length: x\r\n\r\n")),
        (
            "a megabyte of headers",
            format!("GET {TEN} HTTP/1.1\r\nhost: {host}\r\n{}\r\n", header.repeat(1000)),
        ),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}".to_owned()),
    ];
    for (what, wire) in cases {
        let mut connection = Connection::open(host).expect("the node listens");
        // The node may hang up before it has taken all: that is an answer too.
        if connection.send(wire.as_bytes()).is_ok() && connection.close_sending().is_ok() {
            match connection.receive(false) {
                Ok(reply) => {
                    assert!((400..500).contains(&reply.status), "{what}: {}", reply.status);
                }
                Err(error) => assert!(connection.is_closed().is_ok(), "{what}: {error}"),
            }
        }
        victim.must_serve(what);
    }
    victim.node.stop();
}
