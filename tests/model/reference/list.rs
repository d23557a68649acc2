//! Room: the listings of objects, versions and uploads.
//!
//! Source: S3 "ListObjects", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads".

use std::rc::Rc;

use protocol::time::Timestamp;

use super::bucket::account;
use super::{Answered, Bucket, Fault, Object, Reference};
use crate::wire::{Answer, Ask};
use crate::xml::Node;

/// Where a page ends.
#[derive(Debug, Clone)]
pub(crate) enum End {
    Name(String),
    Prefix(String),
}

/// A date in a document.
pub(super) fn date(millis: u64) -> String {
    Timestamp::from_millis(millis / 1000 * 1000).iso8601()
}

/// A date in a header.
pub(super) fn http_date(millis: u64) -> String {
    Timestamp::from_millis(millis).http_date()
}

/// A number of the query.
pub(super) fn count(ask: &Ask, name: &str) -> Result<Option<usize>, Fault> {
    let Some(text) = ask.get_param(name) else { return Ok(None) };
    let number: i32 = text.parse().map_err(|_not_a_number| {
        Fault::argument(
            name,
            text,
            format!("Provided {name} not an integer or within integer range"),
        )
    })?;
    usize::try_from(number).map(Some).map_err(|_negative| {
        // S3 spells this one in another way here.
        let name = if name == "max-keys" { "maxKeys" } else { name };
        let message = format!("Argument {name} must be an integer between 0 and 2147483647");
        Fault::argument(name, text, message)
    })
}

/// What all listings of a bucket ask alike.
struct Asked<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    max: usize,
    encoded: bool,
}

impl<'a> Asked<'a> {
    fn parse(ask: &'a Ask, max: &str) -> Result<Self, Fault> {
        let max = count(ask, max)?.map_or(1000, |max| max.min(1000));
        let encoded = match ask.get_param("encoding-type") {
            None => false,
            Some("url") => true,
            Some(other) => {
                let message = "Invalid Encoding Method specified in Request";
                return Err(Fault::argument("encoding-type", other, message));
            }
        };
        let prefix = ask.get_param("prefix").unwrap_or_default();
        let delimiter = ask.get_param("delimiter").filter(|text| !text.is_empty());
        Ok(Self { prefix, delimiter, max, encoded })
    }

    fn shown(&self, name: &str) -> String {
        if !self.encoded {
            return name.to_owned();
        }
        let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let shown = |byte: u8| {
            if kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
        };
        name.bytes().map(shown).collect()
    }

    fn shown_delimiter(&self) -> Option<String> {
        self.delimiter.map(|delimiter| self.shown(delimiter))
    }

    /// The common prefix that a key falls under.
    fn common(&self, key: &str) -> Option<String> {
        let rest = key.strip_prefix(self.prefix)?;
        let delimiter = self.delimiter?;
        let end = rest.find(delimiter)? + delimiter.len();
        Some(format!("{}{}", self.prefix, &rest[..end]))
    }

    /// The entries of a page, in order, and whether more follow.
    fn page<T>(
        &self,
        entries: impl Iterator<Item = (String, T)>,
        skip: &str,
    ) -> (Vec<Entry<T>>, bool) {
        let mut page: Vec<Entry<T>> = Vec::new();
        let mut last = String::new();
        for (key, entry) in entries.filter(|(key, _)| key.starts_with(self.prefix)) {
            let made = match self.common(&key) {
                Some(common) if common == last || common.as_str() <= skip => continue,
                Some(common) => {
                    last.clone_from(&common);
                    Entry::Prefix(common)
                }
                None => Entry::One(key, entry),
            };
            if page.len() == self.max {
                return (page, self.max > 0);
            }
            page.push(made);
        }
        (page, false)
    }

    /// The common prefixes of a page.
    fn prefixes<T>(&self, mut root: Node, page: &[Entry<T>]) -> Node {
        for entry in page {
            if let Entry::Prefix(prefix) = entry {
                root = root.and(Node::new("CommonPrefixes").with("Prefix", self.shown(prefix)));
            }
        }
        root.with_if("EncodingType", self.encoded.then_some("url"))
    }
}

/// An entry of a page.
enum Entry<T> {
    One(String, T),
    Prefix(String),
}

impl<T> Entry<T> {
    fn end(&self) -> End {
        match self {
            Self::One(key, _) => End::Name(key.clone()),
            Self::Prefix(prefix) => End::Prefix(prefix.clone()),
        }
    }
}

