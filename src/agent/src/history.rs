//! The last hour and day in figures, for the charts: in bounded memory, and lost with the process.
//!
//! The historian actor takes a sample each ten seconds, and thirty samples make one of the day.
//! What was not known is `None`, never the last known figure: a gap is a gap.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use actix::{Actor, AsyncContext as _, Context, Handler};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;

use super::{decision_file::DecisionFile, messages::Ping, read_model::ReadModel, target::Target};

/// Time between two samples.
const STEP: Duration = Duration::from_secs(10);
/// Samples kept: an hour.
const HOUR: usize = 360;
/// Samples that make one of the day: five minutes.
const GATHERED: usize = 30;
/// Of those, what is kept: a day.
const DAY: usize = 288;

/// What is known at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// Members that the pool is to have.
    pub(crate) wanted: Option<u32>,
    /// Members that can serve.
    pub(crate) healthy: Option<u32>,
    /// The limits in force.
    pub(crate) min: u32,
    pub(crate) max: u32,
    /// The average CPU use that alerts told of since the last sample.
    pub(crate) cpu: Option<f64>,
}

/// One point of the charts.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    /// In milliseconds since 1970.
    at: i64,
    figures: Figures,
    /// Calls of the API since the last sample, and those of them that failed.
    calls: u64,
    errors: u64,
}

#[derive(Debug, Default)]
pub(crate) struct History(Mutex<Samples>);

#[derive(Debug, Default)]
struct Samples {
    hour: VecDeque<Sample>,
    day: VecDeque<Sample>,
    /// What becomes the next sample of the day.
    gathered: Vec<Sample>,
    counted: Calls,
}

/// Calls of the API since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) all: u64,
    pub(crate) failed: u64,
}

/// Samples as the charts want them: a list for each figure, all of one length.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Series {
    step_s: u64,
    at: Vec<i64>,
    wanted: Vec<Option<u32>>,
    healthy: Vec<Option<u32>>,
    min: Vec<u32>,
    max: Vec<u32>,
    cpu: Vec<Option<f64>>,
    calls: Vec<u64>,
    errors: Vec<u64>,
}

impl History {
    /// Takes a sample.
    pub(crate) fn add(&self, figures: Figures, calls: Calls, now: Timestamp) {
        let mut samples = self.0.lock();
        let before = std::mem::replace(&mut samples.counted, calls);
        let sample = Sample {
            at: now.as_millisecond(),
            figures,
            calls: calls.all.saturating_sub(before.all),
            errors: calls.failed.saturating_sub(before.failed),
        };
        push(&mut samples.hour, sample, HOUR);
        samples.gathered.push(sample);
        if samples.gathered.len() == GATHERED {
            let gathered = std::mem::take(&mut samples.gathered);
            push(&mut samples.day, together(&gathered), DAY);
        }
    }

    /// The last hour, and the last day.
    pub(crate) fn series(&self) -> (Series, Series) {
        let samples = self.0.lock();
        let hour = Series::of(&samples.hour, STEP);
        (hour, Series::of(&samples.day, STEP * GATHERED as u32))
    }
}

fn push(kept: &mut VecDeque<Sample>, new: Sample, most: usize) {
    if kept.len() == most {
        kept.pop_front();
    }
    kept.push_back(new);
}

/// Many samples as one: the last size, the worst health, the mean CPU use, and all calls.
fn together(samples: &[Sample]) -> Sample {
    let last = samples[samples.len() - 1];
    let figures = || samples.iter().map(|sample| sample.figures);
    let told: Vec<f64> = figures().filter_map(|figures| figures.cpu).collect();
    Sample {
        figures: Figures {
            wanted: figures().rev().find_map(|figures| figures.wanted),
            healthy: figures().filter_map(|figures| figures.healthy).min(),
            cpu: (!told.is_empty()).then(|| told.iter().sum::<f64>() / told.len() as f64),
            ..last.figures
        },
        calls: samples.iter().map(|sample| sample.calls).sum(),
        errors: samples.iter().map(|sample| sample.errors).sum(),
        ..last
    }
}

