//! Room: the condition under which an object may be written.
//!
//! Source: S3 API Reference, PutObject and CompleteMultipartUpload, If-Match and If-None-Match; S3
//! User Guide, "Add preconditions to S3 operations with conditional requests".

use crate::error::S3Error;
use crate::etag::ETag;
use crate::name::ObjectKey;
use crate::request::Head;

/// What must hold for the key at the moment of the write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum WriteCondition {
    /// Nothing.
    #[default]
    None,
    /// No object has the key.
    IfNoneMatchAny,
    /// An object has the key, with this ETag.
    IfMatch(ETag),
}

impl WriteCondition {
    /// Reads If-Match and If-None-Match.
    ///
    /// # Errors
    /// `NotImplemented` for what S3 itself does not take: both together, an ETag after
    /// If-None-Match, `*` after If-Match.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        let refused = |header: &str| {
            let additional = alloc::format!(
                "We don't accept the provided value of {header} header for this API"
            );
            Err(S3Error::not_implemented(Some(header), Some(&additional)))
        };
        match (head.headers.get_non_empty("if-match"), head.headers.get_non_empty("if-none-match"))
        {
            (None, None) => Ok(Self::None),
            (None, Some("*")) => Ok(Self::IfNoneMatchAny),
            (None, Some(_)) => refused("If-None-Match"),
            (Some("*"), None) => refused("If-Match"),
            (Some(etag), None) => match ETag::from_text(etag) {
                Some(etag) => Ok(Self::IfMatch(etag)),
                None => refused("If-Match"),
            },
            (Some(_), Some(_)) => Err(S3Error::not_implemented(
                Some("If-Match,If-None-Match"),
                Some("Multiple conditional request headers present in the request"),
            )),
        }
    }

    /// Decides for the object that has the key now, if any.
    ///
    /// # Errors
    /// `PreconditionFailed` with the condition's name; `NoSuchKey` where an ETag is asked of no
    /// object.
    pub fn check(&self, key: &ObjectKey, current: Option<&ETag>) -> Result<(), S3Error> {
        match (self, current) {
            (Self::None, _) | (Self::IfNoneMatchAny, None) => Ok(()),
            (Self::IfNoneMatchAny, Some(_)) => Err(S3Error::precondition_failed("If-None-Match")),
            (Self::IfMatch(_), None) => Err(S3Error::no_such_key(key)),
            (Self::IfMatch(asked), Some(current)) if asked == current => Ok(()),
            (Self::IfMatch(_), Some(_)) => Err(S3Error::precondition_failed("If-Match")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::head;

    #[test]
    fn s3_takes_one_condition_of_two_forms() {
        // rule: put/if-none-match-etag, put/if-match-any, put/two-conditions
        let parse =
            |headers: &[(&str, &str)]| WriteCondition::parse(&head("PUT", "/bucket/key", headers));
        let etag = ETag::from_text("abc").unwrap();
        assert_eq!(parse(&[]), Ok(WriteCondition::None));
        assert_eq!(parse(&[("if-none-match", "*")]), Ok(WriteCondition::IfNoneMatchAny));
        assert_eq!(parse(&[("if-match", "\"abc\"")]), Ok(WriteCondition::IfMatch(etag.clone())));
        assert_eq!(parse(&[("if-match", "abc")]), Ok(WriteCondition::IfMatch(etag)));
        for (headers, header, additional) in [
            (
                &[("if-none-match", "\"abc\"")][..],
                "If-None-Match",
                "We don't accept the provided value of If-None-Match header for this API",
            ),
            (
                &[("if-match", "*")],
                "If-Match",
                "We don't accept the provided value of If-Match header for this API",
            ),
            (
                &[("if-match", "\"abc\""), ("if-none-match", "*")],
                "If-Match,If-None-Match",
                "Multiple conditional request headers present in the request",
            ),
        ] {
            let error = parse(headers).unwrap_err();
            assert_eq!(error.code, ErrorCode::NotImplemented);
            assert!(error.details.contains(&("Header", header.into())));
            assert!(error.details.contains(&("additionalMessage", additional.into())));
        }
    }

    #[test]
    fn the_current_object_decides() {
        // rule: put/if-none-match-any, put/if-match, put/if-match-absent
        let key = ObjectKey::parse("key").unwrap();
        let (a, b) = (ETag::from_text("a").unwrap(), ETag::from_text("b").unwrap());
        let code = |condition: &WriteCondition, current: Option<&ETag>| {
            condition.check(&key, current).err().map(|error| error.code)
        };
        assert_eq!(code(&WriteCondition::None, Some(&a)), None);
        assert_eq!(code(&WriteCondition::IfNoneMatchAny, None), None);
        let failed = Some(ErrorCode::PreconditionFailed);
        assert_eq!(code(&WriteCondition::IfNoneMatchAny, Some(&a)), failed);
        assert_eq!(code(&WriteCondition::IfMatch(a.clone()), Some(&a)), None);
        assert_eq!(code(&WriteCondition::IfMatch(a.clone()), Some(&b)), failed);
        assert_eq!(code(&WriteCondition::IfMatch(a), None), Some(ErrorCode::NoSuchKey));
    }
}
