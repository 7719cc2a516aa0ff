//! A run that a small queueing model made up, to test and to look at the screen and the figure
//! without starting anything. Nothing in a real run comes from here.

use std::{collections::VecDeque, time::Duration};

use policy::thresholds;

use super::{
    machine::MachineTime,
    report::Totals,
    scenario::{Kind, Lasts, Scenario, Speed},
    timeline::{
        Action, AlertChange, AlertEvent, DecisionLine, Direction, MemberSample, MemberState,
        PhaseStart, RunSettings, Sample, Timeline,
    },
};

/// Requests per second one instance of the model serves.
const CAPACITY: f64 = 10.0;
const TICK: Duration = Duration::from_millis(250);
/// Times of the model, in ticks: boot, the rule evaluator's rate window, its pending time, the
/// agent's cooldown.
const BOOT: u32 = 16;
const RATE_WINDOW: usize = 24;
const PENDING: u32 = 16;
const COOLDOWN: u32 = 24;

/// A fast run with a pool of one to five instances in which everything went well.
pub(super) fn example_run() -> Timeline {
    let scenario = Scenario::new(Kind::Brief, CAPACITY, Speed::Fast, 1, 5)
        .unwrap_or_else(|error| unreachable!("{error}"));
    let mut model = Model::new(&scenario);
    for (number, phase) in scenario.phases().iter().enumerate() {
        model.run.phases.push(PhaseStart {
            at: model.now(),
            label: phase.label.clone(),
            first_step: number == scenario.first_step(),
            rate: phase.rate,
            need: phase.need,
        });
        let ends = model.now() + phase.lasts.at_most();
        let until_minimum = matches!(phase.lasts, Lasts::UntilMinimum { .. });
        while model.now() < ends && !(until_minimum && model.members.len() == 1) {
            model.tick(phase.rate);
        }
    }
    model.run.resizes = model.run.actions.iter().map(|action| action.at).collect();
    // The last alert is still to be heard of, and the last member to be seen gone.
    for _ in 0..20 {
        model.tick(CAPACITY * 0.1);
    }
    model.run
}

/// The figures of [`example_run`] that are counted and not sampled.
pub(super) fn example_totals() -> Totals {
    Totals {
        requests: 1_498,
        failed_requests: 0,
        not_sent: 0,
        p50_ms: Some(127.4),
        p99_ms: Some(2_310.0),
        missed: 61,
        api_calls: 148,
        machine: MachineTime {
            had: 148.2,
            lacked: 1.9,
        },
    }
}

struct Member {
    name: String,
    born: u32,
    uses: VecDeque<f64>,
}

struct Model {
    run: Timeline,
    tick: u32,
    members: Vec<Member>,
    launched: u32,
    queue: f64,
    breached: [u32; 2],
    acted: Option<u32>,
    noise: fastrand::Rng,
}

impl Model {
    fn new(scenario: &Scenario) -> Self {
        let settings = RunSettings {
            scenario: Kind::Brief,
            speed: Speed::Fast,
            min_size: 1,
            max_size: scenario.peak_need() + 1,
            cooldown: TICK * COOLDOWN,
            upper_threshold: thresholds::UP,
            lower_threshold: thresholds::DOWN,
            cpu_source: "built-in".to_owned(),
            alert_source: "built-in".to_owned(),
            alert_lifetime: TICK * COOLDOWN * 3,
            service_time: Duration::from_millis(80),
        };
        let mut model = Self {
            run: Timeline::new(settings),
            tick: BOOT,
            members: Vec::new(),
            launched: 0,
            queue: 0.0,
            breached: [0; 2],
            acted: None,
            noise: fastrand::Rng::with_seed(7),
        };
        model.launch(0);
        model
    }

    fn now(&self) -> Duration {
        TICK * (self.tick - BOOT)
    }

    fn launch(&mut self, born: u32) {
        self.launched += 1;
        let name = format!("127.0.10.{}", self.launched);
        self.members.push(Member {
            name,
            born,
            uses: VecDeque::new(),
        });
    }

    fn tick(&mut self, rate: f64) {
        let now = self.tick;
        let healthy = self
            .members
            .iter()
            .filter(|member| now - member.born >= BOOT)
            .count();
        let seconds = TICK.as_secs_f64();
        let capacity = healthy as f64 * CAPACITY * seconds;
        let offered = rate * seconds + self.queue;
        let served = offered.min(capacity);
        self.queue = offered - served;
        for member in self
            .members
            .iter_mut()
            .filter(|member| now - member.born >= BOOT)
        {
            let noise = 1.0 + 0.12 * (self.noise.f64() - 0.5);
            member.uses.push_back((served / capacity * noise).min(1.0));
            if member.uses.len() > RATE_WINDOW {
                member.uses.pop_front();
            }
        }
        self.sample(rate, served / seconds, healthy);
        self.watch();
        self.tick += 1;
    }