impl Series {
    fn of(samples: &VecDeque<Sample>, step: Duration) -> Self {
        let mut series = Self {
            step_s: step.as_secs(),
            ..Self::default()
        };
        for sample in samples {
            let figures = sample.figures;
            series.at.push(sample.at);
            series.wanted.push(figures.wanted);
            series.healthy.push(figures.healthy);
            series.min.push(figures.min);
            series.max.push(figures.max);
            series.cpu.push(figures.cpu);
            series.calls.push(sample.calls);
            series.errors.push(sample.errors);
        }
        series
    }
}

/// Takes the samples.
#[derive(Debug)]
pub(crate) struct Historian {
    read_model: Arc<ReadModel>,
    target: Target,
    sampled: Timestamp,
    decisions: DecisionFile,
}

impl Historian {
    /// A historian of this model and of the calls of this target, which keeps decisions in a file.
    pub(crate) fn new(read_model: Arc<ReadModel>, target: Target, decisions: DecisionFile) -> Self {
        Self {
            read_model,
            target,
            sampled: Timestamp::now(),
            decisions,
        }
    }

    fn sample(&mut self, ctx: &mut Context<Self>) {
        let now = Timestamp::now();
        let figures = self.read_model.figures(self.sampled);
        self.sampled = now;
        let mut calls = Calls::default();
        for entry in self.target.calls() {
            calls.all += entry.count;
            if entry.outcome != "ok" {
                calls.failed += entry.count;
            }
        }
        self.read_model.history().add(figures, calls, now);
        self.decisions.keep(&self.read_model, now);
        ctx.run_later(STEP, Self::sample);
    }
}

impl Actor for Historian {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_later(STEP, Self::sample);
    }
}

impl Handler<Ping> for Historian {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(count: i64, figures: impl Fn(i64) -> Figures) -> (Series, Series) {
        let history = History::default();
        for number in 0..count {
            let calls = Calls {
                all: 3 * (number as u64 + 1),
                failed: number as u64 + 1,
            };
            let now = Timestamp::from_second(10 * number).unwrap();
            history.add(figures(number), calls, now);
        }
        history.series()
    }

    fn size(wanted: u32) -> Figures {
        Figures {
            wanted: Some(wanted),
            healthy: Some(wanted),
            min: 1,
            max: 10,
            cpu: None,
        }
    }

    #[test]
    fn an_hour_and_a_day_are_kept_and_no_more() {
        let (hour, day) = sampled(3 * 8_640, |_| size(2));
        assert_eq!((hour.at.len(), day.at.len()), (HOUR, DAY));
        assert_eq!((hour.step_s, day.step_s), (10, 300));
        let newest = 10_000 * (3 * 8_640 - 1);
        assert_eq!(hour.at.last(), Some(&newest));
        assert_eq!(hour.at[0], newest - 3_590_000);
        assert_eq!(day.at.last(), Some(&newest));
        assert!(hour.calls.iter().all(|calls| *calls == 3));
        assert!(day.errors.iter().all(|errors| *errors == GATHERED as u64));
    }

    #[test]
    fn what_was_not_known_is_a_gap() {
        let blind = |number| {
            if (5..40).contains(&number) {
                Figures {
                    wanted: None,
                    healthy: None,
                    ..size(2)
                }
            } else {
                size(2)
            }
        };
        let (hour, day) = sampled(60, blind);
        assert_eq!(hour.wanted[4..6], [Some(2), None]);
        assert_eq!(hour.healthy[39..41], [None, Some(2)]);
        assert_eq!(day.wanted, [Some(2), Some(2)], "known for a part of it");
        let (_, day) = sampled(30, |_| Figures::default());
        assert_eq!((&day.wanted[..], &day.cpu[..]), (&[None][..], &[None][..]));
    }

    #[test]
    fn of_five_minutes_the_worst_health_and_the_mean_load_are_kept() {
        let (_, day) = sampled(30, |number| Figures {
            healthy: Some(if number == 7 { 1 } else { 3 }),
            cpu: (number >= 28).then_some(number as f64 / 100.0),
            ..size(2 + number as u32 / 29)
        });
        assert_eq!((day.wanted[0], day.healthy[0]), (Some(3), Some(1)));
        let cpu = day.cpu[0].unwrap();
        assert!((cpu - 0.285).abs() < 1e-9, "{cpu}");
        assert_eq!((day.calls[0], day.errors[0]), (90, 30));
    }
}
