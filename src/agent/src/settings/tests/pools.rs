//! `[[pool]]`: several pools, each with what is another for it than for the rest.

use std::time::Duration;

use policy::Mode;

use super::Given;
use crate::{
    config::{DrainMode, PoolConfig},
    settings::needs_restart,
};

const OTHER: &str = "9a1f0f5e-6d1c-4a5e-8a9e-2f3b1c4d5e6f";

/// Two pools; `web` and `api` are further lines of each.
fn two(top: &str, web: &str, api: &str) -> Given {
    let pool = super::POOL;
    let given = Given::new().file(&format!(
        "{top}\n\
         [[pool]]\nname = \"web\"\nexoscale.instance_pool = \"{pool}\"\n{web}\n\
         [[pool]]\nname = \"api\"\nexoscale.instance_pool = \"{OTHER}\"\n{api}\n"
    ));
    Given {
        sources: crate::settings::Sources {
            variables: given
                .sources
                .variables
                .into_iter()
                .filter(|(name, _)| name != "EXOSCALE_INSTANCEPOOL_ID")
                .collect(),
            ..given.sources
        },
        folder: given.folder,
    }
}

fn pools(given: &Given) -> [PoolConfig; 2] {
    let pools = given.settings().agent.pools;
    pools.try_into().expect("two pools")
}

fn keys(given: &Given) -> Vec<String> {
    let problems = given.problems().0;
    problems.into_iter().map(|problem| problem.key).collect()
}

#[test]
fn each_pool_has_what_its_table_says_over_what_all_have() {
    let given = two(
        "[scaling]\nmax_size = 4\ncooldown = \"90s\"\n[discovery.labels]\nteam = \"shop\"\n",
        "scaling.max_size = 20\nscaling.mode = \"recommend\"\ndrain.mode = \"none\"\n",
        "exoscale.load_balancer = \"11111111-1111-4111-8111-111111111111\"\n\
         discovery.file = \"/run/api.json\"\n\
         [[pool.schedule]]\nfrom = \"08:00\"\nto = \"18:00\"\ntime_zone = \"UTC\"\nmin_size = 2\n",
    );
    let [web, api] = pools(&given.flag("scaling.min_size", "2"));
    let bounds = |pool: &PoolConfig| (pool.rules.bounds.min().0, pool.rules.bounds.max().0);
    assert_eq!((bounds(&web), bounds(&api)), ((2, 20), (2, 4)));
    assert_eq!((web.mode, api.mode), (Mode::Recommend, Mode::On));
    let drains = (web.drain.mode, api.drain.mode);
    assert_eq!(drains, (DrainMode::None, DrainMode::Http));
    let ninety = Duration::from_secs(90);
    assert_eq!((web.rules.cooldown, api.rules.cooldown), (ninety, ninety));
    let balancers = [&web, &api].map(|pool| pool.target.load_balancer.is_some());
    assert_eq!(balancers, [false, true]);
    let rows = [&web, &api].map(|pool| pool.schedule.entries().len());
    assert_eq!(rows, [0, 1]);
    let files = [&web, &api].map(|pool| pool.discovery.file.to_str().unwrap().to_owned());
    assert_eq!(files, ["/srv/service-discovery/web.json", "/run/api.json"]);
    let journals = [&web, &api].map(|pool| pool.journal.to_str().unwrap().to_owned());
    let folder = "/var/lib/autoscaler/pools";
    assert_eq!(journals, [format!("{folder}/web"), format!("{folder}/api")]);
    let labels = [&web, &api].map(|pool| format!("{:?}", pool.discovery.labels));
    let expected = |pool| format!("{{\"pool\": \"{pool}\", \"team\": \"shop\"}}");
    assert_eq!(labels, [expected("web"), expected("api")]);
}

