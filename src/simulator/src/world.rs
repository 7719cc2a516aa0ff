//! The world in virtual time: requests, members and timers in the order in which they are due.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use fastrand::Rng;

use crate::{
    arrivals::Arrivals,
    fleet::{Fleet, Life, MemberNumber},
    measure::{Action, Record},
    random,
    settings::WorldSettings,
    time::{Micros, micros},
    trace::Trace,
};

/// Something that decides on the pool's size. It hears of its own timers and of nothing else.
pub(crate) trait Scaler {
    /// What its timers are for.
    type Timer;

    /// Sets the first timers.
    fn start(&mut self, world: &mut World<'_, Self::Timer>);

    /// A timer is due.
    fn fire(&mut self, timer: Self::Timer, world: &mut World<'_, Self::Timer>);
}

#[derive(Clone, Copy, Debug)]
enum Happening<T> {
    /// A boot has ended, or a drained member serves again.
    Enters(MemberNumber),
    /// The load balancer notices that a member drains.
    Leaves(MemberNumber),
    /// A member that leaves for good may be empty.
    Goes(MemberNumber),
    Timer(T),
}

#[derive(Debug)]
struct Due<T> {
    at: Micros,
    /// What was set first is first.
    order: u64,
    what: Happening<T>,
}

impl<T> Due<T> {
    fn key(&self) -> (Micros, u64) {
        (self.at, self.order)
    }
}

impl<T> PartialEq for Due<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Due<T> {}

impl<T> PartialOrd for Due<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Due<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// The world of one run.
pub(crate) struct World<'a, T> {
    pub(crate) settings: &'a WorldSettings,
    pub(crate) fleet: Fleet,
    pub(crate) record: Record,
    now: Micros,
    due: BinaryHeap<Reverse<Due<T>>>,
    set: u64,
    boots: Rng,
}

/// Plays a trace with `size` members at its beginning, and says what happened.
pub(crate) fn play<S: Scaler>(
    trace: &Trace,
    settings: &WorldSettings,
    seed: u64,
    size: u32,
    scaler: &mut S,
) -> Record {
    let mut world = World {
        settings,
        fleet: Fleet::new(settings, size),
        record: Record::new(trace.duration(), settings.slo()),
        now: 0,
        due: BinaryHeap::new(),
        set: 0,
        boots: random::stream(seed, "boots"),
    };
    world.note_members();
    scaler.start(&mut world);
    let mut arrivals = Arrivals::new(trace, micros(settings.service), seed).peekable();
    let end = trace.duration();
    loop {
        let next = world.due.peek().map_or(end, |Reverse(due)| due.at.min(end));
        while let Some(at) = arrivals.next_if(|at| *at < next) {
            let fate = world.fleet.serve(at);
            world.record.request(at, fate);
        }
        if next >= end {
            break;
        }
        if let Some(Reverse(due)) = world.due.pop() {
            world.now = due.at;
            match due.what {
                Happening::Timer(timer) => scaler.fire(timer, &mut world),
                happening => world.happen(&happening),
            }
        }
    }
    world.record.lost = world.fleet.lost;
    world.record
}

impl<T> World<'_, T> {
    pub(crate) fn now(&self) -> Micros {
        self.now
    }

    /// Fires at this moment, or at once when it has passed.
    pub(crate) fn set_timer(&mut self, at: Micros, timer: T) {
        self.set_due(at, Happening::Timer(timer));
    }

    fn set_due(&mut self, at: Micros, what: Happening<T>) {
        self.set += 1;
        self.due.push(Reverse(Due {
            at: at.max(self.now),
            order: self.set,
            what,
        }));
    }

    /// Members that exist and are not to go.
    pub(crate) fn size(&self) -> u32 {
        self.fleet.staying().count() as u32
    }

    /// Asks for another size, all at once: new members boot, the youngest drain and go.
    pub(crate) fn resize(&mut self, to: u32) {
        let from = self.size();
        if to > from {
            self.add(to - from);
        } else {
            self.retire(from - to);
        }
    }

    /// Adds members, which boot.
    pub(crate) fn add(&mut self, count: u32) {
        self.note_action(self.size() + count);
        for _ in 0..count {
            let spread = self.settings.boot_spread * (2.0 * self.boots.f64() - 1.0);
            let boot = micros(self.settings.boot) as f64 * (1.0 + spread);
            let runs_from = self.now + (boot * self.settings.boot_before_running) as Micros;
            let until = self.now + boot as Micros;
            let number = self.fleet.create(self.now, runs_from, until);
            self.set_due(until, Happening::Enters(number));
        }
        self.note_members();
    }

    /// Removes the youngest members, those that boot before all others, each when it is empty.
    fn retire(&mut self, count: u32) {
        self.note_action(self.size() - count);
        let mut candidates: Vec<MemberNumber> = self.fleet.staying().collect();
        candidates.sort_by_key(|number| {
            let member = self.fleet.member(*number);
            (member.life != Life::Booting, -member.created, *number)
        });
        for number in candidates.into_iter().take(count as usize) {
            self.fleet.member_mut(number).is_leaving = true;
            if self.fleet.member(number).life == Life::Booting {
                self.fleet.remove(number, self.now);
            } else {
                self.drain(number);
            }
        }
        self.note_members();
    }

    /// Has a member take no more requests, once the load balancer has noticed.
    pub(crate) fn drain(&mut self, number: MemberNumber) {
        self.fleet.member_mut(number).is_draining = true;
        let at = self.now + micros(self.settings.balancer_notices);
        self.set_due(at, Happening::Leaves(number));
    }

    /// Has a drained member serve on, once the load balancer has noticed.
    pub(crate) fn give_back(&mut self, number: MemberNumber) {
        self.fleet.member_mut(number).is_draining = false;
        if self.fleet.member(number).life == Life::Serving {
            let at = self.now + micros(self.settings.balancer_notices);
            self.set_due(at, Happening::Enters(number));
        }
    }

    /// Removes these members at once.
    pub(crate) fn evict(&mut self, members: &[MemberNumber]) {
        let leaving = members.len() as u32;
        self.note_action(self.size().saturating_sub(leaving));
        for number in members {
            self.fleet.member_mut(*number).is_leaving = true;
            self.fleet.remove(*number, self.now);
        }
        self.note_members();
    }

    fn happen(&mut self, happening: &Happening<T>) {
        match *happening {
            Happening::Enters(number) => self.fleet.enter(number),
            Happening::Leaves(number) if self.fleet.member(number).is_draining => {
                self.fleet.leave(number);
                if self.fleet.member(number).is_leaving {
                    let at = self.fleet.free_at(number);
                    self.set_due(at, Happening::Goes(number));
                }
            }
            Happening::Goes(number) => self.fleet.remove(number, self.now),
            Happening::Leaves(_) | Happening::Timer(_) => return,
        }
        self.note_members();
    }

    fn note_action(&mut self, to: u32) {
        self.record.actions.push(Action {
            at: self.now,
            from: self.size(),
            to,
        });
    }

    fn note_members(&mut self) {
        let billed = self.fleet.alive().len() as u32;
        self.record.members(self.now, self.fleet.serving(), billed);
    }
}
