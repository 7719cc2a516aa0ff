//! G4 at a stop, the scaler alone with slow partners in virtual time: an alert that was accepted is
//! in the journal before the scaler says that it has finished, and is not used up after that.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::{Actor, Addr, Context, Handler, ResponseFuture};
use actix_rt::System;
use policy::{
    ActionOutcome, AskedSteps, Bounds, Condition, Direction, HealthSource, Member, MemberId, Memo,
    Mode, Pool, ReadFailure, Rules, Size, State,
};
use schedule::Schedule;
use tokio::time::{Instant, sleep};

use crate::{
    clock::Clock,
    journal::JournalError,
    messages::{
        ActionReport, DrainMembers, Finish, GiveBack, ListNow, Perform, ReadPool, SaveMemo,
    },
    metrics::Counters,
    read_model::ReadModel,
    scaler::{Partners, Scaler},
    settings,
    signal_inbox::SignalInbox,
};

/// How long the partners take.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub(super) read: Duration,
    pub(super) write: Duration,
    pub(super) save: Duration,
}

/// How long a member takes to be told to serve on.
const GIVE_BACK: Duration = Duration::from_secs(2);

pub(super) const S: Duration = Duration::from_secs(1);

/// All partners in one.
struct Probe {
    clock: Clock,
    pace: Pace,
    saved: Arc<Mutex<Vec<Memo>>>,
    orders: Arc<Mutex<u32>>,
    serving_on: Arc<Mutex<u32>>,
    /// Whether reads that are not urgent fail, at once.
    looks_fail: Arc<Mutex<bool>>,
}

fn member(id: u128) -> Member {
    Member {
        id: MemberId(uuid::Uuid::from_u128(id)),
        address: None,
        running: true,
        healthy: None,
        age: Some(Duration::from_secs(3600)),
    }
}

impl Handler<DrainMembers> for Probe {
    type Result = ResponseFuture<()>;

    /// Members that are never empty.
    fn handle(&mut self, order: DrainMembers, _: &mut Self::Context) -> Self::Result {
        let serving_on = Arc::clone(&self.serving_on);
        Box::pin(async move {
            order.given_up.cancelled().await;
            sleep(GIVE_BACK).await;
            *serving_on.lock().unwrap() += 1;
        })
    }
}

impl Handler<GiveBack> for Probe {
    type Result = ();

    fn handle(&mut self, _: GiveBack, _: &mut Self::Context) {
        *self.serving_on.lock().unwrap() += 1;
    }
}

impl Handler<ListNow> for Probe {
    type Result = ();

    fn handle(&mut self, _: ListNow, _: &mut Self::Context) {}
}

impl Actor for Probe {
    type Context = Context<Self>;
}

impl Handler<ReadPool> for Probe {
    type Result = ResponseFuture<Result<Pool, ReadFailure>>;

    fn handle(&mut self, read: ReadPool, _: &mut Self::Context) -> Self::Result {
        if !read.urgent && *self.looks_fail.lock().unwrap() {
            return Box::pin(async { Err(ReadFailure::BudgetSpent(60 * S)) });
        }
        let (clock, pace) = (self.clock, self.pace);
        Box::pin(async move {
            sleep(pace.read).await;
            Ok(Pool {
                read_at: clock.now(),
                size: Size(2),
                condition: Condition::Running,
                health: HealthSource::None,
                counted: 2,
                members: vec![member(1), member(2)],
            })
        })
    }
}

impl Handler<Perform> for Probe {
    type Result = ResponseFuture<ActionReport>;

    fn handle(&mut self, _: Perform, _: &mut Self::Context) -> Self::Result {
        *self.orders.lock().unwrap() += 1;
        let (clock, pace) = (self.clock, self.pace);
        Box::pin(async move {
            sleep(pace.write).await;
            let written_at = Some(clock.now());
            ActionReport {
                outcome: ActionOutcome::Applied,
                written_at,
                detail: None,
            }
        })
    }
}

impl Handler<SaveMemo> for Probe {
    type Result = ResponseFuture<Result<(), JournalError>>;

    fn handle(&mut self, SaveMemo(memo, _): SaveMemo, _: &mut Self::Context) -> Self::Result {
        let (saved, pace) = (self.saved.clone(), self.pace);
        Box::pin(async move {
            sleep(pace.save).await;
            saved.lock().unwrap().push(memo);
            Ok(())
        })
    }
}

/// The rules of somebody who sets only what must be set.
fn default_rules() -> Rules {
    let text = "[exoscale]\nkey = 'EXO1'\nsecret = 's'\n\
                instance_pool = '3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e'";
    let (settings, _) = settings::load_text("test", text).expect("the defaults are complete");
    settings.agent.first_pool().rules.clone()
}

/// A scaler whose cooldown has ended, with what it left behind.
pub(super) struct Environment {
    pub(super) scaler: Addr<Scaler>,
    pub(super) inbox: Arc<SignalInbox>,
    pub(super) model: Arc<ReadModel>,
    saved: Arc<Mutex<Vec<Memo>>>,
    orders: Arc<Mutex<u32>>,
    pub(super) serving_on: Arc<Mutex<u32>>,
    looks_fail: Arc<Mutex<bool>>,
}

