//! Room: lifecycle rules as XML, as clients read them back and as they are kept.

use alloc::string::String;

use super::{Expiration, Lifecycle, Noncurrent, Rule, Scope, ScopeForm, TransitionMinimum};
use crate::tagging::Tag;
use crate::xml::write::{Document, Element};

/// The element that tells, in what is kept alone, what a client has said in a header.
pub(super) const MINIMUM: &str = "TransitionDefaultMinimumObjectSize";

impl Lifecycle {
    /// The document that GetBucketLifecycleConfiguration answers.
    #[must_use]
    pub fn document(&self) -> Document {
        Document::new("LifecycleConfiguration", |root| self.write(root))
    }

    /// The document to keep: the same, and what the headers said.
    #[must_use]
    pub fn kept(&self) -> String {
        let document = Document::new("LifecycleConfiguration", |root| {
            self.write(root);
            if self.minimum != TransitionMinimum::default() {
                root.text(MINIMUM, self.minimum.as_str());
            }
        });
        document.into_text()
    }

    fn write(&self, root: &mut Element<'_>) {
        for rule in &self.rules {
            root.nest("Rule", |element| write_rule(element, rule));
        }
    }
}

fn write_rule(to: &mut Element<'_>, rule: &Rule) {
    to.text("ID", &rule.id);
    write_scope(to, &rule.scope);
    to.text("Status", if rule.enabled { "Enabled" } else { "Disabled" });
    if let Some(expiration) = rule.expiration {
        to.nest("Expiration", |element| {
            match expiration {
                Expiration::Days(days) => element.number("Days", days),
                Expiration::Date(date) => element.text("Date", &date.iso8601()),
                Expiration::LoneMarkers(go) => element.flag("ExpiredObjectDeleteMarker", go),
            };
        });
    }
    if let Some(Noncurrent { days, kept }) = rule.noncurrent {
        to.nest("NoncurrentVersionExpiration", |element| {
            element.number("NoncurrentDays", days);
            if let Some(kept) = kept {
                element.number("NewerNoncurrentVersions", kept);
            }
        });
    }
    if let Some(days) = rule.abort_after {
        to.nest("AbortIncompleteMultipartUpload", |element| {
            element.number("DaysAfterInitiation", days);
        });
    }
}

fn write_scope(to: &mut Element<'_>, scope: &Scope) {
    match scope.form {
        ScopeForm::Prefix => write_conditions(to, scope),
        ScopeForm::Filter => {
            to.nest("Filter", |filter| write_conditions(filter, scope));
        }
        ScopeForm::And => {
            to.nest("Filter", |filter| {
                filter.nest("And", |and| write_conditions(and, scope));
            });
        }
    }
}

fn write_conditions(to: &mut Element<'_>, scope: &Scope) {
    to.text_if("Prefix", scope.prefix.as_deref());
    for Tag { key, value } in &scope.tags {
        to.nest("Tag", |element| {
            element.text("Key", key).text("Value", value);
        });
    }
    if let Some(larger) = scope.larger {
        to.number("ObjectSizeGreaterThan", larger);
    }
    if let Some(smaller) = scope.smaller {
        to.number("ObjectSizeLessThan", smaller);
    }
}
