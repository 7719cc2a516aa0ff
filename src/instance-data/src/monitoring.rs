//! The document for the monitoring instance: the agent's settings, and a few of Grafana's.

use std::fmt;

use agent::{
    Token,
    settings::{self, Settings},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    document::{DocumentError, File, Role, authorized_keys, check_keys, wrong},
    grafana_text::problem_in_setting,
    operator::Operator,
    tls::Tls,
};

/// What the monitoring instance is told.
pub struct Monitoring {
    ssh_authorized_keys: Vec<String>,
    /// The agent's settings file.
    agent: toml::Table,
    /// The same, read.
    settings: Settings,
    admin_password: Option<String>,
    operator: Operator,
    tls: Option<Tls>,
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
    tls: Option<Tls>,
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
        form.tls.as_ref().map_or(Ok(()), Tls::check)?;
        if form.agent.contains_key("tls") {
            let problem = "is not for this host, whose web server speaks HTTPS for the agent; \
                           give the certificate in the field tls of the document";
            return Err(wrong("agent.tls", problem));
        }
        for (name, value) in &form.agent {
            check_leaves("agent", name, value)?;
        }
        let agent = toml::Table::try_from(form.agent)
            .map_err(|error| wrong("agent", format!("cannot be written as TOML: {error}")))?;
        // Just what the agent will read.
        let (settings, _) =
            settings::load_text("agent", &agent.to_string()).map_err(DocumentError::Agent)?;
        let authentication = &settings.agent.alerts.authentication;
        let wants_another = authentication.basic.is_some() || authentication.hmac.is_some();
        if wants_another && authentication.bearer.is_none() {
            let problem = "is missing; Grafana shows nothing else to the agent";
            return Err(wrong("agent.alerts.token", problem));
        }
        Ok(Self {
            ssh_authorized_keys: form.ssh_authorized_keys,
            agent,
            settings,
            admin_password: password,
            operator: form.operator,
            tls: form.tls,
        })
    }

    /// The agent's settings, as the document has them over the defaults.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The secret with which alerts prove themselves to the agent.
    pub fn alerts_token(&self) -> Option<&str> {
        // As the agent reads it: a number there is a token, too.
        let token = self.settings.agent.alerts.authentication.bearer.as_ref();
        token.map(Token::expose)
    }

    /// How Grafana tells the operator when the autoscaler needs a person; empty when nobody is
    /// told.
    pub fn operator_is_told_by(&self) -> Vec<&'static str> {
        self.operator.ways()
    }

    pub(super) fn files(&self) -> Vec<File> {
        let thresholds = &self.settings.agent.first_pool().thresholds;
        let (up, down) = (thresholds.up.to_string(), thresholds.down.to_string());
        let token = self.alerts_token().unwrap_or_default().to_owned();
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
        files.extend(Tls::files(self.tls.as_ref()));
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Document;

    fn read(alerts: &Value) -> Result<Monitoring, DocumentError> {
        let id = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";
        let text = json!({
            "version": 1,
            "role": "monitoring",
            "agent": {
                "exoscale": { "zone": "at-vie-1", "key": "EXO1", "secret": "s", "instance_pool": id },
                "alerts": alerts,
            },
        });
        Document::parse(text.to_string().as_bytes()).map(|document| match document {
            Document::Monitoring(monitoring) => *monitoring,
            other @ Document::SlowApp(_) => panic!("{other:?}"),
        })
    }

    #[test]
    fn credentials_that_grafana_does_not_show_are_no_substitute_for_the_token() {
        for other in [
            json!({ "hmac_secret": "hush" }),
            json!({ "user": "grafana", "password": "hush" }),
        ] {
            let problem = read(&other).unwrap_err().to_string();
            assert!(
                problem.starts_with("agent.alerts.token: is missing"),
                "{problem}"
            );
            let mut both = other;
            both["token"] = "hush".into();
            assert_eq!(read(&both).unwrap().alerts_token(), Some("hush"));
        }
        assert_eq!(read(&json!({})).unwrap().alerts_token(), None);
    }

    #[test]
    fn grafana_gets_the_token_that_the_agent_wants() {
        for token in [
            json!("12345678"),
            json!(12_345_678),
            json!(true),
            json!("a$HOME-b$$c"),
        ] {
            let document = read(&json!({ "token": token })).unwrap();
            let agents = toml::Table::try_from(document.agent.clone()).unwrap();
            let (settings, _) = settings::load_text("agent", &agents.to_string()).unwrap();
            let wanted = settings.agent.alerts.authentication.bearer.unwrap();
            let files = document.files();
            let file = files.iter().find(|file| file.name == "alerts-token");
            assert_eq!(file.unwrap().content, wanted.expose(), "{token}");
        }
    }
}
