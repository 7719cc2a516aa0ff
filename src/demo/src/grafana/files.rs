//! What Grafana reads: the image's files with this run's addresses and token, and its settings.

use std::{
    fmt::Write as _,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde_json::Value;

macro_rules! image {
    ($path:literal) => {
        include_str!(concat!("../../../../nixos/grafana/", $path))
    };
}

/// The image's provisioning files that are the same in every run.
const AS_THEY_ARE: [(&str, &str); 5] = [
    (
        "provisioning/alerting/rules.yml",
        image!("provisioning/alerting/rules.yml"),
    ),
    (
        "provisioning/alerting/operator-rules.yml",
        image!("provisioning/alerting/operator-rules.yml"),
    ),
    (
        "provisioning/alerting/operator.yml",
        image!("provisioning/alerting/operator.yml"),
    ),
    (
        "provisioning/alerting/policies.yml",
        image!("provisioning/alerting/policies.yml"),
    ),
    (
        "dashboards/autoscaling.json",
        image!("dashboards/autoscaling.json"),
    ),
];
const DATASOURCE: &str = image!("provisioning/datasources/prometheus.yml");
const CONTACT_POINTS: &str = image!("provisioning/alerting/contact-points.yml");
const DASHBOARDS: &str = image!("provisioning/dashboards/files.yml");

/// What the image's files say of these.
const PROMETHEUS: &str = "http://127.0.0.1:9090";
const AGENT: &str = "http://127.0.0.1:8090";
const TOKEN: &str = "authorization_credentials: TOKEN";
const DASHBOARD_FOLDER: &str = "path: /run/grafana/dashboards";

/// The image's settings (`nixos/monitoring.nix`) that do not depend on the run. Grafana by itself
/// asks nothing of anyone outside, and tells nothing.
const SETTINGS: [(&str, &str, &str); 18] = [
    ("security", "disable_gravatar", "true"),
    ("users", "allow_sign_up", "false"),
    ("users", "default_theme", "system"),
    ("dashboards", "min_refresh_interval", "5s"),
    ("unified_alerting", "min_interval", "10s"),
    ("unified_alerting", "disable_jitter", "true"),
    ("analytics", "reporting_enabled", "false"),
    ("analytics", "check_for_updates", "false"),
    ("analytics", "check_for_plugin_updates", "false"),
    ("analytics", "feedback_links_enabled", "false"),
    ("news", "news_feed_enabled", "false"),
    ("snapshots", "external_enabled", "false"),
    ("plugins", "plugin_admin_enabled", "false"),
    ("plugins", "preinstall_disabled", "true"),
    ("plugins", "public_key_retrieval_disabled", "true"),
    // The image has these by its option `publicDashboards`: who may look needs no password here,
    // and only this machine may.
    ("auth.anonymous", "enabled", "true"),
    ("auth.anonymous", "org_role", "Viewer"),
    ("log", "mode", "console"),
];

/// What belongs to this run.
#[derive(Clone, Debug)]
pub(super) struct Provisioned<'a> {
    /// Everything of Grafana's, its data included.
    pub(super) folder: &'a Path,
    pub(super) listen: SocketAddr,
    pub(super) prometheus: &'a str,
    pub(super) agent: SocketAddr,
    pub(super) alert_token: &'a str,
}

