//! The command line's language of profiles; see [`Profile::SYNTAX`].

use std::{str::FromStr, time::Duration};

use super::{
    stage::{Shape, Stage},
    stages::Profile,
};
use crate::text::{ColumnError, parse_duration};

/// Above this, intended times a few nanoseconds apart would mean nothing.
pub(super) const MAX_RATE: f64 = 10_000_000.0;

impl FromStr for Profile {
    type Err = ColumnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut stages = Vec::new();
        let mut at = 0;
        for part in text.split(',') {
            let start = at + (part.len() - part.trim_start().len());
            let stage = part.trim();
            if stage.is_empty() {
                return Err(ColumnError::new(
                    text,
                    start,
                    "a stage is missing, such as 10s@50 or 60s:50..400",
                ));
            }
            parse_stage(stage, &mut stages).map_err(|error| error.inside(text, start))?;
            at += part.len() + 1;
        }
        let profile = Profile { stages };
        if profile.requests() == 0 {
            return Err(ColumnError::new(text, 0, "this profile sends no requests"));
        }
        Ok(profile)
    }
}

fn parse_stage(text: &str, stages: &mut Vec<Stage>) -> Result<(), ColumnError> {
    let Some(mark) = text.find(['@', ':']) else {
        return Err(ColumnError::new(
            text,
            text.len(),
            "expected '@' and a rate, or ':' and a shape",
        ));
    };
    let duration = parse_duration(text[..mark].trim())?;
    if duration.is_zero() {
        return Err(ColumnError::new(
            text,
            0,
            "a stage lasts longer than nothing",
        ));
    }
    let (body, at) = (&text[mark + 1..], mark + 1);
    let mut push = |duration, shape| stages.push(Stage { duration, shape });
    if text.as_bytes()[mark] == b'@' {
        let rate = parse_rate(text, at, body)?;
        push(duration, Shape::Hold { rate });
    } else if let Some((from, rest)) = body.split_once("..") {
        let to_at = at + from.len() + 2;
        let (to, steps) = match rest.split_once('/') {
            Some((to, steps)) => (to, Some((steps, to_at + to.len() + 1))),
            None => (rest, None),
        };
        let (from, to) = (parse_rate(text, at, from)?, parse_rate(text, to_at, to)?);
        match steps {
            None => push(duration, Shape::Ramp { from, to }),
            Some((steps, steps_at)) => {
                let steps = parse_steps(text, steps_at, steps)?;
                push_steps(stages, duration, from, to, steps);
            }
        }
    } else if let Some((from, to)) = body.split_once('^') {
        let to_at = at + from.len() + 1;
        let (from, to) = (parse_rate(text, at, from)?, parse_rate(text, to_at, to)?);
        let half = duration / 2;
        push(half, Shape::Ramp { from, to });
        let (from, to) = (to, from);
        push(duration.saturating_sub(half), Shape::Ramp { from, to });
    } else if let Some((low, rest)) = body.split_once('~') {
        push(duration, parse_sine(text, at, low, rest)?);
    } else {
        let reason =
            "after ':' comes A..B (ramp), A..B/N (steps), A^B (spike) or A~B/PERIOD (sine)";
        return Err(ColumnError::new(text, at, reason));
    }
    Ok(())
}

/// Reads what is on both sides of a sine's '~'; the left begins at byte `at` of `text`.
fn parse_sine(text: &str, at: usize, low: &str, rest: &str) -> Result<Shape, ColumnError> {
    let high_at = at + low.len() + 1;
    let low = parse_rate(text, at, low)?;
    let Some((high, period)) = rest.split_once('/') else {
        return Err(ColumnError::new(
            text,
            text.len(),
            "a sine needs its period: 10m:50~400/2m",
        ));
    };
    let period_at = high_at + high.len() + 1;
    let high = parse_rate(text, high_at, high)?;
    let period = parse_duration(period.trim()).map_err(|error| error.inside(text, period_at))?;
    if high < low {
        return Err(ColumnError::new(
            text,
            at,
            "a sine goes from its low rate to its high one",
        ));
    }
    if period.is_zero() {
        return Err(ColumnError::new(
            text,
            period_at,
            "a period is longer than nothing",
        ));
    }
    Ok(Shape::Sine { low, high, period })
}

