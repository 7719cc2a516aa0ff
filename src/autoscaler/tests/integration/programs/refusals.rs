//! Programs that cannot start say one error, which names what to change; they never panic. They end
//! with 2 for a wrong command line or setting, and otherwise with 1.

use std::{fs, process::Stdio};

use tokio::{process::Command, time::timeout};

use super::{end_of, said, taken};
use crate::agent_support::{Environment, PATIENCE, Settings, program, until};

#[tokio::test]
async fn an_agent_that_cannot_listen_has_not_begun_to_act() {
    let environment = Environment::with_pool(1).await;
    let (_listener, taken) = taken();
    let port = taken.rsplit(':').next().unwrap();
    // 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
    for (address, port, fix) in [
        ("127.0.0.1", port, "choose another port"),
        ("192.0.2.1", "8090", "use 0.0.0.0"),
        ("2001:db8::1", "8090", "alerts.address"),
    ] {
        let settings = Settings::default()
            .set("alerts.address", address)
            .set("alerts.port", port)
            .variable("AUTOSCALER_ALERTS__TOKEN", "hush");
        let output = end_of(environment.command("agent", &settings)).await;
        let text = said(address, &output, 1);
        for part in [address, port, "alerts.address, alerts.port", fix] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(
            environment.calls("list-instances") + environment.calls("get-instance-pool"),
            0
        );
        assert!(!environment.journal().parent().unwrap().exists());
    }
}

#[tokio::test]
async fn an_agent_that_anyone_could_reach_and_use_does_not_start() {
    let environment = Environment::with_pool(1).await;
    let open = Settings::default().set("alerts.address", "0.0.0.0");
    let empty = Settings::default().variable("AUTOSCALER_ALERTS__TOKEN", " ");
    for (settings, key, fix) in [
        (&open, "alerts.address", "set alerts.token"),
        (&empty, "alerts.token", "is empty"),
    ] {
        for subcommand in ["agent", "check-config"] {
            let output = end_of(environment.command(subcommand, settings)).await;
            let text = said(key, &output, 2);
            assert!(text.contains(key) && text.contains(fix), "{text}");
        }
    }
    assert_eq!(environment.calls("list-instances"), 0);
    let allowed = open.set("alerts.allow_unauthenticated", "true");
    let agent = environment.start(allowed).await;
    until("it warns", || agent.line("Anyone who reaches this address")).await;
}

#[tokio::test]
async fn a_low_port_is_refused_to_a_user_in_words() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let user = |command: &mut Command| {
        let settings = ["EXOSCALE_KEY=EXO1", "EXOSCALE_SECRET=s"];
        for (name, value) in settings.iter().filter_map(|text| text.split_once('=')) {
            command.env(name, value);
        }
        let pool = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";
        command.env("EXOSCALE_INSTANCEPOOL_ID", pool).uid(65_534);
    };
    let mut agent = program();
    user(agent.args(["agent", "--set", "alerts.address=127.0.0.1", "--port", "80"]));
    let mut app = program();
    user(app.args(["slow-app", "--listen", "127.0.0.1:80"]));
    for command in [agent, app] {
        let mut command = command;
        let Ok(child) = command.spawn() else {
            eprintln!("skipped: another user may not run this program");
            return;
        };
        let reserved = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
        if reserved.is_ok_and(|first| first.trim() == "0") {
            eprintln!("skipped: any user may take port 80 here");
            return;
        }
        let output = timeout(PATIENCE, child.wait_with_output()).await;
        let output = output.expect("it ends").unwrap();
        let text = said("port 80", &output, 1);
        assert!(text.contains("choose a higher port"), "{text}");
    }
}

