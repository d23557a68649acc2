//! Room: what the paged answers share: prefix and delimiter, page sizes, the `url` encoding, and
//! the tokens that say where a page ended.
//!
//! Invariants: a token is opaque and safe in a URL, and one that was not made here is refused.
//! Source: S3 API Reference, ListObjects, ListObjectsV2, ListObjectVersions, ListMultipartUploads,
//! ListParts, ListBuckets: prefix, delimiter, marker, max-keys, encoding-type,
//! continuation-token.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::common::Common;
use crate::crc;
use crate::error::S3Error;
use crate::limits::LIST_MAX;
use crate::percent;
use crate::request::Head;
use crate::route::Operation;
use crate::xml::write::Element;

/// What the listings of a bucket ask alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Only keys that begin so; empty for all.
    pub prefix: String,
    /// Keys that share what lies between the prefix and this are one common prefix; never empty.
    pub delimiter: Option<String>,
    /// The most entries and common prefixes of the page together, at most [`LIST_MAX`].
    pub max: u32,
    /// Names are to be percent-encoded in the answer.
    pub url_encoding: bool,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl Query {
    /// Reads the query; `max` is the name of the operation's page size.
    ///
    /// # Errors
    /// `InvalidArgument` for a page size or an encoding that S3 would not take.
    pub(crate) fn parse(head: &Head, operation: Operation, max: &str) -> Result<Self, S3Error> {
        let text = |name: &str| head.query.get(name).map(String::from);
        Ok(Self {
            prefix: text("prefix").unwrap_or_default(),
            delimiter: text("delimiter").filter(|delimiter| !delimiter.is_empty()),
            max: page_size(head, max, LIST_MAX)?,
            url_encoding: encoding(head)?,
            common: Common::parse(head, operation)?,
        })
    }

    /// Where a page behind `marker` begins. A common prefix that is not greater than the marker has
    /// been shown: with it all that begins so.
    #[must_use]
    pub fn behind(&self, marker: &str) -> PageEnd {
        let common = self.delimiter.as_deref().and_then(|delimiter| {
            let rest = marker.strip_prefix(self.prefix.as_str())?;
            let len = self.prefix.len() + rest.find(delimiter)? + delimiter.len();
            marker.get(..len)
        });
        match common {
            Some(common) => PageEnd::Prefix(common.into()),
            None => PageEnd::Name(marker.into()),
        }
    }

    /// A name as it stands in the answer.
    pub(crate) fn shown<'a>(&self, name: &'a str) -> Cow<'a, str> {
        encoded(name, self.url_encoding)
    }

    /// The same of a name that may be missing.
    pub(crate) fn shown_if<'a>(&self, name: Option<&'a str>) -> Option<Cow<'a, str>> {
        name.map(|name| self.shown(name))
    }
}

/// Writes the common prefixes of a page.
pub(crate) fn write_prefixes(root: &mut Element<'_>, query: &Query, prefixes: &[String]) {
    for prefix in prefixes {
        root.nest("CommonPrefixes", |element| {
            element.text("Prefix", &query.shown(prefix));
        });
    }
}

/// Reads a page size of 0 to `cap`; S3 cuts a larger one down without a word.
pub(crate) fn page_size(head: &Head, parameter: &str, cap: u32) -> Result<u32, S3Error> {
    Ok(count(head, parameter)?.map_or(cap, |asked| asked.min(cap)))
}

/// Reads a number of 0 to 2³¹ − 1; an empty one counts as absent.
pub(crate) fn count(head: &Head, parameter: &str) -> Result<Option<u32>, S3Error> {
    let text = head.query.get(parameter).filter(|text| !text.is_empty());
    text.map(|text| number(parameter, text)).transpose()
}

/// Reads a number of 0 to 2³¹ − 1, the value of the parameter or header of this name.
pub(crate) fn number(parameter: &str, text: &str) -> Result<u32, S3Error> {
    let refused =
        |name: &str, message: String| S3Error::invalid_argument(name, Some(text), message);
    let number: i32 = text.parse().map_err(|_not_a_number| {
        let message = format!("Provided {parameter} not an integer or within integer range");
        refused(parameter, message)
    })?;
    u32::try_from(number).map_err(|_negative| {
        // S3 spells this one differently here.
        let name = if parameter == "max-keys" { "maxKeys" } else { parameter };
        refused(name, format!("Argument {name} must be an integer between 0 and {}", i32::MAX))
    })
}

/// Reads `encoding-type`: whether names are to be percent-encoded.
fn encoding(head: &Head) -> Result<bool, S3Error> {
    const PARAMETER: &str = "encoding-type";
    match head.query.get(PARAMETER) {
        None => Ok(false),
        Some("url") => Ok(true),
        Some(other) => Err(S3Error::invalid_argument(
            PARAMETER,
            Some(other),
            "Invalid Encoding Method specified in Request",
        )),
    }
}

/// A name as it stands in an answer. With `url`, a space becomes `%20` and a plus `%2B`: clients
/// that decode forms and clients that decode URLs read the same.
fn encoded(name: &str, url: bool) -> Cow<'_, str> {
    if url { Cow::Owned(percent::encode_path(name)) } else { Cow::Borrowed(name) }
}

/// Where a page ended, so that the next one begins behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageEnd {
    /// With this key, bucket or other single name.
    Name(String),
    /// With this common prefix: all names that begin so are done with.
    Prefix(String),
}

/// Makes the token of a page.
pub(crate) fn token(end: &PageEnd) -> String {
    let (kind, name) = match end {
        PageEnd::Name(name) => (TOKEN_NAME, name),
        PageEnd::Prefix(prefix) => (TOKEN_PREFIX, prefix),
    };
    let mut bytes = Vec::with_capacity(1 + name.len() + 4);
    bytes.push(kind);
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(&crc::crc32c(&bytes).to_be_bytes());
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(&bytes)
}

