//! Writes SVG elements: escaped text, short numbers, and nothing that needs a script.

use std::fmt::{Display, Write as _};

/// SVG source that grows.
#[derive(Debug, Default)]
pub struct Canvas {
    source: String,
}

/// Where a text is held at its position.
#[derive(Clone, Copy, Debug)]
pub enum Anchor {
    /// The text begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

impl Display for Anchor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        })
    }
}

impl Canvas {
    /// Adds source as it is.
    pub fn raw(&mut self, source: impl Display) {
        // Writing to a String does not fail.
        let _ = writeln!(self.source, "{source}");
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.raw(format_args!(
            r#"<line class="{class}" x1="{}" y1="{}" x2="{}" y2="{}"/>"#,
            Number(from.0),
            Number(from.1),
            Number(to.0),
            Number(to.1)
        ));
    }

    /// A rectangle with its upper left corner at a position.
    pub fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64)) {
        self.raw(format_args!(
            r#"<rect class="{class}" x="{}" y="{}" width="{}" height="{}"/>"#,
            Number(at.0),
            Number(at.1),
            Number(size.0.max(0.0)),
            Number(size.1.max(0.0))
        ));
    }

    /// Text beside, around or before a position.
    pub fn text(&mut self, class: &str, at: (f64, f64), anchor: Anchor, text: &str) {
        self.raw(format_args!(
            r#"<text class="{class}" x="{}" y="{}" text-anchor="{anchor}">{}</text>"#,
            Number(at.0),
            Number(at.1),
            escape(text)
        ));
    }

    /// Text that reads upwards, centred on its position.
    pub fn upright_text(&mut self, class: &str, at: (f64, f64), text: &str) {
        self.raw(format_args!(
            r#"<text class="{class}" transform="translate({} {}) rotate(-90)" text-anchor="middle">{}</text>"#,
            Number(at.0),
            Number(at.1),
            escape(text)
        ));
    }

    /// Lines through the points of each run; nothing between the runs.
    pub fn path(&mut self, class: &str, runs: &[Vec<(f64, f64)>]) {
        let mut data = String::new();
        for run in runs.iter().filter(|run| run.len() > 1) {
            for (place, (x, y)) in run.iter().enumerate() {
                let command = if place == 0 { "M" } else { "L" };
                let _ = write!(data, "{command}{} {}", Number(*x), Number(*y));
            }
        }
        if !data.is_empty() {
            self.raw(format_args!(r#"<path class="{class}" d="{data}"/>"#));
        }
    }

    /// The source.
    pub fn finish(self) -> String {
        self.source
    }
}

/// A coordinate with one decimal, and none when it is whole.
struct Number(f64);

impl Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = (self.0 * 10.0).round();
        if tenths % 10.0 == 0.0 {
            write!(f, "{:.0}", tenths / 10.0 + 0.0)
        } else {
            write!(f, "{:.1}", tenths / 10.0)
        }
    }
}

/// Text as XML character data or attribute value; characters that XML 1.0 does not allow become
/// U+FFFD.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}');
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        assert_eq!(
            escape("a<b & \"c\" > d\u{0}\n"),
            "a&lt;b &amp; &quot;c&quot; &gt; d\u{fffd} "
        );
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.0, -0.01, 12.0, 12.34, 12.96].map(|x| Number(x).to_string()),
            ["0", "0", "12", "12.3", "13"]
        );
    }
}
