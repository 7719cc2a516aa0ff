//! What the page holds, as text. `tests/integration/html.rs` looks at it in a browser.

use super::{STYLE, html};
use crate::{
    record::{BackendSummary, Failure, Latency, Point, Summary, Warning, record},
    threshold::Verdict,
};

/// What a server, or who names a backend, would like to be taken for part of the page.
const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=\"alert('2')\">&\u{1b}";

fn hostile() -> (Summary, Verdict) {
    let mut summary = Summary::default();
    for key in ["target", "method", "mode", "profile", "engine"] {
        summary.plan.insert(key.to_owned(), HOSTILE.to_owned());
    }
    record(&mut summary.histograms.response, 1_000_000);
    let reasons = &mut summary.counters.reasons;
    reasons.count(Failure::Protocol, HOSTILE, 3);
    summary.counters.failures.insert(Failure::Protocol, 3);
    summary.backends.push(BackendSummary {
        name: HOSTILE.into(),
        answers: 1,
        ok: 1,
        response: Latency::default(),
        service: Latency::default(),
        first_seen: 0.0,
        last_seen: 1.0,
    });
    summary.warnings.push(Warning {
        kind: HOSTILE.to_owned(),
        text: HOSTILE.to_owned(),
    });
    for second in 0..10 {
        summary.series.push(Point {
            start: f64::from(second),
            seconds: 1.0,
            asked: 5.0,
            started: 5,
            backends: [(HOSTILE.into(), 4)].into(),
            failures: [(Failure::Protocol, 1)].into(),
            ..Point::default()
        });
    }
    let verdict = Verdict {
        fail_if: HOSTILE.to_owned(),
        failed: true,
        measured: HOSTILE.to_owned(),
    };
    (summary, verdict)
}

#[test]
fn the_page_stands_alone_and_nothing_from_outside_becomes_part_of_it() {
    let (summary, verdict) = hostile();
    let page = html(&summary, &[verdict]);
    assert!(page.matches("&lt;/script&gt;").count() > 8);
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
    for outside in ["<img", "src=", "href=", "url(", "@import", "\u{1b}", "NaN"] {
        // As a name's text they may stand, but never in a tag.
        let in_tags = page.split('<').skip(1).any(|tag| {
            let tag = tag.split('>').next().unwrap_or_default();
            tag.contains(outside) && !tag.contains("&quot;")
        });
        assert!(!in_tags, "{outside}");
    }
    assert_eq!(page.matches("<figure>").count(), 6);
    assert!(!page.contains("NaN") && !page.contains("inf%"));
}

#[test]
fn a_run_without_a_tick_has_a_page() {
    let page = html(&Summary::default(), &[]);
    assert!(!page.contains("NaN") && page.contains("</html>"));
}

/// The colours that a block of the style sheet gives to variables.
fn colors(block: &str) -> Vec<(&str, [f64; 3])> {
    let variables = block.split("--").skip(1);
    let colors = variables.filter_map(|text| {
        let (name, value) = text.split_once(": #")?;
        let digits = value.split(';').next()?;
        let channel = |at| u8::from_str_radix(&digits[at..at + 2], 16).map(f64::from);
        (digits.len() == 6).then(|| {
            let [r, g, b] = [0, 2, 4].map(|at| channel(at).expect("a colour"));
            (name, [r, g, b])
        })
    });
    colors.collect()
}

/// The ratio of contrast by WCAG 2.
fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let luminance = |color: [f64; 3]| {
        let [r, g, b] = color.map(|channel| {
            let part = channel / 255.0;
            if part <= 0.040_45 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_and_lines_stand_out_on_light_and_on_dark_ground() {
    let (light, rest) = STYLE
        .split_once("@media (prefers-color-scheme: dark)")
        .expect("dark");
    let (dark, rest) = rest.split_once("* {").expect("rules");
    let (_, print) = rest.split_once("@media print").expect("print");
    for (name, block) in [("light", light), ("dark", dark), ("print", print)] {
        let print_white = [
            ("ground", [255.0; 3]),
            ("raised", [255.0; 3]),
            ("warn-ground", [255.0; 3]),
        ];
        let mut colors = colors(block);
        if name == "print" {
            colors.extend(print_white);
        }
        let color = |wanted: &str| {
            let found = colors.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, color)| *color)
        };
        for (text, ground) in [
            ("text", "ground"),
            ("text", "raised"),
            ("soft", "ground"),
            ("soft", "raised"),
            ("ok", "ground"),
            ("bad", "ground"),
            ("warn-text", "warn-ground"),
        ] {
            if let (Some(text_color), Some(ground_color)) = (color(text), color(ground)) {
                let ratio = contrast(text_color, ground_color);
                assert!(ratio >= 4.5, "{name}: {text} on {ground}: {ratio:.2}");
            } else {
                assert_eq!(name, "print", "{text} on {ground}");
            }
        }
        for line in 0..8 {
            let line = format!("c{line}");
            // Black is written with three digits.
            let Some(line_color) = color(&line) else {
                assert_eq!((name, &*line), ("print", "c6"));
                continue;
            };
            let ratio = contrast(line_color, color("ground").expect("ground"));
            assert!(ratio >= 3.0, "{name}: {line}: {ratio:.2}");
        }
    }
}
