//! G2 and G4 across restarts: a window goes on, an accepted scale-up is not forgotten, and a
//! journal that cannot be read means a whole silent window.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::agent_support::{Environment, Settings, until};

const WINDOW: Duration = Duration::from_secs(4);
/// What a busy machine may add to the moment at which the test sees something.
const NOISE: Duration = Duration::from_secs(1);

fn settings() -> Settings {
    Settings::default().set("scaling.cooldown", "4s")
}

async fn until_writes(environment: &Environment, count: u64) -> Instant {
    let what = format!("{count} orders");
    until(&what, || (environment.writes() >= count).then(Instant::now)).await
}

fn journal(environment: &Environment) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(environment.journal()).ok()?).ok()
}

#[tokio::test]
async fn a_window_goes_on_across_a_kill() {
    let environment = Environment::with_pool(1).await;
    let mut agent = environment.start(settings()).await;
    agent.alert("up").await;
    let first = until_writes(&environment, 1).await;
    agent.end(Signal::KILL).await;
    let again = environment.restart(settings()).await;
    again.alert("up").await;
    again.until_decided("held", "window").await;
    let second = until_writes(&environment, 2).await;
    let gap = second - first;
    assert!(gap + NOISE > WINDOW, "{gap:?} between two actions");
    assert_eq!(environment.writes(), 2);
    environment.until_size(3).await;
}

#[tokio::test]
async fn a_window_goes_on_across_an_orderly_restart() {
    let environment = Environment::with_pool(1).await;
    let mut agent = environment.start(settings()).await;
    agent.alert("up").await;
    let first = until_writes(&environment, 1).await;
    agent.end(Signal::TERM).await;
    let again = environment.restart(settings()).await;
    again.alert("up").await;
    let gap = until_writes(&environment, 2).await - first;
    assert!(gap + NOISE > WINDOW, "{gap:?} between two actions");
}

#[tokio::test]
async fn an_accepted_up_survives_a_kill() {
    let environment = Environment::with_pool(1).await;
    // Without a journal a silent window comes first, in which the alert waits.
    let mut agent = environment.restart(settings()).await;
    agent.alert("up").await;
    until("the journal has it", || {
        journal(&environment).filter(|j| !j["up"].is_null())
    })
    .await;
    agent.end(Signal::KILL).await;
    assert_eq!(environment.writes(), 0);
    let again = environment.restart(settings()).await;
    environment.until_size(2).await;
    let decision = again.until_decided("acted", "high_load").await;
    assert_eq!(decision["signals"], 1);
    // It was one alert, and is one action.
    until("the journal forgot it", || {
        journal(&environment).filter(|j| j["up"].is_null())
    })
    .await;
}

#[tokio::test]
async fn without_a_usable_journal_a_window_is_silent() {
    let mut journals = vec![("no journal", None), ("an empty one", Some(String::new()))];
    let mut other_boot = crate::agent_support::long_ago();
    other_boot["boot_id"] = json!("00000000-0000-0000-0000-000000000000");
    let mut future = crate::agent_support::long_ago();
    future["version"] = json!(99);
    let mut acting = crate::agent_support::long_ago();
    acting["acting"] = json!(true);
    let mut far = crate::agent_support::long_ago();
    far["opens_at"] = json!(u64::MAX);
    journals.push(("half a document", Some("{\"version\":1,\"boot".to_owned())));
    journals.push(("one of another boot", Some(other_boot.to_string())));
    journals.push(("one of another version", Some(future.to_string())));
    journals.push(("one that ends in an action", Some(acting.to_string())));
    journals.push(("one whose window never ends", Some(far.to_string())));
    let tries = journals.into_iter().map(|(what, text)| async move {
        let environment = Environment::with_pool(1).await;
        if let Some(text) = text {
            std::fs::create_dir_all(environment.journal().parent().unwrap()).unwrap();
            std::fs::write(environment.journal(), text).unwrap();
        }
        let began = Instant::now();
        let agent = environment.restart(settings()).await;
        agent.alert("up").await;
        let waited = until_writes(&environment, 1).await - began;
        assert!(waited >= WINDOW, "{what}: acted after {waited:?}");
    });
    futures_util::future::join_all(tries).await;
}

/// A script that makes the journal's folder a mount of its own.
fn own_mount(environment: &Environment) -> String {
    let folder = environment
        .journal()
        .parent()
        .unwrap()
        .display()
        .to_string();
    format!("mount --bind {folder:?} {folder:?}")
}

