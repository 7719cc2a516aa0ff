//! `autoscaler doctor`: passes where all is well, and finds each thing that is not, alone.

mod delivery;
mod pool;
mod world;

use std::time::Duration;

use jiff::Timestamp;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::agent_support::Settings;
use world::{OPERATIONS, World, key};

#[tokio::test]
async fn all_is_well_where_all_is_well_and_nothing_is_changed() {
    let world = World::start().await;
    let ended = world.doctor(world.settings.clone(), &["--json"]).await;
    World::expect(&ended, "whole", &[], &[]);
    // A key that may only do what the agent does may not list zones.
    assert_eq!(ended.ids("skipped"), ["zone".to_owned()].into());
    let passed = ended.ids("ok");
    assert!(passed.len() > 35, "{passed:?}");

    let text = world.doctor(world.settings.clone(), &[]).await;
    assert_eq!(text.code, 0, "{}", text.text);
    assert!(text.text.is_ascii(), "{}", text.text);
    assert!(
        text.text.starts_with("settings\n--------\n[ok]"),
        "{}",
        text.text
    );
    assert!(
        text.text.ends_with("Status check results are [ok]\n"),
        "{}",
        text.text
    );

    assert_eq!(world.environment.pool().size, 2);
    for member in &world.members {
        let requests = member.received_requests().await.unwrap();
        assert!(
            requests.iter().all(|r| r.method != "POST"),
            "nobody is drained"
        );
    }
    let heard = world.agent.json("/status").await;
    assert!(heard["alerts"]["up"]["heard_at"].is_null(), "{heard}");
    assert!(heard["alerts"]["down"]["heard_at"].is_null(), "{heard}");
    assert_eq!(heard["alerts"]["ignored"], "test", "{heard}");
}

#[tokio::test]
async fn each_right_that_is_missing_or_too_much_is_named() {
    let (world, keys) = World::with(async |api, pool| {
        let mut keys = Vec::new();
        for missing in OPERATIONS {
            let rest: Vec<&str> = OPERATIONS.into_iter().filter(|o| *o != missing).collect();
            keys.push((missing, key(api, &rest, Some(pool)).await));
        }
        let reads: Vec<&str> = OPERATIONS[..4].to_vec();
        keys.push(("writes", key(api, &reads, Some(pool)).await));
        keys.push(("any pool", key(api, &OPERATIONS, None).await));
        keys
    })
    .await;
    for (missing, (id, secret)) in keys {
        let with = |s: Settings| {
            s.variable("EXOSCALE_KEY", &id)
                .variable("EXOSCALE_SECRET", &secret)
        };
        let right = format!("right-{missing}");
        let (failed, warned): (&[&str], &[&str]) = match missing {
            "get-instance-pool" => (&["pool-exists"], &[]),
            "any pool" => (&[], &["rights-other-pools"]),
            "writes" => {
                let lacking = [
                    "right-scale-instance-pool",
                    "right-evict-instance-pool-members",
                ];
                world.case("on", with, &[], &lacking, &[]).await;
                let recommend = |s| with(s).set("scaling.mode", "recommend");
                // The agent beside it runs in another mode.
                let warned = [lacking[0], lacking[1], "agent-pool"];
                world.case("recommend", recommend, &[], &[], &warned).await;
                continue;
            }
            _ => (&[&right], &[]),
        };
        world.case(missing, with, &[], failed, warned).await;
    }
    // The owner's key may do everything.
    let owner = |s: Settings| {
        let secret = world.environment.cloud.secret().expose();
        s.variable("EXOSCALE_KEY", world.environment.cloud.key().as_str())
            .variable("EXOSCALE_SECRET", std::str::from_utf8(secret).unwrap())
    };
    let too_much = ["rights-excess", "rights-other-pools"];
    world.case("owner", owner, &[], &[], &too_much).await;
    let elsewhere = |s| owner(s).set("exoscale.zone", "xx-nowhere-1");
    world
        .case("zone", elsewhere, &[], &["zone"], &too_much)
        .await;
}

#[tokio::test]
async fn an_api_that_is_not_there_and_a_key_that_is_not_known() {
    let world = World::start().await;
    let nowhere = |s: Settings| s.set("exoscale.endpoint", "http://127.0.0.1:1/v2");
    world
        .case("nowhere", nowhere, &[], &["api-answers"], &[])
        .await;
    let wrong = |s: Settings| s.variable("EXOSCALE_SECRET", "wrong-hush");
    world.case("secret", wrong, &[], &["key"], &[]).await;
    let other = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";
    let other = |s: Settings| s.set("exoscale.instance_pool", other);
    world
        .case("pool", other, &[], &["pool-exists", "agent-pool"], &[])
        .await;
}

