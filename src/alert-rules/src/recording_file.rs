//! Prometheus' recording rules: the names under which the alert rules find CPU use.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::{
    MonitoringError,
    promql::{self, CpuUse},
    time,
};

const FILE: &str = "the recording rules";

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    interval: Option<String>,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    record: String,
    expr: String,
}

/// What is recorded under which name.
pub(super) struct Recorded {
    pub(super) uses: BTreeMap<String, CpuUse>,
    pub(super) interval: Duration,
}

pub(super) fn read(text: &str) -> Result<Recorded, MonitoringError> {
    let file: File = serde_yaml_ng::from_str(text)
        .map_err(|source| MonitoringError::Form { file: FILE, source })?;
    let mut recorded = Recorded {
        uses: BTreeMap::new(),
        interval: Duration::ZERO,
    };
    for group in file.groups {
        let own = group.interval.as_deref();
        let own = own.ok_or_else(|| unknown("a group has no interval of its own".to_owned()))?;
        recorded.interval = recorded.interval.max(time(FILE, own)?);
        for Rule { record, expr } in group.rules {
            let cpu = promql::cpu_use(&expr).ok_or_else(|| {
                unknown(format!(
                    "`{record}` is no CPU use of the form that is known"
                ))
            })?;
            recorded.uses.insert(record, cpu);
        }
    }
    Ok(recorded)
}

fn unknown(what: String) -> MonitoringError {
    MonitoringError::Unknown { file: FILE, what }
}
