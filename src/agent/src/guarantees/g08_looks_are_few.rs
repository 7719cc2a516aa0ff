//! G8: a discovery round has the pool read when that shows something new, and not for ever while it
//! does not. The discovery actor alone, at the default settings, in virtual time.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::{Actor, Context, Handler};
use actix_rt::System;
use policy::{Condition, HealthSource, Member, MemberId, Moment, Pool, Size};
use tokio::time::sleep;

use crate::{
    discovery::Discovery,
    member_address::Reach,
    messages::{ListMembers, ListNow, SignalsWaiting},
    read_model::ReadModel,
    settings,
    signal_inbox::SignalInbox,
    target::{PoolReport, TargetError},
};

const ROUND: Duration = Duration::from_secs(10);

/// What the API has: each member, and whether its load balancer finds it well.
type Members = Arc<Mutex<Vec<(u8, bool)>>>;

/// Lists members in the cloud actor's place, and reads the pool in the scaler's.
struct Probe {
    members: Members,
    model: Arc<ReadModel>,
    inbox: Arc<SignalInbox>,
    lists: Arc<Mutex<u32>>,
    looks: Arc<Mutex<u32>>,
    /// Whether reads of the pool succeed.
    reads: bool,
}

impl Probe {
    fn members(&self) -> Vec<Member> {
        let member = |(last, well): &(u8, bool)| Member {
            id: MemberId(uuid::Uuid::from_u128((*last).into())),
            address: Some([192, 0, 2, *last].into()),
            running: true,
            healthy: Some(*well),
            age: None,
        };
        self.members.lock().unwrap().iter().map(member).collect()
    }

    fn read(&self) {
        let members = self.members();
        let report = PoolReport {
            pool: Pool {
                read_at: Moment::START,
                size: Size(members.len() as u32),
                condition: Condition::Running,
                health: HealthSource::LoadBalancer,
                counted: members.len(),
                members,
            },
            name: "web".to_owned(),
            state: "running".to_owned(),
            error_reason: None,
            names: Vec::new(),
        };
        self.model.pool_read(&report);
    }
}

impl Actor for Probe {
    type Context = Context<Self>;
}

impl Handler<ListMembers> for Probe {
    type Result = Result<Vec<Member>, TargetError>;

    fn handle(&mut self, _: ListMembers, _: &mut Self::Context) -> Self::Result {
        *self.lists.lock().unwrap() += 1;
        let without_health = |member| Member {
            healthy: None,
            ..member
        };
        Ok(self.members().into_iter().map(without_health).collect())
    }
}

impl Handler<SignalsWaiting> for Probe {
    type Result = ();

    fn handle(&mut self, _: SignalsWaiting, _: &mut Self::Context) {
        if self.inbox.take().pool_changed {
            *self.looks.lock().unwrap() += 1;
            if self.reads {
                self.read();
            }
        }
    }
}

/// A discovery that runs, and what it does.
struct Environment {
    members: Members,
    lists: Arc<Mutex<u32>>,
    looks: Arc<Mutex<u32>>,
    discovery: actix::Addr<Discovery>,
    _folder: tempfile::TempDir,
}

impl Environment {
    fn start(members: &[(u8, bool)], reads: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = "[exoscale]\nkey = 'EXO1'\nsecret = 's'\n\
                    instance_pool = '3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e'";
        let (settings, _) = settings::load_text("test", text).expect("the defaults are complete");
        let settings = crate::config::Discovery {
            file: folder.path().join("config.json"),
            ..settings.agent.first_pool().discovery.clone()
        };
        assert_eq!(settings.interval, ROUND);
        let members: Members = Arc::new(Mutex::new(members.to_vec()));
        let (model, inbox) = (ReadModel::for_tests(), Arc::new(SignalInbox::default()));
        let (lists, looks) = (Arc::default(), Arc::default());
        let probe = Probe {
            members: Arc::clone(&members),
            model: Arc::clone(&model),
            inbox: Arc::clone(&inbox),
            lists: Arc::clone(&lists),
            looks: Arc::clone(&looks),
            reads,
        };
        if reads {
            probe.read();
        }
        let probe = probe.start();
        inbox.connect(probe.clone().recipient());
        let api = "https://api-at-vie-1.exoscale.com/v2".parse().unwrap();
        let reach = Reach::of(settings.addresses, &api);
        let discovery = Discovery::new(settings, reach, probe.recipient(), inbox, model).start();
        Self {
            members,
            lists,
            looks,
            discovery,
            _folder: folder,
        }
    }

    /// Looks and lists in this time.
    async fn count(&self, time: Duration) -> (u32, u32) {
        *self.looks.lock().unwrap() = 0;
        *self.lists.lock().unwrap() = 0;
        sleep(time).await;
        (*self.looks.lock().unwrap(), *self.lists.lock().unwrap())
    }
}

fn virtually<F: Future>(run: impl FnOnce() -> F) -> F::Output {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    System::with_tokio_rt(runtime).block_on(async { run().await })
}

#[test]
fn a_pool_at_rest_is_listed_once_a_round_and_not_read() {
    virtually(|| async {
        let environment = Environment::start(&[(1, true), (2, true)], true);
        sleep(3 * ROUND).await;
        let (looks, lists) = environment.count(60 * ROUND).await;
        assert_eq!(looks, 0);
        assert!((59..=61).contains(&lists), "{lists}");
    });
}

#[test]
fn a_change_is_read_in_a_round_and_its_health_followed_for_two_minutes() {
    virtually(|| async {
        let environment = Environment::start(&[(1, true)], true);
        sleep(3 * ROUND).await;
        *environment.members.lock().unwrap() = vec![(1, true), (2, false)];
        let (looks, _) = environment.count(ROUND + ROUND / 2).await;
        assert!(looks >= 1, "the change is seen in a round");
        let (looks, lists) = environment.count(360 * ROUND).await;
        assert!((10..=12).contains(&looks), "{looks} looks at what stays");
        assert!((359..=361).contains(&lists), "{lists}");
        // It is well at last, which no list shows; the next change is followed again.
        *environment.members.lock().unwrap() = vec![(1, true), (2, true), (3, true)];
        let (looks, _) = environment.count(360 * ROUND).await;
        assert!((1..=2).contains(&looks), "{looks}");
    });
}

#[test]
fn a_pool_that_cannot_be_read_is_tried_ever_more_rarely() {
    virtually(|| async {
        let environment = Environment::start(&[(1, true)], false);
        let (looks, lists) = environment.count(360 * ROUND).await;
        assert!((5..=10).contains(&looks), "{looks} looks");
        assert!((359..=362).contains(&lists), "{lists}");
    });
}

#[test]
fn a_round_that_is_asked_for_comes_at_once_and_is_one() {
    virtually(|| async {
        let environment = Environment::start(&[(1, true)], true);
        sleep(3 * ROUND + ROUND / 2).await;
        *environment.lists.lock().unwrap() = 0;
        environment.discovery.send(ListNow).await.unwrap();
        let (_, lists) = {
            sleep(ROUND / 10).await;
            (0, *environment.lists.lock().unwrap())
        };
        assert_eq!(lists, 1);
        let (_, lists) = environment.count(36 * ROUND).await;
        assert!((35..=37).contains(&lists), "{lists}: the old pause is gone");
    });
}