/// Runs `autoscaler` with each command line, in which `TAKEN` is an address that is taken, `FILE` a
/// file, and `NOBODY` an address where nobody answers.
async fn refused(cases: &[(i32, &str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file").display().to_string();
    fs::write(&file, "").unwrap();
    let (_listener, taken) = taken();
    for (code, line, part) in cases {
        let line = line
            .replace("TAKEN", &taken)
            .replace("FILE", &file)
            .replace("NOBODY", "http://127.0.0.1:1")
            .replace("HUGE", "18446744073709551615");
        let mut command = program();
        command.args(line.split(' ')).env("TMPDIR", folder.path());
        let text = said(&line, &end_of(command).await, *code);
        assert!(text.contains(part), "{line}: {text}");
    }
}

#[tokio::test]
async fn the_agent_and_the_demo_name_what_keeps_them_from_starting() {
    refused(&[
        (2, "agent", "exoscale.key: is missing"),
        (2, "check-config", "exoscale.key: is missing"),
        (2, "check-config --config /nowhere", "no file /nowhere"),
        (
            2,
            "check-config --explain scaling.max_sise",
            "unknown setting `scaling.max_sise`; did you mean `scaling.max_size`?",
        ),
        (2, "agent --sett x=1", "--sett"),
        (2, "agent --set scaling.cooldown=HUGEs", "longer than 1day"),
        (2, "demo --report FILE/report", "--report"),
        (
            2,
            "demo --min-size 2 --max-size 3 --report FILE.d",
            "--max-size",
        ),
        (1, "die-with-parent 1 -- /nowhere", "die-with-parent: "),
        (
            2,
            "template remove --name x --checksum d41d8cd98f00b204e9800998ecf8427e",
            "EXOSCALE_API_KEY",
        ),
    ])
    .await;
}

#[tokio::test]
async fn settings_are_explained_where_none_is_right() {
    let explained = async |arguments: &[&str]| {
        let mut command = program();
        command.arg("check-config").args(arguments);
        let output = command.env("AUTOSCALER_CONFIG", "/nowhere").output();
        let output = output.await.expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("it is text")
    };
    let one = explained(&["--explain", "scaling.window"]).await;
    assert!(one.starts_with("scaling.cooldown\n"), "{one}");
    let list = explained(&["--explain"]).await;
    assert!(list.lines().count() > 40 && list.contains("scaling.cooldown"));
    assert_eq!(explained(&["--explain", "all"]).await, list);
    let ignored = ["--explain", "--set", "scaling.max_size=none"];
    assert_eq!(explained(&ignored).await, list);
}

#[tokio::test]
async fn the_slow_application_names_what_keeps_it_from_starting() {
    refused(&[
        (1, "slow-app --listen TAKEN", "--listen"),
        (
            1,
            "slow-app --listen 127.0.0.1:0 --node-metrics TAKEN",
            "--node-metrics",
        ),
        (2, "slow-app --work-ms 20 --max-ms 10", "--work-ms"),
        (2, "slow-app --cpu-quota 1e-300", "--cpu-quota"),
        (2, "slow-app --grace HUGEs", "longer than 1h"),
        (2, "slow-app --queue-limit HUGE", "1000000"),
    ])
    .await;
    let (_listener, taken) = taken();
    let mut command = Command::new(env!("CARGO_BIN_EXE_autoscaler"));
    command
        .args(["slow-app", "--listen", &taken])
        .env_clear()
        .stdin(Stdio::null());
    said("slow-app", &end_of(command).await, 1);
}

#[tokio::test]
async fn the_local_cloud_names_what_keeps_it_from_starting() {
    refused(&[
        (
            1,
            "local-cloud --listen TAKEN --proxy-listen 127.0.0.1:0",
            "--listen",
        ),
        (
            1,
            "local-cloud --listen 127.0.0.1:0 --proxy-listen TAKEN",
            "--proxy-listen",
        ),
        (
            2,
            "local-cloud --listen 0.0.0.0:0",
            "not a loopback address",
        ),
        (2, "local-cloud --zone mars-1", "mars-1"),
        (2, "local-cloud --speed nan", "NaN is not between"),
        (2, "local-cloud --with-pool 21", "--instance-quota"),
        (
            1,
            "local-cloud env --listen 127.0.0.1:1",
            "no local cloud answers",
        ),
        (
            1,
            "local-cloud fault list --listen 127.0.0.1:1",
            "no local cloud answers",
        ),
        (2, "local-cloud fault add", "<OPERATION>"),
        (2, "local-cloud fault add x --kind boom", "rate-limit"),
        (2, "local-cloud fault add x --count 0", "--count"),
        (2, "local-cloud fault add x --delay 5", "not a duration"),
        (1, "local-cloud --seed /nowhere/seed.toml", "--seed"),
    ])
    .await;
}

#[tokio::test]
async fn an_instance_names_what_keeps_it_from_starting() {
    refused(&[
        (
            2,
            "instance-data --metadata-url NOBODY --wait HUGEs",
            "longer than 1day",
        ),
        (2, "instance-data --role king", "--role"),
        (
            1,
            "instance-data --metadata-url NOBODY --wait 0s",
            "no user-data from",
        ),
        (
            1,
            "local-instance slow-app --ip 127.0.0.1 --metadata-url NOBODY --wait 0s -- x",
            "no user-data from",
        ),
        (
            1,
            "local-instance monitoring --ip 127.0.0.1 --metadata-url NOBODY --wait 0s",
            "no user-data from",
        ),
        (2, "local-instance slow-app --ip 127.0.0.1", "after `--`"),
        (
            2,
            "local-instance monitoring --ip 127.0.0.1 --speed NaN",
            "--speed",
        ),
    ])
    .await;
}
