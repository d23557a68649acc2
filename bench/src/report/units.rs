//! Room: figures as people write them: three digits that matter, and the unit that keeps them small.
//!
//! Units: sizes in powers of 1,024 (KiB, MiB), rates in powers of 1,000 (MB/s), as storage people say them.

use crate::measurement::count;

/// A size such as `64 MiB`.
pub fn size(bytes: u64) -> String {
    bytes_f(count(bytes))
}

/// A size that is a mean, such as `1.5 MiB`.
pub fn bytes_f(bytes: f64) -> String {
    const NAMES: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    scaled(bytes, 1024.0, &NAMES)
}

/// A rate of bytes such as `1.25 GB/s`.
pub fn rate(bytes_per_s: f64) -> String {
    const NAMES: [&str; 6] = ["B/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s"];
    scaled(bytes_per_s, 1000.0, &NAMES)
}

/// A time such as `1.35 ms`.
pub fn time(us: f64) -> String {
    match us {
        us if us < 999.5 => format!("{} µs", digits(us)),
        us if us < 999_500.0 => format!("{} ms", digits(us / 1e3)),
        us => format!("{} s", digits(us / 1e6)),
    }
}

/// A number with three digits that matter, thousands parted: `0.0123`, `1.35`, `232`, `12,300`.
pub fn digits(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        0.0 => return "0".to_owned(),
        size if size >= 99.95 => return grouped(value),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.995 => format!("{value:.2}"),
        size if size >= 0.0995 => format!("{value:.3}"),
        size if size >= 0.000_95 => format!("{value:.4}"),
        _ => return format!("{value:.1e}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How many times, such as `178 ×`.
pub fn times(ratio: f64) -> String {
    format!("{} ×", digits(ratio))
}

/// A count with its thousands parted.
pub fn whole(number: u64) -> String {
    let text = number.to_string();
    let mut out = String::with_capacity(text.len() + text.len() / 3);
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && (text.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Rounded to a whole number; above five digits the rest says nothing and is rounded away.
fn grouped(value: f64) -> String {
    let step = if value.abs() >= 99_950.0 { 1000.0 } else { 1.0 };
    let rounded = (value / step).round() * step;
    let sign = if rounded < 0.0 { "−" } else { "" };
    let text = format!("{:.0}", rounded.abs());
    match text.parse() {
        Ok(number) => format!("{sign}{}", whole(number)),
        // More than 64 bits can count.
        Err(_) => format!("{value:.2e}"),
    }
}

fn scaled(value: f64, base: f64, names: &[&str]) -> String {
    let (mut value, mut at) = (value, 0);
    // What would be shown as 1,000 is one of the next unit.
    while value.abs() >= base.min(999.5) && at + 1 < names.len() {
        value /= base;
        at += 1;
    }
    format!("{} {}", digits(value), names[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_fitting_unit() {
        for (value, expect) in [
            (0.0, "0"),
            (0.0123, "0.0123"),
            (0.5, "0.5"),
            (1.349, "1.35"),
            (9.999, "10"),
            (42.0, "42"),
            (178.4, "178"),
            (12_345.0, "12,345"),
            (1_234_567.0, "1,235,000"),
            (-1500.0, "−1,500"),
        ] {
            assert_eq!(digits(value), expect, "{value}");
        }
        assert_eq!(size(0), "0 B");
        assert_eq!(size(4096), "4 KiB");
        assert_eq!(size(5 << 30), "5 GiB");
        assert_eq!(size(1023 << 20), "1 GiB");
        assert_eq!(bytes_f(1.5 * 1_048_576.0), "1.5 MiB");
        assert_eq!(rate(1_250_000_000.0), "1.25 GB/s");
        assert_eq!(time(7.25), "7.25 µs");
        assert_eq!(time(999.7), "1 ms");
        assert_eq!(time(2_850_000.0), "2.85 s");
        assert_eq!(times(177.6), "178 ×");
        assert_eq!(whole(1_000), "1,000");
        assert_eq!(whole(999), "999");
    }
}
