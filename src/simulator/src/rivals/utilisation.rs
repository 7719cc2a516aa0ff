//! CPU use of each member since it was last looked at, as agents on the machines report it.

use std::collections::BTreeMap;

use crate::{
    fleet::{Life, MemberNumber},
    time::Micros,
    world::World,
};

/// The readings of the last look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Utilisation {
    before: BTreeMap<MemberNumber, (Micros, Micros)>,
}

/// One member's CPU use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    pub(crate) member: MemberNumber,
    /// From 0 to 1.
    pub(crate) cpu: f64,
    /// When the time began over which it is taken.
    pub(crate) since: Micros,
}

impl Utilisation {
    /// CPU use since the last look, of the members whose machine ran then already.
    pub(crate) fn look<T>(&mut self, world: &World<'_, T>) -> Vec<Reading> {
        let now = world.now();
        let mut readings = Vec::new();
        let mut seen = BTreeMap::new();
        for number in world.fleet.staying() {
            let member = world.fleet.member(number);
            if member.life == Life::Gone || now <= member.runs_from {
                continue;
            }
            let busy = member.busy(now);
            if let Some((at, before)) = self.before.get(&number)
                && now > *at
            {
                readings.push(Reading {
                    member: number,
                    cpu: (busy - before) as f64 / (now - at) as f64,
                    since: *at,
                });
            }
            seen.insert(number, (now, busy));
        }
        self.before = seen;
        readings
    }
}
