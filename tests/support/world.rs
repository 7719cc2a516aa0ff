//! A small world around the policy: alerts, an API with moods, an operator, crashes; all in
//! virtual time. It carries out the policy's effects and keeps a history to check.

use std::time::Duration;

use autoscaler::policy::{
    Action, Decision, Direction, Effect, Event, Failure, Member, MemberId, Memo, Mode, Moment,
    Outcome, Pool, ReadFailure, Rules, Size, State, Verdict,
};

/// Something that happens to the agent.
#[derive(Clone, Debug)]
pub enum Happening {
    Alerts { up: u32, down: u32 },
    Pass(Duration),
    OperatorSets(u32),
    PoolBusy(bool),
    Api(Mood),
    MemberHealth(bool),
    ListTruncated(bool),
    Crash { write_lands: bool },
    ModeSet(Mode),
}

/// How the API answers from now on.
#[derive(Clone, Copy, Debug)]
pub struct Mood {
    pub read: Result<Duration, ReadFailure>,
    pub write: WriteFate,
    pub write_takes: Duration,
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFate {
    Applied,
    NoCapacity,
    Refused,
    UnknownApplied,
    UnknownLost,
}

/// A write as the API saw it.
#[derive(Clone, Debug)]
pub struct Write {
    /// When the API had it.
    pub at: Moment,
    /// When the policy ordered it.
    pub ordered_at: Moment,
    /// How many alerts had come, and how many crashes, by then.
    pub alerts_before: usize,
    pub crashes_before: usize,
    /// The read it rested on.
    pub read: Pool,
    pub from: Size,
    pub to: Size,
    pub direction: Direction,
    pub victims: usize,
    pub applied: bool,
    /// The mode in force and the alerts waiting, just before the order.
    pub mode: Mode,
    pub up_waits: bool,
    pub down_is_fresh: bool,
}

/// Alerts as they came.
#[derive(Clone, Copy, Debug)]
pub struct Alert {
    pub at: Moment,
    pub direction: Direction,
    pub mode: Mode,
}

/// Everything that happened.
#[derive(Debug, Default)]
pub struct History {
    pub alerts: Vec<Alert>,
    pub writes: Vec<Write>,
    pub decisions: Vec<Decision>,
    pub crashes: Vec<Moment>,
    pub reads: Vec<Moment>,
    pub end: Moment,
}

struct InFlight {
    write: Write,
    answer_at: Moment,
    outcome: Outcome,
}

/// The world.
pub struct World {
    pub rules: Rules,
    state: State,
    now: Moment,
    mood: Mood,
    size: u32,
    created: Vec<(MemberId, Moment)>,
    busy: bool,
    healthy: bool,
    truncated: bool,
    durable: Option<Memo>,
    /// Reads under way: when each began, when it ends, and how.
    reading: Vec<(Moment, Moment, Result<(), ReadFailure>)>,
    in_flight: Option<InFlight>,
    pub history: History,
}

impl World {
    pub fn new(rules: Rules, size: u32) -> Self {
        let now = Moment::START;
        let (state, effects) = State::restore(rules.clone(), Mode::On, None, now);
        let mut world = Self {
            rules,
            state,
            now,
            mood: Mood {
                read: Ok(Duration::from_millis(50)),
                write: WriteFate::Applied,
                write_takes: Duration::from_secs(3),
            },
            size: 0,
            created: Vec::new(),
            busy: false,
            healthy: true,
            truncated: false,
            durable: None,
            reading: Vec::new(),
            in_flight: None,
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
        match *happening {
            Happening::Alerts { up, down } => {
                for (count, direction) in [(up, Direction::Up), (down, Direction::Down)] {
                    if count > 0 {
                        let (at, mode) = (self.now, self.state.mode());
                        self.history.alerts.push(Alert {
                            at,
                            direction,
                            mode,
                        });
                    }
                }
                self.give(Event::Signals { up, down });
            }
            Happening::Pass(time) => self.pass(time),
            Happening::OperatorSets(size) => self.resize(size),
            Happening::PoolBusy(busy) => self.busy = busy,
            Happening::Api(mood) => self.mood = mood,
            Happening::MemberHealth(healthy) => self.healthy = healthy,
            Happening::ListTruncated(truncated) => self.truncated = truncated,
            Happening::Crash { write_lands } => self.crash(write_lands),
            Happening::ModeSet(mode) => self.give(Event::ModeSet(mode)),
        }
    }

    fn resize(&mut self, size: u32) {
        self.size = size;
        self.created.truncate(size as usize);
        while self.created.len() < size as usize {
            let id = MemberId(uuid::Uuid::new_v4());
            self.created.push((id, self.now));
        }
    }

    fn crash(&mut self, write_lands: bool) {
        self.history.crashes.push(self.now);
        self.reading.clear();
        if let Some(in_flight) = self.in_flight.take()
            && write_lands
        {
            self.land(in_flight.write);
        }
        let mode = self.state.mode();
        let (state, effects) = State::restore(self.rules.clone(), mode, self.durable, self.now);
        self.state = state;
        self.carry_out(effects);
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..1_000_000 {
            let next = [
                self.state.next_wake(),
                self.reading.iter().map(|r| r.1).min(),
                self.in_flight.as_ref().map(|f| f.answer_at),
            ];
            let Some(next) = next.into_iter().flatten().min().filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            if let Some(place) = self.reading.iter().position(|r| r.1 <= self.now) {
                let (began, _, result) = self.reading.remove(place);
                let read = result.map(|()| self.pool(began));
                self.give(Event::PoolRead(read));
            } else if self
                .in_flight
                .as_ref()
                .is_some_and(|f| f.answer_at <= self.now)
            {
                let done = self.in_flight.take().expect("checked");
                self.land(done.write);
                let written_at = Some(self.now);
                self.give(Event::ActionEnded {
                    outcome: done.outcome,
                    written_at,
                });
            } else {
                self.give(Event::Woken);
            }
        }
        panic!("the policy span: a million events within {time:?}");
    }

    fn land(&mut self, mut write: Write) {
        write.at = self.now;
        if write.applied {
            self.resize(write.to.0);
        }
        self.history.writes.push(write);
    }

    fn pool(&self, read_at: Moment) -> Pool {
        let shown = if self.truncated {
            self.created.len() / 2
        } else {
            self.created.len()
        };
        let members = self.created.iter().take(shown).map(|(id, created)| Member {
            id: *id,
            running: true,
            healthy: Some(self.healthy),
            age: read_at.since(*created),
        });
        Pool {
            read_at,
            size: Size(self.size),
            running: !self.busy,
            members: members.collect(),
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
                Effect::Act(action) => self.start_write(&action),
            }
        }
    }

