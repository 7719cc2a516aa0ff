//! `autoscaler report`: what the agent did or would have done, from the decisions that it kept.

mod hours;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use agent::{DecisionLine, Kept, decision_lines};
use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;
use program::{
    output,
    time_text::{DAY, MINUTE, time_within},
};
use serde::Serialize;

use self::hours::{PoolTime, hours};
use super::{config_args::ConfigArgs, pool_choice::pool_of};

const HELP: &str = "\
\"Each recommendation followed\" takes each one to hold until the next, or until the pool is changed
by others. What the load would have been at that size, nobody measured: `autoscaler simulate --from`
plays the measured load against any size.

The agent keeps its decisions in the folder of its journal, for a week or more; run this as its user.

  autoscaler report --config agent.toml               the last day
  autoscaler report --journal /var/lib/autoscaler --last 7d --json";

/// Report what the agent did, or in mode `recommend` would have done, and what that costs.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// How far back it looks.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = time_within(MINUTE..=366 * DAY))]
    last: Duration,
    /// The folder of the journal [default: `journal.directory`].
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Which of several pools.
    #[arg(long, value_name = "NAME", conflicts_with = "journal")]
    pool: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// All that is reported.
#[derive(Debug, Serialize)]
struct Report {
    version: u32,
    /// Of the time reported, hours in which the agent ran.
    hours: f64,
    from: Timestamp,
    until: Timestamp,
    modes: Vec<String>,
    /// What the pool had.
    ran: PoolTime,
    /// What it would have had.
    recommended: PoolTime,
    /// By verdict and then by reason, how often.
    decisions: BTreeMap<String, BTreeMap<String, u32>>,
    /// By verdict and then by change, such as `2 -> 3`, how often.
    changes: BTreeMap<String, BTreeMap<String, u32>>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let folder = if let Some(folder) = &options.journal {
        folder.clone()
    } else {
        let mut settings = options.config.load_without_key()?.0;
        pool_of(&mut settings.agent, options.pool.as_deref())?.journal
    };
    let lines = decision_lines(&folder).context("cannot read the decisions (--journal)")?;
    let Some(report) = report(&lines, options.last) else {
        bail!(
            "{} holds no decisions: the agent keeps them there from its start on; is it \
             journal.directory of its settings?",
            folder.display()
        );
    };
    let text = if options.json {
        serde_json::to_string_pretty(&report)? + "\n"
    } else {
        shown(&report, &folder)
    };
    output::print(&text).context("cannot print the report")
}

/// Of the time that ends with the last line.
fn report(lines: &[DecisionLine], last: Duration) -> Option<Report> {
    let until = lines.iter().map(|line| line.at).max()?;
    let begin = until.checked_sub(last).ok()?;
    let lines: Vec<_> = lines.iter().filter(|line| line.at >= begin).collect();
    let from = lines.iter().map(|line| line.at).min()?;
    let mut modes: Vec<String> = Vec::new();
    let (mut decisions, mut changes) = (BTreeMap::new(), BTreeMap::new());
    for line in &lines {
        match &line.what {
            Kept::Size { mode, .. } if !modes.contains(mode) => modes.push(mode.clone()),
            Kept::Size { .. } => {}
            Kept::Decision {
                verdict,
                reason,
                from,
                to,
                ..
            } => {
                count(&mut decisions, verdict, reason.clone());
                if let (Some(from), Some(to)) = (from, to) {
                    count(&mut changes, verdict, format!("{from} -> {to}"));
                }
            }
        }
    }
    let (ran, recommended) = hours(&lines);
    Some(Report {
        version: 1,
        hours: ran.hours,
        from,
        until,
        modes,
        ran,
        recommended,
        decisions,
        changes,
    })
}

type Counts = BTreeMap<String, BTreeMap<String, u32>>;

fn count(counts: &mut Counts, verdict: &str, what: String) {
    *counts
        .entry(verdict.to_owned())
        .or_default()
        .entry(what)
        .or_default() += 1;
}

fn shown(report: &Report, folder: &Path) -> String {
    let Report {
        ran, recommended, ..
    } = report;
    let mut text = format!(
        "Agent of {}: {:.1} h until {}, mode {}\n\n",
        folder.display(),
        report.hours,
        report.until.strftime("%Y-%m-%d %H:%M UTC"),
        report.modes.join(", "),
    );
    let _ = writeln!(
        text,
        "{:30}  {:>8}  {:>14}",
        "", "members", "instance-hours"
    );
    for (name, hours) in [
        ("what ran", ran),
        ("each recommendation followed", recommended),
    ] {
        let share = 100.0 * hours.instance_hours / ran.instance_hours.max(f64::MIN_POSITIVE);
        let members = format!("{}-{}", hours.min, hours.max);
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "{name:30}  {members:>8}  {:>14.1}",
            hours.instance_hours
        );
        if name != "what ran" {
            let _ = write!(text, "  {share:.0} %");
        }
        text.push('\n');
    }
    text.push('\n');
    for (verdict, words, counts) in [
        ("recommended", "would have changed", &report.changes),
        ("acted", "changed", &report.changes),
        ("held", "waited", &report.decisions),
        ("refused", "not scaled", &report.decisions),
        ("failed", "failed", &report.decisions),
    ] {
        let counts = counts.get(verdict);
        let all: u32 = counts.into_iter().flat_map(BTreeMap::values).sum();
        let parts = counts.into_iter().flatten();
        let parts: Vec<String> = parts
            .map(|(what, times)| format!("{what} ({times})"))
            .collect();
        let line = format!("{words:20}{all:>5}   {}", parts.join(", "));
        text += line.trim_end();
        text.push('\n');
    }
    text
}
