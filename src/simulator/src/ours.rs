//! The autoscaler of this repository: scrapes, alert rules and messages by the files of its
//! monitoring, its policy itself, and a cloud that takes its time.

use std::time::Duration;

use alert_rules::Monitoring;
use policy::{
    Action, ActionOutcome, AskedSteps, Condition, Direction, DrainId, Effect, Event, HealthSource,
    Member, MemberId, Memo, Mode, Moment, Pool, Resize, Rules, Signals, Size, State, StepCause,
};
use uuid::Uuid;

use crate::{
    fleet::{Life, MemberNumber},
    monitoring::{Alerts, AnyRule, Dispatcher, Message, RequestCounts, Scrape, Targets},
    random,
    time::{self, Micros, duration, micros, moment},
    world::{Scaler, World},
};

/// How the autoscaler is set up.
#[derive(Clone, Debug)]
pub struct OurSettings {
    /// What is measured and when the agent hears of it.
    pub monitoring: Monitoring,
    /// How it decides.
    pub rules: Rules,
    /// What it may do.
    pub mode: Mode,
    /// A drained member goes after this time even if requests are left; `None` where members are
    /// not drained.
    pub drain_timeout: Option<Duration>,
    /// Between two looks at a member that drains.
    pub drain_poll: Duration,
}

/// What an alert tells the agent.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Signal<'a> {
    /// The rule that fires, with all of its labels.
    rule: AnyRule<'a>,
    /// The value that it fires by, as Grafana's webhook carries it.
    value: f64,
}

/// What its timers are for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Timer {
    /// The list of members is brought up to date.
    Discover,
    Scrape(MemberNumber),
    /// A member's application is scraped.
    ScrapeRequests(MemberNumber),
    /// Prometheus computes what the rules look at.
    Record,
    Evaluate,
    /// A group of alerts is looked at.
    Look(usize),
    /// A read that began at this moment ends.
    Read(Moment),
    /// Members that drain are looked at.
    Drain(DrainId),
    /// The API answers the write.
    Written,
    /// The operation that was written at this moment ends.
    Ended(Micros),
    /// The policy asked to be woken at this moment.
    Wake(Moment),
}

struct Drain {
    id: DrainId,
    members: Vec<MemberNumber>,
    until: Micros,
}

pub(crate) struct Ours<'a> {
    settings: &'a OurSettings,
    targets: Targets,
    requests: RequestCounts,
    alerts: Alerts,
    dispatcher: Dispatcher,
    state: State,
    first_effects: Vec<Effect>,
    drain: Option<Drain>,
    write: Option<Action>,
    offsets: fastrand::Rng,
    /// Of the scrapes of applications, so that these change no other offset.
    request_offsets: fastrand::Rng,
}

impl<'a> Ours<'a> {
    pub(crate) fn new(settings: &'a OurSettings, seed: u64) -> Self {
        let windows = settings
            .monitoring
            .rules
            .iter()
            .map(|(rule, _)| rule.query.window);
        let floors = settings.monitoring.floors.iter();
        let request_windows = floors.map(|(rule, _)| rule.query.window);
        // Nothing happened before the trace, so no cooldown runs.
        let memo = Some(Memo::default());
        let (state, first_effects) =
            State::restore(settings.rules.clone(), settings.mode, memo, Moment::START);
        Self {
            settings,
            targets: Targets::new(micros(windows.max().unwrap_or_default())),
            requests: RequestCounts::new(micros(request_windows.max().unwrap_or_default())),
            alerts: Alerts::new(&settings.monitoring),
            dispatcher: Dispatcher::new(&settings.monitoring),
            state,
            first_effects,
            drain: None,
            write: None,
            offsets: random::stream(seed, "scrapes"),
            request_offsets: random::stream(seed, "scrapes of requests"),
        }
    }

    fn discover(&mut self, world: &mut World<'_, Timer>) {
        let monitoring = &self.settings.monitoring;
        let interval = micros(monitoring.scrape_interval);
        let request_interval = micros(monitoring.request_scrape_interval);
        for number in self.targets.discover(world.fleet.alive()) {
            // Prometheus spreads its targets over the interval.
            let offset = (self.offsets.f64() * interval as f64) as Micros;
            world.set_timer(world.now() + offset, Timer::Scrape(number));
            if !monitoring.floors.is_empty() {
                let offset = (self.request_offsets.f64() * request_interval as f64) as Micros;
                world.set_timer(world.now() + offset, Timer::ScrapeRequests(number));
            }
        }
        let next = world.now() + micros(world.settings.discovery);
        world.set_timer(next, Timer::Discover);
    }

