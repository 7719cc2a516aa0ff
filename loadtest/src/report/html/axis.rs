//! From values to places along an axis, with round marks.

use std::time::Duration;

use crate::text::{show_duration, show_nanos};

/// How an axis turns values into places and labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// From zero, with plain numbers.
    Linear,
    /// Seconds from zero.
    Seconds,
    /// Nanoseconds, logarithmic.
    LogNanos,
    /// Quantiles, by the number of nines: 0 %, 90 %, 99 %, …
    Nines,
}

/// Steps between the marks of an axis of time that is longer than a few seconds.
const TIME_STEPS: [f64; 14] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
];
/// Marks at most, so that their labels stand apart on a narrow screen.
const MARKS: f64 = 6.0;
/// Far more than anything that a run measures; its multiples are numbers, too.
const HUGE: f64 = 1e15;
/// Nanoseconds that stand at the foot of an axis, however much shorter they are.
const NEGLIGIBLE: f64 = 1e3;

#[derive(Clone, Debug)]
pub(super) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
}

impl Axis {
    /// An axis on which all these values have a place.
    pub(super) fn new(scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        let (mut least, mut greatest) = (f64::INFINITY, 0.0_f64);
        for value in values.filter(|value| value.is_finite()) {
            let value = value.min(HUGE);
            (least, greatest) = (least.min(value), greatest.max(value));
        }
        let (low, high) = match scale {
            Scale::LogNanos if greatest < 1.0 => (3.0, 6.0),
            Scale::LogNanos => {
                let low = round_down(least.clamp(NEGLIGIBLE, greatest.max(NEGLIGIBLE)));
                (low.log10(), round_up(greatest).max(low * 10.0).log10())
            }
            Scale::Linear if greatest > 0.0 => {
                let step = round_up(greatest / MARKS);
                (0.0, (greatest / step).ceil() * step)
            }
            Scale::Nines => (0.0, place(scale, greatest).max(1.0)),
            _ if greatest > 0.0 => (0.0, greatest),
            _ => (0.0, 1.0),
        };
        Self { scale, low, high }
    }

    /// Where a value lies, from 0 to 1.
    pub(super) fn part(&self, value: f64) -> f64 {
        ((place(self.scale, value) - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Labelled places.
    pub(super) fn marks(&self) -> Vec<(f64, String)> {
        let values: Vec<(f64, String)> = match self.scale {
            Scale::LogNanos => self.log_marks(),
            Scale::Nines => {
                let nines = 0..=(self.high + 1e-9).floor() as i32;
                let label = |nines| format!("{}%", 100.0 - 10_f64.powi(2 - nines));
                nines
                    .map(|nines| (1.0 - 10_f64.powi(-nines), label(nines)))
                    .collect()
            }
            Scale::Linear => multiples(round_up(self.high / MARKS * 0.999), self.high)
                .map(|value| (value, format!("{}", (value * 1e6).round() / 1e6)))
                .collect(),
            Scale::Seconds => multiples(time_step(self.high), self.high)
                .map(|value| (value, seconds(value)))
                .collect(),
        };
        values
            .into_iter()
            .map(|(value, label)| (self.part(value), label))
            .collect()
    }

    fn log_marks(&self) -> Vec<(f64, String)> {
        let mantissas: &[f64] = if self.high - self.low <= 2.01 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let decades = self.low.floor() as i32..=self.high.ceil() as i32;
        let values = decades.flat_map(|decade| {
            let power = 10_f64.powi(decade);
            mantissas.iter().map(move |mantissa| mantissa * power)
        });
        values
            .filter(|value| (self.low - 1e-9..=self.high + 1e-9).contains(&value.log10()))
            .map(|value| {
                let label = show_nanos(value.round() as u64);
                (value, label.replace(".00", "").replace(".0", ""))
            })
            .collect()
    }
}

fn place(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Linear | Scale::Seconds => value,
        Scale::LogNanos => value.max(1.0).log10(),
        // Where the last request stands alone there is no further nine.
        Scale::Nines => -(1.0 - value).max(1e-7).log10(),
    }
}

/// Writes a moment of a run shortly.
pub(super) fn seconds(value: f64) -> String {
    if value == 0.0 {
        return "0s".to_owned();
    }
    // The ends of ticks are not quite round.
    let hundredths = (value * 1e2).round() as u64;
    show_duration(Duration::from_millis(hundredths * 10))
        .replace(".00", "")
        .replace(".0ms", "ms")
}

fn multiples(step: f64, last: f64) -> impl Iterator<Item = f64> {
    let count = (last / step + 1e-9).floor() as u32;
    (0..=count).map(move |i| f64::from(i) * step)
}

fn time_step(span: f64) -> f64 {
    // The last tick ends a little after a round moment.
    let step = span / MARKS * 0.95;
    if step < 1.0 {
        return round_up(step);
    }
    let fitting = TIME_STEPS.into_iter().find(|fitting| *fitting >= step);
    fitting.unwrap_or_else(|| round_up(step / 3600.0) * 3600.0)
}

const MANTISSAS: [f64; 4] = [1.0, 2.0, 5.0, 10.0];

/// The least of 1, 2 or 5 times a power of ten that is not below a value.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let mut round = MANTISSAS.into_iter().map(|n| n * power);
    round
        .find(|n| *n >= value * 0.999_999)
        .unwrap_or(power * 10.0)
}

/// The greatest of 1, 2 or 5 times a power of ten that is not above a value.
fn round_down(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let mut round = MANTISSAS.into_iter().rev().map(|n| n * power);
    round.find(|n| *n <= value * 1.000_001).unwrap_or(power)
}

#[cfg(test)]
mod tests {
    use super::{Axis, Scale};

