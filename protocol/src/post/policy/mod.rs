//! Room: the policy of a form: until when it may be used, and what its fields and its file may be.
//!
//! Source: S3 "Creating a POST policy"; "POST Object", policy construction; the texts that the service is known to send.

use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::Fields;
use crate::error::{ErrorCode, S3Error};
use crate::time::Timestamp;

/// A policy that parses.
#[derive(Clone, PartialEq, Debug)]
pub struct Policy {
    expiration: Timestamp,
    conditions: Vec<Condition>,
}

/// How long the file may be, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lengths {
    /// The least.
    pub min: u64,
    /// The most.
    pub max: u64,
}

#[derive(Clone, PartialEq, Debug)]
enum Condition {
    /// The field has this value, or begins so.
    Matches { how: How, field: String, value: String },
    /// The file is so long; as written.
    Length { min: Value, max: Value },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    Equal,
    StartsWith,
}

impl Policy {
    /// Reads the field `policy`: JSON in base64.
    ///
    /// # Errors
    /// `InvalidPolicyDocument` with what is wrong.
    pub fn parse(field: &str) -> Result<Self, S3Error> {
        let bytes = base64_simd::forgiving_decode_to_vec(field.as_bytes())
            .map_err(|_not_base64| invalid("invalid Base64 encoding."))?;
        let Ok(Value::Object(document)) = serde_json::from_slice(&bytes) else {
            return Err(not_json());
        };
        if let Some(name) = document.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            return Err(invalid(format!("Unexpected: '{}'", name.to_lowercase())));
        }
        let expiration = match document.get("expiration") {
            Some(Value::String(text)) => expiration(text)
                .ok_or_else(|| invalid(format!("Invalid 'expiration' value: '{text}'")))?,
            Some(_) => return Err(not_json()),
            None => return Err(invalid("Policy missing expiration.")),
        };
        let conditions = match document.get("conditions") {
            Some(Value::Array(conditions)) => conditions.iter().map(Condition::parse),
            Some(_) => return Err(invalid("Invalid 'conditions' value: must be a List.")),
            None => return Err(invalid("Policy missing conditions.")),
        };
        Ok(Self { expiration, conditions: conditions.collect::<Result<_, S3Error>>()? })
    }

    /// Holds the policy against a form that came to `bucket` now, and says how long its file may be.
    ///
    /// # Errors
    /// `AccessDenied` if it has expired, a condition fails, or a field has none.
    pub fn check(&self, bucket: &str, fields: &Fields, now: Timestamp) -> Result<Lengths, S3Error> {
        if now >= self.expiration {
            return Err(denied("Policy expired."));
        }
        let mut lengths = Lengths { min: 0, max: u64::MAX };
        let mut covered: BTreeSet<String> = BTreeSet::new();
        for condition in &self.conditions {
            match condition {
                Condition::Matches { how, field, value } => {
                    // S3: without the dollar it names no field.
                    let name = field.strip_prefix('$').map(str::to_ascii_lowercase);
                    let found = match name.as_deref() {
                        Some("bucket") => Some(bucket),
                        name => name.and_then(|name| fields.get(name)),
                    };
                    let holds = found.is_some_and(|found| match how {
                        How::Equal => found == value,
                        How::StartsWith => starts_with(name.as_deref(), found, value),
                    });
                    if !holds {
                        return Err(failed(condition));
                    }
                    covered.extend(name);
                }
                Condition::Length { min, max } => {
                    let (Some(min), Some(max)) = (count(min), count(max)) else {
                        return Err(failed(condition));
                    };
                    lengths.min = lengths.min.max(min);
                    lengths.max = lengths.max.min(max);
                }
            }
        }
        let needs = |name: &str| !UNCOVERED.contains(&name) && !name.starts_with("x-ignore-");
        let names = fields.iter().map(|(name, _)| name).chain(["bucket"]);
        match names.filter(|name| needs(name)).find(|name| !covered.contains(*name)) {
            None => Ok(lengths),
            Some(name) => {
                let name = fields.spelling(name).unwrap_or(name);
                Err(denied(&format!("Extra input fields: {name}")))
            }
        }
    }
}

