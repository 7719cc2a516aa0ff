//! What a fresh account finds: templates, instance types, zones, quotas, and its security groups.

use std::collections::BTreeSet;

use local_cloud::LocalCloudConfig;
use serde_json::{Value, json};
use test_support::{Api, changed, new_pool, quick};

/// The entries of a list, which all kinds answer in the same form.
async fn list(api: &Api, path: &str, field: &str) -> Vec<Value> {
    let reply = api.get(path).await;
    let found = reply.body[field].as_array();
    found
        .unwrap_or_else(|| panic!("{path}: {}", reply.body))
        .clone()
}

fn named<'v>(entries: &'v [Value], name: &str) -> &'v Value {
    let mut found = entries.iter().filter(|entry| entry["name"] == name);
    let first = found.next().unwrap_or_else(|| panic!("there is no {name}"));
    assert!(found.next().is_none(), "{name} is there twice");
    first
}

#[tokio::test]
async fn a_fresh_account_has_the_group_default_and_the_public_groups() {
    let api = Api::without_processes().await;
    let own = list(&api, "/security-group", "security-groups").await;
    assert_eq!(own.len(), 1, "{own:?}");
    assert_eq!(own[0]["name"], "default");
    assert_eq!(own[0]["rules"], json!([]));
    assert!(own[0]["description"].is_string());
    let private = list(
        &api,
        "/security-group?visibility=private",
        "security-groups",
    )
    .await;
    assert_eq!(private, own);

    let public = list(&api, "/security-group?visibility=public", "security-groups").await;
    let checks = named(&public, "public-nlb-healthcheck-sources");
    assert!(!checks["external-sources"].as_array().unwrap().is_empty());
    // By this `exo` and Terraform tell them from the account's own.
    assert_eq!(checks.get("id"), None);
    let default = own[0]["id"].as_str().unwrap();
    let delete = api.delete(&format!("/security-group/{default}")).await;
    delete.refused(403, "default");
    api.post("/security-group", json!({ "name": "default" }))
        .await
        .refused(409, "already");
    api.cloud.stop().await;
}

/// By its name, with or without the visibility.
#[tokio::test]
async fn a_rule_may_name_a_public_group() {
    let api = Api::without_processes().await;
    let created = api.post("/security-group", json!({ "name": "web" })).await;
    let web = api.done(created).await;
    let rules = format!("/security-group/{web}/rules");
    let public = "public-nlb-healthcheck-sources";
    for (port, group) in [
        (80, json!({ "name": public, "visibility": "public" })),
        (81, json!({ "name": public })),
        (82, json!({ "name": "default", "visibility": "private" })),
        (83, json!({ "name": "default" })),
        (84, json!({ "id": web, "name": "whatever" })),
    ] {
        let rule = json!({ "flow-direction": "ingress", "protocol": "tcp",
            "start-port": port, "end-port": port, "security-group": group });
        api.done(api.post(&rules, rule).await).await;
    }
    let found = api.get(&format!("/security-group/{web}")).await.body;
    let source = |index: usize| found["rules"][index]["security-group"].clone();
    let public = json!({ "name": public, "visibility": "public" });
    assert_eq!([source(0), source(1)], [public.clone(), public]);
    for (index, name) in [(2, "default"), (3, "default"), (4, "web")] {
        let source = source(index);
        assert_eq!(
            (&source["name"], &source["visibility"]),
            (&json!(name), &json!("private"))
        );
        assert!(source["id"].is_string(), "{source}");
    }

    let wrong = |group: Value| {
        json!({ "flow-direction": "ingress", "protocol": "tcp", "start-port": 1, "end-port": 1,
            "security-group": group })
    };
    for (group, said) in [
        (json!({ "name": "nobody" }), "\"nobody\" not found"),
        (
            json!({ "name": "default", "visibility": "public" }),
            "\"default\" not found",
        ),
        (json!({ "id": web, "visibility": "public" }), "not found"),
        (json!({}), "security-group.id"),
        (json!({ "id": web, "visibility": "secret" }), "visibility"),
    ] {
        api.post(&rules, wrong(group)).await.refused(400, said);
    }
    api.cloud.stop().await;
}

#[tokio::test]
async fn groups_that_are_used_cannot_be_deleted() {
    let api = Api::without_processes().await;
    let created = api.post("/security-group", json!({ "name": "web" })).await;
    let web = api.done(created).await;
    let path = format!("/security-group/{web}");
    let pool = changed(new_pool(1), "/security-groups", json!([{ "id": web }]));
    let pool = api.done(api.post("/instance-pool", pool).await).await;
    api.delete(&path).await.refused(409, "is used by");
    api.done(api.delete(&format!("/instance-pool/{pool}")).await)
        .await;

    let created = api.post("/security-group", json!({ "name": "db" })).await;
    let db = api.done(created).await;
    let rule = json!({ "flow-direction": "ingress", "protocol": "tcp",
        "start-port": 5432, "end-port": 5432, "security-group": { "id": web } });
    let rules = format!("/security-group/{db}/rules");
    api.done(api.post(&rules, rule).await).await;
    api.delete(&path).await.refused(409, "is used by a rule of");
    api.done(api.delete(&format!("/security-group/{db}")).await)
        .await;
    api.done(api.delete(&path).await).await;
    api.cloud.stop().await;
}