    fn scrape(&mut self, number: MemberNumber, world: &mut World<'_, Timer>) {
        let now = world.now();
        let member = world.fleet.member(number);
        let answers = member.life != Life::Gone && now > member.runs_from;
        let scrape = answers.then(|| Scrape {
            at: now,
            busy: member.busy(now),
            total: member.uptime(now),
        });
        if self.targets.scraped(number, scrape) {
            let next = now + micros(self.settings.monitoring.scrape_interval);
            world.set_timer(next, Timer::Scrape(number));
        }
    }

    fn scrape_requests(&mut self, number: MemberNumber, world: &mut World<'_, Timer>) {
        if !self.targets.has(number) {
            return;
        }
        let now = world.now();
        if let Some(count) = world.fleet.member(number).received(now) {
            self.requests.scraped(number, now, count);
        }
        let next = now + micros(self.settings.monitoring.request_scrape_interval);
        world.set_timer(next, Timer::ScrapeRequests(number));
    }

    fn record(&mut self, world: &mut World<'_, Timer>) {
        let now = world.now();
        self.alerts.record(&self.targets, now);
        let next = now + micros(self.settings.monitoring.recording_interval);
        world.set_timer(next, Timer::Record);
    }

    fn evaluate(&mut self, world: &mut World<'_, Timer>) {
        let now = world.now();
        self.alerts.evaluate(&self.requests, now);
        for (group, at) in self.dispatcher.begin(&self.alerts, now) {
            world.set_timer(at, Timer::Look(group));
        }
        let next = now + micros(self.settings.monitoring.evaluation_interval);
        world.set_timer(next, Timer::Evaluate);
    }

    fn look(&mut self, group: usize, world: &mut World<'_, Timer>) {
        let (message, next) = self.dispatcher.look(group, &self.alerts, world.now());
        if let Some(next) = next {
            world.set_timer(next, Timer::Look(group));
        }
        if let Some(message) = message {
            let signals = self.signals(&message).map(|signal| self.event(signal));
            for event in signals.collect::<Vec<_>>() {
                self.step(event, world);
            }
        }
    }

    /// What a message says, an alert after the other.
    fn signals(&self, message: &Message) -> impl Iterator<Item = Signal<'_>> {
        message.firing.iter().filter_map(|place| {
            let (rule, value) = self.alerts.rule(*place);
            value.map(|value| Signal { rule, value })
        })
    }

    /// What the agent makes of a signal.
    fn event(&self, Signal { rule, value }: Signal<'_>) -> Event {
        let rule = match rule {
            AnyRule::Scale(rule) => rule,
            // The rule rounds up, so this is a whole number.
            AnyRule::Floor(_) => return Event::AtLeast(Size(value as u32)),
        };
        let none = Signals::default();
        let label = rule.labels.get("step").and_then(|step| step.parse().ok());
        let steps = match label {
            Some(size) => AskedSteps::new(size, StepCause::Label),
            None => self.settings.rules.scale_out.severity.asked_by(value),
        };
        Event::Signals(match rule.direction {
            Direction::Up => Signals {
                up: 1,
                steps,
                ..none
            },
            Direction::Down => Signals { down: 1, ..none },
        })
    }

    fn step(&mut self, event: Event, world: &mut World<'_, Timer>) {
        let effects = self.state.step(event, moment(world.now()));
        self.carry_out(effects, world);
        if let Some(at) = self.state.next_wake() {
            world.set_timer(time::at(at), Timer::Wake(at));
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>, world: &mut World<'_, Timer>) {
        let now = world.now();
        for effect in effects {
            match effect {
                Effect::Save(_) | Effect::Record(_) => {}
                Effect::ReadPool => {
                    let end = now + micros(world.settings.read);
                    world.set_timer(end, Timer::Read(moment(now)));
                }
                Effect::Drain { id, members } => self.start_drain(id, &members, world),
                Effect::GiveBack(members) => {
                    self.drain = None;
                    for member in &members {
                        world.give_back(number(member.id));
                    }
                }
                Effect::Act { action, .. } => {
                    self.write = Some(action);
                    let end = now + micros(world.settings.write);
                    world.set_timer(end, Timer::Written);
                }
            }
        }
    }

    fn start_drain(&mut self, id: DrainId, members: &[Member], world: &mut World<'_, Timer>) {
        let members: Vec<MemberNumber> = members.iter().map(|member| number(member.id)).collect();
        let until = match self.settings.drain_timeout {
            Some(timeout) => world.now() + micros(timeout),
            None => world.now(),
        };
        if self.settings.drain_timeout.is_some() {
            for member in &members {
                world.drain(*member);
            }
        }
        self.drain = Some(Drain { id, members, until });
        world.set_timer(world.now(), Timer::Drain(id));
    }

    fn look_at_drain(&mut self, id: DrainId, world: &mut World<'_, Timer>) {
        let Some(drain) = self.drain.as_ref().filter(|drain| drain.id == id) else {
            return;
        };
        let now = world.now();
        let are_empty = drain
            .members
            .iter()
            .all(|member| world.fleet.is_empty(*member, now));
        if are_empty || now >= drain.until {
            self.drain = None;
            self.step(Event::DrainEnded(id), world);
        } else {
            let next = (now + micros(self.settings.drain_poll)).min(drain.until);
            world.set_timer(next, Timer::Drain(id));
        }
    }

    fn written(&mut self, world: &mut World<'_, Timer>) {
        let Some(action) = self.write.take() else {
            return;
        };
        match &action {
            Action::ScaleOut(resize) => world.add(added(*resize)),
            Action::Evict { victims, .. } => {
                let victims: Vec<MemberNumber> = victims.iter().map(|id| number(*id)).collect();
                world.evict(&victims);
            }
            // Every place of a simulated pool is filled at once.
            Action::GiveUpMissing(_) => {}
        }
        let end = world.now() + micros(world.settings.operation);
        world.set_timer(end, Timer::Ended(world.now()));
    }

    fn ended(&mut self, written_at: Micros, world: &mut World<'_, Timer>) {
        let event = Event::ActionEnded {
            outcome: ActionOutcome::Applied,
            written_at: Some(moment(written_at)),
        };
        self.step(event, world);
    }
}