impl Environment {
    pub(super) fn new(pace: Pace) -> Self {
        let clock = Clock::start();
        let (saved, orders, serving_on) = (Arc::default(), Arc::default(), Arc::default());
        let looks_fail = Arc::default();
        let probe = Probe {
            clock,
            pace,
            saved: Arc::clone(&saved),
            orders: Arc::clone(&orders),
            serving_on: Arc::clone(&serving_on),
            looks_fail: Arc::clone(&looks_fail),
        };
        let probe = probe.start();
        let partners = Partners {
            read_pool: probe.clone().recipient(),
            drain: probe.clone().recipient(),
            give_back: probe.clone().recipient(),
            perform: probe.clone().recipient(),
            list_now: probe.clone().recipient(),
            journal: probe.recipient(),
        };
        let mut rules = default_rules();
        rules.scale_in.stabilisation = Duration::ZERO;
        let state = State::restore(rules, Mode::On, Some(Memo::default()), clock.now());
        let bounds = Bounds::new(1, 10).unwrap();
        let model = Arc::new(ReadModel::new(
            clock,
            bounds,
            "on".to_owned(),
            &Schedule::default(),
            3600 * S,
            Counters::default(),
        ));
        let inbox = Arc::new(SignalInbox::default());
        let scaler =
            Scaler::new(state, None, clock, inbox.clone(), partners, model.clone()).start();
        inbox.connect(scaler.clone().recipient());
        Self {
            scaler,
            inbox,
            model,
            saved,
            orders,
            serving_on,
            looks_fail,
        }
    }

    pub(super) fn last_saved(&self) -> Option<Memo> {
        self.saved.lock().unwrap().last().copied()
    }

    pub(super) fn orders(&self) -> u32 {
        *self.orders.lock().unwrap()
    }
}

pub(super) fn virtually<F: Future>(run: impl FnOnce() -> F) -> F::Output {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    System::with_tokio_rt(runtime).block_on(async { run().await })
}

#[test]
fn an_alert_that_came_just_before_is_saved_first() {
    virtually(|| async {
        let environment = Environment::new(Pace {
            read: 5 * S,
            write: S,
            save: 2 * S,
        });
        // Not even a wake-up has reached the scaler yet.
        environment
            .inbox
            .put_many(Direction::Up, 1, AskedSteps::default());
        environment.scaler.send(Finish).await.unwrap();
        let saved = environment.last_saved().expect("it is saved");
        assert_eq!(saved.up.map(|up| up.count), Some(1));
    });
}

#[test]
fn a_pool_read_that_ends_later_uses_nothing_up() {
    virtually(|| async {
        let environment = Environment::new(Pace {
            read: 5 * S,
            write: S,
            save: S / 10,
        });
        environment
            .inbox
            .put_many(Direction::Up, 1, AskedSteps::default());
        sleep(S).await; // the pool is being read for the decision
        environment.scaler.send(Finish).await.unwrap();
        sleep(60 * S).await;
        assert_eq!(environment.orders(), 0, "nothing begins after the finish");
        let saved = environment.last_saved().expect("it is saved");
        assert_eq!(
            saved.up.map(|up| up.count),
            Some(1),
            "it is there for the next start"
        );
    });
}

#[test]
fn an_action_under_way_is_waited_for_and_its_end_saved() {
    virtually(|| async {
        let environment = Environment::new(Pace {
            read: S / 10,
            write: 5 * S,
            save: S,
        });
        environment
            .inbox
            .put_many(Direction::Up, 1, AskedSteps::default());
        let began = Instant::now();
        while environment.orders() == 0 {
            sleep(S / 10).await;
        }
        let finish = environment.scaler.send(Finish);
        finish.await.unwrap();
        assert!(began.elapsed() >= 6 * S, "{:?}", began.elapsed());
        let saved = environment.last_saved().expect("it is saved");
        assert!(!saved.acting && saved.up.is_none(), "{saved:?}");
    });
}

#[test]
fn with_nothing_under_way_it_has_finished_at_once() {
    virtually(|| async {
        let environment = Environment::new(Pace {
            read: 50 * S,
            write: S,
            save: S,
        });
        sleep(10 * S).await; // the first memo is saved
        let began = Instant::now();
        environment.scaler.send(Finish).await.unwrap();
        assert!(began.elapsed() < S);
    });
}

#[test]
fn members_being_drained_serve_on_before_it_ends() {
    virtually(|| async {
        let environment = Environment::new(Pace {
            read: S / 10,
            write: S,
            save: S / 10,
        });
        environment
            .inbox
            .put_many(Direction::Down, 1, AskedSteps::default());
        sleep(5 * S).await; // the victim is drained, and never empty
        let began = Instant::now();
        environment.scaler.send(Finish).await.unwrap();
        assert_eq!(*environment.serving_on.lock().unwrap(), 1);
        assert!(began.elapsed() >= GIVE_BACK, "{:?}", began.elapsed());
        assert_eq!(environment.orders(), 0);
    });
}

/// Whoever looks on has the pool read beside the decision, and must not end it.
#[test]
fn a_look_that_fails_hinders_no_decision_and_ends_no_drain() {
    for direction in [Direction::Up, Direction::Down] {
        virtually(|| async {
            let environment = Environment::new(Pace {
                read: 5 * S,
                write: S,
                save: S / 10,
            });
            sleep(20 * S).await; // the first look at the pool
            environment
                .inbox
                .put_many(direction, 1, AskedSteps::default());
            sleep(S).await; // the pool is being read for the decision
            if direction == Direction::Down {
                sleep(10 * S).await; // the victim is drained, and never empty
            }
            *environment.looks_fail.lock().unwrap() = true;
            environment.inbox.pool_changed();
            sleep(5 * S).await;
            assert_eq!(*environment.serving_on.lock().unwrap(), 0);
            let orders = u32::from(direction == Direction::Up);
            assert_eq!(environment.orders(), orders);
        });
    }
}
