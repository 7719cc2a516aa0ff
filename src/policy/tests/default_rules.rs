//! The agent's default settings, for all tests of the policy. A test of the agent compares them
//! with its table of settings.

use std::time::Duration;

use policy::{Bounds, Rules, ScaleIn, ScaleOut, StepSize};

pub(crate) fn default_rules() -> Rules {
    let seconds = Duration::from_secs;
    Rules {
        bounds: Bounds::new(1, 10).expect("1 <= 10"),
        cooldown: seconds(60),
        fresh: seconds(10),
        retry: seconds(5),
        scale_out: ScaleOut {
            step: StepSize::ONE,
            max_step: StepSize::members(10),
            severity: "0.95: 400%".parse().expect("a table"),
            at_least_lifetime: seconds(120),
            alert_lifetime: seconds(300),
            max_unready: "3 or 50%".parse().expect("a limit"),
            capacity_pause: seconds(300),
            capacity_pause_max: seconds(1800),
        },
        scale_in: ScaleIn {
            step: "50%".parse().expect("a step"),
            alert_lifetime: seconds(180),
            stabilisation: seconds(120),
            warm_up: seconds(120),
        },
    }
}
