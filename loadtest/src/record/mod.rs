//! What happened: counted by each worker alone, added up once a tick by a collector.
//!
//! Only histograms and counters cross threads, never single requests. A new counter is a field of
//! [`Counters`], raised where it happens; every sum and every report has it from there.

mod class;
mod collector;
mod counters;
mod failure;
mod findings;
mod gauges;
mod histogram;
mod interval;
mod latency;
mod part;
mod progress;
mod reasons;
mod recorder;
mod series;
mod summary;
mod target;
mod tick;
mod totals;
mod warnings;

#[cfg(test)]
pub(crate) use histogram::{new_histogram, record};
pub use {
    class::Class,
    counters::{Accounts, Counters},
    failure::Failure,
    gauges::Gauges,
    latency::Latency,
    part::Waits,
    progress::{BackendProgress, Progress},
    reasons::Reasons,
    series::Point,
    summary::{BackendSummary, Histograms, StageSummary, Summary, Warning},
    target::TargetSummary,
    tick::{Observer, Tick},
};
pub(crate) use {
    class::{Outcome, Tag},
    collector::{Collector, Setup},
    counters::Counts,
    findings::{COMMON_HEADERS, Findings, rank_of_header},
    gauges::Levels,
    histogram::add,
    interval::{Interval, TickEnd},
    part::{Part, Timed},
    recorder::{BackendId, Recorder, Times},
    target::{TargetCounts, TargetPart},
    totals::Totals,
};
