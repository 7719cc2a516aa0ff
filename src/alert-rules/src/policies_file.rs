//! Grafana's notification policies: how alerts that ask for a size are grouped and repeated.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{MonitoringError, Route, time};

const FILE: &str = "the notification policies";

#[derive(Deserialize)]
struct File {
    policies: Vec<Policy>,
}

#[derive(Deserialize)]
struct Policy {
    #[serde(default)]
    routes: Vec<RouteEntry>,
}

#[derive(Deserialize)]
struct RouteEntry {
    #[serde(default)]
    object_matchers: Vec<[String; 3]>,
    #[serde(default)]
    group_by: Vec<String>,
    group_wait: String,
    group_interval: String,
    repeat_interval: String,
}

type Labels = BTreeMap<String, String>;

/// The routes below the root, in their order.
pub(super) struct Routes(Vec<RouteEntry>);

pub(super) fn read(text: &str) -> Result<Routes, MonitoringError> {
    let file: File = serde_yaml_ng::from_str(text)
        .map_err(|source| MonitoringError::Form { file: FILE, source })?;
    Ok(Routes(
        file.policies
            .into_iter()
            .flat_map(|policy| policy.routes)
            .collect(),
    ))
}

impl Routes {
    /// The first route that takes the alerts of a rule of this name and with these labels.
    pub(super) fn of(&self, title: &str, labels: &Labels) -> Result<Route, MonitoringError> {
        for entry in &self.0 {
            let mut matches = true;
            for matcher in &entry.object_matchers {
                matches &= is_matched(matcher, labels)?;
            }
            if matches {
                return Ok(Route {
                    group_by: entry.group_by.clone(),
                    group_wait: time(FILE, &entry.group_wait)?,
                    group_interval: time(FILE, &entry.group_interval)?,
                    repeat_interval: time(FILE, &entry.repeat_interval)?,
                });
            }
        }
        Err(unknown(format!("no route takes the alerts of `{title}`")))
    }
}

fn is_matched(
    [label, operator, value]: &[String; 3],
    labels: &Labels,
) -> Result<bool, MonitoringError> {
    let found = labels.get(label).map_or("", String::as_str);
    match operator.as_str() {
        "=" => Ok(found == value),
        "!=" => Ok(found != value),
        // Only words beside one another; any other regular expression would need an engine.
        "=~" if value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "|-_".contains(c)) =>
        {
            Ok(value.split('|').any(|word| word == found))
        }
        _ => Err(unknown(format!(
            "this program knows no matcher `{label} {operator} {value}`"
        ))),
    }
}

/// The labels of an alert by which it shares a message.
pub fn group_key(title: &str, labels: &Labels, route: &Route) -> Vec<String> {
    let label = |name: &String| match name.as_str() {
        "alertname" => title.to_owned(),
        name => labels.get(name).cloned().unwrap_or_default(),
    };
    route.group_by.iter().map(label).collect()
}

fn unknown(what: String) -> MonitoringError {
    MonitoringError::Unknown { file: FILE, what }
}