    fn start_read(&mut self) {
        self.history.reads.push(self.now);
        let (takes, result) = match self.mood.read {
            Ok(takes) => (takes, Ok(())),
            Err(failure) => (Duration::from_secs(1), Err(failure)),
        };
        self.reading.push((self.now, self.now + takes, result));
    }

    fn start_write(&mut self, action: &Action) {
        assert!(self.in_flight.is_none(), "two writes at once");
        let resize = action.resize();
        let fate = self.mood.write;
        let write = Write {
            at: self.now,
            ordered_at: self.now,
            alerts_before: self.history.alerts.len(),
            crashes_before: self.history.crashes.len(),
            read: self
                .state
                .pool()
                .expect("an action rests on a read")
                .clone(),
            from: resize.from(),
            to: resize.to(),
            direction: resize.direction(),
            victims: match action {
                Action::ScaleOut(_) => 0,
                Action::ScaleIn { victims, .. } => victims.len(),
            },
            applied: matches!(fate, WriteFate::Applied | WriteFate::UnknownApplied),
            mode: self.state.mode(),
            up_waits: self.up_waits(),
            down_is_fresh: self.is_fresh(Direction::Down),
        };
        let outcome = match fate {
            WriteFate::Applied => Outcome::Applied,
            WriteFate::NoCapacity => Outcome::Failed(Failure::NoCapacity),
            WriteFate::Refused => Outcome::Failed(Failure::Refused),
            WriteFate::UnknownApplied | WriteFate::UnknownLost => Outcome::Failed(Failure::Unknown),
        };
        let answer_at = self.now + self.mood.write_takes;
        self.in_flight = Some(InFlight {
            write,
            answer_at,
            outcome,
        });
    }

    /// Whether an alert of this direction is young enough to act on, by the history alone.
    fn is_fresh(&self, direction: Direction) -> bool {
        let last = self
            .history
            .alerts
            .iter()
            .rev()
            .find(|a| a.direction == direction);
        last.is_some_and(|a| self.now.since(a.at) <= self.ttl(direction))
    }

    /// Whether a fresh "up" has had no answer yet, by the history alone.
    fn up_waits(&self) -> bool {
        let last = self
            .history
            .alerts
            .iter()
            .rev()
            .find(|a| a.direction == Direction::Up);
        let answered = |at: Moment| {
            self.history.decisions.iter().any(|d| {
                d.direction == Some(Direction::Up)
                    && match d.verdict {
                        Verdict::Acted | Verdict::Recommended => d.at >= at,
                        Verdict::Refused => d.at + self.rules.window > at,
                        Verdict::Held | Verdict::Failed | Verdict::Quiet => false,
                    }
            })
        };
        last.is_some_and(|a| self.now.since(a.at) <= self.ttl(a.direction) && !answered(a.at))
    }

    fn ttl(&self, direction: Direction) -> Duration {
        match direction {
            Direction::Up => self.rules.scale_out.signal_ttl,
            Direction::Down => self.rules.scale_in.signal_ttl,
        }
    }
}
