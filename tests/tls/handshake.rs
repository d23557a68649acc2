//! Room: handshakes: versions, resumption, protocols; and clients that are slow, speak something else, or nonsense.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion};
use tenon_tests::http::Connection;
use tenon_tests::node::Node;

use crate::{PATIENCE, figure, must_serve, open, start, until};

/// Descriptions of alerts (RFC 8446 section 6).
const UNEXPECTED_MESSAGE: u8 = 10;
const DECODE_ERROR: u8 = 50;

/// What a client sends first.
fn client_hello(node: &Node) -> Vec<u8> {
    let client = node.identity().client(&[]);
    let name = ServerName::from(node.s3().address.ip());
    let mut session = ClientConnection::new(client, name).expect("a good name");
    let mut hello = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut hello).expect("memory takes all");
    }
    hello
}

fn connect(node: &Node) -> TcpStream {
    let socket = TcpStream::connect(node.s3().address).expect("the node listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket takes a time-out");
    socket
}

/// Reads until the node closes the connection, in good order or not. A time-out fails the test.
#[track_caller]
fn must_be_closed(socket: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let mut free = [0; 4096];
    loop {
        match socket.read(&mut free) {
            Ok(0) => return rest,
            Ok(len) => rest.extend_from_slice(&free[..len]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return rest,
            Err(error) => panic!("the node does not close the connection: {error}"),
        }
    }
}

#[test]
fn both_versions_are_spoken_and_their_sessions_resumed() {
    let mut node = start("tls-versions", &[]);
    let s3 = node.s3();
    for (version, expected) in
        [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let client = node.identity().client(&[version]);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut connection = open(&s3, &client);
            must_serve(&mut connection, &s3);
            must_serve(&mut connection, &s3);
            assert_eq!(connection.tls().protocol_version(), Some(expected));
            assert_eq!(connection.tls().handshake_kind(), Some(kind), "{expected:?}");
        }
    }
    node.stop();
}

#[test]
fn http_1_1_is_the_only_protocol() {
    let mut node = start("tls-alpn", &[]);
    let s3 = node.s3();
    let offering = |protocols: &[&[u8]]| {
        let mut client = ClientConfig::clone(&node.identity().client(&[]));
        client.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(client)
    };
    let mut connection = open(&s3, &offering(&[b"h2", b"http/1.1"]));
    must_serve(&mut connection, &s3);
    assert_eq!(connection.tls().alpn_protocol(), Some(&b"http/1.1"[..]));
    let refused = Connection::open_tls(s3.address, &offering(&[b"h2"]));
    let problem = refused.err().expect("nothing in common").to_string();
    assert!(problem.contains("NoApplicationProtocol"), "{problem}");
    node.stop();
}

#[test]
fn every_listening_socket_speaks_tls() {
    let mut node = start("tls-listen", &[]);
    node.stop();
    let ipv6 = node.listen_on_ipv6();
    node.start_again();
    let s3 = node.s3();
    for address in [s3.address, ipv6] {
        let s3 = tenon_tests::client::S3 { address, ..s3.clone() };
        must_serve(&mut open(&s3, &node.identity().client(&[])), &s3);
        let mut plain = Connection::open(address).expect("the node listens");
        plain.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").expect("the node takes bytes");
        assert_eq!(plain.receive(false).expect("the node answers").status, 400);
    }
    node.stop();
}

#[test]
fn slow_handshakes_are_cut() {
    let mut node = start("tls-slow", &[("TENON_HTTP_HEADER_TIMEOUT", "400ms")]);
    let s3 = node.s3();
    let hello = client_hello(&node);

    let mut silent = connect(&node);
    let mut half = connect(&node);
    half.write_all(&hello[..hello.len() / 2]).expect("the node takes bytes");
    let mut waiting = connect(&node);
    waiting.write_all(&hello).expect("the node takes bytes");
    let mut shaken = open(&s3, &node.identity().client(&[]));
    shaken.send(b"GET /tls/hello HTTP/1.1\r\nhost: x\r\n").expect("the node takes bytes");
    // One that sends a byte now and then, so that only the time as a whole tells.
    let mut dripping = connect(&node);
    let begun = Instant::now();
    let cut = hello.iter().any(|byte| {
        thread::sleep(Duration::from_millis(20));
        dripping.write_all(&[*byte]).is_err()
    });
    assert!(cut, "a handshake may take {:?}", begun.elapsed());

    must_be_closed(&mut silent);
    must_be_closed(&mut half);
    let answer = must_be_closed(&mut waiting);
    assert_eq!(answer.first(), Some(&22), "the node has shaken hands as far as it could");
    let late = shaken.receive(false).expect("who has shaken hands can be told");
    assert_eq!((late.status, late.element("Code").as_deref()), (400, Some("RequestTimeout")));
    assert!(shaken.is_closed().expect("the connection ends"));
    until("nobody holds a connection", || figure(&node, "tenon_connections_open") == 0.0);
    // The silent one never began a handshake; the last one had ended it.
    until("failed handshakes", || figure(&node, "tenon_tls_handshakes_failed_total") == 3.0);
    must_serve(&mut open(&s3, &node.identity().client(&[])), &s3);
    node.stop();
}

