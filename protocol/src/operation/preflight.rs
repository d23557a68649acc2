//! Room: CORS on the wire: preflight requests, and the headers that answers to pages of other origins carry.
//!
//! Source: S3 API Reference, "OPTIONS object"; S3 User Guide, "How does Amazon S3 evaluate the CORS
//! configuration on a bucket?"; Fetch standard, "CORS protocol".

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::answer::Answer;
use crate::cors::{Allowed, Cors};
use crate::error::{ErrorCode, S3Error};
use crate::request::{Head, Target};

/// What a browser asks before it sends a request of another page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreflightInput<'a> {
    /// Where the page comes from.
    pub origin: &'a str,
    /// The method of the request to be.
    pub method: &'a str,
    /// The names of its headers, as they were sent: parted by commas.
    headers: &'a str,
}

impl<'a> PreflightInput<'a> {
    /// Reads the request.
    ///
    /// # Errors
    /// `BadRequest` without an origin or a method.
    pub fn parse(head: &'a Head) -> Result<Self, S3Error> {
        let origin = head.headers.get_non_empty("origin").ok_or_else(|| {
            let message = "Insufficient information. Origin request header needed.";
            S3Error::new(ErrorCode::BadRequest, message)
        })?;
        let method =
            head.headers.get_non_empty("access-control-request-method").ok_or_else(|| {
                let message = "Invalid Access-Control-Request-Method: null";
                S3Error::new(ErrorCode::BadRequest, message)
            })?;
        let headers = head.headers.get_non_empty("access-control-request-headers");
        Ok(Self { origin, method, headers: headers.unwrap_or_default() })
    }

    /// The answer of a bucket with these rules.
    ///
    /// # Errors
    /// `AccessForbidden` if it has none, or none that fits.
    pub fn answer(&self, rules: Option<&Cors>, head: &Head) -> Result<Answer, S3Error> {
        let Some(rules) = rules else {
            return Err(self.forbidden("CORSResponse: CORS is not enabled for this bucket.", head));
        };
        let asked: Vec<&str> = self.names().collect();
        let allowed = rules.find(self.origin, self.method, &asked);
        let allowed = allowed.ok_or_else(|| self.forbidden(NOT_ALLOWED, head))?;
        let mut headers = headers(self.origin, &allowed);
        let names: Vec<String> = asked.iter().map(|name| name.to_ascii_lowercase()).collect();
        if !names.is_empty() {
            headers.push(("access-control-allow-headers".to_string(), names.join(", ")));
        }
        Ok(Answer::empty(200).with_all(headers))
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.headers.split(',').map(str::trim).filter(|name| !name.is_empty())
    }

    fn forbidden(&self, message: &'static str, head: &Head) -> S3Error {
        let resource = match head.target {
            Target::Object(..) => "OBJECT",
            Target::Bucket(_) | Target::Service => "BUCKET",
        };
        S3Error::new(ErrorCode::AccessForbidden, message)
            .with("Method", self.method)
            .with("ResourceType", resource)
    }
}

/// As S3 spells it.
const NOT_ALLOWED: &str = "CORSResponse: This CORS request is not allowed. This is usually because the \
     evalution of Origin, request method / Access-Control-Request-Method or \
     Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.";

/// Where a request comes from, if a page sent it that is not to be answered by [`PreflightInput`].
#[must_use]
pub fn origin(head: &Head) -> Option<&str> {
    head.headers.get_non_empty("origin")
}

/// What an answer to an actual request carries; nothing if no rule fits.
#[must_use]
pub fn actual(rules: &Cors, head: &Head) -> Vec<(String, String)> {
    let Some(origin) = origin(head) else { return Vec::new() };
    let allowed = rules.find(origin, head.method.as_str(), &[]);
    allowed.map(|allowed| headers(origin, &allowed)).unwrap_or_default()
}

