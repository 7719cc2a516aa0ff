//! `docs/compose/compose.yml`: everything that it names is there, and the agent takes its settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_yaml_ng::Value;

use crate::{agent_support::program, programs::end_of};

/// The keys of the Compose specification that a file may have, at its top and in a service.
const TOP: [&str; 4] = ["name", "secrets", "services", "volumes"];
const SERVICE: [&str; 18] = [
    "cap_drop",
    "command",
    "depends_on",
    "entrypoint",
    "environment",
    "image",
    "mem_limit",
    "network_mode",
    "pid",
    "ports",
    "read_only",
    "restart",
    "secrets",
    "security_opt",
    "stop_grace_period",
    "tmpfs",
    "user",
    "volumes",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compose")
}

fn repository_file(path: &str) -> String {
    fs::read_to_string(folder().join("../..").join(path)).expect(path)
}

fn document() -> Value {
    let text = fs::read_to_string(folder().join("compose.yml")).expect("the file");
    serde_yaml_ng::from_str(&text).expect("YAML")
}

fn keys(value: &Value) -> Vec<String> {
    let map = value.as_mapping().expect("a mapping");
    let key = |key: &Value| key.as_str().expect("a text").to_owned();
    map.keys().map(key).collect()
}

fn services() -> BTreeMap<String, Value> {
    let document = document();
    let services = document["services"].as_mapping().expect("services");
    let named =
        |(name, service): (&Value, &Value)| (name.as_str().unwrap().to_owned(), service.clone());
    services.iter().map(named).collect()
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_sequence().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .map(|one| one.as_str().expect("a text").to_owned())
        .collect()
}

fn environment(service: &Value) -> BTreeMap<String, String> {
    let map = service["environment"].as_mapping().expect("a mapping");
    let text = |value: &Value| value.as_str().expect("a text in quotes").to_owned();
    map.iter()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

/// Each `${NAME…}` in a text: the name, and what stands after it.
fn variables(text: &str) -> Vec<(String, String)> {
    let parts = text.split("${").skip(1);
    let each = parts.map(|part| {
        let (inside, _) = part.split_once('}').expect("it ends");
        let end = inside.find(':').unwrap_or(inside.len());
        (inside[..end].to_owned(), inside[end..].to_owned())
    });
    each.collect()
}

/// `.env.example`, by name.
fn example() -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder().join(".env.example")).expect("the file");
    let pairs = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A text as Compose fills it in from these variables.
fn filled(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut text = text.to_owned();
    for (name, rest) in variables(&text.clone()) {
        let given = values.get(&name).filter(|value| !value.is_empty()).cloned();
        let value = given.or_else(|| rest.strip_prefix(":-").map(str::to_owned));
        let value = value.unwrap_or_else(|| panic!("{name} is required"));
        text = text.replace(&format!("${{{name}{rest}}}"), &value);
    }
    text
}

#[test]
fn it_has_keys_of_the_specification_only() {
    let is_known = |known: &[&str], keys: Vec<String>| {
        let unknown: Vec<_> = keys
            .into_iter()
            .filter(|key| !known.contains(&key.as_str()))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    };
    is_known(&TOP, keys(&document()));
    for service in services().values() {
        is_known(&SERVICE, keys(service));
    }
}

#[test]
fn what_services_refer_to_is_there() {
    let (document, services) = (document(), services());
    let (volumes, secrets) = (keys(&document["volumes"]), keys(&document["secrets"]));
    let mut used = BTreeSet::new();
    for (name, service) in &services {
        if let Some(other) = service["network_mode"]
            .as_str()
            .and_then(|mode| mode.strip_prefix("service:"))
        {
            assert!(services.contains_key(other), "{name}: {other}");
            assert!(
                service["ports"].is_null(),
                "{name} has the network of {other}"
            );
        }
        if service["depends_on"].is_mapping() {
            for other in keys(&service["depends_on"]) {
                assert!(services.contains_key(&other), "{name}: {other}");
            }
        }
        for secret in texts(&service["secrets"]) {
            assert!(secrets.contains(&secret), "{name}: {secret}");
        }
        for volume in texts(&service["volumes"]) {
            let source = volume.split(':').next().unwrap().to_owned();
            let is_there = if source.starts_with(['.', '/']) {
                folder().join(&source).exists()
            } else {
                volumes.contains(&source)
            };
            assert!(is_there, "{name}: {source}");
            used.insert(source);
        }
    }
    assert!(
        volumes.iter().all(|volume| used.contains(volume)),
        "{volumes:?} {used:?}"
    );
}

#[test]
fn each_variable_is_in_the_example_and_the_other_way_round() {
    let text = fs::read_to_string(folder().join("compose.yml")).unwrap();
    let mut named: BTreeSet<_> = variables(&text).into_iter().map(|(name, _)| name).collect();
    let secrets = document()["secrets"].clone();
    for (_, secret) in secrets.as_mapping().unwrap() {
        named.insert(secret["environment"].as_str().unwrap().to_owned());
    }
    let example = example();
    assert_eq!(named, example.keys().cloned().collect());
    // Where both have a value, it is the same.
    for (name, rest) in variables(&text) {
        if let Some(default) = rest.strip_prefix(":-") {
            assert_eq!(example[&name], default, "{name}");
        }
    }
}

