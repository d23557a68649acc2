//! Room: CompleteMultipartUpload: what is refused, in S3's order, and the object that the parts make.
//!
//! Source: S3 "CompleteMultipartUpload".

use std::rc::Rc;

use super::checksum::{self, ALGORITHMS, Kind, Sum, element};
use super::condition::{OfWrite, unquoted};
use super::{Answered, Bucket, Fault, Object, ObjectPart, Over, Part, Reference, Upload, key};
use crate::content::{Content, digest, hex};
use crate::wire::{Answer, Ask, Body};
use crate::xml::Node;

/// A part as the request lists it.
struct Listed {
    number: i64,
    etag: String,
    /// Algorithm and value of each checksum that stands there.
    sums: Vec<(&'static str, String)>,
}

fn listed(ask: &Ask) -> Result<Vec<Listed>, Fault> {
    let Body::Document(root) = &ask.body else {
        return Err(Fault::request("You must specify at least one part"));
    };
    let part = |node: &Node| {
        let number = node.get("PartNumber").and_then(|number| number.parse().ok());
        let sums = node.children.iter().filter_map(|child| {
            let known = ALGORITHMS.iter().find(|(name, ..)| element(name) == child.name)?;
            Some((known.0, child.text.clone()))
        });
        let sums = sums.collect();
        Some(Listed { number: number?, etag: unquoted(node.get("ETag")?).to_owned(), sums })
    };
    let parts: Option<Vec<Listed>> = root.all("Part").map(part).collect();
    parts.filter(|parts| !parts.is_empty()).ok_or_else(Fault::malformed)
}

impl Bucket {
    /// The answer that the same request had before.
    fn again(&self, ask: &Ask, list: &[Listed]) -> Option<Answer> {
        let id = ask.get_param("uploadId")?;
        let over = self.over.iter().find(|over| over.id == id && over.key == key(ask))?;
        let same = list.iter().map(|part| (part.number, &part.etag));
        let same = same.eq(over.list.iter().map(|(number, etag)| (*number, etag)));
        let version = self.version(key(ask), &over.version);
        let version = version.filter(|version| same && version.number == over.number)?;
        Some(over.answer.clone().header_if("x-amz-version-id", self.shown(version)))
    }
}

impl Reference {
    pub(super) fn complete(&mut self, ask: &Ask) -> Answered {
        let condition = OfWrite::parse(ask)?;
        let kind = ask.get_header("x-amz-checksum-type").map(checksum::kind_of).transpose()?;
        let claims = ALGORITHMS
            .iter()
            .filter(|(name, ..)| ask.get_header(&checksum::header(name)).is_some());
        if claims.count() > 1 {
            return Err(Fault::request(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        let bucket = self.bucket(ask)?;
        let upload = match bucket.upload(ask) {
            Ok(upload) => upload,
            Err(fault) => {
                let again = listed(ask).ok().and_then(|list| bucket.again(ask, &list));
                return again.ok_or(fault);
            }
        };
        let list = listed(ask)?;
        condition.check(bucket, key(ask))?;
        let object = assembled(ask, upload, kind, &list)?;
        let touched = bucket.touched.get(key(ask)).copied().unwrap_or(0);
        if condition != OfWrite::None && touched > upload.begun {
            return Err(Fault::conflict(condition.name(), key(ask)));
        }
        Ok(self.adopt(ask, object, list))
    }

    fn adopt(&mut self, ask: &Ask, object: Object, list: Vec<Listed>) -> Answer {
        let name = ask.bucket.clone().unwrap_or_default();
        let path = protocol::percent::encode_path(key(ask));
        let root = Node::new("CompleteMultipartUploadResult")
            .with("Location", format!("http://node.test/{name}/{path}"))
            .with("Bucket", &name)
            .with("Key", key(ask))
            .with("ETag", format!("\"{}\"", object.etag))
            .with_sum(object.sum.as_ref());
        let id = ask.get_param("uploadId").unwrap_or_default().to_owned();
        let (version, number) = self.write(&name, key(ask), object);
        let answer = Answer::document(root);
        let bucket = self.buckets.get_mut(&name).expect("it was looked up");
        bucket.uploads.retain(|upload| upload.id != id);
        bucket.over.push(Over {
            id,
            key: key(ask).to_owned(),
            list: list.into_iter().map(|part| (part.number, part.etag)).collect(),
            version: version.clone().unwrap_or_else(|| "null".into()),
            number,
            answer: answer.clone(),
        });
        answer.header_if("x-amz-version-id", version)
    }
}

fn assembled(
    ask: &Ask,
    upload: &Upload,
    kind: Option<Kind>,
    list: &[Listed],
) -> Result<Object, Fault> {
    let own = upload.sum.map(|(_, kind)| kind);
    if kind.is_some() && kind != own {
        let own = own.map_or("null", Kind::name);
        return Err(Fault::request(format!(
            "The upload was created using the {own} checksum mode. The complete request must use the same checksum mode."
        )));
    }
    let size = size(ask)?;
    let parts = found(upload, list)?;
    check_sums(upload, &parts)?;
    let short = parts.split_last().map_or(&[][..], |(_, rest)| rest);
    if let Some((part, have)) = short.iter().find(|(_, have)| have.content.len() < 5 << 20) {
        let message = "Your proposed upload is smaller than the minimum allowed size";
        return Err(Fault::new(400, "EntityTooSmall", message)
            .with("ProposedSize", have.content.len())
            .with("MinSizeAllowed", 5 << 20)
            .with("PartNumber", part.number)
            .with("ETag", &part.etag));
    }
    let contents: Vec<Rc<Content>> = parts.iter().map(|(_, have)| have.content.clone()).collect();
    let content = Content::joined(&contents);
    if let Some(size) = size.filter(|size| *size != content.len()) {
        let len = content.len();
        return Err(Fault::request(format!(
            "The provided 'x-amz-mp-object-size' header value {size} does not match what was computed: {len}"
        )));
    }
    let sum = match upload.sum {
        None => Sum::of(&content, "CRC64NVME"),
        Some((algorithm, Kind::Full)) => Sum::of(&content, algorithm),
        Some((algorithm, Kind::Composite)) => Sum::composite(algorithm, &contents),
    };
    check_claim(ask, upload, &sum, &content)?;
    let digests: Vec<u8> = contents.iter().flat_map(|part| part.digest("MD5")).collect();
    let etag = format!("{}-{}", hex(&digest("MD5", &digests)), parts.len());
    let of_part = |(_, have): &(&Listed, &Part)| ObjectPart {
        len: have.content.len(),
        sum: have.sum.clone(),
    };
    Ok(Object {
        etag,
        sum: Some(sum),
        parts: Some(parts.iter().map(of_part).collect()),
        headers: upload.headers.clone(),
        tags: upload.tags.clone(),
        class: upload.class.clone(),
        content,
    })
}

fn size(ask: &Ask) -> Result<Option<usize>, Fault> {
    let Some(text) = ask.get_header("x-amz-mp-object-size") else { return Ok(None) };
    let refused = |why: &str| {
        Fault::request(format!("Value for x-amz-mp-object-size header is {why}: '{text}'"))
    };
    let number: i64 = text.parse().map_err(|_not_a_number| refused("invalid"))?;
    usize::try_from(number).map(Some).map_err(|_negative| refused("less than zero"))
}

/// The parts of the upload that the list names.
fn found<'a>(upload: &'a Upload, list: &'a [Listed]) -> Result<Vec<(&'a Listed, &'a Part)>, Fault> {
    if let Some(part) = list.iter().find(|part| part.number < 1) {
        let number = part.number.to_string();
        return Err(Fault::argument("PartNumber", &number, "PartNumber must be >= 1"));
    }
    let ascending = list.is_sorted_by(|one, other| one.number < other.number);
    let gapless = (1..).zip(list).all(|(number, part)| part.number == number);
    if !ascending || (upload.sum.is_some() && !gapless) {
        let message =
            "The list of parts was not in ascending order. Parts must be ordered by part number.";
        return Err(Fault::new(400, "InvalidPartOrder", message).with("UploadId", &upload.id));
    }
    let pair = |part: &'a Listed| {
        let number = u32::try_from(part.number).ok();
        let have = number.and_then(|number| upload.parts.get(&number));
        let have = have.filter(|have| have.etag == part.etag);
        have.map(|have| (part, have)).ok_or_else(|| invalid(upload, part))
    };
    list.iter().map(pair).collect()
}

fn invalid(upload: &Upload, part: &Listed) -> Fault {
    let message = "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.";
    Fault::new(400, "InvalidPart", message)
        .with("UploadId", &upload.id)
        .with("PartNumber", part.number)
        .with("ETag", &part.etag)
}

fn check_sums(upload: &Upload, parts: &[(&Listed, &Part)]) -> Result<(), Fault> {
    let bad = |(part, _): &(&Listed, &Part)| {
        let bad = |(algorithm, value): &(&str, String)| {
            let (_, len, _) =
                ALGORITHMS.iter().find(|(name, ..)| name == algorithm).expect("known");
            !checksum::is_value(value, *len)
        };
        part.sums.len() > 1 || part.sums.iter().any(bad)
    };
    if parts.iter().any(bad) {
        let message = "Invalid Base64 or multiple checksums present in request";
        return Err(Fault::new(400, "InvalidArgument", message).with("ArgumentName", "Checksum"));
    }
    if let Some((algorithm, Kind::Composite)) = upload.sum {
        let lacks =
            |(part, _): &&(&Listed, &Part)| part.sums.iter().all(|(own, _)| *own != algorithm);
        if let Some((part, _)) = parts.iter().find(lacks) {
            let (algorithm, number) = (algorithm.to_lowercase(), part.number);
            return Err(Fault::request(format!(
                "The upload was created using a {algorithm} checksum. The complete request must include the checksum for each part. It was missing for part {number} in the request."
            )));
        }
    }
    for (part, have) in parts {
        let Some((algorithm, value)) = part.sums.first() else { continue };
        match upload.sum {
            Some((own, _)) if own != *algorithm => {
                let (algorithm, number) = (algorithm.to_lowercase(), part.number);
                let message = format!(
                    "The {algorithm} you specified for part {number} did not match what we received."
                );
                return Err(Fault::new(400, "BadDigest", message));
            }
            Some(_) if have.sum.as_ref() == Some(value) => {}
            _ => return Err(invalid(upload, part)),
        }
    }
    Ok(())
}

/// Checks the checksum that the client says the object has.
fn check_claim(ask: &Ask, upload: &Upload, own: &Sum, content: &Content) -> Result<(), Fault> {
    for (algorithm, len, _) in ALGORITHMS {
        let Some(claim) = ask.get_header(&checksum::header(algorithm)) else { continue };
        let (value, count) =
            claim.split_once('-').map_or((claim, None), |(value, count)| (value, Some(count)));
        if !checksum::is_value(value, len) {
            return Err(checksum::invalid(algorithm));
        }
        let parts = (own.kind == Kind::Composite).then(|| own.parts.to_string());
        if count.is_some() && count != parts.as_deref() {
            return Err(checksum::invalid(algorithm));
        }
        let holds = match upload.sum {
            Some(_) => own.algorithm == algorithm && own.value == value,
            None if algorithm.starts_with("CRC") => checksum::value(content, algorithm) == value,
            None => true,
        };
        if !holds {
            let algorithm = algorithm.to_lowercase();
            let message =
                format!("The {algorithm} you specified did not match the calculated checksum.");
            return Err(Fault::new(400, "BadDigest", message));
        }
    }
    Ok(())
}
