//! The members of the pool: they boot, serve one request after the other, drain and go.
//!
//! A member has one worker and a queue, so one number tells all of it: when it will have finished
//! what it has. A request that comes adds its service time to that (Lindley's recursion).

use crate::{
    settings::WorldSettings,
    time::{Micros, micros},
};

/// Which member, for as long as the run lasts.
pub(crate) type MemberNumber = usize;

/// Where a member is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Booting,
    Serving,
    Gone,
}

/// One server.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) created: Micros,
    /// When its machine runs: from then on it has a CPU, which the boot burns.
    pub(crate) runs_from: Micros,
    /// When it can serve.
    pub(crate) boots_until: Micros,
    pub(crate) life: Life,
    /// Asked to take no more requests; the load balancer notices later.
    pub(crate) is_draining: bool,
    /// Never to come back from its drain.
    pub(crate) is_leaving: bool,
    /// When all the work that it has will be done.
    free_at: Micros,
    /// The CPU time of all the work that it ever had.
    work: Micros,
    /// The requests that it ever got, also those that it refused.
    received: u64,
}

impl Member {
    /// CPU time used by `at`: all of its work but what is still to be done.
    pub(crate) fn busy(&self, at: Micros) -> Micros {
        if at <= self.runs_from {
            return 0;
        }
        self.work - (self.free_at - at).max(0)
    }

    /// The requests that its application counts, once it runs.
    pub(crate) fn received(&self, at: Micros) -> Option<u64> {
        (self.life != Life::Gone && at >= self.boots_until).then_some(self.received)
    }

    /// Time since its machine runs.
    pub(crate) fn uptime(&self, at: Micros) -> Micros {
        at - self.runs_from
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Answered after this time.
    Answered(Micros),
    /// The queue was full, or there was nobody to serve.
    Refused,
}

/// All members, and who gets the next request.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    service: Micros,
    longest_queue: Micros,
    members: Vec<Member>,
    /// Those that are not gone.
    alive: Vec<MemberNumber>,
    /// Those that the load balancer sends requests to, in turn.
    rotation: Vec<MemberNumber>,
    next: usize,
    /// Requests that their member did not finish.
    pub(crate) lost: u64,
}

impl Fleet {
    /// A pool of `size` members that have served for an hour.
    pub(crate) fn new(settings: &WorldSettings, size: u32) -> Self {
        let service = micros(settings.service);
        let mut fleet = Self {
            service,
            longest_queue: service * Micros::from(settings.queue_limit),
            members: Vec::new(),
            alive: Vec::new(),
            rotation: Vec::new(),
            next: 0,
            lost: 0,
        };
        for _ in 0..size {
            let long_ago = -crate::time::HOUR;
            let number = fleet.create(long_ago, long_ago, long_ago);
            fleet.enter(number);
        }
        fleet
    }

    /// Adds a member, which boots.
    pub(crate) fn create(
        &mut self,
        created: Micros,
        runs_from: Micros,
        boots_until: Micros,
    ) -> MemberNumber {
        let number = self.members.len();
        self.members.push(Member {
            created,
            runs_from,
            boots_until,
            life: Life::Booting,
            is_draining: false,
            is_leaving: false,
            free_at: boots_until,
            work: boots_until - runs_from,
            received: 0,
        });
        self.alive.push(number);
        number
    }

    /// The load balancer finds a member healthy.
    pub(crate) fn enter(&mut self, number: MemberNumber) {
        let member = &mut self.members[number];
        if member.life == Life::Gone {
            return;
        }
        member.life = Life::Serving;
        if !member.is_draining && !self.rotation.contains(&number) {
            self.rotation.push(number);
        }
    }

    /// The load balancer finds a member unhealthy.
    pub(crate) fn leave(&mut self, number: MemberNumber) {
        self.rotation.retain(|other| *other != number);
        if self.next >= self.rotation.len() {
            self.next = 0;
        }
    }

    /// Removes a member; what it has not finished is lost.
    pub(crate) fn remove(&mut self, number: MemberNumber, at: Micros) {
        self.leave(number);
        let service = self.service;
        let member = &mut self.members[number];
        if member.life == Life::Serving {
            let unfinished = (member.free_at - at).max(0);
            self.lost += unfinished.unsigned_abs().div_ceil(service.unsigned_abs());
        }
        member.life = Life::Gone;
        self.alive.retain(|other| *other != number);
    }

