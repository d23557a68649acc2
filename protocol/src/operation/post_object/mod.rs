//! Room: PostObject: an upload by an HTML form.
//!
//! Holds: how fields become what PutObject reads in headers, so that both keep, check and refuse the same.
//! Source: S3 API Reference, POST Object; S3 User Guide, "Browser-Based Uploads Using POST".

use alloc::format;
use alloc::string::{String, ToString};

use super::object_tagging;
use super::put_object::PutObjectInput;
use crate::answer::Answer;
use crate::checksum::ChecksumAlgorithm;
use crate::error::S3Error;
use crate::limits::PUT_LEN_MAX;
use crate::name::{BucketName, ObjectKey};
use crate::percent;
use crate::post::{Boundary, Fields};
use crate::request::{AddressStyle, Head, Headers, Query, Target};
use crate::xml::DECLARATION;
use crate::xml::write::escape_into;

/// What the head of a PostObject request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostHead {
    /// What stands between the parts of its form.
    pub boundary: Boundary,
    /// Bytes of the whole form; the file is shorter.
    pub len: u64,
}

impl PostHead {
    /// Reads the head of the request.
    ///
    /// # Errors
    /// `InvalidArgument` for a query; what [`Boundary::parse`] says; `MissingContentLength`; `EntityTooLarge` for a form
    /// that is too long whatever is in it.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        if let Some((name, value)) = head.query.pairs().first() {
            let message = "Query String Parameters not allowed on POST requests.";
            return Err(S3Error::invalid_argument(name.as_str(), Some(value), message));
        }
        let boundary = Boundary::parse(head.headers.get("content-type"))?;
        let len = head.headers.get_non_empty("content-length").and_then(|len| len.parse().ok());
        let len = len.ok_or_else(S3Error::missing_content_length)?;
        if len > PUT_LEN_MAX + FORM_LEN_MAX {
            return Err(S3Error::entity_too_large(len, PUT_LEN_MAX));
        }
        Ok(Self { boundary, len })
    }
}

/// What the fields of a form say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostObjectInput {
    /// Where the file goes.
    pub key: ObjectKey,
    /// As the head of a PutObject request would say it.
    pub put: PutObjectInput,
    /// That head; it says what the file must be.
    pub head: Head,
    /// The checksum to make of the file if the form brings none.
    pub checksum: Option<ChecksumAlgorithm>,
    /// What is answered.
    pub success: Success,
}

impl PostObjectInput {
    /// Reads the fields of a form that came with `head`.
    ///
    /// # Errors
    /// `InvalidArgument` without a key; `KeyTooLongError`; those of PutObject; `MalformedXML` for what is no tagging.
    pub fn parse(head: &Head, bucket: &BucketName, fields: &Fields) -> Result<Self, S3Error> {
        let key = key(fields)?;
        let as_put = Head {
            method: head.method.clone(),
            path: head.path.clone(),
            query: Query::default(),
            headers: headers(fields)?,
            target: Target::Object(bucket.clone(), key.clone()),
            style: head.style,
            secure: head.secure,
        };
        let mut put = PutObjectInput::parse(&as_put)?;
        if let Some(tagging) = fields.get_non_empty("tagging") {
            put.tags = object_tagging::parse_body(tagging.as_bytes())?;
        }
        let checksum = checksum(&as_put.headers, fields)?;
        Ok(Self { key, put, head: as_put, checksum, success: Success::of(fields) })
    }
}

/// The key that the fields name, which need not be valid before the form is known to be signed.
///
/// # Errors
/// `InvalidArgument` without one; `KeyTooLongError`.
pub fn key(fields: &Fields) -> Result<ObjectKey, S3Error> {
    match fields.get("key") {
        None => Err(S3Error::form_field_missing("key")),
        Some("") => {
            let message = "User key must have a length greater than 0.";
            Err(S3Error::invalid_argument("key", Some(""), message))
        }
        Some(key) => ObjectKey::parse(key),
    }
}

/// What the client wants to hear when all went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Success {
    /// A status of 200 or 204 and no body.
    Empty(u16),
    /// 201 and a document.
    Document,
    /// 303 to this address.
    Redirect(String),
}

impl Success {
    /// S3: an address that is none, and a status that it does not know, are passed over.
    fn of(fields: &Fields) -> Self {
        let redirect = fields.get_non_empty("success_action_redirect");
        let redirect = redirect.or_else(|| fields.get_non_empty("redirect"));
        let is_address = |text: &&str| {
            let behind = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
            behind.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
                && !text.chars().any(char::is_control)
        };
        match (redirect.filter(is_address), fields.get("success_action_status")) {
            (Some(address), _) => Self::Redirect(address.to_string()),
            (None, Some("200")) => Self::Empty(200),
            (None, Some("201")) => Self::Document,
            (None, _) => Self::Empty(204),
        }
    }
}

