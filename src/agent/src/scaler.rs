//! The scaler actor: owns the policy's state, feeds it events and carries out its effects.

use std::sync::Arc;

use actix::{
    Actor, ActorFutureExt as _, AsyncContext as _, Context, Handler, Recipient, ResponseFuture,
    SpawnHandle, WrapFuture as _,
};
use policy::{
    Action, ActionFailure, ActionOutcome, Decision, DrainId, Effect, Event, Member, Memo,
    OrderError, ReadFailure, Reason, Signals, State, Verdict,
};
use program::error_chain::with_causes;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{
    clock::Clock,
    control::{Command, Note},
    lease_keeper::LeadershipIs,
    messages::{
        ActionReport, AdoptRules, DrainMembers, Finish, GiveBack, ListNow, Perform, Ping, ReadPool,
        SaveMemo, ScheduleSays, SignalsWaiting,
    },
    read_model::ReadModel,
    signal_inbox::{SignalInbox, Waiting},
};

/// The actors that the scaler needs.
#[derive(Clone, Debug)]
pub(crate) struct Partners {
    pub(crate) read_pool: Recipient<ReadPool>,
    /// Empties members of requests.
    pub(crate) drain: Recipient<DrainMembers>,
    /// Tells members to serve on.
    pub(crate) give_back: Recipient<GiveBack>,
    /// Changes the pool.
    pub(crate) perform: Recipient<Perform>,
    /// Lists the members for the discovery file.
    pub(crate) list_now: Recipient<ListNow>,
    /// Keeps what must outlive the process.
    pub(crate) journal: Recipient<SaveMemo>,
}

/// A drain under way, and how to end it.
#[derive(Debug)]
struct RunningDrain {
    id: DrainId,
    given_up: CancellationToken,
}

#[derive(Debug)]
pub(crate) struct Scaler {
    state: State,
    first_effects: Vec<Effect>,
    clock: Clock,
    inbox: Arc<SignalInbox>,
    partners: Partners,
    read_model: Arc<ReadModel>,
    timer: Option<SpawnHandle>,
    drain: Option<RunningDrain>,
    /// Who gave the latest order, and why.
    note: Option<Note>,
    /// Whether the record of that order is still to be made.
    is_noted: bool,
    /// Orders under way that a stop waits for: memos, drains, members being given back.
    open_orders: u32,
    /// Who waits for everything under way to end; nothing new begins once this is `Some`.
    finishing: Option<Vec<oneshot::Sender<()>>>,
}

