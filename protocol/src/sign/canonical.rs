//! Room: the canonical request and the string to sign; the same for who signs and who verifies.
//! Must not: normalise a path. S3 takes it as sent: decoded once, encoded again, no dot segments removed.
//! Source: S3 "Signature Calculations for the Authorization Header", tasks 1 and 2.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use super::presigned::SIGNATURE;
use super::{ALGORITHM, Scope, to_hex};
use crate::percent;
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
        let path = decoded(percent::decode(self.path), self.path);
        text.extend_from_slice(percent::encode_path(&path).as_bytes());
        text.push(b'\n');
        text.extend_from_slice(canonical_query(self.query).as_bytes());
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
            let lines = self.headers.iter().filter(|(received, _)| received == name);
            for (index, (_, value)) in lines.enumerate() {
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

/// Decoded, encoded again, sorted by name, then by value, without the signature of a presigned request. A
/// plus sign in a query means a space.
fn canonical_query(raw: &str) -> String {
    let word = |text: &str| percent::encode(&decoded(percent::decode_form(text), text));
    let mut pairs: Vec<(String, String)> = raw
        .split('&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            (word(name), word(value))
        })
        .filter(|(name, _)| name != SIGNATURE)
        .collect();
    pairs.sort_unstable();
    let lines: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    lines.join("&")
}

/// The decoded text. What does not decode is taken as it stands; a head that was received never
/// has such text, and a client that signs it is refused for it.
fn decoded(bytes: Option<Vec<u8>>, raw: &str) -> String {
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| raw.to_owned())
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