fn headers(origin: &str, allowed: &Allowed<'_>) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    let mut push = |name: &str, value: String| headers.push((name.to_string(), value));
    if allowed.any_origin() {
        push("access-control-allow-origin", "*".to_string());
    } else {
        push("access-control-allow-origin", origin.to_string());
        push("access-control-allow-credentials", "true".to_string());
    }
    push("access-control-allow-methods", allowed.methods());
    if let Some(exposed) = allowed.exposed() {
        push("access-control-expose-headers", exposed);
    }
    if let Some(seconds) = allowed.max_age() {
        push("access-control-max-age", seconds.to_string());
    }
    let vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
    push("vary", vary.to_string());
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::testing::{head, pairs};

    const RULES: &str = "<CORSConfiguration>\
         <CORSRule><AllowedOrigin>https://*.a.test</AllowedOrigin><AllowedMethod>PUT</AllowedMethod>\
         <AllowedMethod>GET</AllowedMethod><AllowedHeader>x-amz-*</AllowedHeader>\
         <ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-request-id</ExposeHeader>\
         <MaxAgeSeconds>600</MaxAgeSeconds></CORSRule>\
         <CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>\
         </CORSConfiguration>";

    fn rules() -> Cors {
        Cors::parse(RULES.as_bytes()).unwrap()
    }

    fn asked(target: &str, headers: &[(&str, &str)]) -> Result<Answer, S3Error> {
        let head = head("OPTIONS", target, headers);
        PreflightInput::parse(&head)?.answer(Some(&rules()), &head)
    }

    const METHOD: &str = "access-control-request-method";
    const HEADERS: &str = "access-control-request-headers";
    const VARY: (&str, &str) =
        ("vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");

    #[test]
    fn a_rule_that_fits_is_told() {
        // rule: cors/preflight, cors/vary, cors/allowed-headers
        let answer = asked(
            "/bucket/key",
            &[
                ("origin", "https://www.a.test"),
                (METHOD, "PUT"),
                (HEADERS, "X-Amz-Date, x-amz-acl"),
            ],
        )
        .unwrap();
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        assert_eq!(
            pairs(&answer),
            [
                ("access-control-allow-origin", "https://www.a.test"),
                ("access-control-allow-credentials", "true"),
                ("access-control-allow-methods", "PUT, GET"),
                ("access-control-expose-headers", "ETag, x-amz-request-id"),
                ("access-control-max-age", "600"),
                VARY,
                ("access-control-allow-headers", "x-amz-date, x-amz-acl"),
            ]
        );
        // rule: cors/any-origin
        let answer = asked("/bucket", &[("origin", "null"), (METHOD, "GET")]).unwrap();
        assert_eq!(
            pairs(&answer),
            [("access-control-allow-origin", "*"), ("access-control-allow-methods", "GET"), VARY]
        );
    }

    #[test]
    fn what_no_rule_allows_is_forbidden() {
        // rule: cors/not-allowed, cors/not-enabled, cors/preflight-origin, cors/preflight-method
        for (target, resource) in [("/bucket/key", "OBJECT"), ("/bucket", "BUCKET")] {
            for (origin, method, headers) in [
                ("https://b.test", "PUT", ""),
                ("https://www.a.test", "DELETE", ""),
                ("https://www.a.test", "PUT", "x-amz-date, content-type"),
            ] {
                let sent = [("origin", origin), (METHOD, method), (HEADERS, headers)];
                let error = asked(target, &sent).unwrap_err();
                assert_eq!((error.code, error.status()), (ErrorCode::AccessForbidden, 403));
                assert!(
                    error.message.starts_with("CORSResponse: This CORS request is not allowed.")
                );
                assert_eq!(error.detail("Method"), Some(method));
                assert_eq!(error.detail("ResourceType"), Some(resource));
            }
        }
        let request = head("OPTIONS", "/bucket/key", &[("origin", "a"), (METHOD, "GET")]);
        let none = PreflightInput::parse(&request).unwrap().answer(None, &request).unwrap_err();
        assert_eq!(none.code, ErrorCode::AccessForbidden);
        assert_eq!(none.message, "CORSResponse: CORS is not enabled for this bucket.");
        for (headers, message) in [
            (&[][..], "Insufficient information. Origin request header needed."),
            (&[("origin", "a")], "Invalid Access-Control-Request-Method: null"),
        ] {
            let error = asked("/bucket/key", headers).unwrap_err();
            assert_eq!((error.code, error.status()), (ErrorCode::BadRequest, 400));
            assert_eq!(error.message, message);
        }
    }

    #[test]
    fn answers_to_actual_requests_carry_the_headers_of_the_rule() {
        // rule: cors/actual
        let told = |method: &str, headers: &[(&str, &str)]| {
            actual(&rules(), &head(method, "/bucket/key", headers)).into_iter().next()
        };
        let origin = [("origin", "https://www.a.test")];
        let expected = ("access-control-allow-origin".into(), "https://www.a.test".into());
        assert_eq!(told("PUT", &origin), Some(expected));
        assert_eq!(told("DELETE", &origin), None);
        assert_eq!(told("GET", &[]), None);
    }
}
