//! Room: the body of CompleteMultipartUpload: the parts that the object is to be made of.
//!
//! Invariants: at most [`PARTS_MAX`] parts are ever held, whatever the body says.

use alloc::string::String;
use alloc::vec::Vec;

use crate::checksum::{ChecksumAlgorithm, ChecksumValue};
use crate::error::S3Error;
use crate::etag::ETag;
use crate::limits::PARTS_MAX;
use crate::part::PartNumber;
use crate::xml::read::Body;

/// One part of the list. What is wrong with it is told later, by
/// [`decide`](super::decide()), in S3's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPart {
    /// Its number, which may be none that a part can have.
    pub number: i64,
    /// The ETag that the client claims, without quotes.
    pub etag: String,
    /// The checksum that the client claims.
    pub checksum: ListedChecksum,
}

/// The checksum of a listed part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListedChecksum {
    /// None.
    None,
    /// One.
    Value(ChecksumValue),
    /// Several, or one that is not base64 of the right length.
    Invalid,
}

/// Whether these parts are the ones that an object was made of, given the numbers of its parts and
/// its ETag, which comes from theirs. S3: a completion that is sent again, because its answer was
/// lost, is answered as before.
#[must_use]
pub fn has_made(listed: &[ListedPart], numbers: &[PartNumber], object: &ETag) -> bool {
    let same = listed.len() == numbers.len()
        && listed.iter().zip(numbers).all(|(part, number)| part.number == i64::from(number.get()));
    let digest = |part: &ListedPart| ETag::from_text(&part.etag)?.digest();
    let digests: Option<Vec<[u8; 16]>> = listed.iter().map(digest).collect();
    same && digests.is_some_and(|digests| ETag::multipart(digests.into_iter()) == *object)
}

/// Reads the body.
///
/// # Errors
/// `InvalidRequest` where there is none; `MalformedXML` for anything but a list of parts that have
/// a number and an ETag each.
pub fn parse_body(bytes: &[u8]) -> Result<Vec<ListedPart>, S3Error> {
    if bytes.trim_ascii().is_empty() {
        return Err(S3Error::invalid_request("You must specify at least one part"));
    }
    let mut body = Body::open(bytes, "CompleteMultipartUpload")?;
    let mut parts = Vec::new();
    while let Some(name) = body.child()? {
        if name != "Part" {
            body.skip()?;
        } else if parts.len() == PARTS_MAX {
            return Err(S3Error::malformed_xml());
        } else {
            parts.push(part(&mut body)?);
        }
    }
    body.end()?;
    if parts.is_empty() { Err(S3Error::malformed_xml()) } else { Ok(parts) }
}

fn part(body: &mut Body<'_>) -> Result<ListedPart, S3Error> {
    let (mut number, mut etag, mut checksum) = (None, None, ListedChecksum::None);
    while let Some(name) = body.child()? {
        let repeated = match name.as_str() {
            "PartNumber" => {
                let value = body.text()?.trim().parse::<i64>();
                let value = value.map_err(|_not_a_number| S3Error::malformed_xml())?;
                number.replace(value).is_some()
            }
            "ETag" => etag.replace(unquoted(&body.text()?)).is_some(),
            name => {
                match listed_checksum(name, body)? {
                    None => {}
                    Some(value) if checksum == ListedChecksum::None => checksum = value,
                    Some(_) => checksum = ListedChecksum::Invalid,
                }
                false
            }
        };
        if repeated {
            return Err(S3Error::malformed_xml());
        }
    }
    match (number, etag) {
        (Some(number), Some(etag)) => Ok(ListedPart { number, etag, checksum }),
        _ => Err(S3Error::malformed_xml()),
    }
}

/// Reads the current element if it is a checksum, and skips it otherwise.
fn listed_checksum(name: &str, body: &mut Body<'_>) -> Result<Option<ListedChecksum>, S3Error> {
    if let Some(algorithm) = ChecksumAlgorithm::ALL.into_iter().find(|a| a.element() == name) {
        let value = ChecksumValue::parse_base64(algorithm, body.text()?.trim());
        return Ok(Some(value.map_or(ListedChecksum::Invalid, ListedChecksum::Value)));
    }
    body.skip()?;
    Ok(None)
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    String::from(inner.unwrap_or(text))
}
