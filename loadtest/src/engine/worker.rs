//! One thread of the engine: its share of the schedule, its lanes, its record. It shares nothing while it runs.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    io,
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
};

use super::{
    connect::Connector,
    hyper::{self, HyperRequest, Shared},
    lane::{self, Lane},
    timer::Timer,
};
use crate::{
    plan::{CatchUp, Engine, Load, Plan},
    record::{Failure, Interval, Moment, Outcome, Recorder},
    schedule::{Schedule, nanos},
};

/// The largest answer read at once. One buffer serves all of a worker's connections.
const SCRATCH: usize = 64 * 1024;

/// The dispatcher wakes no more often than this, in nanoseconds: above 15 000 requests a second on one worker its
/// wake-ups would cost more than the requests.
const WAKE_GAP: u64 = 60_000;

/// A request that a lane has taken up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// When it was to start.
    pub(crate) intended: u64,
    /// When it was taken up.
    pub(crate) taken: u64,
}

/// Nanoseconds since the run's start, which may lie ahead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn now(self) -> u64 {
        nanos(self.0.elapsed())
    }
}

pub(crate) struct Worker {
    pub(crate) clock: Clock,
    pub(crate) request: Arc<[u8]>,
    pub(crate) scratch: RefCell<Box<[u8]>>,
    pub(crate) recorder: RefCell<Recorder>,
    pub(crate) backend_header: String,
    pub(crate) timeout: u64,
    pub(crate) idempotent: bool,
    pub(crate) hyper_request: HyperRequest,
    pub(super) plan: Arc<Plan>,
    pub(super) connector: Connector,
    schedule: RefCell<Schedule>,
    lanes: RefCell<Vec<Rc<Lane>>>,
    tasks: RefCell<JoinSet<()>>,
    /// Lanes with a connection and no request; the one that has waited longest is first, so that all connections are
    /// used.
    idle: RefCell<VecDeque<usize>>,
    /// Lanes with neither. They are used last: a connection that has come of age is replaced only when it is missed,
    /// so that after a burst their number falls again.
    bare: RefCell<Vec<usize>>,
    max_lanes: usize,
    min_lanes: usize,
    timer: Timer,
    /// Whether the timer will expire at the next due time.
    armed: Cell<bool>,
    /// When due requests were last given to lanes, in nanoseconds since the start.
    released: Cell<u64>,
    /// Told when the last request has ended.
    pub(super) ended: Notify,
    pub(super) random: RefCell<fastrand::Rng>,
    /// Connections that exist.
    pub(super) open: Rc<Cell<u64>>,
    /// With HTTP/2, the connections that lanes share.
    pub(super) shared: Vec<Shared>,
}

/// A share of a total that is split as evenly as it can be.
fn share(total: usize, index: usize, workers: usize) -> usize {
    total / workers + usize::from(index < total % workers)
}

impl Worker {
    pub(super) fn new(
        plan: Arc<Plan>,
        (index, workers): (usize, usize),
        start: Instant,
        request: Arc<[u8]>,
        connector: Connector,
    ) -> io::Result<Self> {
        let connections = share(plan.connections, index, workers);
        let streams = plan.engine.streams();
        let max_lanes = connections * streams;
        let http2 = matches!(plan.engine, Engine::Http2 { .. });
        let hyper_request =
            hyper::request(&plan.request, &plan.target, http2).map_err(io::Error::other)?;
        let closed = matches!(plan.load, Load::Closed(_));
        let recorder = Recorder::new(
            index,
            nanos(plan.warm_up),
            nanos(plan.late_after),
            stage_ends(&plan.load),
        );
        Ok(Self {
            clock: Clock(start),
            request,
            scratch: RefCell::new(vec![0; SCRATCH].into_boxed_slice()),
            recorder: RefCell::new(recorder),
            backend_header: plan.backend_header.clone(),
            timeout: nanos(plan.timeout),
            idempotent: plan.request.is_idempotent(),
            schedule: RefCell::new(Schedule::new(&plan.load, plan.arrivals, index, workers)),
            lanes: RefCell::new(Vec::new()),
            tasks: RefCell::new(JoinSet::new()),
            idle: RefCell::new(VecDeque::new()),
            bare: RefCell::new(Vec::new()),
            max_lanes,
            min_lanes: if closed {
                max_lanes
            } else {
                (share(plan.spread, index, workers) * streams).clamp(1, max_lanes)
            },
            timer: Timer::new()?,
            armed: Cell::new(false),
            released: Cell::new(0),
            ended: Notify::new(),
            random: RefCell::new(fastrand::Rng::new()),
            open: Rc::default(),
            shared: std::iter::repeat_with(Shared::default)
                .take(connections)
                .collect(),
            hyper_request,
            connector,
            plan,
        })
    }

