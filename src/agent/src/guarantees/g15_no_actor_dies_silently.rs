//! G15: an actor that dies ends the process with an error; one that hangs turns `/healthz` red.

use std::{process::Command, sync::Arc, time::Duration};

use actix::{Actor, ActorContext as _, AsyncContext as _, Context, Handler, WrapFuture as _};
use actix_rt::System;
use policy::Bounds;
use program::telemetry;
use schedule::Schedule;
use tokio::time::{sleep, timeout};

use crate::{
    clock::Clock,
    messages::Ping,
    metrics::Counters,
    read_model::ReadModel,
    watchdog::{self, Watched},
};

/// What an actor does when it is pinged.
#[derive(Clone, Copy)]
enum Habit {
    Answers,
    StopsAfter(u32),
    Panics,
    HangsFor(Duration),
}

struct Probe(Habit, u32);

impl Actor for Probe {
    type Context = Context<Self>;
}

impl Handler<Ping> for Probe {
    type Result = ();

    fn handle(&mut self, _: Ping, ctx: &mut Self::Context) {
        self.1 += 1;
        match self.0 {
            Habit::Answers => {}
            Habit::StopsAfter(pings) if self.1 < pings => {}
            Habit::StopsAfter(_) => ctx.stop(),
            Habit::Panics => panic!("an actor panics, as this test wants"),
            Habit::HangsFor(time) => {
                if self.1 == 1 {
                    ctx.wait(sleep(time).into_actor(self));
                }
            }
        }
    }
}

fn model() -> Arc<ReadModel> {
    let bounds = Bounds::new(1, 10).unwrap();
    let list_within = Duration::from_secs(3600);
    Arc::new(ReadModel::new(
        Clock::start(),
        bounds,
        "on".to_owned(),
        &Schedule::default(),
        list_within,
        Counters::default(),
    ))
}

fn problem(model: &ReadModel) -> Option<String> {
    let view = model.view();
    view.health
        .into_iter()
        .find(|check| check.name == "actors")
        .unwrap()
        .problem
}

fn virtually<F: Future>(run: impl FnOnce() -> F) -> F::Output {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    System::with_tokio_rt(runtime).block_on(async { run().await })
}

/// Watches three actors, the second with this habit, and returns how the watch ended.
fn watch(habit: Habit, limit: Duration) -> (Option<String>, Option<String>) {
    virtually(|| async {
        let model = model();
        let probe = |habit| Probe(habit, 0).start().recipient();
        let actors = vec![
            ("first", probe(Habit::Answers)),
            ("second", probe(habit)),
            ("third", probe(Habit::Answers)),
        ];
        let watched = Watched {
            pool: None,
            actors,
            read_model: model.clone(),
        };
        let died = timeout(limit, watchdog::watch(vec![watched])).await.ok();
        (died.map(|died| died.to_string()), problem(&model))
    })
}

#[test]
fn an_actor_that_stops_or_panics_ends_the_watch() {
    for habit in [Habit::StopsAfter(1), Habit::StopsAfter(3), Habit::Panics] {
        let (died, problem) = watch(habit, Duration::from_secs(120));
        assert_eq!(died.as_deref(), Some("the second actor has died"));
        assert_eq!(problem.as_deref(), Some("the second actor has died"));
    }
}

#[test]
fn actors_that_live_are_left_alone() {
    assert_eq!(
        watch(Habit::Answers, Duration::from_secs(3600)),
        (None, None)
    );
}

#[test]
fn an_actor_of_one_pool_that_dies_is_named_with_its_pool() {
    virtually(|| async {
        let watched = |name: &str, habit| Watched {
            pool: Some(name.parse().unwrap()),
            actors: vec![("scaler", Probe(habit, 0).start().recipient())],
            read_model: model(),
        };
        let hangs = Habit::HangsFor(Duration::from_secs(3600));
        let pools = vec![
            watched("web", Habit::Answers),
            watched("jobs", hangs),
            watched("api", Habit::StopsAfter(2)),
        ];
        let models: Vec<_> = pools.iter().map(|pool| pool.read_model.clone()).collect();
        let limit = Duration::from_secs(120);
        let died = timeout(limit, watchdog::watch(pools)).await.unwrap();
        assert_eq!(died.to_string(), "the scaler actor of pool api has died");
        let problems: Vec<_> = models.iter().map(|model| problem(model)).collect();
        assert_eq!(problems[0], None);
        assert_eq!(
            problems[1].as_deref(),
            Some("the scaler actor does not answer")
        );
        assert_eq!(problems[2].as_deref(), Some("the scaler actor has died"));
    });
}

#[test]
fn an_actor_that_hangs_turns_health_red_until_it_answers() {
    let (died, red) = watch(
        Habit::HangsFor(Duration::from_secs(3600)),
        Duration::from_secs(60),
    );
    assert_eq!(died, None, "it may yet answer");
    assert_eq!(red.as_deref(), Some("the second actor does not answer"));
    let (died, green) = watch(
        Habit::HangsFor(Duration::from_secs(30)),
        Duration::from_secs(120),
    );
    assert_eq!((died, green), (None, None));
}

const CHILD: &str = "guarantees::g15_no_actor_dies_silently::the_child_whose_actor_panics";

#[test]
fn a_panic_in_an_actor_ends_the_process() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", CHILD, "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr).into_owned();
    assert_eq!(child.status.code(), Some(101), "{said}");
    assert!(
        said.contains("an actor panics, as this test wants"),
        "{said}"
    );
    let out = String::from_utf8_lossy(&child.stdout);
    assert!(
        !out.contains("test result"),
        "it ended at once, not by a failed test: {out}"
    );
}

/// Passes when the panic has no effect, as it would have without the hook.
#[test]
#[ignore = "run in a process of its own by a_panic_in_an_actor_ends_the_process"]
fn the_child_whose_actor_panics() {
    telemetry::exit_on_panic();
    System::new().block_on(async {
        let _ = Probe(Habit::Panics, 0).start().send(Ping).await;
    });
}
