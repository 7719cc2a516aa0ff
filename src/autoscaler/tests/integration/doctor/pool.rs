//! The pool, the load balancer before it, its members, and the files about them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    time::{Duration, SystemTime},
};

use local_cloud::{Edit, Fault};
use serde_json::Value;
use wiremock::{
    Mock, ResponseTemplate,
    matchers::{method, path},
};

use super::world::{METRICS, World, serve_member, serve_metrics};
use crate::agent_support::Settings;

fn same(settings: Settings) -> Settings {
    settings
}

/// More calls than a case makes, and the agent beside it.
const ALL: u32 = 100_000;

impl World {
    /// A case in which the API's answers are changed so.
    async fn edited(&self, operation: &str, edit: (&str, Value), failed: &[&str], warned: &[&str]) {
        let faults = self.environment.cloud.faults();
        let edits = vec![Edit::set(edit.0, edit.1.clone())];
        faults.add(Fault::edit(operation, ALL, edits));
        let case = format!("{} = {}", edit.0, edit.1);
        self.case(&case, same, &[], failed, warned).await;
        faults.clear();
    }
}

#[tokio::test]
async fn a_pool_that_cannot_be_scaled_is_told_why() {
    let world = World::start().await;
    let small = |s: Settings| s.set("scaling.min_size", 3);
    world.case("below", small, &[], &["pool-size"], &[]).await;
    let large = |s: Settings| s.set("scaling.max_size", 1);
    world
        .case("above", large, &[], &["pool-size"], &["pool-room"])
        .await;
    let fixed = |s: Settings| s.set("scaling.max_size", 2).set("scaling.min_size", 2);
    world.case("fixed", fixed, &[], &[], &["pool-room"]).await;

    let other = |s: Settings| s.set("scaling.mode", "scale-out-only");
    world
        .case("another mode", other, &[], &[], &["agent-pool"])
        .await;

    let locked =
        "Operation scaleInstancePool on resource 0c1b is forbidden - reason: Locked by SKS";
    let faults = world.environment.cloud.faults();
    faults.add(Fault::fail("scale-instance-pool", ALL, 403, locked));
    world
        .case("locked", same, &[], &["pool-unlocked"], &[])
        .await;
    faults.clear();

    let pool = "get-instance-pool";
    let state = |state: &str| ("/state", Value::from(state));
    world
        .edited(pool, state("suspended"), &["pool-state"], &[])
        .await;
    world
        .edited(pool, state("degraded"), &[], &["pool-state"])
        .await;
    world
        .edited(pool, state("scaling-up"), &[], &["pool-state"])
        .await;
}

#[tokio::test]
async fn a_load_balancer_before_another_pool_or_with_blind_checks_is_found() {
    let (world, other) = World::with(async |api, _| api.cloud.create_stack(1).await.unwrap()).await;
    let nobody = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";
    let none = |s: Settings| s.set("exoscale.load_balancer", nobody);
    world
        .case("none", none, &[], &["balancer-exists"], &[])
        .await;
    let others = |s: Settings| s.set("exoscale.load_balancer", other.balancer);
    world
        .case("others", others, &[], &["balancer-serves-pool"], &[])
        .await;
    let unset = |s: Settings| s.set("exoscale.load_balancer", "");
    world
        .case("unset", unset, &[], &[], &["balancer-set"])
        .await;

    let balancer = "get-load-balancer";
    let mode = ("/services/0/healthcheck/mode", Value::from("tcp"));
    world
        .edited(balancer, mode.clone(), &["health-check-sees-drains"], &[])
        .await;
    let without = |s: Settings| s.set("drain.mode", "none");
    let faults = world.environment.cloud.faults();
    faults.add(Fault::edit(balancer, ALL, vec![Edit::set(mode.0, mode.1)]));
    world.case("no drain", without, &[], &[], &[]).await;
    faults.clear();
    let health = |place: &str| {
        let path = format!("/services/0/healthcheck-status/{place}/status");
        (path, Value::from("failure"))
    };
    let (one, failure) = health("0");
    world
        .edited(balancer, (&one, failure), &[], &["members-healthy"])
        .await;
    let (all, failure) = health("*");
    world
        .edited(balancer, (&all, failure), &["members-healthy"], &[])
        .await;
}

