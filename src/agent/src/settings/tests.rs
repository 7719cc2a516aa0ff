//! What users rely on: which source wins, and what a mistake is answered with.

mod files;
mod openness;
mod pools;
mod refusals;
mod table;

use std::{fs, path::PathBuf, time::Duration};

use policy::{Mode, Size};
use program::telemetry::LogFormat;

use super::{Entry, Problems, Settings, Sources, listed, load};
use crate::config::PoolConfig;

const POOL: &str = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";

/// Sources with what must be set, and nothing else.
struct Given {
    sources: Sources,
    folder: tempfile::TempDir,
}

impl Given {
    fn new() -> Self {
        let given = Self {
            sources: Sources::default(),
            folder: tempfile::tempdir().unwrap(),
        };
        given
            .variable("EXOSCALE_KEY", "EXO123")
            .variable("EXOSCALE_SECRET", "abc")
            .variable("EXOSCALE_INSTANCEPOOL_ID", POOL)
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.variables.retain(|(known, _)| known != name);
        let variable = (name.to_owned(), value.to_owned());
        self.sources.variables.push(variable);
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        let flag = ("--set".to_owned(), key.to_owned(), value.to_owned());
        self.sources.flags.push(flag);
        self
    }

    fn file(mut self, text: &str) -> Self {
        let path = self.folder.path().join("agent.toml");
        fs::write(&path, text).unwrap();
        self.sources.file = Some(path);
        self
    }

    #[track_caller]
    fn settings(&self) -> Settings {
        load(&self.sources)
            .unwrap_or_else(|problems| panic!("{problems}"))
            .0
    }

    /// What is set for the only pool.
    #[track_caller]
    fn pool(&self) -> PoolConfig {
        let mut pools = self.settings().agent.pools;
        assert_eq!(pools.len(), 1);
        pools.remove(0)
    }

    fn entries(&self) -> Vec<Entry> {
        load(&self.sources).unwrap().1
    }

    fn entry(&self, key: &str) -> Entry {
        let entries = self.entries();
        entries
            .into_iter()
            .find(|entry| entry.key == key)
            .expect("it is set")
    }

    #[track_caller]
    fn problems(&self) -> Problems {
        load(&self.sources).expect_err("there are mistakes")
    }

    /// The one mistake there is.
    #[track_caller]
    fn problem(&self) -> (String, String, String) {
        let mut problems = self.problems().0;
        assert_eq!(problems.len(), 1, "{problems:#?}");
        let problem = problems.remove(0);
        (problem.key, problem.source, problem.message)
    }
}

#[test]
fn the_defaults_are_those_of_the_course() {
    let settings = Given::new().settings();
    let agent = settings.agent;
    let pool = &agent.pools[0];
    assert_eq!(pool.target.pool.to_string(), POOL);
    let endpoint = agent.client.endpoint.to_string();
    assert_eq!(endpoint, "https://api-at-vie-1.exoscale.com/v2");
    assert_eq!(pool.rules.cooldown, Duration::from_secs(60));
    assert_eq!(
        (pool.rules.bounds.min(), pool.rules.bounds.max()),
        (Size(1), Size(10))
    );
    assert_eq!(
        pool.discovery.file,
        PathBuf::from("/srv/service-discovery/config.json")
    );
    assert_eq!(pool.discovery.interval, Duration::from_secs(10));
    assert_eq!(pool.discovery.target_port, 9100);
    assert_eq!(agent.alerts.listen.port(), 8090);
    assert_eq!(agent.alerts.conventions.direction_label, "scale");
    assert!(agent.alerts.authentication.is_open());
    assert!(agent.alerts.listen.ip().is_loopback(), "nobody is let in");
    assert_eq!((pool.thresholds.up, pool.thresholds.down), (0.8, 0.2));
    assert_eq!(
        (pool.mode, settings.log_format),
        (Mode::On, LogFormat::Text)
    );
}

#[test]
fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
    let file = "[scaling]\nmax_size = 4\n";
    let max = |given: &Given| {
        let entry = given.entry("scaling.max_size");
        (given.pool().rules.bounds.max().0, entry.source)
    };
    let given = Given::new();
    assert_eq!(max(&given), (10, "default".to_owned()));
    let given = given.file(file);
    let (value, source) = max(&given);
    assert!(value == 4 && source.contains("agent.toml"), "{source}");
    let given = given.variable("AUTOSCALER_SCALING__MAX_SIZE", "5");
    assert_eq!(
        max(&given),
        (5, "variable AUTOSCALER_SCALING__MAX_SIZE".to_owned())
    );
    let given = given.flag("scaling.max_size", "6");
    assert_eq!(max(&given), (6, "flag --set".to_owned()));
}

