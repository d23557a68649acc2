//! Room: how a line that the node writes looks: `key=value` pairs, or one JSON object. One escaping for both.
//!
//! Invariants: one line is one line, whatever a client put into a value: what could end it, or fool the terminal
//! that shows it, is escaped. In JSON every line is a valid object.
//! Must not: be given a secret.

use std::fmt::{Display, Write as _};

use crate::config::LogFormat;

/// A line that is being written.
pub struct LineWriter<'a> {
    out: &'a mut String,
    format: LogFormat,
    first: bool,
}

impl<'a> LineWriter<'a> {
    /// Begins a line at the end of `out`.
    pub fn begin(format: LogFormat, out: &'a mut String) -> Self {
        if format == LogFormat::Json {
            out.push('{');
        }
        Self { out, format, first: true }
    }

    /// Goes on with a line that has fields already; `out` may hold just those that follow.
    pub fn resume(format: LogFormat, out: &'a mut String) -> Self {
        Self { out, format, first: false }
    }

    /// A field with any text. In pairs, it is quoted where it would not be plain otherwise.
    pub fn text(&mut self, key: &str, value: &dyn Display) {
        self.key(key);
        let start = self.out.len();
        // Writing to a String cannot fail.
        let _ = write!(self.out, "{value}");
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\');
        let text = &self.out[start..];
        if self.format == LogFormat::Json || text.is_empty() || !text.chars().all(plain) {
            quote(self.out, start);
        }
    }

    /// A field with a number.
    pub fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        let _ = write!(self.out, "{value}");
    }

    /// A field that has no value.
    pub fn none(&mut self, key: &str) {
        self.key(key);
        self.out.push_str(match self.format {
            LogFormat::Text => "none",
            LogFormat::Json => "null",
        });
    }

    /// A field that is true.
    pub fn flag(&mut self, key: &str) {
        self.key(key);
        self.out.push_str("true");
    }

    /// Fields that were written with [`LineWriter::resume`].
    pub fn more(&mut self, fields: &str) {
        self.out.push_str(fields);
    }

    /// Ends the line.
    pub fn end(self) {
        if self.format == LogFormat::Json {
            self.out.push('}');
        }
        self.out.push('\n');
    }

    fn key(&mut self, key: &str) {
        let first = std::mem::replace(&mut self.first, false);
        match self.format {
            LogFormat::Text => {
                if !first {
                    self.out.push(' ');
                }
                self.out.push_str(key);
                self.out.push('=');
            }
            LogFormat::Json => {
                if !first {
                    self.out.push(',');
                }
                self.out.push('"');
                self.out.push_str(key);
                self.out.push_str("\":");
            }
        }
    }
}

/// Makes what stands in `out` from `start` on a quoted string, as JSON has it.
fn quote(out: &mut String, start: usize) {
    let value = out.split_off(start);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if deceives(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Whether `c` ends a line, is no character, or changes how what is around it is shown. All lie below U+10000.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: LogFormat, fields: &[(&str, &str)]) -> String {
        let mut out = String::new();
        let mut line = LineWriter::begin(format, &mut out);
        fields.iter().for_each(|(key, value)| line.text(key, value));
        line.number("count", 7);
        line.flag("cut");
        line.end();
        out
    }

    #[test]
    fn values_cannot_forge_a_line() {
        let fields = [
            ("key", "a b\"\nlevel=error"),
            ("empty", ""),
            ("plain", "photos/2026-01"),
            ("odd", "\u{202e}\u{9b}\\"),
            ("word", "größer"),
        ];
        assert_eq!(
            line(LogFormat::Text, &fields),
            "key=\"a b\\\"\\u000alevel=error\" empty=\"\" plain=photos/2026-01 \
             odd=\"\\u202e\\u009b\\\\\" word=\"größer\" count=7 cut=true\n"
        );
        assert_eq!(
            line(LogFormat::Json, &fields),
            "{\"key\":\"a b\\\"\\u000alevel=error\",\"empty\":\"\",\"plain\":\"photos/2026-01\",\
             \"odd\":\"\\u202e\\u009b\\\\\",\"word\":\"größer\",\"count\":7,\"cut\":true}\n"
        );
    }

    #[test]
    fn a_line_is_resumed() {
        let mut fields = String::new();
        LineWriter::resume(LogFormat::Json, &mut fields).text("b", &2);
        let mut out = String::new();
        let mut line = LineWriter::begin(LogFormat::Json, &mut out);
        line.text("a", &1);
        line.more(&fields);
        line.end();
        assert_eq!(out, "{\"a\":\"1\",\"b\":\"2\"}\n");
    }
}
