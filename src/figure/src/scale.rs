//! From values to positions: linear and logarithmic scales with round tick values, and lines
//! thinned to pixels.

/// How values are laid out along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Linear,
    Logarithmic,
}

/// A mapping from values to pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    kind: Kind,
    values: (f64, f64),
    pixels: (f64, f64),
    unit: f64,
}

impl Scale {
    /// Equal steps of the value are equal distances.
    pub fn linear(values: (f64, f64), pixels: (f64, f64)) -> Self {
        // A single value still needs some extent to stand in.
        let values = if values.1 > values.0 {
            values
        } else {
            (values.0, values.0 + 1.0)
        };
        Self {
            kind: Kind::Linear,
            values,
            pixels,
            unit: 1.0,
        }
    }

    /// Equal ratios of the value are equal distances. Both values are positive.
    pub fn logarithmic(values: (f64, f64), pixels: (f64, f64)) -> Self {
        let low = values.0.max(f64::MIN_POSITIVE);
        let values = if values.1 > low {
            (low, values.1)
        } else {
            (low, low * 10.0)
        };
        Self {
            kind: Kind::Logarithmic,
            values,
            pixels,
            unit: 1.0,
        }
    }

    /// From zero to a round number at or above `greatest`.
    pub fn from_zero(greatest: f64, pixels: (f64, f64)) -> Self {
        let step = round_step(greatest, 4);
        Self::linear((0.0, (greatest / step).ceil().max(1.0) * step), pixels)
    }

    /// The same scale, with ticks that are round numbers of this many.
    #[must_use]
    pub fn in_units_of(self, unit: f64) -> Self {
        Self { unit, ..self }
    }

    /// The position of a value; values outside the scale stop at its ends.
    pub fn at(&self, value: f64) -> f64 {
        let (low, high) = self.values;
        let value = value.clamp(low, high);
        let part = match self.kind {
            Kind::Linear => (value - low) / (high - low),
            Kind::Logarithmic => (value / low).ln() / (high / low).ln(),
        };
        self.pixels.0 + part * (self.pixels.1 - self.pixels.0)
    }

    /// About `count` round values within the scale, in rising order.
    pub fn ticks(&self, count: usize) -> Vec<f64> {
        let (low, high) = self.values;
        match self.kind {
            Kind::Linear => {
                let step = round_step((high - low) / self.unit, count) * self.unit;
                let last = (high / step + 1e-9).floor() as i64;
                ((low / step - 1e-9).ceil() as i64..=last)
                    .map(|number| number as f64 * step)
                    .collect()
            }
            Kind::Logarithmic => logarithmic_ticks(low, high, count),
        }
    }
}

/// The powers of ten; with their doubles and fives when those alone would be few.
fn logarithmic_ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let within = |mantissas: &[f64]| -> Vec<f64> {
        decades
            .clone()
            .flat_map(|decade| {
                mantissas
                    .iter()
                    .map(move |mantissa| mantissa * 10_f64.powi(decade))
            })
            .filter(|value| (low * 0.999..=high * 1.001).contains(value))
            .collect()
    };
    let full = within(&[1.0, 2.0, 5.0]);
    if full.len() <= count + 2 {
        full
    } else {
        within(&[1.0])
    }
}

/// The least of 1, 2 and 5 times a power of ten that divides an extent into at most `count` steps.
fn round_step(extent: f64, count: usize) -> f64 {
    let rough = extent.max(1e-9) / count.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|mantissa| mantissa * power)
        .into_iter()
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(rough)
}

/// Thins a line whose points lie closer than a pixel: of each pixel column the first, least,
/// greatest and last point stay, so that a peak is never lost. The points are in order of x.
pub fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut out = Vec::with_capacity(points.len().min(4096));
    for column in points.chunk_by(|a, b| a.0.floor().total_cmp(&b.0.floor()).is_eq()) {
        if column.len() <= 4 {
            out.extend_from_slice(column);
            continue;
        }
        let place = |order: fn(f64, f64) -> bool| {
            (1..column.len()).fold(0, |best, next| {
                if order(column[next].1, column[best].1) {
                    next
                } else {
                    best
                }
            })
        };
        let mut kept = [
            0,
            place(|a, b| a < b),
            place(|a, b| a > b),
            column.len() - 1,
        ];
        kept.sort_unstable();
        out.extend(kept.chunk_by(|a, b| a == b).map(|same| column[same[0]]));
    }
    out
}

/// A tick's value: as many decimals as it needs, two at most.
pub fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            Scale::linear((0.0, 147.0), (0.0, 1.0)).ticks(8),
            [0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0]
        );
        assert_eq!(
            Scale::from_zero(29.0, (0.0, 1.0)).ticks(4),
            [0.0, 10.0, 20.0, 30.0]
        );
        let minutes = Scale::linear((0.0, 1200.0), (0.0, 1.0)).in_units_of(60.0);
        assert_eq!(minutes.ticks(4), [0.0, 300.0, 600.0, 900.0, 1200.0]);
        let latency = Scale::logarithmic((100.0, 5000.0), (0.0, 1.0));
        assert_eq!(
            latency.ticks(5),
            [100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0]
        );
        assert_eq!(
            Scale::logarithmic((1.0, 1e5), (0.0, 1.0)).ticks(5),
            [1.0, 10.0, 100.0, 1e3, 1e4, 1e5]
        );
    }

    proptest! {
        #[test]
        fn positions_stay_within_the_pixels_and_keep_the_order(
            low in 0.1_f64..1e3, extent in 0.0_f64..1e5, a in -1e6_f64..1e6, b in -1e6_f64..1e6,
        ) {
            for scale in [
                Scale::linear((low, low + extent), (10.0, 90.0)),
                Scale::logarithmic((low, low + extent), (10.0, 90.0)),
            ] {
                let (near, far) = (scale.at(a.min(b)), scale.at(a.max(b)));
                prop_assert!(near <= far && near >= 9.999 && far <= 90.001, "{near} {far}");
                prop_assert!(scale.ticks(6).len() <= 14);
            }
        }

        #[test]
        fn thinning_keeps_the_extremes(ys in proptest::collection::vec(-100.0_f64..100.0, 1..500)) {
            let points: Vec<_> = ys.iter().enumerate().map(|(place, y)| (place as f64 / 50.0, *y)).collect();
            let thinned = thin(&points);
            let extremes = |points: &[(f64, f64)]| points.iter().fold((f64::MAX, f64::MIN), |(least, most), (_, y)| {
                (least.min(*y), most.max(*y))
            });
            prop_assert_eq!(extremes(&points), extremes(&thinned));
            prop_assert!(thinned.len() <= 4 * 11);
            prop_assert!(thinned.is_sorted_by(|a, b| a.0 <= b.0));
        }
    }
}
