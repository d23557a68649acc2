//! Room: the spellings of a moment in S3. No clock: the present comes in as an argument.
//!
//! Units: milliseconds since 1970-01-01 00:00:00 UTC, without leap seconds. Moments before 1970
//! read as 1970: no object is as old, so every comparison comes out the same.

use alloc::format;
use alloc::string::String;

/// A moment, in milliseconds since 1970 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment that many milliseconds after 1970 UTC.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970 UTC.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The start of this moment's second: what S3 shows and compares as LastModified.
    pub const fn truncated_to_second(self) -> Self {
        Self(self.0 - self.0 % 1000)
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, the form of HTTP headers (RFC 9110, IMF-fixdate).
    pub fn http_date(self) -> String {
        let c = Civil::of(self);
        format!(
            "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
            c.weekday_name(),
            c.day,
            c.month_name(),
            c.year,
            c.hour,
            c.minute,
            c.second
        )
    }

    /// `1994-11-06T08:49:37.000Z`, the form of XML bodies, always with milliseconds.
    pub fn iso8601(self) -> String {
        let c = Civil::of(self);
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            c.year, c.month, c.day, c.hour, c.minute, c.second, c.milli
        )
    }

    /// `19941106T084937Z`, the form of `x-amz-date`.
    pub fn amz_date(self) -> String {
        let c = Civil::of(self);
        format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
            c.year, c.month, c.day, c.hour, c.minute, c.second
        )
    }

    /// `19941106`, the day of a credential scope.
    pub fn amz_day(self) -> String {
        let c = Civil::of(self);
        format!("{:04}{:02}{:02}", c.year, c.month, c.day)
    }

    /// Reads any date that S3 takes in a header: IMF-fixdate, RFC 850, asctime and ISO 8601.
    /// The name of the weekday is not compared with the date. `None` = not a date.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let text = text.trim();
        parse_iso8601(text).or_else(|| parse_comma_date(text)).or_else(|| parse_asctime(text))
    }

    /// Reads `1994-11-06T08:49:37Z`, with or without a fraction of a second, in any zone: the form of XML bodies.
    pub fn parse_iso8601(text: &str) -> Option<Self> {
        parse_iso8601(text)
    }

    /// Reads `19941106T084937Z` and nothing else.
    pub fn parse_amz_date(text: &str) -> Option<Self> {
        let bytes: &[u8; 16] = text.as_bytes().try_into().ok()?;
        if !text.is_ascii() || bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let at = |from: usize, to: usize| number(text.get(from..to)?);
        Fields {
            year: at(0, 4)?,
            month: at(4, 6)?,
            day: at(6, 8)?,
            hour: at(9, 11)?,
            minute: at(11, 13)?,
            second: at(13, 15)?,
            milli: 0,
        }
        .timestamp(0)
    }
}

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MILLIS_PER_DAY: u64 = 24 * 60 * 60 * 1000;

/// A moment as the calendar writes it (proleptic Gregorian, UTC).
struct Civil {
    year: u64,
    month: usize,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    milli: u64,
    weekday: usize,
}

impl Civil {
    fn of(time: Timestamp) -> Self {
        let days = time.0 / MILLIS_PER_DAY;
        let in_day = time.0 % MILLIS_PER_DAY;
        // 146,097 days in 400 years: right, or too great by one at a turn of the year.
        let mut year = (1970 + days * 400 / 146_097).saturating_sub(1).max(1970);
        while days_before_year(year + 1) <= days {
            year += 1;
        }
        let mut day_of_year = days - days_before_year(year);
        let mut month = 1;
        while day_of_year >= days_in_month(year, month) {
            day_of_year -= days_in_month(year, month);
            month += 1;
        }
        Self {
            year,
            month,
            day: day_of_year + 1,
            hour: in_day / 3_600_000,
            minute: in_day / 60_000 % 60,
            second: in_day / 1000 % 60,
            milli: in_day % 1000,
            weekday: usize::try_from((days + 4) % 7).expect("below 7"),
        }
    }

    fn weekday_name(&self) -> &'static str {
        WEEKDAYS[self.weekday]
    }

    fn month_name(&self) -> &'static str {
        MONTHS[self.month - 1]
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// `month` counts from 1.
fn days_in_month(year: u64, month: usize) -> u64 {
    const DAYS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    DAYS[month - 1] + u64::from(month == 2 && is_leap(year))
}

/// Days from 1970-01-01 to January 1st of `year`, which is 1970 or later.
fn days_before_year(year: u64) -> u64 {
    let leaps = |y: u64| y / 4 - y / 100 + y / 400;
    (year - 1970) * 365 + leaps(year - 1) - leaps(1969)
}

/// The numbers of a date as read, not yet known to make sense.
struct Fields {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    milli: u64,
}