    pub(crate) fn is_closed_loop(&self) -> bool {
        matches!(self.plan.load, Load::Closed(_))
    }

    /// A request that is due now, for a lane that has none.
    pub(crate) fn take(&self) -> Option<Job> {
        let now = self.clock.now();
        self.take_at(now, !self.has_room())
    }

    /// Whether a lane is idle, or one may be added.
    fn has_room(&self) -> bool {
        !self.idle.borrow().is_empty()
            || !self.bare.borrow().is_empty()
            || self.lanes.borrow().len() < self.max_lanes
    }

    fn take_at(&self, now: u64, queued: bool) -> Option<Job> {
        let mut schedule = self.schedule.borrow_mut();
        loop {
            let intended = schedule.take(now)?;
            let mut recorder = self.recorder.borrow_mut();
            match self.plan.catch_up {
                CatchUp::SkipAfter(limit) if now - intended > nanos(limit) => {
                    recorder.skipped(intended);
                }
                _ => {
                    recorder.started(intended, now, queued);
                    return Some(Job {
                        intended,
                        taken: now,
                    });
                }
            }
        }
    }

    /// The outcome of a request that failed, and a note of the reason.
    pub(crate) fn failed(&self, job: Job, failure: Failure, reason: Option<&str>) -> Outcome {
        if let Some(reason) = reason {
            let mut recorder = self.recorder.borrow_mut();
            recorder.failed_because(job.intended, failure, reason);
        }
        Outcome::Failed(failure)
    }

    /// Notes that a lane has no request, and sees to it that the next due one finds it.
    pub(crate) fn set_idle(&self, lane: usize, connected: bool) {
        if connected {
            self.idle.borrow_mut().push_back(lane);
        } else {
            self.bare.borrow_mut().push(lane);
        }
        if !self.armed.get() {
            self.arm();
        }
        self.note_end();
    }

    /// Says so when the last request has ended.
    pub(crate) fn note_end(&self) {
        if self.schedule.borrow().peek().is_none() && self.recorder.borrow().in_flight == 0 {
            self.ended.notify_one();
        }
    }

    fn arm(&self) {
        let next = self.schedule.borrow().peek();
        let Some(next) = next else { return };
        let now = self.clock.now();
        let wake = next.max(self.released.get() + WAKE_GAP);
        let wait = Duration::from_nanos(wake.saturating_sub(now));
        // A timer that was created can be set: the kernel refuses only invalid times.
        self.armed.set(self.timer.arm(wait).is_ok());
    }

    /// Starts: a closed loop with all its lanes at once.
    pub(super) fn begin(self: &Rc<Self>) {
        if self.is_closed_loop() {
            for _ in 0..self.max_lanes {
                self.add_lane();
            }
        } else {
            self.dispatch();
        }
    }

    /// Gives up requests whose time has passed, and idle connections that have come of age.
    pub(super) fn expire(&self) {
        let now = self.clock.now();
        let lanes = self.lanes.borrow();
        lanes.iter().for_each(|lane| lane.expire(now));
        let mut bare = self.bare.borrow_mut();
        self.idle.borrow_mut().retain(|index| {
            let retired = lanes[*index].retire(now);
            if retired {
                bare.push(*index);
            }
            !retired
        });
    }