    #[test]
    fn marks_are_round_numbers() {
        let labels = |scale, low: f64, high: f64| -> Vec<String> {
            let marks = Axis::new(scale, [low, high].into_iter()).marks();
            marks.into_iter().map(|(_, label)| label).collect()
        };
        let time = |high| labels(Scale::Seconds, 0.0, high).join(" ");
        assert_eq!(time(60.0), "0s 10s 20s 30s 40s 50s 1m");
        assert_eq!(time(1.0), "0s 200ms 400ms 600ms 800ms 1s");
        assert_eq!(time(600.0), "0s 2m 4m 6m 8m 10m");
        assert_eq!(time(100_000.0), "0s 5h 10h 15h 20h 25h");
        assert_eq!(labels(Scale::LogNanos, 9e6, 1e9).join(" "), "10ms 100ms 1s");
        assert_eq!(
            labels(Scale::LogNanos, 1.1e6, 9e6).join(" "),
            "1ms 2ms 5ms 10ms"
        );
        assert_eq!(
            labels(Scale::LogNanos, 0.0, 9e4).join(" "),
            "1µs 2µs 5µs 10µs 20µs 50µs 100µs"
        );
        assert_eq!(
            labels(Scale::Nines, 0.5, 0.999).join(" "),
            "0% 90% 99% 99.9%"
        );
        assert_eq!(
            labels(Scale::Linear, 0.0, 97.0).join(" "),
            "0 20 40 60 80 100"
        );
    }

    #[test]
    fn every_value_has_a_place() {
        for scale in [Scale::Linear, Scale::Seconds, Scale::LogNanos, Scale::Nines] {
            for values in [
                &[][..],
                &[0.0],
                &[0.0, f64::MAX],
                &[f64::NAN],
                &[1e-9, 3e12],
            ] {
                let axis = Axis::new(scale, values.iter().copied());
                let marks = axis.marks();
                assert!(marks.len() < 40, "{scale:?} {values:?} {}", marks.len());
                for value in values.iter().copied().filter(|value| value.is_finite()) {
                    assert!((0.0..=1.0).contains(&axis.part(value)), "{scale:?} {value}");
                }
                for (part, _) in marks {
                    assert!((0.0..=1.0).contains(&part));
                }
            }
        }
    }
}
