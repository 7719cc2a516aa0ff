//! The alert rules in the course of time: each is quiet, pending or firing.

use alert_rules::{Monitoring, ScaleRule};
use rule_evaluator::rules::{Rule, RuleState};

use super::Targets;
use crate::time::{Micros, duration};

/// All rules with their states.
#[derive(Clone, Debug)]
pub(crate) struct Alerts {
    rules: Vec<(ScaleRule, Rule)>,
    values: Vec<Option<f64>>,
}

impl Alerts {
    pub(crate) fn new(monitoring: &Monitoring) -> Self {
        let rules = monitoring.rules.iter().map(|(rule, _)| {
            // Reminders are the dispatcher's.
            let state = Rule::new(rule.direction, rule.pending, std::time::Duration::MAX);
            (rule.clone(), state)
        });
        let rules: Vec<_> = rules.collect();
        Self {
            values: vec![None; rules.len()],
            rules,
        }
    }

    /// Computes what the rules look at, as Prometheus' recording rules do.
    pub(crate) fn record(&mut self, targets: &Targets, now: Micros) {
        for ((rule, _), value) in self.rules.iter().zip(&mut self.values) {
            *value = targets.average(&rule.query, now);
        }
    }

    /// Evaluates every rule on what was recorded last.
    pub(crate) fn evaluate(&mut self, now: Micros) {
        for ((rule, state), value) in self.rules.iter_mut().zip(&self.values) {
            let is_breached = value.is_some_and(|value| rule.is_breached_by(value));
            state.evaluate(is_breached, duration(now));
        }
    }

    /// Whether a rule fires.
    pub(crate) fn fires(&self, place: usize) -> bool {
        matches!(self.rules[place].1.state(), RuleState::Firing { .. })
    }

    /// The rule, and the average at its last evaluation.
    pub(crate) fn rule(&self, place: usize) -> (&ScaleRule, Option<f64>) {
        (&self.rules[place].0, self.values[place])
    }
}
