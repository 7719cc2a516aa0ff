//! The alert rules in the course of time: each is quiet, pending or firing.

use std::time::Duration;

use alert_rules::{FloorRule, Monitoring, ScaleRule};
use policy::Direction;
use rule_evaluator::rules::{Rule, RuleState};

use super::{RequestCounts, Targets};
use crate::time::{Micros, duration};

/// A rule that may fire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum AnyRule<'a> {
    /// By CPU use.
    Scale(&'a ScaleRule),
    /// By request rate.
    Floor(&'a FloorRule),
}

/// All rules with their states: first those by CPU use, then those by request rate.
#[derive(Clone, Debug)]
pub(crate) struct Alerts {
    rules: Vec<ScaleRule>,
    floors: Vec<FloorRule>,
    states: Vec<Rule>,
    values: Vec<Option<f64>>,
}

impl Alerts {
    pub(crate) fn new(monitoring: &Monitoring) -> Self {
        // Reminders are the dispatcher's.
        let state = |direction, pending| Rule::new(direction, pending, Duration::MAX);
        let rules = monitoring.rules.iter().map(|(rule, _)| rule);
        let floors = monitoring.floors.iter().map(|(rule, _)| rule);
        let states: Vec<Rule> = rules
            .clone()
            .map(|rule| state(rule.direction, rule.pending))
            // A floor only raises.
            .chain(floors.clone().map(|rule| state(Direction::Up, rule.pending)))
            .collect();
        Self {
            rules: rules.cloned().collect(),
            floors: floors.cloned().collect(),
            values: vec![None; states.len()],
            states,
        }
    }

    /// Computes what the rules by CPU use look at, as Prometheus' recording rules do.
    pub(crate) fn record(&mut self, targets: &Targets, now: Micros) {
        for (rule, value) in self.rules.iter().zip(&mut self.values) {
            *value = targets.average(&rule.query, now);
        }
    }

    /// Evaluates every rule, those by CPU use on what was recorded last.
    pub(crate) fn evaluate(&mut self, requests: &RequestCounts, now: Micros) {
        let of_floors = &mut self.values[self.rules.len()..];
        for (rule, value) in self.floors.iter().zip(of_floors) {
            *value = requests.members(&rule.query, now);
        }
        for place in 0..self.states.len() {
            let (rule, value) = self.rule(place);
            let is_breached = value.is_some_and(|value| match rule {
                AnyRule::Scale(rule) => rule.is_breached_by(value),
                AnyRule::Floor(rule) => rule.is_breached_by(value),
            });
            self.states[place].evaluate(is_breached, duration(now));
        }
    }

    /// Whether a rule fires.
    pub(crate) fn fires(&self, place: usize) -> bool {
        matches!(self.states[place].state(), RuleState::Firing { .. })
    }

    /// The rule, and its value at its last evaluation.
    pub(crate) fn rule(&self, place: usize) -> (AnyRule<'_>, Option<f64>) {
        let rule = match self.rules.get(place) {
            Some(rule) => AnyRule::Scale(rule),
            None => AnyRule::Floor(&self.floors[place - self.rules.len()]),
        };
        (rule, self.values[place])
    }
}