impl Scaler for Ours<'_> {
    type Timer = Timer;

    fn start(&mut self, world: &mut World<'_, Timer>) {
        let effects = std::mem::take(&mut self.first_effects);
        self.carry_out(effects, world);
        self.step(Event::Woken, world);
        self.discover(world);
        let interval = micros(self.settings.monitoring.recording_interval);
        let offset = (self.offsets.f64() * interval as f64) as Micros;
        world.set_timer(offset, Timer::Record);
        let interval = micros(self.settings.monitoring.evaluation_interval);
        let offset = (self.offsets.f64() * interval as f64) as Micros;
        world.set_timer(offset, Timer::Evaluate);
    }

    fn fire(&mut self, timer: Timer, world: &mut World<'_, Timer>) {
        match timer {
            Timer::Discover => self.discover(world),
            Timer::Scrape(number) => self.scrape(number, world),
            Timer::ScrapeRequests(number) => self.scrape_requests(number, world),
            Timer::Record => self.record(world),
            Timer::Evaluate => self.evaluate(world),
            Timer::Look(group) => self.look(group, world),
            Timer::Read(began) => self.step(Event::PoolRead(Ok(pool(began, world))), world),
            Timer::Drain(id) => self.look_at_drain(id, world),
            Timer::Written => self.written(world),
            Timer::Ended(written_at) => self.ended(written_at, world),
            // An older one may have been replaced.
            Timer::Wake(at) if self.state.next_wake() == Some(at) => self.step(Event::Woken, world),
            Timer::Wake(_) => {}
        }
    }
}

fn added(resize: Resize) -> u32 {
    resize.to().0.saturating_sub(resize.from().0)
}

fn id(number: MemberNumber) -> MemberId {
    MemberId(Uuid::from_u128(number as u128))
}

fn number(id: MemberId) -> MemberNumber {
    id.0.as_u128() as MemberNumber
}

/// The pool as the cloud shows it now, to a read that began before.
fn pool(began: Moment, world: &World<'_, Timer>) -> Pool {
    let now = world.now();
    let members = world.fleet.alive().iter().map(|number| {
        let member = world.fleet.member(*number);
        Member {
            id: id(*number),
            address: None,
            running: now >= member.runs_from,
            healthy: Some(world.fleet.is_in_rotation(*number)),
            age: Some(duration(now - member.created)),
        }
    });
    let members: Vec<Member> = members.collect();
    Pool {
        read_at: began,
        size: Size(world.size()),
        condition: Condition::Running,
        health: HealthSource::LoadBalancer,
        counted: members.len(),
        members,
    }
}
