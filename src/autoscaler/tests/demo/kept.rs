//! The servers of a demo that is kept, and what must hold of them.

use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use super::{Demo, RUN_WITHIN};

/// The course's query, as its grader asks it.
const COURSE_QUERY: &str = "sum by (instance) (rate(node_cpu_seconds_total{mode!=\"idle\"}[1m])) \
    / sum by (instance) (rate(node_cpu_seconds_total[1m]))";

/// The servers of a demo that is kept.
pub(crate) struct Kept {
    agent: String,
    cloud: String,
    prometheus: String,
    client: reqwest::Client,
}

impl Kept {
    pub(crate) async fn of(demo: &mut Demo) -> Self {
        Self {
            agent: demo.line("agent").await,
            cloud: demo.line("local cloud").await,
            prometheus: demo.line("Prometheus").await,
            client: rule_evaluator::http_client().unwrap(),
        }
    }

    async fn get(&self, url: String, query: &[(&str, &str)]) -> Value {
        let answer = self.client.get(url).query(query).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// The local cloud's own account of everything.
    async fn status(&self) -> Value {
        let url = self.cloud.replace("/v2", "/_local/status");
        self.get(url, &[]).await
    }

    pub(crate) async fn members(&self) -> Vec<Value> {
        let status = self.status().await;
        let members = status["pools"][0]["members"].as_array();
        members.expect("a list").clone()
    }

    /// Prometheus and the agent know the members that are left.
    pub(crate) async fn follows_the_pool(&self) {
        let url = format!("{}/api/v1/query", self.prometheus);
        let answer = self.get(url, &[("query", COURSE_QUERY)]).await;
        let series = answer["data"]["result"].as_array().expect("a vector");
        let asked: Vec<&str> = series
            .iter()
            .filter_map(|s| s["metric"]["instance"].as_str()?.strip_suffix(":9100"))
            .collect();
        // The course's minute is ten of ours, so members that have just left may still have a
        // rate; every member that is there must have one.
        let members = self.members().await;
        assert_eq!(members.len(), 2);
        for member in members {
            let ip = member["ip"].as_str().expect("an address");
            assert!(asked.contains(&ip), "{ip} is not in {answer}");
        }
        // The member that left last may still be in it for a discovery round.
        let follows = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(200));
            loop {
                ticks.tick().await;
                let discovery = self.get(format!("{}sd", self.agent), &[]).await;
                if discovery[0]["targets"].as_array().map(Vec::len) == Some(2) {
                    return;
                }
            }
        };
        timeout(Duration::from_secs(15), follows)
            .await
            .expect("discovery follows the pool");
    }

    /// Connections go on to be made: there is a load.
    pub(crate) async fn is_under_load(&self) {
        let connections = async || {
            let status = self.status().await;
            let service = &status["balancers"][0]["services"][0];
            service["connections"]["total"].as_u64().expect("a count")
        };
        let before = connections().await;
        let goes_on = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(200));
            while connections().await <= before {
                ticks.tick().await;
            }
        };
        timeout(RUN_WITHIN, goes_on).await.expect("requests go on");
    }

    /// No server answers any more.
    pub(crate) async fn is_gone(&self) {
        for url in [&self.agent, &self.cloud, &self.prometheus] {
            let answer = self.client.get(url.as_str()).send().await;
            assert!(answer.is_err(), "{url} still answers");
        }
    }
}
