//! Room: bodies that are not what their head says: short, changed, not XML; and when they may come at all.

use protocol::checksum::ChecksumValue;
use protocol::sign::PayloadMode;
use protocol::sign::sign::Framer;

use tenon_tests::client::{Call, complete_upload};
use tenon_tests::http::Connection;

use crate::{TARGET, TEN, Victim, expected, must_be, tampered};

const INCOMPLETE_TEXT: &str =
    "You did not provide the number of bytes specified by the Content-Length HTTP header";

#[test]
fn garbage_xml_completes_nothing() {
    let mut victim = Victim::new();
    let reply = victim.call(&victim.part(1).body("x"));
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
    let reply = victim.call(&complete);
    assert_eq!(reply.status, 200, "the upload is unharmed: {}", reply.text());
    victim.node.stop();
}

#[test]
fn short_and_wrong_bodies_store_nothing() {
    // rule: put/no-length, put/incomplete-body, put/five-gib, body/hash
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
    victim.must_have_no_parts();
    victim.node.stop();
}

#[test]
fn continue_comes_after_the_checks() {
    // rule: put/expect-continue
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
    let refused = [(other.head(&put, 5).0, 403), (victim.s3.head(&missing, 5).0, 404)];
    let empty = [(other.head(&put, 0).0, 403), (victim.s3.head(&put, 0).0, 200)];
    for (wire, status) in refused.into_iter().chain(empty) {
        let mut connection = Connection::open(victim.s3.address).expect("the node listens");
        connection.send(&wire).expect("the node takes bytes");
        let reply = connection.receive_head().expect("the node answers");
        assert_eq!(reply.status, status, "the final answer comes at once, without 100");
        // Whoever gets no 100 may or may not send its body, and botocore misreads the next answer.
        assert_eq!(reply.header("connection"), Some("close"), "after {status}");
    }
    victim.must_serve("refused expectations");
    victim.node.stop();
}

/// A body in chunks of 8 KiB and a rest, with a CRC32 trailer where the mode has trailers.
fn chunked(
    victim: &Victim,
    call: Call,
    mode: PayloadMode,
    data: &[u8],
    trailer: Option<&str>,
) -> (Vec<u8>, Vec<u8>) {
    let mut call = call
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
    // rule: put/chunked, upload-part/chunked, body/signed-chunks, body/unsigned-chunks
    let mut victim = Victim::new();
    let data: Vec<u8> =
        (0..20_000_u32).map(|index| u8::try_from(index % 251).expect("below 251")).collect();
    let crc = ChecksumValue::from_crc32(protocol::crc::crc32(&data)).to_base64();
    let modes = [
        (PayloadMode::StreamingSigned, None),
        (PayloadMode::StreamingSignedTrailer, Some(&*crc)),
        (PayloadMode::StreamingUnsignedTrailer, Some(&*crc)),
    ];
    let put = |path: &str| Call::new("PUT", path);
    for (mode, trailer) in modes {
        // What frames the chunks is stored nowhere, neither in an object nor in a part.
        let (head, body) = chunked(&victim, victim.part(1), mode, &data, trailer);
        let reply = victim.answer(&[&*head, &body].concat());
        assert_eq!(reply.status, 200, "{mode:?}: {}", reply.text());
        let list = Call::new("GET", TARGET).query(format!("uploadId={}", victim.upload_id));
        assert_eq!(victim.call(&list).element("Size").as_deref(), Some("20000"), "{mode:?}");

        let (head, body) = chunked(&victim, put("/hostile/chunked"), mode, &data, trailer);
        let reply = victim.answer(&[&*head, &body].concat());
        assert_eq!(reply.status, 200, "{mode:?}: {}", reply.text());
        let reply = victim.call(&Call::new("GET", "/hostile/chunked"));
        assert_eq!(reply.body, data, "{mode:?}");
        assert_eq!(reply.header("content-encoding"), None, "{mode:?}");

        let refused = match mode {
            PayloadMode::StreamingUnsignedTrailer => expected(400, "BadDigest"),
            _ => expected(403, "SignatureDoesNotMatch"),
        };
        let (head, mut body) = chunked(&victim, put("/hostile/broken"), mode, &data, trailer);
        let middle = body.len() / 2;
        body[middle] ^= 1;
        victim.must_refuse_wire("a changed chunk", &[&*head, &body].concat(), &refused);

        let (head, body) = chunked(&victim, put("/hostile/broken"), mode, &data, trailer);
        let mut connection = Connection::open(victim.s3.address).expect("the node listens");
        connection.send(&[&head, &body[..9000]].concat()).expect("the node takes bytes");
        connection.close_sending().expect("a connection can be half closed");
        let reply = connection.receive(false).expect("the node answers");
        must_be("a truncated stream", &reply, &expected(400, "IncompleteBody"));
    }
    for mode in [PayloadMode::StreamingSignedTrailer, PayloadMode::StreamingUnsignedTrailer] {
        let (head, body) = chunked(&victim, put("/hostile/broken"), mode, &data, Some("AAAAAA=="));
        let refused = expected(400, "BadDigest");
        victim.must_refuse_wire("a wrong trailer", &[head, body].concat(), &refused);
    }
    victim.must_not_exist("/hostile/broken");
    victim.node.stop();
}
