use base64_simd::STANDARD as BASE64;

use super::*;

/// 2026-01-02T03:04:05Z.
const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_000);
const LATER: &str = "2026-01-02T03:04:06Z";

fn parse(json: &str) -> Result<Policy, S3Error> {
    Policy::parse(&BASE64.encode_to_string(json))
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    pairs.iter().for_each(|(name, value)| fields.insert(name, value));
    fields
}

/// Checks a form for `bucket` against conditions that cover the bucket, and these.
fn check(conditions: &str, form: &[(&str, &str)]) -> Result<Lengths, S3Error> {
    let and = if conditions.is_empty() { "" } else { "," };
    let json = format!(
        "{{\"expiration\":\"{LATER}\",\"conditions\":[{{\"bucket\":\"bucket\"}}{and}{conditions}]}}"
    );
    parse(&json)?.check("bucket", &fields(form), NOW)
}

#[test]
fn what_is_no_policy_says_why() {
    // rule: post/policy-document
    for (json, what) in [
        ("expiration", "Invalid JSON."),
        ("[]", "Invalid JSON."),
        ("{}", "Policy missing expiration."),
        ("{\"conditions\":[]}", "Policy missing expiration."),
        ("{\"expiration\":true,\"conditions\":[]}", "Invalid JSON."),
        ("{\"EXPIRATION\":\"x\",\"conditions\":[]}", "Unexpected: 'expiration'"),
        ("{\"expiration\":\"2030-01-01T00:00:00Z\",\"Statement\":[]}", "Unexpected: 'statement'"),
        ("{\"expiration\":\"2030-01-01T00:00:00Z\"}", "Policy missing conditions."),
        (
            "{\"expiration\":\"2030-01-01T00:00:00Z\",\"conditions\":{}}",
            "Invalid 'conditions' value: must be a List.",
        ),
    ] {
        let error = parse(json).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidPolicyDocument, "{json}");
        assert_eq!(error.message, format!("Invalid Policy: {what}"), "{json}");
    }
    let error = Policy::parse("{policy}").unwrap_err();
    assert_eq!(error.message, "Invalid Policy: invalid Base64 encoding.");
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(parse(&deep).unwrap_err().message, "Invalid Policy: Invalid JSON.");
}

#[test]
fn what_is_no_condition_says_why() {
    // rule: post/policy-conditions
    const ONE: &str =
        "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.";
    const TEXT: &str = "Invalid Simple-Condition: value must be a string.";
    for (condition, what) in [
        ("{}", ONE),
        ("{\"key\":\"k\",\"acl\":\"private\"}", ONE),
        ("{\"acl\":1}", TEXT),
        ("{\"acl\":[\"a\"]}", TEXT),
        ("{\"acl\":null}", "Invalid JSON."),
        ("true", "Invalid condition test: must be a List or Object."),
        ("\"bucket\"", "Invalid condition test: must be a List or Object."),
        ("[]", "Invalid Condition: missing operation identifier."),
        ("[1,\"$key\",\"k\"]", "Invalid JSON."),
        ("[\"ends-with\",\"$key\",\"k\"]", "Invalid Condition: unknown operation 'ends-with'."),
        ("[\"eq\",\"$key\"]", "Invalid eq: wrong number of arguments."),
        ("[\"eq\",\"$key\",\"a\",\"b\"]", "Invalid eq: wrong number of arguments."),
        ("[\"eq\",\"$key\",1]", "Invalid JSON."),
        ("[\"starts-with\",false,\"a\"]", "Invalid JSON."),
        (
            "[\"content-length-range\",0]",
            "Invalid content-length-range: wrong number of arguments.",
        ),
        ("[\"content-length-range\",-1,0]", "Invalid JSON."),
        ("[\"content-length-range\",0,512.0]", "Invalid JSON."),
        ("[\"content-length-range\",0,null]", "Invalid JSON."),
    ] {
        let error = check(condition, &[]).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidPolicyDocument, "{condition}");
        assert_eq!(error.message, format!("Invalid Policy: {what}"), "{condition}");
    }
}

#[test]
fn a_policy_expires() {
    // rule: post/expired, post/expiration-form
    let check = |text: &str| {
        let json = format!("{{\"expiration\":\"{text}\",\"conditions\":[{{\"bucket\":\"b\"}}]}}");
        parse(&json)?.check("b", &Fields::default(), NOW)
    };
    for good in [
        LATER,
        "2026-01-02T03:04:05.001Z",
        "2026-01-02T03:04:05.001000Z",
        "2999-12-31T23:59:59.999Z",
    ] {
        assert!(check(good).is_ok(), "{good}");
    }
    for over in ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z", "2007-12-01T12:00:00.000Z"] {
        let error = check(over).unwrap_err();
        assert_eq!(error.code, ErrorCode::AccessDenied);
        assert_eq!(error.message, "Invalid according to Policy: Policy expired.");
    }
    for bad in [
        "tomorrow",
        "2030-02-30T00:00:00Z",
        "2030-01-01 00:00:00",
        "2030-01-01T00:00:00+00:00",
        "2030-01-01T00:00:00",
        "2030-01-01",
    ] {
        let error = check(bad).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidPolicyDocument);
        assert_eq!(error.message, format!("Invalid Policy: Invalid 'expiration' value: '{bad}'"));
    }
}

