//! The run as a log of lines, for where there is no terminal: a line per event, and a status line
//! every few seconds. Each begins with the time since the start.

use std::{
    io::{self, Write},
    time::Duration,
};

use super::{
    summary::millis,
    timeline::{AlertChange, Sample, Timeline},
};

/// Writes what is new in a run's record each time it is asked to.
#[derive(Debug)]
pub(crate) struct LineLog<W> {
    out: W,
    status_every: Duration,
    next_status: Duration,
    seen: Seen,
}

/// How much of each list has been written.
#[derive(Debug, Default)]
struct Seen {
    phases: usize,
    alerts: usize,
    decisions: usize,
    actions: usize,
    interventions: usize,
}

impl<W: Write> LineLog<W> {
    /// A log with a status line each `status_every`.
    pub(crate) fn new(out: W, status_every: Duration) -> Self {
        Self {
            out,
            status_every,
            next_status: status_every,
            seen: Seen::default(),
        }
    }

    /// From here on a status line comes each `status_every`.
    pub(crate) fn set_status_every(&mut self, status_every: Duration) {
        self.status_every = status_every;
    }

    /// Writes the events that came since the last call in order of time, then a status line if one
    /// is due.
    pub(crate) fn update(&mut self, run: &Timeline, elapsed: Duration) -> io::Result<()> {
        let mut lines = self.new_events(run);
        lines.sort_by_key(|(at, _)| *at);
        for (at, text) in lines {
            writeln!(self.out, "{} {text}", stamp(at))?;
        }
        if elapsed >= self.next_status {
            // After a stall one line is enough for all that were missed.
            self.next_status = elapsed + self.status_every;
            if let Some(sample) = run.latest() {
                writeln!(self.out, "{} {}", stamp(elapsed), status(sample))?;
            }
        }
        self.out.flush()
    }

    fn new_events(&mut self, run: &Timeline) -> Vec<(Duration, String)> {
        let seen = &mut self.seen;
        let mut lines = Vec::new();
        for phase in unseen(&run.phases, &mut seen.phases) {
            lines.push((phase.at, format!("load      {}", phase.label)));
        }
        for alert in unseen(&run.alerts, &mut seen.alerts) {
            let change = match alert.change {
                AlertChange::Firing => "fires",
                AlertChange::Resolved => "is over",
            };
            lines.push((alert.at, format!("alert     {} {change}", alert.rule)));
        }
        for event in unseen(&run.interventions, &mut seen.interventions) {
            lines.push((event.at, format!("key       {}", event.done)));
        }
        for decision in unseen(&run.decisions, &mut seen.decisions) {
            // One that changed the size is told as the action below.
            if !run.actions.iter().any(|action| action.at == decision.at) {
                let text = format!("decision  {}: {}", decision.text, decision.reason);
                lines.push((decision.at, text));
            }
        }
        for action in unseen(&run.actions, &mut seen.actions) {
            let decision = run
                .decisions
                .iter()
                .find(|decision| decision.at == action.at);
            let reason = decision.map_or(&action.reason, |decision| &decision.reason);
            let name = action.direction.action_name();
            let text = format!("{name:<9} {} → {}: {reason}", action.from, action.to);
            lines.push((action.at, text));
        }
        lines
    }
}

fn unseen<'a, T>(all: &'a [T], seen: &mut usize) -> &'a [T] {
    let new = all.get(*seen..).unwrap_or_default();
    *seen = all.len();
    new
}

/// The time since the start, such as `[ 83.2 s]`: eight columns up to a quarter of an hour.
fn stamp(at: Duration) -> String {
    format!("[{:6.1} s]", at.as_secs_f64())
}

fn status(sample: &Sample) -> String {
    let cpu = sample
        .cpu
        .map_or_else(|| "  ?".to_owned(), |cpu| format!("{:3.0}", cpu * 100.0));
    let latency = |ms: Option<f64>| ms.map_or_else(|| "?".to_owned(), millis);
    format!(
        "pool {}/{} healthy, CPU {cpu} %, {:.1} of {:.1} requests/s, p50 {}, p99 {}, {} failed",
        sample.healthy,
        sample.desired,
        sample.achieved_rate,
        sample.asked_rate,
        latency(sample.p50_ms),
        latency(sample.p99_ms),
        sample.failed
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{done::Done, example::example_run, timeline::InterventionEvent};

    fn written(log: LineLog<Vec<u8>>) -> String {
        String::from_utf8(log.out).expect("the log is text")
    }

    #[test]
    fn each_event_is_written_once_and_in_order_of_time() {
        let mut run = example_run();
        run.interventions.push(InterventionEvent {
            at: Duration::from_secs(20),
            took: Duration::ZERO,
            done: Done::ApiBroken,
        });
        let mut log = LineLog::new(Vec::new(), Duration::from_secs(3600));
        log.update(&run, run.end()).expect("a vector is writable");
        log.update(&run, run.end()).expect("a vector is writable");
        let text = written(log);
        let stays = run
            .decisions
            .iter()
            .filter(|decision| decision.text.starts_with("stay"));
        let events = run.phases.len() + run.alerts.len() + run.actions.len() + stays.count() + 1;
        assert_eq!(text.lines().count(), events, "{text}");
        let mut stamps: Vec<&str> = text.lines().map(|line| &line[..10]).collect();
        let written = stamps.clone();
        stamps.sort_unstable();
        assert_eq!(stamps, written);
        assert!(
            text.contains("[  20.0 s] key       API broken: every call fails\n")
                && text.contains("scale out 2 → 3: above_upper_threshold: average CPU")
                && text.contains("alert     up fires"),
            "{text}"
        );
    }

    #[test]
    fn a_status_line_comes_each_interval_and_not_in_a_burst_after_a_stall() {
        let mut run = example_run();
        run.phases.clear();
        run.alerts.clear();
        run.decisions.clear();
        run.actions.clear();
        let mut log = LineLog::new(Vec::new(), Duration::from_secs(5));
        for at in [1, 5, 6, 60, 61, 65] {
            log.update(&run, Duration::from_secs(at))
                .expect("a vector is writable");
        }
        let text = written(log);
        let stamps: Vec<&str> = text.lines().map(|line| &line[..10]).collect();
        assert_eq!(stamps, ["[   5.0 s]", "[  60.0 s]", "[  65.0 s]"]);
        assert!(text.contains("requests/s"), "{text}");
    }
}
