//! The bounded pool of threads that burns CPU time, away from the threads that serve connections.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{
    CpuQuota,
    clock::{spin_briefly, thread_cpu_time},
    virtual_cpu::{Usage, VirtualCpu},
};

/// CPU time between two payments to the quota: short enough to look like a slow CPU, long enough to
/// cost nothing.
const SLICE: Duration = Duration::from_millis(5);

/// How much to burn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// This much CPU time.
    CpuTime(Duration),
    /// Whatever can be burnt in this much wall time.
    WallTime(Duration),
}

/// What became of a job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    /// CPU time of the worker thread.
    pub(super) burnt: Duration,
    /// Wall time between submission and start.
    pub(super) queue_wait: Duration,
}

/// The queue has no room for the work; nothing of it was taken.
#[derive(Debug, thiserror::Error)]
#[error("the queue is full")]
pub(super) struct QueueFull;

/// Threads with one queue before them. Dropping it ends them at once, whatever they are at.
#[derive(Debug)]
pub(super) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    work_came: Condvar,
    workers: usize,
    limit: usize,
    quota: Option<CpuQuota>,
    cpus: Vec<VirtualCpu>,
    asked_nanos: AtomicU64,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    busy_workers: usize,
}

#[derive(Debug)]
struct Job {
    work: Work,
    submitted: Instant,
    reply: oneshot::Sender<Done>,
}

