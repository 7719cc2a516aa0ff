//! What happened in a run of the demo, in order of time.
//!
//! Everything that is shown or written (screen, line log, report, figure) is derived from this one
//! record.

use std::{fmt, time::Duration};

use super::{
    done::Done,
    scenario::{Kind, Speed},
};
pub(crate) use policy::Direction;
pub(crate) use rule_evaluator::AlertChange;

/// Where a member of the pool is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MemberState {
    /// Created, and not yet running.
    Starting,
    /// Running; the load balancer has not yet found it healthy.
    Running,
    /// Running, and the load balancer sends it requests.
    Healthy,
    /// Takes no new requests and finishes the ones it has.
    Draining,
    /// Being removed.
    Stopping,
}

impl fmt::Display for MemberState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Healthy => "healthy",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
        })
    }
}

/// One member of the pool at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MemberSample {
    /// A short name that is unique in the run, such as `pool-1f3a` or an address.
    pub name: String,
    /// Where it is in its life.
    pub state: MemberState,
    /// CPU use from 0 to 1; `None` while it is not known.
    pub cpu: Option<f64>,
}

/// The state of everything at one tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// Time since the start of the run.
    pub at: Duration,
    /// Requests per second the load asks for.
    pub asked_rate: f64,
    /// Requests per second answered since the sample before.
    pub achieved_rate: f64,
    /// Median latency of the requests answered since the sample before, in milliseconds.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the same.
    pub p99_ms: Option<f64>,
    /// The pool's average CPU use from 0 to 1, as the rule evaluator sees it; `None` while it is
    /// not known.
    pub cpu: Option<f64>,
    /// The members that exist.
    pub members: Vec<MemberSample>,
    /// The size the pool was asked to have.
    pub desired: u32,
    /// Members in the state running.
    pub running: u32,
    /// Members the load balancer sends requests to.
    pub healthy: u32,
    /// Requests sent and not yet answered.
    pub in_flight: u64,
    /// Requests failed since the start of the run.
    pub failed: u64,
    /// Whether an order keeps the agent from changing anything.
    pub paused: bool,
}

/// A change of the pool's size that the agent made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Action {
    /// Time since the start of the run, from the agent's own stamp of the decision and not from
    /// when it was seen: the verdict measures gaps between actions to the millisecond.
    pub at: Duration,
    /// Size before.
    pub from: u32,
    /// Size asked for.
    pub to: u32,
    /// Which way.
    pub direction: Direction,
    /// The reason code of the decision.
    pub reason: String,
}

/// A rule of the rule evaluator began to fire, or ceased to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AlertEvent {
    /// Time since the start of the run.
    pub at: Duration,
    /// Which rule: up (CPU above the upper threshold) or down (below the lower one).
    pub rule: Direction,
    /// Began or ended.
    pub change: AlertChange,
}

/// A decision of the agent in words, also when it decided to do nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DecisionLine {
    /// Time since the start of the run.
    pub at: Duration,
    /// What was decided, such as `2→3` or `stay at 1`.
    pub text: String,
    /// Why: the reason code, with its explanation.
    pub reason: String,
}

/// When a phase of the load began, and what it is called.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PhaseStart {
    /// Time since the start of the run.
    pub at: Duration,
    /// The phase's label, as in [`super::scenario::Phase::label`].
    pub label: String,
    /// Whether this phase is the first that needs a bigger pool: times to the first scale-out count
    /// from here.
    pub first_step: bool,
    /// Requests per second, as planned.
    pub rate: f64,
    /// The pool size that carries this load.
    pub need: u32,
}

/// What a person did to the run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InterventionEvent {
    /// Time since the start of the run.
    pub at: Duration,
    /// How long it took: from `at + took` on it was done.
    pub took: Duration,
    /// What was done.
    pub done: Done,
}

/// What was set before the run began.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RunSettings {
    /// What the run is to show.
    pub scenario: Kind,
    /// How fast the scenario runs.
    pub speed: Speed,
    /// The pool's least size.
    pub min_size: u32,
    /// The pool's greatest size.
    pub max_size: u32,
    /// At most one action in this time.
    pub cooldown: Duration,
    /// How long a "down" alert may wait for its action.
    pub alert_lifetime: Duration,
    /// Average CPU use above which the pool grows, from 0 to 1.
    pub upper_threshold: f64,
    /// Average CPU use below which the pool shrinks, from 0 to 1.
    pub lower_threshold: f64,
    /// Who watches the CPU, such as `built-in` or `Prometheus`.
    pub cpu_source: String,
    /// Who evaluates the rules and sends the alerts: `built-in` or `Grafana`.
    pub alert_source: String,
    /// How long an instance that has nothing else to do takes for a request.
    pub service_time: Duration,
}

impl RunSettings {
    /// The longest that a request takes when members are not too few; the simulator's SLO is the
    /// same. Members are up to three quarters busy then, so that some requests wait for others.
    pub(crate) fn normal_latency(&self) -> Duration {
        self.service_time * 10
    }
}

/// The record of a run. Each list is in order of time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Timeline {
    /// What was set before the run began.
    pub settings: RunSettings,
    /// The load's phases.
    pub phases: Vec<PhaseStart>,
    /// One per tick.
    pub samples: Vec<Sample>,
    /// The agent's changes of size.
    pub actions: Vec<Action>,
    /// Beginnings and ends of alerts.
    pub alerts: Vec<AlertEvent>,
    /// All decisions.
    pub decisions: Vec<DecisionLine>,
    /// What a person did to it.
    pub interventions: Vec<InterventionEvent>,
    /// When the cloud changed the pool's size, by the cloud's own record: what the agent says of
    /// itself is held against it.
    pub resizes: Vec<Duration>,
    /// Whether a person ended it before it had ended by itself.
    pub ended_early: bool,
}

