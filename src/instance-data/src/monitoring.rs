//! The document for the monitoring instance: the agent's settings, and a few of Grafana's.

use std::fmt;

use agent::settings::{self, Settings};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    document::{DocumentError, File, Role, authorized_keys, check_keys, wrong},
    grafana_text::problem_in_setting,
    operator::Operator,
};

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
        check_admin_password(password.as_deref())?;
        form.operator.check()?;
        for (name, value) in &form.agent {
            check_leaves("agent", name, value)?;
        }
        let token = form
            .agent
            .get("alerts")
            .and_then(|alerts| alerts.get("token"));
        let alerts_token = token.and_then(Value::as_str).map(str::to_owned);
        let agent = toml::Table::try_from(form.agent)
            .map_err(|error| wrong("agent", format!("cannot be written as TOML: {error}")))?;
        // Just what the agent will read.
        let (settings, _) =
            settings::load_text("agent", &agent.to_string()).map_err(DocumentError::Agent)?;
        Ok(Self {
            ssh_authorized_keys: form.ssh_authorized_keys,
            alerts_token,
            agent,
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

    /// How Grafana tells the operator when the autoscaler needs a person; empty when nobody is
    /// told.
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

fn check_admin_password(password: Option<&str>) -> Result<(), DocumentError> {
    let Some(password) = password else {
        return Ok(());
    };
    let problem = if password.chars().count() < 8 {
        Some("has fewer than 8 characters")
    } else {
        problem_in_setting(password)
    };
    problem.map_or(Ok(()), |problem| {
        Err(wrong("grafana.admin_password", problem))
    })
}

/// Finds what TOML or the reader of settings would tell without its place.
fn check_leaves(parent: &str, name: &str, value: &Value) -> Result<(), DocumentError> {
    let field = format!("{parent}.{name}");
    if name.is_empty() || name.contains('.') {
        let problem = "nest the parts of a key, as in {\"scaling\": {\"min_size\": 1}}";
        return Err(wrong(&field, problem));
    }
    match value {
        Value::Object(fields) => fields
            .iter()
            .try_for_each(|(name, value)| check_leaves(&field, name, value)),
        Value::Number(number) if number.as_i64().is_none() && !number.is_f64() => {
            Err(wrong(&field, "is too large"))
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Ok(()),
        Value::Null | Value::Array(_) => {
            Err(wrong(&field, "must be a text, a number, true or false"))
        }
    }
}
