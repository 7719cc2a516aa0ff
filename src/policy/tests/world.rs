//! A small world around the policy: alerts, a fault-injecting API, an operator, a provider,
//! crashes; all in virtual time. It carries out the policy's effects and keeps a history to check.
//!
//! Nothing is done at once. Reads, drains, writes and the provider's work after a write all last,
//! and whatever else can happen happens inside them.

mod actions;
mod operator;
mod provider;

use std::time::Duration;

use policy::{
    AskedSteps, Bounds, Condition, Direction, DrainId, Effect, Event, Leadership, MemberId, Memo,
    Mode, Moment, ReadFailure, Rules, ScheduledLimits, Signals, Size, State, StepCause, StepSize,
};

use super::{
    happening::{Happening, Mood, WriteFate},
    history::{Alert, History, Write},
};

struct InFlight {
    write: Write,
    victims: Vec<MemberId>,
    answer_at: Moment,
    fate: WriteFate,
}

struct Draining {
    id: DrainId,
    members: Vec<MemberId>,
    ends_at: Option<Moment>,
    down_was_fresh: bool,
}

#[derive(Clone, Copy)]
struct Server {
    id: MemberId,
    created: Moment,
}

/// The world.
pub struct World {
    pub rules: Rules,
    state: State,
    now: Moment,
    mood: Mood,
    size: u32,
    members: Vec<Server>,
    /// When the provider makes the members that are missing.
    refill_at: Option<Moment>,
    condition: Condition,
    /// Until when the pool is busy with the last write.
    working_until: Moment,
    healthy: bool,
    balancer_readable: bool,
    truncated: bool,
    barren: bool,
    durable: Option<Memo>,
    /// Reads under way: when each began, when it ends, and how.
    reading: Vec<(Moment, Moment, Result<(), ReadFailure>)>,
    in_flight: Option<InFlight>,
    draining: Option<Draining>,
    scheduled: ScheduledLimits,
    /// The settings' mode.
    mode: Mode,
    paused: bool,
    /// Whether another agent has the lease, and the number of this one's.
    standby: bool,
    lease_number: Option<u64>,
    /// The limits that are ordered.
    limits: Option<Bounds>,
    pub history: History,
}

const REFILL: Duration = Duration::from_secs(20);

impl World {
    pub fn new(rules: Rules, size: u32) -> Self {
        let now = Moment::START;
        let (state, effects) = State::restore(rules.clone(), Mode::On, None, now);
        let mut world = Self {
            rules,
            state,
            now,
            mood: Mood::default(),
            size: 0,
            members: Vec::new(),
            refill_at: None,
            condition: Condition::Running,
            working_until: Moment::START,
            healthy: true,
            balancer_readable: true,
            truncated: false,
            barren: false,
            durable: None,
            reading: Vec::new(),
            in_flight: None,
            draining: None,
            scheduled: ScheduledLimits::default(),
            mode: Mode::On,
            paused: false,
            standby: false,
            lease_number: None,
            limits: None,
            history: History::default(),
        };
        world.resize(size);
        world.carry_out(effects);
        world
    }

    /// Plays all of it, then one quiet hour so that everything accepted is dealt with.
    pub fn play(mut self, happenings: &[Happening]) -> History {
        for happening in happenings {
            self.happen(happening);
        }
        self.pass(Duration::from_secs(3600));
        self.history.end = self.now;
        self.history
    }

    fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Alerts { .. } | Happening::Severe(_) | Happening::Pass(_) => {}
            _ => self.history.trouble.push(self.now),
        }
        match *happening {
            Happening::Alerts { up, down } => self.alert(up, down),
            Happening::Severe(size) => self.severe_alert(size),
            Happening::AtLeast(members) => {
                self.history.at_least.push((self.now, members));
                self.give(Event::AtLeast(Size(members)));
            }
            Happening::Scheduled(limits) => {
                self.scheduled = limits;
                self.give(Event::Scheduled(limits));
            }
            Happening::DownResolves => {
                self.history.resolved.push(self.now);
                self.give(Event::DownWithdrawn);
            }
            Happening::Pass(time) => self.pass(time),
            Happening::OperatorSets(size) => self.resize(size),
            Happening::Condition(condition) => self.condition = condition,
            Happening::Api(mood) => self.mood = mood,
            Happening::MembersHealthy(healthy) => self.healthy = healthy,
            Happening::BalancerReadable(readable) => self.balancer_readable = readable,
            Happening::ListTruncated(truncated) => self.truncated = truncated,
            Happening::MemberDies(which) => self.kill(which),
            Happening::Barren(barren) => {
                self.barren = barren;
                self.refill_at = Some(self.now + REFILL);
            }
            Happening::Crash { write_lands } => self.crash(write_lands),
            Happening::ModeSet(mode) => {
                self.mode = mode;
                self.give(Event::ModeSet(mode));
            }
            Happening::Leads(leads) => self.lead(leads),
            Happening::Pause(_)
            | Happening::OrderMode(_)
            | Happening::OrderLimits(_)
            | Happening::OrderSize(_)
            | Happening::SettingsRead(..) => self.operate(happening),
        }
    }

    fn severe_alert(&mut self, size: StepSize) {
        self.note_alert(Direction::Up);
        self.give(Event::Signals(Signals {
            up: 1,
            steps: AskedSteps::new(size, StepCause::Label),
            ..Signals::default()
        }));
    }

    fn alert(&mut self, up: u32, down: u32) {
        for (count, direction) in [(up, Direction::Up), (down, Direction::Down)] {
            if count > 0 {
                self.note_alert(direction);
            }
        }
        self.give(Event::Signals(Signals {
            up,
            down,
            ..Signals::default()
        }));
    }

    fn note_alert(&mut self, direction: Direction) {
        self.history.alerts.push(Alert {
            at: self.now,
            direction,
            mode: self.state.mode(),
            servable: self.is_servable(),
        });
    }

    /// Whether an "up" that comes now has nothing in its way but the cooldown.
    fn is_servable(&self) -> bool {
        let is_quick = self.mood.read.is_ok_and(|takes| takes < self.rules.fresh);
        is_quick
            && self.mood.write == WriteFate::Applied
            && self.mood.work_takes.is_zero()
            && self.condition == Condition::Running
            && self.working_until <= self.now
            && self.state.mode() == Mode::On
            && !self.paused
            && !self.standby
            && self.state.capacity_pause().until <= self.now
            && self.in_flight.is_none()
            && self.healthy
            && !self.truncated
            && !self.barren
            && self.members.len() == self.size as usize
            && self.size < self.scheduled_max()
            // Neither booting members nor drained ones keep growth back.
            && self.refill_at.is_none()
    }

    fn crash(&mut self, write_lands: bool) {
        self.history.crashes.push(self.now);
        self.reading.clear();
        if let Some(in_flight) = self.in_flight.take()
            && write_lands
        {
            self.land(in_flight);
        }
        // At the next start, the agent gives back what an earlier run left drained.
        self.end_drain();
        let rules = self.rules.clone();
        let (state, effects) = State::restore(rules, self.mode, self.durable, self.now);
        self.state = state;
        self.carry_out(effects);
        if self.lease_number.is_some() {
            self.lead(false);
        }
        self.give(Event::Scheduled(self.scheduled));
    }

    /// Another agent changed something just before this one takes over.
    fn lead(&mut self, leads: bool) {
        let number = self.lease_number.unwrap_or_default() + 2;
        self.standby = !leads;
        self.lease_number = Some(number);
        if leads {
            self.history.taken_over.push(self.now);
        } else {
            self.history.lost.push(self.now);
        }
        self.give(Event::Leadership(if leads {
            Leadership::Leader {
                number,
                others_ended: self.now,
            }
        } else {
            Leadership::Standby
        }));
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..1_000_000 {
            let next = [
                self.state.next_wake(),
                self.reading.iter().map(|r| r.1).min(),
                self.in_flight.as_ref().map(|f| f.answer_at),
                self.draining.as_ref().and_then(|d| d.ends_at),
                self.refill_at.filter(|_| !self.barren),
            ];
            let Some(next) = next.into_iter().flatten().min().filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            self.do_next();
        }
        panic!("the policy span: a million events within {time:?}");
    }

    /// The first thing that is due.
    fn do_next(&mut self) {
        let now = self.now;
        if !self.barren && self.refill_at.is_some_and(|at| at <= now) {
            self.fill();
        } else if let Some(place) = self.reading.iter().position(|r| r.1 <= now) {
            let (began, _, result) = self.reading.remove(place);
            let read = result.map(|()| self.pool(began));
            self.give(Event::PoolRead(read));
        } else if let Some(draining) = &mut self.draining
            && draining.ends_at.is_some_and(|at| at <= now)
        {
            draining.ends_at = None;
            let id = draining.id;
            self.give(Event::DrainEnded(id));
        } else if self.in_flight.as_ref().is_some_and(|f| f.answer_at <= now) {
            let done = self.in_flight.take().expect("checked");
            self.answer(done);
        } else {
            self.give(Event::Woken);
        }
    }

    fn give(&mut self, event: Event) {
        let effects = self.state.step(event, self.now);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Save(memo) => self.durable = Some(memo),
                Effect::ReadPool => self.start_read(),
                Effect::Record(decision) => self.history.decisions.push(decision),
                Effect::Drain { id, members } => self.start_drain(id, &members),
                Effect::GiveBack(_) => self.end_drain(),
                Effect::Act { action, memo } => {
                    self.durable = Some(memo);
                    self.start_write(&action);
                }
            }
        }
    }
}
