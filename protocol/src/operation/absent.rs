//! Room: configurations that no bucket has, since what they would do is not built: what their GETs say, as S3 says it of a
//! bucket that was never given one. Their PUTs are `NotImplemented`; a DELETE has nothing to take away.
//!
//! Tools that look after buckets ask for all of them.
//! Source: S3 API Reference, the pages of these operations.

use crate::answer::Answer;
use crate::error::{ErrorCode, S3Error};
use crate::name::BucketName;
use crate::request::Head;
use crate::route::Operation;
use crate::xml::write::{Document, Element};

/// What a GET of a configuration that is not there says.
///
/// # Errors
/// The code of S3 for it, where it has one.
///
/// # Panics
/// If `operation` is not one of those GETs.
pub fn get(operation: Operation, head: &Head, bucket: &BucketName) -> Result<Answer, S3Error> {
    use Operation as O;
    let not_there = |code, message: &'static str| {
        Err(S3Error::new(code, message).with("BucketName", bucket.as_ref()))
    };
    let document = match operation {
        O::GetBucketNotificationConfiguration => empty("NotificationConfiguration"),
        O::GetBucketLogging => empty("BucketLoggingStatus"),
        O::GetBucketAccelerateConfiguration => empty("AccelerateConfiguration"),
        O::GetBucketPolicyStatus => Document::new("PolicyStatus", |root| {
            root.flag("IsPublic", false);
        }),
        O::GetBucketRequestPayment => Document::new("RequestPaymentConfiguration", |root| {
            root.text("Payer", "BucketOwner");
        }),
        O::GetBucketAbac => Document::new("AbacStatus", |root| {
            root.text("Status", "Disabled");
        }),
        O::GetBucketAnalyticsConfiguration => {
            return list(head, bucket, "ListBucketAnalyticsConfigurationResult");
        }
        O::GetBucketInventoryConfiguration => {
            return list(head, bucket, "ListInventoryConfigurationsResult");
        }
        O::GetBucketMetricsConfiguration => {
            return list(head, bucket, "ListMetricsConfigurationsResult");
        }
        O::GetBucketIntelligentTieringConfiguration => {
            return list(head, bucket, "ListBucketIntelligentTieringConfigurationsOutput");
        }
        O::GetBucketWebsite => {
            return not_there(
                ErrorCode::NoSuchWebsiteConfiguration,
                "The specified bucket does not have a website configuration",
            );
        }
        O::GetBucketReplication => {
            return not_there(
                ErrorCode::ReplicationConfigurationNotFoundError,
                "The replication configuration was not found",
            );
        }
        O::GetBucketPolicy => {
            return not_there(ErrorCode::NoSuchBucketPolicy, "The bucket policy does not exist");
        }
        O::GetBucketEncryption => {
            return not_there(
                ErrorCode::ServerSideEncryptionConfigurationNotFoundError,
                "The server side encryption configuration was not found",
            );
        }
        O::GetBucketMetadataConfiguration | O::GetBucketMetadataTableConfiguration => {
            return not_there(
                ErrorCode::MetadataConfigurationNotFound,
                "The metadata configuration does not exist",
            );
        }
        other => unreachable!("{} is no GET of what is never there", other.name()),
    };
    Ok(Answer::xml(document))
}

fn empty(root: &str) -> Document {
    Document::new(root, |_: &mut Element<'_>| {})
}

/// S3: with an id it is the one configuration, without it the list of all.
fn list(head: &Head, bucket: &BucketName, root: &str) -> Result<Answer, S3Error> {
    if head.query.has("id") {
        let message = "The specified configuration does not exist.";
        let error = S3Error::new(ErrorCode::NoSuchConfiguration, message);
        return Err(error.with("BucketName", bucket.as_ref()));
    }
    Ok(Answer::xml(Document::new(root, |list| {
        list.flag("IsTruncated", false);
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::testing::{body, head};

    fn got(operation: Operation, query: &str) -> Result<Answer, S3Error> {
        let target = alloc::format!("/bucket?{query}");
        get(operation, &head("GET", &target, &[]), &BucketName::parse("bucket").unwrap())
    }

    #[test]
    fn what_tools_ask_for_is_empty() {
        // rule: configuration/empty, request-payment/owner-pays
        use Operation as O;
        for (operation, expected) in [
            (
                O::GetBucketNotificationConfiguration,
                "<NotificationConfiguration></NotificationConfiguration>",
            ),
            (O::GetBucketLogging, "<BucketLoggingStatus></BucketLoggingStatus>"),
            (
                O::GetBucketAccelerateConfiguration,
                "<AccelerateConfiguration></AccelerateConfiguration>",
            ),
            (O::GetBucketPolicyStatus, "<PolicyStatus><IsPublic>false</IsPublic></PolicyStatus>"),
            (
                O::GetBucketRequestPayment,
                "<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>",
            ),
            (O::GetBucketAbac, "<AbacStatus><Status>Disabled</Status></AbacStatus>"),
        ] {
            assert_eq!(body(&got(operation, "").unwrap()), expected);
        }
    }

    #[test]
    fn lists_are_empty_and_nothing_has_an_id() {
        // rule: configuration/lists
        use Operation as O;
        for (operation, name, root) in [
            (
                O::GetBucketAnalyticsConfiguration,
                "analytics",
                "ListBucketAnalyticsConfigurationResult",
            ),
            (O::GetBucketInventoryConfiguration, "inventory", "ListInventoryConfigurationsResult"),
            (O::GetBucketMetricsConfiguration, "metrics", "ListMetricsConfigurationsResult"),
            (
                O::GetBucketIntelligentTieringConfiguration,
                "intelligent-tiering",
                "ListBucketIntelligentTieringConfigurationsOutput",
            ),
        ] {
            let expected = alloc::format!("<{root}><IsTruncated>false</IsTruncated></{root}>");
            assert_eq!(body(&got(operation, name).unwrap()), expected);
            let error = got(operation, &alloc::format!("{name}&id=1")).unwrap_err();
            assert_eq!((error.code, error.status()), (ErrorCode::NoSuchConfiguration, 404));
        }
    }

    #[test]
    fn what_is_not_there_has_a_code_of_its_own() {
        // rule: configuration/not-there, policy/not-there, encryption/not-there
        use Operation as O;
        for (operation, code) in [
            (O::GetBucketWebsite, "NoSuchWebsiteConfiguration"),
            (O::GetBucketReplication, "ReplicationConfigurationNotFoundError"),
            (O::GetBucketPolicy, "NoSuchBucketPolicy"),
            (O::GetBucketEncryption, "ServerSideEncryptionConfigurationNotFoundError"),
            (O::GetBucketMetadataConfiguration, "MetadataConfigurationNotFound"),
            (O::GetBucketMetadataTableConfiguration, "MetadataConfigurationNotFound"),
        ] {
            let error = got(operation, "").unwrap_err();
            assert_eq!((error.code.as_str(), error.status()), (code, 404));
            assert_eq!(error.detail("BucketName"), Some("bucket"));
            if operation == O::GetBucketPolicy {
                assert_eq!(error.message, "The bucket policy does not exist");
            }
        }
    }
}
