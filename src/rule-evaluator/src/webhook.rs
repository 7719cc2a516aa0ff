//! Tells the agent of a firing rule the way Grafana does.
//!
//! The body is the webhook contact point's of Grafana's unified alerting (payload version "1").
//! There is no message when a rule ceases to fire: the contact point this stands for has
//! `disableResolveMessage: true`.

use std::{fmt, time::Duration};

use alert_rules::{Comparison, ScaleRule};
use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A secret that is sent as `Authorization: Bearer …` and never shown.
#[derive(Clone)]
pub struct BearerToken(String);

impl BearerToken {
    /// Takes the token.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

/// Where messages go.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// The agent's `/webhook`.
    pub url: String,
    /// The token it asks for, if it does.
    pub token: Option<BearerToken>,
    /// How long one message may take.
    pub timeout: Duration,
}

/// Why a message was not delivered.
#[derive(Debug, Error)]
pub enum WebhookError {
    /// No answer came.
    #[error("the webhook did not answer")]
    Unanswered(#[from] reqwest::Error),
    /// The answer was not a success.
    #[error("the webhook answered {0}")]
    Refused(StatusCode),
}

/// What a message tells.
#[derive(Clone, Debug)]
pub(super) struct Firing {
    pub(super) rule: ScaleRule,
    pub(super) since: Timestamp,
    /// The average that breached the threshold.
    pub(super) value: f64,
}

/// Posts messages.
#[derive(Debug)]
pub(super) struct Webhook {
    settings: WebhookSettings,
    client: reqwest::Client,
}

impl Webhook {
    pub(super) fn new(settings: WebhookSettings, client: reqwest::Client) -> Self {
        Self { settings, client }
    }

    pub(super) async fn post(&self, firing: &Firing) -> Result<(), WebhookError> {
        let mut request = self
            .client
            .post(&self.settings.url)
            .timeout(self.settings.timeout)
            .json(&payload(firing));
        if let Some(token) = &self.settings.token {
            request = request.bearer_auth(&token.0);
        }
        let status = request.send().await?.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(WebhookError::Refused(status))
        }
    }
}

fn payload(firing: &Firing) -> Value {
    let name = firing.rule.title.as_str();
    let relation = match firing.rule.comparison {
        Comparison::Above => "above",
        Comparison::Below => "below",
    };
    let mut labels = json!(firing.rule.labels);
    labels["alertname"] = name.into();
    labels["grafana_folder"] = "autoscaling".into();
    let summary = format!(
        "Average CPU use is {:.0} %, {relation} {:.0} %",
        firing.value * 100.0,
        firing.rule.threshold * 100.0
    );
    let annotations = json!({ "summary": summary });
    let digest = Sha256::digest(labels.to_string());
    let fingerprint = digest[..8]
        .iter()
        .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    json!({
        "receiver": "autoscaler",
        "status": "firing",
        "orgId": 1,
        "alerts": [{
            "status": "firing",
            "labels": labels,
            "annotations": annotations,
            "startsAt": firing.since.to_string(),
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": format!("{fingerprint:016x}"),
            "silenceURL": "",
            "dashboardURL": "",
            "panelURL": "",
            "values": { "A": firing.value },
            "valueString": format!("[ var='A' labels={{}} value={} ]", firing.value),
        }],
        "groupLabels": { "alertname": name },
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "",
        "version": "1",
        "groupKey": format!("{{}}:{{alertname=\"{name}\"}}"),
        "truncatedAlerts": 0,
        "title": format!("[FIRING:1] {name}"),
        "state": "alerting",
        "message": summary,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_has_what_receivers_of_grafana_look_at() {
        let since: Timestamp = "2026-01-02T03:04:05Z".parse().expect("a time");
        let image = alert_rules::Monitoring::image();
        let rules = image.rules.into_iter().map(|(rule, _)| rule);
        let mut down = rules.filter(|rule| rule.labels["scale"] == "down");
        let rule = down.next().expect("there is one");
        let body = payload(&Firing {
            rule,
            since,
            value: 0.05,
        });
        assert_eq!(body["version"], "1");
        assert_eq!(body["status"], "firing");
        assert_eq!(body["state"], "alerting");
        let alert = &body["alerts"][0];
        assert_eq!(alert["labels"]["scale"], "down");
        assert_eq!(alert["startsAt"], "2026-01-02T03:04:05Z");
        assert_eq!(alert["endsAt"], "0001-01-01T00:00:00Z");
        assert_eq!(alert["fingerprint"].as_str().map(str::len), Some(16));
        assert_eq!(body["commonLabels"], alert["labels"]);
    }

    #[test]
    fn the_token_is_not_shown() {
        let settings = WebhookSettings {
            url: "http://127.0.0.1/webhook".to_owned(),
            token: Some(BearerToken::new("hush")),
            timeout: Duration::from_secs(1),
        };
        assert!(!format!("{settings:?}").contains("hush"));
    }
}
