//! The plan that the arguments make.

use std::time::Duration;

use anyhow::{Context as _, bail};
use loadtest::{Arrivals, CatchUp, Load, Plan, PlanError, Profile};

use super::args::{ArrivalsArg, RunArgs};

/// The shortest that a run may be planned for.
const SHORTEST: Duration = Duration::from_millis(50);

impl RunArgs {
    /// The plan that these arguments ask for, if it can be carried out.
    pub(super) fn checked_plan(&self) -> anyhow::Result<Plan> {
        let plan = self.plan()?;
        match plan.check() {
            // Each field of a plan has the name of its argument.
            Err(PlanError::Range { what, range }) => {
                bail!("--{} must be {range}", what.replace('_', "-"))
            }
            result => Ok(result.map(|()| plan)?),
        }
    }

    /// Fails for files that cannot be written, or are written and read.
    pub(super) fn check_files(&self) -> anyhow::Result<()> {
        let read = [
            ("--profile-file", &self.profile_file),
            ("--cacert", &self.connection.cacert),
            ("--cert", &self.connection.cert),
            ("--key", &self.connection.key),
        ];
        let read: Vec<_> = read
            .iter()
            .filter_map(|(flag, path)| Some((*flag, path.as_deref()?)))
            .chain(self.request.files())
            .collect();
        self.outputs.check(self.hlog.as_deref(), &read)
    }

    fn plan(&self) -> anyhow::Result<Plan> {
        let load = self.load()?;
        let mut calls = self.request.calls()?.into_iter();
        // clap requires one unless a subcommand is given.
        let first = calls.next().context("the URL is missing")?;
        let mut plan = Plan::new(first.target, load);
        plan.request = first.request;
        plan.more = calls.collect();
        plan.data = self.request.data()?;
        plan.credentials = self.request.credentials()?;
        plan.redirects = self.request.redirects();
        plan.checks = self.checks.checks();
        self.connection.apply(&mut plan)?;
        plan.arrivals = match self.arrivals {
            ArrivalsArg::Even => Arrivals::Even,
            ArrivalsArg::Poisson => Arrivals::Poisson { seed: self.seed },
        };
        plan.requests = self.requests;
        plan.catch_up = self.skip_after.map_or(CatchUp::All, CatchUp::SkipAfter);
        plan.threads = self
            .threads
            .unwrap_or(plan.threads)
            .min(plan.connections.max(1));
        plan.timeout = self.timeout;
        plan.drain = self.drain;
        plan.slack = self.slack;
        plan.late_after = self.late_after;
        plan.warm_up = self.warm_up;
        plan.tick = self.tick;
        plan.backend_header.clone_from(&self.backend_header);
        plan.probe = !self.no_probe;
        plan.slice = self.slice;
        plan.thresholds.clone_from(&self.fail_if);
        plan.start_at = self.start_at;
        plan.label.clone_from(&self.remote_write.label);
        Ok(plan)
    }

    fn load(&self) -> anyhow::Result<Load> {
        if self.closed {
            let duration = match (self.duration, self.requests) {
                (Some(duration), _) => duration,
                (None, Some(_)) => Plan::LONGEST,
                (None, None) => bail!(
                    "--closed needs --duration or --requests, such as --duration 10s or --requests 1000"
                ),
            };
            return Ok(Load::Closed(duration));
        }
        let profile = if let Some(rate) = &self.rate {
            self.hold(rate)?
        } else if let Some(file) = &self.profile_file {
            Profile::from_file(file).context("--profile-file")?
        } else if let Some(profile) = &self.profile {
            profile.clone()
        } else {
            bail!(
                "say how much load: --rate 50 --duration 30s, --profile '10s@50, 60s:50..400', or --closed --duration 10s"
            );
        };
        if self.duration.is_some() && self.rate.is_none() {
            bail!("--duration belongs to --rate or --closed: a profile has its own");
        }
        Ok(Load::Open(profile))
    }

    /// A constant rate, for --duration or for as long as --requests takes.
    fn hold(&self, rate: &str) -> anyhow::Result<Profile> {
        let per_second = format!("1s@{rate}")
            .parse::<Profile>()
            .map_err(|error| anyhow::anyhow!("--rate {rate:?}: {}", error.reason()))?
            .mean_rate();
        let duration = match (self.duration, self.requests) {
            (Some(duration), _) => duration,
            (None, Some(requests)) => {
                // Arrivals at random need more time at one run than at another.
                let room = match self.arrivals {
                    ArrivalsArg::Even => requests as f64,
                    ArrivalsArg::Poisson => requests as f64 * 2.0 + 10_000.0,
                };
                Duration::try_from_secs_f64(room / per_second)
                    .map_or(Plan::LONGEST, |time| time.clamp(SHORTEST, Plan::LONGEST))
            }
            (None, None) => bail!(
                "--rate needs --duration or --requests, such as --duration 30s or --requests 1000"
            ),
        };
        Ok(Profile::hold(per_second, duration))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use loadtest::Load;

    use crate::cli::args::Args;

    #[test]
    fn a_rate_is_a_profile_of_one_stage() {
        let args = Args::parse_from([
            "loadtest",
            "--rate",
            "2.5k",
            "--duration",
            "1m30s",
            "http://h/",
        ]);
        let Load::Open(profile) = args.run.checked_plan().expect("valid").load else {
            panic!("open loop")
        };
        assert_eq!(profile.to_string(), "1m30s@2500");
    }
}
