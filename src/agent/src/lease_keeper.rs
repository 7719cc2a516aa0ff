//! The lease keeper actor: holds the pool's lease, so that of several agents one acts.

use std::{sync::Arc, time::Duration};

use actix::{
    Actor, ActorFutureExt as _, Addr, AsyncContext as _, Context, Handler, Message, Recipient,
    ResponseFuture, SpawnHandle, WrapFuture as _,
};
use jiff::Timestamp;
use lease::{Answer, Holding, Lease, Request, S3, Store as _, StoreError, Timing, WriteError};
use policy::Leadership;
use program::error_chain::with_causes;
use serde::Serialize;
use tokio::sync::oneshot;

use super::{
    clock::{Clock, Reading, since_boot},
    lease_fence::{BeginChange, ChangeEnded, Fence},
    lease_store::{self, LeaseSettings},
    messages::Ping,
    read_model::ReadModel,
};

/// Requests that fail in a row before `/healthz` says so.
const FAILURES: u32 = 2;

/// To the scaler: whether this agent may act.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct LeadershipIs(pub(crate) Leadership);

/// To the lease keeper: give the lease up. Answered when that is done, or cannot be.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Resign;

/// The lease as others may see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct LeaseView {
    /// Whether this agent leads.
    pub(crate) held: bool,
    /// The largest number that was seen.
    pub(crate) number: u64,
    /// Whom the object names.
    pub(crate) holder: Option<String>,
}

/// Changes that wait for the object to tell of them.
type Waiting = (Duration, oneshot::Sender<Result<(), String>>);

#[derive(Debug)]
pub(crate) struct LeaseKeeper {
    settings: LeaseSettings,
    timing: Timing,
    lease: Lease,
    store: Option<Arc<S3>>,
    clock: Clock,
    fence: Fence,
    scaler: Recipient<LeadershipIs>,
    read_model: Arc<ReadModel>,
    timer: Option<SpawnHandle>,
    /// What the scaler was told last: the number, while this agent leads.
    told: Option<u64>,
    failures: u32,
    waiting: Vec<Waiting>,
    resigned: Vec<oneshot::Sender<()>>,
}

impl LeaseKeeper {
    /// Starts the keeper of this pool's lease, where one is set. `number` is the largest that an
    /// earlier run has held.
    pub(crate) fn start_for(
        settings: Option<LeaseSettings>,
        number: Option<u64>,
        clock: Clock,
        fence: &Fence,
        scaler: Recipient<LeadershipIs>,
        read_model: Arc<ReadModel>,
    ) -> Option<Addr<Self>> {
        let keeper = Self::new(settings?, number, clock, fence.clone(), scaler, read_model);
        let keeper = keeper.start();
        fence.connect(keeper.clone().recipient(), keeper.clone().recipient());
        Some(keeper)
    }

    fn new(
        settings: LeaseSettings,
        number: Option<u64>,
        clock: Clock,
        fence: Fence,
        scaler: Recipient<LeadershipIs>,
        read_model: Arc<ReadModel>,
    ) -> Self {
        let timing = Timing {
            duration: settings.duration,
        };
        Self {
            lease: Lease::new(lease_store::own_name(), timing, number.unwrap_or_default()),
            settings,
            timing,
            store: None,
            clock,
            fence,
            scaler,
            read_model,
            timer: None,
            told: None,
            failures: 0,
            waiting: Vec::new(),
            resigned: Vec::new(),
        }
    }

    /// Finds the store and has it show that it heeds conditions; tries again until it does.
    fn open(&mut self, ctx: &mut Context<Self>) {
        let opened = lease_store::open(self.settings.clone());
        ctx.spawn(opened.into_actor(self).map(|opened, keeper, ctx| {
            keeper.note(opened.as_ref().err());
            match opened {
                Ok(store) => {
                    keeper.store = Some(Arc::new(store));
                    keeper.drive(ctx);
                }
                Err(_) => {
                    ctx.run_later(keeper.timing.interval(), |keeper, ctx| {
                        if keeper.resigned.is_empty() {
                            keeper.open(ctx);
                        }
                    });
                }
            }
        }));
    }

    /// Sends what is to be sent, and publishes what is so.
    fn drive(&mut self, ctx: &mut Context<Self>) {
        self.publish(ctx);
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let Some(store) = self.store.clone() else {
            return;
        };
        let now = since_boot();
        if let Some(request) = self.lease.next(now) {
            let sent = send(store, request);
            ctx.spawn(sent.into_actor(self).map(|(answer, problem), keeper, ctx| {
                keeper.note(problem.as_ref());
                keeper.lease.answered(answer, since_boot());
                keeper.drive(ctx);
            }));
        }
        // The end of the lease is an event, too, whatever the store does.
        let ends = self.lease.held(now).map(|holding| holding.until);
        let wakes = [self.lease.wake_at(now), ends].into_iter().flatten().min();
        if let Some(at) = wakes {
            let wait = at.saturating_sub(now).max(Duration::from_millis(1));
            self.timer = Some(ctx.run_later(wait, |keeper, ctx| {
                keeper.timer = None;
                keeper.drive(ctx);
            }));
        }
        if self.lease.is_gone() {
            self.resigned.drain(..).for_each(|sender| {
                let _ = sender.send(());
            });
        }
    }

