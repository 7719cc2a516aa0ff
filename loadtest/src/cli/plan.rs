//! The plan that the arguments make.

use anyhow::{Context as _, bail};
use loadtest::{Arrivals, CatchUp, Load, Plan, PlanError, Profile, Request};

use super::args::{ArrivalsArg, RunArgs};

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
            ("--body-file", &self.body_file),
            ("--cacert", &self.connection.cacert),
            ("--cert", &self.connection.cert),
            ("--key", &self.connection.key),
        ];
        let read: Vec<_> = read
            .iter()
            .filter_map(|(flag, path)| Some((*flag, path.as_deref()?)))
            .collect();
        self.outputs.check(self.hlog.as_deref(), &read)
    }

    fn plan(&self) -> anyhow::Result<Plan> {
        // clap requires it unless a subcommand is given.
        let target = self.url.clone().context("the URL is missing")?;
        let mut plan = Plan::new(target, self.load()?);
        plan.request = self.request()?;
        self.connection.apply(&mut plan)?;
        plan.arrivals = match self.arrivals {
            ArrivalsArg::Even => Arrivals::Even,
            ArrivalsArg::Poisson => Arrivals::Poisson { seed: self.seed },
        };
        plan.catch_up = self.skip_after.map_or(CatchUp::All, CatchUp::SkipAfter);
        plan.threads = self
            .threads
            .unwrap_or(plan.threads)
            .min(plan.connections.max(1));
        plan.timeout = self.timeout;
        plan.drain = self.drain;
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
            let duration = self
                .duration
                .context("--closed needs --duration, such as --duration 10s")?;
            return Ok(Load::Closed(duration));
        }
        let profile = if let Some(rate) = &self.rate {
            let duration = self
                .duration
                .context("--rate needs --duration, such as --duration 30s")?;
            let text = format!("{}ns@{rate}", duration.as_nanos());
            text.parse::<Profile>()
                .map_err(|error| anyhow::anyhow!("--rate {rate:?}: {}", error.reason()))?
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

    fn request(&self) -> anyhow::Result<Request> {
        let mut request = Request::new(&self.method).context("--method")?;
        for header in &self.header {
            let (name, value) = header
                .split_once(':')
                .with_context(|| format!("--header {header:?}: expected 'Name: value'"))?;
            request = request.header(name.trim(), value).context("--header")?;
        }
        let body = match &self.body_file {
            Some(file) => std::fs::read(file)
                .with_context(|| format!("cannot read {} (--body-file)", file.display()))?,
            None => self.body.clone().unwrap_or_default().into_bytes(),
        };
        Ok(request.with_body(body))
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
