//! Many runs in a table, each against the first, and how far runs of one label differ by chance.

use std::fmt::Write as _;

use super::headline::Headline;
use crate::text::show_nanos;

/// Columns of a name.
const NAME: usize = 19;
/// Runs of one label from which a median and a spread are told.
const ENOUGH: usize = 3;

/// How a figure is written, and how two of them differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rate,
    /// A part of the requests: in percent, and different in points of it.
    Part,
    Time,
}

struct Column {
    name: &'static str,
    width: usize,
    kind: Kind,
    read: fn(&Headline) -> f64,
}

static COLUMNS: [Column; 7] = [
    Column {
        name: "rate",
        width: 9,
        kind: Kind::Rate,
        read: |run| run.rate,
    },
    Column {
        name: "ok %",
        width: 9,
        kind: Kind::Part,
        read: |run| run.success() * 100.0,
    },
    time("p50", |run| run.p50 as f64),
    time("p90", |run| run.p90 as f64),
    time("p99", |run| run.p99 as f64),
    time("p99.9", |run| run.p999 as f64),
    time("max", |run| run.max as f64),
];

const fn time(name: &'static str, read: fn(&Headline) -> f64) -> Column {
    Column {
        name,
        width: 8,
        kind: Kind::Time,
        read,
    }
}

/// Runs of one label.
struct Group<'a> {
    label: &'a str,
    runs: Vec<&'a Headline>,
}

/// Writes runs as rows, in 80 columns. The first is what the others are compared with.
pub fn compare_many(runs: &[(String, Headline)]) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut out, runs);
    out
}

fn write_all(out: &mut String, runs: &[(String, Headline)]) -> std::fmt::Result {
    let heads = COLUMNS.iter().map(|column| column.name.to_owned());
    write_row(out, "run", heads)?;
    for (place, (name, run)) in runs.iter().enumerate() {
        let values = COLUMNS.iter();
        let values = values.map(|column| column.kind.show((column.read)(run)));
        write_row(out, name, values)?;
        if place > 0 {
            let base = &runs[0].1;
            let changes = COLUMNS.iter();
            let changes =
                changes.map(|column| column.kind.change((column.read)(base), (column.read)(run)));
            write_row(out, "", changes)?;
        }
    }
    if let [(name, _), _, ..] = runs {
        writeln!(
            out,
            "\nThe second lines are the differences from {name}; of ok % in points."
        )?;
    }
    write_groups(out, runs)?;
    for (name, run) in runs {
        let failed = (!run.passed).then_some("a threshold failed");
        let notes = failed
            .into_iter()
            .chain(run.warnings.iter().map(String::as_str));
        let notes: Vec<&str> = notes.collect();
        if !notes.is_empty() {
            writeln!(out, "{name}: {}", notes.join(", "))?;
        }
    }
    Ok(())
}

fn write_groups(out: &mut String, runs: &[(String, Headline)]) -> std::fmt::Result {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (_, run) in runs {
        let Some(label) = &run.label else { continue };
        match groups.iter_mut().find(|group| group.label == label) {
            Some(group) => group.runs.push(run),
            None => groups.push(Group {
                label,
                runs: vec![run],
            }),
        }
    }
    groups.retain(|group| group.runs.len() >= ENOUGH);
    for group in &groups {
        writeln!(out, "\n{} runs of {}", group.runs.len(), group.label)?;
        let medians = COLUMNS.iter();
        let medians = medians.map(|column| column.kind.show(group.median(column)));
        write_row(out, "  median", medians)?;
        write_row(
            out,
            "  spread",
            COLUMNS.iter().map(|column| group.spread(column)),
        )?;
    }
    if let [base, others @ ..] = &groups[..] {
        for other in others {
            writeln!(out, "\n{} against {}", other.label, base.label)?;
            let apart = COLUMNS.iter().map(|column| other.apart(base, column));
            write_row(out, "  apart", apart)?;
        }
        writeln!(
            out,
            "\nspread: from the least to the greatest, as a part of the median."
        )?;
        if !others.is_empty() {
            writeln!(
                out,
                "apart: the difference of medians whose ranges do not touch; - may be noise."
            )?;
        }
    }
    let judged: usize = groups.iter().map(|group| group.runs.len()).sum();
    if runs.len() > 1 && judged < runs.len() {
        writeln!(
            out,
            "\nA difference between single runs may be noise: make {ENOUGH} or more of each --label."
        )?;
    }
    Ok(())
}

impl Group<'_> {
    fn sorted(&self, column: &Column) -> Vec<f64> {
        let mut values: Vec<f64> = self.runs.iter().map(|run| (column.read)(run)).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    fn range(&self, column: &Column) -> (f64, f64) {
        let values = self.sorted(column);
        let ends = values.first().copied().zip(values.last().copied());
        ends.unwrap_or_default()
    }

    fn median(&self, column: &Column) -> f64 {
        let values = self.sorted(column);
        let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
        f64::midpoint(values[low], values[high])
    }

    /// How the median differs, if by more than chance makes runs of one label differ.
    fn apart(&self, base: &Self, column: &Column) -> String {
        let (own, other) = (self.range(column), base.range(column));
        if own.1 < other.0 || other.1 < own.0 {
            column.kind.change(base.median(column), self.median(column))
        } else {
            "-".to_owned()
        }
    }

    fn spread(&self, column: &Column) -> String {
        let ((low, high), median) = (self.range(column), self.median(column));
        match column.kind {
            Kind::Part => format!("{:.3}", high - low),
            _ if median > 0.0 => percent((high - low) / median),
            _ => "-".to_owned(),
        }
    }
}

