//! Room: which web pages of other origins may use a bucket: the rules, and what they say to one request.
//!
//! Must not: read requests; origin, method and header names come in as arguments.
//! Invariants: the first rule that fits decides, and no other adds to it; what is not understood is refused.
//! Source: S3 User Guide, "Elements of a CORS configuration", "How does Amazon S3 evaluate the CORS
//! configuration on a bucket?"; S3 API Reference, PutBucketCors.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::error::S3Error;
use crate::limits::{CORS_ID_CHARS_MAX, CORS_RULES_MAX};
use crate::xml::read::Body;
use crate::xml::write::{Document, Element};

/// The rules of a bucket, 1 to 100, in the order in which they came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cors {
    rules: Vec<Rule>,
}

/// One rule. S3: CORSRule.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rule {
    id: Option<String>,
    /// As they were written, each with at most one `*`; so also the origins.
    headers: Vec<String>,
    methods: Vec<Method>,
    origins: Vec<String>,
    exposed: Vec<String>,
    /// Seconds.
    max_age: Option<u32>,
}

/// A method that a rule can allow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Reading.
    Get,
    /// Writing.
    Put,
    /// Forms, uploads of parts, DeleteObjects.
    Post,
    /// Deleting.
    Delete,
    /// Reading the head alone.
    Head,
}

impl Method {
    const ALL: [Self; 5] = [Self::Get, Self::Put, Self::Post, Self::Delete, Self::Head];

    /// The method of this name, whose case counts.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }

    /// As HTTP spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
        }
    }
}

/// A rule that fits a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowed<'a> {
    rule: &'a Rule,
    any_origin: bool,
}

impl Allowed<'_> {
    /// Whether the rule allows every origin by a lone `*`, so that the answer says `*` and not the one that asked.
    #[must_use]
    pub fn any_origin(&self) -> bool {
        self.any_origin
    }

    /// The value of `Access-Control-Allow-Methods`.
    #[must_use]
    pub fn methods(&self) -> String {
        let names: Vec<&str> = self.rule.methods.iter().map(|method| method.as_str()).collect();
        names.join(", ")
    }

    /// The value of `Access-Control-Expose-Headers`, if the rule exposes any.
    #[must_use]
    pub fn exposed(&self) -> Option<String> {
        (!self.rule.exposed.is_empty()).then(|| self.rule.exposed.join(", "))
    }

    /// The value of `Access-Control-Max-Age` in seconds, if the rule says so.
    #[must_use]
    pub fn max_age(&self) -> Option<u32> {
        self.rule.max_age
    }
}

impl Cors {
    /// The first rule for a request of this origin and method that may send all of these headers. An actual
    /// request is asked about without headers: its preflight has settled them.
    #[must_use]
    pub fn find(&self, origin: &str, method: &str, headers: &[&str]) -> Option<Allowed<'_>> {
        let method = Method::from_text(method)?;
        self.rules.iter().find_map(|rule| {
            let pattern =
                rule.origins.iter().find(|pattern| fits(pattern, origin, Case::Counts))?;
            let allows = |header: &str| {
                rule.headers.iter().any(|pattern| fits(pattern, header, Case::Ignored))
            };
            (rule.methods.contains(&method) && headers.iter().all(|header| allows(header)))
                .then(|| Allowed { rule, any_origin: pattern == "*" })
        })
    }

    /// Reads the document, a client's or one that was kept.
    ///
    /// # Errors
    /// `MalformedXML` for another form, no rule or too many; `InvalidRequest` for a method that S3 does not
    /// allow here, a second `*` in a pattern, any in an exposed header, or an id that is too long.
    pub fn parse(bytes: &[u8]) -> Result<Self, S3Error> {
        let mut body = Body::open(bytes, "CORSConfiguration")?;
        let mut rules = Vec::new();
        while let Some(name) = body.child()? {
            if name != "CORSRule" || rules.len() == CORS_RULES_MAX {
                return Err(S3Error::malformed_xml());
            }
            rules.push(read_rule(&mut body)?);
        }
        body.end()?;
        if rules.is_empty() { Err(S3Error::malformed_xml()) } else { Ok(Self { rules }) }
    }

    /// The document, as GetBucketCors answers it and as it is kept.
    #[must_use]
    pub fn document(&self) -> Document {
        Document::new("CORSConfiguration", |root| {
            for rule in &self.rules {
                root.nest("CORSRule", |element| write_rule(element, rule));
            }
        })
    }
}

