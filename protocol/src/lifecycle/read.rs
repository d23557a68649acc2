//! Room: lifecycle rules from XML.
//!
//! Invariants: an element that is not known here is `MalformedXML`, as is one that stands twice; a transition is
//! `NotImplemented`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::write::MINIMUM;
use super::{Expiration, Lifecycle, Noncurrent, Rule, Scope, ScopeForm, TransitionMinimum};
use crate::error::S3Error;
use crate::limits::{
    KEY_LEN_MAX, LIFECYCLE_ID_CHARS_MAX, LIFECYCLE_KEPT_MAX, LIFECYCLE_RULES_MAX,
    LIFECYCLE_SIZE_MAX,
};
use crate::tagging::{Tag, TagSet};
use crate::time::Timestamp;
use crate::xml::read::Body;

impl Lifecycle {
    /// Reads and checks a document, one that a client sends or one that was kept. Rules may be without an id then.
    ///
    /// # Errors
    /// `MalformedXML`; `InvalidArgument`, `InvalidRequest` or `InvalidTag` for values that S3 refuses;
    /// `NotImplemented` for transitions.
    pub fn parse(bytes: &[u8]) -> Result<Self, S3Error> {
        let mut body = Body::open(bytes, "LifecycleConfiguration")?;
        let mut rules = Vec::new();
        let mut minimum = None;
        while let Some(name) = body.child()? {
            match name.as_str() {
                "Rule" if rules.len() < LIFECYCLE_RULES_MAX => rules.push(rule(&mut body)?),
                MINIMUM => {
                    let value = TransitionMinimum::from_header(body.text()?.trim());
                    put(&mut minimum, value.ok_or_else(S3Error::malformed_xml)?)?;
                }
                _ => return Err(S3Error::malformed_xml()),
            }
        }
        body.end()?;
        let lifecycle = Self { rules, minimum: minimum.unwrap_or_default() };
        lifecycle.check()?;
        Ok(lifecycle)
    }

    /// Checks what can be seen of all rules together.
    fn check(&self) -> Result<(), S3Error> {
        let Some(first) = self.rules.first() else { return Err(S3Error::malformed_xml()) };
        let old = first.scope.form == ScopeForm::Prefix;
        if self.rules.iter().any(|rule| (rule.scope.form == ScopeForm::Prefix) != old) {
            return Err(S3Error::invalid_request(if old {
                "Filter element can only be used in Lifecycle V2."
            } else {
                "Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter."
            }));
        }
        let mut ids: Vec<&str> = self.rules.iter().map(|rule| rule.id.as_str()).collect();
        ids.retain(|id| !id.is_empty());
        ids.sort_unstable();
        match ids.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(S3Error::invalid_argument(
                "ID",
                Some(pair[0]),
                "Rule ID must be unique. Found same ID for more than one rule",
            )),
            None => Ok(()),
        }
    }
}

/// Keeps what an element says, which must not have been said before.
fn put<T>(slot: &mut Option<T>, value: T) -> Result<(), S3Error> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(S3Error::malformed_xml()),
    }
}

fn rule(body: &mut Body<'_>) -> Result<Rule, S3Error> {
    let (mut id, mut status, mut prefix, mut filter) = (None, None, None, None);
    let (mut expiration, mut noncurrent, mut abort_after) = (None, None, None);
    while let Some(name) = body.child()? {
        match name.as_str() {
            "ID" => put(&mut id, body.text()?)?,
            "Status" => put(&mut status, self::status(body)?)?,
            "Prefix" => put(&mut prefix, self::prefix(body)?)?,
            "Filter" => put(&mut filter, self::filter(body)?)?,
            "Expiration" => put(&mut expiration, self::expiration(body)?)?,
            "NoncurrentVersionExpiration" => put(&mut noncurrent, self::noncurrent(body)?)?,
            "AbortIncompleteMultipartUpload" => put(&mut abort_after, abort(body)?)?,
            "Transition" | "NoncurrentVersionTransition" => {
                let additional = format!("LifecycleConfiguration.Rule.{name} is not implemented");
                return Err(S3Error::not_implemented(None, Some(&additional)));
            }
            _ => return Err(S3Error::malformed_xml()),
        }
    }
    let scope = match (prefix, filter) {
        (Some(prefix), None) => Scope { prefix: Some(prefix), ..Scope::of(ScopeForm::Prefix) },
        (None, Some(filter)) => filter,
        (None, None) | (Some(_), Some(_)) => return Err(S3Error::malformed_xml()),
    };
    let rule = Rule {
        id: id.unwrap_or_default(),
        enabled: status.ok_or_else(S3Error::malformed_xml)?,
        scope,
        expiration,
        noncurrent,
        abort_after,
    };
    rule.check()?;
    Ok(rule)
}

