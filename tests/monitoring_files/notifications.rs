//! Who is told of an alert, and when.

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
            "url": "http://127.0.0.1:8090/webhook",
            "httpMethod": "POST",
            "authorization_scheme": "Bearer",
            "authorization_credentials": "$__file{/run/credentials/grafana.service/alerts-token}",
        })
    );
}

#[test]
fn alerts_that_ask_for_a_size_are_sent_at_once_and_each_minute() {
    let points = alerting("contact-points.yml");
    let policies = alerting("policies.yml");
    let root = &policies["policies"][0];
    let agent = &points["contactPoints"][0]["name"];
    assert_eq!(root["receiver"], *agent);
    let routes = root["routes"].as_array().expect("a list of routes");
    assert_eq!(routes.len(), 1);
    assert_eq!(
        routes[0],
        json!({
            "receiver": agent,
            "object_matchers": [["scale", "=~", "up|down"]],
            "group_by": ["alertname"],
            "group_wait": "0s",
            "group_interval": "30s",
            "repeat_interval": "1m",
        })
    );
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
