//! The demo's command line.

use std::{
    fs::{self, OpenOptions},
    io,
    path::PathBuf,
};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use program::telemetry;
use rule_evaluator::prometheus::find_on_path;

use super::scenario::{Kind, Speed};

/// Show the complete autoscaling loop on this machine: load rises, the pool grows; load falls, the
/// pool shrinks.
///
/// Starts a local cloud (Exoscale's API, with processes as instances behind a real load balancer),
/// the agent, a rule evaluator and an open-loop load. Needs no account, no root and nothing
/// installed.
///
/// Passes only if the pool grew to at least 3, came back to its minimum, never changed twice in a
/// cooldown, no request failed, and latency was normal again at the end of each step of the load: a
/// p99 of at most ten times the 80 ms that an idle instance takes. A run is not judged when this
/// machine was too busy for it: when its instances had less than 90 % of the CPU time that they
/// were promised.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  autoscaler demo                        under three minutes, all intervals a tenth of the real ones
  autoscaler demo --speed real           the intervals of the real service, up to half an hour
  autoscaler demo --scenario severity    the load jumps, and the first action fits it
  autoscaler demo --compare              the same load on two fixed pools as well, and what differs
  autoscaler demo --keep                 leave it running at the end, to look around
  autoscaler demo --report /tmp/run1     write report.json and timeline.svg there

Keys on the screen, each noted in the log, the figure and the report:
  k    kill an instance
  m    stop the rule evaluator, or start it again
  a    have every call of the cloud's API fail, or work again
  r    kill the agent (SIGKILL) and start it again
  ?    show the keys
  q    stop

Exit codes:
  0    passed
  1    failed
  2    wrong command line; nothing was started
  3    not judged: this machine was too busy
  4    the report or the figure could not be written
  130  stopped before the end")]
pub struct Options {
    /// What is shown: `brief` grows and shrinks the pool by one at a time; in `severity` and
    /// `spike` the load jumps and the steps fit it; in `schedule` the pool is larger before the
    /// load comes.
    #[arg(long, value_enum, default_value_t = Kind::Brief)]
    pub(super) scenario: Kind,
    /// How fast the scenario runs.
    #[arg(long, value_enum, default_value_t = Speed::Fast)]
    pub(super) speed: Speed,
    /// The smallest size of the pool.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8))]
    pub(super) min_size: u32,
    /// The largest size of the pool; at least two more than the smallest.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(3..=16))]
    pub(super) max_size: u32,
    /// Where CPU use comes from.
    #[arg(long, alias = "watcher", value_enum, default_value_t = CpuSource::Auto)]
    pub(super) cpu_source: CpuSource,
    /// The folder of the report.
    #[arg(long, value_name = "DIR", default_value = "demo-report")]
    pub(super) report: PathBuf,
    /// Play the same load on a fixed pool of the smallest size and on one of the largest, too, one
    /// after the other, and compare latency, sizes, instance-hours and misses. Takes three times as
    /// long; writes report.html as well.
    #[arg(long, conflicts_with = "keep")]
    pub(super) compare: bool,
    /// Leave everything running at the end, until Ctrl-C.
    #[arg(long)]
    pub(super) keep: bool,
    /// Write lines even on a terminal (TERM=dumb does the same).
    #[arg(long)]
    pub(super) plain: bool,
}

impl Options {
    /// Makes the report's folder and sends this program's log to `demo.log` in it: the terminal
    /// belongs to the screen.
    pub fn start_log(&self) -> anyhow::Result<()> {
        let folder = &self.report;
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {} (--report)", folder.display()))?;
        telemetry::start_in_file(&folder.join("demo.log"))
            .with_context(|| format!("cannot write to the folder {} (--report)", folder.display()))
    }
}

impl Options {
    /// The report and the figure.
    pub(super) fn files(&self) -> [PathBuf; 2] {
        ["report.json", "timeline.svg"].map(|name| self.report.join(name))
    }

    /// The page that a comparison writes.
    pub(super) fn page(&self) -> PathBuf {
        self.report.join("report.html")
    }

    /// Fails for what cannot be had, before anything is started.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let page = self.compare.then(|| self.page());
        for file in self.files().into_iter().chain(page) {
            // The folder was just written to. A file of an earlier run is kept until the end of
            // this one.
            match OpenOptions::new().append(true).open(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot write {}", file.display()));
                }
                _ => {}
            }
        }
        ensure!(
            self.cpu_source != CpuSource::Prometheus || find_on_path("prometheus").is_some(),
            "--cpu-source prometheus: there is no `prometheus` on PATH"
        );
        Ok(())
    }
}

/// Who watches the CPU and sends the alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CpuSource {
    /// Prometheus when it is on PATH, else the built-in rule evaluator.
    Auto,
    /// the built-in rule evaluator, which scrapes and computes by itself.
    BuiltIn,
    /// Prometheus scrapes and computes; it must be on PATH.
    Prometheus,
}
