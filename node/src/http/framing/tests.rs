use super::*;

/// Reads all of it, in pieces of `len` bytes. What was objected to, and where.
fn read(text: &str, len: usize) -> Result<Framing, (Offence, usize)> {
    let mut framing = Framing::default();
    for (index, piece) in text.as_bytes().chunks(len).enumerate() {
        framing.read(piece).map_err(|found| (found.offence, index * len + found.at))?;
    }
    Ok(framing)
}

/// What is found does not depend on how the bytes come.
fn read_all(text: &str) -> Result<Framing, (Offence, usize)> {
    let whole = read(text, text.len());
    for len in [1, 2, 3, 7, 64] {
        let place = |read: Result<Framing, _>| read.err();
        assert_eq!(place(read(text, len)), place(read(text, text.len())), "in {len}s: {text:?}");
    }
    whole
}

fn offence(text: &str) -> Option<Offence> {
    read_all(text).err().map(|(offence, _at)| offence)
}

const PUT: &str = "PUT /b/k HTTP/1.1\r\nhost: a\r\n";

#[test]
fn requests_follow_one_another() {
    let chunks = "5\r\nGET /\r\n3;a=b\r\nabc\r\n0\r\n";
    let text = format!(
        "\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n{PUT}content-length: 4\r\n\r\n\r\n\r\n\
         {PUT}Transfer-Encoding:  Chunked \r\n\r\n{chunks}x-trailer: 1\r\n\r\n\
         {PUT}CONTENT-LENGTH:0\r\n\r\nHEAD / HTTP/1.0\r\n\r\n"
    );
    let framing = read_all(&text).expect("nothing to object to");
    assert_eq!(framing.state, State::Start);
    assert!(!framing.is_in_head());
    assert_eq!(framing.line.capacity(), 0, "who waits needs no memory");
}

#[test]
fn the_beginning_of_a_head_is_known() {
    let in_head = |text: &str| read_all(text).expect("good so far").is_in_head();
    assert!(!in_head("\r\n"));
    assert!(in_head("G"));
    assert!(in_head(PUT));
    assert!(!in_head(&format!("{PUT}content-length: 3\r\n\r\nab")));
    assert!(in_head(&format!("{PUT}content-length: 3\r\n\r\nabcP")));
}

#[test]
fn forms_that_can_be_read_in_two_ways_are_offences() {
    use Offence::{Malformed, UnknownCoding};
    for (fields, expected) in [
        ("content-length: 3\r\ncontent-length: 4\r\n", Malformed),
        ("content-length: 3\r\nContent-Length: 3\r\n", Malformed),
        ("content-length: 3, 3\r\n", Malformed),
        ("content-length: +3\r\n", Malformed),
        ("content-length: 3 4\r\n", Malformed),
        ("content-length: -1\r\n", Malformed),
        ("content-length: 0x3\r\n", Malformed),
        ("content-length:\r\n", Malformed),
        ("content-length: 99999999999999999999\r\n", Malformed),
        ("content-length: 3\r\ntransfer-encoding: chunked\r\n", Malformed),
        ("transfer-encoding: chunked\r\ncontent-length: 3\r\n", Malformed),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", Malformed),
        ("transfer-encoding: identity\r\n", UnknownCoding),
        ("transfer-encoding: chunked, gzip\r\n", UnknownCoding),
        ("transfer-encoding: gzip, chunked\r\n", UnknownCoding),
        ("transfer-encoding: xchunked\r\n", UnknownCoding),
        ("transfer-encoding:\u{b}chunked\r\n", UnknownCoding),
        ("transfer-encoding : chunked\r\n", Malformed),
        ("x: a\r\n b\r\n", Malformed),
        (" x: a\r\n", Malformed),
        ("x: a\n", Malformed),
        ("x: a\rb\r\n", Malformed),
        ("x: a\0b\r\n", Malformed),
        ("no colon\r\n", Malformed),
    ] {
        assert_eq!(offence(&format!("{PUT}{fields}\r\n")), Some(expected), "{fields:?}");
    }
    for text in [
        "\n",
        "GET / HTTP/1.1\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n\n",
        "GET /\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n",
        "GET /bucket/a#b HTTP/1.1\r\n\r\n",
        "GET /bucket/a?b#c HTTP/1.1\r\n\r\n",
        "PUT / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n",
    ] {
        assert_eq!(offence(text), Some(Malformed), "{text:?}");
    }
}