#[test]
fn the_names_of_the_course_and_of_exoscales_tools_are_known() {
    let given = Given::new()
        .variable("EXOSCALE_API_KEY", "EXOother")
        .variable("EXOSCALE_API_SECRET", "other")
        .variable("EXOSCALE_ZONE", "at-vie-1")
        .variable("EXOSCALE_ZONE_ID", "4da1b188-dcd6-4ff5-b7fd-bde984055548")
        .variable("TARGET_PORT", "31337")
        .variable("LISTEN_PORT", "4711")
        .variable("PATH", "/bin");
    let agent = given.settings().agent;
    assert_eq!(
        agent.client.endpoint.to_string(),
        "https://api-at-vie-1.exoscale.com/v2"
    );
    assert_eq!(agent.pools[0].discovery.target_port, 31337);
    assert_eq!(agent.alerts.listen.port(), 4711);
    assert_eq!(
        agent.client.key.as_str(),
        "EXO123",
        "the course's name wins"
    );
    // Ours win over theirs, and theirs over the file.
    let given = given
        .file("[alerts]\nport = 1\n[discovery]\ntarget_port = 2\n")
        .variable("AUTOSCALER_ALERTS__PORT", "4712");
    let agent = given.settings().agent;
    assert_eq!(
        (
            agent.alerts.listen.port(),
            agent.pools[0].discovery.target_port
        ),
        (4712, 31337)
    );
    let endpoint = given.variable("EXOSCALE_API_ENDPOINT", "http://127.0.0.1:9/v2");
    assert_eq!(
        endpoint.settings().agent.client.endpoint.to_string(),
        "http://127.0.0.1:9/v2"
    );
}

#[test]
fn an_empty_variable_is_one_that_is_not_set() {
    let (key, _, message) = Given::new().variable("EXOSCALE_SECRET", "").problem();
    assert_eq!(key, "exoscale.secret");
    assert!(
        message.contains("is missing") && message.contains("EXOSCALE_SECRET"),
        "{message}"
    );
    let given = Given::new()
        .file("[scaling]\nmax_size = 4\n")
        .variable("AUTOSCALER_SCALING__MAX_SIZE", "")
        .variable("AUTOSCALER_SCALING__COOLDOWN", " ");
    let rules = given.pool().rules;
    assert_eq!(
        (rules.bounds.max().0, rules.cooldown),
        (4, Duration::from_secs(60))
    );
}

#[test]
fn an_empty_flag_takes_the_default_away_and_says_so() {
    for key in [
        "scaling.cooldown",
        "scaling.max_size",
        "scaling.mode",
        "log.format",
    ] {
        let (found, _, message) = Given::new().flag(key, "").problem();
        assert_eq!(found, key);
        assert!(message.starts_with("is missing; set it to "), "{message}");
    }
}

#[test]
fn secrets_may_be_made_of_digits_and_are_never_shown() {
    let given = Given::new()
        .variable("EXOSCALE_SECRET", "0012345")
        .variable("AUTOSCALER_ALERTS__TOKEN", "007")
        .file("[drain]\ntoken = \"0x10\"\n");
    let agent = given.settings().agent;
    assert_eq!(agent.client.secret.expose(), b"0012345");
    assert_eq!(
        agent
            .alerts
            .authentication
            .bearer
            .as_ref()
            .unwrap()
            .expose(),
        "007"
    );
    assert_eq!(
        agent.pools[0].drain.token.as_ref().unwrap().expose(),
        "0x10"
    );
    for key in ["exoscale.secret", "alerts.token", "drain.token"] {
        assert_eq!(given.entry(key).value, "(redacted)");
    }
    let all = format!("{:?} {:?}", given.entries(), given.settings());
    for secret in ["0012345", "\"007\"", "0x10"] {
        assert!(!all.contains(secret), "{secret}");
    }
}

#[test]
fn what_may_be_a_misplaced_secret_is_not_shown_either() {
    assert_eq!(Given::new().entry("exoscale.key").value, "EXO123");
    let swapped = Given::new().variable("EXOSCALE_KEY", "sTheSecret");
    assert_eq!(swapped.entry("exoscale.key").value, "(redacted)");
    for (name, value) in [
        ("EXOSCALE_KEY", "the secret"),
        ("EXOSCALE_SECRET", "the,secret"),
        ("AUTOSCALER_ALERTS__TOKEN", "the secret"),
        ("AUTOSCALER_DRAIN__TOKEN", "the secret\u{e9}"),
        ("EXOSCALE_API_ENDPOINT", "https://me:secret@host/v2"),
    ] {
        let problems = Given::new().variable(name, value).problems().to_string();
        assert!(
            !problems.contains("secret@") && !problems.contains("the secret"),
            "{problems}"
        );
        assert!(
            !problems.contains("the,secret") && problems.contains(name),
            "{problems}"
        );
    }
}
