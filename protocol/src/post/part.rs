//! Room: the head of one part of a form: what the field is called, and the file.
//!
//! Source: RFC 7578 section 4.2; HTML Living Standard, "Multipart form data" (what browsers write).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::PART_HEAD_LEN_MAX;
use crate::error::S3Error;

/// What a part says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PartHead {
    /// The name of the field, as sent.
    pub(super) name: String,
    /// The name of the file, if it is told, with whatever path the browser wrote before it.
    pub(super) filename: Option<String>,
}

/// The head of a part on its way in.
#[derive(Default)]
pub(super) struct PartHeadReader(Vec<u8>);

impl PartHeadReader {
    /// Takes what belongs to the head; the head itself, once it is there.
    ///
    /// # Errors
    /// `MalformedPOSTRequest` for one that is too long, or has no name.
    pub(super) fn read(&mut self, wire: &mut Bytes) -> Result<Option<PartHead>, S3Error> {
        for (at, byte) in wire.iter().enumerate() {
            self.0.push(*byte);
            if self.0.ends_with(b"\r\n\r\n") || self.0 == b"\r\n" {
                *wire = wire.slice(at + 1..);
                return PartHead::parse(&core::mem::take(&mut self.0)).map(Some);
            }
            if self.0.len() == PART_HEAD_LEN_MAX {
                return Err(S3Error::malformed_form());
            }
        }
        wire.clear();
        Ok(None)
    }
}

impl PartHead {
    fn parse(bytes: &[u8]) -> Result<Self, S3Error> {
        Self::read(bytes).ok_or_else(S3Error::malformed_form)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(bytes).ok()?;
        let mut dispositions = text.split("\r\n").filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-disposition").then_some(value.trim())
        });
        let disposition = dispositions.next()?;
        let (kind, rest) = disposition.split_at(disposition.find(';')?);
        if !kind.trim_end().eq_ignore_ascii_case("form-data") || dispositions.next().is_some() {
            return None;
        }
        let (mut field, mut filename) = (None, None);
        for (name, value) in parameters(rest)? {
            match name.as_str() {
                "name" if field.is_none() => field = Some(value),
                "filename" if filename.is_none() => filename = Some(value),
                // Two names, and nobody knows which of them others would take.
                "name" | "filename" => return None,
                _ => {}
            }
        }
        let name = field.filter(|name| !name.is_empty())?;
        Some(Self { name, filename })
    }
}

/// What stands behind the type of a content or a disposition, as `; name=value` or `; name="value"`, names in lower
/// case. `None` if it is something else.
pub(super) fn parameters(text: &str) -> Option<Vec<(String, String)>> {
    let (mut found, mut rest) = (Vec::new(), text.trim());
    while let Some(behind) = rest.strip_prefix(';') {
        let behind = behind.trim_start();
        if behind.is_empty() {
            return Some(found);
        }
        let (name, value) = behind.split_once('=')?;
        let value = value.trim_start();
        let (value, behind) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let (value, behind) = value.split_at(value.find(';').unwrap_or(value.len()));
                (value.trim_end().to_owned(), behind)
            }
        };
        found.push((name.trim().to_ascii_lowercase(), value));
        rest = behind.trim_start();
    }
    rest.is_empty().then_some(found)
}

/// A quoted text up to its end, and what stands behind it. A backslash escapes quotes and backslashes; before anything
/// else it is one, since browsers have written whole paths unescaped.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let (mut text, mut characters) = (String::new(), quoted.char_indices().peekable());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => text.push(escaped),
                None => text.push('\\'),
            },
            other => text.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn a_part_has_a_name_and_maybe_a_file() {
        // rule: post/body
        for (head, name, filename) in [
            ("Content-Disposition: form-data; name=\"key\"\r\n", "key", None),
            ("content-disposition:form-data;name=key\r\nX: y\r\n", "key", None),
            (
                "Content-Type: text/plain\r\nContent-Disposition: Form-Data; filename=\"a;b=\\\"c\\\".txt\"; name=\"file\"\r\n",
                "file",
                Some("a;b=\"c\".txt"),
            ),
            (
                "Content-Disposition: form-data; name=\"file\"; filename=\"C:\\dir\\é 日.txt\"\r\n",
                "file",
                Some("C:\\dir\\é 日.txt"),
            ),
            ("Content-Disposition: form-data; name=\"file\"; filename=\"\";\r\n", "file", Some("")),
        ] {
            let wire = alloc::format!("{head}\r\nrest");
            let mut reader = PartHeadReader::default();
            let mut bytes = Bytes::copy_from_slice(wire.as_bytes());
            let read = reader.read(&mut bytes).unwrap().unwrap();
            assert_eq!((read.name.as_str(), read.filename.as_deref()), (name, filename), "{head}");
            assert_eq!(bytes, "rest");
        }
    }

    #[test]
    fn a_part_without_a_name_is_malformed() {
        // rule: post/malformed
        let long = alloc::format!("X: {}\r\n", "x".repeat(PART_HEAD_LEN_MAX));
        for head in [
            "",
            "Content-Type: text/plain\r\n",
            "Content-Disposition: form-data\r\n",
            "Content-Disposition: form-data; name=\"\"\r\n",
            "Content-Disposition: form-data; filename=\"x\"\r\n",
            "Content-Disposition: file; name=\"file\"\r\n",
            "Content-Disposition: form-data; name=\"key\r\n",
            "Content-Disposition: form-data; name=\"key\"; name=\"acl\"\r\n",
            "Content-Disposition: form-data; name=; name=\"file\"\r\n",
            "Content-Disposition: form-data; name=\"key\" x\r\n",
            "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"\r\n",
            &long,
        ] {
            let mut wire = Bytes::from(alloc::format!("{head}\r\n"));
            let error = PartHeadReader::default().read(&mut wire).unwrap_err();
            assert_eq!(error.code, ErrorCode::MalformedPostRequest, "{head}");
        }
        let mut wire = Bytes::from_static(b"Content-Disposition: form-data; name=\"\xe9\"\r\n\r\n");
        assert!(PartHeadReader::default().read(&mut wire).is_err());
    }
}
