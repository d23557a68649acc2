//! Room: forms. The first line of an input is the condition of a policy or empty, the rest a form whose boundary is
//! `b`.
//!
//! Promises: however the wire is parted, fields, file and verdict are the same; a second reader, who has the whole form
//! at once, finds the same file; what was read, written as browsers write it, reads the same; what a form makes of
//! itself fits in headers; a policy that was signed is accepted, and holds for what it says alone.

use bytes::Bytes;
use protocol::error::S3Error;
use protocol::name::BucketName;
use protocol::operation::post_object::{PostObjectInput, Success};
use protocol::post::{Boundary, FIELDS_LEN_MAX, Fields, FormReader, Policy};
use protocol::request::{Head, Headers, Method};
use protocol::sign::authenticate_form;
use protocol::sign::sign::Signer;

use super::{NOW, REGION, SECRET, check_error, check_header, credential};
use crate::mutate::Dice;

pub(crate) fn run(bytes: &[u8]) {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let (condition, wire) = (&bytes[..end], &bytes[end + 1..]);
    let whole = read(wire, "b", vec![wire]);
    let dice = &mut Dice::of(wire);
    for len_max in [1, 40] {
        let pieces = dice.split(wire, len_max);
        assert_eq!(read(wire, "b", pieces), whole, "pieces of up to {len_max}");
    }
    match whole {
        Err(error) => check_error(&error),
        Ok((fields, file)) => {
            assert_eq!(
                reference(wire).as_deref(),
                Some(&*file),
                "the second reader has another file"
            );
            check_round_trip(&fields, &file);
            check_meaning(&fields);
            if let Ok(condition) = str::from_utf8(condition) {
                check_policy(condition, fields);
            }
        }
    }
}

fn read(wire: &[u8], boundary: &str, pieces: Vec<&[u8]>) -> Result<(Fields, Vec<u8>), S3Error> {
    let content_type = format!("multipart/form-data; boundary={boundary}");
    let wire = Bytes::copy_from_slice(wire);
    let mut reader = FormReader::new(&Boundary::parse(Some(&content_type))?);
    let mut file = Vec::new();
    // Slices of one wire, as the node has them: no piece is copied.
    let mut at = 0;
    for piece in pieces {
        let taken = wire.slice(at..at + piece.len());
        at += piece.len();
        reader.push(taken, &mut |bytes| file.extend_from_slice(&bytes))?;
    }
    reader.finish()?;
    let len: usize = reader.fields().iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(len <= 2 * FIELDS_LEN_MAX, "fields of {len} bytes");
    Ok((reader.fields().clone(), file))
}

/// The bytes of the first part that is called a file, by cutting the whole body at its delimiters.
fn reference(wire: &[u8]) -> Option<Vec<u8>> {
    let body = [b"\r\n", wire].concat();
    let mut part_start = None;
    let mut at = 0;
    while at < body.len() {
        let rest = &body[at..];
        let ends = rest.starts_with(b"\r\n--b--");
        if !ends && !rest.starts_with(b"\r\n--b\r\n") {
            at += 1;
            continue;
        }
        if let Some(file) = part_start.and_then(|start: usize| file_of(body.get(start..at)?)) {
            return Some(file);
        }
        if ends {
            return None;
        }
        at += 7;
        part_start = Some(at);
        // A delimiter inside the head of a part is text.
        at += body[at..].windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    }
    None
}

/// What is behind the head of a part, if its name is that of the file.
fn file_of(part: &[u8]) -> Option<Vec<u8>> {
    let head = part.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = str::from_utf8(&part[..head]).ok()?;
    let disposition = text.split("\r\n").find(|line| {
        // A line without a colon is no header.
        line.split_once(':')
            .is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))
    })?;
    let mut rest = disposition;
    while let Some(at) = rest.find(';') {
        rest = rest[at + 1..].trim_start();
        let (name, value) = rest.split_once('=')?;
        let value = value.trim_start();
        let plain = value.split(';').next().unwrap_or("").trim_end();
        let (value, behind) = match value.strip_prefix('"') {
            None => (plain.to_owned(), &value[value.find(';').unwrap_or(value.len())..]),
            Some(quoted) => quoted_text(quoted)?,
        };
        if name.trim().eq_ignore_ascii_case("name") {
            return value.eq_ignore_ascii_case("file").then(|| part[head + 4..].to_vec());
        }
        rest = behind;
    }
    None
}

