//! Prometheus and Grafana as their own files set them up: nothing of these is typed in again.
//!
//! The simulator plays them, the rule evaluator stands in for Grafana with them.

#![warn(missing_docs)]

mod policies_file;
mod prometheus_file;
mod promql;
mod recording_file;
mod rules_file;
#[cfg(test)]
mod tests;

use std::time::Duration;

use policy::Direction;

pub use policies_file::group_key;
pub use promql::{CpuQuery, RequestQuery, Young};
pub use rules_file::{Comparison, FloorRule, ScaleRule};

/// Why a file of the monitoring is not understood.
#[derive(Debug, thiserror::Error)]
pub enum MonitoringError {
    /// It is not of the form that Grafana or Prometheus reads.
    #[error("{file} cannot be read")]
    Form {
        /// Which file.
        file: &'static str,
        /// Where it is wrong.
        source: serde_yaml_ng::Error,
    },
    /// It says something that is not known here.
    #[error("{file}: {what}")]
    Unknown {
        /// Which file.
        file: &'static str,
        /// What, and what is known.
        what: String,
    },
}

/// The texts of the files.
#[derive(Clone, Copy, Debug)]
pub struct MonitoringFiles<'a> {
    /// Grafana's alert rules.
    pub rules: &'a str,
    /// Grafana's rule by request rate, with `REQUESTS_PER_MEMBER` where a number belongs.
    pub request_rate: &'a str,
    /// Grafana's notification policies.
    pub policies: &'a str,
    /// Prometheus' configuration.
    pub prometheus: &'a str,
    /// Prometheus' recording rules.
    pub recording: &'a str,
}

impl MonitoringFiles<'static> {
    /// Those of the monitoring image.
    pub const IMAGE: Self = Self {
        rules: include_str!("../../../nixos/grafana/provisioning/alerting/rules.yml"),
        request_rate: include_str!("../../../nixos/grafana/optional/request-rate.yml"),
        policies: include_str!("../../../nixos/grafana/provisioning/alerting/policies.yml"),
        prometheus: include_str!("../../../nixos/prometheus.yml"),
        recording: include_str!("../../../nixos/prometheus-rules.yml"),
    };
}

/// How alerts of one kind are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The labels by which alerts share a message.
    pub group_by: Vec<String>,
    /// Before the first message of a group.
    pub group_wait: Duration,
    /// Between two looks at a group.
    pub group_interval: Duration,
    /// A reminder is due when the last message is older.
    pub repeat_interval: Duration,
}

/// What is measured, when it alerts, and when the agent is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Monitoring {
    /// Between two scrapes of a member.
    pub scrape_interval: Duration,
    /// Between two evaluations of the recording rules: a value is up to so old.
    pub recording_interval: Duration,
    /// Between two evaluations of the rules.
    pub evaluation_interval: Duration,
    /// The rules by CPU use, each with the way of its messages.
    pub rules: Vec<(ScaleRule, Route)>,
    /// The rules by request rate, each with the way of its messages.
    pub floors: Vec<(FloorRule, Route)>,
    /// Between two scrapes of a member's application, which counts the requests.
    pub request_scrape_interval: Duration,
    /// What joins the rules by request rate where one is asked for, or why it cannot.
    optional: Result<Vec<(FloorRule, Route)>, String>,
}

impl Route {
    /// Between two messages about the same alerts: the first multiple of `group_interval` that is
    /// longer than `repeat_interval`. A reminder of exactly that age is not due yet.
    pub fn spacing(&self) -> Duration {
        let (group, repeat) = (self.group_interval, self.repeat_interval);
        if group.is_zero() {
            return repeat;
        }
        let looks = repeat.as_nanos() / group.as_nanos() + 1;
        group.saturating_mul(u32::try_from(looks).unwrap_or(u32::MAX))
    }

    fn divide_by(&mut self, divisor: u32) {
        let Self {
            group_by: _,
            group_wait,
            group_interval,
            repeat_interval,
        } = self;
        for time in [group_wait, group_interval, repeat_interval] {
            *time /= divisor;
        }
    }
}

impl Monitoring {
    /// That of the monitoring image.
    ///
    /// # Panics
    ///
    /// Never: the files are part of the program, and a test reads them.
    pub fn image() -> Self {
        Self::read(&MonitoringFiles::IMAGE).expect("the image's files are known")
    }

