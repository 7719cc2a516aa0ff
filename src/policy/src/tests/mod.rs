//! Single decisions, each with the one fact that turns it.

mod control;
mod decisions;
#[path = "../../tests/default_rules.rs"]
mod default_rules;
mod leadership;
mod outlook;
mod scale_in;
mod steps;
mod values;
mod writes;

use std::time::Duration;

use uuid::Uuid;

use self::default_rules::default_rules;
use super::{
    Action, ActionFailure, ActionOutcome, Bounds, ChosenStep, Condition, CpuShare, Decision,
    Direction, DrainId, Effect, Event, HealthSource, Member, MemberId, Memo, Mode, Moment, Order,
    OrderError, Pool, ReadFailure, Reason, Rules, ScheduledLimits, Signals, Size, State, StepCause,
    StepSize, Verdict,
};

fn at(seconds: u64) -> Moment {
    Moment::at(Duration::from_secs(seconds))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn member(id: u128) -> Member {
    Member {
        id: MemberId(Uuid::from_u128(id)),
        address: None,
        running: true,
        healthy: Some(true),
        age: Some(seconds(3600)),
    }
}

fn pool(size: u32) -> Pool {
    Pool {
        read_at: Moment::START,
        size: Size(size),
        condition: Condition::Running,
        health: HealthSource::LoadBalancer,
        counted: size as usize,
        members: (1..=u128::from(size)).map(member).collect(),
    }
}

/// A policy whose cooldown has ended, with old alerts only, and what it said.
struct Case {
    state: State,
    now: Moment,
    decisions: Vec<Decision>,
    saved: Option<Memo>,
}

/// Long after the start, so that nothing of it matters.
const LATER: u64 = 1000;

impl Case {
    fn new() -> Self {
        Self::with(default_rules(), Mode::On)
    }

    fn with(rules: Rules, mode: Mode) -> Self {
        let (mut state, _) = State::restore(rules, mode, Some(Memo::default()), Moment::START);
        state.step(Event::Woken, at(LATER)); // the first review
        Self {
            state,
            now: at(LATER),
            decisions: Vec::new(),
            saved: None,
        }
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        let effects = self.state.step(event, self.now);
        for effect in &effects {
            match effect {
                Effect::Record(decision) => self.decisions.push(*decision),
                Effect::Save(memo) | Effect::Act { memo, .. } => self.saved = Some(*memo),
                _ => {}
            }
        }
        effects
    }

    fn order(&mut self, order: Order) -> Vec<Effect> {
        self.step(Event::Control(order))
    }

    fn up(&mut self) -> Vec<Effect> {
        self.step(Event::Signals(Signals {
            up: 1,
            down: 0,
            ..Signals::default()
        }))
    }

    fn down(&mut self) -> Vec<Effect> {
        self.step(Event::Signals(Signals {
            up: 0,
            down: 1,
            ..Signals::default()
        }))
    }

    fn read(&mut self, mut pool: Pool) -> Vec<Effect> {
        pool.read_at = self.now;
        self.step(Event::PoolRead(Ok(pool)))
    }

    fn pass(&mut self, time: u64) -> Vec<Effect> {
        self.now = self.now + seconds(time);
        self.step(Event::Woken)
    }

    fn end(&mut self, outcome: ActionOutcome, is_written: bool) -> Vec<Effect> {
        let written_at = is_written.then_some(self.now);
        self.step(Event::ActionEnded {
            outcome,
            written_at,
        })
    }

    /// A "down" whose victim is being drained.
    fn draining(size: u32) -> Self {
        let mut case = Self::new();
        case.down();
        let effects = case.read(pool(size));
        assert!(drained(&effects).is_some(), "{effects:?}");
        case
    }

    /// The end of that drain, and the read that it asks for.
    fn drained_then(&mut self, pool: Pool) -> Vec<Effect> {
        let ended = self.step(Event::DrainEnded(DrainId(1)));
        assert!(ended.contains(&Effect::ReadPool), "{ended:?}");
        self.read(pool)
    }

    fn last(&self) -> Option<(Verdict, Reason)> {
        self.decisions.last().map(|d| (d.verdict, d.reason))
    }

    fn has(&self, verdict: Verdict, reason: Reason) -> bool {
        let mut decisions = self.decisions.iter();
        decisions.any(|d| (d.verdict, d.reason) == (verdict, reason))
    }
}

fn action(effects: &[Effect]) -> Option<&Action> {
    effects.iter().find_map(|effect| match effect {
        Effect::Act { action, .. } => Some(action),
        _ => None,
    })
}

fn resize(effects: &[Effect]) -> Option<(u32, u32)> {
    action(effects).map(|action| (action.resize().from().0, action.resize().to().0))
}

fn drained(effects: &[Effect]) -> Option<Vec<u128>> {
    effects.iter().find_map(|effect| match effect {
        Effect::Drain { members, .. } => Some(ids(members)),
        _ => None,
    })
}

fn given_back(effects: &[Effect]) -> Option<Vec<u128>> {
    effects.iter().find_map(|effect| match effect {
        Effect::GiveBack(members) => Some(ids(members)),
        _ => None,
    })
}

fn ids(members: &[Member]) -> Vec<u128> {
    members.iter().map(|m| m.id.0.as_u128()).collect()
}
