//! Room: the headers of an answer that a request to read an object asks for in place of those kept with it.
//!
//! Invariants: a value goes out as it was signed, or the request is refused: nothing in it can end the header's
//! line. Whoever reads without a signature has none of them (see `sign::authenticate`).
//! Source: S3 API Reference, GetObject, "Overriding Response Header Values Through the Request".

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::answer::Answer;
use crate::error::S3Error;
use crate::request::Head;

/// Headers, and what they shall say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides(Vec<(&'static str, String)>);

impl Overrides {
    /// Reads the `response-*` parameters. An empty one counts as absent.
    ///
    /// # Errors
    /// `InvalidArgument` for a value with control characters.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        let mut found = Vec::new();
        for (parameter, header) in PARAMETERS {
            let Some(value) = head.query.get(parameter).filter(|value| !value.is_empty()) else {
                continue;
            };
            if value.chars().any(|c| c.is_control() && c != '\t') {
                let message = "The value of a header must not have control characters";
                return Err(S3Error::invalid_argument(parameter, Some(value), message));
            }
            found.push((header, value.to_owned()));
        }
        Ok(Self(found))
    }

    /// `answer` with these headers in place of its own.
    #[must_use]
    pub fn apply(&self, mut answer: Answer) -> Answer {
        for (name, value) in &self.0 {
            answer.headers.retain(|(own, _)| own != name);
            answer = answer.with(name, value.as_str());
        }
        answer
    }
}

/// The parameters, and the headers that they replace.
const PARAMETERS: [(&str, &str); 6] = [
    ("response-cache-control", "cache-control"),
    ("response-content-disposition", "content-disposition"),
    ("response-content-encoding", "content-encoding"),
    ("response-content-language", "content-language"),
    ("response-content-type", "content-type"),
    ("response-expires", "expires"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::{head, pairs};

    fn parse(query: &str) -> Result<Overrides, S3Error> {
        Overrides::parse(&head("GET", &alloc::format!("/bucket/key?{query}"), &[]))
    }

    #[test]
    fn each_parameter_replaces_its_header() {
        // rule: get/overrides
        let all = "response-content-type=text%2Fplain%3B+charset%3DUTF-8&response-expires=never\
                   &response-content-disposition=attachment%3B%20filename%3D%22a%09%C3%A9.txt%22\
                   &response-content-language=de&response-content-encoding=identity\
                   &response-cache-control=no-store";
        let answer = Answer::empty(200)
            .with("content-type", "binary/octet-stream")
            .with("etag", "\"a\"")
            .with("expires", "soon");
        assert_eq!(
            pairs(&parse(all).unwrap().apply(answer.clone())),
            [
                ("etag", "\"a\""),
                ("cache-control", "no-store"),
                ("content-disposition", "attachment; filename=\"a\té.txt\""),
                ("content-encoding", "identity"),
                ("content-language", "de"),
                ("content-type", "text/plain; charset=UTF-8"),
                ("expires", "never"),
            ]
        );
        for none in ["", "response-content-type=", "response-etag=x&Response-Expires=x&expires=x"] {
            assert_eq!(parse(none).unwrap().apply(answer.clone()), answer, "{none}");
        }
    }

    #[test]
    fn no_value_can_end_its_line() {
        // rule: get/override-values
        for (parameter, _) in PARAMETERS {
            for odd in ["%0D", "%0A", "%00", "%0D%0Aset-cookie:a", "%7F", "%1B", "%C2%85", "%0B"] {
                let error = parse(&alloc::format!("{parameter}=a{odd}b")).unwrap_err();
                assert_eq!(error.code, ErrorCode::InvalidArgument, "{parameter} {odd}");
                assert_eq!(error.detail("ArgumentName"), Some(parameter));
            }
        }
    }
}