    /// As the files say.
    pub fn read(files: &MonitoringFiles<'_>) -> Result<Self, MonitoringError> {
        let recorded = recording_file::read(files.recording)?;
        let found = rules_file::read(files.rules, &recorded)?;
        let routes = policies_file::read(files.policies)?;
        let jobs = prometheus_file::read(files.prometheus)?;
        let default = Duration::from_secs(15);
        let request_interval = |floors: &[FloorRule]| {
            let request_jobs = floors.iter().map(|rule| rule.query.job.as_str());
            jobs.one_interval(request_jobs)
        };
        let floors_with_routes = |floors: Vec<FloorRule>| -> Result<Vec<_>, MonitoringError> {
            let with_route = |rule: FloorRule| {
                let route = routes.of(&rule.title, &rule.labels)?;
                Ok((rule, route))
            };
            floors.into_iter().map(with_route).collect()
        };
        let template = files.request_rate.replace("REQUESTS_PER_MEMBER", "1");
        let template = rules_file::read(&template, &recorded)?.floors;
        let all = [found.floors.clone(), template.clone()].concat();
        let of_all = request_interval(&all);
        let request_scrape_interval = match &of_all {
            Ok(interval) => *interval,
            Err(_) => request_interval(&found.floors)?,
        };
        let optional = of_all.and_then(|_| floors_with_routes(template));
        let cpu_jobs = found.rules.iter().map(|rule| rule.query.job.as_str());
        let with_route = |rule: &ScaleRule| {
            let route = routes.of(&rule.title, &rule.labels)?;
            Ok((rule.clone(), route))
        };
        let rules = found.rules.iter().map(with_route);
        Ok(Self {
            scrape_interval: jobs.one_interval(cpu_jobs)?.unwrap_or(default),
            request_scrape_interval: request_scrape_interval.unwrap_or(default),
            recording_interval: recorded.interval,
            evaluation_interval: found.interval,
            rules: rules.collect::<Result<_, MonitoringError>>()?,
            floors: floors_with_routes(found.floors)?,
            optional: optional.map_err(|error| error.to_string()),
        })
    }

    /// Why these files do not take the optional rule by request rate, if they do not.
    pub fn request_rate_problem(&self) -> Option<&str> {
        self.optional.as_ref().err().map(String::as_str)
    }

    /// With the rule by request rate, which `REQUESTS_PER_MEMBER` adds to the monitoring image;
    /// without it where [there is a problem](Self::request_rate_problem).
    #[must_use]
    pub fn with_request_rate(mut self, per_member: f64) -> Self {
        let added = self
            .optional
            .iter()
            .flatten()
            .cloned()
            .map(|(mut rule, route)| {
                rule.query.per_member = per_member;
                (rule, route)
            });
        self.floors.extend(added);
        self
    }

    /// The same with every time divided, as the demo does.
    #[must_use]
    pub fn divided_by(mut self, divisor: u32) -> Self {
        self.scrape_interval /= divisor;
        self.request_scrape_interval /= divisor;
        self.recording_interval /= divisor;
        self.evaluation_interval /= divisor;
        for (rule, route) in &mut self.rules {
            rule.divide_by(divisor);
            route.divide_by(divisor);
        }
        for (rule, route) in self
            .floors
            .iter_mut()
            .chain(self.optional.iter_mut().flatten())
        {
            rule.divide_by(divisor);
            route.divide_by(divisor);
        }
        self
    }

    /// With other thresholds, as the monitoring image writes them into the rules when Grafana
    /// starts: wherever the files have the service's own.
    #[must_use]
    pub fn with_thresholds(mut self, up: f64, down: f64) -> Self {
        use policy::thresholds::{DOWN, UP};
        let is = |found: f64, service: f64| (found - service).abs() < f64::EPSILON;
        for (rule, _) in &mut self.rules {
            if is(rule.threshold, UP) {
                rule.threshold = up;
            } else if is(rule.threshold, DOWN) {
                rule.threshold = down;
            }
        }
        self
    }

    /// With these thresholds, whatever they were.
    #[must_use]
    pub fn at_thresholds(mut self, up: f64, down: f64) -> Self {
        for (rule, _) in &mut self.rules {
            rule.threshold = match rule.direction {
                Direction::Up => up,
                Direction::Down => down,
            };
        }
        self
    }
}

/// A length of time as Prometheus and Grafana write it.
fn time(file: &'static str, text: &str) -> Result<Duration, MonitoringError> {
    humantime::parse_duration(text).map_err(|_| MonitoringError::Unknown {
        file,
        what: format!("`{text}` is not a duration such as 1m"),
    })
}
