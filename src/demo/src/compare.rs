//! The same load on three pools, one after the other: the autoscaled one, and two that keep its
//! smallest and its largest size. What autoscaling gains and costs is the difference.
//!
//! All three have the same agent, alerts and requests. The agents of the fixed pools have limits
//! that leave them no choice.

mod figure;
mod page;
#[cfg(test)]
mod tests;

use std::{fmt::Write as _, fs};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use self::{figure::comparison_svg, page::page};
use super::{
    machine::MachineTime,
    options::Options,
    play::Played,
    report::{Report, seconds},
    run::{DemoError, Ended, play, say_written},
    scenario::Scenario,
    show::say,
    stop::StopSignals,
    summary,
    timeline::Timeline,
    verdict::{Check, Outcome, check},
};

/// What `report.json` says of the three pools.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Comparison {
    /// A request without a good answer within this many seconds is a miss.
    pub miss_after_s: f64,
    /// The pool that was autoscaled.
    pub autoscaled: ComparedRun,
    /// The pool that kept the smallest size.
    pub smallest: ComparedRun,
    /// The pool that kept the largest size.
    pub largest: ComparedRun,
    /// What differs, in words; made of the numbers above.
    pub sentence: String,
}

/// The figures of one of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ComparedRun {
    /// The smallest size.
    pub min_size: u32,
    /// The largest size.
    pub max_size: u32,
    /// The most members that were healthy at once.
    pub peak_size: u32,
    /// Median latency of all requests, in milliseconds.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the same.
    pub p99_ms: Option<f64>,
    /// Members times the hours that they existed, in the service's time: at speed `fast` a second
    /// counts ten.
    pub instance_hours: f64,
    /// Requests sent.
    pub requests: u64,
    /// Requests that got no good answer at all.
    pub failed_requests: u64,
    /// Requests that got none in time.
    pub missed: u64,
    /// How long the run took.
    pub duration_s: f64,
    /// The instances' CPU time in seconds.
    pub machine: MachineTime,
}

impl ComparedRun {
    fn of(played: &Played) -> Self {
        let Played {
            run,
            totals,
            report,
            agent_resident: _,
        } = played;
        let hours = run.instance_time().as_secs_f64() / 3600.0;
        let hours = hours * f64::from(run.settings.speed.divisor());
        Self {
            min_size: report.min_size,
            max_size: report.max_size,
            peak_size: report.peak_size,
            p50_ms: totals.p50_ms,
            p99_ms: totals.p99_ms,
            instance_hours: (hours * 1e4).round() / 1e4,
            requests: totals.requests,
            failed_requests: totals.failed_requests,
            missed: totals.missed,
            duration_s: report.duration_s,
            machine: totals.machine,
        }
    }

    /// The part of the requests that missed, in percent.
    fn missed_percent(&self) -> f64 {
        self.missed as f64 * 100.0 / self.requests.max(1) as f64
    }
}

impl Comparison {
    fn new(autoscaled: &Played, smallest: &Played, largest: &Played) -> Self {
        let mut comparison = Self {
            miss_after_s: seconds(autoscaled.run.settings.normal_latency()),
            autoscaled: ComparedRun::of(autoscaled),
            smallest: ComparedRun::of(smallest),
            largest: ComparedRun::of(largest),
            sentence: String::new(),
        };
        comparison.sentence = comparison.in_words();
        comparison
    }

    /// One sentence that needs no table beside it.
    fn in_words(&self) -> String {
        let Self {
            autoscaled,
            smallest,
            largest,
            ..
        } = self;
        let p99 = |run: &ComparedRun| summary::latency(run.p99_ms);
        format!(
            "The autoscaled pool had a p99 of {} instead of {} and {:.1} % misses instead of {:.1} % \
             (fixed pool of {}), at {:.0} % of the instance-hours of the largest pool ({}).",
            p99(autoscaled),
            p99(smallest),
            autoscaled.missed_percent(),
            smallest.missed_percent(),
            smallest.min_size,
            100.0 * autoscaled.instance_hours / largest.instance_hours.max(f64::MIN_POSITIVE),
            largest.max_size,
        )
    }

    /// What autoscaling has to show beside pools of a fixed size.
    pub(super) fn checks(&self) -> [Check; 2] {
        let (own, small, large) = (&self.autoscaled, &self.smallest, &self.largest);
        [
            check(
                "missed less than the smallest",
                own.missed < small.missed,
                format!("{} misses, smallest {}", own.missed, small.missed),
            ),
            check(
                "cost less than the largest",
                own.instance_hours < large.instance_hours,
                format!(
                    "{:.2} instance-hours, largest {:.2}",
                    own.instance_hours, large.instance_hours
                ),
            ),
        ]
    }