/// The fields as PutObject has them in its headers.
fn headers(fields: &Fields) -> Result<Headers, S3Error> {
    let mut headers = Headers::new();
    for (name, value) in fields.iter() {
        let header = match name {
            "acl" => "x-amz-acl",
            _ if SYSTEM.contains(&name) => name,
            _ if name.starts_with("x-amz-") && !NOT_OF_THE_OBJECT.contains(&name) => name,
            _ => continue,
        };
        // RFC 9110 section 5.6.2: what a name is made of. Others could never be answered.
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if !name.bytes().all(in_name) || value.chars().any(char::is_control) {
            let message = "The field has characters that no header can have";
            return Err(S3Error::invalid_argument(name, None, message));
        }
        headers.insert(header, value.as_bytes());
    }
    headers.check()?;
    Ok(headers)
}

/// S3 "POST Object", `x-amz-checksum-algorithm`: the algorithm of the checksum that comes along, or of one to be made.
fn checksum(headers: &Headers, fields: &Fields) -> Result<Option<ChecksumAlgorithm>, S3Error> {
    const FIELD: &str = "x-amz-checksum-algorithm";
    let Some(asked) = fields.get_non_empty(FIELD) else { return Ok(None) };
    let asked = ChecksumAlgorithm::parse(asked)?;
    let of_value = |(name, value): (&str, &[u8])| {
        ChecksumAlgorithm::of_header(name).filter(|_| !value.trim_ascii().is_empty())
    };
    match headers.iter().find_map(of_value) {
        Some(sent) if sent != asked => Err(S3Error::invalid_header_value(FIELD)),
        _ => Ok(Some(asked)),
    }
}

/// The answer of PostObject, from that of PutObject.
#[must_use]
pub fn answer(
    put: Answer,
    head: &Head,
    (bucket, key): (&BucketName, &ObjectKey),
    success: &Success,
) -> Answer {
    let etag = put.header("etag").unwrap_or_default().to_string();
    let location = location(head, bucket, key);
    match success {
        Success::Empty(status) => Answer { status: *status, ..put }.with("location", location),
        Success::Document => {
            let mut xml = format!("{DECLARATION}<PostResponse>");
            let elements = [
                ("Location", location.as_str()),
                ("Bucket", bucket.as_str()),
                ("Key", key.as_str()),
                ("ETag", &etag),
            ];
            for (name, value) in elements {
                xml.push_str(&format!("<{name}>"));
                escape_into(value, &mut xml);
                xml.push_str(&format!("</{name}>"));
            }
            // S3: unlike others, this document has no namespace.
            xml.push_str("</PostResponse>");
            Answer { status: 201, body: xml.into_bytes(), ..put }
                .with("content-type", "application/xml")
                .with("location", location)
        }
        Success::Redirect(address) => {
            let and = if address.contains('?') { '&' } else { '?' };
            let form = |text: &str| percent::encode(text).replace("%20", "+");
            let (key, etag) = (form(key.as_str()), form(&etag));
            let address = format!("{address}{and}bucket={bucket}&key={key}&etag={etag}");
            Answer { status: 303, ..put }.with("location", address)
        }
    }
}

/// The address of the new object, as its client reached this node. S3 escapes the slashes of its key.
fn location(head: &Head, bucket: &BucketName, key: &ObjectKey) -> String {
    let scheme = if head.secure { "https" } else { "http" };
    let host = head.headers.get_non_empty("host").unwrap_or("localhost");
    let key = percent::encode(key.as_str());
    match head.style {
        AddressStyle::Path => format!("{scheme}://{host}/{bucket}/{key}"),
        AddressStyle::VirtualHost => format!("{scheme}://{host}/{key}"),
    }
}

/// Bytes of a form beside its file: ours. Fields have 20 KiB; the rest is for their frames, and what follows the file.
const FORM_LEN_MAX: u64 = 1024 * 1024;

/// Fields that are headers of the object.
const SYSTEM: [&str; 7] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
];

/// Fields that sign, that say something of a body in another frame, or that a form has under another name.
const NOT_OF_THE_OBJECT: [&str; 11] = [
    "x-amz-algorithm",
    "x-amz-checksum-algorithm",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-tagging",
    "x-amz-trailer",
];

#[cfg(test)]
mod tests;
