//! Instances as real processes: traffic reaches them, dead ones are replaced, none is left behind.

use std::{
    collections::HashSet,
    fs,
    net::Ipv4Addr,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use exoscale::{
    models::{HealthStatus, InstanceState},
    plain_http,
};
use local_cloud::{
    LocalCloudConfig, PoolStatus, Status,
    runner::{InstanceCommand, ProcessRunner},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use test_support::{Api, PATIENCE, quick};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::local_cloud_program::program;

const PROGRAM: &str = env!("CARGO_BIN_EXE_autoscaler");

fn slow_app() -> LocalCloudConfig {
    let command = InstanceCommand::slow_app(PathBuf::from(PROGRAM), Some("slow-app"), 0.25, &[]);
    LocalCloudConfig {
        // Health checks every 0.25 s. A failed member is seen as such for one operation time: 1 s.
        speed: 20.0,
        operation_time: Duration::from_secs(20),
        boot_time: Duration::from_secs(4),
        ..LocalCloudConfig::with_processes(command)
    }
}

fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).expect("the process is there");
}

/// False also for a process that ended and that nobody has waited for.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

async fn until_gone(pids: &[u32]) {
    let gone = async {
        while pids.iter().any(|pid| is_alive(*pid)) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the processes end");
}

fn pids(pool: &PoolStatus) -> Vec<u32> {
    pool.members
        .iter()
        .filter_map(|member| member.pid)
        .collect()
}

/// `count` members run and the load balancer finds all of its servers well.
fn all_well(status: &Status, count: usize) -> bool {
    let servers = &status.balancers[0].services[0].servers;
    pids(&status.pools[0]).len() == count
        && servers.len() == count
        && servers
            .iter()
            .all(|server| server.status == HealthStatus::Success)
}

#[tokio::test]
async fn traffic_reaches_the_members_and_a_killed_one_is_replaced() {
    let api = Api::start(slow_app()).await;
    api.cloud.create_stack(2).await.unwrap();
    let before = api
        .until("two healthy members", |status| all_well(status, 2))
        .await;

    let listen = before.balancers[0].services[0].listen.expect("it listens");
    assert!([80, 8080].contains(&listen.port()), "{listen}");
    let mut answered = HashSet::new();
    for _ in 0..4 {
        // A new connection each time: the balancer chooses once per connection.
        let client = plain_http::client().unwrap();
        let answer = client
            .get(format!("http://{listen}/?ms=1"))
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success());
        answered.insert(answer.headers()["x-instance"].to_str().unwrap().to_owned());
    }
    let members: HashSet<_> = before.pools[0]
        .members
        .iter()
        .map(|m| m.id.to_string())
        .collect();
    assert_eq!(answered, members);

    let victim = before.pools[0].members[0].clone();
    kill(victim.pid.unwrap(), Signal::KILL);
    api.until("the failed member", |status| {
        let member = status.pools[0]
            .members
            .iter()
            .find(|member| member.id == victim.id);
        member.is_some_and(|member| member.state == InstanceState::Error && member.pid.is_none())
    })
    .await;
    let after = api
        .until("its replacement", |status| {
            all_well(status, 2) && status.pools[0].members.iter().all(|m| m.id != victim.id)
        })
        .await;
    assert_eq!(after.pools[0].size, 2);

    let left = pids(&after.pools[0]);
    api.cloud.stop().await;
    assert!(
        !left.iter().any(|pid| is_alive(*pid)),
        "stop waits until all have ended"
    );
}

