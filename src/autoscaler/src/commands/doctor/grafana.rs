//! Whether Grafana has rules that ask for another size, and sends them to the agent in time. Read
//! over its provisioning HTTP API; nothing is written.

use std::time::Duration;

use reqwest::Url;
use serde_json::Value;

use super::{
    notifications::{Taken, ways},
    report::Report,
    subject::{GRAFANA_TOKEN, Subject},
};
use crate::commands::http::{Http, below};

const TOKEN_FIX: &str = "make a service account with the role Viewer and the right to read \
    provisioning (or Admin) under Administration, add a token, and give it in GRAFANA_TOKEN";

/// Says whether its rules were read.
pub(super) async fn examine(subject: &Subject, http: &Http, report: &mut Report) -> bool {
    report.group("grafana");
    let (id, title) = ("grafana-answers", "Grafana answers");
    let Some(base) = &subject.grafana else {
        let why = "no URL: give --grafana URL, or set links.grafana";
        report.skipped(id, title, why);
        return false;
    };
    let title = format!("Grafana answers at {base}");
    let answered = match http.get(&below(base, "/api/health")) {
        Ok(request) => http.send(request).await,
        Err(why) => Err(why),
    };
    if let Err(why) = answered.and_then(|answer| answer.json()) {
        let fix = "start Grafana, or correct --grafana or links.grafana";
        report.failed(id, title, why, fix);
        return false;
    }
    report.passed(id, title);
    let Some(token) = subject.grafana_token.as_deref() else {
        let why = format!("{GRAFANA_TOKEN} is not set; {TOKEN_FIX}");
        report.skipped("grafana-rules", "its rules can be read", why);
        return false;
    };
    let rules = match read(http, base, "alert-rules", token).await {
        Ok(rules) => rules,
        Err(why) => {
            report.failed("grafana-rules", "its rules can be read", why, TOKEN_FIX);
            return false;
        }
    };
    report.passed("grafana-rules", "its rules can be read");
    scaling_rules(subject, &rules, report);
    let points = read(http, base, "contact-points", token).await;
    let policies = read(http, base, "policies", token).await;
    match (points, policies) {
        (Ok(points), Ok(policies)) => delivery(subject, &rules, &points, &policies, report),
        (Err(why), _) | (_, Err(why)) => report.skipped("contact-point", "it tells the agent", why),
    }
    true
}

async fn read(http: &Http, base: &Url, what: &str, token: &str) -> Result<Value, String> {
    let url = below(base, &format!("/api/v1/provisioning/{what}"));
    http.send(http.get(&url)?.bearer_auth(token)).await?.json()
}

fn scaling_rules(subject: &Subject, rules: &Value, report: &mut Report) {
    let (id, title) = (
        "alert-rules",
        "its rules ask for more members and for fewer",
    );
    let rules = rules.as_array().cloned().unwrap_or_default();
    let ways = |way: &str| -> Vec<&Value> {
        let is_way = |rule: &&Value| rule["labels"]["scale"] == way;
        rules.iter().filter(is_way).collect()
    };
    let (up, down) = (ways("up"), ways("down"));
    for (way, found) in [("up", &up), ("down", &down)] {
        if found.is_empty() {
            report.failed(
                id,
                title,
                format!("no rule has the label scale: {way}"),
                "provision the rules that `autoscaler init` writes (grafana/provisioning), or add \
                 the label to a rule of your own",
            );
            return;
        }
    }
    report.passed(id, title);
    let both = || up.iter().chain(&down);
    paused(both().copied(), report);
    no_data(&down, report);
    thresholds(subject, &up, &down, report);
}

pub(super) fn title_of(rule: &Value) -> &str {
    rule["title"].as_str().unwrap_or("without a title")
}

fn paused<'a>(mut rules: impl Iterator<Item = &'a Value>, report: &mut Report) {
    let (id, title) = ("alert-rules-run", "none of them is paused");
    match rules.find(|rule| rule["isPaused"] == true) {
        None => report.passed(id, title),
        Some(rule) => report.failed(
            id,
            title,
            format!("\"{}\" is", title_of(rule)),
            "resume its evaluation on the rule's page",
        ),
    }
}

/// Missing data is no lack of load (guarantee G3). The agent ignores such alerts, but other
/// programs that hear of them may not.
fn no_data(down: &[&Value], report: &mut Report) {
    let (id, title) = ("alert-rules-data", "no rule alerts for want of data");
    let alerts = |rule: &&&Value| {
        let states = [&rule["noDataState"], &rule["execErrState"]];
        states.into_iter().any(|state| state == "Alerting")
    };
    match down.iter().find(alerts) {
        None => report.passed(id, title),
        Some(rule) => report.warned(
            id,
            title,
            format!(
                "\"{}\" does: absence of data is no absence of load",
                title_of(rule)
            ),
            "set \"Alert state if no data or all values are null\" and \"if execution error\" to \
             Normal",
        ),
    }
}

/// The number that a rule compares with, where it has the form that our rules have.
fn threshold(rule: &Value) -> Option<f64> {
    let condition = rule["condition"].as_str()?;
    let data = rule["data"].as_array()?;
    let stage = data.iter().find(|stage| stage["refId"] == condition)?;
    let evaluator = &stage["model"]["conditions"][0]["evaluator"];
    evaluator["params"][0].as_f64()
}

