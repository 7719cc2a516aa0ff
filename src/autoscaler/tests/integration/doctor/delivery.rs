//! From the members' load to the agent: Prometheus, Grafana, and the agent itself.

use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

use super::world::World;
use crate::agent_support::Settings;

/// Changes Prometheus' answers.
type Targets = fn(&mut Value);
/// Changes rules, contact points and policies.
type Provisioned = fn(&mut Value, &mut Value, &mut Value);
/// Changes the settings.
type Way<'a> = &'a dyn Fn(Settings) -> Settings;

fn same(settings: Settings) -> Settings {
    settings
}

#[tokio::test]
async fn an_agent_that_is_gone_has_another_token_or_takes_tests_for_alarms() {
    let world = World::start().await;
    let gone = ["--agent", "http://127.0.0.1:1"];
    // The contact point still posts to where the agent is not.
    let failed = ["agent-answers", "contact-point"];
    world.case("gone", same, &gone, &failed, &[]).await;

    let other = |s: Settings| s.variable("AUTOSCALER_ALERTS__TOKEN", "another-hush");
    world
        .case("token", other, &[], &["test-alert"], &["alerts-refused"])
        .await;

    let fake = MockServer::start().await;
    let uri = fake.uri();
    let pool = world.environment.stack.pool.to_string();
    let status = |state: &str| {
        json!({
            "about": { "pool_id": pool }, "mode": "on", "health_state": state,
            "health": [{ "name": "journal", "problem": "disk full" }],
        })
    };
    let answer = |state: &str, said: Value| {
        let (status, fake) = (status(state), &fake);
        async move {
            fake.reset().await;
            for (at, document) in [
                ("/status", status),
                ("/webhook", said),
                ("/metrics", json!("")),
            ] {
                Mock::given(path(at))
                    .respond_with(ResponseTemplate::new(200).set_body_json(document))
                    .mount(fake)
                    .await;
            }
        }
    };
    let arguments = ["--agent", uri.as_str()];
    let ignored = json!({ "accepted": [], "ignored": ["test"] });
    let alarm = json!({ "accepted": ["up"], "ignored": [] });
    answer("healthy", alarm).await;
    let failed = ["contact-point", "test-alert"];
    world.case("alarm", same, &arguments, &failed, &[]).await;
    answer("unhealthy", ignored.clone()).await;
    let failed = ["contact-point", "agent-healthy"];
    world.case("ill", same, &arguments, &failed, &[]).await;
    answer("unknown", ignored).await;
    let (failed, warned) = (["contact-point"], ["agent-healthy"]);
    world
        .case("unknown", same, &arguments, &failed, &warned)
        .await;
    fake.reset().await;
    let failed = ["contact-point", "agent-answers"];
    world.case("stranger", same, &arguments, &failed, &[]).await;
}

