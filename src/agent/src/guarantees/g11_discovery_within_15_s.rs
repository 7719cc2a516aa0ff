//! G11 and G10: the discovery actor alone, at the default settings, in virtual time: a change is in
//! the file within 15 s, and a list that is short once is not a change. For each kind of address.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::{Actor, ActorFutureExt as _, Context, Handler, ResponseActFuture, WrapFuture as _};
use actix_rt::System;
use policy::{Bounds, Member, MemberId};
use schedule::Schedule;
use tokio::time::{Instant, sleep};

use crate::{
    clock::Clock,
    config::{AddressKind, Discovery as Settings},
    discovery::Discovery,
    file_sd,
    member_address::Reach,
    messages::ListMembers,
    metrics::Counters,
    read_model::ReadModel,
    settings::{Sources, load},
    signal_inbox::SignalInbox,
    target::TargetError,
};

/// How long the API takes to answer, which is slow.
const CALL: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(15);

/// What the API lists.
#[derive(Clone, Default)]
struct Pool {
    kind: Option<AddressKind>,
    members: Arc<Mutex<Vec<u8>>>,
    /// Lists that come first, each once.
    script: Arc<Mutex<Vec<Vec<u8>>>>,
    calls: Arc<Mutex<u32>>,
}

impl Pool {
    fn set(&self, members: &[u8]) {
        *self.members.lock().unwrap() = members.to_vec();
    }

    fn calls(&self) -> u32 {
        *self.calls.lock().unwrap()
    }

    fn list(&self) -> Vec<Member> {
        *self.calls.lock().unwrap() += 1;
        let mut script = self.script.lock().unwrap();
        let members = if script.is_empty() {
            self.members.lock().unwrap().clone()
        } else {
            script.remove(0)
        };
        let kind = self.kind.unwrap_or(AddressKind::Public);
        members.into_iter().map(|last| member(last, kind)).collect()
    }
}

/// A member with an address of this kind.
fn member(last: u8, kind: AddressKind) -> Member {
    let address = match kind {
        AddressKind::Public => Ipv4Addr::new(192, 0, 2, last).into(),
        AddressKind::Private => Ipv4Addr::new(10, 0, 0, last).into(),
        AddressKind::Ipv6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()).into(),
    };
    Member {
        id: MemberId(uuid::Uuid::from_u128(last.into())),
        address: Some(address),
        running: true,
        healthy: None,
        age: None,
    }
}

const KINDS: [(AddressKind, &str); 3] = [
    (AddressKind::Public, "192.0.2."),
    (AddressKind::Private, "10.0.0."),
    (AddressKind::Ipv6, "[2001:db8::"),
];

/// Answers in the cloud actor's place.
struct Probe(Pool);

impl Actor for Probe {
    type Context = Context<Self>;
}

impl Handler<ListMembers> for Probe {
    type Result = ResponseActFuture<Self, Result<Vec<Member>, TargetError>>;

    fn handle(&mut self, _: ListMembers, _: &mut Self::Context) -> Self::Result {
        // The list is as of the moment the call is made; its answer is late.
        let list = self.0.list();
        Box::pin(sleep(CALL).into_actor(self).map(|(), _, _| Ok(list)))
    }
}

/// Runs in virtual time: waiting takes none, and nothing is late.
fn virtually<F: Future>(run: impl FnOnce() -> F) -> F::Output {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    };
    System::with_tokio_rt(runtime).block_on(async { run().await })
}

/// The settings of somebody who sets only what must be set, and the kind of address.
fn settings(folder: &Path, addresses: AddressKind) -> Settings {
    let variables = [
        ("EXOSCALE_KEY", "EXO1"),
        ("EXOSCALE_SECRET", "secret"),
        (
            "EXOSCALE_INSTANCEPOOL_ID",
            "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e",
        ),
    ];
    let sources = Sources {
        variables: variables
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .to_vec(),
        ..Sources::default()
    };
    let (settings, _) = load(&sources).expect("the defaults are complete");
    Settings {
        file: folder.join("config.json"),
        addresses,
        ..settings.agent.first_pool().discovery.clone()
    }
}

fn start(settings: &Settings, pool: &Pool) {
    let bounds = Bounds::new(1, 10).unwrap();
    let model = ReadModel::new(
        Clock::start(),
        bounds,
        "on".to_owned(),
        &Schedule::default(),
        Duration::from_secs(60),
        Counters::default(),
    );
    let cloud = Probe(Pool {
        kind: Some(settings.addresses),
        ..pool.clone()
    })
    .start();
    let api = "https://api-at-vie-1.exoscale.com/v2".parse().unwrap();
    let reach = Reach::of(settings.addresses, &api);
    let (inbox, model) = (Arc::new(SignalInbox::default()), Arc::new(model));
    Discovery::new(settings.clone(), reach, cloud.recipient(), inbox, model).start();
}