impl End {
    fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Prefix(name) => name,
        }
    }

    /// Whether a key stands behind it.
    fn is_before(&self, key: &str) -> bool {
        match self {
            Self::Name(name) => key > name.as_str(),
            Self::Prefix(prefix) => key > prefix.as_str() && !key.starts_with(prefix.as_str()),
        }
    }
}

impl Bucket {
    fn objects(&self) -> impl Iterator<Item = (&String, &Rc<Object>, u64)> {
        self.keys.iter().filter_map(|(key, versions)| {
            let latest = versions.last()?;
            Some((key, latest.object.as_ref()?, latest.modified))
        })
    }
}

impl Reference {
    /// A token that leads behind the end of a page.
    pub(super) fn token(&mut self, end: End) -> String {
        self.tokens.push(end);
        crate::names::name('t', self.tokens.len() as u64 - 1)
    }

    /// Where a token leads.
    pub(super) fn behind(&self, token: &str) -> End {
        let digits: String = token.chars().filter(char::is_ascii_digit).collect();
        let place: usize = digits.parse().expect("a token of our own");
        self.tokens[place].clone()
    }

    pub(super) fn list_objects(&mut self, ask: &Ask) -> Answered {
        let second = ask.get_param("list-type") == Some("2");
        let asked = Asked::parse(ask, "max-keys")?;
        let token = ask.get_param("continuation-token");
        let start = ask.get_param("start-after").filter(|text| !text.is_empty());
        let marker = ask.get_param("marker").unwrap_or_default();
        let bucket = self.bucket(ask)?;
        let after = match (second, token, start) {
            (true, Some(token), _) => Some(self.behind(token)),
            (true, None, Some(start)) => Some(End::Name(start.to_owned())),
            (true, None, None) => None,
            (false, ..) => Some(marker).filter(|marker| !marker.is_empty()).map(|marker| {
                asked.common(marker).map_or_else(|| End::Name(marker.to_owned()), End::Prefix)
            }),
        };
        let entries = bucket
            .objects()
            .filter(|(key, ..)| after.as_ref().is_none_or(|after| after.is_before(key)));
        let entries =
            entries.map(|(key, object, modified)| (key.clone(), (object.clone(), modified)));
        let (page, more) = asked.page(entries, "");
        let end = page.last().map(Entry::end).filter(|_| more);
        let mut root = Node::new("ListBucketResult")
            .with("Name", ask.bucket.as_deref().unwrap_or_default())
            .with("Prefix", asked.shown(asked.prefix))
            .with_if("Delimiter", asked.shown_delimiter())
            .with("MaxKeys", asked.max)
            .with("IsTruncated", more);
        let owner = !second || ask.get_param("fetch-owner") == Some("true");
        for entry in &page {
            if let Entry::One(key, (object, modified)) = entry {
                root = root.and(contents(&asked, key, object, *modified, owner));
            }
        }
        root = asked.prefixes(root, &page);
        if !second {
            let next = end.filter(|_| asked.delimiter.is_some());
            let next = next.map(|end| asked.shown(end.name()));
            return Ok(Answer::document(
                root.with("Marker", asked.shown(marker)).with_if("NextMarker", next),
            ));
        }
        let start = start.map(|start| asked.shown(start));
        let root = root.with("KeyCount", page.len()).with_if("StartAfter", start);
        let next = end.map(|end| self.token(end));
        self.object_tokens.extend(next.clone());
        let root = root.with_if("ContinuationToken", token);
        Ok(Answer::document(root.with_if("NextContinuationToken", next)))
    }

