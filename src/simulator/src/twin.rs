//! A run elsewhere, such as of the demo, played again here to be compared event by event.

use std::time::Duration;

use crate::{
    ours::{OurSettings, Ours},
    settings::WorldSettings,
    time::duration,
    trace::Trace,
    world::play,
};

/// A change of the pool's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When the API had answered, since the trace began.
    pub at: Duration,
    /// The size before.
    pub from: u32,
    /// The size asked for.
    pub to: u32,
}

/// What this repository's autoscaler does to a pool that begins with `size` members.
pub fn changes(
    trace: &Trace,
    world: &WorldSettings,
    ours: &OurSettings,
    size: u32,
    seed: u64,
) -> Vec<Change> {
    let record = play(trace, world, seed, size, &mut Ours::new(ours, seed));
    let changes = record.actions.iter().map(|action| Change {
        at: duration(action.at),
        from: action.from,
        to: action.to,
    });
    changes.collect()
}