fn thresholds(subject: &Subject, up: &[&Value], down: &[&Value], report: &mut Report) {
    let (id, title) = ("thresholds", "their thresholds are those of the settings");
    let (ours_up, ours_down) = subject.thresholds;
    let is_share = |found: &f64| (0.0..=1.0).contains(found);
    let differs = |rules: &[&Value], ours: f64| {
        let found = rules
            .iter()
            .filter_map(|rule| Some((title_of(rule), threshold(rule)?)));
        let mut found = found.filter(|(_, theirs)| is_share(theirs));
        found
            .find(|(_, theirs)| (theirs - ours).abs() > 1e-9)
            .map(|(rule, theirs)| (rule.to_owned(), theirs, ours))
    };
    let other = differs(up, ours_up)
        .map(|found| ("thresholds.up", found))
        .or_else(|| differs(down, ours_down).map(|found| ("thresholds.down", found)));
    match other {
        None => report.passed(id, title),
        Some((key, (rule, theirs, ours))) => report.warned(
            id,
            title,
            format!("\"{rule}\" compares with {theirs}, and {key} is {ours}"),
            format!("set {key} to {theirs}; the agent only shows it, and checks it for flapping"),
        ),
    }
}

/// From the rules to the agent: a contact point with its URL, and a route that leads there.
fn delivery(
    subject: &Subject,
    rules: &Value,
    points: &Value,
    policies: &Value,
    report: &mut Report,
) {
    let (id, title) = ("contact-point", "a contact point posts to the agent");
    let points = points.as_array().cloned().unwrap_or_default();
    let leads_here = |point: &&Value| {
        let url = point["settings"]["url"]
            .as_str()
            .and_then(|url| url.parse::<Url>().ok());
        point["type"] == "webhook" && url.is_some_and(|url| is_agents(subject, &url))
    };
    let Some(point) = points.iter().find(leads_here) else {
        let urls: Vec<&str> = points
            .iter()
            .filter_map(|p| p["settings"]["url"].as_str())
            .collect();
        return report.failed(
            id,
            title,
            format!("they post to: {}", urls.join(", ")),
            format!(
                "add a contact point of type webhook with the URL {} and the token of alerts.token, \
                 or provision the one that `autoscaler init` writes",
                below(&subject.agent, "/webhook")
            ),
        );
    };
    let name = point["name"].as_str().unwrap_or_default();
    report.passed(id, format!("contact point \"{name}\" posts to the agent"));
    credentials(subject, point, report);
    route(subject, name, &ways(rules, policies), report);
}

/// Same port and a path of the agent's; its name may be another one here.
fn is_agents(subject: &Subject, url: &Url) -> bool {
    let path = url.path().trim_end_matches('/');
    let is_path = ["/webhook", "/up", "/down"]
        .iter()
        .any(|known| path.ends_with(known));
    is_path && url.port_or_known_default() == subject.agent.port_or_known_default()
}

fn credentials(subject: &Subject, point: &Value, report: &mut Report) {
    let (id, title) = (
        "contact-point-token",
        "it shows a token; which one, Grafana does not tell",
    );
    let settings = &point["settings"];
    let is_given = |name: &str| settings[name].as_str().is_some_and(|text| !text.is_empty());
    let is_shown = is_given("authorization_credentials")
        || is_given("password")
        || settings["hmacConfig"].is_object();
    if subject.authentication.is_open() || is_shown {
        report.passed(id, title);
    } else {
        report.failed(
            id,
            title,
            "it shows none, and the agent wants one",
            "set the authorization scheme Bearer and alerts.token as credentials",
        );
    }
}

fn route(subject: &Subject, point: &str, ways: &[(String, Option<Taken>)], report: &mut Report) {
    let (id, title) = (
        "notification-policy",
        "alerts with scale: up and scale: down are sent there",
    );
    let mut latest: Option<Duration> = None;
    for (rule, taken) in ways {
        let Some(taken) = taken else {
            return report.skipped(id, title, "the policies cannot be read");
        };
        if taken.receiver != point {
            return report.failed(
                id,
                title,
                format!("those of {rule} are sent to \"{}\"", taken.receiver),
                format!(
                    "let the rule name the contact point \"{point}\", or add a notification policy \
                     for scale =~ up|down with it"
                ),
            );
        }
        if taken.is_muted {
            let detail = format!("those of {rule} are muted at times");
            return report.failed(id, title, detail, "take the mute timing off");
        }
        latest = latest.max(taken.repeats);
    }
    report.passed(id, title);
    repeats(subject, latest, report);
}

/// An alert that lasts must be heard of again before its request is forgotten.
fn repeats(subject: &Subject, latest: Option<Duration>, report: &mut Report) {
    let (id, title) = ("repeat-interval", "they are repeated while they last");
    let lifetime = subject.rules.scale_in.alert_lifetime;
    match latest {
        Some(interval) if interval < lifetime => {
            report.passed(id, format!("{title}, each {interval:?}"));
        }
        Some(interval) => report.warned(
            id,
            title,
            format!("each {interval:?}, and scale_in.alert_lifetime is {lifetime:?}"),
            "set the policy's repeat interval to 45s and its group interval to 30s: one step is one \
             message",
        ),
        None => report.skipped(id, title, "the policy has no interval of its own"),
    }
}
