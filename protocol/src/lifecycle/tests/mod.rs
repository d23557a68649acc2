//! What lifecycle rules may say, how they are read back, and what they let go of when.

use alloc::format;
use alloc::string::String;

use super::*;
use crate::error::{ErrorCode, S3Error};

mod judge;
mod read;

const NAMESPACE: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

fn document(rules: &str) -> String {
    format!("<LifecycleConfiguration {NAMESPACE}>{rules}</LifecycleConfiguration>")
}

/// The rules of a document.
fn parse(rules: &str) -> Result<Lifecycle, S3Error> {
    Lifecycle::parse(document(rules).as_bytes())
}

/// A rule that is applied to `scope`, with this action.
fn rule(id: &str, scope: &str, action: &str) -> String {
    format!("<Rule><ID>{id}</ID>{scope}<Status>Enabled</Status>{action}</Rule>")
}

const ALL: &str = "<Filter></Filter>";
const ONE_DAY: &str = "<Expiration><Days>1</Days></Expiration>";
const NO_UPLOADS: &str = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>";
