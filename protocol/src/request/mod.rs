//! Room: the head of a request as plain values: method, path, query, headers, and the bucket and
//! key that it is about.
//!
//! Invariants: path and query decode; bucket and key obey their rules; the values of headers that
//! mean something to S3 are UTF-8. So a header is never taken as absent because it does not parse.
//! There is at most one `Host`, so that nobody can take the request for one to another bucket. Every other
//! header has one value, the one that is signed: lines of one name are one value with commas, as RFC 9110
//! section 5.2 has it, so that nobody who splits a signed line makes it say something else.

mod host;

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::error::S3Error;
use crate::limits::HEADER_SECTION_LEN_MAX;
use crate::name::{BucketName, ObjectKey};
use crate::percent;

/// The method of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// PUT.
    Put,
    /// POST.
    Post,
    /// DELETE.
    Delete,
    /// OPTIONS.
    Options,
    /// Any other, as sent.
    Other(String),
}

impl Method {
    /// The method of this name; methods are case-sensitive.
    pub fn parse(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "PUT" => Self::Put,
            "POST" => Self::Post,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The name, as it is signed.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a request is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// The whole service.
    Service,
    /// One bucket.
    Bucket(BucketName),
    /// One object.
    Object(BucketName, ObjectKey),
}

impl Target {
    /// The bucket, if it is about one.
    pub fn bucket(&self) -> Option<&BucketName> {
        match self {
            Self::Service => None,
            Self::Bucket(bucket) | Self::Object(bucket, _) => Some(bucket),
        }
    }

    /// The key, if it is about an object.
    pub fn key(&self) -> Option<&ObjectKey> {
        match self {
            Self::Service | Self::Bucket(_) => None,
            Self::Object(_, key) => Some(key),
        }
    }

    /// `host_bucket` is the bucket that the host names; all of the path is the key then. Else the first
    /// segment is the bucket, all behind it the key. The path is decoded before it is parted, as it is
    /// for the signature: what was signed is what is meant. In a path `+` is a plus.
    fn parse(raw_path: &str, host_bucket: Option<&str>) -> Result<Self, S3Error> {
        let invalid = || S3Error::invalid_uri(raw_path);
        let path = percent::decode(raw_path).ok_or_else(invalid)?;
        let path = String::from_utf8(path).ok().ok_or_else(invalid)?;
        let path = path.strip_prefix('/').ok_or_else(invalid)?;
        let (bucket, key) = match host_bucket {
            Some(bucket) => (bucket, path),
            None if path.is_empty() => return Ok(Self::Service),
            None => path.split_once('/').unwrap_or((path, "")),
        };
        let bucket = BucketName::parse(bucket)?;
        if key.is_empty() {
            return Ok(Self::Bucket(bucket));
        }
        Ok(Self::Object(bucket, ObjectKey::parse(key)?))
    }
}

/// The query of a request: names and values, decoded once, in the order in which they came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Query {
    raw: String,
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads what stands behind the question mark. `+` means a space. Fails with InvalidURI.
    pub fn parse(raw: &str) -> Result<Self, S3Error> {
        let decode = |text: &str| {
            percent::decode_form(text)
                .and_then(|bytes| String::from_utf8(bytes).ok())
                // Only this word: the query may hold a signature.
                .ok_or_else(|| S3Error::invalid_uri(text))
        };
        let items = raw.split('&').filter(|item| !item.is_empty());
        let pairs = items.map(|item| {
            let (name, value) = item.split_once('=').unwrap_or((item, ""));
            Ok((decode(name)?, decode(value)?))
        });
        Ok(Self { raw: raw.to_owned(), pairs: pairs.collect::<Result<_, S3Error>>()? })
    }

    /// Names and values. A name without `=` has the value "".
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// As sent.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// Refuses two values of one name. A query is signed in alphabetical order, so nobody knows which of them the
    /// signer wrote first, and whoever stands between may choose.
    ///
    /// # Errors
    /// `InvalidArgument` with the name.
    pub fn refuse_ambiguous(&self) -> Result<(), S3Error> {
        let mut pairs: Vec<&(String, String)> = self.pairs.iter().collect();
        pairs.sort_unstable();
        pairs.dedup();
        match pairs.windows(2).find(|two| two[0].0 == two[1].0) {
            None => Ok(()),
            Some(two) => Err(S3Error::invalid_argument(two[0].0.as_str(), None, SPECIFIED_TWICE)),
        }
    }