/// Reads a token back. Its check sum finds what was cut or made up; it is not a secret, since a
/// token says nothing that start-after could not say.
pub(crate) fn read_token(token: &str) -> Result<PageEnd, S3Error> {
    read(token).ok_or_else(bad_token)
}

/// A token that was not made for this listing.
pub(crate) fn bad_token() -> S3Error {
    // S3: the value is not repeated.
    S3Error::invalid_argument(
        "continuation-token",
        None,
        "The continuation token provided is incorrect",
    )
}

fn read(token: &str) -> Option<PageEnd> {
    let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(token).ok()?;
    let (summed, sum) = bytes.split_last_chunk::<4>()?;
    let (&kind, name) = summed.split_first()?;
    if crc::crc32c(summed) != u32::from_be_bytes(*sum) {
        return None;
    }
    let name = String::from(core::str::from_utf8(name).ok()?);
    match kind {
        TOKEN_NAME => Some(PageEnd::Name(name)),
        TOKEN_PREFIX => Some(PageEnd::Prefix(name)),
        _ => None,
    }
}

const TOKEN_NAME: u8 = 1;
const TOKEN_PREFIX: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::head;

    #[test]
    fn a_token_leads_back_to_its_name() {
        // rule: list/token
        for name in ["a", "photos/2026/ü \u{1}", ""] {
            for end in [PageEnd::Name(name.into()), PageEnd::Prefix(name.into())] {
                let text = token(&end);
                assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
                assert_eq!(read_token(&text).unwrap(), end);
                let mut other = text.clone();
                other.replace_range(2..3, if &text[2..3] == "x" { "y" } else { "x" });
                assert!(read_token(&other).is_err());
            }
        }
        for bad in ["", "a", "garbage", "AAAAAAAA", "%%%"] {
            let error = read_token(bad).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument);
            assert_eq!(error.message, "The continuation token provided is incorrect");
            assert_eq!(error.detail("ArgumentName"), Some("continuation-token"));
            assert_eq!(error.detail("ArgumentValue"), None);
        }
    }

    #[test]
    fn a_page_size_is_cut_or_refused() {
        // rule: list/max-keys
        // rule: list-versions/max-keys
        // rule: list-uploads/max-uploads
        let size = |query: &str| page_size(&head("GET", query, &[]), "max-keys", 1000);
        assert_eq!(size("/bucket"), Ok(1000));
        assert_eq!(size("/bucket?max-keys="), Ok(1000));
        assert_eq!(size("/bucket?max-keys=0"), Ok(0));
        assert_eq!(size("/bucket?max-keys=7"), Ok(7));
        assert_eq!(size("/bucket?max-keys=5000"), Ok(1000));
        let (negative, no_number) = (
            "Argument maxKeys must be an integer between 0 and 2147483647",
            "Provided max-keys not an integer or within integer range",
        );
        for (value, name, message) in [
            ("-1", "maxKeys", negative),
            ("-2147483648", "maxKeys", negative),
            ("-2147483649", "max-keys", no_number),
            ("2147483648", "max-keys", no_number),
            ("x", "max-keys", no_number),
            ("1.5", "max-keys", no_number),
            ("%205", "max-keys", no_number),
        ] {
            let error = size(&format!("/bucket?max-keys={value}")).unwrap_err();
            assert_eq!((error.code, &*error.message), (ErrorCode::InvalidArgument, message));
            assert_eq!(error.detail("ArgumentName"), Some(name), "{value}");
        }
        let error = count(&head("GET", "/bucket?max-uploads=-1", &[]), "max-uploads").unwrap_err();
        assert_eq!(error.detail("ArgumentName"), Some("max-uploads"));
    }

    #[test]
    fn a_page_goes_on_behind_what_was_shown() {
        // rule: list/marker
        // rule: list-uploads/delimiter
        // rule: list-versions/delimiter
        let behind = |query: &str, marker: &str| {
            let request = head("GET", &format!("/bucket?{query}"), &[]);
            Query::parse(&request, Operation::ListObjects, "max-keys").unwrap().behind(marker)
        };
        let name = |text: &str| PageEnd::Name(text.into());
        let prefix = |text: &str| PageEnd::Prefix(text.into());
        assert_eq!(behind("", "a/b/c"), name("a/b/c"));
        assert_eq!(behind("delimiter=", "a/b"), name("a/b"));
        assert_eq!(behind("delimiter=/", "a"), name("a"));
        assert_eq!(behind("delimiter=/", "a/"), prefix("a/"));
        assert_eq!(behind("delimiter=/", "a/b/c"), prefix("a/"));
        assert_eq!(behind("delimiter=/&prefix=a/", "a/b/c"), prefix("a/b/"));
        assert_eq!(behind("delimiter=/&prefix=a/", "a/b"), name("a/b"));
        assert_eq!(behind("delimiter=/&prefix=b", "a/b/c"), name("a/b/c"));
        assert_eq!(behind("delimiter=%C3%BC", "aü/ü"), prefix("aü"));
    }

    #[test]
    fn names_are_encoded_so_that_every_client_reads_them() {
        // rule: list/encoding
        // rule: list-uploads/encoding
        // rule: list-versions/encoding
        assert_eq!(encoded("a b+c/é\u{1}~", true), "a%20b%2Bc/%C3%A9%01~");
        assert_eq!(encoded("a b+c", false), "a b+c");
        for query in ["/bucket?encoding-type=", "/bucket?encoding-type=gzip"] {
            let error = encoding(&head("GET", query, &[])).unwrap_err();
            assert_eq!(error.message, "Invalid Encoding Method specified in Request");
        }
    }
}
