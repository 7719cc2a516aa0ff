//! The guarantees that are the policy's alone, as properties of randomised simulations of an agent.

#![allow(
    clippy::struct_excessive_bools,
    unreachable_pub,
    reason = "the world's records are plain facts, public to the modules here"
)]

mod default_rules;
mod g01_size_within_bounds;
mod g02_one_action_per_cooldown;
mod g03_nothing_stale_scales_in;
mod g04_no_up_is_lost;
mod g05_up_beats_down;
mod g06_actions_rest_on_fresh_reads;
mod g17_floors_only_raise;
mod g18_a_paused_agent_changes_nothing;
mod g19_a_standby_changes_nothing;
mod happening;
mod history;
mod lives;
mod world;