impl Timeline {
    /// An empty record.
    pub(crate) fn new(settings: RunSettings) -> Self {
        Self {
            settings,
            phases: Vec::new(),
            samples: Vec::new(),
            actions: Vec::new(),
            alerts: Vec::new(),
            decisions: Vec::new(),
            interventions: Vec::new(),
            resizes: Vec::new(),
            ended_early: false,
        }
    }

    /// The newest sample that was taken by then.
    pub(crate) fn sample_at(&self, at: Duration) -> Option<&Sample> {
        let after = self.samples.partition_point(|sample| sample.at <= at);
        self.samples[..after].last()
    }

    /// By how much the load differs from the planned one after so many interventions.
    pub(crate) fn load_factor(&self, interventions: usize) -> f64 {
        let factors = self.interventions.iter().take(interventions);
        let mut factors = factors.filter_map(|event| event.done.load_factor());
        factors.next_back().unwrap_or(1.0)
    }

    /// The newest sample.
    pub(crate) fn latest(&self) -> Option<&Sample> {
        self.samples.last()
    }

    /// The phase that is going on.
    pub(crate) fn phase(&self) -> Option<&PhaseStart> {
        self.phases.last()
    }

    /// Whether a rule fires now.
    pub(crate) fn fires(&self, rule: Direction) -> bool {
        self.alerts
            .iter()
            .rfind(|alert| alert.rule == rule)
            .is_some_and(|alert| alert.change == AlertChange::Firing)
    }

    /// The times in which a rule fired; the last one ends with the run when it was never resolved.
    pub(crate) fn firing_spans(&self, rule: Direction) -> Vec<(Duration, Duration)> {
        let mut spans = Vec::new();
        let mut began = None;
        for alert in self.alerts.iter().filter(|alert| alert.rule == rule) {
            match alert.change {
                AlertChange::Firing => began = began.or(Some(alert.at)),
                AlertChange::Resolved => spans.extend(began.take().map(|from| (from, alert.at))),
            }
        }
        spans.extend(began.map(|from| (from, self.end().max(from))));
        spans
    }

    /// The time of the last thing recorded.
    pub(crate) fn end(&self) -> Duration {
        [
            self.samples.last().map(|sample| sample.at),
            self.actions.last().map(|action| action.at),
            self.alerts.last().map(|alert| alert.at),
            self.decisions.last().map(|decision| decision.at),
            self.phases.last().map(|phase| phase.at),
        ]
        .into_iter()
        .flatten()
        .max()
        .unwrap_or_default()
    }

    /// How long each phase lasted.
    pub(crate) fn phase_times(&self) -> Vec<Duration> {
        let starts = self.phases.iter().map(|phase| phase.at);
        let ends = starts.clone().skip(1).chain([self.end()]);
        starts
            .zip(ends)
            .map(|(start, end)| end.saturating_sub(start))
            .collect()
    }

    /// The time that members existed, added up over all of them: what a cloud bills.
    pub(crate) fn instance_time(&self) -> Duration {
        let pairs = self.samples.iter().zip(self.samples.iter().skip(1));
        pairs
            .map(|(from, to)| to.at.saturating_sub(from.at) * from.members.len() as u32)
            .sum()
    }

    /// The greatest number of members that were healthy at the same time.
    ///
    /// Healthy, not desired: a pool that was only asked to grow has not grown.
    pub(crate) fn peak_size(&self) -> u32 {
        self.samples
            .iter()
            .map(|sample| sample.healthy)
            .max()
            .unwrap_or_default()
    }

    /// The size at the end: the greater of the members wanted and the members that still run.
    pub(crate) fn final_size(&self) -> Option<u32> {
        self.latest()
            .map(|sample| sample.desired.max(sample.running))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::example_run;

    #[test]
    fn spans_pair_beginnings_with_ends_and_close_at_the_end_of_the_run() {
        let mut run = example_run();
        run.alerts = [
            (1, Direction::Up, AlertChange::Firing),
            (2, Direction::Down, AlertChange::Firing),
            (3, Direction::Up, AlertChange::Resolved),
            (4, Direction::Up, AlertChange::Resolved),
        ]
        .map(|(at, rule, change)| AlertEvent {
            at: Duration::from_secs(at),
            rule,
            change,
        })
        .to_vec();
        let second = Duration::from_secs;
        assert_eq!(run.firing_spans(Direction::Up), [(second(1), second(3))]);
        assert_eq!(run.firing_spans(Direction::Down), [(second(2), run.end())]);
        assert!(run.fires(Direction::Down) && !run.fires(Direction::Up));
    }

    #[test]
    fn instance_time_counts_every_member_for_as_long_as_it_is_there() {
        let mut run = Timeline::new(example_run().settings);
        let member = example_run().samples[0].members[0].clone();
        for (at, members) in [(0, 1), (10, 3), (12, 2), (20, 0), (30, 5)] {
            run.samples.push(Sample {
                at: Duration::from_secs(at),
                members: vec![member.clone(); members],
                ..Sample::default()
            });
        }
        assert_eq!(run.instance_time(), Duration::from_secs(10 + 6 + 16));
    }

    #[test]
    fn the_peak_counts_only_members_that_served() {
        let mut run = example_run();
        run.samples = vec![
            Sample {
                desired: 4,
                running: 3,
                healthy: 2,
                ..Sample::default()
            },
            Sample {
                desired: 1,
                running: 2,
                healthy: 1,
                ..Sample::default()
            },
        ];
        assert_eq!(run.peak_size(), 2);
        assert_eq!(run.final_size(), Some(2));
    }
}