#[tokio::test]
async fn members_that_are_not_reached_or_serve_something_else_are_named() {
    let world = World::start().await;
    let [first, _] = world.members.as_slice() else {
        panic!("two members");
    };
    first.reset().await;
    world
        .case("silent", same, &[], &["node-exporters", "drain"], &[])
        .await;

    serve_member(first).await;
    first.reset().await;
    serve_metrics(first, METRICS).await;
    world.case("no drain", same, &[], &["drain"], &[]).await;
    Mock::given(method("OPTIONS"))
        .and(path("/drain"))
        .respond_with(ResponseTemplate::new(200).insert_header("allow", "GET, HEAD, OPTIONS"))
        .mount(first)
        .await;
    world
        .case("another drain", same, &[], &["drain"], &[])
        .await;

    // Members that boot are waited for.
    let faults = world.environment.cloud.faults();
    let states = [0, 1].map(|i| Edit::set(format!("/instances/{i}/state"), "starting"));
    faults.add(Fault::edit("list-instances", ALL, states.into()));
    let ended = world.doctor(world.settings.clone(), &[]).await;
    assert!(ended.text.contains("none runs; 2 start"), "{}", ended.text);
    assert!(ended.text.contains("wait until they run"), "{}", ended.text);
    faults.clear();

    // A server that knows no OPTIONS, and says that the path takes other methods.
    first.reset().await;
    serve_metrics(first, METRICS).await;
    for (verb, status) in [("OPTIONS", 501), ("GET", 405)] {
        Mock::given(method(verb))
            .and(path("/drain"))
            .respond_with(ResponseTemplate::new(status))
            .mount(first)
            .await;
    }
    world.case("501", same, &[], &[], &[]).await;

    serve_member(first).await;
    first.reset().await;
    Mock::given(method("OPTIONS"))
        .respond_with(ResponseTemplate::new(405))
        .mount(first)
        .await;
    let without = METRICS.replace("node_boot_time_seconds", "node_booted");
    serve_metrics(first, &without).await;
    world
        .case("metrics", same, &[], &["node-metrics"], &[])
        .await;
    serve_member(first).await;

    let ipv6 = |s: Settings| s.set("discovery.addresses", "ipv6");
    let failed = ["members-addresses", "discovery-fresh"];
    world.case("ipv6", ipv6, &[], &failed, &[]).await;
    let unfit = Edit::set("/instances/0/public-ip", "169.254.169.254");
    faults.add(Fault::edit("list-instances", ALL, vec![unfit]));
    let ended = world.doctor(world.settings.clone(), &["--json"]).await;
    assert!(
        ended.ids("failed").contains("members-addresses"),
        "{}",
        ended.text
    );
    faults.clear();
}

#[tokio::test]
async fn a_discovery_file_that_is_old_hidden_or_gone_is_found() {
    let world = World::start().await;
    let at = |path: &std::path::Path| {
        let path = path.display().to_string();
        move |s: Settings| s.set("discovery.file", path)
    };
    let folder = world.environment.folder.path();
    let absent = folder.join("absent.json");
    world
        .case("absent", at(&absent), &[], &["discovery-file"], &[])
        .await;
    let broken = world.file("broken.json", "[", 0o644);
    world
        .case("broken", at(&broken), &[], &["discovery-file"], &[])
        .await;
    let text = serde_json::json!([{ "targets": world.targets(), "labels": {} }]).to_string();
    let right = world.file("right.json", &text, 0o644);
    world.case("right", at(&right), &[], &[], &[]).await;
    let hidden = world.file("hidden.json", &text, 0o640);
    world
        .case("hidden", at(&hidden), &[], &["discovery-readable"], &[])
        .await;
    let old = text.replace(&world.targets()[0], "192.0.2.1:9100");
    let old = world.file("old.json", &old, 0o644);
    world
        .case("old", at(&old), &[], &["discovery-fresh"], &[])
        .await;

    let closed = folder.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::write(closed.join("sd.json"), &text).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let inside = closed.join("sd.json");
    world
        .case("closed", at(&inside), &[], &["discovery-readable"], &[])
        .await;

    let elsewhere = folder.join("elsewhere").display().to_string();
    let journal = |s: Settings| s.set("journal.directory", elsewhere);
    world
        .case("journal", journal, &[], &["journal-folder"], &[])
        .await;
}

#[tokio::test]
async fn a_certificate_is_examined_before_it_ends() {
    let world = World::start().await;
    let files = |days: i32| {
        let day = Duration::from_secs(86_400);
        let now = SystemTime::now();
        let end = if days > 0 {
            now + day * days.unsigned_abs()
        } else {
            now - day
        };
        let mut params = rcgen::CertificateParams::new(vec!["agent.example".to_owned()]).unwrap();
        params.not_before = (now - day * 30).into();
        params.not_after = end.into();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let name = |kind: &str| format!("{kind}{days}.pem");
        let certificate = world.file(&name("certificate"), &certificate.pem(), 0o644);
        let key = world.file(&name("key"), &key.serialize_pem(), 0o600);
        move |s: Settings| {
            s.set("tls.certificate", certificate.display())
                .set("tls.key", key.display())
        }
    };
    world.case("long", files(300), &[], &[], &[]).await;
    world
        .case("short", files(7), &[], &[], &["certificate"])
        .await;
    world
        .case("over", files(-2), &[], &["certificate"], &[])
        .await;
    let other = world.file("other.pem", "no PEM", 0o644);
    let long = files(299);
    let mixed = |s: Settings| long(s).set("tls.key", other.display());
    world.case("mixed", mixed, &[], &["certificate"], &[]).await;
}
