//! Room: where requests begin and end on a connection: the node's strict reader of framing, which stands in front of
//! its HTTP library, against a walk through the same bytes with the parser that the library has.
//!
//! Promises: however the bytes are parted, the same is found at the same place; heads end where the library has them
//! end, for all that the strict reader lets through.

#[path = "../../../../node/src/http/framing/mod.rs"]
#[expect(dead_code, reason = "a room of the node, which is not to be built for this")]
mod reader;

use httparse::Status;

use self::reader::{Found, Framing};
use crate::mutate::Dice;

pub(crate) fn run(wire: &[u8]) {
    let whole = judge(&[wire]);
    let bytes: Vec<&[u8]> = wire.chunks(1).collect();
    let mut heads = Vec::new();
    let singly = judge_each(&bytes, |end| heads.push(end));
    assert_eq!(whole, singly, "read whole and by the byte");
    assert_eq!(whole, judge(&Dice::of(wire).split(wire, 100)), "read whole and in pieces");
    agree(wire, &heads, singly);
}

/// What is found in these pieces, its place counted from their beginning; or whether they end within a head.
fn judge(pieces: &[&[u8]]) -> Result<bool, Found> {
    judge_each(pieces, |_end| {})
}

/// As [`judge`], and tells of each piece with which a head ends how many bytes came up to its end.
fn judge_each(pieces: &[&[u8]], mut ended: impl FnMut(usize)) -> Result<bool, Found> {
    let mut framing = Framing::default();
    let (mut read, mut start) = (0, None);
    for piece in pieces {
        framing.read(piece).map_err(|found| Found { at: read + found.at, ..found })?;
        read += piece.len();
        if framing.is_in_head() {
            start.get_or_insert(read - 1);
        } else if let Some(start) = start.take() {
            // An empty line before a request looks like the beginning of a head.
            if read - start > 2 {
                ended(read);
            }
        }
    }
    Ok(framing.is_in_head())
}

/// Holds where heads ended against where the library has them end.
fn agree(wire: &[u8], heads: &[usize], verdict: Result<bool, Found>) {
    let mut walk = Walk { wire, at: 0, heads: Vec::new() };
    let stop = walk.go_on();
    let common = heads.len().min(walk.heads.len());
    assert_eq!(heads[..common], walk.heads[..common], "heads end elsewhere");
    match (verdict, stop) {
        // It refuses more than we do; nothing that it takes for a head is none for us.
        (Ok(_), Stop::Refused) => assert!(walk.heads.len() <= heads.len()),
        (Ok(in_head), Stop::Incomplete { in_head: expect }) => {
            assert_eq!(heads, walk.heads, "the library sees other requests");
            assert_eq!(in_head, expect, "within a head or not");
        }
        (Err(_), Stop::Refused) => {}
        (Err(_), Stop::Incomplete { .. }) => assert!(heads.len() <= walk.heads.len()),
    }
}

/// The library's reader on its way.
struct Walk<'a> {
    wire: &'a [u8],
    at: usize,
    heads: Vec<usize>,
}

enum Stop {
    /// The library would not read on.
    Refused,
    /// More bytes must come.
    Incomplete { in_head: bool },
}

impl Walk<'_> {
    fn rest(&self) -> &[u8] {
        &self.wire[self.at..]
    }

    fn go_on(&mut self) -> Stop {
        loop {
            while self.rest().starts_with(b"\r\n") {
                self.at += 2;
            }
            if self.rest().is_empty() {
                return Stop::Incomplete { in_head: false };
            }
            let Some(body) = self.head() else { return Stop::Refused };
            let Some(body) = body else { return Stop::Incomplete { in_head: true } };
            self.heads.push(self.at);
            let end = match body {
                Body::Length(len) => self.skip(len),
                Body::Chunked => self.chunks(),
            };
            if let Err(stop) = end {
                return stop;
            }
        }
    }

    /// Reads a head; `None` if it is none, and nothing in it if it does not end.
    fn head(&mut self) -> Option<Option<Body>> {
        let mut fields = [httparse::EMPTY_HEADER; 300];
        let mut request = httparse::Request::new(&mut fields);
        let Status::Complete(len) = request.parse(&self.wire[self.at..]).ok()? else {
            return Some(None);
        };
        self.at += len;
        let values = |name: &str| {
            let of_name =
                request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
            of_name.map(|field| str::from_utf8(field.value).unwrap_or("?")).collect::<Vec<&str>>()
        };
        let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
        match (&lengths[..], &codings[..]) {
            ([], []) => Some(Some(Body::Length(0))),
            ([len], []) => Some(Some(Body::Length(len.parse().ok()?))),
            ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => Some(Some(Body::Chunked)),
            _ => None,
        }
    }

    fn skip(&mut self, len: u64) -> Result<(), Stop> {
        let rest = u64::try_from(self.rest().len()).expect("a size has 64 bits");
        if len > rest {
            return Err(Stop::Incomplete { in_head: false });
        }
        self.at += usize::try_from(len).expect("not more than there is");
        Ok(())
    }

    fn chunks(&mut self) -> Result<(), Stop> {
        loop {
            let (line, len) = match httparse::parse_chunk_size(self.rest()) {
                Ok(Status::Complete(found)) => found,
                Ok(Status::Partial) => return Err(Stop::Incomplete { in_head: false }),
                Err(_) => return Err(Stop::Refused),
            };
            self.at += line;
            if len == 0 {
                break;
            }
            self.skip(len)?;
            if self.rest().len() < 2 {
                return Err(Stop::Incomplete { in_head: false });
            }
            if !self.rest().starts_with(b"\r\n") {
                return Err(Stop::Refused);
            }
            self.at += 2;
        }
        let mut fields = [httparse::EMPTY_HEADER; 300];
        match httparse::parse_headers(self.rest(), &mut fields) {
            Ok(Status::Complete((len, _))) => self.at += len,
            Ok(Status::Partial) => return Err(Stop::Incomplete { in_head: false }),
            Err(_) => return Err(Stop::Refused),
        }
        Ok(())
    }
}

enum Body {
    Length(u64),
    Chunked,
}
