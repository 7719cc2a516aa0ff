//! `autoscaler simulate`: how well a pool would be scaled, in virtual time.

mod inputs;
mod measured;
mod outputs;

use std::{path::PathBuf, time::Duration};

use alert_rules::Monitoring;
use clap::Args;
use program::time_text::{HOUR, SECOND, time_within};
use simulator::{BUILT_IN, Competition, Contender};

use self::measured::Measured;
use crate::failure::Usage;

/// The largest pool: beyond it a run takes minutes.
const MOST_MEMBERS: i64 = 1000;
/// More minutes than these take minutes themselves.
const MOST_PAST: Duration = Duration::from_secs(69 * 86_400);
/// Seeds beyond these only take time.
const MOST_SEEDS: usize = 20;

const HELP: &str = "\
The table has a row for each policy, with means over the traces and the seeds:
  cost           instance-hours, as a multiple of those of the clairvoyant, which knows the load
  miss %         requests not answered within 10 times their service time
  under, over %  members that were missing, or too many, in percent of those needed
  recovery s     from the step of the trace `step` until the misses end

Policies: ours is this autoscaler with its own alert rules and the settings of --settings;
ours-80-30 is the same with other thresholds; ours-requests and ours-requests-80-39 add the rule by
request rate. hpa-60, gce-60, aws-target-60 (any percent) and aws-step are models of others;
static-min, static-mean and static-max never change.
docs/scaling.md describes the world, the models and the measures.

  autoscaler simulate                                      built-in traces, all policies
  autoscaler simulate --traces step --policies ours,hpa-60 some of them
  autoscaler simulate --trace monday.csv --figures out     a load of yours, with figures
  autoscaler simulate --settings agent.toml --json -       your settings, as JSON
  autoscaler simulate --from http://127.0.0.1:9090 --settings agent.toml --policies ours
                                                           your own last month, as measured";

/// Simulate a pool in virtual time: this autoscaler beside models of others.
///
/// The policy, the alert rules and the notification policies are those of the agent and of the
/// monitoring image. A day takes about a tenth of a second.
#[derive(Args, Clone, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// A file of requests per minute, one number a line, scaled to a peak of 65 % of the largest
    /// pool; may be repeated.
    #[arg(long, value_name = "FILE")]
    trace: Vec<PathBuf>,
    /// The load as Prometheus measured it: its URL, or a CSV file of times and values that Grafana
    /// or Prometheus exported. The values are busy members, such as 1.6 of 4: see --query.
    #[arg(long, value_name = "URL|FILE")]
    from: Option<String>,
    /// How far back --from looks.
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = time_within(HOUR..=MOST_PAST))]
    last: Duration,
    /// What --from asks Prometheus for.
    #[arg(long, value_name = "PROMQL", default_value = measured::QUERY)]
    query: String,
    /// Built-in traces [default: all of them, unless --trace or --from is given].
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = built_in_name)]
    traces: Vec<&'static str>,
    /// The policies, in the order of the table [default: all that are named below].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    policies: Vec<Contender>,
    /// Seeds of the random numbers; each run is repeated with every one.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 2, 3])]
    seed: Vec<u64>,
    /// Smallest size of the pool [default: `scaling.min_size`].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MOST_MEMBERS))]
    min: Option<u32>,
    /// Largest size of the pool [default: `scaling.max_size`].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MOST_MEMBERS))]
    max: Option<u32>,
    /// From the order of a member to its first request.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time_within(SECOND..=HOUR))]
    boot: Duration,
    /// The agent's settings, a TOML file as for `autoscaler agent --config`; what concerns the API
    /// may be missing.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Which of several pools in --settings.
    #[arg(long, value_name = "NAME", requires = "settings")]
    pool: Option<String>,
    /// Grafana's alert rules [default: those of the monitoring image].
    #[arg(long, value_name = "FILE")]
    alert_rules: Option<PathBuf>,
    /// Grafana's notification policies [default: those of the monitoring image].
    #[arg(long, value_name = "FILE")]
    notification_policies: Option<PathBuf>,
    /// Prometheus' configuration [default: that of the monitoring image].
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
    /// Prometheus' recording rules [default: those of the monitoring image].
    #[arg(long, value_name = "FILE")]
    recording_rules: Option<PathBuf>,
    /// Write everything as JSON; `-` prints it instead of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a figure (SVG) of each trace into this folder: ours beside two others.
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
}

fn built_in_name(text: &str) -> Result<&'static str, String> {
    let found = BUILT_IN.into_iter().find(|name| *name == text);
    found.ok_or_else(|| format!("there are {}", BUILT_IN.join(", ")))
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let measured = measured::read(options)?;
    let competition = competition(options, measured.as_ref())?;
    let outputs = outputs::Outputs::new(options, &competition)?;
    let outcome = competition.run(outputs::progress());
    outputs.write(&competition, &outcome, measured.as_ref())
}

fn competition(options: &Options, measured: Option<&Measured>) -> anyhow::Result<Competition> {
    let ours = inputs::ours(options)?;
    let traces = inputs::traces(options, measured, ours.rules.bounds.max().0)?;
    let contenders = contenders(options, &ours.monitoring)?;
    let seeds = once("--seed", &options.seed)?;
    if seeds.len() > MOST_SEEDS {
        return Err(Usage(format!("--seed: give at most {MOST_SEEDS} seeds")).into());
    }
    Ok(Competition {
        traces,
        contenders,
        seeds,
        world: simulator::WorldSettings {
            boot: options.boot,
            ..simulator::WorldSettings::default()
        },
        ours,
    })
}

/// Those that are named, else all that the files of the monitoring allow.
fn contenders(options: &Options, monitoring: &Monitoring) -> Result<Vec<Contender>, Usage> {
    let named = once("--policies", &options.policies)?;
    let Some(problem) = monitoring.request_rate_problem() else {
        return Ok(match named.as_slice() {
            [] => Contender::ALL.to_vec(),
            _ => named,
        });
    };
    if let Some(refused) = named.iter().find(|one| one.hears_of_requests()) {
        let what = format!("--policies: {refused} needs the rule by request rate, but {problem}");
        return Err(Usage(what));
    }
    let others = Contender::ALL.into_iter();
    Ok(match named.as_slice() {
        [] => others.filter(|one| !one.hears_of_requests()).collect(),
        _ => named,
    })
}

/// A list in which nothing is named twice.
fn once<T: PartialEq + Copy + std::fmt::Display>(flag: &str, list: &[T]) -> Result<Vec<T>, Usage> {
    for (place, one) in list.iter().enumerate() {
        if list[..place].contains(one) {
            return Err(Usage(format!("{flag}: {one} is named twice; name it once")));
        }
    }
    Ok(list.to_vec())
}