impl Rule {
    /// Checks what the elements of one rule say together.
    fn check(&self) -> Result<(), S3Error> {
        if self.id.chars().count() > LIFECYCLE_ID_CHARS_MAX {
            let message = "ID length should not exceed allowed limit of 255";
            return Err(S3Error::invalid_argument("ID", Some(&self.id), message));
        }
        if self.expiration.is_none() && self.noncurrent.is_none() && self.abort_after.is_none() {
            return Err(S3Error::invalid_request(
                "At least one action needs to be specified in a rule",
            ));
        }
        if matches!(self.expiration, Some(Expiration::LoneMarkers(_))) {
            self.scope.check_alone("ExpiredObjectDeleteMarker")?;
        }
        if self.abort_after.is_some() {
            self.scope.check_alone("AbortIncompleteMultipartUpload")?;
        }
        let kept = self.noncurrent.and_then(|noncurrent| noncurrent.kept);
        if kept.is_some() && self.scope.form == ScopeForm::Prefix {
            return Err(S3Error::invalid_request(
                "NewerNoncurrentVersions element can only be used in Lifecycle V2.",
            ));
        }
        Ok(())
    }
}

impl Scope {
    /// Everything.
    const fn of(form: ScopeForm) -> Self {
        Self { form, prefix: None, tags: Vec::new(), larger: None, smaller: None }
    }

    /// How many conditions there are.
    fn conditions(&self) -> usize {
        self.tags.len()
            + usize::from(self.prefix.is_some())
            + usize::from(self.larger.is_some())
            + usize::from(self.smaller.is_some())
    }

    /// Checks the conditions of a filter together.
    fn check(&self) -> Result<(), S3Error> {
        let fits = match self.form {
            ScopeForm::Filter => self.conditions() <= 1,
            ScopeForm::And => self.conditions() >= 2,
            ScopeForm::Prefix => true,
        };
        if !fits {
            return Err(S3Error::malformed_xml());
        }
        for (place, tag) in self.tags.iter().enumerate() {
            if self.tags[..place].iter().any(|earlier| earlier.key == tag.key) {
                return Err(S3Error::invalid_request("Duplicate Tag Keys are not allowed."));
            }
        }
        match (self.larger, self.smaller) {
            (Some(larger), Some(smaller)) if smaller <= larger => Err(S3Error::invalid_request(
                "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.",
            )),
            _ => Ok(()),
        }
    }

    /// Checks that a rule with this action asks for no more than a prefix.
    fn check_alone(&self, action: &str) -> Result<(), S3Error> {
        let other = if !self.tags.is_empty() {
            "Tags"
        } else if self.larger.is_some() || self.smaller.is_some() {
            "Object Size"
        } else {
            return Ok(());
        };
        Err(S3Error::invalid_request(format!("{action} cannot be specified with {other}.")))
    }
}

fn status(body: &mut Body<'_>) -> Result<bool, S3Error> {
    match body.text()?.trim() {
        "Enabled" => Ok(true),
        "Disabled" => Ok(false),
        _ => Err(S3Error::malformed_xml()),
    }
}

fn prefix(body: &mut Body<'_>) -> Result<String, S3Error> {
    let prefix = body.text()?;
    if prefix.len() > KEY_LEN_MAX {
        return Err(S3Error::invalid_request(format!(
            "The maximum size of a prefix is {KEY_LEN_MAX}."
        )));
    }
    Ok(prefix)
}

fn filter(body: &mut Body<'_>) -> Result<Scope, S3Error> {
    let (mut scope, mut and) = (Scope::of(ScopeForm::Filter), None);
    while let Some(name) = body.child()? {
        if name == "And" {
            put(&mut and, self::and(body)?)?;
        } else {
            condition(body, &name, &mut scope)?;
        }
    }
    match and {
        Some(_) if scope.conditions() > 0 => Err(S3Error::malformed_xml()),
        Some(and) => Ok(and),
        None => scope.check().map(|()| scope),
    }
}

fn and(body: &mut Body<'_>) -> Result<Scope, S3Error> {
    let mut scope = Scope::of(ScopeForm::And);
    while let Some(name) = body.child()? {
        condition(body, &name, &mut scope)?;
    }
    scope.check()?;
    Ok(scope)
}

/// One condition of a filter.
fn condition(body: &mut Body<'_>, name: &str, scope: &mut Scope) -> Result<(), S3Error> {
    match name {
        "Prefix" => put(&mut scope.prefix, prefix(body)?),
        "Tag" => {
            scope.tags.push(tag(body)?);
            Ok(())
        }
        "ObjectSizeGreaterThan" => put(&mut scope.larger, size(body, name, 0)?),
        "ObjectSizeLessThan" => put(&mut scope.smaller, size(body, name, 1)?),
        _ => Err(S3Error::malformed_xml()),
    }
}

