//! The three documents that monitoring systems send, told apart by their content.
//!
//! * Grafana since version 8, and Alertmanager: a `status` and a list of `alerts` with labels
//!   (<https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/>,
//!   <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>).
//! * Grafana's older alerting: a `ruleName` and a `state`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Why a body is none of the documents.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Not JSON.
    #[error(
        "the body is no JSON ({0}); expected an alert of Grafana or Alertmanager, or use /up or /down, which need no body"
    )]
    NotJson(String),
    /// JSON of another kind.
    #[error(
        "the body is JSON but no known alert; expected `alerts` (Grafana, Alertmanager) or `ruleName` and `state` (Grafana before version 11)"
    )]
    Unknown,
    /// The kind is clear, and something in it is wrong.
    #[error("the body is an alert of {kind} with a mistake: {mistake}")]
    Broken {
        /// Whose form it has.
        kind: &'static str,
        /// What is wrong.
        mistake: String,
    },
}

/// A document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// Grafana's or Alertmanager's.
    Alerts(Vec<GroupedAlert>),
    /// Grafana's older one.
    Legacy(LegacyAlert),
}

/// One alert of a group.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct GroupedAlert {
    /// `firing` or `resolved`.
    #[serde(default)]
    pub status: String,
    /// Its labels, `alertname` among them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Its annotations, in which Grafana says why it has its state.
    #[serde(default)]
    pub annotations: BTreeMap<String, serde_json::Value>,
}

/// An alert of Grafana before version 11.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LegacyAlert {
    /// The rule's name.
    pub rule_name: String,
    /// `alerting`, `ok`, `no_data`, `paused` or `pending`.
    pub state: String,
    /// Tags of the rule.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    status: String,
    alerts: Vec<GroupedAlert>,
}

/// Reads a body.
pub(super) fn parse(body: &[u8]) -> Result<Payload, PayloadError> {
    let json: serde_json::Value =
        serde_json::from_slice(body).map_err(|error| PayloadError::NotJson(error.to_string()))?;
    if json.get("alerts").is_some() {
        let broken = |error: serde_json::Error| PayloadError::Broken {
            kind: "Grafana or Alertmanager",
            mistake: error.to_string(),
        };
        let mut group: Group = serde_json::from_value(json).map_err(broken)?;
        for alert in &mut group.alerts {
            if alert.status.is_empty() {
                alert.status.clone_from(&group.status);
            }
        }
        Ok(Payload::Alerts(group.alerts))
    } else if json.get("ruleName").is_some() {
        let broken = |error: serde_json::Error| PayloadError::Broken {
            kind: "Grafana before version 11",
            mistake: error.to_string(),
        };
        serde_json::from_value(json)
            .map(Payload::Legacy)
            .map_err(broken)
    } else {
        Err(PayloadError::Unknown)
    }
}