fn in_file(settings: &Settings) -> Option<Vec<u8>> {
    let groups = file_sd::read(&settings.file)?;
    let mut begins = KINDS.iter();
    let (_, begin) = begins.find(|(kind, _)| *kind == settings.addresses)?;
    let targets = groups[0].targets.iter();
    assert!(targets.clone().all(|target| target.starts_with(begin)));
    assert!(targets.clone().all(|target| target.ends_with(":9100")));
    let addresses = file_sd::addresses(&groups).expect("what is written can be read");
    let last = |address: &IpAddr| match address {
        IpAddr::V4(ip) => ip.octets()[3],
        IpAddr::V6(ip) => ip.octets()[15],
    };
    Some(addresses.iter().map(last).collect())
}

async fn until_in_file(settings: &Settings, members: &[u8]) -> Duration {
    let began = Instant::now();
    while in_file(settings).as_deref() != Some(members) {
        assert!(
            began.elapsed() < Duration::from_secs(600),
            "never: {members:?}"
        );
        sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}

#[test]
fn a_change_at_any_moment_is_in_the_file_within_15_s() {
    for (kind, _) in KINDS {
        a_change_is_in_the_file_within_15_s(kind);
    }
}

fn a_change_is_in_the_file_within_15_s(kind: AddressKind) {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), kind);
    virtually(|| async {
        let pool = Pool::default();
        pool.set(&[1, 2]);
        start(&settings, &pool);
        until_in_file(&settings, &[1, 2]).await;
        let changes: [&[u8]; 6] = [&[1, 2, 3], &[1, 3], &[1, 3, 4, 5], &[7, 8], &[7], &[1, 2]];
        let mut slowest = Duration::ZERO;
        for round in 0..8 {
            for (number, members) in changes.iter().enumerate() {
                // Another moment of the round each time.
                sleep(Duration::from_millis(
                    1_370 * (round * 6 + number as u64) % 13_000,
                ))
                .await;
                pool.set(members);
                slowest = slowest.max(until_in_file(&settings, members).await);
            }
        }
        assert!(slowest <= LIMIT, "{slowest:?}");
        assert!(
            slowest > settings.interval / 2,
            "the moments differ: {slowest:?}"
        );
    });
}

#[test]
fn what_one_list_lacks_stays_and_what_two_lack_leaves() {
    for (kind, _) in KINDS {
        what_one_list_lacks_stays(kind);
    }
}

fn what_one_list_lacks_stays(kind: AddressKind) {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), kind);
    virtually(|| async {
        let pool = Pool::default();
        pool.set(&[1, 2, 3]);
        start(&settings, &pool);
        until_in_file(&settings, &[1, 2, 3]).await;

        for short in [vec![1], vec![], vec![2, 3]] {
            let calls = pool.calls();
            *pool.script.lock().unwrap() = vec![short];
            while pool.calls() < calls + 4 {
                assert_eq!(in_file(&settings), Some(vec![1, 2, 3]));
                sleep(Duration::from_millis(100)).await;
            }
        }
        // Each list lacks another member: none was missing twice.
        let calls = pool.calls();
        *pool.script.lock().unwrap() = vec![vec![1, 2], vec![2, 3]];
        while pool.calls() < calls + 4 {
            assert_eq!(in_file(&settings), Some(vec![1, 2, 3]));
            sleep(Duration::from_millis(100)).await;
        }
        pool.set(&[2]);
        until_in_file(&settings, &[2]).await;
        pool.set(&[]);
        until_in_file(&settings, &[]).await;
        // The empty pool is no reason to ask twice a round for ever.
        sleep(Duration::from_secs(30)).await;
        let (calls, began) = (pool.calls(), Instant::now());
        sleep(Duration::from_secs(600)).await;
        let rounds = began.elapsed().as_secs() / 10;
        assert!(
            u64::from(pool.calls() - calls) <= rounds,
            "{} calls",
            pool.calls() - calls
        );
        pool.set(&[4]);
        until_in_file(&settings, &[4]).await;
    });
}

#[test]
fn another_kind_of_address_replaces_the_old_ones_when_two_lists_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let pool = Pool::default();
    pool.set(&[1, 2]);
    for (kind, _) in KINDS {
        let settings = settings(folder.path(), kind);
        virtually(|| async {
            start(&settings, &pool);
            let calls = pool.calls();
            while !holds(&settings, kind) {
                sleep(Duration::from_millis(50)).await;
            }
            let expected = if kind == AddressKind::Public { 1 } else { 2 };
            assert_eq!(
                pool.calls() - calls,
                expected,
                "what was there is confirmed gone"
            );
        });
    }
}

fn holds(settings: &Settings, kind: AddressKind) -> bool {
    let groups = file_sd::read(&settings.file).unwrap_or_default();
    let begin = KINDS.iter().find(|(other, _)| *other == kind).unwrap().1;
    let mut targets = groups.iter().flat_map(|group| &group.targets);
    targets.any(|target| target.starts_with(begin))
}
