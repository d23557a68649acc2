//! Room: SVG and HTML as text: a growing document, and what must be escaped in it.
//!
//! Units: places and lengths in user units of a picture, a pixel at its natural size.

use std::fmt::Write;

/// `text` as it stands in an element or an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // No document may hold them, escaped or not.
            sign if sign.is_control() && !matches!(sign, '\n' | '\t') => out.push('\u{fffd}'),
            sign => out.push(sign),
        }
    }
    out
}

/// At most `max` signs of `text`, the last of them an ellipsis where some are left out.
pub(super) fn shortened(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// About how wide `text` is at a font size of `size`; rather too wide than too narrow.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let wide = |sign: char| match sign {
        'i' | 'j' | 'l' | '.' | ',' | ':' | '\'' | '|' => 0.35,
        ' ' | 't' | 'f' | 'r' | '(' | ')' => 0.45,
        'm' | 'w' | 'M' | 'W' | '—' | '…' => 1.0,
        sign if sign.is_uppercase() => 0.72,
        _ => 0.64,
    };
    text.chars().map(wide).sum::<f64>() * size
}

/// `text` in lines of at most `room` pixels at a font size of `size`, broken between words.
pub(super) fn wrapped(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(word, size) + size * 0.45 <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Which side of its place a text stands on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Anchor {
    /// It begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

/// What is drawn so far.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Canvas(String);

impl Canvas {
    /// A text whose base line begins, has its middle or ends at a place.
    pub(super) fn text(&mut self, class: &str, anchor: Anchor, (x, y): (f64, f64), text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        self.add(format_args!(
            "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"
        ));
    }

    /// A text that reads upwards, its middle at a place.
    pub(super) fn text_upwards(&mut self, class: &str, (x, y): (f64, f64), text: &str) {
        let text = escape(text);
        self.add(format_args!(
            "<text class=\"{class}\" text-anchor=\"middle\" \
             transform=\"translate({x:.1} {y:.1}) rotate(-90)\">{text}</text>"
        ));
    }

    /// A straight line.
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.add(format_args!(
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            from.0, from.1, to.0, to.1
        ));
    }

    /// A line through places.
    pub(super) fn path(&mut self, class: &str, places: &[(f64, f64)]) {
        self.add(format_args!("<path class=\"{class}\" d=\"{}\"/>", data(places)));
    }

    /// A filled shape around places.
    pub(super) fn shape(&mut self, class: &str, places: &[(f64, f64)]) {
        self.add(format_args!("<path class=\"{class}\" d=\"{}Z\"/>", data(places)));
    }

    /// A rectangle with what a reader is told who points at it.
    pub(super) fn bar(&mut self, class: &str, (x, y): (f64, f64), (w, h): (f64, f64), told: &str) {
        let told = escape(told);
        self.add(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" \
             rx=\"2\"><title>{told}</title></rect>"
        ));
    }

    /// What a drawing of this size stands on.
    pub(super) fn ground(&mut self, (w, h): (f64, f64)) {
        self.add(format_args!("<rect class=\"ground\" width=\"{w:.0}\" height=\"{h:.0}\"/>"));
    }

    /// The marker of the endpoint `index`, round for the first and square for the second, with what a
    /// reader is told who points at it.
    pub(super) fn marker(&mut self, index: usize, (x, y): (f64, f64), told: &str) {
        let told = escape(told);
        if index == 0 {
            self.add(format_args!(
                "<circle class=\"marker-0\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"><title>{told}</title></circle>"
            ));
        } else {
            let (x, y) = (x - 4.0, y - 4.0);
            self.add(format_args!(
                "<rect class=\"marker-1\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"8\" height=\"8\"><title>{told}</title></rect>"
            ));
        }
    }

    /// Another canvas, moved.
    pub(super) fn group(&mut self, (x, y): (f64, f64), inner: &Self) {
        self.add(format_args!("<g transform=\"translate({x:.1} {y:.1})\">{}</g>", inner.0));
    }

    /// The drawing as an element of a page; `name` is read to those who cannot see it.
    pub(super) fn inline(&self, (w, h): (f64, f64), name: &str) -> String {
        let name = escape(name);
        format!(
            "<svg viewBox=\"0 0 {w:.0} {h:.0}\" role=\"img\" aria-label=\"{name}\">{}</svg>",
            self.0
        )
    }

    /// The drawing as a document with a style sheet of its own.
    pub(super) fn document(&self, (w, h): (f64, f64), name: &str, style: &str) -> String {
        let name = escape(name);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w:.0}\" height=\"{h:.0}\" \
             viewBox=\"0 0 {w:.0} {h:.0}\" role=\"img\" aria-label=\"{name}\">\
             <style>{style}</style>{}</svg>\n",
            self.0
        )
    }

    fn add(&mut self, what: std::fmt::Arguments<'_>) {
        self.0.write_fmt(what).expect("a text takes all");
        self.0.push('\n');
    }
}

fn data(places: &[(f64, f64)]) -> String {
    let mut text = String::new();
    for (index, (x, y)) in places.iter().enumerate() {
        let letter = if index == 0 { 'M' } else { 'L' };
        write!(text, "{letter}{x:.1} {y:.1}").expect("a text takes all");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_cannot_become_markup() {
        let mut canvas = Canvas::default();
        canvas.text("label", Anchor::End, (1.0, 2.0), "</text><script>&\"'\u{0}");
        let page = canvas.inline((10.0, 10.0), "\"><script>");
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;/text&gt;&lt;script&gt;&amp;&quot;&#39;\u{fffd}</text>"));
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 10.0, 60.0), ["one two", "three"]);
        assert_eq!(wrapped("indivisible", 10.0, 1.0), ["indivisible"]);
        assert!(wrapped("", 10.0, 1.0).is_empty());
    }

    #[test]
    fn long_names_are_cut_at_a_sign() {
        assert_eq!(shortened("Tenon", 5), "Tenon");
        assert_eq!(shortened("Größe über alles", 7), "Größe…");
    }
}
