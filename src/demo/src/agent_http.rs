//! What the demo asks of the agent over HTTP, as `autoscaler ctl` and a browser do.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::agent_process::AgentProcess;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A decision, as far as the demo shows it. See `GET /decisions`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct AgentDecision {
    pub(super) number: u64,
    pub(super) at: Timestamp,
    pub(super) verdict: String,
    pub(super) reason: String,
    pub(super) text: String,
    pub(super) direction: Option<String>,
    pub(super) from: Option<u32>,
    pub(super) to: Option<u32>,
}

/// The agent's state, as far as the demo shows it. See `GET /status`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct AgentStatus {
    control: Control,
    alerts: Alerts,
}

#[derive(Clone, Debug, Deserialize)]
struct Control {
    paused: bool,
}

#[derive(Clone, Debug, Deserialize)]
struct Alerts {
    up: Alert,
}

#[derive(Clone, Debug, Deserialize)]
struct Alert {
    pending: bool,
}

impl AgentStatus {
    /// Whether an order keeps it from changing anything.
    pub(super) fn is_paused(&self) -> bool {
        self.control.paused
    }

    /// Whether an "up" request waits for its action.
    pub(super) fn waits_to_grow(&self) -> bool {
        self.alerts.up.pending
    }
}

impl AgentProcess {
    /// Its decisions, oldest first.
    pub(super) async fn decisions(
        &self,
        client: &reqwest::Client,
    ) -> reqwest::Result<Vec<AgentDecision>> {
        self.get(client, "decisions").await
    }

    /// Its state.
    pub(super) async fn status(&self, client: &reqwest::Client) -> reqwest::Result<AgentStatus> {
        self.get(client, "status").await
    }

    async fn get<T: DeserializeOwned>(
        &self,
        client: &reqwest::Client,
        path: &str,
    ) -> reqwest::Result<T> {
        let url = format!("http://{}/{path}", self.address);
        let answer = client.get(url).timeout(ANSWER_WITHIN).send().await?;
        answer.error_for_status()?.json().await
    }

    /// Orders it to change nothing, or takes the order back; as `autoscaler ctl pause` and `resume`
    /// do.
    pub(super) async fn pause(&self, client: &reqwest::Client, pause: bool) -> reqwest::Result<()> {
        let order = if pause { "pause" } else { "resume" };
        let url = format!("http://{}/control", self.address);
        let request = client
            .put(url)
            .bearer_auth(self.control_token())
            .json(&json!({ order: true, "who": "the demo", "why": "key p" }));
        let answer = request.timeout(ANSWER_WITHIN).send().await?;
        answer.error_for_status().map(drop)
    }
}