/// The names that public configurations ask for.
const TEMPLATES: [(&str, &str, &str); 12] = [
    ("Linux Ubuntu 20.04 LTS 64-bit", "ubuntu", "ubuntu"),
    ("Linux Ubuntu 22.04 LTS 64-bit", "ubuntu", "ubuntu"),
    ("Linux Ubuntu 24.04 LTS 64-bit", "ubuntu", "ubuntu"),
    ("Linux Debian 11 (Bullseye) 64-bit", "debian", "debian"),
    ("Linux Debian 12 (Bookworm) 64-bit", "debian", "debian"),
    ("Linux Debian 13 (Trixie) 64-bit", "debian", "debian"),
    (
        "Rocky Linux 8 (Green Obsidian) 64-bit",
        "rocky linux",
        "rockylinux",
    ),
    (
        "Rocky Linux 9 (Blue Onyx) 64-bit",
        "rocky linux",
        "rockylinux",
    ),
    ("Linux CentOS Stream 9 64-bit", "centos stream", "centos"),
    ("Linux Fedora CoreOS 43 64-bit", "fedora coreos", "core"),
    ("OpenBSD 7.8 64-bit", "openbsd", "openbsd"),
    ("Windows Server 2022", "windows", "Administrator"),
];

#[tokio::test]
async fn public_templates_have_their_usual_names_and_all_their_fields() {
    let api = Api::without_processes().await;
    let templates = list(&api, "/template", "templates").await;
    assert_eq!(
        list(&api, "/template?visibility=public", "templates").await,
        templates
    );
    for (name, family, user) in TEMPLATES {
        let template = named(&templates, name);
        assert_eq!(template["family"], family, "{name}");
        assert_eq!(template["default-user"], user, "{name}");
    }
    let mut ids = BTreeSet::new();
    for template in &templates {
        for field in [
            "id",
            "name",
            "description",
            "family",
            "version",
            "build",
            "checksum",
            "maintainer",
            "default-user",
            "boot-mode",
            "created-at",
        ] {
            assert!(template[field].is_string(), "{field} of {template}");
        }
        for field in [
            "ssh-key-enabled",
            "password-enabled",
            "application-consistent-snapshot-enabled",
        ] {
            assert!(template[field].is_boolean(), "{field} of {template}");
        }
        assert_eq!(template["visibility"], "public");
        assert_eq!(template["zones"], json!(["at-vie-1"]));
        assert!(template["size"].as_u64().unwrap() >= 10 << 30);
        ids.insert(template["id"].as_str().unwrap().to_owned());
        let path = format!("/template/{}", template["id"].as_str().unwrap());
        assert_eq!(&api.get(&path).await.body, template);
    }
    assert_eq!(ids.len(), templates.len(), "each has an id of its own");
    let ubuntu = list(&api, "/template?family=ubuntu", "templates").await;
    assert!(ubuntu.len() >= 3 && ubuntu.iter().all(|entry| entry["family"] == "ubuntu"));
    api.cloud.stop().await;
}

#[tokio::test]
async fn ids_of_public_templates_stay_in_a_zone_and_differ_between_zones() {
    let id = async |zone: &str| {
        let config = LocalCloudConfig {
            zone: zone.to_owned(),
            ..quick(LocalCloudConfig::without_processes())
        };
        let api = Api::start(config).await;
        let templates = list(&api, "/template", "templates").await;
        let template = named(&templates, "Linux Ubuntu 22.04 LTS 64-bit");
        assert_eq!(template["zones"], json!([zone]));
        api.cloud.stop().await;
        template["id"].clone()
    };
    let vienna = id("at-vie-1").await;
    assert_eq!(vienna, id("at-vie-1").await);
    assert_ne!(vienna, id("ch-gva-2").await);
}

#[tokio::test]
async fn a_public_template_boots() {
    let api = Api::without_processes().await;
    let templates = list(&api, "/template", "templates").await;
    let template = named(&templates, "Linux Ubuntu 22.04 LTS 64-bit");
    let pool = changed(new_pool(1), "/template", template.clone());
    api.done(api.post("/instance-pool", pool).await).await;
    api.until("a member that runs", |status| {
        let mut members = status.pools[0].members.iter();
        members.any(|member| member.state == exoscale::models::InstanceState::Running)
    })
    .await;
    api.cloud.stop().await;
}

