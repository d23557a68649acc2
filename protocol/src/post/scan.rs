//! Room: where the parts of a form end.
//!
//! Holds: the bytes that may be the beginning of a delimiter, fewer than one. All others are handed out where they lie.

use alloc::format;
use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;
use memchr::memmem::Finder;
use memchr::memrchr;

use super::Boundary;

/// What a delimiter says of what comes behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Delimiter {
    /// Another part.
    Part,
    /// Nothing more.
    End,
}

/// Looks for delimiters: an end of a line, two dashes, the boundary, and then an end of a line before another part,
/// or two dashes at the end of all. What goes on otherwise is no delimiter.
pub(super) struct Scanner {
    /// Up to and with the boundary. Its only carriage return is its first byte.
    finder: Finder<'static>,
    /// A beginning of a delimiter.
    held: Vec<u8>,
}

impl Scanner {
    /// At the beginning of a body, where the end of a line need not stand before the first delimiter.
    pub(super) fn new(boundary: &Boundary) -> Self {
        let text = format!("\r\n--{}", boundary.as_str());
        Self { finder: Finder::new(text.as_bytes()).into_owned(), held: b"\r\n".to_vec() }
    }

    /// Hands out what comes before the next delimiter, and says what it is; `None` if `wire` came to its end before.
    pub(super) fn scan(
        &mut self,
        wire: &mut Bytes,
        out: &mut dyn FnMut(Bytes),
    ) -> Option<Delimiter> {
        loop {
            if let Some(found) = self.go_on(wire, out) {
                return Some(found);
            }
            if wire.is_empty() {
                return None;
            }
            let text = self.finder.needle();
            let (free, held) = match self.finder.find(wire) {
                Some(at) => (at, text.len()),
                // Where the last carriage return stands, a delimiter may begin; before it, none.
                None => match memrchr(b'\r', wire) {
                    Some(at) if text.starts_with(&wire[at..]) => (at, wire.len() - at),
                    _ => (wire.len(), 0),
                },
            };
            if free > 0 {
                out(wire.split_to(free));
            }
            self.held.extend_from_slice(&wire.split_to(held));
        }
    }

    /// Adds to what is held for as long as it may be a delimiter. If it turns out to be none it is handed out.
    fn go_on(&mut self, wire: &mut Bytes, out: &mut dyn FnMut(Bytes)) -> Option<Delimiter> {
        while !self.held.is_empty() {
            let next = *wire.first()?;
            let text = self.finder.needle();
            let goes_on = match (text.get(self.held.len()), self.held.get(text.len())) {
                (Some(byte), _) => *byte == next,
                (None, None) => matches!(next, b'\r' | b'-'),
                (None, Some(b'\r')) => next == b'\n',
                (None, Some(_)) => next == b'-',
            };
            if !goes_on {
                out(Bytes::from(mem::take(&mut self.held)));
                return None;
            }
            self.held.push(next);
            *wire = wire.slice(1..);
            if self.held.len() == text.len() + 2 {
                self.held.clear();
                return Some(if next == b'\n' { Delimiter::Part } else { Delimiter::End });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn boundary() -> Boundary {
        Boundary::parse(Some("multipart/form-data; boundary=-ab-a")).unwrap()
    }

    /// What comes out of `pieces`, and where the delimiters were.
    fn scanned(pieces: &[&[u8]]) -> (Vec<u8>, Vec<(usize, Delimiter)>) {
        let (mut scanner, mut out, mut found) = (Scanner::new(&boundary()), Vec::new(), Vec::new());
        for piece in pieces {
            let mut wire = Bytes::copy_from_slice(piece);
            while !wire.is_empty() {
                let delimiter = scanner.scan(&mut wire, &mut |some| out.extend_from_slice(&some));
                found.extend(delimiter.map(|delimiter| (out.len(), delimiter)));
            }
        }
        out.extend_from_slice(&scanner.held);
        (out, found)
    }

    /// The same, the plain way.
    fn reference(body: &[u8]) -> (Vec<u8>, Vec<(usize, Delimiter)>) {
        let body = [b"\r\n", body].concat();
        let (mut out, mut found, mut at) = (Vec::new(), Vec::new(), 0);
        while at < body.len() {
            let rest = &body[at..];
            if rest.starts_with(b"\r\n---ab-a\r\n") {
                found.push((out.len(), Delimiter::Part));
                at += 11;
            } else if rest.starts_with(b"\r\n---ab-a--") {
                found.push((out.len(), Delimiter::End));
                at += 11;
            } else {
                out.push(body[at]);
                at += 1;
            }
        }
        (out, found)
    }

    #[test]
    fn look_alikes_are_no_delimiters() {
        // rule: post/body
        for body in [
            &b"---ab-a\r\nx\r\n---ab-a--"[..],
            b"---ab-ax\r\n---ab-a\r\r\n---ab-a-\r\n---ab-a-x",
            b"x\r\r\n\r\n---ab-\r\n---ab-a\n\r\n---ab-a\r\n",
            b"\r\n--\r\n---ab-a--\r\n---ab-a--",
            b"\n---ab-a--\r---ab-a--",
        ] {
            assert_eq!(scanned(&[body]), reference(body));
            let bytes: Vec<&[u8]> = body.chunks(1).collect();
            assert_eq!(scanned(&bytes), reference(body));
        }
    }

    proptest! {
        #[test]
        fn delimiters_are_found_however_the_bytes_are_split(
            words in proptest::collection::vec(
                prop_oneof![
                    Just(&b"\r\n---ab-a\r\n"[..]), Just(&b"\r\n---ab-a--"[..]), Just(&b"\r\n---ab-a"[..]),
                    Just(&b"\r\n---ab"[..]), Just(&b"\r"[..]), Just(&b"\n"[..]), Just(&b"-"[..]), Just(&b"x"[..]),
                ],
                0..24,
            ),
            sizes in proptest::collection::vec(1_usize..14, 1..40),
        ) {
            let body = words.concat();
            let (mut rest, mut pieces, mut sizes) = (&body[..], Vec::new(), sizes.iter().cycle());
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                pieces.push(piece);
                rest = behind;
            }
            prop_assert_eq!(scanned(&pieces), reference(&body));
        }
    }
}
