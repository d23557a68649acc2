//! Room: the tags of objects and of buckets: what a tag may be, its XML, and the spelling of
//! `x-amz-tagging`.
//!
//! Source: S3 "Categorizing your objects using tags"; "PutObject", x-amz-tagging;
//! "PutObjectTagging" and "PutBucketTagging", errors.

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{ErrorCode, S3Error};
use crate::limits::{BUCKET_TAGS_MAX, TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX};
use crate::percent;
use crate::xml::read::Body;
use crate::xml::write::Document;

/// One tag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value; may be empty.
    pub value: String,
}

/// Whose tags they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tagged {
    /// Of an object: at most ten.
    Object,
    /// Of a bucket: at most fifty.
    Bucket,
}

/// The tags of an object or of a bucket: not too many, keys distinct, in the order in which they came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TagSet(Vec<Tag>);

impl TagSet {
    /// Takes the tags of an object. Fails with InvalidTag, or BadRequest for too many.
    pub fn validate(tags: Vec<Tag>) -> Result<Self, S3Error> {
        Self::of(Tagged::Object, tags)
    }

    /// Takes tags. Fails with InvalidTag, or BadRequest for too many.
    pub fn of(what: Tagged, tags: Vec<Tag>) -> Result<Self, S3Error> {
        check_count(what, &tags)?;
        for (i, tag) in tags.iter().enumerate() {
            check_tag(what, tag)?;
            if tags[..i].iter().any(|earlier| earlier.key == tag.key) {
                return Err(S3Error::invalid_tag(
                    &tag.key,
                    None,
                    "Cannot provide multiple Tags with the same key",
                ));
            }
        }
        Ok(Self(tags))
    }

    /// Reads the value of `x-amz-tagging`: `key=value` pairs as in a query. Fails with
    /// InvalidArgument when it does not parse or names a key twice; else as [`Self::validate`].
    pub fn parse_header(raw: &str) -> Result<Self, S3Error> {
        let malformed = || {
            S3Error::invalid_argument(
                "x-amz-tagging",
                Some(raw),
                "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
            )
        };
        let decode = |text: &str| {
            let decoded = percent::decode_form(text)?;
            String::from_utf8(decoded).ok()
        };
        let mut tags: Vec<Tag> = Vec::new();
        for item in raw.split('&').filter(|item| !item.is_empty()) {
            let (key, value) = item.split_once('=').unwrap_or((item, ""));
            let tag = Tag {
                key: decode(key).ok_or_else(malformed)?,
                value: decode(value).ok_or_else(malformed)?,
            };
            if tags.iter().any(|earlier| earlier.key == tag.key) {
                return Err(malformed());
            }
            tags.push(tag);
            check_count(Tagged::Object, &tags)?;
        }
        Self::validate(tags)
    }

    /// Reads a `Tagging` document.
    ///
    /// # Errors
    /// `MalformedXML`; as [`Self::of`].
    pub fn parse(what: Tagged, bytes: &[u8]) -> Result<Self, S3Error> {
        let mut body = Body::open(bytes, "Tagging")?;
        let mut tags = None;
        while let Some(name) = body.child()? {
            match name.as_str() {
                "TagSet" if tags.is_none() => tags = Some(tag_set(&mut body)?),
                "TagSet" => return Err(S3Error::malformed_xml()),
                _ => body.skip()?,
            }
        }
        body.end()?;
        Self::of(what, tags.ok_or_else(S3Error::malformed_xml)?)
    }

    /// The `Tagging` document.
    #[must_use]
    pub fn document(&self) -> Document {
        Document::new("Tagging", |root| {
            root.nest("TagSet", |set| {
                for tag in self {
                    set.nest("Tag", |element| {
                        element.text("Key", &tag.key).text("Value", &tag.value);
                    });
                }
            });
        })
    }

    /// The tags, in order.
    pub fn iter(&self) -> core::slice::Iter<'_, Tag> {
        self.0.iter()
    }

    /// How many tags.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a TagSet {
    type Item = &'a Tag;
    type IntoIter = core::slice::Iter<'a, Tag>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The children of an element that holds tags and nothing else.
pub(crate) fn tag_set(body: &mut Body<'_>) -> Result<Vec<Tag>, S3Error> {
    let mut tags = Vec::new();
    while let Some(name) = body.child()? {
        if name != "Tag" {
            return Err(S3Error::malformed_xml());
        }
        tags.push(tag(body)?);
    }
    Ok(tags)
}

/// The inside of a `Tag` element.
pub(crate) fn tag(body: &mut Body<'_>) -> Result<Tag, S3Error> {
    let (mut key, mut value) = (None::<String>, None::<String>);
    while let Some(name) = body.child()? {
        let slot = match name.as_str() {
            "Key" => &mut key,
            "Value" => &mut value,
            _ => return Err(S3Error::malformed_xml()),
        };
        if slot.replace(body.text()?).is_some() {
            return Err(S3Error::malformed_xml());
        }
    }
    match (key, value) {
        (Some(key), Some(value)) => Ok(Tag { key, value }),
        _ => Err(S3Error::malformed_xml()),
    }
}

fn check_count(what: Tagged, tags: &[Tag]) -> Result<(), S3Error> {
    let (max, message) = match what {
        Tagged::Object => (TAGS_MAX, "Object tags cannot be greater than 10"),
        Tagged::Bucket => (BUCKET_TAGS_MAX, "Bucket tag count cannot be greater than 50"),
    };
    if tags.len() <= max { Ok(()) } else { Err(S3Error::new(ErrorCode::BadRequest, message)) }
}

fn check_tag(what: Tagged, tag: &Tag) -> Result<(), S3Error> {
    let Tag { key, value } = tag;
    if key.is_empty() || key.chars().count() > TAG_KEY_CHARS_MAX || !key.chars().all(is_tag_char) {
        return Err(S3Error::invalid_tag(key, None, "The TagKey you have provided is invalid"));
    }
    if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        let message = match what {
            Tagged::Object => "Your TagKey cannot be prefixed with aws:",
            Tagged::Bucket => "System tags cannot be added/updated by requester",
        };
        return Err(S3Error::invalid_tag(key, None, message));
    }
    if value.chars().count() > TAG_VALUE_CHARS_MAX || !value.chars().all(is_tag_char) {
        return Err(S3Error::invalid_tag(
            key,
            Some(value),
            "The TagValue you have provided is invalid",
        ));
    }
    Ok(())
}

/// Letters, digits, spaces of any script, and `+ - = . _ : / @`.
fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric()
        || (c.is_whitespace() && !c.is_control())
        || matches!(c, '+' | '-' | '=' | '.' | '_' | ':' | '/' | '@')
}

#[cfg(test)]
mod tests;