#[tokio::test]
async fn the_whole_list_of_instance_types_is_offered() {
    let api = Api::without_processes().await;
    let types = list(&api, "/instance-type", "instance-types").await;
    let of = |family: &str| {
        types
            .iter()
            .filter(|entry| entry["family"] == family)
            .count()
    };
    assert_eq!(of("standard"), 11);
    assert_eq!(of("cpu"), 6);
    assert_eq!(of("memory"), 4);
    assert_eq!(of("storage"), 5);
    for family in [
        "gpu",
        "gpu2",
        "gpu3",
        "gpua30",
        "gpua5000",
        "gpu3080ti",
        "gpurtx6000pro",
    ] {
        assert!(of(family) >= 3, "{family}");
    }
    for kind in &types {
        let is_gpu = kind["family"].as_str().unwrap().starts_with("gpu");
        assert_eq!(kind["gpus"].is_u64(), is_gpu, "{kind}");
        assert!(kind["cpus"].as_u64().unwrap() > 0 && kind["memory"].as_u64().unwrap() > 0);
        assert!(kind["authorized"].is_boolean());
        assert!(!kind["zones"].as_array().unwrap().is_empty());
    }
    let size = |family: &str, size: &str| {
        let mut found = types
            .iter()
            .filter(|kind| kind["family"] == family && kind["size"] == size);
        let kind = found.next().unwrap();
        (
            kind["cpus"].as_u64(),
            kind["memory"].as_u64().map(|b| b >> 20),
        )
    };
    assert_eq!(size("standard", "micro"), (Some(1), Some(512)));
    assert_eq!(size("standard", "mega"), (Some(12), Some(64 << 10)));
    assert_eq!(size("cpu", "extra-large"), (Some(8), Some(16 << 10)));
    assert_eq!(size("gpu3", "huge"), (Some(96), Some(448 << 10)));
    api.cloud.stop().await;
}

#[tokio::test]
async fn quotas_are_listed_counted_and_enforced() {
    let api = Api::without_processes().await;
    let quotas = list(&api, "/quota", "quotas").await;
    let resources: Vec<_> = quotas
        .iter()
        .map(|quota| quota["resource"].as_str().unwrap().to_owned())
        .collect();
    // Those that `exo limits` and `exo limits gpu` show.
    for resource in [
        "instance",
        "database",
        "elastic-ip",
        "iam-key",
        "gpu",
        "snapshot",
        "template",
        "network-load-balancer",
        "private-network",
        "sks-cluster",
        "bucket",
        "block-storage-volume",
        "block-storage",
        "block-storage-max-size",
        "gpu2",
        "gpu3",
        "gpua30",
        "gpu3080ti",
        "gpua5000",
        "gpurtx6000pro",
    ] {
        assert!(
            resources.iter().any(|found| found == resource),
            "{resource}"
        );
        let quota = api.get(&format!("/quota/{resource}")).await.body;
        assert_eq!(quota["resource"], resource);
        assert!(
            quota["limit"].is_i64() && quota["usage"].is_i64(),
            "{quota}"
        );
    }
    api.done(api.post("/elastic-ip", json!({})).await).await;
    let quota = api.get("/quota/elastic-ip").await.body;
    assert_eq!(quota["usage"], 1);
    for _ in 1..quota["limit"].as_i64().unwrap() {
        api.post("/elastic-ip", json!({})).await;
    }
    api.post("/elastic-ip", json!({}))
        .await
        .refused(403, "quota exceeded");
    api.cloud.stop().await;
}

#[tokio::test]
async fn what_is_in_a_zone_is_in_one_zone_only() {
    let api = Api::without_processes().await;
    let network = json!({ "name": "inside" });
    api.done(api.post("/private-network", network).await).await;
    api.done(api.post("/elastic-ip", json!({})).await).await;
    let zones = list(&api, "/zone", "zones").await;
    assert_eq!(zones.len(), 8);
    let mut networks = 0;
    for zone in &zones {
        assert!(zone["sos-endpoint"].is_string());
        let endpoint = zone["api-endpoint"].as_str().unwrap();
        let root = api.cloud.endpoint();
        let prefix = endpoint.strip_prefix(root.trim_end_matches("/v2")).unwrap();
        for (path, field) in [
            ("/private-network", "private-networks"),
            ("/elastic-ip", "elastic-ips"),
        ] {
            let found = signed(&api, prefix, path).await;
            networks += found[field].as_array().unwrap().len();
        }
    }
    assert_eq!(networks, 2, "each is in one zone");
    api.cloud.stop().await;
}

/// A GET below another zone's prefix.
async fn signed(api: &Api, prefix: &str, path: &str) -> Value {
    let full = format!("{prefix}{path}");
    let request = exoscale::signature::SignedRequest {
        method: "GET",
        path: &full,
        query: &[],
        body: b"",
    };
    let expires = u64::try_from(jiff::Timestamp::now().as_second()).unwrap() + 600;
    let header = exoscale::signature::sign(api.cloud.key(), api.cloud.secret(), request, expires);
    let origin = api.cloud.endpoint();
    let url = format!("{}{full}", origin.trim_end_matches("/v2"));
    let request = api.http.get(url).header("authorization", header);
    test_support::read(request).await.body
}