#[test]
fn conditions_hold_or_say_which_does_not() {
    // rule: post/condition-equal, post/condition-starts-with, post/condition-names
    let images = "[\"starts-with\",\"$Content-Type\",\"image/\"]";
    for (condition, form) in [
        ("{\"acl\":\"private\"}", ("acl", "private")),
        ("{\"AcL\":\"private\"}", ("aCl", "private")),
        ("[\"eq\",\"$key\",\"a/b\"]", ("key", "a/b")),
        ("[\"EQ\",\"$KEY\",\"a/b\"]", ("key", "a/b")),
        ("[\"StArTs-WiTh\",\"$KeY\",\"a/\"]", ("Key", "a/b")),
        ("[\"starts-with\",\"$key\",\"\"]", ("key", "")),
        ("[\"eq\",\"$key\",\"\\\\$foo$$\"]", ("key", "\\$foo$$")),
        (images, ("Content-Type", "image/png")),
        (images, ("Content-Type", "image/png, image/gif,image/")),
        ("[\"starts-with\",\"$x-amz-meta-a\",\"1\"]", ("x-amz-meta-a", "1,2")),
    ] {
        assert!(check(condition, &[form]).is_ok(), "{condition} {form:?}");
    }
    for (condition, form, shown) in [
        ("{\"acl\":\"x\"}", ("acl", "private"), "[\"eq\", \"$acl\", \"x\"]"),
        ("{\"Key\":\"a\"}", ("key", "A"), "[\"eq\", \"$Key\", \"a\"]"),
        ("{\"acl\":\"x\"}", ("x-ignore-a", ""), "[\"eq\", \"$acl\", \"x\"]"),
        ("[\"Eq\",\"$key\",\"a/c\"]", ("key", "a/b"), "[\"eq\", \"$key\", \"a/c\"]"),
        ("[\"eq\",\"key\",\"k\"]", ("key", "k"), "[\"eq\", \"key\", \"k\"]"),
        ("[\"eq\",\"$key\",\"a\\\"b\"]", ("key", "k"), "[\"eq\", \"$key\", \"a\\\"b\"]"),
        // S3: also what accepts everything wants the field.
        (
            "[\"starts-with\",\"$acl\",\"\"]",
            ("x-ignore-a", ""),
            "[\"starts-with\", \"$acl\", \"\"]",
        ),
        (images, ("Content-Type", "text/html"), "[\"starts-with\", \"$Content-Type\", \"image/\"]"),
        (
            images,
            ("Content-Type", "image/png,text/html"),
            "[\"starts-with\", \"$Content-Type\", \"image/\"]",
        ),
        (
            images,
            ("Content-Type", "image/png,"),
            "[\"starts-with\", \"$Content-Type\", \"image/\"]",
        ),
        ("[\"eq\",\"$bucket\",\"other\"]", ("bucket", "other"), "[\"eq\", \"$bucket\", \"other\"]"),
    ] {
        let error = check(condition, &[form]).unwrap_err();
        assert_eq!(error.code, ErrorCode::AccessDenied, "{condition}");
        let expect = format!("Invalid according to Policy: Policy Condition failed: {shown}");
        assert_eq!(error.message, expect, "{condition}");
    }
}

#[test]
fn every_field_has_a_condition() {
    // rule: post/extra-fields
    let free = [
        ("policy", "p"),
        ("X-Amz-Signature", "s"),
        ("X-Ignore-This", "i"),
        // Judged as the bucket that the form was sent to.
        ("bucket", "bucket"),
    ];
    assert!(check("", &free).is_ok());
    for (name, shown) in [
        ("key", "key"),
        ("StorageClass", "StorageClass"),
        ("x-amz-date", "x-amz-date"),
        ("Expires", "Expires"),
    ] {
        let error = check("{\"acl\":\"private\"}", &[("acl", "private"), (name, "v")]).unwrap_err();
        assert_eq!(error.code, ErrorCode::AccessDenied);
        let expect = format!("Invalid according to Policy: Extra input fields: {shown}");
        assert_eq!(error.message, expect);
    }
    let json = format!("{{\"expiration\":\"{LATER}\",\"conditions\":[]}}");
    let error = parse(&json).unwrap().check("bucket", &Fields::default(), NOW).unwrap_err();
    assert_eq!(error.message, "Invalid according to Policy: Extra input fields: bucket");
}

#[test]
fn lengths_are_numbers_or_their_texts() {
    // rule: post/content-length-range
    let lengths = |min, max| Ok(Lengths { min, max });
    assert_eq!(check("", &[]), lengths(0, u64::MAX));
    assert_eq!(check("[\"content-length-range\",5,10]", &[]), lengths(5, 10));
    assert_eq!(check("[\"Content-Length-Range\",\"5\",\"10\"]", &[]), lengths(5, 10));
    let both = "[\"content-length-range\",5,10],[\"content-length-range\",0,7]";
    assert_eq!(check(both, &[]), lengths(5, 7));
    for (condition, shown) in [
        (
            "[\"content-length-range\",\"test\",\"10\"]",
            "[\"content-length-range\", \"test\", \"10\"]",
        ),
        ("[\"content-length-range\",5,\"-1\"]", "[\"content-length-range\", 5, \"-1\"]"),
        ("[\"content-length-range\",\"\",5]", "[\"content-length-range\", \"\", 5]"),
    ] {
        let error = check(condition, &[]).unwrap_err();
        assert_eq!(error.code, ErrorCode::AccessDenied);
        let expect = format!("Invalid according to Policy: Policy Condition failed: {shown}");
        assert_eq!(error.message, expect);
    }
}
