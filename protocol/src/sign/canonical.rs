//! Room: the canonical request and the string to sign; the same for who signs and who verifies.
//! Must not: normalise a path. S3 takes it as sent: decoded once, encoded again, no dot segments removed.
//! Source: S3 "Signature Calculations for the Authorization Header", tasks 1 and 2.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use percent_encoding::percent_decode;
use sha2::{Digest, Sha256};

use super::{ALGORITHM, Scope, to_hex};
use crate::request::Headers;
use crate::time::Timestamp;

/// What is signed of a request.
pub(super) struct Canonical<'a> {
    pub(super) method: &'a str,
    /// As sent, without the query.
    pub(super) path: &'a str,
    /// As sent, without the question mark.
    pub(super) query: &'a str,
    pub(super) headers: &'a Headers,
    /// The names in SignedHeaders, as sent.
    pub(super) signed: &'a str,
    /// The value of `x-amz-content-sha256`, as sent.
    pub(super) payload: &'a str,
}

impl Canonical<'_> {
    /// The canonical request. Bytes, for header values need not be UTF-8.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(1024);
        text.extend_from_slice(self.method.as_bytes());
        text.push(b'\n');
        encode(percent_decode(self.path.as_bytes()), Slash::Kept, &mut text);
        text.push(b'\n');
        canonical_query(self.query, &mut text);
        text.push(b'\n');
        self.header_lines(&mut text);
        text.push(b'\n');
        text.extend_from_slice(self.signed.as_bytes());
        text.push(b'\n');
        text.extend_from_slice(self.payload.as_bytes());
        text
    }

    /// One line for each signed name, sorted; a signed header that is not there counts as empty.
    fn header_lines(&self, text: &mut Vec<u8>) {
        let mut names: Vec<String> =
            self.signed.split(';').map(|name| name.trim().to_ascii_lowercase()).collect();
        names.sort_unstable();
        names.dedup();
        for name in &names {
            text.extend_from_slice(name.as_bytes());
            text.push(b':');
            for (index, value) in self.headers.all(name).enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                collapse(value, text);
            }
            text.push(b'\n');
        }
    }
}

/// The string to sign of a whole request.
pub(super) fn string_to_sign(date: Timestamp, scope: &Scope, canonical: &[u8]) -> String {
    format!("{ALGORITHM}\n{}\n{scope}\n{}", date.amz_date(), to_hex(&Sha256::digest(canonical)))
}

/// Decoded, encoded again, sorted by name, then by value. A plus sign in a query means a space.
fn canonical_query(raw: &str, text: &mut Vec<u8>) {
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = raw
        .split('&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            (query_word(name), query_word(value))
        })
        .collect();
    pairs.sort_unstable();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            text.push(b'&');
        }
        text.extend_from_slice(name);
        text.push(b'=');
        text.extend_from_slice(value);
    }
}

fn query_word(raw: &str) -> Vec<u8> {
    let spaced: Vec<u8> = raw.bytes().map(|b| if b == b'+' { b' ' } else { b }).collect();
    let mut word = Vec::with_capacity(raw.len());
    encode(percent_decode(&spaced), Slash::Encoded, &mut word);
    word
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slash {
    Kept,
    Encoded,
}

/// `UriEncode` of the S3 pages: everything but the unreserved characters becomes `%XX`.
fn encode(bytes: impl Iterator<Item = u8>, slash: Slash, text: &mut Vec<u8>) {
    for byte in bytes {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if plain || (byte == b'/' && slash == Slash::Kept) {
            text.push(byte);
        } else {
            text.push(b'%');
            text.push(UPPER_HEX[usize::from(byte >> 4)]);
            text.push(UPPER_HEX[usize::from(byte & 15)]);
        }
    }
}

/// A header value without white space around it and with runs of spaces made one.
fn collapse(value: &[u8], text: &mut Vec<u8>) {
    let value = value.trim_ascii();
    let mut previous = 0;
    for &byte in value {
        if byte != b' ' || previous != b' ' {
            text.push(byte);
        }
        previous = byte;
    }
}

const UPPER_HEX: &[u8; 16] = b"0123456789ABCDEF";