fn quoted_text(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (escaped, c) {
            (true, '"' | '\\') => value.push(c),
            (true, _) if c != '"' => value.extend(['\\', c]),
            (false, '\\') => {}
            (_, '"') => return Some((value, &text[at + 1..])),
            _ => value.push(c),
        }
        escaped = !escaped && c == '\\';
    }
    None
}

/// Written with a boundary that is nowhere in it.
fn check_round_trip(fields: &Fields, file: &[u8]) {
    let everything = format!("{fields:?}{}", String::from_utf8_lossy(file));
    let mut boundary = "x".to_owned();
    while everything.contains(&boundary) {
        boundary.push('x');
        if boundary.len() > 60 {
            return;
        }
    }
    let mut wire = Vec::new();
    for (name, value) in fields.iter().chain([("file", "")]) {
        let name = name.replace('\\', "\\\\").replace('"', "\\\"");
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}"
        );
        wire.extend_from_slice(head.as_bytes());
        wire.extend_from_slice(if name == "file" { file } else { b"" });
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    match read(&wire, &boundary, vec![&wire]) {
        Ok((again, bytes)) => {
            assert!(again.iter().eq(fields.iter()), "{again:?} {fields:?}");
            assert_eq!(bytes, file);
        }
        // The name of the file may have made the fields longer than a form can bring them.
        Err(error) => check_error(&error),
    }
}

fn head() -> Head {
    let headers: Headers = [("host".to_owned(), b"node".to_vec())].into_iter().collect();
    Head::new(Method::Post, "/bucket", None, headers, &[]).expect("a good head")
}

/// What a form says of its object goes out again in headers.
fn check_meaning(fields: &Fields) {
    let bucket = BucketName::parse("bucket").expect("a good name");
    let input = match PostObjectInput::parse(&head(), &bucket, fields) {
        Ok(input) => input,
        Err(error) => return check_error(&error),
    };
    for (name, value) in input.put.metadata.answer_headers() {
        check_header(&name, &value);
    }
    if let Success::Redirect(address) = &input.success {
        check_header("location", address);
    }
}

/// A policy of this condition, and what the form brings beside it.
fn check_policy(condition: &str, mut fields: Fields) {
    let date = "2026-01-02T03:04:06.000Z";
    let text = format!("{{\"expiration\":\"{date}\",\"conditions\":[{condition}]}}");
    let policy = base64_simd::STANDARD.encode_to_string(text.as_bytes());
    let ours = ["policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"];
    if ours.iter().any(|name| fields.get(name).is_some()) {
        if let Err(error) = authenticate_form(&head(), &fields, REGION, &credential()) {
            check_error(&error);
        }
        return;
    }
    let credential = credential();
    let signer = Signer { credential: &credential, region: REGION, now: NOW };
    fields.insert("policy", &policy);
    signer.sign_form(&policy).iter().for_each(|(name, value)| fields.insert(name, value));
    match authenticate_form(&head(), &fields, REGION, &credential) {
        Ok(signed) => assert_eq!(signed.policy, policy),
        // A token, or a signature in another way.
        Err(error) => return check_error(&error),
    }
    assert!(!text.contains(SECRET));
    let parsed = match Policy::parse(&policy) {
        Ok(parsed) => parsed,
        Err(error) => return check_error(&error),
    };
    match parsed.check("bucket", &fields, NOW) {
        Err(error) => check_error(&error),
        Ok(_) => {
            assert!(condition.contains("bucket"), "nothing is said of the bucket");
            // A field that no condition speaks of is refused.
            fields.insert("x-amz-meta-nowhere-said", "x");
            let said = condition.to_ascii_lowercase().contains("nowhere");
            let again = parsed.check("bucket", &fields, NOW);
            assert!(again.is_err() || said, "{condition}");
            let later = protocol::time::Timestamp::from_millis(NOW.as_millis() + 1000);
            assert!(parsed.check("bucket", &fields, later).is_err(), "it has expired");
        }
    }
}