#[tokio::test]
async fn a_signed_test_alert_is_taken_and_an_open_agent_is_a_warning() {
    let world = World::start().await;
    let other = tempfile::tempdir().unwrap();
    let own_files = |s: Settings, name: &str| {
        s.set("journal.directory", other.path().join(name).display())
            .set("discovery.file", other.path().join("sd.json").display())
    };
    let signed = |s: Settings| {
        s.variable("AUTOSCALER_ALERTS__HMAC_SECRET", "hush-hmac")
            .set("alerts.hmac_timestamp_header", "X-Time")
    };
    let open = |s: Settings| s;
    let ways: [(&str, Way<'_>, &[&str]); 2] = [
        ("signed", &signed, &[]),
        ("open", &open, &["alerts-authenticated"]),
    ];
    for (name, way, warned) in ways {
        let settings = way(own_files(world.open.clone(), name));
        let agent = world.environment.restart(settings).await;
        agent.until_healthy().await;
        let arguments = ["--json", "--agent", &agent.url("")];
        let ended = world.doctor(way(world.open.clone()), &arguments).await;
        assert!(ended.ids("ok").contains("test-alert"), "{}", ended.text);
        // Grafana still posts to the other agent, and shows a token.
        World::expect(&ended, name, &["contact-point"], warned);
    }
}

#[tokio::test]
async fn an_agent_over_https_is_asked_by_the_name_in_its_certificate() {
    let world = World::start().await;
    let other = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = world.file("agent.pem", &own.cert.pem(), 0o644);
    let key = world.file("agent-key.pem", &own.signing_key.serialize_pem(), 0o600);
    let secure = |s: Settings| {
        s.set("tls.certificate", certificate.display())
            .set("tls.key", key.display())
    };
    let own_files = |s: Settings| {
        s.set("journal.directory", other.path().join("journal").display())
            .set("discovery.file", other.path().join("sd.json").display())
    };
    let settings = secure(own_files(world.settings.clone()));
    let agent = world.environment.restart(settings).await;
    let port = agent.address.port();
    let url = format!("https://localhost:{port}");
    let trusted = [
        "--json",
        "--agent",
        &url,
        "--ca-file",
        certificate.to_str().unwrap(),
    ];
    let ended = world.doctor(secure(world.settings.clone()), &trusted).await;
    let passed = ended.ids("ok");
    for id in ["agent-answers", "test-alert", "certificate"] {
        assert!(passed.contains(id), "{id}: {}", ended.text);
    }
    let stranger = ["--json", "--agent", &url];
    let ended = world
        .doctor(secure(world.settings.clone()), &stranger)
        .await;
    assert!(
        ended.ids("failed").contains("agent-answers"),
        "{}",
        ended.text
    );
}

#[tokio::test]
async fn prometheus_that_does_not_see_the_members_is_told_what_to_add() {
    let world = World::start().await;
    let nowhere = ["--prometheus", "http://127.0.0.1:1"];
    world
        .case("nowhere", same, &nowhere, &["prometheus-answers"], &[])
        .await;
    let agent = world.agent.url("");
    let another = world
        .doctor(world.settings.clone(), &["--prometheus", &agent])
        .await;
    let says = "something else answers there; correct --prometheus";
    assert!(another.text.contains(says), "{}", another.text);
    let cases: [(&str, Targets, &[&str], &[&str]); 6] = [
        (
            "job",
            |answers| {
                for target in answers["targets"]["activeTargets"].as_array_mut().unwrap() {
                    target["labels"]["job"] = json!("nodes");
                }
            },
            &["prometheus-targets"],
            &[],
        ),
        (
            "absent",
            |answers| {
                answers["targets"]["activeTargets"]
                    .as_array_mut()
                    .unwrap()
                    .pop();
            },
            &["prometheus-targets"],
            &[],
        ),
        (
            "down",
            |answers| {
                let target = &mut answers["targets"]["activeTargets"][1];
                target["health"] = json!("down");
                target["lastError"] = json!("context deadline exceeded");
            },
            &["prometheus-scrapes"],
            &[],
        ),
        (
            "nothing recorded",
            |answers| answers["query"]["result"] = json!([]),
            &["prometheus-records"],
            &[],
        ),
        (
            "half recorded",
            |answers| {
                answers["query"]["result"].as_array_mut().unwrap().pop();
            },
            &[],
            &["prometheus-records"],
        ),
        ("whole", |_| {}, &[], &[]),
    ];
    for (case, change, failed, warned) in cases {
        world.serve_prometheus(change).await;
        world.case(case, same, &[], failed, warned).await;
    }
}

#[tokio::test]
async fn without_grafana_the_rules_of_prometheus_are_examined() {
    let world = World::start().await;
    let run = async |case: &str, failed: &[&str]| {
        let mut command = world.environment.command("doctor", &world.settings);
        let output = command
            .args(["--json", "--agent", &world.agent.url("")])
            .args(["--prometheus", &world.prometheus.uri(), "--timeout", "30s"])
            .output();
        let output = output.await.unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = document["checks"].as_array().unwrap().iter();
        let ids = checks.filter(|check| check["status"] == "failed");
        let ids: Vec<_> = ids.map(|check| check["id"].as_str().unwrap()).collect();
        assert_eq!(ids, failed, "{case}: {document:#}");
    };
    run("none of either", &[]).await;
    let rule = |way: &str, health: &str| {
        json!({
            "name": way, "type": "alerting", "health": health, "lastError": "many-to-many",
            "labels": { "scale": way },
        })
    };
    let serve = async |rules: Value, managers: Value| {
        world
            .serve_prometheus(|answers| {
                answers["rules"]["groups"] = json!([{ "name": "cpu", "rules": rules }]);
                answers["alertmanagers"]["activeAlertmanagers"] = managers;
            })
            .await;
    };
    let both = json!([rule("up", "ok"), rule("down", "ok")]);
    let manager = json!([{ "url": "http://127.0.0.1:9093/api/v2/alerts" }]);
    serve(both.clone(), manager.clone()).await;
    run("whole", &[]).await;
    serve(both, json!([])).await;
    run("no Alertmanager", &["alertmanager"]).await;
    serve(json!([rule("up", "ok")]), manager.clone()).await;
    run("no down", &["alert-rules"]).await;
    serve(json!([rule("up", "ok"), rule("down", "err")]), manager).await;
    run("ill", &["alert-rules"]).await;
}

#[tokio::test]
async fn grafana_that_does_not_ask_or_does_not_tell_the_agent_is_told_why() {
    let world = World::start().await;
    let nowhere = ["--grafana", "http://127.0.0.1:1"];
    world
        .case("nowhere", same, &nowhere, &["grafana-answers"], &[])
        .await;
    let settings = world.settings.clone().variable("GRAFANA_TOKEN", "wrong");
    let ended = world.doctor_with(settings, &["--json"]).await;
    World::expect(&ended, "token", &["grafana-rules"], &[]);

    let cases: [(&str, Provisioned, &[&str], &[&str]); 12] = [
        (
            "no down",
            |rules, _, _| {
                rules[2]["labels"] = json!({});
            },
            &["alert-rules"],
            &[],
        ),
        (
            "paused",
            |rules, _, _| rules[0]["isPaused"] = json!(true),
            &["alert-rules-run"],
            &[],
        ),
        (
            "no data",
            |rules, _, _| rules[2]["noDataState"] = json!("Alerting"),
            &[],
            &["alert-rules-data"],
        ),
        (
            "threshold",
            |rules, _, _| {
                rules[0]["data"][1]["model"]["conditions"][0]["evaluator"]["params"] = json!([0.6]);
            },
            &[],
            &["thresholds"],
        ),
        (
            "elsewhere",
            |_, points, _| points[0]["settings"]["url"] = json!("http://127.0.0.1:9/hook"),
            &["contact-point"],
            &[],
        ),
        (
            "no credentials",
            |_, points, _| {
                let settings = points[0]["settings"].as_object_mut().unwrap();
                settings.remove("authorization_credentials");
            },
            &["contact-point-token"],
            &[],
        ),
        (
            "no route",
            |_, _, policies| policies["routes"] = json!([]),
            &["notification-policy"],
            &[],
        ),
        (
            "muted",
            |_, _, policies| policies["routes"][0]["mute_time_intervals"] = json!(["always"]),
            &["notification-policy"],
            &[],
        ),
        (
            "seldom",
            |_, _, policies| policies["routes"][0]["repeat_interval"] = json!("4h"),
            &[],
            &["repeat-interval"],
        ),
        (
            "one rule's own way",
            |rules, _, _| {
                rules[1]["notification_settings"] = json!({ "receiver": "mail" });
            },
            &["notification-policy"],
            &[],
        ),
        (
            "all rules' own way",
            |rules, _, policies| {
                policies["routes"] = json!([]);
                for rule in rules.as_array_mut().unwrap() {
                    let own = json!({ "receiver": "autoscaler", "repeat_interval": "45s" });
                    rule["notification_settings"] = own;
                }
            },
            &[],
            &[],
        ),
        ("whole", |_, _, _| {}, &[], &[]),
    ];
    for (case, change, failed, warned) in cases {
        world.serve_grafana(change).await;
        world.case(case, same, &[], failed, warned).await;
    }
}
