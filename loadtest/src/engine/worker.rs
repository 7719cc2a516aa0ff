//! One thread of the engine: its share of the schedule, its slots, its record. It shares nothing
//! while it runs.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::JoinSet};

use super::{
    clock::Clock,
    connections::Connections,
    dispatcher::Dispatcher,
    origins::{Origin, Origins},
    outgoing::Calls,
    slot::Slot,
    state::{Place, WorkerState},
    task::Task,
};
use crate::{
    check::Kept,
    plan::Plan,
    record::{Findings, Gauges, Interval, TickEnd},
    schedule::nanos,
};

pub(crate) struct Worker {
    pub(crate) state: Rc<WorkerState>,
    pub(crate) dispatcher: Rc<Dispatcher>,
    pub(crate) origins: Rc<Origins>,
    tasks: RefCell<JoinSet<()>>,
}

impl Worker {
    pub(crate) fn new(
        plan: Arc<Plan>,
        findings: Arc<Findings>,
        place: Place,
        start: Instant,
        calls: Arc<Calls>,
        origins: &[Origin],
    ) -> io::Result<Self> {
        let origins = Origins::new(Arc::clone(&plan), Arc::clone(&findings), place, origins);
        let state = Rc::new(WorkerState::new(
            plan,
            findings,
            place.index,
            Clock::new(start),
            calls,
        ));
        Ok(Self {
            dispatcher: Rc::new(Dispatcher::new(Rc::clone(&state), place)?),
            origins: Rc::new(origins),
            tasks: RefCell::default(),
            state,
        })
    }

    /// Starts: a closed loop with all its slots at once.
    pub(crate) fn begin(&self) {
        if self.state.closed_loop {
            self.dispatcher.fill(|slot| self.start(slot));
        } else {
            self.dispatcher.dispatch(|slot| self.start(slot));
        }
    }

    /// Dispatches whenever requests are due. A task of its own, so that a due request wakes nothing
    /// else.
    pub(crate) async fn run_dispatcher(self: Rc<Self>) -> io::Result<()> {
        loop {
            self.dispatcher.due().await?;
            self.dispatcher.dispatch(|slot| self.start(slot));
        }
    }

    fn start(&self, slot: Rc<Slot>) {
        let task = Task {
            state: Rc::clone(&self.state),
            dispatcher: Rc::clone(&self.dispatcher),
            origins: Rc::clone(&self.origins),
            slot,
            connections: Connections::default(),
            kept: Kept::default(),
        };
        self.tasks.borrow_mut().spawn_local(task.run());
    }

    /// Waits for a slot's task to end, which none does unless it panics. Slots added since it was
    /// polled last are not heard before it is polled again.
    pub(crate) async fn slot_lost(&self) {
        poll_fn(
            |context| match self.tasks.borrow_mut().poll_join_next(context) {
                Poll::Ready(Some(_)) => Poll::Ready(()),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            },
        )
        .await;
    }

    /// Hands the tick's record to the collector; should that be behind, the record goes on into the
    /// next tick.
    pub(crate) fn flush(&self, intervals: &mpsc::Sender<Interval>, index: u64) {
        if let Ok(permit) = intervals.try_reserve() {
            permit.send(self.state.flush(self.tick_end(index, false)));
        }
    }

    /// The last record. It is not lost: the collector makes room.
    pub(crate) fn last_interval(&self) -> Interval {
        let index = self.state.clock.now() / nanos(self.state.plan.tick) + 1;
        self.state.flush(self.tick_end(index, true))
    }

    fn tick_end(&self, index: u64, last: bool) -> TickEnd {
        let now = self.state.clock.now();
        TickEnd {
            index,
            at: Duration::from_nanos(now),
            last,
            gauges: Gauges {
                in_flight: self.state.recorder.borrow().in_flight(),
                backlog: self.dispatcher.backlog(now),
                connections: self.state.open.get(),
            },
            cpu: thread_cpu(),
        }
    }
}

/// CPU time of the calling thread.
fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}