fn read_rule(body: &mut Body<'_>) -> Result<Rule, S3Error> {
    let mut rule = Rule::default();
    while let Some(name) = body.child()? {
        let text = body.text()?;
        match name.as_str() {
            "ID" if rule.id.is_none() => rule.id = Some(id(text)?),
            "AllowedHeader" => rule.headers.push(pattern(&name, text)?),
            "AllowedMethod" => rule.methods.push(method(&text)?),
            "AllowedOrigin" => rule.origins.push(pattern(&name, text)?),
            "ExposeHeader" => rule.exposed.push(exposed(text)?),
            "MaxAgeSeconds" if rule.max_age.is_none() => {
                let seconds = text.trim().parse().map_err(|_no_number| S3Error::malformed_xml())?;
                rule.max_age = Some(seconds);
            }
            _ => return Err(S3Error::malformed_xml()),
        }
    }
    if rule.methods.is_empty() || rule.origins.is_empty() {
        return Err(S3Error::malformed_xml());
    }
    Ok(rule)
}

fn id(text: String) -> Result<String, S3Error> {
    if text.chars().count() > CORS_ID_CHARS_MAX {
        return Err(S3Error::invalid_request(format!(
            "The ID of a CORS rule cannot be longer than {CORS_ID_CHARS_MAX} characters."
        )));
    }
    Ok(text)
}

fn method(text: &str) -> Result<Method, S3Error> {
    Method::from_text(text).ok_or_else(|| {
        S3Error::invalid_request(format!(
            "Found unsupported HTTP method in CORS config. Unsupported method is {text}"
        ))
    })
}

/// Checks what will stand in headers of answers, or be compared with what stood in one.
fn visible(text: &str) -> Result<(), S3Error> {
    let visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if visible { Ok(()) } else { Err(S3Error::malformed_xml()) }
}

fn pattern(element: &str, text: String) -> Result<String, S3Error> {
    visible(&text)?;
    if text.matches('*').count() > 1 {
        return Err(S3Error::invalid_request(format!(
            "{element} \"{text}\" can not have more than one wildcard."
        )));
    }
    Ok(text)
}

fn exposed(text: String) -> Result<String, S3Error> {
    visible(&text)?;
    if text.contains('*') {
        return Err(S3Error::invalid_request(format!(
            "ExposeHeader \"{text}\" contains wildcard. We currently do not support wildcard for ExposeHeader."
        )));
    }
    Ok(text)
}

fn write_rule(to: &mut Element<'_>, rule: &Rule) {
    to.text_if("ID", rule.id.as_deref());
    for header in &rule.headers {
        to.text("AllowedHeader", header);
    }
    for method in &rule.methods {
        to.text("AllowedMethod", method.as_str());
    }
    for origin in &rule.origins {
        to.text("AllowedOrigin", origin);
    }
    for header in &rule.exposed {
        to.text("ExposeHeader", header);
    }
    if let Some(seconds) = rule.max_age {
        to.number("MaxAgeSeconds", seconds);
    }
}

#[derive(Clone, Copy)]
enum Case {
    Counts,
    Ignored,
}

/// Whether a text is what a pattern says, its `*` standing for any characters, also none.
fn fits(pattern: &str, text: &str, case: Case) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let same = |one: &[u8], other: &[u8]| match case {
        Case::Counts => one == other,
        Case::Ignored => one.eq_ignore_ascii_case(other),
    };
    let Some(star) = pattern.iter().position(|byte| *byte == b'*') else {
        return same(pattern, text);
    };
    let (before, after) = (&pattern[..star], &pattern[star + 1..]);
    text.len() >= before.len() + after.len()
        && same(before, &text[..before.len()])
        && same(after, &text[text.len() - after.len()..])
}

#[cfg(test)]
mod tests;
