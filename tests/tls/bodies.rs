//! Room: bodies under TLS: as botocore sends them, large ones both ways, and connections that end in the middle.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::thread;

use protocol::checksum::ChecksumValue;
use protocol::sign::PayloadMode;
use protocol::sign::sign::Framer;
use tenon_tests::client::Call;
use tenon_tests::content::Content;
use tenon_tests::http::Connection;

use crate::{figure, must_serve, open, start, until};

const LONG_LEN: u64 = 32 << 20;

/// One HTTP chunk for each piece of `body`, and the end.
fn http_chunked(body: &[u8], piece_len: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    for piece in body.chunks(piece_len) {
        wire.extend_from_slice(format!("{:X}\r\n", piece.len()).as_bytes());
        wire.extend_from_slice(piece);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    wire
}

/// botocore over HTTPS: `Expect`, no length, aws-chunked with a trailer inside of HTTP's own chunks, whose borders
/// have nothing to do with each other.
#[test]
fn aws_chunks_inside_of_http_chunks_are_taken_apart() {
    let mut node = start("tls-chunks", &[]);
    let s3 = node.s3();
    let mut connection = s3.connect().expect("the node listens");
    for (data_len, piece_len) in
        [(0, 7), (1, 1), (100_000, 8192), (2_500_000, 16_384), (70_000, 13)]
    {
        let data = Content::new(data_len, data_len).bytes();
        let checksum = ChecksumValue::from_crc32(protocol::crc::crc32(&data)).to_base64();
        let mut framer = Framer::unsigned();
        data.chunks(1 << 20).for_each(|chunk| framer.chunk(chunk));
        let body = framer.end_with(&[("x-amz-checksum-crc32", &checksum)]);
        let put = Call::new("PUT", "/tls/chunked")
            .header("x-amz-sdk-checksum-algorithm", "CRC32")
            .header("content-encoding", "aws-chunked")
            .header("x-amz-trailer", "x-amz-checksum-crc32")
            .header("x-amz-decoded-content-length", data_len.to_string())
            .payload(PayloadMode::StreamingUnsignedTrailer);
        let (head, _) = s3.head(&put, 0);
        let head = String::from_utf8(head).expect("a head is text");
        // Neither is signed.
        let framing = "\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n";
        let head = head.replace("\r\ncontent-length: 0\r\n", framing);
        connection.send(head.as_bytes()).expect("the node takes bytes");
        let reply = connection.receive_head().expect("the node answers");
        assert_eq!(reply.status, 100, "{data_len}");
        connection.send(&http_chunked(&body, piece_len)).expect("the node takes bytes");
        let reply = connection.receive(false).expect("the node answers");
        assert_eq!(reply.status, 200, "{data_len}: {}", reply.text());
        let get = Call::new("GET", "/tls/chunked").header("x-amz-checksum-mode", "ENABLED");
        connection.send(&s3.wire(&get)).expect("the node takes bytes");
        let reply = connection.receive(false).expect("the node answers");
        assert_eq!(reply.body, data, "{data_len} bytes in pieces of {piece_len}");
        assert_eq!(reply.header("x-amz-checksum-crc32"), Some(&*checksum));
        assert_eq!(reply.header("content-encoding"), None);
    }
    node.stop();
}

#[test]
fn large_bodies_go_both_ways_unharmed() {
    let mut node = start("tls-large", &[]);
    let s3 = node.s3();
    let clients: Vec<_> = (0..3)
        .map(|seed| {
            let s3 = s3.clone();
            thread::spawn(move || {
                let path = format!("/tls/large-{seed}");
                let content = Content::new(seed, LONG_LEN + seed * 4097 + 1);
                let mut session = s3.session().expect("the node listens");
                let reply = session.put(Call::new("PUT", &*path), &content);
                assert_eq!(reply.expect("the node answers").status, 200);
                for _ in 0..2 {
                    let difference = session.compare(&path, &content).expect("the node answers");
                    assert_eq!(difference, None);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("every byte is right");
    }
    node.stop();
}

#[test]
fn a_client_that_stops_reading_is_cut() {
    let mut node = start("tls-reader", &[("TENON_HTTP_WRITE_TIMEOUT", "400ms")]);
    let s3 = node.s3();
    let mut session = s3.session().expect("the node listens");
    let content = Content::new(1, LONG_LEN);
    let reply = session.put(Call::new("PUT", "/tls/long"), &content).expect("the node answers");
    assert_eq!(reply.status, 200);
    drop(session);

    let mut lazy = s3.connect().expect("the node listens");
    lazy.send(&s3.wire(&Call::new("GET", "/tls/long"))).expect("the node takes bytes");
    until("the node gives up", || figure(&node, "tenon_connections_open") == 0.0);
    // What was on its way can be read; then it ends, and not as if that had been all.
    let problem = lazy.receive_into(false, |_bytes| ()).expect_err("the answer was cut short");
    let reset = problem.kind() == ErrorKind::ConnectionReset;
    assert!(reset || problem.to_string().contains("close_notify"), "{problem}");
    must_serve(&mut s3.connect().expect("the node listens"), &s3);
    node.stop();
}

#[test]
fn an_early_answer_is_not_destroyed_by_the_body_on_its_way() {
    let mut node = start("tls-early", &[]);
    let s3 = node.s3();
    let put = Call::new("PUT", "/no-such-bucket/x").payload(PayloadMode::Unsigned);
    let (head, _) = s3.head(&put, 8_000_000);
    let mut connection = s3.connect().expect("the node listens");
    connection.send(&head).expect("the node takes bytes");
    connection.send(&vec![0; 8_000_000]).expect("the node reads on for a moment");
    let reply = connection.receive(false).expect("the node answers");
    assert_eq!((reply.status, reply.header("connection")), (404, Some("close")));
    assert!(connection.is_closed().expect("the end is told"), "by a close_notify");
    node.stop();
}

/// Half of a body of 200,000 bytes, on a connection of its own.
fn half_sent(s3: &tenon_tests::client::S3) -> Connection {
    let put = Call::new("PUT", "/tls/half").payload(PayloadMode::Unsigned);
    let (head, _) = s3.head(&put, 200_000);
    let mut connection = s3.connect().expect("the node listens");
    connection.send(&head).expect("the node takes bytes");
    connection.send(&[7; 100_000]).expect("the node takes bytes");
    connection
}

/// The next bytes of a connection as they would travel.
fn record(connection: &mut Connection) -> Vec<u8> {
    connection.tls().writer().write_all(&[7; 5000]).expect("memory takes all");
    let mut record = Vec::new();
    while connection.tls().wants_write() {
        connection.tls().write_tls(&mut record).expect("memory takes all");
    }
    record
}

#[test]
fn connections_that_end_in_the_middle_store_nothing() {
    let mut node = start("tls-half", &[]);
    let s3 = node.s3();

    let mut plain_end = half_sent(&s3);
    plain_end.socket().shutdown(Shutdown::Write).expect("a socket can be half closed");
    let reply = plain_end.receive(false).expect("the node answers");
    assert_eq!((reply.status, reply.element("Code").as_deref()), (400, Some("IncompleteBody")));

    let mut half_a_record = half_sent(&s3);
    let bytes = record(&mut half_a_record);
    let socket = half_a_record.socket();
    socket.write_all(&bytes[..bytes.len() / 2]).expect("the node takes bytes");
    socket.shutdown(Shutdown::Write).expect("a socket can be half closed");
    let reply = half_a_record.receive(false).expect("the node answers");
    assert_eq!((reply.status, reply.element("Code").as_deref()), (400, Some("IncompleteBody")));

    let mut closed_in_order = half_sent(&s3);
    closed_in_order.close_sending().expect("a connection can be half closed");
    let reply = closed_in_order.receive(false).expect("the node answers");
    assert_eq!((reply.status, reply.element("Code").as_deref()), (400, Some("IncompleteBody")));

    let mut changed = half_sent(&s3);
    let mut bytes = record(&mut changed);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    changed.socket().write_all(&bytes).expect("the node takes bytes");
    let problem = changed.receive(false).expect_err("no answer to a record that was changed");
    assert!(problem.to_string().contains("BadRecordMac"), "{problem}");

    let mut gone = half_sent(&s3);
    gone.socket().shutdown(Shutdown::Both).expect("a socket can be closed");
    drop(gone);

    until("nobody holds a connection", || figure(&node, "tenon_connections_open") == 0.0);
    let reply = s3.call(&Call::new("HEAD", "/tls/half")).expect("the node answers");
    assert_eq!(reply.status, 404);
    must_serve(&mut open(&s3, &node.identity().client(&[])), &s3);
    node.stop();
}
