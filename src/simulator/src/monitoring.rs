//! Prometheus and Grafana as their own files set them up: nothing of these is typed in again.

mod alerts;
mod notifier;
mod policies_file;
mod prometheus_file;
mod promql;
mod rules_file;
mod scrapes;

pub use promql::{CpuQuery, Young};
pub use rules_file::{Comparison, ScaleRule};

pub(crate) use alerts::Alerts;
pub(crate) use notifier::{Dispatcher, Message};
pub(crate) use scrapes::{Scrape, Targets};

use std::time::Duration;

use policy::Direction;

/// Why a file of the monitoring cannot be simulated.
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
    /// It says something that the simulator does not know.
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
}

impl MonitoringFiles<'static> {
    /// Those of the monitoring image.
    pub const IMAGE: Self = Self {
        rules: include_str!("../../../nixos/grafana/provisioning/alerting/rules.yml"),
        policies: include_str!("../../../nixos/grafana/provisioning/alerting/policies.yml"),
        prometheus: include_str!("../../../nixos/prometheus.yml"),
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
    /// Between two evaluations of the rules.
    pub evaluation_interval: Duration,
    /// The rules that ask for a size, each with the way of its messages.
    pub rules: Vec<(ScaleRule, Route)>,
}

impl Monitoring {
    /// As the files say.
    pub fn read(files: &MonitoringFiles<'_>) -> Result<Self, MonitoringError> {
        let (evaluation_interval, rules) = rules_file::read(files.rules)?;
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
            evaluation_interval,
            rules: rules.collect::<Result<_, MonitoringError>>()?,
        })
    }

    /// The same with every time divided, as the demo does.
    #[must_use]
    pub fn divided_by(mut self, divisor: u32) -> Self {
        self.scrape_interval /= divisor;
        self.evaluation_interval /= divisor;
        for (rule, route) in &mut self.rules {
            let query = &mut rule.query;
            for time in [&mut rule.pending, &mut query.window, &mut query.young_for] {
                *time /= divisor;
            }
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
    pub(crate) fn at_thresholds(mut self, up: f64, down: f64) -> Self {
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
            ("[1m]", "[1m:10s]", "expression"),
            ("mode!=\"idle\"", "mode=\"user\"", "expression"),
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
    fn a_third_rule_is_read_like_the_others() {
        let (head, rule) = MonitoringFiles::IMAGE
            .rules
            .split_once("      - uid: pool-cpu-low")
            .expect("it is there");
        let (_, up) = head
            .split_once("      - uid: pool-cpu-high")
            .expect("it is there");
        let early = up
            .replace("[1m]", "[20s]")
            .replace(">= 90", ">= 45")
            .replace("for: 1m", "for: 10s")
            .replace("title: CPU", "title: early CPU")
            .replace("scale: up", "scale: up\n          step: '3'");
        let text = format!("{head}      - uid: early{early}      - uid: pool-cpu-low{rule}");
        let read = of_rules(&text).expect("it is of a known form");
        let (rule, _) = read
            .rules
            .iter()
            .find(|(rule, _)| rule.title.starts_with("early"))
            .expect("it is read");
        assert_eq!(rule.query.window, Duration::from_secs(20));
        assert_eq!(rule.query.young_for, Duration::from_secs(45));
        assert_eq!(rule.pending, Duration::from_secs(10));
        assert_eq!(rule.labels.get("step").map(String::as_str), Some("3"));
    }
}