    /// Resolves the target's name again.
    pub(super) async fn refresh(&self) {
        self.connector.refresh().await;
    }

    /// Dispatches whenever the timer expires. A task of its own, so that a due request wakes nothing else.
    pub(super) async fn run_dispatcher(self: Rc<Self>) -> io::Result<()> {
        loop {
            self.timer.expired().await?;
            self.dispatch();
        }
    }

    /// Gives due requests to idle lanes, and sets the timer for the next unless all are busy: then a lane that
    /// finishes takes the next itself, and the timer would only disturb.
    fn dispatch(self: &Rc<Self>) {
        self.armed.set(false);
        let now = self.clock.now();
        self.released.set(now);
        while self.schedule.borrow().peek().is_some_and(|due| due <= now) {
            if !self.has_room() {
                return;
            }
            let Some(job) = self.take_at(now, false) else {
                break;
            };
            self.free_lane().give(job);
        }
        self.arm();
        self.note_end();
    }

    /// The lane for the next request: an idle connection, unless there are fewer than are to be kept.
    fn free_lane(self: &Rc<Self>) -> Rc<Lane> {
        let mut bare = self.bare.borrow_mut();
        let kept = self.lanes.borrow().len() - bare.len();
        let idle = if kept < self.min_lanes {
            None
        } else {
            self.idle.borrow_mut().pop_front()
        };
        match idle.or_else(|| bare.pop()) {
            Some(index) => Rc::clone(&self.lanes.borrow()[index]),
            None => self.add_lane(),
        }
    }

    fn add_lane(self: &Rc<Self>) -> Rc<Lane> {
        let mut lanes = self.lanes.borrow_mut();
        let lane = Rc::new(Lane::new(lanes.len()));
        lanes.push(Rc::clone(&lane));
        let task = lane::run(Rc::clone(self), Rc::clone(&lane));
        self.tasks.borrow_mut().spawn_local(task);
        lane
    }

    /// Waits for a lane's task to end, which none does unless it panics. Lanes added since it was polled last are not
    /// heard before it is polled again.
    pub(super) async fn lane_lost(&self) {
        poll_fn(
            |context| match self.tasks.borrow_mut().poll_join_next(context) {
                Poll::Ready(Some(_)) => Poll::Ready(()),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            },
        )
        .await;
    }

    /// Starts no more requests; those that were due and not sent are abandoned.
    pub(super) fn end_schedule(&self) {
        let left = self.schedule.borrow_mut().end(self.clock.now());
        self.recorder.borrow_mut().abandoned(left);
        self.note_end();
    }

    /// Hands the tick's record to the collector; should that be behind, the record goes on into the next tick.
    pub(super) fn flush(&self, intervals: &mpsc::Sender<Interval>, index: u64) {
        if let Ok(permit) = intervals.try_reserve() {
            let moment = self.moment(index, false);
            permit.send(self.recorder.borrow_mut().flush(moment));
        }
    }

    /// The last record. It is not lost: the collector makes room.
    pub(super) fn last_interval(&self) -> Interval {
        let index = self.clock.now() / nanos(self.plan.tick) + 1;
        let moment = self.moment(index, true);
        self.recorder.borrow_mut().flush(moment)
    }

    fn moment(&self, index: u64, last: bool) -> Moment {
        let now = self.clock.now();
        Moment {
            index,
            at: Duration::from_nanos(now),
            last,
            backlog: self.schedule.borrow().backlog(now),
            connections: self.open.get(),
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

/// The ends of the profile's stages, in nanoseconds since the start.
fn stage_ends(load: &Load) -> Vec<u64> {
    let Load::Open(profile) = load else {
        return Vec::new();
    };
    let mut end = Duration::ZERO;
    let ends = profile.stages().iter().map(|stage| {
        end += stage.duration;
        nanos(end)
    });
    ends.collect()
}