    fn sample(&mut self, rate: f64, achieved: f64, healthy: usize) {
        let noise = 1.0 + 0.15 * (self.noise.f64() - 0.5);
        let busy = rate / (healthy as f64 * CAPACITY);
        let wait = self.queue / (healthy as f64 * CAPACITY) * 1000.0;
        let p50 = (104.0 + 30.0 * busy.min(1.0).powi(3) + wait) * noise;
        let members = self
            .members
            .iter()
            .map(|member| self.member(member))
            .collect();
        let sample = Sample {
            at: self.now(),
            asked_rate: rate,
            achieved_rate: achieved * (1.0 + 0.1 * (self.noise.f64() - 0.5)),
            p50_ms: Some(p50),
            p99_ms: Some(p50 * 1.3 + 220.0 * busy.min(1.0).powi(2) * noise),
            cpu: self.average(),
            members,
            desired: self.members.len() as u32,
            running: healthy as u32,
            healthy: healthy as u32,
            in_flight: (self.queue + rate * 0.11).ceil() as u64,
            failed: 0,
            paused: false,
        };
        self.run.samples.push(sample);
    }

    fn member(&self, member: &Member) -> MemberSample {
        let state = match self.tick - member.born {
            age if age < BOOT / 2 => MemberState::Starting,
            age if age < BOOT => MemberState::Running,
            _ => MemberState::Healthy,
        };
        MemberSample {
            name: member.name.clone(),
            state,
            cpu: use_of(member),
        }
    }

    fn average(&self) -> Option<f64> {
        let uses: Vec<f64> = self.members.iter().filter_map(use_of).collect();
        (!uses.is_empty()).then(|| uses.iter().sum::<f64>() / uses.len() as f64)
    }

    fn watch(&mut self) {
        let Some(average) = self.average() else {
            return;
        };
        for (place, (rule, breach)) in [
            (Direction::Up, average > thresholds::UP),
            (Direction::Down, average < thresholds::DOWN),
        ]
        .into_iter()
        .enumerate()
        {
            let (at, before) = (self.now(), self.breached[place]);
            self.breached[place] = if breach { before + 1 } else { 0 };
            if self.breached[place] == PENDING {
                self.run.alerts.push(AlertEvent {
                    at,
                    rule,
                    change: AlertChange::Firing,
                });
            } else if !breach && before >= PENDING {
                self.run.alerts.push(AlertEvent {
                    at,
                    rule,
                    change: AlertChange::Resolved,
                });
            }
            if self.breached[place] >= PENDING
                && self.acted.is_none_or(|acted| self.tick - acted >= COOLDOWN)
            {
                self.act(rule, average);
            }
        }
    }

    fn act(&mut self, direction: Direction, average: f64) {
        let (at, from) = (self.now(), self.members.len() as u32);
        let (to, reason) = match direction {
            Direction::Up if from < self.run.settings.max_size => {
                (from + 1, "above_upper_threshold")
            }
            Direction::Down if from > self.run.settings.min_size => {
                (from - 1, "below_lower_threshold")
            }
            Direction::Up => (from, "at_maximum"),
            Direction::Down => (from, "at_minimum"),
        };
        let percent = average * 100.0;
        if to == from {
            let last = self.run.decisions.last();
            if last.is_none_or(|last| !last.reason.starts_with(reason)) {
                let reason = format!("{reason}: average CPU {percent:.0} %");
                self.run.decisions.push(DecisionLine {
                    at,
                    text: format!("stay at {from}"),
                    reason,
                });
            }
            return;
        }
        match direction {
            Direction::Up => self.launch(self.tick),
            Direction::Down => drop(self.members.pop()),
        }
        self.acted = Some(self.tick);
        self.run.actions.push(Action {
            at,
            from,
            to,
            direction,
            reason: reason.to_owned(),
        });
        self.run.decisions.push(DecisionLine {
            at,
            text: format!("{from}→{to}"),
            reason: format!(
                "{reason}: average CPU {percent:.0} % for {:.0} s",
                (TICK * PENDING).as_secs_f64()
            ),
        });
    }
}

fn use_of(member: &Member) -> Option<f64> {
    (member.uses.len() >= 2).then(|| member.uses.iter().sum::<f64>() / member.uses.len() as f64)
}
