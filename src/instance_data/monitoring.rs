//! The document for the monitoring instance: the agent's settings, and a few of Grafana's.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    document::{DocumentError, File, Role, authorized_keys, check_keys, wrong},
    operator::Operator,
};
use crate::settings::{self, Settings, Sources};

/// What the monitoring instance is told.
pub struct Monitoring {
    ssh_authorized_keys: Vec<String>,
    /// The agent's settings file.
    agent: toml::Table,
    /// The same, read.
    settings: Settings,
    alerts_token: Option<String>,
    admin_password: Option<String>,
    operator: Operator,
}

impl fmt::Debug for Monitoring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitoring")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MonitoringForm {
    #[serde(rename = "version")]
    _version: u32,
    #[serde(rename = "role")]
    _role: Role,
    #[serde(default)]
    ssh_authorized_keys: Vec<String>,
    agent: Map<String, Value>,
    #[serde(default)]
    grafana: GrafanaForm,
    #[serde(default)]
    operator: Operator,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrafanaForm {
    admin_password: Option<String>,
}

impl Monitoring {
    pub(super) fn check(form: MonitoringForm) -> Result<Self, DocumentError> {
        check_keys(&form.ssh_authorized_keys)?;
        let password = form.grafana.admin_password;
        if password
            .as_ref()
            .is_some_and(|password| password.chars().count() < 8)
        {
            return Err(wrong(
                "grafana.admin_password",
                "has fewer than 8 characters",
            ));
        }
        form.operator.check()?;
        let mut flags = Vec::new();
        leaves("", &Value::Object(form.agent.clone()), &mut flags)?;
        let sources = Sources {
            flags,
            ..Sources::default()
        };
        let (settings, _) = settings::load(&sources).map_err(DocumentError::Agent)?;
        let token = form
            .agent
            .get("alerts")
            .and_then(|alerts| alerts.get("token"));
        Ok(Self {
            ssh_authorized_keys: form.ssh_authorized_keys,
            alerts_token: token.and_then(Value::as_str).map(str::to_owned),
            agent: toml::Table::try_from(form.agent)
                .map_err(|error| wrong("agent", format!("cannot be written as TOML: {error}")))?,
            settings,
            admin_password: password,
            operator: form.operator,
        })
    }

    /// The agent's settings, as the document has them over the defaults.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The secret with which alerts prove themselves to the agent.
    pub fn alerts_token(&self) -> Option<&str> {
        self.alerts_token.as_deref()
    }

    /// How Grafana tells the operator when the autoscaler needs a person; empty when nobody is told.
    pub fn operator_is_told_by(&self) -> Vec<&'static str> {
        self.operator.ways()
    }

    pub(super) fn files(&self) -> Vec<File> {
        let thresholds = &self.settings.agent.thresholds;
        let (up, down) = (thresholds.up.to_string(), thresholds.down.to_string());
        let token = self.alerts_token.clone().unwrap_or_default();
        let password = self.admin_password.clone().unwrap_or_default();
        let mut files = vec![
            authorized_keys(&self.ssh_authorized_keys),
            File {
                name: "agent.toml",
                content: self.agent.to_string(),
            },
            File {
                name: "alerts-token",
                content: token,
            },
            File {
                name: "grafana-admin-password",
                content: password,
            },
            File {
                name: "grafana.env",
                content: format!(
                    "THRESHOLD_UP=\"{up}\"\nTHRESHOLD_DOWN=\"{down}\"\n{}",
                    self.operator.variables()
                ),
            },
        ];
        files.extend(self.operator.files());
        files
    }
}

/// Every setting by its key, as the reader of settings takes them from a command line.
fn leaves(
    key: &str,
    value: &Value,
    found: &mut Vec<(String, String, String)>,
) -> Result<(), DocumentError> {
    let text = match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let key = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                leaves(&key, value, found)?;
            }
            return Ok(());
        }
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) => {
            return Err(wrong(
                &format!("agent.{key}"),
                "must be a text, a number, true or false",
            ));
        }
    };
    found.push(("agent".to_owned(), key.to_owned(), text));
    Ok(())
}
