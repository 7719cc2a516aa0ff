//! Which requests for work are in flight, and when the last one came in: what an orderly end waits
//! for.

use std::time::{Duration, Instant};

use tokio::{sync::watch, time};

/// Counts requests for work from their arrival to their answer. Clones share the count.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    arrived: u64,
    in_flight: usize,
    last_arrival: Instant,
}

/// A request in flight, until dropped.
#[derive(Debug)]
pub(super) struct InFlight {
    state: watch::Sender<State>,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            state: watch::Sender::new(State {
                arrived: 0,
                in_flight: 0,
                last_arrival: Instant::now(),
            }),
        }
    }

    /// Counts a request that has just come in.
    pub(super) fn arrive(&self) -> InFlight {
        self.state.send_modify(|state| {
            state.arrived += 1;
            state.in_flight += 1;
            state.last_arrival = Instant::now();
        });
        InFlight {
            state: self.state.clone(),
        }
    }

    /// Requests that ever came in.
    pub(super) fn arrived(&self) -> u64 {
        self.state.borrow().arrived
    }

    /// Requests that are being worked on or wait for it.
    pub(super) fn in_flight(&self) -> usize {
        self.state.borrow().in_flight
    }

    /// Ends once nothing is in flight and nothing has arrived for `quiet`, counted from this call
    /// at the earliest.
    pub(super) async fn quiet_for(&self, quiet: Duration) {
        let begin = Instant::now();
        let mut changes = self.state.subscribe();
        loop {
            let State {
                in_flight,
                last_arrival,
                ..
            } = *changes.borrow_and_update();
            let left = quiet.saturating_sub(last_arrival.max(begin).elapsed());
            tokio::select! {
                // `self` holds a sender, so this cannot fail.
                _ = changes.changed() => {}
                () = time::sleep(left), if in_flight == 0 => return,
            }
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.state.send_modify(|state| state.in_flight -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_for_what_is_in_flight() {
        let activity = Activity::new();
        let request = activity.arrive();
        let mut quiet = tokio::spawn({
            let activity = activity.clone();
            async move { activity.quiet_for(Duration::from_millis(1)).await }
        });
        let early = time::timeout(Duration::from_millis(50), &mut quiet).await;
        assert!(early.is_err(), "a request is in flight");
        drop(request);
        quiet.await.expect("ends");
        assert_eq!(activity.in_flight(), 0);
    }
}