fn push_steps(stages: &mut Vec<Stage>, duration: Duration, from: f64, to: f64, steps: u32) {
    for step in 0..steps {
        // Whole nanoseconds, so that the steps add up to the stage.
        let edge = |n: u32| duration.as_nanos() * u128::from(n) / u128::from(steps);
        let nanos = (edge(step + 1) - edge(step)) as u64;
        let rate = from + (to - from) * f64::from(step) / f64::from(steps - 1);
        stages.push(Stage {
            duration: Duration::from_nanos(nanos),
            shape: Shape::Hold { rate },
        });
    }
}

fn parse_steps(text: &str, at: usize, number: &str) -> Result<u32, ColumnError> {
    match number.trim().parse::<u32>() {
        Ok(steps @ 2..=1000) => Ok(steps),
        _ => Err(ColumnError::new(
            text,
            at,
            "the number of steps is from 2 to 1000",
        )),
    }
}

fn parse_rate(text: &str, at: usize, number: &str) -> Result<f64, ColumnError> {
    let trimmed = number.trim();
    let number = trimmed.strip_suffix("/s").unwrap_or(trimmed);
    let (number, factor) = match number.strip_suffix('k') {
        Some(thousands) => (thousands, 1000.0),
        None => (number, 1.0),
    };
    match number.parse::<f64>() {
        Ok(rate) if rate.is_finite() && (0.0..=MAX_RATE).contains(&(rate * factor)) => {
            Ok(rate * factor)
        }
        Ok(rate) if rate < 0.0 => Err(ColumnError::new(text, at, "a rate is not negative")),
        Ok(_) => Err(ColumnError::new(
            text,
            at,
            "a rate is at most 10000000 requests per second",
        )),
        Err(_) => Err(ColumnError::new(
            text,
            at,
            "expected a rate in requests per second, such as 50 or 2.5k",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::profile::{Profile, Shape};

    #[test]
    fn the_documented_forms_are_read() {
        let profile: Profile = "10s@50, 60s:50..400,30s@2.5k/s".parse().expect("valid");
        assert_eq!(profile.duration(), Duration::from_secs(100));
        assert_eq!(profile.stages()[2].shape, Shape::Hold { rate: 2_500.0 });
        assert_eq!(profile.to_string(), "10s@50, 1m:50..400, 30s@2500");
        let steps: Profile = "60s:10..30/3".parse().expect("valid");
        assert_eq!(steps.to_string(), "20s@10, 20s@20, 20s@30");
        let spike: Profile = "20s:50^400".parse().expect("valid");
        assert_eq!(spike.to_string(), "10s:50..400, 10s:400..50");
        for line in Profile::SYNTAX.lines().skip(1) {
            let example = line
                .split_whitespace()
                .next()
                .expect("an example on each line");
            example.parse::<Profile>().expect(example);
        }
    }

    #[test]
    fn refusals_name_the_column_and_the_reason() {
        for (text, column, reason) in [
            ("", 1, "stage is missing"),
            ("10s@50,", 8, "stage is missing"),
            ("10s", 4, "'@' and a rate"),
            ("10@50", 3, "unit is missing"),
            ("10s@50, 60s:50-400", 13, "A..B"),
            ("10s@50, 60s:50..x", 17, "expected a rate"),
            ("10s@-5", 5, "not negative"),
            ("10s@0", 1, "no request"),
            ("0s@5", 1, "longer than nothing"),
            ("10s:5..9/1", 10, "2 to 1000"),
            ("10s:5~9", 8, "period"),
            ("10s:9~5/2s", 5, "low rate"),
            ("10s:1~5/2q", 10, "not a unit"),
            ("10s@99999999", 5, "at most"),
        ] {
            let error = text.parse::<Profile>().expect_err(text);
            assert_eq!(error.column(), column, "{text}: {error}");
            assert!(error.reason().contains(reason), "{text}: {error}");
        }
    }
}