    /// Tells the fence, the scaler and whoever looks.
    fn publish(&mut self, ctx: &mut Context<Self>) {
        let now = since_boot();
        let held = self.lease.held(now);
        let until = held.map_or(Duration::ZERO, |holding| holding.until);
        self.fence.open_until(until);
        self.answer_waiting(held, now);
        let number = held.map(|holding| holding.number);
        if self.told != number {
            self.told = number;
            let leadership = held.map_or(Leadership::Standby, |holding| self.leadership(holding));
            match leadership {
                Leadership::Leader { number, .. } => {
                    tracing::info!(number, "This agent holds the lease and acts.");
                }
                Leadership::Standby => {
                    let holder = self.lease.holder();
                    tracing::warn!(holder, "This agent does not hold the lease any more.");
                }
            }
            let told = self.scaler.send(LeadershipIs(leadership));
            // A scaler that is gone is the watchdog's to notice.
            ctx.spawn(told.into_actor(self).map(|_, _, _| {}));
        }
        self.read_model.lease_changed(LeaseView {
            held: held.is_some(),
            number: self.lease.number(),
            holder: self.lease.holder().map(str::to_owned),
        });
    }

    /// In the agent's own time.
    fn leadership(&self, holding: Holding) -> Leadership {
        let reading = Reading::take(self.clock);
        let ended = holding.others_ended.unwrap_or(reading.since_boot);
        let millis = u64::try_from(ended.as_millis()).unwrap_or(u64::MAX);
        Leadership::Leader {
            number: holding.number,
            others_ended: reading.to_moment(millis.saturating_add(1)),
        }
    }

    fn answer_waiting(&mut self, held: Option<Holding>, now: Duration) {
        let is_told = self.lease.is_stamped();
        self.waiting.retain_mut(|(takes, sender)| {
            let answer = match held {
                None => Err("another agent may hold the lease".to_owned()),
                Some(holding) if is_told && now + *takes < holding.until => Ok(()),
                Some(_) if is_told => Err("the lease ends before the change would".to_owned()),
                Some(_) => return !sender.is_closed(),
            };
            let (unused, _) = oneshot::channel();
            let _ = std::mem::replace(sender, unused).send(answer);
            false
        });
    }

    /// Notes how a request went.
    fn note(&mut self, problem: Option<&StoreError>) {
        let before = self.failures;
        self.failures = problem.map_or(0, |_| before.saturating_add(1));
        match problem {
            None if before >= FAILURES => tracing::info!("The lease's store works again."),
            Some(error) if before + 1 == FAILURES => {
                let error = with_causes(error);
                tracing::warn!(error, "The lease's store fails.");
            }
            _ => {}
        }
        let shown = problem.filter(|_| self.failures >= FAILURES);
        let shown = shown.map(|error| {
            let error = with_causes(error);
            format!("{error}; without the lease this agent changes nothing")
        });
        if problem.is_none() || shown.is_some() {
            self.read_model.lease_reached(shown);
        }
    }
}

/// Sends one request; also gives what went wrong.
async fn send(store: Arc<S3>, request: Request) -> (Answer, Option<StoreError>) {
    match request {
        Request::Read => match store.read().await {
            Ok(seen) => (Answer::Read(seen), None),
            Err(error) => (Answer::Failed, Some(error)),
        },
        Request::Write(record, condition) => match store.write(&record, &condition).await {
            Ok(etag) => (Answer::Written(etag), None),
            Err(WriteError::Rejected) => (Answer::Rejected, None),
            Err(WriteError::Failed(error)) => (Answer::Failed, Some(error)),
            Err(WriteError::Unknown(error)) => (Answer::Unknown, Some(error)),
        },
    }
}

impl Actor for LeaseKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.open(ctx);
    }
}

impl Handler<BeginChange> for LeaseKeeper {
    type Result = ResponseFuture<Result<(), String>>;

    fn handle(&mut self, change: BeginChange, ctx: &mut Self::Context) -> Self::Result {
        let (sender, receiver) = oneshot::channel();
        self.waiting.push((change.takes, sender));
        if self.lease.held(since_boot()).is_some() {
            self.lease.stamp(Timestamp::now(), true);
        }
        self.drive(ctx);
        Box::pin(async move {
            let gone = |_| Err("the lease keeper is gone".to_owned());
            receiver.await.unwrap_or_else(gone)
        })
    }
}

impl Handler<ChangeEnded> for LeaseKeeper {
    type Result = ();

    fn handle(&mut self, _: ChangeEnded, ctx: &mut Self::Context) {
        self.lease.stamp(Timestamp::now(), false);
        self.drive(ctx);
    }
}

impl Handler<Resign> for LeaseKeeper {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Resign, ctx: &mut Self::Context) -> Self::Result {
        let (sender, receiver) = oneshot::channel();
        self.resigned.push(sender);
        self.lease.resign();
        self.drive(ctx);
        let is_open = self.store.is_some();
        Box::pin(async move {
            if is_open {
                let _ = receiver.await;
            }
        })
    }
}

impl Handler<Ping> for LeaseKeeper {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}
