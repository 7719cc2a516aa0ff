//! The traces that need no file, each in closed form. Loads are for a pool of at most ten members,
//! and grow with the pool.

use super::Trace;
use crate::{
    random,
    time::{Micros, SECOND},
};

/// The names, in the order of the table.
pub const BUILT_IN: [&str; 6] = ["step", "ramp", "spikes", "day-in-4h", "day", "noisy"];

/// The least load of those that rise and fall smoothly.
const LOW: f64 = 0.6;
/// Their greatest: the peak to which files are scaled, too.
const HIGH: f64 = 6.5;

const STEP_S: u32 = 600;

/// The built-in trace of this name, its load `scale` times that for ten members.
pub fn built_in(name: &str, scale: f64) -> Option<Trace> {
    let mut trace = match name {
        "step" => step(),
        "ramp" => Trace::from_form(name, 180, ramp),
        "spikes" => Trace::from_form(name, 120, spikes),
        "day-in-4h" => Trace::from_form(name, 4 * 60, |t| day(t, 4.0 * 3600.0)),
        "day" => Trace::from_form(name, 24 * 60, |t| day(t, 24.0 * 3600.0)),
        "noisy" => noisy(),
        _ => return None,
    };
    for load in &mut trace.load {
        *load *= scale;
    }
    Some(trace)
}

/// From 0.6 to 4.2 servers for 45 minutes, ten minutes after the beginning.
fn step() -> Trace {
    let high = f64::from(STEP_S)..f64::from(STEP_S + 45 * 60);
    Trace {
        step_at: Some(Micros::from(STEP_S) * SECOND),
        ..Trace::from_form("step", 75, |t| if high.contains(&t) { 4.2 } else { LOW })
    }
}

/// Ten minutes low, an hour up, half an hour high, an hour down, low again.
fn ramp(t: f64) -> f64 {
    let up = (t - 600.0) / 3600.0;
    let down = (600.0 + 3600.0 + 1800.0 + 3600.0 - t) / 3600.0;
    LOW + (HIGH - LOW) * up.min(down).clamp(0.0, 1.0)
}

/// From 1.2 to 6 servers for five minutes, each half hour.
fn spikes(t: f64) -> f64 {
    let in_half_hour = t - 1800.0 * libm::floor(t / 1800.0);
    if (900.0..1200.0).contains(&in_half_hour) {
        6.0
    } else {
        1.2
    }
}

/// One period of a cosine, from the quietest moment to the next.
fn day(t: f64, period: f64) -> f64 {
    let wave = 0.5 - 0.5 * libm::cos(core::f64::consts::TAU * t / period);
    LOW + (HIGH - LOW) * wave
}

/// Four hours of a first-order autoregression by minutes: each value is 0.9 of the one before and
/// something new.
fn noisy() -> Trace {
    let mut random = random::stream(1, "the trace noisy");
    let mut noise = 0.0;
    let minutes: Vec<f64> = (0..4 * 60)
        .map(|_| {
            noise = 0.9 * noise + 0.45 * random::normal(&mut random);
            (3.0 + noise).max(0.3)
        })
        .collect();
    Trace {
        name: "noisy".to_owned(),
        segment: 60 * SECOND,
        load: minutes,
        step_at: None,
    }
    .scaled_to(HIGH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_trace_of_some_load_below_ten_servers() {
        for name in BUILT_IN {
            let trace = built_in(name, 1.0).expect("it is built in");
            assert_eq!(trace.name, name);
            assert!(
                trace.load.iter().all(|load| (0.1..=6.6).contains(load)),
                "{name}"
            );
            let doubled = built_in(name, 2.0).expect("it is built in");
            let is_double = |(double, single): (&f64, &f64)| (double / single - 2.0).abs() < 1e-9;
            assert!(
                doubled.load.iter().zip(&trace.load).all(is_double),
                "{name}"
            );
        }
        assert_eq!(built_in("stairs", 1.0), None);
    }

    #[test]
    fn the_step_is_where_it_says() {
        let step = built_in("step", 1.0).expect("it is built in");
        let at = step.step_at.expect("it has one");
        assert!(step.load_at(at - 1) < 1.0 && step.load_at(at) > 4.0);
        assert!(step.load_at(-1) == 0.0 && step.load_at(step.duration()) == 0.0);
    }
}