#[test]
fn the_ports_are_those_that_the_files_name() {
    let services = services();
    let published: BTreeSet<_> = texts(&services["pod"]["ports"]).into_iter().collect();
    let agent = agent::settings::ALERTS_PORT;
    let expected = [agent, 9090, 3000].map(|port| format!("127.0.0.1:{port}:{port}"));
    assert_eq!(published, expected.into_iter().collect());
    // Every target that Prometheus finds at 127.0.0.1 is in that network.
    let prometheus = repository_file("nixos/prometheus.yml");
    let members = services
        .values()
        .filter(|service| service["network_mode"] == "service:pod");
    assert_eq!(
        prometheus.matches("- targets: [\"127.0.0.1:").count(),
        members.count()
    );
    for port in ["8090", "9090", "3000", "9100"] {
        assert!(
            prometheus.contains(&format!("[\"127.0.0.1:{port}\"]")),
            "{port}"
        );
    }
    let datasource = repository_file("nixos/grafana/provisioning/datasources/prometheus.yml");
    assert!(datasource.contains("http://127.0.0.1:9090"));
    let point = repository_file("nixos/grafana/provisioning/alerting/contact-points.yml");
    assert!(point.contains(&format!("http://127.0.0.1:{agent}/webhook")));
}

#[test]
fn files_are_where_the_monitoring_host_has_them() {
    let services = services();
    let prometheus: Value =
        serde_yaml_ng::from_str(&repository_file("nixos/prometheus.yml")).unwrap();
    let rules = prometheus["rule_files"][0].as_str().unwrap();
    let discovery = prometheus["scrape_configs"][0]["file_sd_configs"][0]["files"][0]
        .as_str()
        .unwrap();
    let has = |service: &str, part: &str| {
        let volumes = texts(&services[service]["volumes"]);
        assert!(
            volumes.iter().any(|volume| volume.contains(part)),
            "{service}: {part}"
        );
    };
    let rules = rules.strip_suffix("*.yml").unwrap();
    has("prometheus", &format!("nixos/prometheus-rules.yml:{rules}"));
    let (folder, _) = discovery.rsplit_once('/').unwrap();
    has("prometheus", &format!("discovery:{folder}:ro"));
    let defaults: BTreeMap<_, _> = agent::settings::defaults().collect();
    assert_eq!(discovery, format!("{folder}/*.json"));
    let file = Path::new(&*defaults["discovery.file"]);
    assert_eq!(
        (file.parent(), file.extension()),
        (Some(Path::new(folder)), Some("json".as_ref()))
    );
    has("autoscaler", &format!("discovery:{folder}"));
    let journal = &defaults["journal.directory"];
    has("autoscaler", &format!("journal:{journal}"));
    // The image has these folders, for its own user.
    let image = repository_file("nixos/oci.nix");
    for folder in [folder, journal] {
        assert!(image.contains(&format!("\"{folder}\"")), "{folder}");
    }
    let dashboards = repository_file("nixos/grafana/provisioning/dashboards/files.yml");
    let (path, _) = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        .as_str()
        .unwrap()
        .rsplit_once('/')
        .unwrap();
    assert!(dashboards.contains(&format!("path: {path}\n")), "{path}");
}

/// What the monitoring host sets, the container sets, too.
#[test]
fn grafana_is_set_as_on_the_monitoring_host() {
    let host = repository_file("nixos/monitoring.nix");
    let mut count = 0;
    for (variable, value) in environment(&services()["grafana"]) {
        if value.contains(['/', '$']) {
            continue;
        }
        count += 1;
        let name = variable.strip_prefix("GF_").unwrap().to_lowercase();
        let is_line = |line: &str| {
            let Some((path, text)) = line.trim().trim_end_matches(';').split_once(" = ") else {
                return false;
            };
            let key = path.rsplit('.').next().unwrap();
            name.ends_with(&format!("_{key}")) && text.trim_matches('"') == value
        };
        assert!(host.lines().any(is_line), "{variable}={value}");
    }
    assert!(count >= 8);
    let image = |name: &str| services()[name]["image"].clone();
    assert_eq!(image("grafana"), image("grafana-files"));
}

#[tokio::test]
async fn the_agent_takes_its_variables() {
    let mut values = example();
    for (name, value) in [
        ("EXOSCALE_KEY", "EXO1"),
        ("EXOSCALE_SECRET", "a-secret"),
        (
            "EXOSCALE_INSTANCEPOOL_ID",
            "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e",
        ),
        ("ALERTS_TOKEN", "a-long-token"),
        ("GRAFANA_PASSWORD", "a-password"),
    ] {
        let before = values.insert(name.to_owned(), value.to_owned());
        assert_eq!(
            before.as_deref(),
            Some(""),
            "{name} must be set by its user"
        );
    }
    let given = environment(&services()["autoscaler"]);
    let given: BTreeMap<_, _> = given
        .iter()
        .map(|(name, text)| (name, filled(text, &values)))
        .collect();
    let mut command = program();
    command.arg("check-config").envs(&given);
    let ended = end_of(command).await;
    let text = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{ended:?}");
    for key in ["scaling.max_size", "alerts.token", "exoscale.instance_pool"] {
        let line = text.lines().find(|line| line.starts_with(key)).expect(key);
        assert!(line.contains("variable "), "{line}");
    }
    assert!(
        text.contains("0.0.0.0"),
        "it listens beyond its container: {text}"
    );
}

#[test]
fn images_have_the_version_of_the_workspace() {
    let version = env!("CARGO_PKG_VERSION");
    let image = services()["autoscaler"]["image"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        filled(&image, &BTreeMap::new()),
        format!("autoscaler:{version}")
    );
    for name in ["autoscaler", "servicediscovery"] {
        let file = repository_file(&format!("docs/course/{name}/Dockerfile"));
        let first = file.lines().next().unwrap();
        assert!(
            first.ends_with(&format!("/autoscaler:{version}")),
            "{first}"
        );
        assert!(file.lines().count() <= 4, "{file}");
    }
    for service in services().values() {
        let image = service["image"].as_str().unwrap();
        assert!(!image.contains(":latest") && image.contains(':'), "{image}");
    }
}
