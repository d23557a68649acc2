//! Room: the errors of S3: code, status, text, details, and their XML.
//!
//! Holds: the type and its XML here, the codes in `code`, and in `known` a constructor for each error
//! whose text or details are fixed, so that a text stands in one place. [`S3Error::new`] is for texts
//! that belong to one operation only.
//!
//! Source: S3 "Error responses", and the texts that the service is known to send.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::xml::DECLARATION;

mod code;
mod form;
mod known;

pub use code::ErrorCode;

/// An answer that is an error: its code, its sentence, the further elements of its XML in their
/// order, and headers that go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Error {
    /// The code; it decides the status.
    pub code: ErrorCode,
    /// `<Message>`.
    pub message: Cow<'static, str>,
    /// Further elements, in order: name and text.
    pub details: Vec<(&'static str, String)>,
    /// Response headers of this error, names in lower case.
    pub headers: Vec<(&'static str, String)>,
}

impl fmt::Display for S3Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl core::error::Error for S3Error {}

impl S3Error {
    /// An error without details.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), details: Vec::new(), headers: Vec::new() }
    }

    /// Adds an element after those already there.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// Adds a response header; `name` is in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.code.status()
    }

    /// The text of the detail of this name.
    pub fn detail(&self, name: &str) -> Option<&str> {
        self.details.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }

    /// The error document. Unlike every other answer it carries no namespace.
    pub fn to_xml(&self, request_id: &str, host_id: &str) -> Vec<u8> {
        let mut xml = format!("{DECLARATION}<Error>");
        push_element(&mut xml, "Code", self.code.as_str());
        push_element(&mut xml, "Message", &self.message);
        for (name, value) in &self.details {
            push_element(&mut xml, name, value);
        }
        push_element(&mut xml, "RequestId", request_id);
        push_element(&mut xml, "HostId", host_id);
        xml.push_str("</Error>");
        xml.into_bytes()
    }
}

fn push_element(xml: &mut String, name: &str, text: &str) {
    xml.push('<');
    xml.push_str(name);
    xml.push('>');
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\n' | '\t' => xml.push(c),
            // Not characters of XML 1.0: shown as references, as S3 does.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                xml.push_str(&format!("&#x{:X};", u32::from(c)));
            }
            c => xml.push(c),
        }
    }
    xml.push_str("</");
    xml.push_str(name);
    xml.push('>');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_has_details_in_order_and_no_namespace() {
        // rule: every/errors
        let xml = S3Error::invalid_argument("partNumber", Some("<0&\"\u{1}"), "Bad > part")
            .to_xml("REQUEST", "HOST");
        assert_eq!(
            core::str::from_utf8(&xml).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InvalidArgument</Code>\
             <Message>Bad &gt; part</Message><ArgumentName>partNumber</ArgumentName>\
             <ArgumentValue>&lt;0&amp;&quot;&#x1;</ArgumentValue>\
             <RequestId>REQUEST</RequestId><HostId>HOST</HostId></Error>"
        );
    }

    #[test]
    fn codes_are_distinct_and_their_statuses_are_errors() {
        for (i, code) in ErrorCode::ALL.iter().enumerate() {
            assert!((400..600).contains(&code.status()), "{code:?}");
            for other in &ErrorCode::ALL[i + 1..] {
                assert_ne!(code.as_str(), other.as_str());
            }
        }
    }

    #[test]
    fn argument_without_value_has_no_value_element() {
        let error = S3Error::invalid_argument("x", None, "m");
        assert_eq!(error.details, [("ArgumentName", String::from("x"))]);
    }

    #[test]
    fn unsatisfiable_range_tells_the_size_twice() {
        let error = S3Error::invalid_range("bytes=100-200", 10);
        assert_eq!(error.status(), 416);
        assert_eq!(error.detail("RangeRequested"), Some("bytes=100-200"));
        assert_eq!(error.detail("ActualObjectSize"), Some("10"));
        assert_eq!(error.headers, [("content-range", String::from("bytes */10"))]);
    }
}
