use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::*;
use crate::operation::testing::head;
use crate::sign::Credential;
use crate::sign::sign::Signer;

const POLICY: &str = "eyJjb25kaXRpb25zIjpbXX0=";

fn root() -> Credential {
    // The pair of the example in S3's pages.
    Credential {
        access_key: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
    }
}

/// The fields of a signed form, with changes: `None` leaves one out.
fn form(changes: &[(&str, Option<&str>)]) -> Fields {
    let credential = root();
    let now = Timestamp::parse_amz_date("20151229T000000Z").unwrap();
    let signer = Signer { credential: &credential, region: "us-east-1", now };
    let mut pairs: Vec<(String, String)> =
        signer.sign_form(POLICY).map(|(name, value)| (name.into(), value)).into();
    pairs.push(("Policy".into(), POLICY.into()));
    let mut fields = Fields::default();
    for (name, value) in &pairs {
        if !changes.iter().any(|(changed, _)| changed.eq_ignore_ascii_case(name)) {
            fields.insert(name, value);
        }
    }
    for (name, value) in changes {
        if let Some(value) = value {
            fields.insert(name, value);
        }
    }
    fields
}

fn check(fields: &Fields) -> Result<String, S3Error> {
    let request = head("POST", "/bucket", &[]);
    let signed = authenticate_form(&request, fields, "us-east-1", &root())?;
    assert_eq!(Some(signed.policy), fields.get("policy"));
    Ok(signed.access_key.into())
}

#[test]
fn the_policy_is_signed_as_it_came() {
    // rule: post/signature
    assert_eq!(check(&form(&[])).as_deref(), Ok("AKIAIOSFODNN7EXAMPLE"));
    let wrong = "0".repeat(64);
    for (name, value) in [
        ("x-amz-signature", wrong.as_str()),
        ("x-amz-signature", "none"),
        ("policy", "eyJjb25kaXRpb25zIjpbXX0"),
        ("policy", "not a policy at all"),
        ("x-amz-credential", "AKIAIOSFODNN7EXAMPLE/20151230/us-east-1/s3/aws4_request"),
    ] {
        let fields = form(&[(name, Some(value))]);
        let error = check(&fields).unwrap_err();
        assert_eq!(error.code, ErrorCode::SignatureDoesNotMatch, "{name}");
        let names: Vec<&str> = error.details.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            ["AWSAccessKeyId", "StringToSign", "SignatureProvided", "StringToSignBytes"]
        );
        assert_eq!(error.detail("StringToSign"), fields.get("policy"));
        assert_eq!(error.detail("SignatureProvided"), fields.get("x-amz-signature"));
    }
}

#[test]
fn the_example_of_the_documentation_is_signed() {
    // rule: post/signature
    let policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
    let signature = "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e";
    let fields = form(&[("policy", Some(policy)), ("x-amz-signature", Some(signature))]);
    assert_eq!(check(&fields).as_deref(), Ok("AKIAIOSFODNN7EXAMPLE"));
    assert!(crate::post::Policy::parse(policy).is_ok());
}

#[test]
fn a_form_that_is_signed_has_all_of_the_signature() {
    // rule: post/missing-field, post/anonymous
    let all = ["x-amz-signature", "x-amz-algorithm", "x-amz-credential", "x-amz-date"];
    let missing = |names: &[&str]| {
        let changes: Vec<(&str, Option<&str>)> = names.iter().map(|name| (*name, None)).collect();
        check(&form(&changes)).unwrap_err()
    };
    for (names, shown) in [
        (&["x-amz-signature"][..], "X-Amz-Signature"),
        (&["x-amz-algorithm"], "X-Amz-Algorithm"),
        (&["x-amz-credential"], "X-Amz-Credential"),
        (&["x-amz-date"], "X-Amz-Date"),
        (&["policy"], "policy"),
        (&["x-amz-algorithm", "x-amz-credential"], "X-Amz-Algorithm"),
    ] {
        let error = missing(names);
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(
            error.message,
            format!(
                "Bucket POST must contain a field named '{shown}'.  If it is specified, please check the order of the fields."
            )
        );
        assert_eq!(error.detail("ArgumentName"), Some(shown));
        assert_eq!(error.detail("ArgumentValue"), Some(""));
    }
    let empty = check(&form(&[("x-amz-date", Some(""))])).unwrap_err();
    assert_eq!(empty.detail("ArgumentName"), Some("X-Amz-Date"));
    let error = missing(&all);
    assert_eq!((error.code, error.message.as_ref()), (ErrorCode::AccessDenied, "Access Denied"));
    assert_eq!(check(&Fields::default()).unwrap_err().code, ErrorCode::AccessDenied);
}

#[test]
fn another_signature_is_refused() {
    // rule: post/signature-version, post/credential, post/token
    fn of(name: &str, value: &str) -> S3Error {
        check(&form(&[(name, Some(value))])).unwrap_err()
    }
    let mut version_2 = Fields::default();
    version_2.insert("AWSAccessKeyId", "AKIAIOSFODNN7EXAMPLE");
    version_2.insert("signature", "c2ln");
    let error = check(&version_2).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidRequest);
    assert!(error.message.ends_with("Please use AWS4-HMAC-SHA256."));
    let error = of("x-amz-algorithm", "AWS4-HMAC-SHA1");
    assert_eq!(error.message, "Only AWS4-HMAC-SHA256 is supported");
    assert_eq!(error.detail("ArgumentName"), Some("X-Amz-Algorithm"));
    let error = of("x-amz-date", "2015-12-29T00:00:00Z");
    assert_eq!(error.message, "X-Amz-Date must be formated via ISO8601 Long format");
    assert_eq!(error.detail("ArgumentValue"), Some("2015-12-29T00:00:00Z"));

    let scope = "20151229/us-east-1/s3/aws4_request";
    for (credential, message) in [
        (
            "none",
            "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        ),
        (
            "A/2015/us-east-1/s3/aws4_request",
            "incorrect date format \"2015\". This date in the credential must be in the format \"yyyyMMdd\".",
        ),
        (
            "A/20151229/us-east-1/ec2/aws4_request",
            "incorrect service \"ec2\". This endpoint belongs to \"s3\".",
        ),
        (
            "A/20151229/us-east-1/s3/aws4",
            "incorrect terminal \"aws4\". This endpoint uses \"aws4_request\".",
        ),
        (&format!("/{scope}"), "a non-empty Access Key (AKID) must be provided in the credential."),
        (
            "A/20151229/eu-west-1/s3/aws4_request",
            "the region 'eu-west-1' is wrong; expecting 'us-east-1'",
        ),
    ] {
        let error = of("x-amz-credential", credential);
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{credential}");
        assert_eq!(error.message, message);
        assert_eq!(error.detail("ArgumentName"), Some("X-Amz-Credential"));
        assert_eq!(error.detail("ArgumentValue"), Some(credential));
        let region = credential.contains("eu-west-1").then_some("us-east-1");
        assert_eq!(error.detail("Region"), region);
    }
    let error = of("x-amz-credential", &format!("somebody/{scope}"));
    assert_eq!(error.code, ErrorCode::InvalidAccessKeyId);
    assert_eq!(error.detail("AWSAccessKeyId"), Some("somebody"));
    assert_eq!(of("x-amz-security-token", "t").code, ErrorCode::InvalidToken);

    let request = head("POST", "/bucket", &[("authorization", "AWS4-HMAC-SHA256 x")]);
    let error = authenticate_form(&request, &form(&[]), "us-east-1", &root()).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
}