impl Scaler {
    /// A scaler with the state and first effects that [`State::restore`] gave.
    pub(crate) fn new(
        (state, first_effects): (State, Vec<Effect>),
        note: Option<Note>,
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
            drain: None,
            note,
            is_noted: false,
            open_orders: 0,
            finishing: None,
        }
    }

    fn step(&mut self, event: Event, ctx: &mut Context<Self>) {
        let effects = self.state.step(event, self.clock.now());
        self.carry_out(effects, ctx);
        self.settle(ctx);
    }

    /// Carries effects out in order.
    fn carry_out(&mut self, effects: Vec<Effect>, ctx: &mut Context<Self>) {
        let mut unsaved = None;
        for effect in effects {
            match effect {
                Effect::Save(memo) => unsaved = Some(memo),
                Effect::ReadPool => self.read_pool(ctx),
                Effect::Record(decision) => self.record(&decision),
                Effect::Drain { id, members } => self.drain(id, members, ctx),
                Effect::GiveBack(members) => self.give_back(members, ctx),
                Effect::Act { action, memo } => {
                    unsaved = None; // this one is later
                    self.act(action, memo, ctx);
                }
            }
        }
        if let Some(memo) = unsaved {
            let message = SaveMemo(memo, self.note.clone());
            let saved = save(self.partners.journal.clone(), message);
            self.order(saved, ctx, |_, (), _| {});
        }
    }

    /// Publishes a decision; that of an order with who gave it.
    fn record(&mut self, decision: &Decision) {
        let is_order = decision.verdict == Verdict::Control
            && !matches!(
                decision.reason,
                Reason::ModeEnded | Reason::SettingsRead | Reason::Standby | Reason::Leading
            );
        let note = self.note.as_ref().filter(|_| is_order && self.is_noted);
        self.read_model.decided(decision, note);
        self.is_noted &= !is_order;
    }

    /// Starts something that a stop waits for.
    fn order<F: Future + 'static>(
        &mut self,
        work: F,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, F::Output, &mut Context<Self>) + 'static,
    ) {
        self.open_orders += 1;
        ctx.spawn(work.into_actor(self).map(|output, scaler, ctx| {
            scaler.open_orders -= 1;
            then(scaler, output, ctx);
            scaler.answer_finishers();
        }));
    }

    fn read_pool(&self, ctx: &mut Context<Self>) {
        let urgent = self.state.asks_up();
        let read = self.partners.read_pool.send(ReadPool { urgent });
        ctx.spawn(read.into_actor(self).map(|read, scaler, ctx| {
            let read = read.unwrap_or(Err(ReadFailure::Unavailable));
            scaler.step(Event::PoolRead(read), ctx);
        }));
    }

    /// Reads the pool because what is known of it is old. No decision waits for it, so none ends
    /// when it fails.
    fn look(&self, ctx: &mut Context<Self>) {
        if self.finishing.is_some() {
            return;
        }
        let read = self.partners.read_pool.send(ReadPool { urgent: false });
        ctx.spawn(read.into_actor(self).map(|read, scaler, ctx| {
            if let Ok(Ok(pool)) = read {
                scaler.step(Event::PoolRead(Ok(pool)), ctx);
            }
        }));
    }

    fn drain(&mut self, id: DrainId, members: Vec<Member>, ctx: &mut Context<Self>) {
        let given_up = CancellationToken::new();
        self.drain = Some(RunningDrain {
            id,
            given_up: given_up.clone(),
        });
        let drained = self.partners.drain.send(DrainMembers { members, given_up });
        self.order(drained, ctx, move |scaler, _, ctx| {
            if scaler.drain.as_ref().is_some_and(|drain| drain.id == id) {
                scaler.drain = None;
                scaler.step(Event::DrainEnded(id), ctx);
            }
        });
    }

    fn give_back(&mut self, members: Vec<Member>, ctx: &mut Context<Self>) {
        if let Some(drain) = self.drain.take() {
            // Whoever drains them tells them to serve on, when no question is on its way any more.
            drain.given_up.cancel();
        } else {
            let told = self.partners.give_back.send(GiveBack(members));
            self.order(told, ctx, |_, _, _| {});
        }
    }

    /// Orders the change once the journal knows of it.
    fn act(&self, action: Action, memo: Memo, ctx: &mut Context<Self>) {
        let partners = self.partners.clone();
        let message = SaveMemo(memo, self.note.clone());
        let resize = action.resize();
        let performed = async move {
            // A failure is reported, and does not hinder: a full disk is no reason not to scale.
            save(partners.journal, message).await;
            match partners.perform.send(Perform(action)).await {
                Ok(report) => report,
                Err(_) => refused("the cloud actor is gone"),
            }
        };
        ctx.spawn(performed.into_actor(self).map(move |report, scaler, ctx| {
            scaler.read_model.action_ended(resize, &report);
            let event = Event::ActionEnded {
                outcome: report.outcome,
                written_at: report.written_at,
            };
            scaler.step(event, ctx);
            if report.written_at.is_some() {
                scaler.look(ctx);
                // A full mailbox means that it is asked already; a round comes soon in any case.
                let _ = scaler.partners.list_now.try_send(ListNow);
            }
        }));
    }

    /// Publishes the state, answers those who wait for the end, and sets the timer.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        self.read_model
            .state_changed(&self.state, self.note.as_ref());
        self.answer_finishers();
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if let Some(at) = self.state.next_wake() {
            let wait = at.since(self.clock.now());
            self.timer = Some(ctx.run_later(wait, |scaler, ctx| {
                scaler.timer = None;
                scaler.step(Event::Woken, ctx);
            }));
        }
    }

    fn answer_finishers(&mut self) {
        if self.state.acting().is_none()
            && self.open_orders == 0
            && let Some(waiting) = &mut self.finishing
        {
            for sender in waiting.drain(..) {
                let _ = sender.send(());
            }
        }
    }

    fn take_signals(&mut self, ctx: &mut Context<Self>) {
        let waiting = self.inbox.take();
        let Waiting {
            up,
            down,
            steps,
            at_least,
            down_resolved,
            pool_changed,
        } = waiting;
        if pool_changed {
            self.look(ctx);
        }
        if let Some(members) = at_least {
            self.step(Event::AtLeast(members), ctx);
        }
        if up > 0 || down > 0 {
            self.step(Event::Signals(Signals { up, down, steps }), ctx);
        }
        if down_resolved {
            self.step(Event::DownWithdrawn, ctx);
        }
    }
}

async fn save(journal: Recipient<SaveMemo>, message: SaveMemo) {
    match journal.send(message).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(error = with_causes(&error), "Journal is not kept."),
        Err(error) => tracing::error!(%error, "Journal is gone."),
    }
}

fn refused(detail: &str) -> ActionReport {
    ActionReport {
        outcome: ActionOutcome::Failed(ActionFailure::Refused),
        written_at: None,
        detail: Some(detail.to_owned()),
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

impl Handler<ScheduleSays> for Scaler {
    type Result = ();

    fn handle(&mut self, ScheduleSays(limits): ScheduleSays, ctx: &mut Self::Context) {
        self.step(Event::Scheduled(limits), ctx);
    }
}

impl Handler<Command> for Scaler {
    type Result = Result<(), OrderError>;

    fn handle(
        &mut self,
        Command { order, note }: Command,
        ctx: &mut Self::Context,
    ) -> Self::Result {
        self.state.accepts(&order)?;
        self.note = Some(note);
        self.is_noted = true;
        self.step(Event::Control(order), ctx);
        Ok(())
    }
}

impl Handler<AdoptRules> for Scaler {
    type Result = ();

    fn handle(&mut self, AdoptRules(rules, mode): AdoptRules, ctx: &mut Self::Context) {
        self.step(Event::SettingsRead(Box::new(rules), mode), ctx);
    }
}

impl Handler<LeadershipIs> for Scaler {
    type Result = ();

    fn handle(&mut self, LeadershipIs(leadership): LeadershipIs, ctx: &mut Self::Context) {
        self.step(Event::Leadership(leadership), ctx);
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
        self.step(Event::Stopping, ctx);
        Box::pin(async move {
            let _ = receiver.await;
        })
    }
}