#[tokio::test]
async fn scaling_down_removes_a_failed_member_before_well_ones() {
    let config = LocalCloudConfig {
        // A failed member waits for its replacement for 3 s: time to scale down meanwhile.
        operation_time: Duration::from_secs(60),
        ..slow_app()
    };
    let api = Api::start(config).await;
    let pool = api.pool(2).await;
    let before = api
        .until("two processes", |status| pids(&status.pools[0]).len() == 2)
        .await;
    let [oldest, newest] = &before.pools[0].members[..] else {
        panic!("{before:#?}");
    };
    kill(newest.pid.unwrap(), Signal::KILL);
    api.until("the failed member", |status| {
        status.pools[0].members[1].state == InstanceState::Error
    })
    .await;
    let scaled = api
        .put(
            &format!("/instance-pool/{pool}:scale"),
            json!({ "size": 1 }),
        )
        .await;
    api.done(scaled).await;
    let after = api.cloud.status();
    let left: Vec<_> = after.pools[0]
        .members
        .iter()
        .map(|member| (member.id, member.pid))
        .collect();
    assert_eq!(left, [(oldest.id, oldest.pid)]);
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_program_that_ends_at_once_is_replaced_again_and_again() {
    let command = InstanceCommand {
        program: PathBuf::from(PROGRAM),
        arguments: vec![
            "slow-app".to_owned(),
            "--no-such-argument".to_owned(),
            "{ip}".to_owned(),
        ],
        ports: Vec::new(),
    };
    let config = LocalCloudConfig {
        operation_time: Duration::from_millis(50),
        boot_time: Duration::from_millis(50),
        ..LocalCloudConfig::with_processes(command)
    };
    let api = Api::start(config).await;
    api.pool(1).await;
    let mut seen = HashSet::new();
    while seen.len() < 3 {
        let status = api
            .until("a failed member", |status| {
                let mut members = status.pools[0].members.iter();
                members.any(|m| m.state == InstanceState::Error && !seen.contains(&m.id))
            })
            .await;
        seen.extend(status.pools[0].members.iter().map(|member| member.id));
    }
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error_of_the_member_not_of_the_cloud() {
    let command = InstanceCommand {
        program: PathBuf::from("/nonexistent/program"),
        arguments: Vec::new(),
        ports: Vec::new(),
    };
    let api = Api::start(quick(LocalCloudConfig::with_processes(command))).await;
    api.pool(1).await;
    api.until("the member's error", |status| {
        status.pools[0]
            .members
            .iter()
            .any(|member| member.state == InstanceState::Error)
    })
    .await;
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_secret_for_the_members_does_not_show_in_ps() {
    let command = InstanceCommand::slow_app(PathBuf::from(PROGRAM), Some("slow-app"), 0.25, &[]);
    let runner = ProcessRunner::new(command).with_variables([("SLOW_APP_DRAIN_TOKEN", "hush")]);
    assert!(!format!("{runner:?}").contains("hush"), "nor in a log");
    let forwarding = Arc::new(local_cloud::Forwarding);
    let api = Api::start(quick(LocalCloudConfig::with(Arc::new(runner), forwarding))).await;
    api.pool(1).await;
    let status = api
        .until("a process", |status| pids(&status.pools[0]).len() == 1)
        .await;
    let member = &status.pools[0].members[0];
    let http = plain_http::client().unwrap();
    let drain = || http.post(format!("http://{}:8080/drain", member.ip));
    let answered = async {
        while drain().send().await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, answered).await.expect("it serves");
    // Only now: the kernel shows no arguments while a process still becomes its program.
    let line = fs::read_to_string(format!("/proc/{}/cmdline", member.pid.unwrap())).unwrap();
    assert!(
        line.contains("--listen") && !line.contains("hush"),
        "{line}"
    );
    // It has come by another way.
    assert_eq!(drain().send().await.unwrap().status(), 401);
    let shown = drain().bearer_auth("hush").send().await.unwrap();
    assert_eq!(shown.status(), 200);
    api.cloud.stop().await;
}

/// A local cloud as a program, with the processes of its two members.
async fn program_with_two_members() -> (Child, Vec<u32>) {
    let (mut child, variables) = program(" --with-pool 2").await;
    let mut log = child.stderr.take().unwrap();
    tokio::spawn(async move { tokio::io::copy(&mut log, &mut tokio::io::sink()).await });
    let work = async {
        let endpoint = &variables["EXOSCALE_API_ENDPOINT"];
        let http = plain_http::client().unwrap();
        let url = endpoint.replace("/v2", "/_local/status");
        loop {
            let status: Value = http.get(&url).send().await.unwrap().json().await.unwrap();
            let members = status["pools"][0]["members"].as_array().unwrap();
            let pids: Vec<_> = members
                .iter()
                .filter_map(|member| member["pid"].as_u64())
                .collect();
            if pids.len() == 2 {
                let addresses = members
                    .iter()
                    .map(|member| member["ip"].as_str().unwrap().parse::<Ipv4Addr>());
                assert!(addresses.into_iter().all(|ip| ip.unwrap().is_loopback()));
                break pids
                    .into_iter()
                    .map(|pid| u32::try_from(pid).unwrap())
                    .collect();
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let pids = timeout(PATIENCE, work).await.expect("two members run");
    (child, pids)
}

async fn ended(child: &mut Child) -> ExitStatus {
    timeout(PATIENCE, child.wait())
        .await
        .expect("the program ends")
        .unwrap()
}

#[tokio::test]
async fn no_member_outlives_a_killed_local_cloud() {
    let (mut child, members) = program_with_two_members().await;
    assert!(members.iter().all(|pid| is_alive(*pid)));
    kill(child.id().unwrap(), Signal::KILL);
    ended(&mut child).await;
    until_gone(&members).await;
}

#[tokio::test]
async fn sigterm_stops_everything_in_order() {
    let (mut child, members) = program_with_two_members().await;
    kill(child.id().unwrap(), Signal::TERM);
    assert!(ended(&mut child).await.success());
    assert!(
        !members.iter().any(|pid| is_alive(*pid)),
        "it ends after its members"
    );
}

/// A cloud that is gone answers no question for user-data any more, and nobody needs the instance.
#[tokio::test]
async fn an_instance_that_still_boots_ends_with_its_local_cloud() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = nobody.local_addr().unwrap();
    for (role, signal) in [
        ("slow-app", None),
        ("monitoring", None),
        ("monitoring", Some(Signal::TERM)),
    ] {
        let arguments = format!(
            "local-instance {role} --ip 127.0.0.1 --metadata-url http://{nobody} --wait 1h -- x"
        );
        let mut child = Command::new(PROGRAM)
            .args(arguments.split(' '))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let asked = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains("asking again") {
                    return;
                }
            }
            panic!("{role} ended before it asked");
        };
        timeout(PATIENCE, asked).await.expect("it asks");
        match signal {
            Some(signal) => kill(child.id().unwrap(), signal),
            None => drop(child.stdin.take()),
        }
        assert!(ended(&mut child).await.success(), "{role}, {signal:?}");
    }
}
