//! Who is told of an alert, and when.

use agent::settings::ALERTS_PORT;
use serde_json::{Value, json};

use super::files;

fn alerting(name: &str) -> Value {
    files::yaml(&files::path(&format!(
        "grafana/provisioning/alerting/{name}"
    )))
}

#[test]
fn the_agent_is_told_with_a_token_and_not_of_the_end() {
    let points = alerting("contact-points.yml");
    let receivers = points["contactPoints"][0]["receivers"]
        .as_array()
        .expect("a list");
    assert_eq!(receivers.len(), 1);
    let agent = &receivers[0];
    assert_eq!(agent["type"], "webhook");
    assert_eq!(agent["disableResolveMessage"], true);
    assert_eq!(
        agent["settings"],
        json!({
            "url": format!("http://127.0.0.1:{ALERTS_PORT}/webhook"),
            "httpMethod": "POST",
            "authorization_scheme": "Bearer",
            // `install.sh` puts the token here.
            "authorization_credentials": "TOKEN",
        })
    );
}

/// The routes, after a look at what no route takes.
fn routes() -> Vec<Value> {
    let policies = alerting("policies.yml");
    let root = &policies["policies"][0];
    assert_eq!(root["receiver"], "operator");
    root["routes"].as_array().expect("a list of routes").clone()
}

#[test]
fn alerts_that_ask_for_a_size_are_sent_at_once_and_each_minute() {
    assert_eq!(
        routes()[0],
        json!({
            "receiver": alerting("contact-points.yml")["contactPoints"][0]["name"],
            "object_matchers": [["scale", "=~", "up|down"]],
            "group_by": ["alertname"],
            "group_wait": "0s",
            // A reminder is sent at the first multiple of the group interval that is later than the
            // repeat interval: after 60 s. With 1m it would be after 90 s.
            "group_interval": "30s",
            "repeat_interval": "45s",
        })
    );
}

/// A number of members may change while its alert lasts.
#[test]
fn a_number_of_members_is_sent_at_each_evaluation() {
    let evaluated = files::yaml::<Value>(&files::path("grafana/optional/request-rate.yml"));
    assert_eq!(
        routes()[1],
        json!({
            "receiver": routes()[0]["receiver"],
            "object_matchers": [["scale", "=", "at-least"]],
            "group_by": ["alertname"],
            "group_wait": "0s",
            "group_interval": evaluated["groups"][0]["interval"],
            // Less than the group interval, so that each look at the group sends.
            "repeat_interval": "5s",
        })
    );
}

#[test]
fn alerts_that_ask_for_a_person_go_to_the_operator_and_are_muted_until_there_is_one() {
    assert_eq!(
        routes()[2..],
        [json!({
            "receiver": "operator",
            "object_matchers": [["audience", "=", "operator"]],
            "group_by": ["alertname"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "mute_time_intervals": ["always"],
        })]
    );
    let mute_times = &alerting("policies.yml")["muteTimes"];
    let always = json!([{ "times": [{ "start_time": "00:00", "end_time": "24:00" }] }]);
    assert_eq!(mute_times[0]["name"], "always");
    assert_eq!(mute_times[0]["time_intervals"], always);
    // Grafana does not start when a policy names a contact point that no file has.
    assert_eq!(
        alerting("operator.yml")["contactPoints"][0]["name"],
        "operator"
    );
}

#[test]
fn no_rule_is_for_the_agent_and_for_the_operator() {
    for rule in files::rules() {
        let is_for_agent = rule
            .labels
            .get("scale")
            .is_some_and(|scale| ["up", "down"].contains(&scale.as_str()));
        let is_for_operator = rule.labels.get("audience").map(String::as_str) == Some("operator");
        assert!(is_for_agent != is_for_operator, "{}", rule.uid);
    }
}

#[test]
fn the_datasource_is_the_one_that_rules_and_panels_name() {
    let file: Value = files::yaml(&files::path(
        "grafana/provisioning/datasources/prometheus.yml",
    ));
    let sources = file["datasources"].as_array().expect("a list");
    assert_eq!(sources.len(), 1);
    assert_eq!(sources[0]["uid"], files::DATASOURCE);
    assert_eq!(sources[0]["type"], "prometheus");
    let prometheus: Value = files::yaml(&files::path("prometheus.yml"));
    assert_eq!(
        sources[0]["jsonData"]["timeInterval"],
        prometheus["global"]["scrape_interval"]
    );
}