/// Writes all files, and returns the settings'.
pub(super) fn write(run: &Provisioned<'_>) -> io::Result<PathBuf> {
    for folder in ["data", "data/plugins", "data/log", "provisioning/plugins"] {
        fs::create_dir_all(run.folder.join(folder))?;
    }
    let own = [
        ("provisioning/datasources/prometheus.yml", datasource(run)?),
        (
            "provisioning/alerting/contact-points.yml",
            contact_points(run)?,
        ),
        ("provisioning/dashboards/files.yml", dashboards(run)?),
        ("grafana.ini", settings(run)),
    ];
    let own = own.iter().map(|(path, text)| (*path, text.as_str()));
    for (path, text) in AS_THEY_ARE.into_iter().chain(own) {
        let path = run.folder.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    Ok(run.folder.join("grafana.ini"))
}

fn datasource(run: &Provisioned<'_>) -> io::Result<String> {
    put(DATASOURCE, PROMETHEUS, &quoted(run.prometheus))
}

fn contact_points(run: &Provisioned<'_>) -> io::Result<String> {
    let text = put(CONTACT_POINTS, AGENT, &format!("http://{}", run.agent))?;
    // Quoted: of some texts without quotes Grafana makes numbers.
    let token = format!("authorization_credentials: {}", quoted(run.alert_token));
    put(&text, TOKEN, &token)
}

fn dashboards(run: &Provisioned<'_>) -> io::Result<String> {
    let folder = run.folder.join("dashboards").display().to_string();
    put(
        DASHBOARDS,
        DASHBOARD_FOLDER,
        &format!("path: {}", quoted(&folder)),
    )
}

/// The text with one part replaced, which must be there: a file of the image that was changed would
/// else point elsewhere.
fn put(text: &str, old: &str, new: &str) -> io::Result<String> {
    if text.matches(old).count() == 1 {
        return Ok(text.replace(old, new));
    }
    Err(io::Error::other(format!(
        "the image's file does not have {old} once"
    )))
}

/// A text of a provisioning file that Grafana takes as it is: it puts variables in for `$`.
fn quoted(text: &str) -> String {
    Value::from(text.replace('$', "$$")).to_string()
}

fn settings(run: &Provisioned<'_>) -> String {
    let path = |name: &str| run.folder.join(name).display().to_string();
    let random = || uuid::Uuid::new_v4().simple().to_string();
    let own = [
        ("paths", "data", path("data")),
        ("paths", "logs", path("data/log")),
        ("paths", "plugins", path("data/plugins")),
        ("paths", "provisioning", path("provisioning")),
        ("server", "http_addr", run.listen.ip().to_string()),
        ("server", "http_port", run.listen.port().to_string()),
        // Nobody needs to log in.
        ("security", "admin_password", random()),
        ("security", "secret_key", random()),
        (
            "dashboards",
            "default_home_dashboard_path",
            path("dashboards/autoscaling.json"),
        ),
    ];
    let always = SETTINGS.map(|(section, key, value)| (section, key, value.to_owned()));
    let mut all: Vec<_> = own.into_iter().chain(always).collect();
    all.sort_by_key(|(section, ..)| *section);
    let mut text = String::new();
    let mut open = "";
    for (section, key, value) in all {
        if section != open {
            let _ = writeln!(text, "[{section}]");
            open = section;
        }
        let _ = writeln!(text, "{key} = {value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(folder: &Path) -> Provisioned<'_> {
        Provisioned {
            folder,
            listen: ([127, 0, 0, 1], 3001).into(),
            prometheus: "http://127.0.0.1:9191",
            agent: ([127, 0, 0, 1], 8191).into(),
            alert_token: "0123456789012345e2$HOME",
        }
    }

    #[test]
    fn the_images_files_point_at_this_runs_agent_and_prometheus() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("a: $b #'\" c");
        write(&run(&folder)).expect("it is writable");
        let read = |path: &str| -> Value {
            let text = fs::read_to_string(folder.join("provisioning").join(path));
            let read = serde_yaml_ng::from_str(&text.expect("it was written"));
            read.expect("it is YAML")
        };
        let source = &read("datasources/prometheus.yml")["datasources"][0];
        assert_eq!(source["url"], "http://127.0.0.1:9191");
        assert_eq!(source["uid"], "prometheus", "rules and panels name it");
        let points = read("alerting/contact-points.yml");
        let settings = &points["contactPoints"][0]["receivers"][0]["settings"];
        assert_eq!(settings["url"], "http://127.0.0.1:8191/webhook");
        assert_eq!(settings["authorization_scheme"], "Bearer");
        assert_eq!(
            settings["authorization_credentials"],
            "0123456789012345e2$$HOME"
        );
        let provider = &read("dashboards/files.yml")["providers"][0];
        let path = provider["options"]["path"].as_str().expect("a path");
        assert_eq!(
            path.replace("$$", "$"),
            folder.join("dashboards").display().to_string()
        );
        for rules in ["rules.yml", "operator-rules.yml"] {
            let groups = read(&format!("alerting/{rules}"))["groups"].clone();
            assert!(
                groups[0]["rules"]
                    .as_array()
                    .is_some_and(|rules| !rules.is_empty())
            );
        }
        assert!(folder.join("provisioning/plugins").is_dir());
    }

    #[test]
    fn the_settings_are_those_of_the_image() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../nixos/monitoring.nix");
        let image = fs::read_to_string(file).expect("the repository has it");
        for (section, key, value) in SETTINGS {
            if section == "auth.anonymous" || section == "log" {
                continue;
            }
            let is_same = image.lines().any(|line| {
                let line = line.trim().trim_end_matches(';').replace('"', "");
                line == format!("{key} = {value}") || line == format!("{section}.{key} = {value}")
            });
            assert!(is_same, "[{section}] {key} = {value}");
        }
        let text = settings(&run(Path::new("/run/x")));
        for line in [
            "http_port = 3001",
            "data = /run/x/data",
            "provisioning = /run/x/provisioning",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
        }
        let sections = text.lines().filter(|line| line.starts_with('['));
        let mut sections: Vec<&str> = sections.collect();
        let count = sections.len();
        sections.dedup();
        assert_eq!(sections.len(), count, "each is there once");
    }
}
