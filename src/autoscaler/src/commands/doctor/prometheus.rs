//! Whether Prometheus scrapes the members and records what alert rules look at, and, where there is
//! no Grafana, whether its rules ask for another size.

use std::{collections::BTreeMap, net::SocketAddr};

use reqwest::Url;
use serde_json::Value;

use super::{
    members::{Found, some},
    report::Report,
    subject::Subject,
};
use crate::commands::{http::Http, prometheus_api::ask};

/// As the recording rules name it.
const JOB: &str = "exoscale";
const RECORDED: &str = "instance:node_cpu_utilisation:rate1m";

pub(super) async fn examine(
    subject: &Subject,
    http: &Http,
    members: Option<&[Found]>,
    report: &mut Report,
) {
    report.group("prometheus");
    let Some(base) = &subject.prometheus else {
        return report.skipped(
            "prometheus-answers",
            "Prometheus answers",
            "no URL: give --prometheus URL, or set links.prometheus",
        );
    };
    let title = format!("Prometheus answers at {base}");
    let document = match ask(http, base, "targets", &[("state", "active")]).await {
        Ok(document) => document,
        Err(why) => {
            let fix = if why.contains("HTTP 404") {
                "something else answers there; correct --prometheus or links.prometheus"
            } else {
                "start Prometheus, or correct --prometheus or links.prometheus"
            };
            return report.failed("prometheus-answers", title, why, fix);
        }
    };
    report.passed("prometheus-answers", title);
    if subject.is_pre {
        report.skipped(
            "prometheus-targets",
            "its job has the members",
            "left out by --pre",
        );
    } else if let Some(members) = members {
        if targets(subject, &document, members, report) {
            recorded(http, base, members.len(), report).await;
        }
    } else {
        let why = "the members are not known, see above";
        report.skipped("prometheus-targets", "its job has the members", why);
    }
}

fn targets(subject: &Subject, data: &Value, members: &[Found], report: &mut Report) -> bool {
    let (id, title) = ("prometheus-targets", "its job exoscale has the members");
    let port = subject.discovery.target_port;
    let list = data["activeTargets"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let seen: BTreeMap<(String, String), (String, String)> = list
        .iter()
        .map(|target| {
            let labels = &target["labels"];
            let key = (text(&labels["job"]), text(&labels["instance"]));
            (key, (text(&target["health"]), text(&target["lastError"])))
        })
        .collect();
    let address = |member: &Found| SocketAddr::new(member.address, port).to_string();
    let find = |m: &Found| seen.get(&(JOB.to_owned(), address(m)));
    let absent: Vec<_> = members
        .iter()
        .filter(|m| find(m).is_none())
        .map(address)
        .collect();
    if !absent.is_empty() {
        let other = seen.keys().find(|(_, instance)| absent.contains(instance));
        let (detail, fix) = match other {
            Some((job, _)) => (
                format!("job \"{job}\" has them"),
                "name the job exoscale: the recording and alert rules look at that name".to_owned(),
            ),
            None => (
                format!("not: {}", some(&absent)),
                format!(
                    "add the job that `autoscaler init` writes (prometheus-job.yml), which reads \
                     {}, to scrape_configs, and reload Prometheus; a new member is there within 10 s",
                    subject.discovery.file.display()
                ),
            ),
        };
        report.failed(id, title, detail, fix);
        return false;
    }
    report.passed(id, format!("{title}, {} targets", members.len()));
    scraped(members, find, report);
    true
}

fn scraped<'a>(
    members: &[Found],
    find: impl Fn(&Found) -> Option<&'a (String, String)>,
    report: &mut Report,
) {
    let (id, title) = ("prometheus-scrapes", "it scrapes each of them");
    let down: Vec<_> = members
        .iter()
        .filter_map(|m| Some((m.name.clone(), find(m)?)))
        .filter(|(_, (health, _))| health == "down")
        .collect();
    match down.first() {
        None => report.passed(id, title),
        Some((_, (_, why))) => {
            let names: Vec<String> = down.iter().map(|(name, _)| name.clone()).collect();
            report.failed(
                id,
                title,
                format!("not: {}; {why}", some(&names)),
                "let Prometheus' machine reach the node exporter's port in the members' security \
                 group",
            );
        }
    }
}

