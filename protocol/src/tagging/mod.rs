//! Room: the tags of an object: what a tag may be, and the spelling of `x-amz-tagging`.
//!
//! Source: S3 "Categorizing your objects using tags"; "PutObject", x-amz-tagging;
//! "PutObjectTagging", errors.

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{ErrorCode, S3Error};
use crate::limits::{TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX};
use crate::percent;

/// One tag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value; may be empty.
    pub value: String,
}

/// The tags of an object: at most ten, keys distinct, in the order in which they came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TagSet(Vec<Tag>);

impl TagSet {
    /// Takes tags from an XML body. Fails with InvalidTag, or BadRequest for too many.
    pub fn validate(tags: Vec<Tag>) -> Result<Self, S3Error> {
        check_count(&tags)?;
        for (i, tag) in tags.iter().enumerate() {
            check_tag(tag)?;
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
            check_count(&tags)?;
        }
        Self::validate(tags)
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

fn check_count(tags: &[Tag]) -> Result<(), S3Error> {
    if tags.len() <= TAGS_MAX {
        return Ok(());
    }
    Err(S3Error::new(ErrorCode::BadRequest, "Object tags cannot be greater than 10"))
}

fn check_tag(tag: &Tag) -> Result<(), S3Error> {
    let Tag { key, value } = tag;
    if key.is_empty() || key.chars().count() > TAG_KEY_CHARS_MAX || !key.chars().all(is_tag_char) {
        return Err(S3Error::invalid_tag(key, None, "The TagKey you have provided is invalid"));
    }
    if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        return Err(S3Error::invalid_tag(key, None, "Your TagKey cannot be prefixed with aws:"));
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
