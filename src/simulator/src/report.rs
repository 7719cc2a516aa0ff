//! The comparison as JSON.

use serde::Serialize;

use crate::{competition::Outcome, contender::Contender, measure::Figures};

#[derive(Serialize)]
struct Report<'a> {
    /// The form of this document; fields may be added to it.
    schema: &'static str,
    seeds: &'a [u64],
    means: Vec<Row<'a>>,
    traces: Vec<OfTrace<'a>>,
}

#[derive(Serialize)]
struct OfTrace<'a> {
    trace: &'a str,
    minutes: f64,
    policies: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    policy: String,
    #[serde(flatten)]
    figures: &'a Figures,
}

impl<'a> Row<'a> {
    fn new(contender: Contender, figures: &'a Figures) -> Self {
        Self {
            policy: contender.to_string(),
            figures,
        }
    }
}

/// The comparison as a JSON document, with a line break at its end.
pub fn json(outcome: &Outcome, seeds: &[u64]) -> Result<String, serde_json::Error> {
    let rows = outcome.means.iter();
    let report = Report {
        schema: "autoscaler.simulation/1",
        seeds,
        means: rows
            .map(|(contender, figures)| Row::new(*contender, figures))
            .collect(),
        traces: outcome
            .traces
            .iter()
            .map(|one| OfTrace {
                trace: &one.trace.name,
                minutes: one.trace.minutes(),
                policies: one
                    .results
                    .iter()
                    .map(|result| Row::new(result.contender, &result.figures))
                    .collect(),
            })
            .collect(),
    };
    let mut text = serde_json::to_string_pretty(&report)?;
    text.push('\n');
    Ok(text)
}
