//! Room: single settings: where they come from, and how sizes, durations and lists are written.
//!
//! Source: DESIGN section 10; sizes are bytes or a number with KiB, MiB, GiB, TiB; durations a number with
//! ms, s, m or h.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A setting that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    setting: String,
    problem: String,
}

impl ConfigError {
    /// The setting as the operator wrote it, and what is wrong with it.
    pub fn new(setting: &str, problem: impl Into<String>) -> Self {
        Self { setting: setting.to_owned(), problem: problem.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// The `TENON_` variables that nobody has taken yet.
pub(super) struct Settings {
    left: BTreeMap<String, OsString>,
}

impl Settings {
    /// Keeps the variables that begin with `TENON_`; an empty one counts as not set.
    pub(super) fn from_environment(
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut left = BTreeMap::new();
        for (name, value) in environment {
            let Some(name) = name.to_str().filter(|name| name.starts_with("TENON_")) else {
                continue;
            };
            // Paths may hold any bytes; everything else must be text.
            let path = PATHS.contains(&name);
            if !path && value.to_str().is_none() {
                return Err(ConfigError::new(name, "not UTF-8"));
            }
            if !value.is_empty() {
                left.insert(name.to_owned(), value);
            }
        }
        Ok(Self { left })
    }

    /// The value of `name`, which then counts as known.
    pub(super) fn take(&mut self, name: &str) -> Option<OsString> {
        self.left.remove(name)
    }

    /// The value of `name` as text.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.take(name).and_then(|value| value.into_string().ok())
    }

    /// The value of `name` as a path.
    pub(super) fn path(&mut self, name: &str) -> Option<PathBuf> {
        self.take(name).map(PathBuf::from)
    }

    /// Replaces `target` by the parsed value of `name`, if it is set.
    pub(super) fn set<T>(
        &mut self,
        name: &str,
        target: &mut T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<(), ConfigError> {
        if let Some(text) = self.text(name) {
            *target = parse(text.trim()).map_err(|problem| ConfigError::new(name, problem))?;
        }
        Ok(())
    }

    /// A warning for each variable that nobody asked for.
    pub(super) fn left_over(self) -> Vec<String> {
        self.left.into_keys().map(|name| format!("{name}: not a setting, ignored")).collect()
    }
}

/// Parses `4096`, `64KiB`, `1.5 GiB`.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u32); 5] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];
    let wrong = || format!("{text:?} is no size like 65536 or 64MiB");
    let (number, shift) = UNITS
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

const PATHS: [&str; 3] = ["TENON_DATA", "TENON_META_DIR", "TENON_ROOT_SECRET_KEY_FILE"];
/// A hundred years: whatever is longer is a slip of the pen, and sums of durations cannot overflow.
const DURATION_MS_MAX: u64 = 100 * 365 * 24 * 3_600_000;

#[cfg(test)]
mod tests {
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
    fn lists_and_fractions() {
        let word = |text: &str| Ok::<_, String>(text.to_owned());
        assert_eq!(parse_list(" a, b ,,c", word), Ok(vec!["a".into(), "b".into(), "c".into()]));
        assert_eq!(parse_list("", word), Ok(vec![]));
        assert_eq!(parse_fraction("0.5"), Ok(0.5));
        assert!(parse_fraction("1.01").is_err() && parse_fraction("NaN").is_err());
    }
}
