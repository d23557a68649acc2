//! Room: tests of CORS rules.

use alloc::string::ToString;

use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;

fn parse(rules: &str) -> Result<Cors, S3Error> {
    Cors::parse(format!("<CORSConfiguration>{rules}</CORSConfiguration>").as_bytes())
}

fn rule(inside: &str) -> String {
    format!(
        "<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>{inside}</CORSRule>"
    )
}

#[test]
fn what_was_read_is_written_again() {
    let rules = "<CORSRule><ID>a&amp;b</ID><AllowedHeader>x-amz-*</AllowedHeader><AllowedMethod>GET</AllowedMethod>\
                 <AllowedMethod>HEAD</AllowedMethod><AllowedOrigin>http://*.example</AllowedOrigin>\
                 <ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3000</MaxAgeSeconds></CORSRule>"
        .to_string()
        + &rule("");
    let cors = parse(&rules).unwrap();
    let document = cors.document().into_text();
    assert!(document.ends_with(&format!("{rules}</CORSConfiguration>")), "{document}");
    assert_eq!(Cors::parse(document.as_bytes()), Ok(cors));
}

#[test]
fn what_is_no_configuration_is_malformed() {
    // rule: cors/limits
    for bad in [
        "".to_string(),
        "<CORSRule/>".to_string(),
        "<Rule/>".to_string(),
        "<CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule>".to_string(),
        "<CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule>".to_string(),
        rule("<Other/>"),
        rule("<ID>a</ID><ID>b</ID>"),
        rule("<MaxAgeSeconds>1</MaxAgeSeconds><MaxAgeSeconds>1</MaxAgeSeconds>"),
        rule("<MaxAgeSeconds>-1</MaxAgeSeconds>"),
        rule("<MaxAgeSeconds>soon</MaxAgeSeconds>"),
        rule("<AllowedOrigin/>"),
        rule("<ExposeHeader>a&#10;b</ExposeHeader>"),
        rule("").repeat(CORS_RULES_MAX + 1),
    ] {
        assert_eq!(parse(&bad).unwrap_err().code, ErrorCode::MalformedXml, "{bad}");
    }
    assert!(parse(&rule("").repeat(CORS_RULES_MAX)).is_ok());
}

#[test]
fn what_a_rule_cannot_say_is_refused_by_name() {
    // rule: cors/rules
    let id = "i".repeat(CORS_ID_CHARS_MAX);
    assert!(parse(&rule(&format!("<ID>{id}</ID>"))).is_ok());
    for (inside, message) in [
        (
            "<AllowedMethod>PATCH</AllowedMethod>".to_string(),
            "Found unsupported HTTP method in CORS config. Unsupported method is PATCH",
        ),
        (
            "<AllowedMethod>get</AllowedMethod>".to_string(),
            "Found unsupported HTTP method in CORS config. Unsupported method is get",
        ),
        (
            "<AllowedOrigin>http://*.*</AllowedOrigin>".to_string(),
            "AllowedOrigin \"http://*.*\" can not have more than one wildcard.",
        ),
        (
            "<AllowedHeader>*-amz-*</AllowedHeader>".to_string(),
            "AllowedHeader \"*-amz-*\" can not have more than one wildcard.",
        ),
        (
            "<ExposeHeader>x-*</ExposeHeader>".to_string(),
            "ExposeHeader \"x-*\" contains wildcard. We currently do not support wildcard for ExposeHeader.",
        ),
        (format!("<ID>{id}i</ID>"), "The ID of a CORS rule cannot be longer than 255 characters."),
    ] {
        let error = parse(&rule(&inside)).unwrap_err();
        assert_eq!((error.code, &*error.message), (ErrorCode::InvalidRequest, message));
    }
}

#[test]
fn the_first_rule_that_fits_decides() {
    let cors = parse(
        "<CORSRule><AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod>\
         <AllowedOrigin>https://*.example</AllowedOrigin><AllowedHeader>X-Amz-*</AllowedHeader>\
         <ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-version-id</ExposeHeader>\
         <MaxAgeSeconds>9</MaxAgeSeconds></CORSRule>\
         <CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>",
    )
    .unwrap();
    let found = cors.find("https://a.example", "GET", &[]).unwrap();
    assert!(!found.any_origin());
    assert_eq!(found.methods(), "PUT, GET");
    assert_eq!(found.exposed().as_deref(), Some("ETag, x-amz-version-id"));
    assert_eq!(found.max_age(), Some(9));

    let other = cors.find("https://elsewhere", "GET", &[]).unwrap();
    assert!(other.any_origin());
    assert_eq!((other.methods().as_str(), other.exposed(), other.max_age()), ("GET", None, None));

    for (origin, method, headers, fits) in [
        ("https://a.example", "PUT", &["x-amz-date", "X-AMZ-ACL"][..], true),
        ("https://a.example", "PUT", &["x-amz-date", "content-type"], false),
        ("https://A.EXAMPLE", "PUT", &[], false),
        ("http://a.example", "PUT", &[], false),
        ("https://elsewhere", "GET", &["x-amz-date"], false),
        ("https://a.example", "put", &[], false),
        ("https://a.example", "DELETE", &[], false),
        ("https://a.example", "PATCH", &[], false),
    ] {
        let found = cors.find(origin, method, headers);
        assert_eq!(found.is_some(), fits, "{origin} {method} {headers:?}");
    }
}

/// The same as `fits`, by trying every text that the star could stand for.
fn fits_by_trying(pattern: &str, text: &str) -> bool {
    if !pattern.contains('*') {
        return pattern == text;
    }
    (0..=text.len())
        .any(|from| (from..=text.len()).any(|to| pattern.replacen('*', &text[from..to], 1) == text))
}

proptest! {
    #[test]
    fn a_star_stands_for_anything(pattern in "[ab]{0,3}[*]?[ab]{0,3}", text in "[abA]{0,6}") {
        prop_assert_eq!(fits(&pattern, &text, Case::Counts), fits_by_trying(&pattern, &text));
        prop_assert_eq!(
            fits(&pattern, &text, Case::Ignored),
            fits_by_trying(&pattern, &text.to_ascii_lowercase())
        );
    }
}
