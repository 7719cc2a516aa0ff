//! All runs of a comparison: every policy on every trace with every seed.

use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use serde::Serialize;

use crate::{
    clairvoyant::needed,
    contender::{Contender, Setting},
    measure::{Figures, Record},
    ours::OurSettings,
    settings::WorldSettings,
    trace::Trace,
};

/// What is compared.
#[derive(Clone, Debug)]
pub struct Competition {
    /// The loads.
    pub traces: Vec<Trace>,
    /// The policies, in the order of the table.
    pub contenders: Vec<Contender>,
    /// Each run is repeated with every seed.
    pub seeds: Vec<u64>,
    /// The world.
    pub world: WorldSettings,
    /// This repository's autoscaler; its bounds are everybody's.
    pub ours: OurSettings,
}

/// One policy on one trace.
#[derive(Clone, Debug)]
pub struct Result {
    /// Which policy.
    pub contender: Contender,
    /// The mean over the seeds.
    pub figures: Figures,
    /// The run of the first seed, for the figure.
    pub(crate) record: Record,
}

/// All policies on one trace.
#[derive(Clone, Debug)]
pub struct TraceResults {
    /// The trace.
    pub trace: Trace,
    /// In the order of the contenders.
    pub results: Vec<Result>,
}

/// What came of a comparison.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// By trace, in their order.
    pub traces: Vec<TraceResults>,
    /// The mean of each contender over the traces.
    pub means: Vec<(Contender, Figures)>,
}

/// How far a comparison is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Runs that are done.
    pub done: usize,
    /// All runs.
    pub of: usize,
}

impl Competition {
    /// Runs everything, on as many cores as there are, and tells of each run that is done.
    pub fn run(&self, progress: impl Fn(Progress) + Sync) -> Outcome {
        // The clairvoyant is everyone's measure, so it always runs.
        let mut contenders = self.contenders.clone();
        if !contenders.contains(&Contender::Clairvoyant) {
            contenders.insert(0, Contender::Clairvoyant);
        }
        let runs: Vec<(usize, usize, usize)> = (0..self.traces.len())
            .flat_map(|trace| {
                let seeds = self.seeds.len();
                let of_trace =
                    (0..contenders.len()).flat_map(move |c| (0..seeds).map(move |s| (c, s)));
                of_trace.map(move |(contender, seed)| (trace, contender, seed))
            })
            .collect();
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || {
            let mut records = Vec::new();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some((trace, contender, seed)) = runs.get(place).copied() else {
                    return records;
                };
                let setting = Setting {
                    trace: &self.traces[trace],
                    world: &self.world,
                    ours: &self.ours,
                };
                records.push((place, contenders[contender].play(setting, self.seeds[seed])));
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                progress(Progress {
                    done,
                    of: runs.len(),
                });
            }
        };
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut records: Vec<(usize, Record)> = thread::scope(|scope| {
            let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
            let of_worker = |worker: thread::ScopedJoinHandle<'_, _>| match worker.join() {
                Ok(records) => records,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            workers.into_iter().flat_map(of_worker).collect()
        });
        records.sort_by_key(|(place, _)| *place);
        let mut records = records.into_iter().map(|(_, record)| record);
        self.outcome(&contenders, &mut records)
    }

    fn outcome(
        &self,
        contenders: &[Contender],
        records: &mut dyn Iterator<Item = Record>,
    ) -> Outcome {
        let traces: Vec<TraceResults> = self
            .traces
            .iter()
            .map(|trace| self.of_trace(trace, contenders, records))
            .collect();
        let means = self.contenders.iter().map(|contender| {
            let of_all: Vec<Figures> = traces
                .iter()
                .flat_map(|trace| &trace.results)
                .filter(|result| result.contender == *contender)
                .map(|result| result.figures)
                .collect();
            (*contender, Figures::mean_over_traces(&of_all))
        });
        Outcome {
            means: means.collect(),
            traces,
        }
    }

    fn of_trace(
        &self,
        trace: &Trace,
        contenders: &[Contender],
        records: &mut dyn Iterator<Item = Record>,
    ) -> TraceResults {
        let needed = needed(trace, &self.world);
        let of_contender: Vec<(Contender, Vec<Record>)> = contenders
            .iter()
            .map(|contender| (*contender, records.take(self.seeds.len()).collect()))
            .collect();
        let figures =
            |record: &Record, least| Figures::of(record, trace, &self.world, &needed, least);
        let least: Vec<f64> = of_contender
            .iter()
            .filter(|(contender, _)| *contender == Contender::Clairvoyant)
            .flat_map(|(_, records)| records)
            .map(|record| figures(record, None).instance_hours)
            .collect();
        let results = of_contender
            .into_iter()
            .filter(|(contender, _)| self.contenders.contains(contender))
            .map(|(contender, records)| {
                let of_seeds = records.iter().zip(&least);
                let of_seeds: Vec<Figures> = of_seeds
                    .map(|(record, least)| figures(record, Some(*least)))
                    .collect();
                Result {
                    contender,
                    figures: Figures::mean(&of_seeds),
                    record: records
                        .into_iter()
                        .next()
                        .unwrap_or_else(|| Record::new(0, 0)),
                }
            });
        TraceResults {
            results: results.collect(),
            trace: trace.clone(),
        }
    }
}