#[tokio::test]
async fn where_the_journal_cannot_be_written_each_start_waits_a_window() {
    let environment = Environment::with_pool(1).await;
    environment.write_journal(&crate::agent_support::long_ago());
    let folder = environment
        .journal()
        .parent()
        .unwrap()
        .display()
        .to_string();
    let script = format!(
        "{}; mount -o remount,bind,ro {folder:?}",
        own_mount(&environment)
    );
    let began = Instant::now();
    let Some(mut agent) = environment.restart_with_mounts(settings(), &script).await else {
        return;
    };
    agent.alert("up").await;
    let first = until_writes(&environment, 1).await;
    assert!(
        first - began >= WINDOW,
        "{:?} after the start",
        first - began
    );
    let health = agent.json("/healthz").await.to_string();
    assert!(health.contains("Read-only file system"), "{health}");
    agent.end(Signal::KILL).await;
    let Some(agent) = environment.restart_with_mounts(settings(), &script).await else {
        return;
    };
    agent.alert("up").await;
    let gap = until_writes(&environment, 2).await - first;
    assert!(gap + NOISE > WINDOW, "{gap:?} between two actions");
}

#[tokio::test]
async fn an_action_that_could_not_be_written_down_is_not_lost_to_the_next_start() {
    let environment = Environment::with_pool(1).await;
    environment.write_journal(&crate::agent_support::long_ago());
    let Some(mut agent) = environment
        .restart_with_mounts(settings(), &own_mount(&environment))
        .await
    else {
        return;
    };
    agent.until_healthy().await;
    // As a file system does that has found an error. The journal on it can be neither replaced nor
    // removed.
    let journal = environment.journal();
    agent
        .remount("remount,bind,ro", journal.parent().unwrap())
        .await;
    agent.alert("up").await;
    let first = until_writes(&environment, 1).await;
    agent.end(Signal::KILL).await;
    // Now it can be written again, and what is there is old.
    let again = environment.restart(settings()).await;
    again.alert("up").await;
    let gap = until_writes(&environment, 2).await - first;
    assert!(gap + NOISE > WINDOW, "{gap:?} between two actions");
}

#[tokio::test]
async fn a_journal_that_was_away_is_not_believed_when_it_is_back() {
    let environment = Environment::with_pool(1).await;
    let mut agent = environment.start(settings()).await;
    agent.until_healthy().await;
    let (here, away) = (
        environment.folder.path().join("journal"),
        environment.folder.path().join("away"),
    );
    std::fs::rename(&here, &away).unwrap();
    agent.alert("up").await;
    let first = until_writes(&environment, 1).await;
    agent.end(Signal::KILL).await;
    std::fs::rename(&away, &here).unwrap();
    let again = environment.restart(settings()).await;
    again.alert("up").await;
    let gap = until_writes(&environment, 2).await - first;
    assert!(gap + NOISE > WINDOW, "{gap:?} between two actions");
}

/// A clock that is set an hour forward or back changes none of the journal's times.
#[tokio::test]
async fn the_journal_counts_from_the_boot_and_not_by_the_wall_clock() {
    let since_boot = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        u64::try_from(time.tv_sec).unwrap() * 1_000
            + u64::try_from(time.tv_nsec).unwrap() / 1_000_000
    };
    let window = u64::try_from(WINDOW.as_millis()).unwrap();
    let environment = Environment::with_pool(1).await;
    let mut agent = environment.start(settings()).await;
    let before = since_boot();
    agent.alert("up").await;
    environment.until_size(2).await;
    let (status, _) = agent.end(Signal::TERM).await;
    assert!(status.success());
    let after = since_boot();
    let journal = journal(&environment).unwrap();
    let at = |name: &str| journal[name].as_u64().unwrap();
    assert!((before..=after).contains(&at("saved_at")), "{journal}");
    let opens = before + window..=after + window;
    assert!(opens.contains(&at("opens_at")), "{journal}");
    assert_eq!(journal["running"], false);
}

#[tokio::test]
async fn with_a_journal_whose_window_is_over_it_acts_at_once() {
    let environment = Environment::with_pool(1).await;
    let agent = environment
        .start(Settings::default().set("scaling.cooldown", "1h"))
        .await;
    agent.alert("up").await;
    environment.until_size(2).await;
}