    /// The runs, with the words for each: the largest pool, the smallest, and the autoscaled one.
    fn runs(&self) -> [(String, &ComparedRun); 3] {
        [
            (
                format!("fixed pool of {}", self.largest.max_size),
                &self.largest,
            ),
            (
                format!("fixed pool of {}", self.smallest.min_size),
                &self.smallest,
            ),
            (
                format!(
                    "autoscaled, {} to {}",
                    self.autoscaled.min_size, self.autoscaled.max_size
                ),
                &self.autoscaled,
            ),
        ]
    }

    /// The CPU time of each run.
    pub(super) fn machines(&self) -> [MachineTime; 3] {
        self.runs().map(|(_, run)| run.machine)
    }

    /// The table for the terminal; ends with a newline.
    fn table(&self) -> String {
        let mut out = format!(
            "  {:<20}{:>8}{:>10}{:>10}{:>10}{:>12}\n",
            "pool", "peak", "p50", "p99", "misses", "inst.-hours"
        );
        for (name, run) in self.runs() {
            let _ = writeln!(
                out,
                "  {name:<20}{:>8}{:>10}{:>10}{:>8.1} %{:>12.2}",
                run.peak_size,
                summary::latency(run.p50_ms),
                summary::latency(run.p99_ms),
                run.missed_percent(),
                run.instance_hours
            );
        }
        out
    }
}

/// Plays the three runs and writes what differs; `None` when somebody stopped one.
pub(super) async fn run(
    options: &Options,
    scenario: &Scenario,
) -> Result<Option<Ended>, DemoError> {
    let mut stop = StopSignals::listen()?;
    say("Run 1 of 3: the autoscaled pool.");
    let Some(mut autoscaled) = play(options, scenario, &mut stop).await? else {
        return Ok(None);
    };
    let replayed = scenario.replayed(&autoscaled.run.phase_times());
    let Some(smallest) = play_fixed((2, options.min_size), options, &replayed, &mut stop).await?
    else {
        return Ok(None);
    };
    let Some(largest) = play_fixed((3, options.max_size), options, &replayed, &mut stop).await?
    else {
        return Ok(None);
    };
    let comparison = Comparison::new(&autoscaled, &smallest, &largest);
    autoscaled.report.compare(comparison.clone());
    let runs = [&largest.run, &smallest.run, &autoscaled.run];
    Ok(Some(Ended {
        outcome: autoscaled.report.outcome,
        is_written: write_files(options, &autoscaled.report, &comparison, runs),
    }))
}

/// Says what came out, and writes the three files; true when all could be written.
fn write_files(
    options: &Options,
    report: &Report,
    comparison: &Comparison,
    runs: [&Timeline; 3],
) -> bool {
    let svg = comparison_svg(comparison, runs);
    say(&format!("\n{}", summary::verdict(report)));
    say(&format!(
        "\n{}\n{}",
        comparison.table(),
        folded(&comparison.sentence)
    ));
    let ([report_file, figure_file], page_file) = (options.files(), options.page());
    let page = page(report, comparison, &svg);
    say_written(&[
        (report.write(&report_file), report_file),
        (fs::write(&figure_file, &svg), figure_file),
        (fs::write(&page_file, page), page_file),
    ])
}

async fn play_fixed(
    (number, size): (u32, u32),
    options: &Options,
    replayed: &Scenario,
    stop: &mut StopSignals,
) -> Result<Option<Played>, DemoError> {
    say(&format!("\nRun {number} of 3: a fixed pool of {size}."));
    let options = fixed_options(options, size).map_err(DemoError::Options)?;
    play(&options, replayed, stop).await
}

/// The same run with a pool that keeps its size, and its logs in a folder of their own.
fn fixed_options(options: &Options, size: u32) -> anyhow::Result<Options> {
    let folder = options.report.join(format!("fixed-{size}"));
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {} (--report)", folder.display()))?;
    Ok(Options {
        min_size: size,
        max_size: size,
        report: folder,
        ..options.clone()
    })
}

/// The machine's CPU time over all three runs decides whether they can be compared.
pub(super) fn outcome(own: Outcome, checks: &[Check], comparison: &Comparison) -> Outcome {
    let machines = comparison.machines();
    let too_busy = machines.iter().any(MachineTime::is_too_short);
    match own {
        Outcome::Failed => Outcome::Failed,
        _ if too_busy => Outcome::NotJudged,
        Outcome::Passed if checks.iter().any(|check| !check.pass) => Outcome::Failed,
        own => own,
    }
}

/// A sentence in lines of 78 columns, indented by two.
fn folded(sentence: &str) -> String {
    let mut lines = vec![String::from(" ")];
    for word in sentence.split(' ') {
        let line = lines.last_mut().expect("there is a first line");
        if line.chars().count() + 1 + word.chars().count() > 78 {
            lines.push(format!("  {word}"));
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}
