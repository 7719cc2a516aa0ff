//! The comparison as text: one table of means over the traces, one of cost and misses by trace.

use std::fmt::Write as _;

use crate::{
    competition::{Outcome, Result},
    contender::Contender,
    measure::Figures,
};

/// The columns of the table of means.
const HEADS: [&str; 10] = [
    "policy",
    "cost",
    "miss %",
    "under %",
    "over %",
    "under time %",
    "over time %",
    "actions/h",
    "reversals/h",
    "recovery s",
];

/// Both tables.
pub fn table(outcome: &Outcome) -> String {
    let mut text = String::new();
    let rows = outcome
        .means
        .iter()
        .map(|(contender, figures)| row(*contender, figures));
    let rows: Vec<Vec<String>> = [HEADS.map(str::to_owned).to_vec()]
        .into_iter()
        .chain(rows)
        .collect();
    let traces = outcome.traces.len();
    let _ = writeln!(
        text,
        "Means over {traces} trace{}:\n",
        if traces == 1 { "" } else { "s" }
    );
    aligned(&mut text, &rows);
    let _ = writeln!(text, "\nCost / miss % by trace:\n");
    aligned(&mut text, &by_trace(outcome));
    text
}

fn row(contender: Contender, figures: &Figures) -> Vec<String> {
    let mut row = vec![
        contender.to_string(),
        format!("{:.2}", figures.cost),
        format!("{:.2}", figures.missed_percent),
        format!("{:.2}", figures.under_accuracy_percent),
        format!("{:.0}", figures.over_accuracy_percent),
        format!("{:.1}", figures.under_timeshare_percent),
        format!("{:.0}", figures.over_timeshare_percent),
        format!("{:.1}", figures.actions_per_hour),
        format!("{:.1}", figures.reversals_per_hour),
    ];
    row.push(
        figures
            .recovery_s
            .map_or_else(|| "-".to_owned(), |s| format!("{s:.0}")),
    );
    row
}

/// A row a contender, a column a trace.
fn by_trace(outcome: &Outcome) -> Vec<Vec<String>> {
    let names = outcome.traces.iter().map(|one| one.trace.name.clone());
    let mut rows = vec![["policy".to_owned()].into_iter().chain(names).collect()];
    for (place, (contender, _)) in outcome.means.iter().enumerate() {
        let cell = |result: &Result| {
            let figures = &result.figures;
            format!("{:.2}/{:.2}", figures.cost, figures.missed_percent)
        };
        let cells = outcome
            .traces
            .iter()
            .map(|trace| cell(&trace.results[place]));
        rows.push([contender.to_string()].into_iter().chain(cells).collect());
    }
    rows
}

/// The first column to the left, the others to the right.
fn aligned(text: &mut String, rows: &[Vec<String>]) {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells
            .map(|(place, (cell, width))| match place {
                0 => format!("{cell:width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
}
