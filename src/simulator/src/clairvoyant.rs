//! The clairvoyant: the least instance-hours without too few members, by one who knows the load.
//!
//! It decides by whole minutes. In each minute the members that the load needs must serve, as many
//! as the busiest part of the minute needs. A member is ordered so many minutes before it serves as
//! the longest boot takes, and is paid for from its order on. So a member that is not needed for as
//! many minutes or fewer is kept. Nothing else costs, and nothing is cheaper.
//!
//! That also keeps to one change a minute. Two orders fall into one minute only when members go in
//! it and others, ordered in it, serve one boot later; but then some member was not needed for one
//! boot only, and was kept.

use policy::Bounds;

use crate::{
    rivals::Tick,
    settings::WorldSettings,
    time::{MINUTE, Micros},
    trace::Trace,
    world::{Scaler, World},
};

/// Sizes to ask for, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) first: u32,
    orders: Vec<(Micros, u32)>,
}

/// The members that each segment of a trace needs.
pub(crate) fn needed(trace: &Trace, settings: &WorldSettings) -> Vec<u32> {
    trace
        .load
        .iter()
        .map(|load| settings.members_for(*load))
        .collect()
}

impl Plan {
    pub(crate) fn new(trace: &Trace, settings: &WorldSettings, bounds: Bounds) -> Self {
        let lead = (settings.longest_boot() + MINUTE - 1) / MINUTE;
        let minutes = by_minutes(trace, &needed(trace, settings), bounds);
        let sizes = kept(&minutes, lead as usize);
        Self::of(&sizes, lead)
    }

    /// The orders by which so many members serve in each minute.
    fn of(sizes: &[u32], lead: Micros) -> Self {
        let first = sizes.first().copied().unwrap_or(1);
        let mut orders = Vec::new();
        for (minute, pair) in (1..).zip(sizes.windows(2)) {
            let minute: Micros = minute;
            if pair[1] > pair[0] {
                orders.push(((minute - lead) * MINUTE, pair[1]));
            } else if pair[1] < pair[0] {
                orders.push((minute * MINUTE, pair[1]));
            }
        }
        orders.sort_by_key(|(at, _)| *at);
        Self { first, orders }
    }
}

/// The members that each minute needs.
fn by_minutes(trace: &Trace, needed: &[u32], bounds: Bounds) -> Vec<u32> {
    let minutes = (trace.duration() + MINUTE - 1) / MINUTE;
    let of_minute = |minute: Micros| {
        let first = minute * MINUTE / trace.segment;
        let last = ((minute + 1) * MINUTE - 1) / trace.segment;
        let needed = needed
            .iter()
            .skip(first as usize)
            .take((last - first + 1) as usize);
        let most = needed.copied().max().unwrap_or(1);
        bounds.clamp(policy::Size(most)).0
    };
    (0..minutes).map(of_minute).collect()
}

/// The same, with every member kept over gaps of at most `lead` minutes. The members at the
/// beginning were ordered before it, so what is needed within `lead` minutes is there at once.
fn kept(minutes: &[u32], lead: usize) -> Vec<u32> {
    let mut sizes = minutes.to_vec();
    let most = minutes.iter().copied().max().unwrap_or(0);
    for level in 1..=most {
        // After the last minute that needed this many.
        let mut since = 0;
        for minute in 0..minutes.len() {
            if minutes[minute] < level {
                continue;
            }
            if minute - since <= lead {
                for size in &mut sizes[since..minute] {
                    *size = (*size).max(level);
                }
            }
            since = minute + 1;
        }
    }
    sizes
}

/// Carries a plan out.
pub(crate) struct Clairvoyant<'a> {
    plan: &'a Plan,
    next: usize,
}

impl<'a> Clairvoyant<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        Self { plan, next: 0 }
    }

    fn set_next(&self, world: &mut World<'_, Tick>) {
        if let Some((at, _)) = self.plan.orders.get(self.next) {
            world.set_timer(*at, Tick);
        }
    }
}

impl Scaler for Clairvoyant<'_> {
    type Timer = Tick;

    fn start(&mut self, world: &mut World<'_, Tick>) {
        self.set_next(world);
    }

    fn fire(&mut self, _: Tick, world: &mut World<'_, Tick>) {
        if let Some((_, size)) = self.plan.orders.get(self.next) {
            world.resize(*size);
        }
        self.next += 1;
        self.set_next(world);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a plan costs in members and minutes.
    fn cost(sizes: &[u32], lead: usize) -> usize {
        let rises = sizes
            .windows(2)
            .map(|pair| pair[1].saturating_sub(pair[0]) as usize);
        sizes.iter().map(|size| *size as usize).sum::<usize>() + lead * rises.sum::<usize>()
    }

    /// The least cost of all plans, each of them tried.
    fn least(minutes: &[u32], most: u32, lead: usize) -> usize {
        let mut plans = vec![Vec::new()];
        for needed in minutes {
            let longer = plans.iter().flat_map(|plan: &Vec<u32>| {
                (*needed..=most).map(move |size| [&plan[..], &[size]].concat())
            });
            plans = longer.collect();
        }
        plans.iter().map(|plan| cost(plan, lead)).min().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn no_plan_is_cheaper(minutes in proptest::collection::vec(1_u32..4, 1..8), lead in 0_usize..3) {
            let sizes = kept(&minutes, lead);
            prop_assert!(sizes.iter().zip(&minutes).all(|(size, needed)| size >= needed));
            prop_assert_eq!(cost(&sizes, lead), least(&minutes, 3, lead));
        }

        #[test]
        fn it_acts_once_a_minute_and_never_asks_for_what_it_then_removes(
            minutes in proptest::collection::vec(1_u32..9, 3..60), lead in 1_i64..4,
        ) {
            let sizes = kept(&minutes, lead as usize);
            let plan = Plan::of(&sizes, lead);
            prop_assert!(plan.orders.windows(2).all(|pair| pair[1].0 - pair[0].0 >= MINUTE));
            prop_assert!(plan.orders.iter().all(|(at, _)| *at > 0));
            // When each order has taken effect: one boot later where members are added.
            let mut before = plan.first;
            let mut effects: Vec<(Micros, u32)> = Vec::new();
            for (at, size) in &plan.orders {
                let takes = if *size > before { lead * MINUTE } else { 0 };
                effects.push((at + takes, *size));
                before = *size;
            }
            prop_assert!(effects.is_sorted_by_key(|(at, _)| *at));
            for (minute, size) in (0..).zip(&sizes) {
                let serving = effects.iter().rfind(|(at, _)| *at <= minute * MINUTE);
                prop_assert_eq!(serving.map_or(plan.first, |(_, size)| *size), *size);
            }
        }
    }
}
