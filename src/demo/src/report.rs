//! The run in figures: `report.json`, for people's scripts and for continuous integration.

use std::{fs, io, path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    aftermath::aftermaths,
    compare::{self, Comparison},
    machine::MachineTime,
    scenario::{Kind, Speed},
    timeline::{Direction, Timeline},
    verdict::{Outcome, Verdict, min_gap},
};

/// The version of the report's form; it grows when a key changes its meaning or goes away.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// Figures of the whole run that are counted where they arise and not sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    /// Requests that were due.
    pub requests: u64,
    /// Requests that got no good answer.
    pub failed_requests: u64,
    /// Requests that were due and never sent, because a person ended the run.
    pub not_sent: u64,
    /// Median latency of all requests, in milliseconds.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the same.
    pub p99_ms: Option<f64>,
    /// Requests without a good answer within the normal latency.
    pub missed: u64,
    /// Calls the agent made to the cloud's API.
    pub api_calls: u64,
    /// The instances' CPU time.
    pub machine: MachineTime,
}

/// A change of the pool's size, as reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReportedAction {
    /// Seconds since the start of the run.
    pub at_s: f64,
    /// Size before.
    pub from: u32,
    /// Size asked for.
    pub to: u32,
    /// `up` or `down`.
    pub direction: Direction,
    /// The reason code of the decision.
    pub reason: String,
}

/// What a person did, as reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReportedIntervention {
    /// Seconds since the start of the run.
    pub at_s: f64,
    /// What was done, in words.
    pub text: String,
    /// What came of it, as measured; empty where there is nothing to say.
    #[serde(default)]
    pub outcome: String,
    /// Whether what is promised held; `null` where nothing is promised or too little was seen.
    #[serde(default)]
    pub held: Option<bool>,
}

/// What `report.json` holds. Times are seconds with three decimals, latencies milliseconds; what
/// never happened is `null`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Such as `brief`.
    #[serde(default)]
    pub scenario: Kind,
    /// `fast` or `real`.
    pub speed: Speed,
    /// The pool's least size.
    pub min_size: u32,
    /// The pool's greatest size.
    pub max_size: u32,
    /// The most members that were healthy at once.
    pub peak_size: u32,
    /// The size at the end.
    pub final_size: Option<u32>,
    /// From the first load step to the first scale-out.
    pub first_scale_out_s: Option<f64>,
    /// The changes of size, in order.
    pub actions: Vec<ReportedAction>,
    /// The shortest time between two actions.
    pub min_gap_between_actions_s: Option<f64>,
    /// The cooldown: at most one action in this time.
    pub window_s: f64,
    /// Requests sent.
    pub requests: u64,
    /// Requests that got no good answer.
    pub failed_requests: u64,
    /// Requests that were due and never sent, because a person ended the run.
    #[serde(default)]
    pub not_sent: u64,
    /// Median latency of all requests.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the same.
    pub p99_ms: Option<f64>,
    /// What a person did to the run by keys, in order.
    #[serde(default)]
    pub interventions: Vec<ReportedIntervention>,
    /// Calls the agent made to the cloud's API.
    pub api_calls: u64,
    /// Where CPU use came from.
    #[serde(rename = "watcher")]
    pub cpu_source: String,
    /// Who evaluated the rules and sent the alerts: `built-in` or `Grafana`.
    #[serde(default)]
    pub alert_source: String,
    /// How long the run took.
    pub duration_s: f64,
    /// Whether a person ended it before it had ended by itself.
    #[serde(default)]
    pub ended_early: bool,
    /// The instances' CPU time in seconds: what they had, and what this machine did not give.
    #[serde(default)]
    pub machine: MachineTime,
    /// Whether every check held.
    pub passed: bool,
    /// `passed`, `failed`, `not_judged`, or `ended_early`; see [`Outcome`].
    pub outcome: Outcome,
    /// The checks.
    pub checks: Verdict,
    /// The same load on pools that keep their size, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

impl Report {
    /// Draws the figures out of a run and judges it.
    pub(crate) fn new(run: &Timeline, totals: &Totals) -> Self {
        let verdict = Verdict::of(run, totals);
        Self {
            schema_version: SCHEMA_VERSION,
            scenario: run.settings.scenario,
            speed: run.settings.speed,
            min_size: run.settings.min_size,
            max_size: run.settings.max_size,
            peak_size: run.peak_size(),
            final_size: run.final_size(),
            first_scale_out_s: first_scale_out(run).map(seconds),
            actions: run
                .actions
                .iter()
                .map(|action| ReportedAction {
                    at_s: seconds(action.at),
                    from: action.from,
                    to: action.to,
                    direction: action.direction,
                    reason: action.reason.clone(),
                })
                .collect(),
            min_gap_between_actions_s: min_gap(run).map(seconds),
            window_s: seconds(run.settings.cooldown),
            requests: totals.requests,
            failed_requests: totals.failed_requests,
            not_sent: totals.not_sent,
            p50_ms: totals.p50_ms,
            p99_ms: totals.p99_ms,
            interventions: interventions(run),
            api_calls: totals.api_calls,
            cpu_source: run.settings.cpu_source.clone(),
            alert_source: run.settings.alert_source.clone(),
            duration_s: seconds(run.end()),
            ended_early: run.ended_early,
            machine: totals.machine,
            passed: verdict.passed(),
            outcome: verdict.outcome(&totals.machine, run.ended_early),
            checks: verdict,
            comparison: None,
        }
    }

