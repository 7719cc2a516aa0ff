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

use super::{
    grafana::GrafanaProgram,
    scenario::{Kind, Speed},
    show::say,
};

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
  autoscaler demo --keep                 go on at the end under a small load, to look around
  autoscaler demo --report /tmp/run1     write report.json and timeline.svg there

Keys on the screen, each with what came of it in the log, the figure and the report:
  k    kill an instance
  a    have every call of the cloud's API fail, or work again
  m    stop whoever evaluates the rules, or start it again
  r    kill the agent (SIGKILL) and start it again
  p    pause the agent by an order, or resume it
  + -  a quarter of the planned load more or less, from 25 % to 200 %
  ?    show the keys
  q    end now, with the report of what ran (Esc, too)
  Ctrl-C stops at once, without a report

Exit codes:
  0    passed
  1    failed
  2    wrong command line; nothing was started
  3    not judged: this machine was too busy, or what you changed left a check open
  4    the report or the figure could not be written
  130  ended before the end: by q with a report, by Ctrl-C without")]
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
    /// Who evaluates the rules and sends the alerts.
    #[arg(long, value_enum, default_value_t = AlertSource::Auto)]
    pub(super) alert_source: AlertSource,
    /// The folder of the report.
    #[arg(long, value_name = "DIR", default_value = "demo-report")]
    pub(super) report: PathBuf,
    /// Play the same load on a fixed pool of the smallest size and on one of the largest, too, one
    /// after the other, and compare latency, sizes, instance-hours and misses. Takes three times as
    /// long; writes report.html as well.
    #[arg(long, conflicts_with = "keep")]
    pub(super) compare: bool,
    /// Leave everything running at the end, with the screen and the small load of the last phase
    /// (1.2 requests/s for each instance of the smallest size), until q or Ctrl-C.
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
        if self.alert_source == AlertSource::Grafana {
            ensure!(
                self.speed == Speed::Real,
                "--alert-source grafana needs --speed real: {GRAFANA_IS_SLOW}"
            );
            ensure!(
                self.prometheus().is_some(),
                "--alert-source grafana needs Prometheus: put `prometheus` on PATH, and leave --cpu-source out"
            );
            ensure!(
                GrafanaProgram::find().is_some(),
                "--alert-source grafana: there is neither `grafana` nor `grafana-server` on PATH"
            );
        }
        Ok(())
    }

    /// The Prometheus to run; none where the rule evaluator is to scrape.
    pub(super) fn prometheus(&self) -> Option<PathBuf> {
        match self.cpu_source {
            CpuSource::BuiltIn => None,
            CpuSource::Auto | CpuSource::Prometheus => find_on_path("prometheus"),
        }
    }

    /// The Grafana to run; none where the rule evaluator is to take its place. Says why one that is
    /// there is not used.
    pub(super) fn grafana(&self) -> Option<GrafanaProgram> {
        if self.alert_source == AlertSource::BuiltIn {
            return None;
        }
        let found = GrafanaProgram::find()?;
        if self.speed == Speed::Real {
            return Some(found);
        }
        say(&format!(
            "Grafana is there and not used: {GRAFANA_IS_SLOW} (--speed real uses it)."
        ));
        None
    }
}

/// Grafana's scheduler has this interval.
const GRAFANA_IS_SLOW: &str = "it evaluates rules each 10 s at most";

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

/// Who evaluates the rules and sends the alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum AlertSource {
    /// Grafana when it and Prometheus are on PATH and the speed is real, else the built-in rule
    /// evaluator.
    Auto,
    /// the built-in rule evaluator.
    BuiltIn,
    /// Grafana; it and Prometheus must be on PATH, and the speed must be real.
    Grafana,
}