impl Pool {
    /// Starts `workers` threads. With a quota they share one virtual CPU, without one each has its
    /// own.
    pub(super) fn start(workers: usize, limit: usize, quota: Option<CpuQuota>) -> io::Result<Self> {
        let now = Instant::now();
        let cpus = if quota.is_some() { 1 } else { workers };
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            work_came: Condvar::new(),
            workers,
            limit,
            quota,
            cpus: (0..cpus)
                .map(|_| VirtualCpu::new(quota.unwrap_or(CpuQuota::FULL), now))
                .collect(),
            asked_nanos: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        });
        let mut pool = Self {
            shared,
            threads: Vec::with_capacity(workers),
        };
        for index in 0..workers {
            let shared = Arc::clone(&pool.shared);
            let thread = thread::Builder::new()
                .name(format!("cpu-{index}"))
                .spawn(move || shared.run_worker(&shared.cpus[index % cpus]))?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// Queues one piece of work. When the receiver is dropped the work is given up.
    pub(super) fn submit(&self, work: Work) -> Result<oneshot::Receiver<Done>, QueueFull> {
        let mut receivers = self.submit_many(work, 1)?;
        receivers.pop().ok_or(QueueFull)
    }

    /// Queues the work once for every worker, or not at all.
    pub(super) fn submit_to_all(
        &self,
        work: Work,
    ) -> Result<Vec<oneshot::Receiver<Done>>, QueueFull> {
        self.submit_many(work, self.shared.workers)
    }

    fn submit_many(
        &self,
        work: Work,
        count: usize,
    ) -> Result<Vec<oneshot::Receiver<Done>>, QueueFull> {
        let submitted = Instant::now();
        let mut queue = self.shared.queue.lock();
        // A worker that has nothing to do takes a job out at once, so its job does not count as
        // waiting.
        let idle_workers = self.shared.workers - queue.busy_workers;
        if queue.jobs.len() + count > self.shared.limit + idle_workers {
            return Err(QueueFull);
        }
        let receivers = (0..count)
            .map(|_| {
                let (reply, receiver) = oneshot::channel();
                queue.jobs.push_back(Job {
                    work,
                    submitted,
                    reply,
                });
                self.shared.work_came.notify_one();
                receiver
            })
            .collect();
        drop(queue);
        let asked = match work {
            Work::CpuTime(time) => time * count as u32,
            Work::WallTime(time) => {
                time.mul_f64(self.capacity()) * count as u32 / self.shared.workers as u32
            }
        };
        self.shared
            .asked_nanos
            .fetch_add(asked.as_nanos() as u64, Ordering::Relaxed);
        Ok(receivers)
    }

    /// CPU-seconds per second that the pool can burn, on a machine that has them.
    fn capacity(&self) -> f64 {
        self.shared
            .quota
            .map_or(self.shared.workers as f64, CpuQuota::fraction)
    }

    /// CPU time asked for since the start.
    pub(super) fn asked(&self) -> Duration {
        Duration::from_nanos(self.shared.asked_nanos.load(Ordering::Relaxed))
    }

    /// CPU time burnt since the start, work in progress included.
    pub(super) fn burnt(&self) -> Duration {
        self.shared.cpus.iter().map(VirtualCpu::burnt).sum()
    }

    /// How each virtual CPU has spent its time since the start.
    pub(super) fn usage(&self) -> Vec<Usage> {
        let now = Instant::now();
        self.shared.cpus.iter().map(|cpu| cpu.usage(now)).collect()
    }

    /// Gives up all work, at once.
    pub(super) fn close(&self) {
        // Set under the lock: a worker that has looked but does not wait yet would miss the
        // wake-up.
        let mut queue = self.shared.queue.lock();
        self.shared.closed.store(true, Ordering::Relaxed);
        queue.jobs.clear();
        drop(queue);
        self.shared.work_came.notify_all();
        for thread in &self.threads {
            thread.thread().unpark();
        }
    }

    /// Jobs being worked on or waiting: what a kernel calls runnable.
    pub(super) fn runnable(&self) -> usize {
        let queue = self.shared.queue.lock();
        queue.jobs.len() + queue.busy_workers
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
        for thread in self.threads.drain(..) {
            // A worker that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn run_worker(&self, cpu: &VirtualCpu) {
        while let Some(job) = self.wait_for_job() {
            cpu.begin(Instant::now());
            let mut next = Some(job);
            while let Some(job) = next {
                self.work(job, cpu);
                next = self.next_job_or_idle();
            }
            cpu.end(Instant::now());
        }
    }

    fn wait_for_job(&self) -> Option<Job> {
        let mut queue = self.queue.lock();
        self.work_came
            .wait_while(&mut queue, |queue| queue.jobs.is_empty() && !self.closed());
        let job = queue.jobs.pop_front()?;
        queue.busy_workers += 1;
        Some(job)
    }

    fn next_job_or_idle(&self) -> Option<Job> {
        let mut queue = self.queue.lock();
        let job = queue.jobs.pop_front();
        if job.is_none() {
            queue.busy_workers -= 1;
        }
        job
    }

    fn work(&self, job: Job, cpu: &VirtualCpu) {
        let started = Instant::now();
        let mut burnt = Duration::ZERO;
        loop {
            let slice = match job.work {
                Work::CpuTime(time) => time.saturating_sub(burnt),
                Work::WallTime(time) => time.saturating_sub(started.elapsed()),
            };
            if slice.is_zero() {
                break;
            }
            let spent = self.burn(slice.min(SLICE), cpu, &job.reply);
            burnt += spent;
            if self.quota.is_some() {
                self.wait_until(cpu.charge(spent, Instant::now()));
            }
            if job.reply.is_closed() || self.closed() {
                return;
            }
        }
        // The client may have gone in the meantime; the work is done and counted all the same.
        let _ = job.reply.send(Done {
            burnt,
            queue_wait: started.duration_since(job.submitted),
        });
    }

    /// Burns a slice of CPU time, less when nobody waits for it any more, and returns how much it
    /// was.
    fn burn(&self, slice: Duration, cpu: &VirtualCpu, reply: &oneshot::Sender<Done>) -> Duration {
        let before = thread_cpu_time();
        let mut spent = Duration::ZERO;
        while spent < slice && !reply.is_closed() && !self.closed() {
            spin_briefly();
            let total = thread_cpu_time().saturating_sub(before);
            cpu.record(total.saturating_sub(spent));
            spent = total;
        }
        spent
    }

    fn wait_until(&self, deadline: Instant) {
        while !self.closed() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Work = Work::CpuTime(Duration::from_secs(60));

    #[test]
    fn burns_what_was_asked_for() {
        let pool = Pool::start(1, 0, None).expect("threads start");
        let work = Duration::from_millis(20);
        let done = pool
            .submit(Work::CpuTime(work))
            .expect("a worker is idle")
            .blocking_recv()
            .expect("done");
        assert!(done.burnt >= work, "{done:?}");
        assert!(done.burnt < work * 2, "{done:?}");
        assert_eq!(pool.asked(), work);
        assert_eq!(pool.burnt(), done.burnt);
    }

    #[test]
    fn the_queue_is_bounded_and_dropping_the_pool_ends_endless_work() {
        let pool = Pool::start(1, 2, None).expect("threads start");
        let kept: Vec<_> = (0..3)
            .map(|_| pool.submit(LONG).expect("one at work and two waiting"))
            .collect();
        assert!(pool.submit(LONG).is_err());
        drop(pool);
        for receiver in kept {
            assert!(
                receiver.blocking_recv().is_err(),
                "work that was cut off has no result"
            );
        }
    }

    #[test]
    fn work_that_nobody_waits_for_is_given_up() {
        let pool = Pool::start(1, 8, None).expect("threads start");
        drop(pool.submit(LONG).expect("room"));
        drop(pool.submit(LONG).expect("room"));
        let done = pool
            .submit(Work::CpuTime(Duration::from_millis(1)))
            .expect("room")
            .blocking_recv();
        assert!(done.is_ok_and(|done| done.queue_wait < Duration::from_secs(30)));
    }
}
