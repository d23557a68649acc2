//! Room: checksums: what a client may claim and what is stored.
//!
//! Source: S3 User Guide, "Checking object integrity".

use std::rc::Rc;

use super::Fault;
use crate::content::{Content, base64, digest};
use crate::wire::{Answer, Ask};
use crate::xml::Node;

/// Algorithm, length of the digest, whether FULL_OBJECT and COMPOSITE are allowed for parts; the first is the default.
pub(crate) const ALGORITHMS: [(&str, usize, &[Kind]); 10] = [
    ("CRC32", 4, &[Kind::Composite, Kind::Full]),
    ("CRC32C", 4, &[Kind::Composite, Kind::Full]),
    ("CRC64NVME", 8, &[Kind::Full]),
    ("SHA1", 20, &[Kind::Composite]),
    ("SHA256", 32, &[Kind::Composite]),
    ("SHA512", 64, &[Kind::Composite]),
    ("MD5", 16, &[Kind::Composite]),
    ("XXHASH64", 8, &[Kind::Composite]),
    ("XXHASH3", 8, &[Kind::Composite]),
    ("XXHASH128", 16, &[Kind::Composite]),
];

/// What a checksum is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Full,
    Composite,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Full => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

/// A stored checksum.
#[derive(Debug, Clone)]
pub(crate) struct Sum {
    pub(crate) algorithm: &'static str,
    pub(super) kind: Kind,
    /// Base64, without the count of parts.
    pub(super) value: String,
    pub(super) parts: usize,
}

impl Sum {
    pub(super) fn of(content: &Content, algorithm: &'static str) -> Self {
        let (kind, parts) = (Kind::Full, 0);
        Self { algorithm, kind, value: value(content, algorithm), parts }
    }

    pub(super) fn composite(algorithm: &'static str, parts: &[Rc<Content>]) -> Self {
        let digests: Vec<u8> = parts.iter().flat_map(|part| part.digest(algorithm)).collect();
        let value = base64(&digest(algorithm, &digests));
        Self { algorithm, kind: Kind::Composite, value, parts: parts.len() }
    }

    /// With the count of parts.
    pub(super) fn text(&self) -> String {
        match self.kind {
            Kind::Full => self.value.clone(),
            Kind::Composite => format!("{}-{}", self.value, self.parts),
        }
    }
}

/// The checksum of a content.
pub(super) fn value(content: &Content, algorithm: &'static str) -> String {
    base64(&content.digest(algorithm))
}

/// The name of its header.
pub(crate) fn header(algorithm: &str) -> String {
    format!("x-amz-checksum-{}", algorithm.to_lowercase())
}

/// The name of its element.
pub(crate) fn element(algorithm: &str) -> String {
    format!("Checksum{algorithm}")
}

impl Answer {
    /// With a checksum and its type, if there is one.
    pub(super) fn with_sum(self, sum: Option<&Sum>) -> Self {
        match sum {
            None => self,
            Some(sum) => self
                .header(&header(sum.algorithm), sum.text())
                .header("x-amz-checksum-type", sum.kind.name()),
        }
    }
}

impl Node {
    /// With a checksum and its type, if there is one.
    pub(super) fn with_sum(self, sum: Option<&Sum>) -> Self {
        match sum {
            None => self,
            Some(sum) => {
                self.with(&element(sum.algorithm), sum.text()).with("ChecksumType", sum.kind.name())
            }
        }
    }

    /// With the algorithm and its type, if there is one.
    pub(super) fn with_algorithm(self, sum: Option<(&str, Kind)>) -> Self {
        match sum {
            None => self,
            Some((algorithm, kind)) => {
                self.with("ChecksumAlgorithm", algorithm).with("ChecksumType", kind.name())
            }
        }
    }
}

/// The algorithm that S3 calls so.
pub(super) fn known(name: &str) -> Result<&'static str, Fault> {
    let found = ALGORITHMS.iter().find(|(known, ..)| *known == name);
    found.map(|(known, ..)| *known).ok_or_else(|| {
        Fault::request("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]")
    })
}

/// The checksum of the body that a request claims: its algorithm and value. It is well-formed.
pub(super) fn claimed(ask: &Ask) -> Result<Option<(&'static str, String)>, Fault> {
    let sent = ALGORITHMS.iter().filter_map(|(algorithm, len, _)| {
        Some((*algorithm, *len, ask.get_header(&header(algorithm))?.to_owned()))
    });
    let sent: Vec<_> = sent.collect();
    if sent.len() > 1 {
        return Err(Fault::request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        ));
    }
    let Some((algorithm, len, value)) = sent.into_iter().next() else { return Ok(None) };
    if !is_value(&value, len) {
        return Err(invalid(algorithm));
    }
    Ok(Some((algorithm, value)))
}

/// Whether it is base64 of that many bytes.
pub(super) fn is_value(text: &str, len: usize) -> bool {
    base64_simd::STANDARD.decode_to_vec(text).is_ok_and(|bytes| bytes.len() == len)
}

pub(super) fn invalid(algorithm: &str) -> Fault {
    Fault::request(format!("Value for {} header is invalid.", header(algorithm)))
}

/// Checks what was claimed of the body.
pub(super) fn check(
    claimed: Option<&(&'static str, String)>,
    content: &Content,
) -> Result<(), Fault> {
    match claimed {
        Some((algorithm, claim)) if *claim != value(content, algorithm) => Err(Fault::new(
            400,
            "BadDigest",
            format!("The {algorithm} you specified did not match the calculated checksum."),
        )),
        _ => Ok(()),
    }
}

/// What CreateMultipartUpload asks for.
pub(super) fn of_upload(ask: &Ask) -> Result<Option<(&'static str, Kind)>, Fault> {
    let algorithm = ask.get_header("x-amz-checksum-algorithm").map(known).transpose()?;
    let kind = ask.get_header("x-amz-checksum-type");
    let Some(algorithm) = algorithm else {
        return match kind {
            None => Ok(None),
            Some(_) => Err(Fault::request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )),
        };
    };
    let (_, _, kinds) = ALGORITHMS.iter().find(|(name, ..)| *name == algorithm).expect("known");
    let kind = match kind {
        None => kinds[0],
        Some(text) => kind_of(text)?,
    };
    if kinds.contains(&kind) {
        return Ok(Some((algorithm, kind)));
    }
    let (kind, algorithm) = (kind.name(), algorithm.to_lowercase());
    Err(Fault::request(format!(
        "The {kind} checksum type cannot be used with the {algorithm} checksum algorithm."
    )))
}

/// The type that S3 calls so.
pub(super) fn kind_of(text: &str) -> Result<Kind, Fault> {
    match text {
        "FULL_OBJECT" => Ok(Kind::Full),
        "COMPOSITE" => Ok(Kind::Composite),
        _ => Err(Fault::request("Value for x-amz-checksum-type header is invalid.")),
    }
}
