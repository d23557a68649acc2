//! What rules may say, and that they are read back as they were written.

use alloc::string::ToString;

use proptest::prelude::*;

use super::*;

fn error(rules: &str) -> S3Error {
    parse(rules).expect_err(rules)
}

#[test]
fn what_is_sent_is_read_back() {
    // rule: lifecycle/read-back
    let date = "<Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration>";
    let markers =
        "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
    let noncurrent = "<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays>\
         <NewerNoncurrentVersions>100</NewerNoncurrentVersions></NoncurrentVersionExpiration>";
    let tag = "<Tag><Key>a</Key><Value>1</Value></Tag>";
    let sizes = "<ObjectSizeGreaterThan>0</ObjectSizeGreaterThan>\
         <ObjectSizeLessThan>9</ObjectSizeLessThan>";
    let several = format!("<Filter><And><Prefix>p</Prefix>{tag}{sizes}</And></Filter>");
    for (scope, action) in [
        (ALL, ONE_DAY),
        (ALL, date),
        (ALL, markers),
        (ALL, noncurrent),
        (ALL, NO_UPLOADS),
        ("<Filter><Prefix>logs/&amp;</Prefix></Filter>", ONE_DAY),
        ("<Filter><Prefix></Prefix></Filter>", ONE_DAY),
        ("<Filter><Tag><Key>a</Key><Value></Value></Tag></Filter>", ONE_DAY),
        ("<Filter><ObjectSizeLessThan>1</ObjectSizeLessThan></Filter>", noncurrent),
        (several.as_str(), &format!("{ONE_DAY}{noncurrent}")),
    ] {
        let sent = rule("one", scope, action) + &rule("two", ALL, NO_UPLOADS);
        let read = parse(&sent).expect(&sent);
        let written = String::from_utf8(read.document().finish()).expect("text");
        let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        assert_eq!(written, format!("{declaration}{}", document(&sent)));
        assert_eq!(Lifecycle::parse(read.kept().as_bytes()), Ok(read));
    }
    // rule: lifecycle/old-prefix
    let old = rule("one", "<Prefix>logs/</Prefix>", ONE_DAY);
    let read = parse(&old).expect("an old rule");
    assert!(String::from_utf8(read.document().finish()).expect("text").contains(&old));
    let disabled = old.replace("Enabled", "Disabled");
    assert!(!parse(&disabled).expect("a rule that is not applied").rules[0].enabled);
}

#[test]
fn what_headers_say_is_kept_beside_the_rules() {
    // rule: lifecycle/transition-minimum
    let mut lifecycle = parse(&rule("one", ALL, ONE_DAY)).expect("a rule");
    assert_eq!(lifecycle.minimum, TransitionMinimum::AllStorageClasses128K);
    lifecycle.minimum = TransitionMinimum::VariesByStorageClass;
    let kept = lifecycle.kept();
    assert_eq!(Lifecycle::parse(kept.as_bytes()), Ok(lifecycle.clone()));
    let shown = String::from_utf8(lifecycle.document().finish()).expect("text");
    assert!(!shown.contains("Transition"), "{shown}");
}

#[test]
fn rules_without_an_id_are_given_one() {
    // rule: lifecycle/id-made
    let unnamed = rule("x", ALL, ONE_DAY).replace("<ID>x</ID>", "");
    let mut lifecycle =
        parse(&(unnamed.clone() + &rule("mine", ALL, ONE_DAY) + &unnamed)).expect("rules");
    lifecycle.name_rules([7; 16]);
    let ids: Vec<&str> = lifecycle.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!((ids[0].len(), ids[1], ids[2].len()), (32, "mine", 32));
    assert_ne!(ids[0], ids[2]);
}