/// A rate needs two scrapes, and a member of a minute has none.
async fn recorded(http: &Http, base: &Url, members: usize, report: &mut Report) {
    let (id, title) = ("prometheus-records", "it records the CPU use of each");
    let found = match ask(http, base, "query", &[("query", RECORDED)]).await {
        Ok(data) => data["result"].as_array().map_or(0, Vec::len),
        Err(why) => return report.skipped(id, title, why),
    };
    if found >= members {
        report.passed(id, format!("{title} as {RECORDED}"));
    } else if found == 0 {
        report.failed(
            id,
            title,
            format!("there is no {RECORDED}"),
            "name the file of rules that `autoscaler init` writes (prometheus-rules.yml) under \
             rule_files, reload Prometheus, and wait for half a minute",
        );
    } else {
        report.warned(
            id,
            title,
            format!("{found} of {members} are recorded"),
            "a member of less than a minute is not yet; try again",
        );
    }
}

/// Whether its own rules ask for another size, where no Grafana was asked.
pub(super) async fn rules(subject: &Subject, http: &Http, report: &mut Report) {
    report.group("alerts");
    let Some(base) = &subject.prometheus else {
        return;
    };
    let (id, title) = (
        "alert-rules",
        "alert rules ask for more members and for fewer",
    );
    let fix = "let Grafana or Prometheus alert with the label scale: up and scale: down; give \
               --grafana URL and GRAFANA_TOKEN where Grafana does";
    let data = match ask(http, base, "rules", &[("type", "alert")]).await {
        Ok(data) => data,
        Err(why) => return report.skipped(id, title, why),
    };
    let groups = data["groups"].as_array().cloned().unwrap_or_default();
    let rules = groups
        .iter()
        .filter_map(|group| group["rules"].as_array())
        .flatten();
    let rules: Vec<&Value> = rules
        .filter(|rule| rule["labels"]["scale"].is_string())
        .collect();
    if rules.is_empty() {
        let why = "Prometheus has none, and Grafana was not asked: give --grafana URL and \
                   GRAFANA_TOKEN";
        return report.skipped(id, title, why);
    }
    let has = |way: &str| rules.iter().any(|rule| rule["labels"]["scale"] == way);
    let missing: Vec<&str> = ["up", "down"].into_iter().filter(|way| !has(way)).collect();
    let ill = rules.iter().find(|rule| rule["health"] == "err");
    if let [way, ..] = missing.as_slice() {
        report.failed(
            id,
            title,
            format!("no rule has the label scale: {way}"),
            fix,
        );
    } else if let Some(rule) = ill {
        let detail = format!("rule {} fails: {}", rule["name"], rule["lastError"]);
        report.failed(id, title, detail, "correct the rule's expression");
    } else {
        report.passed(id, title);
    }
    alertmanagers(http, base, report).await;
}

async fn alertmanagers(http: &Http, base: &Url, report: &mut Report) {
    let (id, title) = ("alertmanager", "Prometheus sends alerts to an Alertmanager");
    match ask(http, base, "alertmanagers", &[]).await {
        Err(why) => report.skipped(id, title, why),
        Ok(data) => match data["activeAlertmanagers"].as_array().map(Vec::as_slice) {
            Some([_, ..]) => report.passed(id, title),
            _ => report.failed(
                id,
                title,
                "it knows none, so its alerts reach nobody",
                "name one under alerting: alertmanagers, with a webhook receiver that posts to the \
                 agent's /webhook",
            ),
        },
    }
}
