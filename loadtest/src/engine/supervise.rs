//! A worker's life on its thread: dispatch, tick, time out, end.

use std::{
    io,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, watch},
    task::{LocalSet, spawn_local},
};

use super::{
    hold::{self, Holding},
    origins::Origin,
    outgoing::Calls,
    state::Place,
    worker::Worker,
};
use crate::{
    plan::Plan,
    record::{Findings, Interval},
};

/// What a worker is made from.
pub(crate) struct Settings {
    pub(crate) plan: Arc<Plan>,
    pub(crate) findings: Arc<Findings>,
    pub(crate) place: Place,
    pub(crate) start: Instant,
    pub(crate) calls: Arc<Calls>,
    pub(crate) origins: Arc<[Origin]>,
    pub(crate) intervals: mpsc::Sender<Interval>,
    pub(crate) stop: watch::Receiver<bool>,
}

/// Runs a worker to its end on the calling thread.
pub(crate) fn run(settings: Settings) -> io::Result<()> {
    let Settings {
        plan,
        findings,
        place,
        start,
        calls,
        origins,
        intervals,
        stop,
    } = settings;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(hold::before_park)
        .build()?;
    let local = LocalSet::new();
    let worker = {
        let _context = runtime.enter();
        Rc::new(Worker::new(plan, findings, place, start, calls, &origins)?)
    };
    let _holding = Holding::of(&worker.dispatcher);
    local.block_on(&runtime, supervise(&worker, start, &intervals, stop))
}

/// Dispatches, ticks, times out, and ends.
async fn supervise(
    worker: &Rc<Worker>,
    start: Instant,
    intervals: &mpsc::Sender<Interval>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let plan = &worker.state.plan;
    let start = tokio::time::Instant::from_std(start);
    tokio::select! {
        () = tokio::time::sleep_until(start) => {}
        _ = stop.wait_for(|stop| *stop) => worker.dispatcher.end_schedule(),
    }
    worker.begin();
    let mut dispatcher = spawn_local(Rc::clone(worker).run_dispatcher());
    let every = |period: Duration| {
        let mut interval = tokio::time::interval_at(start + period, period);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        interval
    };
    let mut ticks = every(plan.tick);
    let mut sweeps =
        every((plan.timeout / 50).clamp(Duration::from_millis(2), Duration::from_millis(100)));
    let mut refreshes = every(plan.dns_refresh);
    let planned = start + plan.load.duration();
    let mut plan_end = std::pin::pin!(tokio::time::sleep_until(planned));
    let mut drain_end = std::pin::pin!(tokio::time::sleep_until(planned + plan.drain));
    // Whether the planned time is over; whether no more is sent; whether all that was sent has
    // ended.
    let (mut over, mut ending, mut done) = (false, false, false);
    while !(done && (over || ending || worker.dispatcher.has_reached_limit())) {
        tokio::select! {
            biased;
            // It never returns, but for a timer that fails.
            result = &mut dispatcher => return result.unwrap_or_else(|error| Err(io::Error::other(error))),
            () = worker.slot_lost() => return Err(io::Error::other("a connection's task failed")),
            now = ticks.tick() => {
                let index = ((now - start).as_secs_f64() / plan.tick.as_secs_f64()).round() as u64;
                worker.flush(intervals, index);
            }
            _ = sweeps.tick() => worker.dispatcher.expire(),
            _ = refreshes.tick() => {
                let again = Rc::clone(worker);
                spawn_local(async move { again.origins.refresh().await });
            }
            () = worker.dispatcher.ended() => done = true,
            // An error means that the run's handle is gone: then nobody waits for the rest either.
            _ = stop.wait_for(|stop| *stop), if !ending => {
                ending = true;
                worker.dispatcher.end_schedule();
            }
            () = &mut plan_end, if !over => over = true,
            () = &mut drain_end, if !ending => {
                ending = true;
                worker.dispatcher.end_schedule();
            }
        }
    }
    // The collector is gone only if it failed; then there is nobody left to tell.
    let _ = intervals.send(worker.last_interval()).await;
    Ok(())
}