    pub(super) fn list_versions(&mut self, ask: &Ask) -> Answered {
        let asked = Asked::parse(ask, "max-keys")?;
        let marker = ask.get_param("key-marker").unwrap_or_default();
        let id = ask.get_param("version-id-marker").unwrap_or_default();
        if marker.is_empty() && !id.is_empty() {
            let message = "A version-id marker cannot be specified without a key marker.";
            return Err(Fault::argument("version-id-marker", id, message));
        }
        let bucket = self.bucket(ask)?;
        let skipped = asked.common(marker).unwrap_or_default();
        let all = bucket.keys.iter().flat_map(|(key, versions)| {
            let newest_first = versions.iter().enumerate().rev();
            newest_first.map(move |(place, version)| {
                (key.clone(), (version.clone(), place + 1 == versions.len()))
            })
        });
        // A version that is gone still has its place; only of a null version nobody knows where it was. Its key is
        // listed once more then, so that nothing is left out.
        let here = bucket.version(marker, id).map(|version| version.number);
        let made = bucket.ids.iter().find(|made| made.id == id && made.key == marker);
        let gone = made.map(|made| if id == "null" { u64::MAX } else { made.number });
        let number = here.or(gone);
        let all = all.filter(|(key, (version, _))| match number {
            Some(number) if key == marker => version.number < number,
            _ => key.as_str() > marker,
        });
        let (page, more) = asked.page(all, &skipped);
        let mut root = Node::new("ListVersionsResult")
            .with("Name", ask.bucket.as_deref().unwrap_or_default())
            .with("Prefix", asked.shown(asked.prefix))
            .with("KeyMarker", asked.shown(marker))
            .with("VersionIdMarker", id)
            .with_if("Delimiter", asked.shown_delimiter())
            .with("MaxKeys", asked.max)
            .with("IsTruncated", more);
        for entry in &page {
            let Entry::One(key, (version, latest)) = entry else { continue };
            let kind = if version.object.is_some() { "Version" } else { "DeleteMarker" };
            let mut node = Node::new(kind)
                .with("Key", asked.shown(key))
                .with("VersionId", &version.id)
                .with("IsLatest", latest)
                .with("LastModified", date(version.modified))
                .and(account("Owner"));
            if let Some(object) = &version.object {
                node = facts(node, object);
            }
            root = root.and(node);
        }
        root = asked.prefixes(root, &page);
        let next = page.last().filter(|_| more).map(|entry| match entry {
            Entry::One(key, (version, _)) => (asked.shown(key), Some(version.id.clone())),
            Entry::Prefix(prefix) => (asked.shown(prefix), None),
        });
        let (key, id) = next.map_or((None, None), |(key, id)| (Some(key), id));
        Ok(Answer::document(root.with_if("NextKeyMarker", key).with_if("NextVersionIdMarker", id)))
    }

    pub(super) fn list_uploads(&mut self, ask: &Ask) -> Answered {
        let asked = Asked::parse(ask, "max-uploads")?;
        let marker = ask.get_param("key-marker").unwrap_or_default();
        let id = ask.get_param("upload-id-marker").unwrap_or_default();
        let bucket = self.bucket(ask)?;
        let mut uploads: Vec<_> = bucket.uploads.iter().collect();
        uploads.sort_by(|one, other| (&one.key, one.begun).cmp(&(&other.key, other.begun)));
        let skipped = asked.common(marker).unwrap_or_default();
        let begun = uploads.iter().find(|upload| upload.id == id && upload.key == marker);
        let begun = begun.map(|upload| upload.begun).filter(|_| !marker.is_empty());
        let entries = uploads.into_iter().filter(|upload| match begun {
            Some(begun) if upload.key == marker => upload.begun > begun,
            _ => upload.key.as_str() > marker,
        });
        let entries = entries.map(|upload| (upload.key.clone(), upload));
        let (page, more) = asked.page(entries, &skipped);
        let (next_key, next_id) = match page.last() {
            None => (String::new(), String::new()),
            Some(Entry::One(key, upload)) => (asked.shown(key), upload.id.clone()),
            Some(Entry::Prefix(prefix)) => (asked.shown(prefix), String::new()),
        };
        let mut root = Node::new("ListMultipartUploadsResult")
            .with("Bucket", ask.bucket.as_deref().unwrap_or_default())
            .with("Prefix", asked.shown(asked.prefix))
            .with("KeyMarker", asked.shown(marker))
            .with("UploadIdMarker", id)
            .with("NextKeyMarker", next_key)
            .with("NextUploadIdMarker", next_id)
            .with_if("Delimiter", asked.shown_delimiter())
            .with("MaxUploads", asked.max)
            .with("IsTruncated", more);
        for entry in &page {
            let Entry::One(key, upload) = entry else { continue };
            let node = Node::new("Upload")
                .with("Key", asked.shown(key))
                .with("UploadId", &upload.id)
                .with("Initiated", date(upload.initiated))
                .with("StorageClass", &upload.class)
                .and(account("Owner"))
                .and(account("Initiator"))
                .with_algorithm(upload.sum);
            root = root.and(node);
        }
        Ok(Answer::document(asked.prefixes(root, &page)))
    }
}

fn contents(asked: &Asked<'_>, key: &str, object: &Object, modified: u64, owner: bool) -> Node {
    let node =
        Node::new("Contents").with("Key", asked.shown(key)).with("LastModified", date(modified));
    let node = facts(node, object);
    if owner { node.and(account("Owner")) } else { node }
}

fn facts(node: Node, object: &Object) -> Node {
    node.with("ETag", format!("\"{}\"", object.etag))
        .with("Size", object.content.len())
        .with("StorageClass", &object.class)
        .with_algorithm(object.sum.as_ref().map(|sum| (sum.algorithm, sum.kind)))
}
