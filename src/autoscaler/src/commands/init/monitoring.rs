//! Files for a Prometheus and a Grafana that are there already. Their texts are those of the
//! monitoring image; only what belongs to this pool is put in.

use alert_rules::MonitoringFiles;

use super::Options;

pub(super) const RECORDING_RULES: &str = MonitoringFiles::IMAGE.recording;
const CONTACT_POINTS: &str =
    include_str!("../../../../../nixos/grafana/provisioning/alerting/contact-points.yml");
const SCALING_RULES: &str =
    include_str!("../../../../../terraform/modules/monitoring/debian/scaling-rules.yml");
const DASHBOARD: &str = include_str!("../../../../../nixos/grafana/dashboards/autoscaling.json");

/// What the image's files say of these.
const DISCOVERY_FILE: &str = "/srv/service-discovery/*.json";
const AGENT: &str = "http://127.0.0.1:8090";

/// A rule's own way to the contact point. The policies of a Grafana are one document: a file of
/// them would replace those that its owner has.
const ROUTE: &str = concat!(
    "        notification_settings:\n",
    "          receiver: autoscaler\n",
    "          group_by: [alertname, grafana_folder]\n",
    "          group_wait: 0s\n",
    "          group_interval: 30s\n",
    "          repeat_interval: 45s\n",
);

/// The jobs for members and agent, as a file for `scrape_config_files`.
pub(super) fn jobs(options: &Options) -> String {
    let file = serde_json::Value::from(options.discovery_file.display().to_string()).to_string();
    let own = options.agent_url();
    let (scheme, host) = own.split_once("://").unwrap_or(("http", &own));
    let text = format!(
        "# For your Prometheus (2.43 or newer): name this file under scrape_config_files in\n\
         # prometheus.yml, or copy the jobs below scrape_configs, and reload it.\n\
         scrape_configs:\n{}\n{}",
        job("exoscale"),
        job("autoscaler")
    );
    let target = format!("      - targets: [\"{host}\"]");
    let target = if scheme == "https" {
        format!("{target}\n    scheme: https")
    } else {
        target
    };
    text.replace(DISCOVERY_FILE, &file)
        .replace("      - targets: [\"127.0.0.1:8090\"]", &target)
}

/// A job of the image's configuration, with the comment before it.
fn job(name: &str) -> String {
    let head = format!("- job_name: {name}");
    let mut paragraphs = MonitoringFiles::IMAGE.prometheus.split("\n\n");
    let found = paragraphs.find(|text| text.lines().any(|line| line.trim() == head));
    let lines = found.unwrap_or_default().lines();
    let lines = lines.filter(|line| *line != "scrape_configs:");
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The rules with these thresholds, each with its way to the agent.
pub(super) fn alert_rules(options: &Options) -> String {
    let mut text = String::new();
    for line in MonitoringFiles::IMAGE.rules.lines() {
        if line.trim_start().starts_with("execErrState:") {
            text = text + line + "\n" + ROUTE;
            continue;
        }
        let line = line
            .replace("params: [0.8]", &format!("params: [{}]", options.up))
            .replace("params: [0.2]", &format!("params: [{}]", options.down))
            .replace(
                "datasourceUid: prometheus",
                &format!("datasourceUid: {}", options.datasource),
            );
        text = text + &line + "\n";
    }
    text
}

/// The contact point, with the URL and the token of this agent.
pub(super) fn contact_point(options: &Options, token: &str) -> String {
    let mut text = String::new();
    for line in CONTACT_POINTS.lines() {
        let (name, _) = line
            .split_once("authorization_credentials:")
            .unwrap_or_default();
        if name.is_empty() {
            text = text + &line.replace(AGENT, &options.agent_url()) + "\n";
        } else {
            // Quoted: of some texts without quotes Grafana makes numbers.
            text = text + name + "authorization_credentials: '" + token + "'\n";
        }
    }
    text
}

/// The alert rules for Prometheus and Alertmanager, with these thresholds.
pub(super) fn scaling_rules(options: &Options) -> String {
    // The comment at its head is about the repository.
    let start = SCALING_RULES.find("groups:").unwrap_or_default();
    let rules = SCALING_RULES[start..]
        .replace("> UP\n", &format!("> {}\n", options.up))
        .replace("< DOWN\n", &format!("< {}\n", options.down));
    format!(
        "# For a Prometheus that sends alerts to Alertmanager: name this file under rule_files.\n{rules}"
    )
}

/// Alertmanager's way to the agent, with its URL and token.
pub(super) fn alertmanager(options: &Options, token: &str) -> String {
    include_str!("templates/alertmanager.yml")
        .replace("@URL@", &format!("{}/webhook", options.agent_url()))
        .replace("@TOKEN@", token)
}

/// The dashboard with these thresholds and this data source.
pub(super) fn dashboard(options: &Options) -> String {
    let mut text = String::new();
    for line in DASHBOARD.lines() {
        let value = |number: f64| format!("\"value\": {number}");
        let is = |number: f64| line.trim_start() == value(number);
        let line = if is(0.8) {
            line.replace(&value(0.8), &value(options.up))
        } else if is(0.2) {
            line.replace(&value(0.2), &value(options.down))
        } else {
            let own = format!("\"uid\": \"{}\"", options.datasource);
            line.replace("\"uid\": \"prometheus\"", &own)
        };
        text += &line;
        text.push('\n');
    }
    text
}
