//! Room: tests of the spellings of a moment: every form read and written, and what is none.

use alloc::string::ToString;

use proptest::prelude::*;

use super::*;

/// 1994-11-06 08:49:37 UTC, the moment of the examples in RFC 9110.
const EXAMPLE: Timestamp = Timestamp::from_millis(784_111_777_000);

#[test]
fn writes_all_forms() {
    assert_eq!(EXAMPLE.http_date(), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(EXAMPLE.iso8601(), "1994-11-06T08:49:37.000Z");
    assert_eq!(EXAMPLE.amz_date(), "19941106T084937Z");
    assert_eq!(EXAMPLE.amz_day(), "19941106");
    assert_eq!(Timestamp::from_millis(0).http_date(), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(Timestamp::from_millis(1_576_278_963_007).iso8601(), "2019-12-13T23:16:03.007Z");
}

#[test]
fn writes_the_turns_of_years() {
    for (millis, text) in [
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (978_307_199_999, "2000-12-31T23:59:59.999Z"),
        (978_307_200_000, "2001-01-01T00:00:00.000Z"),
        (1_735_689_599_999, "2024-12-31T23:59:59.999Z"),
        (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(Timestamp::from_millis(millis).iso8601(), text);
    }
}

#[test]
fn writes_even_the_last_moment() {
    let last = Timestamp::from_millis(u64::MAX);
    assert_eq!(last.iso8601(), "584556019-04-03T14:25:51.615Z");
}

#[test]
fn reads_every_form_of_a_header_date() {
    // rule: copy-condition/date-forms
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "1994-11-06T08:49:37Z",
        "1994-11-06T08:49:37.000Z",
        "1994-11-06T09:49:37+01:00",
        "1994-11-06T00:19:37.000-0830",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "  Sun, 06 Nov 1994 08:49:37 GMT ",
        // The weekday is not compared.
        "Mon, 06 Nov 1994 08:49:37 GMT",
    ] {
        assert_eq!(Timestamp::parse_http_date(text), Some(EXAMPLE), "{text}");
    }
}

#[test]
fn keeps_milliseconds_of_iso_8601() {
    let millis = |text| Timestamp::parse_http_date(text).unwrap().as_millis();
    assert_eq!(millis("1970-01-01T00:00:00.5Z"), 500);
    assert_eq!(millis("1970-01-01T00:00:01.042Z"), 1042);
    assert_eq!(millis("1970-01-01T00:00:00.123456Z"), 123);
}

#[test]
fn two_digit_years_take_their_century() {
    let year = |text: &str| Timestamp::parse_http_date(text).unwrap().iso8601()[..4].to_string();
    assert_eq!(year("Friday, 01-Jan-70 00:00:00 GMT"), "1970");
    assert_eq!(year("Friday, 01-Jan-99 00:00:00 GMT"), "1999");
    assert_eq!(year("Friday, 01-Jan-69 00:00:00 GMT"), "2069");
}

#[test]
fn before_1970_is_1970() {
    for text in
        ["Fri, 31 Dec 1965 23:59:59 GMT", "1969-12-31T23:59:59Z", "1970-01-01T00:00:30+05:00"]
    {
        assert_eq!(Timestamp::parse_http_date(text).map(Timestamp::as_millis), Some(0), "{text}");
    }
}

#[test]
fn what_is_no_date_is_none() {
    // rule: copy-condition/broken-date
    for text in [
        "",
        "yesterday",
        "784111777",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 Now 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT GMT",
        "Sun, 06 Nov 1994 08:49:37 PST",
        "Foo, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "1994-11-06",
        "1994-13-06T08:49:37Z",
        "1994-11-06T08:49:37",
        "1994-11-06T08:49:37.Z",
        "94-11-06T08:49:37Z",
        "1994-11-06T08:49:37+25:00",
        "Sun Nov  6 08:49:37",
        "Sun, 06-Nov-94-1 08:49:37 GMT",
        "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        "é",
        "1994-11-06Té",
        "Sun, 06 Nov 1994 08:49:37 +é",
    ] {
        assert_eq!(Timestamp::parse_http_date(text), None, "{text}");
    }
}

#[test]
fn the_date_of_a_signature_has_one_form() {
    assert_eq!(Timestamp::parse_amz_date("19941106T084937Z"), Some(EXAMPLE));
    for text in [
        "",
        "1994-11-06T08:49:37Z",
        "19941106T084937",
        "19941106T084937z",
        "19941106 084937Z",
        "19941106T0849+7Z",
        "19941306T084937Z",
        "19941106T084937ZZ",
        "1994110éT08493Z",
    ] {
        assert_eq!(Timestamp::parse_amz_date(text), None, "{text}");
    }
}

#[test]
fn truncates_to_the_second() {
    assert_eq!(Timestamp::from_millis(1999).truncated_to_second().as_millis(), 1000);
    assert_eq!(Timestamp::from_millis(2000).truncated_to_second().as_millis(), 2000);
}

proptest! {
    #[test]
    fn what_was_written_reads_back(millis in 0_u64..253_402_300_800_000) {
        let time = Timestamp::from_millis(millis);
        let second = time.truncated_to_second();
        prop_assert_eq!(Timestamp::parse_http_date(&time.http_date()), Some(second));
        prop_assert_eq!(Timestamp::parse_http_date(&time.iso8601()), Some(time));
        prop_assert_eq!(Timestamp::parse_amz_date(&time.amz_date()), Some(second));
    }

    #[test]
    fn later_moments_are_written_greater(a in 0_u64..253_402_300_800_000, b in 0_u64..253_402_300_800_000) {
        let (a, b) = (Timestamp::from_millis(a), Timestamp::from_millis(b));
        prop_assert_eq!(a.cmp(&b), a.iso8601().cmp(&b.iso8601()));
    }

    #[test]
    fn no_text_breaks_the_reader(text in ".{0,40}", dateish in "[A-Za-z0-9, :.+TZ-]{0,40}") {
        for text in [text, dateish] {
            let _: Option<Timestamp> = Timestamp::parse_http_date(&text);
            let _: Option<Timestamp> = Timestamp::parse_amz_date(&text);
        }
    }
}