impl Fields {
    /// The moment, when the clock that showed these fields ran `ahead_min` minutes ahead of UTC.
    fn timestamp(&self, ahead_min: i64) -> Option<Timestamp> {
        let month = usize::try_from(self.month).ok()?;
        // 60 is a leap second: the moment after it.
        let plausible = (1..=12).contains(&month)
            && self.year <= 9999
            && self.day >= 1
            && self.day <= days_in_month(self.year, month)
            && self.hour < 24
            && self.minute < 60
            && self.second <= 60;
        if !plausible {
            return None;
        }
        if self.year < 1970 {
            return Some(Timestamp(0));
        }
        let days = days_before_year(self.year)
            + (1..month).map(|m| days_in_month(self.year, m)).sum::<u64>()
            + (self.day - 1);
        let minutes = (days * 24 + self.hour) * 60 + self.minute;
        let Some(minutes) = minutes.checked_add_signed(-ahead_min) else {
            return Some(Timestamp(0));
        };
        Some(Timestamp((minutes * 60 + self.second) * 1000 + self.milli))
    }
}

/// Decimal digits only, no sign; at most 9 of them.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || text.len() > 9 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn month_of(name: &str) -> Option<u64> {
    MONTHS.iter().zip(1..).find(|(m, _)| m.eq_ignore_ascii_case(name)).map(|(_, n)| n)
}

fn is_weekday(name: &str) -> bool {
    const LONG: [&str; 7] =
        ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    WEEKDAYS.iter().chain(&LONG).any(|w| w.eq_ignore_ascii_case(name))
}

/// `hh:mm:ss`.
fn clock(text: &str) -> Option<(u64, u64, u64)> {
    let mut fields = text.split(':');
    let clock = (number(fields.next()?)?, number(fields.next()?)?, number(fields.next()?)?);
    fields.next().is_none().then_some(clock)
}

/// Minutes ahead of UTC: `Z`, `GMT`, `UTC`, `+hh:mm`, `-hhmm`.
fn zone(text: &str) -> Option<i64> {
    if ["Z", "GMT", "UTC", "UT"].iter().any(|z| z.eq_ignore_ascii_case(text)) {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let rest = text.get(1..)?;
    let (hours, minutes) = match rest.split_once(':') {
        Some(split) => split,
        None => (rest.get(..2)?, rest.get(2..)?),
    };
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes).cast_signed())
}

/// IMF-fixdate `Sun, 06 Nov 1994 08:49:37 GMT` and RFC 850 `Sunday, 06-Nov-94 08:49:37 GMT`.
fn parse_comma_date(text: &str) -> Option<Timestamp> {
    let (weekday, rest) = text.split_once(',')?;
    if !is_weekday(weekday) {
        return None;
    }
    let mut words = rest.split_ascii_whitespace();
    let first = words.next()?;
    let (day, month, year) = if first.contains('-') {
        let mut fields = first.split('-');
        let date = (fields.next()?, fields.next()?, fields.next()?);
        if fields.next().is_some() {
            return None;
        }
        date
    } else {
        (first, words.next()?, words.next()?)
    };
    let year = match (year.len(), number(year)?) {
        // Two digits: the century that POSIX takes.
        (2, short) if short < 70 => 2000 + short,
        (2, short) => 1900 + short,
        (_, year) => year,
    };
    let (hour, minute, second) = clock(words.next()?)?;
    let ahead_min = zone(words.next()?)?;
    if words.next().is_some() {
        return None;
    }
    Fields { year, month: month_of(month)?, day: number(day)?, hour, minute, second, milli: 0 }
        .timestamp(ahead_min)
}

/// `Sun Nov  6 08:49:37 1994`.
fn parse_asctime(text: &str) -> Option<Timestamp> {
    let mut words = text.split_ascii_whitespace();
    if !is_weekday(words.next()?) {
        return None;
    }
    let month = month_of(words.next()?)?;
    let day = number(words.next()?)?;
    let (hour, minute, second) = clock(words.next()?)?;
    let year = number(words.next()?)?;
    if words.next().is_some() {
        return None;
    }
    Fields { year, month, day, hour, minute, second, milli: 0 }.timestamp(0)
}

/// `1994-11-06T08:49:37Z`, with or without a fraction of a second, in any zone.
fn parse_iso8601(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_once(['T', 't'])?;
    let mut fields = date.split('-');
    let (year, month, day) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return None;
    }
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (time, zone_text) = rest.split_at_checked(zone_at)?;
    let (time, milli) = match time.split_once('.') {
        None => (time, 0),
        Some((time, fraction)) => (time, millis_of_fraction(fraction)?),
    };
    let (hour, minute, second) = clock(time)?;
    Fields {
        year: number(year)?,
        month: number(month)?,
        day: number(day)?,
        hour,
        minute,
        second,
        milli,
    }
    .timestamp(zone(zone_text)?)
}

/// The first three digits after the point; further ones are dropped.
fn millis_of_fraction(digits: &str) -> Option<u64> {
    number(digits)?;
    let shown = digits.get(..digits.len().min(3))?;
    let scale = [100, 10, 1][shown.len() - 1];
    Some(number(shown)? * scale)
}

#[cfg(test)]
mod tests;