impl Kind {
    fn show(self, value: f64) -> String {
        match self {
            Self::Rate => format!("{value:.1}"),
            Self::Part => format!("{value:.3}"),
            Self::Time => show_nanos(value as u64),
        }
    }

    fn change(self, base: f64, value: f64) -> String {
        match self {
            Self::Part => format!("{:+.3}", value - base),
            // Of no response there is no time to compare with.
            _ if base <= 0.0 => "-".to_owned(),
            _ => {
                let change = value / base - 1.0;
                if change < 0.0 {
                    format!("-{}", percent(-change))
                } else {
                    format!("+{}", percent(change))
                }
            }
        }
    }
}

/// Writes a part with two or three digits.
fn percent(part: f64) -> String {
    let percent = part * 100.0;
    if percent < 9.95 {
        format!("{percent:.1}%")
    } else if percent < 9_999.5 {
        format!("{percent:.0}%")
    } else {
        ">9999%".to_owned()
    }
}

fn write_row(
    out: &mut String,
    name: &str,
    cells: impl Iterator<Item = String>,
) -> std::fmt::Result {
    let length = name.chars().count();
    // The end of a path says more than its beginning.
    let shown: String = if length > NAME {
        let kept = name.chars().skip(length - NAME + 1);
        ['…'].into_iter().chain(kept).collect()
    } else {
        name.to_owned()
    };
    let mut line = format!("{shown:<NAME$}");
    for (cell, column) in cells.zip(&COLUMNS) {
        write!(line, "{cell:>width$}", width = column.width)?;
    }
    writeln!(out, "{}", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::{Headline, compare_many};
    use crate::record::{Latency, Summary};

    fn run(name: &str, label: Option<&str>, p99: u64) -> (String, Headline) {
        let mut summary = Summary {
            response: Latency {
                count: 1_000,
                p50: 1_000_000,
                p99,
                max: 100_000_000_000,
                ..Latency::default()
            },
            planned: 1.0,
            elapsed: 1.0,
            ..Summary::default()
        };
        (summary.counters.ok, summary.accounts.sent) = (1_000, 999_999);
        let label = label.map(|label| ("label".to_owned(), label.to_owned()));
        summary.plan.extend(label);
        (name.to_owned(), Headline::of(&summary, true))
    }

    fn row<'a>(text: &'a str, begin: &str) -> Vec<&'a str> {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(begin));
        let line = line.unwrap_or_else(|| panic!("{begin}: {text}"));
        line.split_whitespace().collect()
    }

    #[test]
    fn each_run_is_a_row_with_its_differences_from_the_first_in_80_columns() {
        let runs = [
            run("before", None, 10_000_000),
            run("a/path/that/is/much/too/long/after.json", None, 25_000_000),
            run("third", None, 9_900_000),
        ];
        let text = compare_many(&runs);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert_eq!(
            row(&text, "before")[1..6],
            ["999999.0", "100.000", "1.00ms", "0.00ns", "10.0ms"]
        );
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[2].starts_with("…") && lines[2].contains("after.json"),
            "{text}"
        );
        assert_eq!(
            lines[3].split_whitespace().collect::<Vec<_>>(),
            ["+0.0%", "+0.000", "+0.0%", "-", "+150%", "-", "+0.0%"]
        );
        assert!(lines[5].contains("-1.0%"), "{text}");
        assert!(text.contains("may be noise"), "{text}");
    }

    #[test]
    fn runs_of_a_label_have_a_median_and_a_spread_and_chance_is_not_news() {
        let mut runs = vec![
            run("1", Some("main"), 10_000_000),
            run("2", Some("main"), 12_000_000),
            run("3", Some("main"), 11_000_000),
        ];
        let text = compare_many(&runs);
        assert_eq!(row(&text, "median")[5], "11.0ms");
        assert_eq!(row(&text, "spread")[5], "18%");
        assert!(!text.contains("may be noise"), "{text}");

        runs.extend([12_500_000, 13_000_000, 14_000_000].map(|p99| run("x", Some("slow"), p99)));
        runs.extend([11_500_000, 10_500_000, 9_000_000].map(|p99| run("y", Some("same"), p99)));
        let text = compare_many(&runs);
        let apart = |label: &str| {
            let (_, after) = text
                .split_once(&format!("{label} against main"))
                .expect(label);
            row(after, "apart")
        };
        assert_eq!(
            apart("slow"),
            ["apart", "-", "-", "-", "-", "+18%", "-", "-"]
        );
        assert_eq!(apart("same"), ["apart", "-", "-", "-", "-", "-", "-", "-"]);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }
}