fn tag(body: &mut Body<'_>) -> Result<Tag, S3Error> {
    let (mut key, mut value) = (None, None);
    while let Some(name) = body.child()? {
        match name.as_str() {
            "Key" => put(&mut key, body.text()?)?,
            "Value" => put(&mut value, body.text()?)?,
            _ => return Err(S3Error::malformed_xml()),
        }
    }
    let (Some(key), Some(value)) = (key, value) else { return Err(S3Error::malformed_xml()) };
    let tag = Tag { key, value };
    TagSet::validate(alloc::vec![tag.clone()])?;
    Ok(tag)
}

fn size(body: &mut Body<'_>, name: &str, least: u64) -> Result<u64, S3Error> {
    let wanted = integer(body)?;
    u64::try_from(wanted)
        .ok()
        .filter(|size| (least..=LIFECYCLE_SIZE_MAX).contains(size))
        .ok_or_else(|| {
            S3Error::invalid_request(format!(
                "'{name}' should be between {least} and {LIFECYCLE_SIZE_MAX}."
            ))
        })
}

fn integer(body: &mut Body<'_>) -> Result<i64, S3Error> {
    body.text()?.trim().parse().map_err(|_no_number| S3Error::malformed_xml())
}

/// A count of days, or of versions, of `action`.
fn count(body: &mut Body<'_>, name: &str, action: &str) -> Result<u32, S3Error> {
    let count = i32::try_from(integer(body)?).map_err(|_too_many| S3Error::malformed_xml())?;
    u32::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
        let message = format!("'{name}' for {action} action must be a positive integer");
        S3Error::invalid_argument(name, Some(&count.to_string()), message)
    })
}

fn expiration(body: &mut Body<'_>) -> Result<Expiration, S3Error> {
    let mut found = None;
    while let Some(name) = body.child()? {
        let value = match name.as_str() {
            "Days" => Expiration::Days(count(body, "Days", "Expiration")?),
            "Date" => Expiration::Date(date(body)?),
            "ExpiredObjectDeleteMarker" => match body.text()?.trim() {
                "true" => Expiration::LoneMarkers(true),
                "false" => Expiration::LoneMarkers(false),
                _ => return Err(S3Error::malformed_xml()),
            },
            _ => return Err(S3Error::malformed_xml()),
        };
        // S3: one of the three.
        put(&mut found, value)?;
    }
    found.ok_or_else(S3Error::malformed_xml)
}

/// S3: dates are midnights, whatever a lifecycle's day is here.
fn date(body: &mut Body<'_>) -> Result<Timestamp, S3Error> {
    let text = body.text()?;
    let date = Timestamp::parse_iso8601(text.trim()).ok_or_else(S3Error::malformed_xml)?;
    if date.as_millis().is_multiple_of(24 * 60 * 60 * 1000) {
        Ok(date)
    } else {
        let message = "'Date' must be at midnight GMT";
        Err(S3Error::invalid_argument("Date", Some(text.trim()), message))
    }
}

fn noncurrent(body: &mut Body<'_>) -> Result<Noncurrent, S3Error> {
    const ACTION: &str = "NoncurrentVersionExpiration";
    let (mut days, mut kept) = (None, None);
    while let Some(name) = body.child()? {
        match name.as_str() {
            "NoncurrentDays" => put(&mut days, count(body, &name, ACTION)?)?,
            "NewerNoncurrentVersions" => put(&mut kept, count(body, &name, ACTION)?)?,
            _ => return Err(S3Error::malformed_xml()),
        }
    }
    if let Some(kept) = kept.filter(|kept| *kept > LIFECYCLE_KEPT_MAX) {
        const NAME: &str = "NewerNoncurrentVersions";
        let message =
            format!("'{NAME}' for {ACTION} action must be between 1 and {LIFECYCLE_KEPT_MAX}");
        return Err(S3Error::invalid_argument(NAME, Some(&kept.to_string()), message));
    }
    Ok(Noncurrent { days: days.ok_or_else(S3Error::malformed_xml)?, kept })
}

fn abort(body: &mut Body<'_>) -> Result<u32, S3Error> {
    let mut days = None;
    while let Some(name) = body.child()? {
        match name.as_str() {
            "DaysAfterInitiation" => {
                put(&mut days, count(body, &name, "AbortIncompleteMultipartUpload")?)?;
            }
            _ => return Err(S3Error::malformed_xml()),
        }
    }
    days.ok_or_else(S3Error::malformed_xml)
}
