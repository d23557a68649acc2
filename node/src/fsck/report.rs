//! Room: what a check says: one line for each finding, and a summary; as text or as JSON, one object a line.
//!
//! Holds: counts only. A finding is printed as soon as it is found, so that a damaged store takes no memory.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

/// What a line is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Worth knowing, and nobody needs to act.
    Note,
    /// Something does not hold.
    Damage,
    /// Something that clients know cannot be served whole any more.
    Lost,
    /// Something was put right, or out of the way.
    Repaired,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Damage => "damage",
            Self::Lost => "lost",
            Self::Repaired => "repaired",
        }
    }
}

/// Where the lines go, and how many of each kind there were.
pub(super) struct Report<'a> {
    to: &'a mut dyn Write,
    json: bool,
    problems: u64,
    notes: u64,
}

impl<'a> Report<'a> {
    pub(super) fn new(to: &'a mut dyn Write, json: bool) -> Self {
        Self { to, json, problems: 0, notes: 0 }
    }

    /// Problems told since the last time that this was asked.
    pub(super) fn take_problems(&mut self) -> u64 {
        std::mem::take(&mut self.problems)
    }

    /// Tells one finding; `check` says what kind of thing it concerns, in one word.
    pub(super) fn say(&mut self, kind: Kind, check: &str, what: impl fmt::Display) {
        match kind {
            Kind::Note => self.notes += 1,
            Kind::Damage | Kind::Lost => self.problems += 1,
            Kind::Repaired => {}
        }
        let kind = kind.as_str();
        if self.json {
            let what = what.to_string();
            self.line(&object(&[("kind", &kind), ("check", &check), ("what", &what.as_str())]));
        } else {
            self.line(&format!("{kind:<9} {check:<10} {what}"));
        }
    }

    /// The last line: numbers by name, in order.
    pub(super) fn summary(&mut self, numbers: &[(&str, u64)], verdict: &str) {
        if self.json {
            let numbers: String = numbers
                .iter()
                .map(|(name, number)| format!(",{}:{number}", quoted(&name.replace(' ', "_"))))
                .collect();
            let front = object(&[("kind", &"summary"), ("what", &verdict)]);
            let front = front.trim_end_matches('}');
            let notes = self.notes;
            self.line(&format!("{front}{numbers},\"notes\":{notes}}}"));
        } else {
            let numbers: Vec<String> =
                numbers.iter().map(|(name, number)| format!("{number} {name}")).collect();
            self.line(&format!("{}: {verdict}", numbers.join(", ")));
        }
    }

    fn line(&mut self, line: &str) {
        // Whoever closed the pipe does not want to know.
        let _ = writeln!(self.to, "{line}");
    }
}

/// A JSON object of texts.
pub(super) fn object(fields: &[(&str, &&str)]) -> String {
    let mut text = String::from("{");
    for (index, (name, value)) in fields.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{}:{}", quoted(name), quoted(value));
    }
    text.push('}');
    text
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Says why nothing can be checked.
pub(super) fn complain(json: bool, problem: &str) {
    let line = if json {
        object(&[("kind", &"error"), ("what", &problem)])
    } else {
        format!("error: {problem}")
    };
    let _ = if json { writeln!(io::stdout(), "{line}") } else { writeln!(io::stderr(), "{line}") };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: bool) -> (String, u64) {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, json);
        report.say(Kind::Note, "lost", "2 files");
        report.say(Kind::Damage, "files", "a \"b\"\n\\c");
        report.say(Kind::Repaired, "files", "moved");
        let problems = report.take_problems();
        report.summary(&[("blobs", 3), ("files", 4)], "1 problem");
        (String::from_utf8(out).expect("text"), problems)
    }

    #[test]
    fn findings_are_told_as_text_or_as_json() {
        let (text, problems) = told(false);
        assert_eq!(problems, 1);
        assert_eq!(
            text,
            "note      lost       2 files\ndamage    files      a \"b\"\n\\c\nrepaired  files      moved\n\
             3 blobs, 4 files: 1 problem\n"
        );
        let (text, _) = told(true);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], r#"{"kind":"damage","check":"files","what":"a \"b\"\u000a\\c"}"#);
        assert_eq!(
            lines[3],
            r#"{"kind":"summary","what":"1 problem","blobs":3,"files":4,"notes":1}"#
        );
    }
}