impl Condition {
    fn parse(value: &Value) -> Result<Self, S3Error> {
        match value {
            Value::Object(simple) => {
                let mut properties = simple.iter();
                let (Some((name, value)), None) = (properties.next(), properties.next()) else {
                    return Err(invalid(
                        "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
                    ));
                };
                let value = match value {
                    Value::String(value) => value.clone(),
                    Value::Null => return Err(not_json()),
                    _ => return Err(invalid("Invalid Simple-Condition: value must be a string.")),
                };
                Ok(Self::Matches { how: How::Equal, field: format!("${name}"), value })
            }
            Value::Array(items) => Self::parse_list(items),
            _ => Err(invalid("Invalid condition test: must be a List or Object.")),
        }
    }

    fn parse_list(items: &[Value]) -> Result<Self, S3Error> {
        let operation = match items.first() {
            None => return Err(invalid("Invalid Condition: missing operation identifier.")),
            Some(Value::String(operation)) => operation.as_str(),
            Some(_) => return Err(not_json()),
        };
        let known = operation.to_ascii_lowercase();
        if !OPERATIONS.contains(&known.as_str()) {
            return Err(invalid(format!("Invalid Condition: unknown operation '{operation}'.")));
        }
        let [_, first, second] = items else {
            return Err(invalid(format!("Invalid {known}: wrong number of arguments.")));
        };
        let how = match known.as_str() {
            "eq" => How::Equal,
            "starts-with" => How::StartsWith,
            _ => {
                // S3 takes whole numbers, and texts of which it judges later whether they are numbers.
                let readable = |bound: &Value| bound.is_u64() || bound.is_string();
                if !readable(first) || !readable(second) {
                    return Err(not_json());
                }
                return Ok(Self::Length { min: first.clone(), max: second.clone() });
            }
        };
        match (first, second) {
            (Value::String(field), Value::String(value)) => {
                Ok(Self::Matches { how, field: field.clone(), value: value.clone() })
            }
            _ => Err(not_json()),
        }
    }

    /// As S3 writes it when it fails: always a list.
    fn text(&self) -> String {
        let quoted = |text: &str| Value::from(text).to_string();
        match self {
            Self::Matches { how: How::Equal, field, value } => {
                format!("[\"eq\", {}, {}]", quoted(field), quoted(value))
            }
            Self::Matches { how: How::StartsWith, field, value } => {
                format!("[\"starts-with\", {}, {}]", quoted(field), quoted(value))
            }
            Self::Length { min, max } => format!("[\"content-length-range\", {min}, {max}]"),
        }
    }
}

/// Whether a value begins so. S3: a Content-Type with commas is a list, and each of its items must.
fn starts_with(name: Option<&str>, found: &str, start: &str) -> bool {
    match name {
        Some("content-type") => found.split(',').all(|item| item.trim().starts_with(start)),
        _ => found.starts_with(start),
    }
}

/// A number of bytes, or the text of one.
fn count(bound: &Value) -> Option<u64> {
    match bound {
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        other => other.as_u64(),
    }
}

/// `2007-12-01T12:00:00.000Z`, with or without a fraction of a second, in UTC alone.
fn expiration(text: &str) -> Option<Timestamp> {
    let shape = text.as_bytes();
    let in_utc = shape.get(10) == Some(&b'T') && shape.last() == Some(&b'Z');
    in_utc.then(|| Timestamp::parse_http_date(text)).flatten()
}

fn invalid(what: impl Into<Cow<'static, str>>) -> S3Error {
    let what: Cow<'static, str> = what.into();
    S3Error::new(ErrorCode::InvalidPolicyDocument, format!("Invalid Policy: {what}"))
}

fn not_json() -> S3Error {
    invalid("Invalid JSON.")
}

fn denied(what: &str) -> S3Error {
    S3Error::new(ErrorCode::AccessDenied, format!("Invalid according to Policy: {what}"))
}

fn failed(condition: &Condition) -> S3Error {
    denied(&format!("Policy Condition failed: {}", condition.text()))
}

const MEMBERS: [&str; 2] = ["expiration", "conditions"];
const OPERATIONS: [&str; 3] = ["eq", "starts-with", "content-length-range"];
/// Fields that need no condition. S3: "POST Object", policy construction.
const UNCOVERED: [&str; 3] = ["file", "policy", "x-amz-signature"];

#[cfg(test)]
mod tests;
