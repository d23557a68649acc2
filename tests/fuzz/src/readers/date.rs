//! Room: dates and lists of ETags, as conditions have them.
//!
//! Promises: a moment that was read, written in any spelling, reads the same; the calendar is that of a second
//! calculation; a list of ETags, written again, reads the same.

use protocol::etag::{ETag, ETagCondition};
use protocol::time::Timestamp;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    for moment in [
        Timestamp::parse_http_date(text),
        Timestamp::parse_iso8601(text),
        Timestamp::parse_amz_date(text),
    ]
    .into_iter()
    .flatten()
    {
        check_moment(moment);
    }
    check_etags(text);
}

fn check_moment(moment: Timestamp) {
    let second = moment.truncated_to_second();
    assert_eq!(moment.as_millis() / 1000, second.as_millis() / 1000);
    let (year, month, day) = civil(second.as_millis() / 86_400_000);
    let time = second.as_millis() / 1000 % 86_400;
    let (hour, minute, of_minute) = (time / 3600, time / 60 % 60, time % 60);
    assert_eq!(
        second.amz_date(),
        format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{of_minute:02}Z")
    );
    assert_eq!(second.amz_day(), format!("{year:04}{month:02}{day:02}"));
    // A zone may take the last hours of the year 9999 into the next one, which no spelling has room for.
    if year <= 9999 {
        assert_eq!(Timestamp::parse_iso8601(&moment.iso8601()), Some(moment));
        assert_eq!(Timestamp::parse_http_date(&moment.iso8601()), Some(moment));
        assert_eq!(Timestamp::parse_http_date(&second.http_date()), Some(second));
        assert_eq!(Timestamp::parse_amz_date(&second.amz_date()), Some(second));
    }
}

/// The date of a day since 1970, by counting years that begin in March (Hinnant, "chrono-compatible low-level date
/// algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

fn check_etags(text: &str) {
    let condition = ETagCondition::parse(text);
    let ETagCondition::OneOf(list) = &condition else {
        return assert_eq!(text.trim(), "*");
    };
    for item in list {
        assert_eq!(ETag::from_text(&item.etag.quoted()), Some(item.etag.clone()));
        assert!(condition.matches_weak(&item.etag), "{item:?}");
        assert_eq!(
            condition.matches_strong(&item.etag),
            list.iter().any(|i| i.etag == item.etag && !i.weak)
        );
    }
    let written = list
        .iter()
        .map(|item| format!("{}{}", if item.weak { "W/" } else { "" }, item.etag.quoted()));
    assert_eq!(
        ETagCondition::parse(&written.collect::<Vec<_>>().join(", ")),
        condition,
        "{text:?}"
    );
}
