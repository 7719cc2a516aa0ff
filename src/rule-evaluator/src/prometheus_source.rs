//! A source that asks a Prometheus server, with queries that means what the rule evaluator's own
//! arithmetic means.

use std::{collections::HashMap, time::Duration};

use futures_util::future;
use serde::Deserialize;

use super::{
    observation::{MemberReading, Observation},
    source::{Source, SourceError},
};

/// The job that scrapes the pool's members, here as on Exoscale.
pub const JOB: &str = "exoscale";

/// Asks one Prometheus server over its HTTP API.
#[derive(Debug)]
pub struct PrometheusSource {
    url: String,
    client: reqwest::Client,
    timeout: Duration,
}

impl PrometheusSource {
    /// `url` is the server's root, such as `http://127.0.0.1:9090`; `timeout` bounds each query.
    pub fn new(url: &str, client: reqwest::Client, timeout: Duration) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            client,
            timeout,
        }
    }

    /// One instant query: the value of each series by its label `instance`.
    async fn query(&self, promql: &str) -> Result<HashMap<String, f64>, SourceError> {
        let request = self
            .client
            .get(format!("{}/api/v1/query", self.url))
            .query(&[("query", promql)])
            .timeout(self.timeout);
        // An error comes with its reason in the same JSON form, so the status is not looked at.
        let answer: Answer = request.send().await?.json().await?;
        match answer {
            Answer::Success { data } => Ok(data
                .result
                .into_iter()
                .filter_map(|series| Some((series.metric.instance?, series.value.1.parse().ok()?)))
                .collect()),
            Answer::Error { error } => Err(SourceError::Unexpected(format!("{promql}: {error}"))),
        }
    }
}

impl Source for PrometheusSource {
    fn name(&self) -> &'static str {
        "Prometheus"
    }

    async fn observe(&mut self, window: Duration) -> Result<Observation, SourceError> {
        let (busy, age, up) = (busy_query(window), age_query(), up_query());
        let (busy, ages, up) =
            future::try_join3(self.query(&busy), self.query(&age), self.query(&up)).await?;
        let mut members: Vec<MemberReading> = up
            .into_keys()
            .map(|instance| MemberReading {
                cpu: busy.get(&instance).copied().filter(|cpu| cpu.is_finite()),
                age: ages
                    .get(&instance)
                    .map(|age| Duration::try_from_secs_f64(*age).unwrap_or_default()),
                instance,
            })
            .collect();
        members.sort_by(|a, b| a.instance.cmp(&b.instance));
        Ok(Observation { members })
    }
}

/// CPU use by instance, of those whose last scrape succeeded: a range function alone would go on
/// with the samples of an instance that is gone.
fn busy_query(window: Duration) -> String {
    let window = window.as_millis();
    format!(
        "(sum by (instance) (rate(node_cpu_seconds_total{{job=\"{JOB}\",mode!=\"idle\"}}[{window}ms])) \
         / sum by (instance) (rate(node_cpu_seconds_total{{job=\"{JOB}\"}}[{window}ms]))) \
         and on (instance) (up{{job=\"{JOB}\"}} == 1)"
    )
}

/// Seconds since boot by instance, by its own clock as in the alert rules.
fn age_query() -> String {
    format!("node_time_seconds{{job=\"{JOB}\"}} - node_boot_time_seconds{{job=\"{JOB}\"}}")
}

/// Every target, with 1 when its last scrape succeeded.
fn up_query() -> String {
    format!("up{{job=\"{JOB}\"}}")
}

#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Answer {
    Success { data: Data },
    Error { error: String },
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    metric: Labels,
    value: (f64, String),
}

#[derive(Deserialize)]
struct Labels {
    instance: Option<String>,
}
