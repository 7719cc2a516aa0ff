//! The decisions kept for `/decisions`, and the marks that the charts have for them.

use std::collections::VecDeque;

use jiff::Timestamp;
use policy::{Decision, Direction, Verdict};
use serde::Serialize;

use super::{control::Note, view::DecisionRecord};

/// Decisions kept for `/decisions`.
const DECISIONS_KEPT: usize = 200;

/// Marks kept for the charts: more than a day has where each cooldown ends with an action that
/// takes its time.
const MARKS_KEPT: usize = 600;

/// The latest decisions.
#[derive(Debug, Default)]
pub(crate) struct DecisionLog {
    records: VecDeque<DecisionRecord>,
    marks: VecDeque<Mark>,
    numbered: u64,
}

/// A change of the pool, or an attempt at one, on a chart.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Mark {
    /// When, in milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) verdict: Verdict,
    pub(crate) direction: Option<Direction>,
    pub(crate) from: Option<u32>,
    pub(crate) to: Option<u32>,
}

impl DecisionLog {
    /// Keeps a decision, that of an order with who gave it; the same quiet again is one record.
    pub(crate) fn keep(&mut self, decision: &Decision, note: Option<&Note>, now: Timestamp) {
        let verdict = decision.verdict;
        if let Some(last) = self.records.back_mut()
            && verdict == Verdict::Quiet
            && last.verdict == Verdict::Quiet
        {
            last.until = now;
            last.times += 1;
            return;
        }
        self.numbered += 1;
        let record = DecisionRecord {
            number: self.numbered,
            at: now,
            until: now,
            times: 1,
            at_s: decision.at.since_start().as_secs_f64(),
            verdict,
            reason: decision.reason,
            text: decision.reason.text(),
            words: decision.to_string(),
            direction: decision.direction,
            signals: decision.signals,
            from: decision.from.map(|size| size.0),
            to: decision.to.map(|size| size.0),
            step: decision.step.map(|step| step.size.to_string()),
            step_reason: decision.step.map(|step| step.cause.to_string()),
            order: note.map(|note| note.order.clone()),
            who: note.and_then(|note| note.who.clone()),
            why: note.and_then(|note| note.why.clone()),
            outcome: None,
        };
        if matches!(
            verdict,
            Verdict::Acted | Verdict::Recommended | Verdict::Failed
        ) {
            let mark = Mark {
                at: now.as_millisecond(),
                verdict,
                direction: record.direction,
                from: record.from,
                to: record.to,
            };
            push(&mut self.marks, mark, MARKS_KEPT);
        }
        push(&mut self.records, record, DECISIONS_KEPT);
    }

    /// Notes what became of the latest change that was ordered.
    pub(crate) fn ended(&mut self, outcome: &'static str) {
        let mut latest = self.records.iter_mut().rev();
        if let Some(acted) = latest.find(|record| record.verdict == Verdict::Acted) {
            acted.outcome = Some(outcome);
        }
    }

    /// The decisions, oldest first.
    pub(crate) fn records(&self) -> Vec<DecisionRecord> {
        self.records.iter().cloned().collect()
    }

    /// The marks, oldest first.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        self.marks.iter().copied().collect()
    }
}

fn push<T>(kept: &mut VecDeque<T>, new: T, most: usize) {
    if kept.len() == most {
        kept.pop_front();
    }
    kept.push_back(new);
}

/// Writes a decision into the log.
pub(crate) fn log(decision: &Decision) {
    let Decision { signals, .. } = *decision;
    let direction = decision.direction.map(Direction::as_str);
    let (from, to) = (decision.from.map(|s| s.0), decision.to.map(|s| s.0));
    let (verdict, reason) = (decision.verdict.code(), decision.reason.code());
    if decision.verdict == Verdict::Quiet {
        tracing::debug!(verdict, reason, from, "{decision}.");
    } else {
        tracing::info!(verdict, reason, direction, from, to, signals, "{decision}.");
    }
}

#[cfg(test)]
mod tests {
    use policy::{Moment, Reason, Size};

    use super::*;

    fn decision(verdict: Verdict) -> Decision {
        Decision {
            at: Moment::START,
            verdict,
            reason: Reason::HighLoad,
            direction: Some(Direction::Up),
            signals: 1,
            from: Some(Size(2)),
            to: Some(Size(3)),
            step: None,
        }
    }

    #[test]
    fn memory_is_bounded_and_the_latest_stays() {
        let mut log = DecisionLog::default();
        for second in 0..5_000 {
            let now = Timestamp::from_second(second).unwrap();
            log.keep(&decision(Verdict::Acted), None, now);
        }
        assert_eq!(log.records().len(), DECISIONS_KEPT);
        assert_eq!(log.records().last().unwrap().number, 5_000);
        assert_eq!(log.marks().len(), MARKS_KEPT);
        assert_eq!(log.marks().last().unwrap().at, 4_999_000);
    }

    #[test]
    fn an_end_belongs_to_the_latest_change_and_a_refusal_has_no_mark() {
        let mut log = DecisionLog::default();
        let now = Timestamp::UNIX_EPOCH;
        for verdict in [Verdict::Acted, Verdict::Acted, Verdict::Refused] {
            log.keep(&decision(verdict), None, now);
        }
        log.ended("applied");
        let outcomes: Vec<_> = log.records().iter().map(|record| record.outcome).collect();
        assert_eq!(outcomes, [None, Some("applied"), None]);
        assert_eq!(log.marks().len(), 2);
    }
}
