//! Room: what has been asked and answered in the stories, so that a generator that has become too narrow is noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::reference::Versioning;
use crate::request::Kind;
use crate::wire::{Answer, Ask, Told};
use crate::xml::Node;

/// What the short run must have seen at least five times: all these words of one request and its answer.
const WANTED: &[&str] = &[
    "Put:PUT 200 never",
    "Put:PUT 200 enabled",
    "Put:PUT 200 suspended",
    "Put:PUT 200 condition enabled",
    "Put:PUT 404 condition NoSuchKey",
    "Put:PUT 412",
    "Put:PUT 400 checksum BadDigest",
    "Put:PUT 200 class",
    "Put:PUT 400 class InvalidStorageClass",
    "Put:PUT 501 class NotImplemented",
    "Read:GET 200 classed",
    "Read:GET 206 classed",
    "Read:HEAD 200 classed",
    "Read:GET 200 version enabled",
    "Read:GET 200 null suspended",
    "Read:GET 206 range version",
    "Read:GET 206 part",
    "Read:GET 304 condition",
    "Read:GET 400 version never",
    "Read:GET 404 deleted NoSuchKey",
    "Read:GET 404 NoSuchVersion",
    "Read:GET 405 deleted version",
    "Read:GET 412",
    "Read:GET 416 InvalidPartNumber",
    "Read:GET 416 InvalidRange",
    "Read:HEAD 206",
    "Read:HEAD 405",
    "Copy:PUT 200 version",
    "Copy:PUT 200 class",
    "Copy:PUT 400 InvalidRequest",
    "Copy:PUT 404 NoSuchVersion",
    "Copy:PUT 412",
    "Delete:DELETE 204 never",
    "Delete:DELETE 204 enabled deleted",
    "Delete:DELETE 204 suspended deleted",
    "Delete:DELETE 204 version enabled",
    "Delete:DELETE 204 null suspended",
    "Delete:DELETE 204 condition",
    "Delete:DELETE 412",
    "DeleteMany:POST 200 enabled",
    "DeleteMany:POST 200 PreconditionFailed",
    "Tags:PUT 200 version",
    "Tags:GET 200 version",
    "Tags:GET 405",
    "Attributes:GET 200 version",
    "Attributes:GET 405",
    "CreateUpload:POST 200 class",
    "UploadPart:PUT 200 checksum",
    "UploadPartCopy:PUT 200 range",
    "UploadPartCopy:PUT 200 version",
    "UploadPartCopy:PUT 412",
    "Complete:POST 200 enabled",
    "Complete:POST 200 suspended",
    "Complete:POST 200 condition",
    "Complete:POST 400 BadDigest",
    "Complete:POST 400 InvalidPartOrder",
    "Complete:POST 409",
    "Complete:POST 412",
    "Abort:DELETE 204",
    "ListObjects:GET 200 token",
    "ListObjects:GET 200 delimiter truncated",
    "ListObjects:GET 200 marker delimiter",
    "ListVersions:GET 200 delimiter truncated",
    "ListVersions:GET 200 marker enabled",
    "ListVersions:GET 200 marker suspended truncated",
    "ListUploads:GET 200 marker",
    "ListUploads:GET 200 delimiter truncated",
    "ListParts:GET 200 truncated",
    "Buckets:DELETE 204",
    "Buckets:DELETE 409 enabled",
    "Buckets:GET 200 never",
];

/// How often each kind of request had each kind of answer. Both are words: what was asked, under what, in which bucket;
/// the status, the codes of errors.
#[derive(Debug, Default)]
pub(crate) struct Coverage(BTreeMap<BTreeSet<String>, u64>);

impl Coverage {
    /// Counts an answer; `versioning` is that of the bucket, if there is one, when it was asked.
    pub(crate) fn count(
        &mut self,
        kind: Kind,
        ask: &Ask,
        versioning: Option<Versioning>,
        answer: &Answer,
    ) {
        let name = format!("{kind:?}");
        let name = name.split('(').next().unwrap_or_default();
        let mut words = BTreeSet::from([format!("{name}:{}", ask.method)]);
        words.insert(answer.status.to_string());
        words.extend(state(versioning).map(str::to_owned));
        let mut word = |is: bool, word: &str| {
            if is {
                words.insert(word.to_owned());
            }
        };
        let conditions = |name: &str| name.contains("if-");
        word(ask.headers.iter().any(|(name, _)| conditions(name)), "condition");
        word(ask.headers.iter().any(|(name, _)| name.ends_with("range")), "range");
        word(ask.get_param("partNumber").is_some(), "part");
        let source = ask.source.as_ref().and_then(|source| source.version.as_deref());
        let version = ask.get_param("versionId").or(source);
        word(version.is_some(), "version");
        word(version == Some("null"), "null");
        word(ask.get_param("delimiter").is_some_and(|text| !text.is_empty()), "delimiter");
        let marker = |(name, _): &(&str, String)| name.ends_with("marker") || *name == "marker";
        word(ask.query.iter().any(marker), "marker");
        word(ask.get_param("continuation-token").is_some(), "token");
        word(ask.headers.iter().any(|(name, _)| name.starts_with("x-amz-checksum-")), "checksum");
        let class = |(name, _): &(String, String)| name == "x-amz-storage-class";
        word(ask.headers.iter().any(class), "class");
        word(answer.headers.iter().any(class), "classed");
        word(answer.headers.iter().any(|(name, _)| name == "x-amz-delete-marker"), "deleted");
        if let Told::Document(root) = &answer.body {
            word(root.get("IsTruncated") == Some("true"), "truncated");
            codes(root, &mut words);
        }
        *self.0.entry(words).or_default() += 1;
    }

    /// Takes over what another has counted.
    pub(crate) fn add(&mut self, other: Self) {
        for (words, count) in other.0 {
            *self.0.entry(words).or_default() += count;
        }
    }

    /// What is wanted and was seen hardly or never.
    pub(crate) fn missing(&self) -> Vec<(&'static str, u64)> {
        let seen = WANTED.iter().map(|words| (*words, self.seen(words)));
        seen.filter(|(_, count)| *count < 5).collect()
    }

    /// How often something was seen of which all these words are true.
    fn seen(&self, words: &str) -> u64 {
        let has = |have: &BTreeSet<String>| words.split(' ').all(|word| have.contains(word));
        self.0.iter().filter(|(have, _)| has(have)).map(|(_, count)| count).sum()
    }
}

/// By kind and answer alone.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = BTreeMap::<String, u64>::new();
        for (words, count) in &self.0 {
            let kind = words.iter().find(|word| word.contains(':')).cloned().unwrap_or_default();
            let answer =
                |word: &&String| word.starts_with(|first: char| first.is_ascii_uppercase());
            let codes = words.iter().filter(answer).filter(|word| !word.contains(':'));
            let status = words.iter().filter(|word| word.parse::<u16>().is_ok());
            let answer: Vec<&str> = status.chain(codes).map(String::as_str).collect();
            *lines.entry(format!("{kind} {}", answer.join(" "))).or_default() += count;
        }
        lines.iter().try_for_each(|(line, count)| writeln!(f, "{count:>8}  {line}"))
    }
}

fn state(versioning: Option<Versioning>) -> Option<&'static str> {
    match versioning? {
        Versioning::Never => Some("never"),
        Versioning::Enabled => Some("enabled"),
        Versioning::Suspended => Some("suspended"),
    }
}

fn codes(node: &Node, words: &mut BTreeSet<String>) {
    if node.name == "Code" {
        words.insert(node.text.clone());
    }
    node.children.iter().for_each(|child| codes(child, words));
}
