//! The cumulative arrival curve: how many requests are due by a moment, and when the n-th is due.
//!
//! Both directions are closed forms (a sine's inverse is found by bisection), so a schedule neither
//! drifts nor depends on when it is asked.

use std::f64::consts::TAU;

use super::stage::{Shape, Stage};

/// Requests due as a function of time, and its inverse.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    pieces: Vec<Piece>,
    seconds: f64,
    requests: f64,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    start: f64,
    before: f64,
    seconds: f64,
    requests: f64,
    shape: Shape,
}

impl Curve {
    pub(super) fn new(stages: &[Stage]) -> Self {
        let mut curve = Self {
            pieces: Vec::with_capacity(stages.len()),
            seconds: 0.0,
            requests: 0.0,
        };
        for stage in stages {
            let seconds = stage.duration.as_secs_f64();
            let mut piece = Piece {
                start: curve.seconds,
                before: curve.requests,
                seconds,
                requests: 0.0,
                shape: stage.shape,
            };
            piece.requests = piece.due(seconds);
            curve.seconds += seconds;
            curve.requests += piece.requests;
            curve.pieces.push(piece);
        }
        curve
    }

    /// The whole number of requests: the first is due at once, and none at the very end.
    pub(crate) fn requests(&self) -> u64 {
        // A millionth of a request is rounding of the sums, not an arrival.
        (self.requests - 1e-6).ceil().max(0.0) as u64
    }

    /// Requests due before `seconds` from the start.
    pub(crate) fn due(&self, seconds: f64) -> f64 {
        let after = self.pieces.partition_point(|piece| piece.start <= seconds);
        let Some(piece) = after.checked_sub(1).and_then(|i| self.pieces.get(i)) else {
            return 0.0;
        };
        piece.before + piece.due((seconds - piece.start).min(piece.seconds))
    }

    /// Seconds from the start at which the curve reaches `requests`; none when it never does.
    /// `hint` is the index of the piece found last, so that a caller that only moves forward does
    /// not search.
    pub(crate) fn when(&self, requests: f64, hint: &mut usize) -> Option<f64> {
        while let Some(piece) = self.pieces.get(*hint) {
            if requests < piece.before + piece.requests {
                return Some(piece.start + piece.inverse(requests - piece.before));
            }
            *hint += 1;
        }
        None
    }
}

impl Piece {
    fn due(&self, t: f64) -> f64 {
        match self.shape {
            Shape::Hold { rate } => rate * t,
            Shape::Ramp { from, to } => from * t + (to - from) * t * t / (2.0 * self.seconds),
            Shape::Sine { low, high, period } => {
                let (middle, half) = (f64::midpoint(low, high), (high - low) / 2.0);
                let omega = TAU / period.as_secs_f64();
                middle * t - half * (omega * t).sin() / omega
            }
        }
    }

    fn inverse(&self, requests: f64) -> f64 {
        let t = match self.shape {
            Shape::Hold { rate } => requests / rate,
            Shape::Ramp { from, to } => {
                // The root of the quadratic, in the form that does not cancel.
                let slope = (to - from) / self.seconds;
                let root = (from * from + 2.0 * slope * requests).max(0.0).sqrt();
                if from + root > 0.0 {
                    2.0 * requests / (from + root)
                } else {
                    0.0
                }
            }
            Shape::Sine { .. } => {
                let (mut low, mut high) = (0.0, self.seconds);
                // 60 halvings reach the resolution of f64.
                for _ in 0..60 {
                    let middle = f64::midpoint(low, high);
                    if self.due(middle) < requests {
                        low = middle;
                    } else {
                        high = middle;
                    }
                }
                high
            }
        };
        t.clamp(0.0, self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::profile::Profile;

    fn profile(text: &str) -> Profile {
        text.parse().expect("a valid profile")
    }

    #[test]
    fn counts_are_the_area_under_the_rate() {
        assert_eq!(profile("10s@50").requests(), 500);
        assert_eq!(profile("60s:0..100").requests(), 3_000);
        assert_eq!(
            profile("10s@50, 60s:50..400, 30s@400").requests(),
            500 + 13_500 + 12_000
        );
        assert_eq!(profile("20s:50^400").requests(), 4_500);
        assert_eq!(profile("60s:50..400/8").requests(), 13_500);
        assert_eq!(profile("4m:50~400/2m").requests(), 54_000);
        assert_eq!(profile("5s@0, 1s@3").requests(), 3);
    }

    #[test]
    fn a_held_rate_is_evenly_spaced() {
        let curve = profile("10s@50").curve();
        let mut hint = 0;
        for n in 0..500 {
            let when = curve.when(f64::from(n), &mut hint).expect("inside");
            assert!((when - f64::from(n) / 50.0).abs() < 1e-9);
        }
        assert_eq!(curve.when(500.0, &mut hint), None);
    }

    proptest! {
        #[test]
        fn when_inverts_due(
            a in 0.0..500.0f64, b in 0.0..500.0f64, low in 0.0..100.0f64, more in 0.0..300.0f64, part in 0.0..1.0f64
        ) {
            let text = format!("3s:{a}..{b}, 2s@{a}, 5s@0, 4s:{low}~{}/3s, 1s:{b}^{a}", low + more);
            let curve = profile(&text).curve();
            let wanted = curve.requests * part;
            let mut hint = 0;
            if let Some(when) = curve.when(wanted, &mut hint) {
                prop_assert!((curve.due(when) - wanted).abs() < 1e-6, "{text}: {when}");
            }
        }

        #[test]
        fn times_never_run_backwards(a in 1.0..500.0f64, b in 1.0..500.0f64) {
            let curve = profile(&format!("1s:{a}..{b}, 1s:{b}~{}/500ms, 1s@{a}", b + 1.0)).curve();
            let (mut hint, mut last) = (0, 0.0);
            for n in 0..curve.requests() {
                let when = curve.when(n as f64, &mut hint).expect("inside");
                prop_assert!(when >= last);
                last = when;
            }
        }
    }
}
