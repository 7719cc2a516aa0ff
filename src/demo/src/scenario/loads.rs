//! The load of each scenario.

use std::time::Duration;

use super::{Kind, Lasts, Phase, Scenario, ScheduledSize, Speed};

/// Load of the warm-up and of the end, as fractions of the least pool's capacity: one between the
/// thresholds, one under the lower.
const WARM_UP: f64 = 0.3;
const QUIET: f64 = 0.1;
/// How many steps there are at most; each wants one instance more than the one before.
const STEPS: u32 = 3;
/// How busy a step keeps the pool it wants, at most: under the upper threshold by a margin for
/// noise.
const BUSY: f64 = 0.725;
/// How busy the members are that a schedule has made ready: no reason to grow.
const CALM: f64 = 0.55;
/// How much more than the pool before it can serve a step asks for at most, in instances: enough to
/// raise the alert, and little enough that the queue stays short that grows while an instance
/// boots.
const EXCESS: f64 = 0.15;
const FIRST_STEP_TIME: Duration = Duration::from_secs(200);
const STEP_TIME: Duration = Duration::from_secs(190);
const WARM_UP_TIME: Duration = Duration::from_secs(80);
/// Per instance to remove: a cooldown, the rate and pending times of the alert, and a drain, with a
/// margin of two.
const SHRINK_TIME: Duration = Duration::from_secs(360);
/// A jump of the load, and the lull between two.
const JUMP_TIME: Duration = Duration::from_secs(300);
const LULL_TIME: Duration = Duration::from_secs(240);
/// From the agent's start to the schedule's row: its first cooldown is over.
const SCHEDULE_AFTER: Duration = Duration::from_secs(90);
/// From there to the load: a decision and a boot, with a margin.
const SCHEDULE_AHEAD: Duration = Duration::from_secs(180);
const RUSH_TIME: Duration = Duration::from_secs(200);

/// What every phase depends on.
pub(super) struct Load {
    /// Requests per second that an instance serves.
    pub(super) capacity: f64,
    pub(super) speed: Speed,
    pub(super) min_size: u32,
}

impl Load {
    /// The smallest greatest size with which the scenario shows what it is to show.
    pub(super) fn least_room(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Brief | Kind::Schedule => self.min_size.saturating_add(2),
            Kind::Severity | Kind::Spike => self.min_size.saturating_mul(2).saturating_add(1),
        }
    }

    pub(super) fn brief(&self, max_size: u32) -> Scenario {
        let mut phases = vec![self.warm_up(WARM_UP_TIME)];
        let peak = max_size.min(self.min_size + STEPS);
        for (number, size) in (1..).zip(self.min_size + 1..=peak) {
            let instances = (BUSY * f64::from(size)).min(f64::from(size) - 1.0 + EXCESS);
            let time = if number == 1 {
                FIRST_STEP_TIME
            } else {
                STEP_TIME
            };
            phases.push(self.phase(&format!("step {number}"), instances, size, time));
        }
        phases.push(self.quiet(peak));
        Scenario {
            phases,
            scheduled: None,
        }
    }

    pub(super) fn severity(&self, max_size: u32) -> Scenario {
        let phases = vec![
            self.warm_up(WARM_UP_TIME),
            self.jump("jump"),
            self.quiet(max_size),
        ];
        Scenario {
            phases,
            scheduled: None,
        }
    }

    pub(super) fn spike(&self, max_size: u32) -> Scenario {
        let lull = WARM_UP * f64::from(self.min_size);
        let phases = vec![
            self.warm_up(WARM_UP_TIME),
            self.jump("spike 1"),
            self.phase("lull", lull, self.min_size, LULL_TIME),
            self.jump("spike 2"),
            self.quiet(max_size),
        ];
        Scenario {
            phases,
            scheduled: None,
        }
    }

    pub(super) fn schedule(&self, max_size: u32) -> Scenario {
        let size = self.min_size + 2;
        let scaled = |time| self.speed.scale(time);
        let ahead = SCHEDULE_AFTER + SCHEDULE_AHEAD;
        let instances = WARM_UP * f64::from(self.min_size);
        let phases = vec![
            self.warm_up(WARM_UP_TIME),
            self.phase(
                "ahead",
                instances,
                self.min_size,
                ahead.saturating_sub(WARM_UP_TIME),
            ),
            self.phase("rush", CALM * f64::from(size), size, RUSH_TIME),
            self.quiet(max_size),
        ];
        Scenario {
            phases,
            scheduled: Some(ScheduledSize {
                from: scaled(SCHEDULE_AFTER),
                to: scaled(ahead + RUSH_TIME),
                min_size: size,
            }),
        }
    }

    /// More than twice what the least pool carries, and a load that the next one carries.
    fn jump(&self, name: &str) -> Phase {
        let size = self.least_room(Kind::Severity);
        self.phase(name, BUSY * f64::from(size), size, JUMP_TIME)
    }

    fn warm_up(&self, time: Duration) -> Phase {
        let instances = WARM_UP * f64::from(self.min_size.max(1));
        self.phase("warm-up", instances, self.min_size, time)
    }

    /// The end of a scenario that had the pool at this size at most.
    fn quiet(&self, peak: u32) -> Phase {
        let at_most = self.speed.scale(SHRINK_TIME * (peak - self.min_size));
        Phase {
            lasts: Lasts::UntilMinimum { at_most },
            ..self.phase(
                "quiet",
                QUIET * f64::from(self.min_size.max(1)),
                self.min_size,
                STEP_TIME,
            )
        }
    }

    fn phase(&self, name: &str, instances: f64, need: u32, time: Duration) -> Phase {
        let rate = instances * self.capacity;
        Phase {
            label: format!("{name} · {rate:.1} req/s"),
            rate,
            need,
            lasts: Lasts::For(self.speed.scale(time)),
        }
    }
}
