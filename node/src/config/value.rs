//! Room: how sizes, durations, fractions and lists are written.
//!
//! Source: DESIGN section 10; sizes are bytes or a number with KiB, MiB, GiB, TiB; durations a number with
//! ms, s, m or h.

use std::time::Duration;

/// Parses `4096`, `64KiB`, `1.5 GiB`.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size like 65536 or 64MiB");
    let (number, shift) = SIZE_UNITS
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))
        .unwrap_or((text, 0));
    let (whole, fraction) = split_decimal(number.trim()).ok_or_else(wrong)?;
    let scaled = |value: u64| value.checked_shl(shift).filter(|scaled| scaled >> shift == value);
    let whole = scaled(whole).ok_or_else(wrong)?;
    // At most six decimals, so the product fits in 64 bits.
    let fraction = scaled(fraction).ok_or_else(wrong)? / 1_000_000;
    whole.checked_add(fraction).ok_or_else(wrong)
}

/// Parses `250ms`, `5s`, `1.5m`, `1h`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let wrong = || format!("{text:?} is no duration like 250ms, 5s, 2m or 1h");
    let (number, unit_ms) = UNITS
        .iter()
        .find_map(|(unit, ms)| Some((text.strip_suffix(unit)?, *ms)))
        .ok_or_else(wrong)?;
    let (whole, millionths) = split_decimal(number.trim()).ok_or_else(wrong)?;
    let whole = whole.checked_mul(unit_ms).filter(|ms| *ms <= DURATION_MS_MAX).ok_or_else(wrong)?;
    Ok(Duration::from_millis(whole) + Duration::from_nanos(millionths * unit_ms))
}

/// Parses a number between 0 and 1.
pub(super) fn parse_fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(fraction) if (0.0..=1.0).contains(&fraction) => Ok(fraction),
        _ => Err(format!("{text:?} is no number from 0 to 1")),
    }
}

/// Parses items between commas; blanks around them do not count, and no items is an empty list.
pub(super) fn parse_list<T>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(parse).collect()
}

/// Writes a size with the largest unit that it is a multiple of.
pub(super) fn show_size(len: u64) -> String {
    let unit = SIZE_UNITS.iter().find(|(_, shift)| len != 0 && len.trailing_zeros() >= *shift);
    match unit {
        Some((unit, shift)) if *shift > 0 => format!("{}{unit}", len >> shift),
        _ => len.to_string(),
    }
}

/// Writes a duration in hours, seconds or milliseconds, whichever needs no fraction.
pub(super) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds, duration.subsec_nanos()) {
        (1.., 0) if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        (_, 0) => format!("{seconds}s"),
        (_, nanos) if nanos.is_multiple_of(1_000_000) => format!("{}ms", duration.as_millis()),
        (_, nanos) => format!("{}.{:06}ms", duration.as_millis(), nanos % 1_000_000),
    }
}

/// Splits `12.5` into 12 and 500000 millionths.
fn split_decimal(text: &str) -> Option<(u64, u64)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let millionths = format!("{fraction:0<6}").parse().ok()?;
    Some((whole.parse().ok()?, millionths))
}

const SIZE_UNITS: [(&str, u32); 5] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];
/// A hundred years: whatever is longer is a slip of the pen, and sums of durations cannot overflow.
const DURATION_MS_MAX: u64 = 100 * 365 * 24 * 3_600_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("0"), Ok(0));
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("4096B"), Ok(4096));
        assert_eq!(parse_size("64MiB"), Ok(64 << 20));
        assert_eq!(parse_size("1.5 GiB"), Ok(3 << 29));
        assert_eq!(parse_size("2TiB"), Ok(2 << 40));
        for wrong in ["", "MiB", "64MB", "-1", "1e3", "1.2345678KiB", "99999999999TiB", "1..2"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        assert_eq!(parse_duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(parse_duration("0.25s"), Ok(Duration::from_millis(250)));
        for wrong in ["", "5", "s", "-1s", "5 d", "99999999999h"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for (len, shown) in
            [(0, "0"), (1, "1"), (1000, "1000"), (5 << 20, "5MiB"), (3 << 29, "1536MiB")]
        {
            assert_eq!(show_size(len), shown);
            assert_eq!(parse_size(shown), Ok(len));
        }
        let of = Duration::from_micros;
        for (micros, shown) in [
            (0, "0s"),
            (75_000_000, "75s"),
            (21_600_000_000, "6h"),
            (1_250_000, "1250ms"),
            (1_500, "1.500000ms"),
        ] {
            assert_eq!(show_duration(of(micros)), shown);
            assert_eq!(parse_duration(shown), Ok(of(micros)), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn every_size_reads_back(len: u64, shift in 0_u32..64) {
            let len = len >> shift << (shift / 2);
            prop_assert_eq!(parse_size(&show_size(len)), Ok(len));
        }

        #[test]
        fn every_duration_reads_back(seconds in 0_u64..1_000_000_000, nanos in 0_u32..1_000_000_000) {
            for duration in [Duration::new(seconds, nanos), Duration::from_secs(seconds)] {
                prop_assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
            }
        }
    }

    #[test]
    fn lists_and_fractions() {
        let word = |text: &str| Ok::<_, String>(text.to_owned());
        assert_eq!(parse_list(" a, b ,,c", word), Ok(vec!["a".into(), "b".into(), "c".into()]));
        assert_eq!(parse_list("", word), Ok(vec![]));
        assert_eq!(parse_fraction("0.5"), Ok(0.5));
        assert!(parse_fraction("1.01").is_err() && parse_fraction("NaN").is_err());
    }
}