/// Relays to the API, and shifts the time that its answers tell.
async fn shifted(api: String, by: i64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let api = api.clone();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(&api).await.unwrap();
                let (mut question, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
                loop {
                    tokio::select! {
                        read = near.read(&mut question) => match read {
                            Ok(0) | Err(_) => break,
                            Ok(n) => far.write_all(&question[..n]).await.unwrap(),
                        },
                        read = far.read(&mut answer) => match read {
                            Ok(0) | Err(_) => break,
                            Ok(n) => {
                                shift(&mut answer[..n], by);
                                near.write_all(&answer[..n]).await.unwrap();
                            }
                        },
                    }
                }
            });
        }
    });
    format!("http://{address}/v2")
}

/// The form of the header has one length.
fn shift(answer: &mut [u8], by: i64) {
    const NAME: &[u8] = b"\r\ndate: ";
    const LENGTH: usize = "Thu, 26 Nov 2026 10:00:00 GMT".len();
    let Some(place) = answer
        .windows(NAME.len())
        .position(|w| w.eq_ignore_ascii_case(NAME))
    else {
        return;
    };
    let at = Timestamp::now() + jiff::SignedDuration::from_secs(by);
    let text = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    answer[place + NAME.len()..][..LENGTH].copy_from_slice(text.as_bytes());
}

#[tokio::test]
async fn a_clock_that_differs_is_told_before_signatures_fail() {
    let world = World::start().await;
    let api = world.environment.cloud.endpoint();
    let api = api.trim_start_matches("http://").trim_end_matches("/v2");
    let cases: [(i64, &[&str], &[&str]); 3] = [
        (0, &[], &[]),
        (-60, &[], &["clock"]),
        (1000, &["clock"], &[]),
    ];
    for (by, failed, warned) in cases {
        let relay = shifted(api.to_owned(), by).await;
        let through = |s: Settings| s.set("exoscale.endpoint", &relay);
        world
            .case(&by.to_string(), through, &[], failed, warned)
            .await;
    }
}

#[tokio::test]
async fn a_wrong_setting_or_flag_is_a_usage_error() {
    let world = World::start().await;
    for arguments in [
        &["--set", "scaling.max_size=none"][..],
        &["--prometheus", "ftp://x"],
        &["--timeout", "0s"],
        &["--ca-file", "/nowhere"],
    ] {
        let ended = world.doctor(world.settings.clone(), arguments).await;
        assert_eq!(ended.code, 2, "{arguments:?}: {}", ended.errors);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_waited_for_no_longer_than_asked() {
    let (world, silent) = World::with(async |_, _| {
        // Takes connections and says nothing.
        TcpListener::bind("127.0.0.1:0").await.unwrap()
    })
    .await;
    let url = format!("http://{}", silent.local_addr().unwrap());
    let arguments = ["--timeout", "200ms", "--json", "--prometheus", &url];
    let mut command = world.environment.command("doctor", &world.settings);
    let output = command
        .args(arguments)
        .args(["--agent", &url, "--grafana", &url, "--set"])
        .arg(format!("exoscale.endpoint={url}/v2"))
        .output();
    // Five questions of 200 ms, on a machine that is busy.
    let output = tokio::time::timeout(Duration::from_secs(30), output).await;
    let text = String::from_utf8(output.unwrap().unwrap().stdout).unwrap();
    for id in [
        "api-answers",
        "agent-answers",
        "prometheus-answers",
        "grafana-answers",
    ] {
        assert!(
            text.contains(id) && text.contains("no answer within"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn before_the_first_start_only_what_can_be_there_is_asked() {
    let world = World::start().await;
    let folder = world.environment.folder.path().join("new");
    let new = |s: Settings| {
        s.set("discovery.file", folder.join("sd/config.json").display())
            .set("journal.directory", folder.join("journal").display())
    };
    let nobody = ["--pre"];
    world.case("pre", new, &nobody, &[], &[]).await;
    assert!(!folder.exists(), "nothing is written");
    world
        .case(
            "cooldown",
            |s| s.set("scaling.cooldown", "10s"),
            &[],
            &[],
            &["cooldown"],
        )
        .await;
    let file = world.file("file", "", 0o644);
    let in_a_file = |s: Settings| s.set("journal.directory", file.join("x").display());
    world
        .case("no folder", in_a_file, &nobody, &["journal-folder"], &[])
        .await;
}