#[test]
fn what_is_no_lifecycle_is_malformed() {
    // rule: lifecycle/malformed
    let whole = rule("a", ALL, ONE_DAY);
    let with_scope = |scope: &str| rule("a", scope, ONE_DAY);
    let with_action = |action: &str| rule("a", ALL, action);
    let expiration = |inner: &str| with_action(&format!("<Expiration>{inner}</Expiration>"));
    let marker = "<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>";
    let noncurrent = |inner: &str| {
        with_action(&format!("<NoncurrentVersionExpiration>{inner}</NoncurrentVersionExpiration>"))
    };
    for bad in [
        String::new(),
        whole.repeat(1001),
        whole.clone() + "<Other/>",
        whole.replace("Enabled", "enabled"),
        whole.replace("<Status>Enabled</Status>", ""),
        whole.replace("</Rule>", "<Later/></Rule>"),
        whole.replace("</Rule>", "<ID>b</ID></Rule>"),
        with_scope(""),
        with_scope("<Prefix>a</Prefix><Filter/>"),
        with_scope("<Filter><Prefix>a</Prefix><ObjectSizeLessThan>2</ObjectSizeLessThan></Filter>"),
        with_scope("<Filter><And><Prefix>a</Prefix></And></Filter>"),
        with_scope("<Filter><And/></Filter>"),
        with_scope("<Filter><Later>a</Later></Filter>"),
        with_scope("<Filter><ObjectSizeLessThan>many</ObjectSizeLessThan></Filter>"),
        with_scope("<Filter><Tag><Key>a</Key></Tag></Filter>"),
        expiration(""),
        expiration("<Days>1</Days><Date>2030-01-01T00:00:00Z</Date>"),
        expiration(&format!("<Days>1</Days>{marker}")),
        expiration(&marker.replace("true", "yes")),
        expiration("<Days>1.5</Days>"),
        expiration("<Days>2147483648</Days>"),
        expiration("<Date>Tue, 01 Jan 2030 00:00:00 GMT</Date>"),
        expiration("<Date>tomorrow</Date>"),
        noncurrent(""),
        noncurrent("<NewerNoncurrentVersions>1</NewerNoncurrentVersions>"),
        with_action("<AbortIncompleteMultipartUpload/>"),
    ] {
        assert_eq!(error(&bad).code, ErrorCode::MalformedXml, "{bad}");
    }
    let thousand = unnamed(1000);
    assert_eq!(parse(&thousand).expect("as many as there may be").rules.len(), 1000);
}

fn unnamed(count: usize) -> String {
    rule("x", ALL, ONE_DAY).replace("<ID>x</ID>", "").repeat(count)
}

#[test]
fn values_that_s3_refuses_are_refused_in_its_words() {
    let whole = rule("a", ALL, ONE_DAY);
    let noncurrent = |inner: &str| {
        let action = format!(
            "<NoncurrentVersionExpiration><NoncurrentDays>{inner}</NoncurrentVersionExpiration>"
        );
        rule("a", ALL, &action)
    };
    for (rules, message) in [
        // rule: lifecycle/id-too-long
        (rule(&"i".repeat(256), ALL, ONE_DAY), "ID length should not exceed allowed limit of 255"),
        // rule: lifecycle/id-twice
        (whole.repeat(2), "Rule ID must be unique. Found same ID for more than one rule"),
        // rule: lifecycle/counts
        (whole.replace(">1<", ">0<"), "'Days' for Expiration action must be a positive integer"),
        (whole.replace(">1<", ">-1<"), "'Days' for Expiration action must be a positive integer"),
        (
            noncurrent("0</NoncurrentDays>"),
            "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer",
        ),
        (
            noncurrent("1</NoncurrentDays><NewerNoncurrentVersions>0</NewerNoncurrentVersions>"),
            "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be a positive integer",
        ),
        (
            noncurrent("1</NoncurrentDays><NewerNoncurrentVersions>101</NewerNoncurrentVersions>"),
            "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be between 1 and 100",
        ),
        (
            rule("a", ALL, &NO_UPLOADS.replace('7', "0")),
            "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer",
        ),
        // rule: lifecycle/date-midnight
        (
            whole.replace("<Days>1</Days>", "<Date>2030-01-01T01:00:00Z</Date>"),
            "'Date' must be at midnight GMT",
        ),
        (
            whole.replace("<Days>1</Days>", "<Date>2030-01-01T00:00:00+02:00</Date>"),
            "'Date' must be at midnight GMT",
        ),
    ] {
        let error = error(&rules);
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{rules}");
        assert_eq!(error.message, message);
    }
    let longest = rule(&"é".repeat(255), ALL, ONE_DAY);
    assert_eq!(parse(&longest).expect("255 characters").rules[0].id.chars().count(), 255);
}

