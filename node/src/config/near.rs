//! Room: which setting was meant by a name that is none.

use super::table::SETTINGS;

/// `; did you mean …?` for the key nearest to this one, or nothing if none is near.
pub(super) fn hint(key: &str) -> String {
    nearest(key).map_or_else(String::new, |key| format!("; did you mean {key}?"))
}

/// The key that was meant, with dots and underscores taken as the same.
pub(super) fn nearest(key: &str) -> Option<&'static str> {
    let plain = |key: &str| key.to_ascii_lowercase().replace('.', "_");
    let wanted = plain(key);
    let distances = SETTINGS.iter().map(|setting| {
        let known = plain(setting.key);
        // The name of the table was forgotten.
        let part = known.ends_with(&format!("_{wanted}"));
        (if part { 1 } else { distance(&wanted, &known) }, setting.key)
    });
    let (distance, key) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= (wanted.len() / 4).max(1)).then_some(key)
}

/// How many letters must be put in, taken out or replaced to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (at, other) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("sitting", "kitten"), 3);
    }

    #[test]
    fn slips_of_the_pen_are_understood() {
        assert_eq!(nearest("HTTP_BODY_TIMOUT"), Some("http.body_timeout"));
        assert_eq!(nearest("http.body-timeout"), Some("http.body_timeout"));
        assert_eq!(nearest("max_connections"), Some("http.max_connections"));
        assert_eq!(nearest("loglevel"), Some("log.level"));
        assert_eq!(nearest("domains"), Some("domain"));
        assert_eq!(nearest("speed"), None);
        assert_eq!(nearest("x"), None);
    }
}
