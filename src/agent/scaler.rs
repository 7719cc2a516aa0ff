//! The scaler actor: owns the policy's state, feeds it events and carries out its effects.

use std::sync::Arc;

use actix::{
    Actor, ActorFutureExt as _, AsyncContext as _, Context, Handler, Recipient, ResponseFuture,
    SpawnHandle, WrapFuture as _,
};
use tokio::sync::oneshot;

use super::{
    clock::Clock,
    messages::{ActionReport, Finish, Perform, Ping, ReadPool, SaveMemo, SignalsWaiting},
    read_model::ReadModel,
    signal_inbox::{SignalInbox, Waiting},
};
use crate::{
    exoscale::{ClientError, ErrorKind},
    policy::{Action, Effect, Event, Failure, Memo, Outcome, ReadFailure, State},
};

/// The actors that the scaler needs.
#[derive(Clone, Debug)]
pub struct Partners {
    /// Reads the pool.
    pub read_pool: Recipient<ReadPool>,
    /// Changes the pool.
    pub perform: Recipient<Perform>,
    /// Keeps what must outlive the process.
    pub journal: Recipient<SaveMemo>,
}

/// The actor.
#[derive(Debug)]
pub struct Scaler {
    state: State,
    first_effects: Vec<Effect>,
    clock: Clock,
    inbox: Arc<SignalInbox>,
    partners: Partners,
    read_model: Arc<ReadModel>,
    timer: Option<SpawnHandle>,
    /// Memos on their way to the journal.
    saving: u32,
    /// Who waits for everything under way to end; nothing new begins once this is `Some`.
    finishing: Option<Vec<oneshot::Sender<()>>>,
}

impl Scaler {
    /// A scaler with the state and first effects that [`State::restore`] gave.
    pub fn new(
        (state, first_effects): (State, Vec<Effect>),
        clock: Clock,
        inbox: Arc<SignalInbox>,
        partners: Partners,
        read_model: Arc<ReadModel>,
    ) -> Self {
        Self {
            state,
            first_effects,
            clock,
            inbox,
            partners,
            read_model,
            timer: None,
            saving: 0,
            finishing: None,
        }
    }

    fn step(&mut self, event: Event, ctx: &mut Context<Self>) {
        let effects = self.state.step(event, self.clock.now());
        self.carry_out(effects, ctx);
        self.settle(ctx);
    }

    /// Carries effects out in order. What is to be saved before an action is on disk before it.
    fn carry_out(&mut self, effects: Vec<Effect>, ctx: &mut Context<Self>) {
        let mut unsaved = None;
        for effect in effects {
            match effect {
                Effect::Save(memo) => unsaved = Some(memo),
                Effect::ReadPool => self.read_pool(ctx),
                Effect::Record(decision) => self.read_model.decided(&decision),
                Effect::Act(action) => self.act(action, unsaved.take(), ctx),
            }
        }
        if let Some(memo) = unsaved {
            self.saving += 1;
            let saved = save(self.partners.journal.clone(), memo).into_actor(self);
            ctx.spawn(saved.map(|(), scaler, _| {
                scaler.saving -= 1;
                scaler.answer_finishers();
            }));
        }
    }

    fn read_pool(&self, ctx: &mut Context<Self>) {
        if self.finishing.is_some() {
            return;
        }
        let urgent = self.state.wishes_up();
        let read = self.partners.read_pool.send(ReadPool { urgent });
        ctx.spawn(read.into_actor(self).map(|read, scaler, ctx| {
            if scaler.finishing.is_some() {
                return; // a decision now would take the alert and not act on it
            }
            let read = match read {
                Ok(read) => read.map_err(|error| read_failure(&error)),
                Err(_) => Err(ReadFailure::Unavailable),
            };
            scaler.step(Event::PoolRead(read), ctx);
        }));
    }

    /// Orders the change once the journal knows of it.
    fn act(&self, action: Action, memo: Option<Memo>, ctx: &mut Context<Self>) {
        let partners = self.partners.clone();
        let performed = async move {
            if let Some(memo) = memo {
                // A failure is reported, and does not hinder: a full disk is no reason not to scale.
                save(partners.journal, memo).await;
            }
            match partners.perform.send(Perform(action)).await {
                Ok(report) => report,
                Err(_) => refused("the cloud actor is gone"),
            }
        };
        ctx.spawn(performed.into_actor(self).map(|report, scaler, ctx| {
            scaler.read_model.action_ended(&report);
            let event = Event::ActionEnded {
                outcome: report.outcome,
                written_at: report.written_at,
            };
            scaler.step(event, ctx);
        }));
    }

    /// Publishes the state, answers those who wait for the end, and sets the timer.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        self.read_model.state_changed(&self.state);
        self.answer_finishers();
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if self.finishing.is_none()
            && let Some(at) = self.state.next_wake()
        {
            let wait = at.since(self.clock.now());
            self.timer = Some(ctx.run_later(wait, |scaler, ctx| {
                scaler.timer = None;
                scaler.step(Event::Woken, ctx);
            }));
        }
    }

    fn answer_finishers(&mut self) {
        if self.state.acting().is_none()
            && self.saving == 0
            && let Some(waiting) = &mut self.finishing
        {
            for sender in waiting.drain(..) {
                let _ = sender.send(());
            }
        }
    }

    fn take_signals(&mut self, ctx: &mut Context<Self>) {
        let Waiting { up, down } = self.inbox.take();
        if up > 0 || down > 0 {
            self.step(Event::Signals { up, down }, ctx);
        }
    }
}

async fn save(journal: Recipient<SaveMemo>, memo: Memo) {
    match journal.send(SaveMemo(memo)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "Journal is not kept."),
        Err(error) => tracing::error!(%error, "Journal is gone."),
    }
}

fn refused(detail: &str) -> ActionReport {
    ActionReport {
        outcome: Outcome::Failed(Failure::Refused),
        written_at: None,
        detail: Some(detail.to_owned()),
    }
}

fn read_failure(error: &ClientError) -> ReadFailure {
    match error.kind {
        ErrorKind::Unauthorized { .. } => ReadFailure::Unauthorised,
        ErrorKind::NotFound { .. } => ReadFailure::NotFound,
        _ => ReadFailure::Unavailable,
    }
}

impl Actor for Scaler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let effects = std::mem::take(&mut self.first_effects);
        self.carry_out(effects, ctx);
        self.step(Event::Woken, ctx);
    }
}

impl Handler<SignalsWaiting> for Scaler {
    type Result = ();

    fn handle(&mut self, _: SignalsWaiting, ctx: &mut Self::Context) {
        self.take_signals(ctx);
    }
}

impl Handler<Ping> for Scaler {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}

impl Handler<Finish> for Scaler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Finish, ctx: &mut Self::Context) -> Self::Result {
        let (sender, receiver) = oneshot::channel();
        self.finishing.get_or_insert_default().push(sender);
        // An alert that was answered just now is still to be kept for the next start.
        self.take_signals(ctx);
        self.settle(ctx);
        Box::pin(async move {
            let _ = receiver.await;
        })
    }
}
