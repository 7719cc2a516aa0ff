//! Prometheus' configuration: how often the members are scraped.

use std::time::Duration;

use serde::Deserialize;

use super::{MonitoringError, time};

const FILE: &str = "Prometheus' configuration";

#[derive(Deserialize)]
struct File {
    global: Global,
    scrape_configs: Vec<Job>,
}

#[derive(Deserialize)]
struct Global {
    scrape_interval: String,
}

#[derive(Deserialize)]
struct Job {
    job_name: String,
    scrape_interval: Option<String>,
}

/// The scrape jobs.
pub(super) struct Jobs(File);

pub(super) fn read(text: &str) -> Result<Jobs, MonitoringError> {
    serde_yaml_ng::from_str(text)
        .map(Jobs)
        .map_err(|source| MonitoringError::Form { file: FILE, source })
}

impl Jobs {
    /// How often these jobs are scraped, if there are any.
    pub(super) fn one_interval<'a>(
        &self,
        jobs: impl Iterator<Item = &'a str>,
    ) -> Result<Option<Duration>, MonitoringError> {
        let mut interval = None;
        for job in jobs {
            let found = self.interval(job)?;
            if interval.replace(found).is_some_and(|other| other != found) {
                let what = format!("the rules look at jobs with several scrape intervals, {job}");
                return Err(unknown(what));
            }
        }
        Ok(interval)
    }

    fn interval(&self, job: &str) -> Result<Duration, MonitoringError> {
        let found = self.0.scrape_configs.iter().find(|one| one.job_name == job);
        let found = found
            .ok_or_else(|| unknown(format!("there is no job `{job}`, which a rule looks at")))?;
        let own = found.scrape_interval.as_deref();
        time(FILE, own.unwrap_or(&self.0.global.scrape_interval))
    }
}

fn unknown(what: String) -> MonitoringError {
    MonitoringError::Unknown { file: FILE, what }
}
