//! Which request goes to which connection slot, and when.

use std::{cell::RefCell, collections::VecDeque, io, rc::Rc};

use tokio::sync::Notify;

use super::{
    alarm::Alarm,
    slot::{Job, Slot},
    state::{Place, WorkerState},
};
use crate::{
    plan::CatchUp,
    schedule::{Schedule, nanos},
};

pub(crate) struct Dispatcher {
    state: Rc<WorkerState>,
    schedule: RefCell<Schedule>,
    slots: RefCell<Vec<Rc<Slot>>>,
    /// Slots with a connection and no request; the one that has waited longest is first, so that
    /// all connections are used.
    idle: RefCell<VecDeque<usize>>,
    /// Slots with neither. They are used last: a connection that has come of age is replaced only
    /// when it is missed, so that after a burst their number falls again.
    bare: RefCell<Vec<usize>>,
    max_slots: usize,
    min_slots: usize,
    /// For the next due requests, unless a slot that finishes will take them.
    alarm: Alarm,
    /// In nanoseconds.
    slack: u64,
    /// Told when the last request has ended.
    ended: Notify,
}

impl Dispatcher {
    pub(crate) fn new(state: Rc<WorkerState>, place: Place) -> io::Result<Self> {
        let plan = &state.plan;
        let streams = plan.engine.streams();
        let max_slots = place.share(plan.connections) * streams;
        let (index, workers) = plan.slice.place(place.index, place.workers);
        let schedule = Schedule::new(&plan.load, plan.arrivals, plan.requests, index, workers)
            .with_factor(&plan.rate_factor);
        Ok(Self {
            schedule: RefCell::new(schedule),
            slots: RefCell::new(Vec::new()),
            idle: RefCell::new(VecDeque::new()),
            bare: RefCell::new(Vec::new()),
            max_slots,
            min_slots: if state.closed_loop {
                max_slots
            } else {
                (place.share(plan.spread) * streams).clamp(1, max_slots)
            },
            alarm: Alarm::new(state.clock)?,
            slack: nanos(plan.slack),
            ended: Notify::new(),
            state,
        })
    }

    /// A request that is due now, for a slot that has none.
    pub(crate) fn take(&self) -> Option<Job> {
        let now = self.state.clock.now();
        self.take_at(now, !self.has_room())
    }

    /// Whether a slot is idle, or one may be added.
    fn has_room(&self) -> bool {
        !self.idle.borrow().is_empty()
            || !self.bare.borrow().is_empty()
            || self.slots.borrow().len() < self.max_slots
    }

    fn take_at(&self, now: u64, queued: bool) -> Option<Job> {
        let mut schedule = self.schedule.borrow_mut();
        loop {
            let due = schedule.take(now)?;
            let mut recorder = self.state.recorder.borrow_mut();
            match self.state.plan.catch_up {
                CatchUp::SkipAfter(limit) if now - due.at > nanos(limit) => {
                    recorder.skipped(due.at);
                }
                _ => {
                    recorder.started(due.at, now, queued);
                    return Some(Job {
                        intended: due.at,
                        taken: now,
                        number: due.number,
                        turn: due.turn,
                    });
                }
            }
        }
    }

    /// Notes that a slot has no request, and sees to it that the next due one finds it.
    pub(crate) fn set_idle(&self, slot: usize, connected: bool) {
        if connected {
            self.idle.borrow_mut().push_back(slot);
        } else {
            self.bare.borrow_mut().push(slot);
        }
        if !self.alarm.is_set() {
            self.set_alarm();
        }
        self.note_end();
    }

    /// Says so when the last request has ended.
    pub(crate) fn note_end(&self) {
        let is_over = self.schedule.borrow().peek().is_none();
        if is_over && self.state.recorder.borrow().in_flight() == 0 {
            self.ended.notify_one();
        }
    }

    /// Waits until the last request has ended.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Wakes for the last of the requests that are due close to the next one: they share what
    /// waking costs.
    fn set_alarm(&self) {
        if let Some(at) = self.schedule.borrow_mut().last_within(self.slack) {
            self.alarm.set(at);
        }
    }

    /// Blocks the thread until requests are due, if that is soon and nothing that arrives until
    /// then must be read at once.
    pub(crate) fn hold(&self) {
        let in_flight = self.state.recorder.borrow().in_flight();
        if in_flight > 0 && in_flight == self.state.patient.get() {
            self.alarm.hold();
        }
    }

    /// Waits until requests are due again.
    pub(crate) async fn due(&self) -> io::Result<()> {
        self.alarm.rings().await
    }

    /// Gives due requests to idle slots, and sets the alarm for the next unless all are busy: then
    /// a slot that finishes takes the next itself, and the alarm would only disturb. `start` is
    /// given each slot that is added.
    pub(crate) fn dispatch(&self, start: impl Fn(Rc<Slot>)) {
        let now = self.alarm.reach();
        while self.schedule.borrow().peek().is_some_and(|due| due <= now) {
            if !self.has_room() {
                return;
            }
            let Some(job) = self.take_at(now, false) else {
                break;
            };
            self.free_slot(&start).give(job);
        }
        self.set_alarm();
        self.note_end();
    }

    /// Adds all the slots at once.
    pub(crate) fn fill(&self, start: impl Fn(Rc<Slot>)) {
        for _ in 0..self.max_slots {
            self.add_slot(&start);
        }
    }

    /// The slot for the next request: an idle connection, unless there are fewer than are to be
    /// kept.
    fn free_slot(&self, start: impl Fn(Rc<Slot>)) -> Rc<Slot> {
        let mut bare = self.bare.borrow_mut();
        let kept = self.slots.borrow().len() - bare.len();
        let idle = if kept < self.min_slots {
            None
        } else {
            self.idle.borrow_mut().pop_front()
        };
        match idle.or_else(|| bare.pop()) {
            Some(index) => Rc::clone(&self.slots.borrow()[index]),
            None => self.add_slot(start),
        }
    }

    fn add_slot(&self, start: impl Fn(Rc<Slot>)) -> Rc<Slot> {
        let mut slots = self.slots.borrow_mut();
        let slot = Rc::new(Slot::new(slots.len()));
        slots.push(Rc::clone(&slot));
        start(Rc::clone(&slot));
        slot
    }

    /// Ends requests whose time has passed, and idle connections that have come of age.
    pub(crate) fn expire(&self) {
        let now = self.state.clock.now();
        let slots = self.slots.borrow();
        slots.iter().for_each(|slot| slot.expire(now));
        let mut bare = self.bare.borrow_mut();
        self.idle.borrow_mut().retain(|index| {
            let retired = slots[*index].retire(now);
            if retired {
                bare.push(*index);
            }
            !retired
        });
    }

    /// Starts no more requests. Those that were due are counted as not sent.
    pub(crate) fn end_schedule(&self) {
        let left = self.schedule.borrow_mut().end(self.state.clock.now());
        self.state.recorder.borrow_mut().unsent(left);
        self.note_end();
    }

    /// Whether all the requests were taken that may be sent, though the planned time may go on.
    pub(crate) fn has_reached_limit(&self) -> bool {
        self.schedule.borrow().has_reached_limit()
    }

    /// How many requests are overdue.
    pub(crate) fn backlog(&self, now: u64) -> u64 {
        self.schedule.borrow().backlog(now)
    }
}