#[test]
fn chunks_have_one_form() {
    let chunked = |body: &str| offence(&format!("{PUT}transfer-encoding: chunked\r\n\r\n{body}"));
    for body in ["0\r\n\r\n", "a\r\n0123456789\r\n00\r\n\r\n", "1 ;a\r\nx\r\n0\r\na: b\r\n\r\n"] {
        assert_eq!(chunked(body), None, "{body:?}");
    }
    for body in [
        "\r\n",
        ";a\r\n",
        "-1\r\n",
        "0x1\r\n",
        "1 1\r\n",
        "1\nx",
        "1\r\nxy\r\n",
        "1\r\nx\n0\r\n\r\n",
        "1\r\nx0\r\n\r\n",
        "0\r\na: b\n\r\n",
        "0\r\n\n",
        "0000000000000001\r\nx\r\n",
        "1;a\nb\r\nx\r\n",
    ] {
        assert_eq!(chunked(body), Some(Offence::Malformed), "{body:?}");
    }
    let long = format!("1;{}", "a".repeat(CHUNK_LINE_LEN_MAX));
    assert_eq!(chunked(&long), Some(Offence::Malformed));
    let zeros = "0".repeat(CHUNK_LINE_LEN_MAX + 2);
    assert_eq!(chunked(&zeros), Some(Offence::Malformed));
    let flood = format!("0\r\n{}", "a: b\r\n".repeat(FIELDS_MAX + 1));
    assert_eq!(chunked(&flood), Some(Offence::LongFields));
}

#[test]
fn heads_are_bounded() {
    let target = |len: usize| offence(&format!("GET /{} HTTP/1.1\r\n\r\n", "k".repeat(len)));
    assert_eq!(target(REQUEST_LINE_LEN_MAX - 14), None);
    assert_eq!(target(REQUEST_LINE_LEN_MAX - 13), Some(Offence::LongTarget));
    assert_eq!(offence(&"G".repeat(REQUEST_LINE_LEN_MAX + 2)), Some(Offence::LongTarget));
    let fields = |count| offence(&format!("{PUT}{}\r\n", "a: b\r\n".repeat(count)));
    assert_eq!(fields(FIELDS_MAX - 1), None);
    assert_eq!(fields(FIELDS_MAX), Some(Offence::LongFields));
    let long = |len| offence(&format!("{PUT}a: {}\r\n", "b".repeat(len)));
    assert_eq!(long(FIELDS_LEN_MAX - 15), None);
    assert_eq!(long(FIELDS_LEN_MAX - 5), Some(Offence::LongFields));
    assert_eq!(offence(&"\r\n".repeat(FIELDS_MAX + 1)), Some(Offence::LongFields));
}

#[test]
fn an_offence_says_where_it_is() {
    let mut framing = Framing::default();
    let head = format!("{PUT}transfer-encoding: chunked\r\n\r\n");
    framing.read(head.as_bytes()).expect("a good head");
    framing.read(b"1\r\nx\r").expect("a good chunk so far");
    let found = framing.read(b"x\n").expect_err("no end of a chunk");
    assert!(found.in_body);
    assert_eq!((found.at, found.instead), (0, &b"\0\r\n\r\n"[..]));

    let mut framing = Framing::default();
    framing.read(b"GET / HTTP/1.1\r\ncontent-length: x\r").expect("no line end yet");
    let found = framing.read(b"\n").expect_err("no length");
    assert_eq!((found.at, found.in_body), (0, false));
}
