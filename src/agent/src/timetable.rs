//! The timetable actor: tells the scaler what the schedule says, when that changes.
//!
//! The policy knows no wall clock, so this is the one place where the hour of the day matters. It
//! looks again at least each half minute: a wall clock that jumps moves no timer.

use std::time::Duration;

use actix::{
    Actor, ActorFutureExt as _, AsyncContext as _, Context, Handler, Recipient, SpawnHandle,
    WrapFuture as _,
};
use jiff::Timestamp;
use policy::{ScheduledLimits, Size};
use schedule::{Entry, Schedule};

use super::messages::{AdoptSchedule, Ping, ScheduleSays};

/// A clock that was set is noticed within this time.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Timetable {
    schedule: Schedule,
    wall_clock: fn() -> Timestamp,
    scaler: Recipient<ScheduleSays>,
    told: ScheduledLimits,
    timer: Option<SpawnHandle>,
}

/// What a schedule says at this moment.
pub(crate) fn limits_at(schedule: &Schedule, now: Timestamp) -> ScheduledLimits {
    schedule
        .at(now)
        .map(Entry::settings)
        .map_or_else(ScheduledLimits::default, |row| ScheduledLimits {
            min: Some(Size(row.min_size)),
            max: row.max_size.map(Size),
        })
}

impl Timetable {
    /// A timetable for a scaler that knows what was `told` before.
    pub(crate) fn new(
        schedule: Schedule,
        wall_clock: fn() -> Timestamp,
        scaler: Recipient<ScheduleSays>,
        told: ScheduledLimits,
    ) -> Self {
        Self {
            schedule,
            wall_clock,
            scaler,
            told,
            timer: None,
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        let now = (self.wall_clock)();
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let limits = limits_at(&self.schedule, now);
        if limits != self.told {
            self.told = limits;
            let size = |size: Option<Size>| size.map(|size| size.0);
            let (min, max) = (size(limits.min), size(limits.max));
            tracing::info!(min, max, "Schedule has changed.");
            let told = self.scaler.send(ScheduleSays(limits));
            // A scaler that is gone is the watchdog's to notice.
            ctx.spawn(told.into_actor(self).map(|_, _, _| {}));
        }
        let Some(next) = self.schedule.next_change(now) else {
            return; // there are no rows
        };
        let wait = Duration::try_from(next.duration_since(now)).unwrap_or_default();
        self.timer = Some(ctx.run_later(wait.min(LOOK_AGAIN), Self::look));
    }
}

impl Actor for Timetable {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<AdoptSchedule> for Timetable {
    type Result = ();

    fn handle(&mut self, AdoptSchedule(schedule): AdoptSchedule, ctx: &mut Self::Context) {
        self.schedule = schedule;
        self.look(ctx);
    }
}

impl Handler<Ping> for Timetable {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    };

    use actix::System;
    use schedule::EntrySettings;
    use tokio::time::sleep;

    use super::*;

    /// Seconds of the wall clock, which the test moves as it likes.
    static WALL_CLOCK: AtomicI64 = AtomicI64::new(0);

    fn wall_clock() -> Timestamp {
        Timestamp::from_second(WALL_CLOCK.load(Ordering::SeqCst)).unwrap()
    }

    #[derive(Debug, Default)]
    struct Scaler(Arc<Mutex<Vec<ScheduledLimits>>>);

    impl Actor for Scaler {
        type Context = Context<Self>;
    }

    impl Handler<ScheduleSays> for Scaler {
        type Result = ();

        fn handle(&mut self, says: ScheduleSays, _: &mut Self::Context) {
            self.0.lock().unwrap().push(says.0);
        }
    }

    #[test]
    fn changes_are_told_once_also_when_the_clock_is_set() {
        let row: EntrySettings = toml::from_str(
            "from = \"08:00\"\nto = \"18:00\"\ntime_zone = \"UTC\"\nmin_size = 4\nmax_size = 8\n",
        )
        .unwrap();
        let start = "2026-03-02T07:59:50Z".parse::<Timestamp>().unwrap();
        let rows = vec![Entry::try_from(row).unwrap()];
        let schedule = Schedule::new(rows, start).unwrap();
        WALL_CLOCK.store(start.as_second(), Ordering::SeqCst);
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_all().start_paused(true).build().unwrap()
        };
        System::with_tokio_rt(runtime).block_on(async {
            let told = Arc::default();
            let scaler = Scaler(Arc::clone(&told)).start();
            let nothing = ScheduledLimits::default();
            let timetable = Timetable::new(schedule, wall_clock, scaler.recipient(), nothing);
            let timetable = timetable.start();
            let seen = || told.lock().unwrap().clone();
            let pass = async |seconds: i64| {
                WALL_CLOCK.fetch_add(seconds, Ordering::SeqCst);
                sleep(Duration::from_secs(seconds.unsigned_abs())).await;
            };
            pass(9).await;
            assert_eq!(seen(), []);
            pass(2).await;
            let office = ScheduledLimits {
                min: Some(Size(4)),
                max: Some(Size(8)),
            };
            assert_eq!(seen(), [office]);
            pass(600).await;
            assert_eq!(seen(), [office], "told once");
            // Somebody sets the clock to the evening.
            WALL_CLOCK.fetch_add(12 * 3600, Ordering::SeqCst);
            sleep(LOOK_AGAIN + Duration::from_secs(1)).await;
            assert_eq!(seen(), [office, nothing]);
            // The settings are read again: other rows, and then none.
            let night: EntrySettings = toml::from_str(
                "from = \"18:00\"\nto = \"23:00\"\ntime_zone = \"UTC\"\nmin_size = 2\n",
            )
            .unwrap();
            let rows = vec![Entry::try_from(night).unwrap()];
            let other = Schedule::new(rows, wall_clock()).unwrap();
            timetable.send(AdoptSchedule(other)).await.unwrap();
            sleep(Duration::from_millis(1)).await;
            let evening = ScheduledLimits {
                min: Some(Size(2)),
                max: None,
            };
            assert_eq!(seen(), [office, nothing, evening]);
            let none = AdoptSchedule(Schedule::default());
            timetable.send(none).await.unwrap();
            sleep(Duration::from_millis(1)).await;
            assert_eq!(seen(), [office, nothing, evening, nothing]);
        });
    }
}