    /// Gives a request to the next member.
    #[inline]
    pub(crate) fn serve(&mut self, at: Micros) -> Fate {
        let Some(number) = self.rotation.get(self.next) else {
            return Fate::Refused;
        };
        self.next += 1;
        if self.next == self.rotation.len() {
            self.next = 0;
        }
        let member = &mut self.members[*number];
        member.received += 1;
        let start = member.free_at.max(at);
        if start - at > self.longest_queue {
            return Fate::Refused;
        }
        member.free_at = start + self.service;
        member.work += self.service;
        Fate::Answered(member.free_at - at)
    }

    pub(crate) fn member(&self, number: MemberNumber) -> &Member {
        &self.members[number]
    }

    pub(crate) fn member_mut(&mut self, number: MemberNumber) -> &mut Member {
        &mut self.members[number]
    }

    /// Those that are not gone, the oldest first.
    pub(crate) fn alive(&self) -> &[MemberNumber] {
        &self.alive
    }

    /// Those that are not gone and are to stay.
    pub(crate) fn staying(&self) -> impl Iterator<Item = MemberNumber> + '_ {
        let stays = |number: &MemberNumber| !self.members[*number].is_leaving;
        self.alive.iter().copied().filter(stays)
    }

    pub(crate) fn is_in_rotation(&self, number: MemberNumber) -> bool {
        self.rotation.contains(&number)
    }

    /// How many get requests.
    pub(crate) fn serving(&self) -> u32 {
        self.rotation.len() as u32
    }

    /// Whether a member gets no requests and has none left.
    pub(crate) fn is_empty(&self, number: MemberNumber, at: Micros) -> bool {
        let member = &self.members[number];
        !self.is_in_rotation(number) && (member.life != Life::Serving || member.free_at <= at)
    }

    /// When a member will have done what it has.
    pub(crate) fn free_at(&self, number: MemberNumber) -> Micros {
        self.members[number].free_at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::SECOND;

    #[test]
    fn requests_go_round_and_wait_for_those_before_them() {
        let mut fleet = Fleet::new(&WorldSettings::default(), 2);
        let tenth = SECOND / 10;
        let latencies: Vec<Fate> = (0..5).map(|_| fleet.serve(0)).collect();
        let expected = [1, 1, 2, 2, 3].map(|n| Fate::Answered(n * tenth));
        assert_eq!(latencies, expected);
        assert_eq!(
            fleet.member(0).busy(SECOND) - fleet.member(0).busy(0),
            3 * tenth
        );
        assert_eq!(fleet.member(1).busy(tenth) - fleet.member(1).busy(0), tenth);
    }

    #[test]
    fn a_full_queue_refuses() {
        let mut fleet = Fleet::new(&WorldSettings::default(), 1);
        let answered = (0..1000)
            .filter(|_| fleet.serve(0) != Fate::Refused)
            .count();
        assert_eq!(answered, 257, "one that is served, and the queue");
        fleet.remove(0, 0);
        assert_eq!((fleet.lost, fleet.serve(0)), (257, Fate::Refused));
    }

    #[test]
    fn a_boot_burns_the_cpu_and_no_request_comes_before_its_end() {
        let mut fleet = Fleet::new(&WorldSettings::default(), 0);
        let number = fleet.create(0, 30 * SECOND, 60 * SECOND);
        assert_eq!(fleet.serve(59 * SECOND), Fate::Refused);
        assert_eq!(fleet.member(number).busy(10 * SECOND), 0);
        assert_eq!(fleet.member(number).busy(40 * SECOND), 10 * SECOND);
        fleet.enter(number);
        assert_eq!(fleet.member(number).busy(90 * SECOND), 30 * SECOND);
        assert_eq!(fleet.serve(90 * SECOND), Fate::Answered(SECOND / 10));
    }

    proptest! {
        #[test]
        fn no_cpu_is_used_faster_than_time_passes(
            gaps in proptest::collection::vec(0_i64..300_000, 1..200), size in 1_u32..4,
        ) {
            let mut fleet = Fleet::new(&WorldSettings::default(), size);
            let (mut at, mut answered) = (0, 0);
            let busy = |fleet: &Fleet, at| -> Vec<Micros> {
                (0..size as usize).map(|number| fleet.member(number).busy(at)).collect()
            };
            let begun = busy(&fleet, 0);
            let mut before = begun.clone();
            for gap in gaps {
                at += gap;
                answered += i64::from(fleet.serve(at) != Fate::Refused);
                let now = busy(&fleet, at);
                prop_assert!(now.iter().zip(&before).all(|(now, before)| (0..=gap).contains(&(now - before))));
                before = now;
            }
            let end = busy(&fleet, at + 1000 * SECOND);
            let used: Micros = end.iter().zip(&begun).map(|(end, begun)| end - begun).sum();
            prop_assert_eq!(used, answered * SECOND / 10);
        }
    }
}
