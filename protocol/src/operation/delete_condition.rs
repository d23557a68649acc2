//! Room: the condition under which an object may be deleted.
//!
//! Source: S3 API Reference, DeleteObject, If-Match, and DeleteObjects, ETag; S3 User Guide, "How to
//! perform conditional deletes".

use crate::error::S3Error;
use crate::etag::ETag;
use crate::request::Head;

/// What must hold for the key at the moment of the delete.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeleteCondition {
    /// Nothing.
    #[default]
    None,
    /// An object has the key.
    IfMatchAny,
    /// An object has the key, with this ETag.
    IfMatch(ETag),
}

impl DeleteCondition {
    /// Reads If-Match.
    ///
    /// # Errors
    /// `PreconditionFailed` for what no object's ETag can be.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        Self::from_text(head.headers.get_non_empty("if-match").unwrap_or_default())
    }

    /// Reads an ETag or `*`; empty: no condition.
    pub(super) fn from_text(text: &str) -> Result<Self, S3Error> {
        match text.trim() {
            "" => Ok(Self::None),
            "*" => Ok(Self::IfMatchAny),
            etag => ETag::from_text(etag)
                .map(Self::IfMatch)
                .ok_or_else(|| S3Error::precondition_failed("If-Match")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::head;

    #[test]
    fn an_etag_or_any() {
        // rule: delete/if-match
        let parse = |value: &str| {
            DeleteCondition::parse(&head("DELETE", "/bucket/key", &[("if-match", value)]))
        };
        let etag = ETag::from_text("abc").unwrap();
        assert_eq!(parse(""), Ok(DeleteCondition::None));
        assert_eq!(parse("*"), Ok(DeleteCondition::IfMatchAny));
        assert_eq!(parse("\"abc\""), Ok(DeleteCondition::IfMatch(etag.clone())));
        assert_eq!(parse("abc"), Ok(DeleteCondition::IfMatch(etag)));
        assert_eq!(parse("a\"b").unwrap_err().code, ErrorCode::PreconditionFailed);
    }
}
