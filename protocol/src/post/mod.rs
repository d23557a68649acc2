//! Room: uploads by HTML forms: the frame of their body, its fields, and the policy that says what these may be.
//! Must not: keep a byte of the file, or more than [`FIELDS_LEN_MAX`] of what comes before it.
//! Invariants: the same wire bytes give the same fields, the same file and the same verdict however they are split.
//! Source: S3 "Browser-Based Uploads Using POST (AWS Signature Version 4)" and "POST Object"; RFC 7578;
//! RFC 2046 section 5.1.

mod fields;
mod form;
mod part;
mod policy;
mod scan;

use alloc::borrow::ToOwned;
use alloc::string::String;

pub use self::fields::Fields;
pub use self::form::FormReader;
pub use self::policy::{Lengths, Policy};
use crate::error::S3Error;

/// Bytes of names and values before the file. S3: "POST Object", form fields, "cannot be larger than 20 KB".
pub const FIELDS_LEN_MAX: usize = 20 * 1024;

/// Bytes of the head of one part: ours. Browsers write about a hundred beside the name of the file.
const PART_HEAD_LEN_MAX: usize = 8 * 1024;

/// What stands between the parts of a form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Boundary(String);

impl Boundary {
    /// Takes it from the Content-Type of a request.
    ///
    /// # Errors
    /// `PreconditionFailed` for what is no form, `MalformedPOSTRequest` for one without a boundary of 1 to 70
    /// visible characters and spaces, of which the last is no space (RFC 2046 section 5.1.1).
    pub fn parse(content_type: Option<&str>) -> Result<Self, S3Error> {
        let content_type = content_type.unwrap_or("");
        let (kind, parameters) =
            content_type.split_at(content_type.find(';').unwrap_or(content_type.len()));
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return Err(S3Error::precondition_failed(NOT_A_FORM));
        }
        let parameters = part::parameters(parameters).ok_or_else(S3Error::malformed_form)?;
        let found = parameters.iter().find(|(name, _)| name == "boundary");
        let text = found.map_or("", |(_, value)| value);
        let visible = |byte: u8| (b' '..=b'~').contains(&byte);
        if (1..=70).contains(&text.len()) && text.bytes().all(visible) && !text.ends_with(' ') {
            Ok(Self(text.to_owned()))
        } else {
            Err(S3Error::malformed_form())
        }
    }

    /// As it stands in the body, without the dashes before it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const NOT_A_FORM: &str = "Bucket POST must be of the enclosure-type multipart/form-data";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn the_boundary_stands_in_the_content_type() {
        // rule: post/content-type
        for (content_type, boundary) in [
            ("multipart/form-data; boundary=abc", "abc"),
            ("Multipart/Form-Data;charset=utf-8;BOUNDARY=\"a b;\\\"c\" ; x=y", "a b;\"c"),
            (
                "multipart/form-data; boundary=----WebKitFormBoundary7MA4",
                "----WebKitFormBoundary7MA4",
            ),
        ] {
            assert_eq!(Boundary::parse(Some(content_type)).unwrap().as_str(), boundary);
        }
        for none in [
            None,
            Some(""),
            Some("text/html"),
            Some("application/x-www-form-urlencoded"),
            Some("multipart/form-dataX; boundary=a"),
            Some("multipart/mixed; boundary=a"),
        ] {
            let error = Boundary::parse(none).unwrap_err();
            assert_eq!(error.code, ErrorCode::PreconditionFailed, "{none:?}");
            assert_eq!(error.status(), 412);
            assert_eq!(
                error.message,
                "At least one of the pre-conditions you specified did not hold"
            );
            assert_eq!(
                error.detail("Condition"),
                Some("Bucket POST must be of the enclosure-type multipart/form-data")
            );
        }
        let long = alloc::format!("multipart/form-data; boundary={}", "x".repeat(71));
        for bad in [
            "multipart/form-data",
            "multipart/form-data;",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary",
            "multipart/form-data; boundary=\"a",
            "multipart/form-data; boundary=\"a \"",
            "multipart/form-data; boundary=\u{e9}",
            &long,
        ] {
            let error = Boundary::parse(Some(bad)).unwrap_err();
            assert_eq!(error.code, ErrorCode::MalformedPostRequest, "{bad}");
        }
    }
}