    /// Whether the name is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The first value of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// The headers of a request, in the order in which they came. Names are in lower case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header; its name is put into lower case.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        let mut name = name.into();
        name.make_ascii_lowercase();
        self.0.push((name, value.into()));
    }

    /// The first value of this name, without the spaces around it; `Some("")` when it is empty.
    /// `None` also when it is not UTF-8, which for the headers of S3 cannot be (see the room).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// As [`Self::get`], and an empty value counts as none: the rule of S3 for optional headers.
    pub fn get_non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// All values of this name, in order, without the spaces around them.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(n, _)| n == name).filter_map(|(_, value)| text(value))
    }

    /// Whether the name is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n == name)
    }

    /// Names in lower case, and values as sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Lines of one name become one, at the place of the first, with commas between their values. Several
    /// hosts or signatures are left for those who refuse them.
    fn fold(self) -> Self {
        let mut folded: Vec<(String, Vec<u8>)> = Vec::with_capacity(self.0.len());
        for (name, value) in self.0 {
            let single = matches!(name.as_str(), "host" | "authorization");
            match folded.iter_mut().find(|(known, _)| *known == name && !single) {
                Some((_, values)) => {
                    values.truncate(values.trim_ascii_end().len());
                    values.push(b',');
                    values.extend_from_slice(value.trim_ascii());
                }
                None => folded.push((name, value)),
            }
        }
        Self(folded)
    }

    /// Whether they are not too long, and text where they must be.
    pub(crate) fn check(&self) -> Result<(), S3Error> {
        // Each line has a colon, a space and an end of two bytes.
        let len: usize = self.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        if len > HEADER_SECTION_LEN_MAX {
            return Err(S3Error::header_section_too_large());
        }
        let broken = self.iter().find(|(name, value)| is_meaningful(name) && text(value).is_none());
        match broken {
            None => Ok(()),
            Some((name, _)) => {
                Err(S3Error::invalid_argument(name, None, "Header value is not valid UTF-8"))
            }
        }
    }
}

impl FromIterator<(String, Vec<u8>)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(lines: I) -> Self {
        let mut headers = Self::new();
        lines.into_iter().for_each(|(name, value)| headers.insert(name, value));
        headers
    }
}

fn text(value: &[u8]) -> Option<&str> {
    core::str::from_utf8(value).ok().map(|text| text.trim_matches([' ', '\t']))
}

/// Whether S3 gives the header a meaning.
fn is_meaningful(name: &str) -> bool {
    const PREFIXES: [&str; 3] = ["x-amz-", "if-", "content-"];
    const NAMES: [&str; 8] = [
        "authorization",
        "cache-control",
        "date",
        "expect",
        "expires",
        "host",
        "range",
        "transfer-encoding",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name)
}

/// Where a request names its bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressStyle {
    /// In the path.
    Path,
    /// In the host, before one of the node's domains.
    VirtualHost,
}

/// The head of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// The method.
    pub method: Method,
    /// The path as sent, without the query.
    pub path: String,
    /// The query.
    pub query: Query,
    /// The headers.
    pub headers: Headers,
    /// What the request is about.
    pub target: Target,
    /// Where it names its bucket.
    pub style: AddressStyle,
    /// Whether the client spoke TLS, with this node or with a proxy that is trusted.
    pub secure: bool,
}

impl Head {
    /// Reads the head of a request that came without TLS. `raw_path` and `raw_query` as sent; `domains` in
    /// lower case, without ports: a host below one of them names the bucket.
    ///
    /// # Errors
    /// InvalidURI, InvalidBucketName, KeyTooLongError, RequestHeaderSectionTooLarge; BadRequest for several
    /// hosts or one that is none; InvalidArgument for a header that is not UTF-8.
    pub fn new(
        method: Method,
        raw_path: &str,
        raw_query: Option<&str>,
        headers: Headers,
        domains: &[String],
    ) -> Result<Self, S3Error> {
        headers.check()?;
        let headers = headers.fold();
        let query = Query::parse(raw_query.unwrap_or(""))?;
        let bucket = host::host(&headers)?.and_then(|host| host::bucket(host, domains));
        let target = Target::parse(raw_path, bucket.as_deref())?;
        let style = match bucket {
            Some(_) => AddressStyle::VirtualHost,
            None => AddressStyle::Path,
        };
        let path = raw_path.to_owned();
        Ok(Self { method, path, query, headers, target, style, secure: false })
    }
}

/// For a parameter that has two values.
pub(crate) const SPECIFIED_TWICE: &str = "The query parameter must be specified once";

#[cfg(test)]
mod tests;
