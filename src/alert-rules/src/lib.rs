//! Prometheus and Grafana as their own files set them up: nothing of these is typed in again.
//!
//! The simulator plays them, the rule evaluator stands in for Grafana with them.

#![warn(missing_docs)]

mod policies_file;
mod prometheus_file;
mod promql;
mod recording_file;
mod rules_file;

use std::time::Duration;

use policy::Direction;

pub use policies_file::group_key;
pub use promql::{CpuQuery, Young};
pub use rules_file::{Comparison, ScaleRule};

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
    /// The rules that ask for a size, each with the way of its messages.
    pub rules: Vec<(ScaleRule, Route)>,
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
        let (evaluation_interval, rules) = rules_file::read(files.rules, &recorded)?;
        let routes = policies_file::read(files.policies)?;
        let jobs = prometheus_file::read(files.prometheus)?;
        let mut scrape_interval = None;
        for rule in &rules {
            let job = &rule.query.job;
            let found = jobs.interval(job)?;
            if scrape_interval
                .replace(found)
                .is_some_and(|other| other != found)
            {
                let what = format!("the rules look at jobs with several scrape intervals, {job}");
                return Err(prometheus_file::unknown(what));
            }
        }
        let rules = rules.into_iter().map(|rule| {
            let route = routes.of(&rule)?;
            Ok((rule, route))
        });
        Ok(Self {
            scrape_interval: scrape_interval.unwrap_or(Duration::from_secs(15)),
            recording_interval: recorded.interval,
            evaluation_interval,
            rules: rules.collect::<Result<_, MonitoringError>>()?,
        })
    }

    /// The same with every time divided, as the demo does.
    #[must_use]
    pub fn divided_by(mut self, divisor: u32) -> Self {
        self.scrape_interval /= divisor;
        self.recording_interval /= divisor;
        self.evaluation_interval /= divisor;
        for (rule, route) in &mut self.rules {
            rule.divide_by(divisor);
            let Route {
                group_by: _,
                group_wait,
                group_interval,
                repeat_interval,
            } = route;
            for time in [group_wait, group_interval, repeat_interval] {
                *time /= divisor;
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of_rules(rules: &str) -> Result<Monitoring, String> {
        let files = MonitoringFiles {
            rules,
            ..MonitoringFiles::IMAGE
        };
        Monitoring::read(&files).map_err(|error| error.to_string())
    }

    #[test]
    fn the_images_files_are_read() {
        let image = Monitoring::read(&MonitoringFiles::IMAGE).expect("they are known");
        assert_eq!(image.evaluation_interval, Duration::from_secs(10));
        for direction in [Direction::Up, Direction::Down] {
            let rules = image
                .rules
                .iter()
                .filter(|(rule, _)| rule.direction == direction);
            assert!(rules.count() >= 1, "{direction}");
        }
        for (rule, route) in &image.rules {
            assert!(
                rule.threshold > 0.0 && rule.threshold < 1.0,
                "{}",
                rule.title
            );
            assert!(
                rule.query.window >= image.scrape_interval * 2,
                "{}",
                rule.title
            );
            assert!(
                route.group_interval >= Duration::from_secs(10),
                "{}",
                rule.title
            );
        }
    }

    #[test]
    fn reminders_come_at_multiples_of_the_group_interval() {
        let spacing = |group: u64, repeat: u64| {
            let route = Route {
                group_by: Vec::new(),
                group_wait: Duration::ZERO,
                group_interval: Duration::from_secs(group),
                repeat_interval: Duration::from_secs(repeat),
            };
            route.spacing().as_secs()
        };
        assert_eq!(
            [spacing(30, 45), spacing(30, 60), spacing(30, 20)],
            [60, 90, 30]
        );
        for (_, route) in Monitoring::image().rules {
            assert_eq!(route.spacing(), Duration::from_secs(60));
        }
    }

    #[test]
    fn thresholds_are_replaced_as_the_image_does() {
        let image = Monitoring::read(&MonitoringFiles::IMAGE).expect("they are known");
        let other = image.clone().with_thresholds(0.7, 0.3);
        for ((before, _), (after, _)) in image.rules.iter().zip(&other.rules) {
            let expected = match before.direction {
                Direction::Up => 0.7,
                Direction::Down => 0.3,
            };
            assert!((after.threshold - expected).abs() < 1e-9, "{}", after.title);
        }
    }

    #[test]
    fn a_change_of_the_rules_that_is_not_understood_is_said() {
        let rules = MonitoringFiles::IMAGE.rules;
        for (from, to, said) in [
            ("avg(", "max(", "expression"),
            ("rate1m", "rate5m", "expression"),
            (">= 90", "> 90", "expression"),
            ("type: gt", "type: within_range", "within_range"),
            ("noDataState: OK", "noDataState: Alerting", "noDataState"),
            ("scale: up", "scale: sideways", "sideways"),
            ("for: 1m", "for: soon", "soon"),
            ("expression: A", "expression: B", "condition"),
        ] {
            assert!(rules.contains(from), "{from}");
            let error = of_rules(&rules.replace(from, to)).expect_err(to);
            assert!(
                error.contains("the alert rules") && error.contains(said),
                "{to}: {error}"
            );
        }
    }

    #[test]
    fn each_rule_has_the_window_that_is_recorded_under_its_name() {
        let image = Monitoring::read(&MonitoringFiles::IMAGE).expect("they are known");
        let figures = image.rules.iter().map(|(rule, _)| {
            let seconds =
                [rule.query.window, rule.query.young_for, rule.pending].map(|t| t.as_secs());
            (rule.title.as_str(), seconds)
        });
        assert_eq!(
            figures.collect::<Vec<_>>(),
            [
                ("CPU above the upper threshold", [60, 90, 60]),
                ("CPU above the upper threshold at once", [20, 45, 10]),
                ("CPU below the lower threshold", [60, 90, 60]),
            ]
        );
        let text = MonitoringFiles::IMAGE.rules;
        let stepped = text.replace("scale: up", "scale: up\n          step: '3'");
        let read = of_rules(&stepped).expect("labels are free");
        assert_eq!(
            read.rules[0].0.labels.get("step").map(String::as_str),
            Some("3")
        );
    }

    #[test]
    fn recording_rules_that_are_not_understood_are_said() {
        let recording = MonitoringFiles::IMAGE.recording;
        for (from, to, said) in [
            ("[1m]", "[1m:10s]", "no CPU use"),
            ("mode!=\"idle\"", "mode=\"user\"", "no CPU use"),
            ("interval: 5s", "interval: soon", "soon"),
            ("    interval: 5s\n", "", "no interval"),
        ] {
            assert!(recording.contains(from), "{from}");
            let changed = recording.replace(from, to);
            let files = MonitoringFiles {
                recording: &changed,
                ..MonitoringFiles::IMAGE
            };
            let error = Monitoring::read(&files).expect_err(to).to_string();
            assert!(
                error.contains("the recording rules") && error.contains(said),
                "{error}"
            );
        }
    }
}
