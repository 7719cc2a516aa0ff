//! Guarantees of single actors, without a process around them.

mod g04_a_stop_loses_no_up;
mod g08_looks_are_few;
mod g11_discovery_within_15_s;
mod g15_no_actor_dies_silently;
mod g18_a_paused_scaler_orders_nothing;