    /// Adds the same load on pools of a fixed size, and judges anew.
    pub(crate) fn compare(&mut self, comparison: Comparison) {
        let checks = comparison.checks();
        self.outcome = compare::outcome(self.outcome, &checks, &comparison);
        self.checks.checks.extend(checks);
        self.passed = self.checks.passed();
        self.comparison = Some(comparison);
    }

    /// The CPU time of the run that had least of what it wanted.
    pub(crate) fn scarcest(&self) -> MachineTime {
        let compared = self.comparison.iter().flat_map(Comparison::machines);
        compared
            .chain([self.machine])
            .min_by(|a, b| a.share().total_cmp(&b.share()))
            .unwrap_or_default()
    }

    /// Writes the report as indented JSON that ends with a newline.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(path, text)
    }
}

fn interventions(run: &Timeline) -> Vec<ReportedIntervention> {
    let events = run.interventions.iter().zip(aftermaths(run));
    let reported = events.map(|(event, came)| ReportedIntervention {
        at_s: seconds(event.at),
        text: event.done.to_string(),
        outcome: came.text,
        held: came.held,
    });
    reported.collect()
}

/// From the first load step to the first scale-out; from the start of the run when the load never
/// stepped.
fn first_scale_out(run: &Timeline) -> Option<Duration> {
    let step = run
        .phases
        .iter()
        .find(|phase| phase.first_step)
        .map_or(Duration::ZERO, |phase| phase.at);
    let since = |at: Duration| at.checked_sub(step);
    run.actions
        .iter()
        .filter(|action| action.direction == Direction::Up)
        .find_map(|action| since(action.at))
}

pub(crate) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        done::Done,
        example::{example_run, example_totals},
        timeline::InterventionEvent,
    };

    #[test]
    fn the_keys_that_scripts_rely_on_are_there() {
        let report = Report::new(&example_run(), &example_totals());
        let json = serde_json::to_value(&report).expect("a report is JSON");
        for key in [
            "schema_version",
            "speed",
            "min_size",
            "max_size",
            "peak_size",
            "final_size",
            "first_scale_out_s",
            "actions",
            "min_gap_between_actions_s",
            "window_s",
            "requests",
            "failed_requests",
            "p50_ms",
            "p99_ms",
            "api_calls",
            "watcher",
            "machine",
            "outcome",
        ] {
            assert!(
                json.get(key).is_some_and(|value| !value.is_null()),
                "{key} in {json:#}"
            );
        }
        let action = &json["actions"][0];
        assert_eq!(action["direction"], "up");
        assert_eq!(
            (action["from"].as_u64(), action["to"].as_u64()),
            (Some(1), Some(2))
        );
        assert!(action["at_s"].is_f64() && action["reason"].is_string());
        assert_eq!(json["speed"], "fast");
        assert_eq!(json["outcome"], "passed");
        assert_eq!(json["checks"][0]["pass"], true);
    }

    #[test]
    fn a_written_report_reads_back() {
        let mut run = example_run();
        run.interventions.push(InterventionEvent {
            at: Duration::from_millis(1_500),
            took: Duration::ZERO,
            done: Done::Paused,
        });
        let report = Report::new(&run, &example_totals());
        let paused = &report.interventions[0];
        assert_eq!(
            (paused.at_s.to_string().as_str(), paused.text.as_str()),
            ("1.5", "agent paused")
        );
        assert_eq!(paused.held, Some(false), "the pool of the example grew");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("report.json");
        report.write(&path).expect("it is writable");
        let text = fs::read_to_string(&path).expect("it was written");
        assert_eq!(
            serde_json::from_str::<Report>(&text).expect("it is a report"),
            report
        );
    }

    #[test]
    fn the_first_scale_out_counts_from_the_load_step() {
        let mut run = example_run();
        let step = run
            .phases
            .iter()
            .find(|phase| phase.first_step)
            .expect("the example steps")
            .at;
        run.actions[0].at = step + Duration::from_millis(9_500);
        assert_eq!(
            Report::new(&run, &example_totals()).first_scale_out_s,
            Some(9.5)
        );
        run.actions.clear();
        assert_eq!(Report::new(&run, &example_totals()).first_scale_out_s, None);
    }
}