#[test]
fn what_makes_no_sense_together_is_refused_in_s3s_words() {
    let markers =
        "<Expiration><ExpiredObjectDeleteMarker>false</ExpiredObjectDeleteMarker></Expiration>";
    let tag = "<Filter><Tag><Key>a</Key><Value>1</Value></Tag></Filter>";
    let size = "<Filter><ObjectSizeLessThan>5</ObjectSizeLessThan></Filter>";
    let sizes = |larger: &str, smaller: &str| {
        format!(
            "<Filter><And><ObjectSizeGreaterThan>{larger}</ObjectSizeGreaterThan>\
             <ObjectSizeLessThan>{smaller}</ObjectSizeLessThan></And></Filter>"
        )
    };
    let (old, new) = (rule("a", "<Prefix/>", ONE_DAY), rule("b", ALL, ONE_DAY));
    let kept = "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>\
         <NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>";
    let twice = "<Tag><Key>a</Key><Value>1</Value></Tag>".repeat(2);
    let long = format!("<Filter><Prefix>{}</Prefix></Filter>", "p".repeat(1025));
    for (rules, message) in [
        // rule: lifecycle/no-action
        (rule("a", ALL, ""), "At least one action needs to be specified in a rule"),
        // rule: lifecycle/abort-alone
        (
            rule("a", tag, NO_UPLOADS),
            "AbortIncompleteMultipartUpload cannot be specified with Tags.",
        ),
        (
            rule("a", size, NO_UPLOADS),
            "AbortIncompleteMultipartUpload cannot be specified with Object Size.",
        ),
        // rule: lifecycle/markers-alone
        (rule("a", tag, markers), "ExpiredObjectDeleteMarker cannot be specified with Tags."),
        (
            rule("a", size, markers),
            "ExpiredObjectDeleteMarker cannot be specified with Object Size.",
        ),
        // rule: lifecycle/sizes
        (
            rule("a", &sizes("5", "5"), ONE_DAY),
            "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.",
        ),
        (
            rule("a", &sizes("5", "0"), ONE_DAY),
            "'ObjectSizeLessThan' should be between 1 and 1099511627776000.",
        ),
        (
            rule("a", &sizes("-1", "5"), ONE_DAY),
            "'ObjectSizeGreaterThan' should be between 0 and 1099511627776000.",
        ),
        // rule: lifecycle/old-prefix
        (old.clone() + &new, "Filter element can only be used in Lifecycle V2."),
        (
            new + &old,
            "Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.",
        ),
        (
            rule("a", "<Prefix/>", kept),
            "NewerNoncurrentVersions element can only be used in Lifecycle V2.",
        ),
        // rule: lifecycle/filter
        (
            rule("a", &format!("<Filter><And>{twice}</And></Filter>"), ONE_DAY),
            "Duplicate Tag Keys are not allowed.",
        ),
        (rule("a", &long, ONE_DAY), "The maximum size of a prefix is 1024."),
    ] {
        let error = error(&rules);
        assert_eq!(error.code, ErrorCode::InvalidRequest, "{rules}");
        assert_eq!(error.message, message);
    }
}

#[test]
fn a_rule_that_would_never_be_carried_out_is_not_taken() {
    // rule: lifecycle/transitions
    let days = "<Days>30</Days><StorageClass>GLACIER</StorageClass>";
    for action in ["Transition", "NoncurrentVersionTransition"] {
        let error = error(&rule("a", ALL, &format!("{ONE_DAY}<{action}>{days}</{action}>")));
        assert_eq!(error.code, ErrorCode::NotImplemented);
        let expected = format!("LifecycleConfiguration.Rule.{action} is not implemented");
        assert_eq!(error.detail("additionalMessage"), Some(expected.as_str()));
    }
}

/// A rule with anything in it that may stand together.
fn any_rule() -> impl Strategy<Value = Rule> {
    let text = || "[a-z/&<\"é ]{0,6}";
    let scope = (
        proptest::option::of(text()),
        proptest::collection::btree_map("[a-z]{1,3}", "[a-z ]{0,3}", 0..3),
        proptest::option::of(0..50_u64),
        proptest::option::of(51..99_u64),
    );
    let scope = scope.prop_map(|(prefix, tags, larger, smaller)| {
        let tags: Vec<Tag> = tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
        let conditions = tags.len()
            + [prefix.is_some(), larger.is_some(), smaller.is_some()]
                .iter()
                .filter(|is| **is)
                .count();
        let form = if conditions > 1 { ScopeForm::And } else { ScopeForm::Filter };
        Scope { form, prefix, tags, larger, smaller }
    });
    let expiration = prop_oneof![
        (1..=i32::MAX.cast_unsigned()).prop_map(Expiration::Days),
        (0..40_000_u64).prop_map(|day| {
            Expiration::Date(Timestamp::from_millis(day * 24 * 60 * 60 * 1000))
        }),
    ];
    let noncurrent = (1..1000_u32, proptest::option::of(1..=100_u32))
        .prop_map(|(days, kept)| Noncurrent { days, kept });
    let fields = (any::<bool>(), scope, expiration, proptest::option::of(noncurrent), text());
    fields.prop_map(|(enabled, scope, expiration, noncurrent, id)| Rule {
        id,
        enabled,
        scope,
        expiration: Some(expiration),
        noncurrent,
        abort_after: None,
    })
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_as_it_was(
        rules in proptest::collection::vec(any_rule(), 1..4),
        varies in any::<bool>(),
        random in any::<[u8; 16]>(),
    ) {
        let minimum =
            if varies { TransitionMinimum::VariesByStorageClass } else { TransitionMinimum::default() };
        let mut lifecycle = Lifecycle { rules, minimum };
        for (place, rule) in lifecycle.rules.iter_mut().enumerate() {
            if !rule.id.is_empty() {
                rule.id.push_str(&place.to_string());
            }
        }
        lifecycle.name_rules(random);
        prop_assert_eq!(Lifecycle::parse(lifecycle.kept().as_bytes()), Ok(lifecycle));
    }
}