#[test]
fn whoever_speaks_no_tls_is_told_so_in_plain_http() {
    let mut node = start("tls-plain", &[]);
    let s3 = node.s3();
    for wire in [&b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..], b"\0\0\0\0"] {
        let mut connection = Connection::open(s3.address).expect("the node listens");
        connection.send(wire).expect("the node takes bytes");
        let reply = connection.receive(false).expect("the node answers");
        assert_eq!(
            (reply.status, &*reply.element("Code").unwrap_or_default()),
            (400, "BadRequest")
        );
        assert!(reply.text().contains("HTTPS"), "{}", reply.text());
        assert_eq!(reply.header("x-amz-request-id"), reply.element("RequestId").as_deref());
        assert!(connection.is_closed().expect("the connection ends"));
    }
    // A body that is already on its way must not destroy the answer.
    let mut connection = Connection::open(s3.address).expect("the node listens");
    connection.send(b"PUT /tls/x HTTP/1.1\r\nhost: x\r\ncontent-length: 4000000\r\n\r\n").ok();
    connection.send(&[0; 4_000_000]).expect("the node reads on for a moment");
    assert_eq!(connection.receive(false).expect("the node answers").status, 400);
    must_serve(&mut open(&s3, &node.identity().client(&[])), &s3);
    node.stop();
}

#[test]
fn nonsense_in_a_handshake_ends_in_an_alert() {
    let mut node = start("tls-nonsense", &[]);
    let hello = client_hello(&node);
    for (what, wire, description) in [
        ("a message of type 255", &[22, 3, 1, 0, 4, 255, 0, 0, 0], UNEXPECTED_MESSAGE),
        ("a record of 64 KiB", &[22, 3, 1, 255, 255, 1, 0, 0, 0], DECODE_ERROR),
    ] {
        let mut socket = connect(&node);
        socket.write_all(wire).expect("the node takes bytes");
        assert_eq!(must_be_closed(&mut socket), [21, 3, 3, 0, 2, 2, description], "{what}");
    }
    // A message of 16 MiB: nobody waits for the rest.
    let mut socket = connect(&node);
    socket.write_all(&[22, 3, 1, 0, 5, 1, 255, 255, 255, 0]).expect("the node takes bytes");
    must_be_closed(&mut socket);
    let mut gone = connect(&node);
    gone.write_all(&hello[..20]).expect("the node takes bytes");
    drop(gone);
    until("failed handshakes", || figure(&node, "tenon_tls_handshakes_failed_total") == 4.0);
    let s3 = node.s3();
    must_serve(&mut open(&s3, &node.identity().client(&[])), &s3);
    node.stop();
}

#[test]
fn a_connection_too_many_hears_an_alert() {
    let mut node = start("tls-many", &[("TENON_HTTP_MAX_CONNECTIONS", "2")]);
    let s3 = node.s3();
    let client = node.identity().client(&[]);
    until("nobody holds a connection", || figure(&node, "tenon_connections_open") == 0.0);
    let (mut first, mut second) = (open(&s3, &client), open(&s3, &client));
    let answer = must_be_closed(&mut connect(&node));
    assert_eq!(answer.first(), Some(&21), "{answer:?}");
    assert!(Connection::open_tls(s3.address, &client).is_err(), "the third of two");
    must_serve(&mut first, &s3);
    must_serve(&mut second, &s3);
    node.stop();
}