#[test]
fn a_setting_of_one_pool_is_told_as_that_pools() {
    let given = two("[scaling]\nmax_size = 4\n", "scaling.max_size = 20\n", "");
    let entry = given.entry("pool.web.scaling.max_size");
    assert_eq!(entry.value, "20");
    assert!(
        entry.source.ends_with("agent.toml, [[pool]] web"),
        "{entry:?}"
    );
    assert_eq!(given.entry("scaling.max_size").value, "4");
    assert_eq!(
        given.entry("pool.api.alert_labels").value,
        "{\"pool\": \"api\"}"
    );
    let entries = given.entries();
    let cooldowns = entries
        .iter()
        .filter(|entry| entry.key == "scaling.cooldown");
    assert_eq!(cooldowns.count(), 1, "what all have is told once");
}

#[test]
fn every_mistake_names_the_pool_and_the_key() {
    let given = two(
        "",
        "scaling.max_size = 0\nscaling.colour = 1\nalerts.token = \"hush\"\n",
        "scaling.window = \"1s\"\nscaling.cooldown = \"2s\"\n",
    );
    let mut found = keys(&given);
    found.sort();
    let expected = [
        "pool.api.scaling.cooldown",
        "pool.web.alerts.token",
        "pool.web.scaling.colour",
        "pool.web.scaling.max_size",
    ];
    assert_eq!(found, expected);
    // A mistake that is every pool's is told once.
    let (key, _, _) = two("[scaling]\nretry = \"soon\"\n", "", "").problem();
    assert_eq!(key, "scaling.retry");
}

#[test]
fn pools_have_nothing_in_common_that_must_be_one_pools() {
    let same_pool = format!("exoscale.instance_pool = \"{OTHER}\"");
    let file = "discovery.file = \"/run/one.json\"";
    let labels = "alert_labels = { team = \"shop\" }";
    for (web, api, key) in [
        (file, file, "pool.api.discovery.file"),
        (labels, labels, "pool.api.alert_labels"),
    ] {
        assert_eq!(two("", web, api).problem().0, key);
    }
    let pool = |name: &str| format!("[[pool]]\nname = \"{name}\"\n{same_pool}\n");
    let given = Given::new().file(&(pool("web") + &pool("api")));
    assert_eq!(given.problem().0, "pool.api.exoscale.instance_pool");
    let given = Given::new().file(&(pool("web") + &pool("web")));
    assert!(keys(&given).contains(&"pool.web.name".to_owned()));
}

#[test]
fn a_pool_needs_a_name_and_a_pool() {
    let id = super::POOL;
    for (name, part) in [
        ("", "is missing"),
        ("name = \"\"", "expected"),
        ("name = \"a/b\"", "expected"),
        ("name = { a = 1 }", "is missing"),
    ] {
        let text = format!("[[pool]]\n{name}\nexoscale.instance_pool = \"{id}\"\n");
        let (key, _, message) = Given::new().file(&text).problem();
        assert_eq!(key, "pool row 1, name");
        assert!(message.contains(part), "{message}");
    }
    for text in ["pool = 3\n", "[pool]\nname = \"web\"\n"] {
        let (key, _, message) = Given::new().file(text).problem();
        assert!(key == "pool" && message.contains("[[pool]]"), "{message}");
    }
}

#[test]
fn calls_must_suffice_for_each_pool_and_labels_be_few() {
    let few = |calls: &str| two(&format!("exoscale.calls_per_minute = {calls}\n"), "", "");
    few("60").settings();
    let (key, _, message) = few("59").problem();
    assert_eq!(key, "exoscale.calls_per_minute");
    assert!(message.contains("60 at least"), "{message}");
    let labels = "alert_labels = { a = \"1\", b = \"1\", c = \"1\", d = \"1\" }";
    two("", labels, labels.replace('1', "2").as_str()).settings();
    let more = "alert_labels = { e = \"1\" }";
    assert!(two("", labels, more).problem().2.contains("4 at most"));
}

#[test]
fn what_of_a_pool_needs_a_restart_is_named() {
    let entries = |web: &str| two("", web, "").entries();
    let started = entries("");
    let restart = |web: &str| needs_restart(&started, &entries(web));
    assert_eq!(restart("scaling.max_size = 20\n"), [""; 0]);
    assert_eq!(restart("drain.port = 1\n"), ["pool.web.drain.port"]);
    let labels = restart("alert_labels = { team = \"a\" }\n");
    assert_eq!(labels, ["pool.web.alert_labels"]);
}
