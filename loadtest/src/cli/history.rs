//! The last minutes of a run, as the screen needs them.

use std::collections::VecDeque;

use loadtest::Progress;

const KEPT: usize = 240;

/// One drawn tick: seconds since the start, and values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) at: f64,
    pub(crate) asked: f64,
    pub(crate) started: f64,
    pub(crate) succeeded: f64,
    /// Milliseconds; none when nothing was received.
    pub(crate) p50: Option<f64>,
    pub(crate) p90: Option<f64>,
    pub(crate) p99: Option<f64>,
}

#[derive(Debug, Default)]
pub(crate) struct History(VecDeque<Drawn>);

impl History {
    pub(crate) fn push(&mut self, progress: &Progress) {
        // The last, short tick would show as a wild rate.
        if progress.tick_length.as_secs_f64() < 0.04 {
            return;
        }
        let answered = progress.response.count > 0;
        let millis = |nanos: u64| answered.then_some(nanos as f64 / 1e6);
        self.0.push_back(Drawn {
            at: progress.elapsed.as_secs_f64(),
            asked: progress.asked,
            started: progress.started,
            succeeded: progress.succeeded,
            p50: millis(progress.response.p50),
            p90: millis(progress.response.p90),
            p99: millis(progress.response.p99),
        });
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    /// A curve of one value; ticks without it are left out.
    pub(crate) fn curve(&self, value: impl Fn(&Drawn) -> Option<f64>) -> Vec<(f64, f64)> {
        self.0
            .iter()
            .filter_map(|tick| value(tick).map(|value| (tick.at, value)))
            .collect()
    }

    /// The moments of the first and the last tick, at least a second apart.
    pub(crate) fn span(&self) -> [f64; 2] {
        let first = self.0.front().map_or(0.0, |tick| tick.at);
        let last = self.0.back().map_or(1.0, |tick| tick.at);
        [first, last.max(first + 1.0)]
    }
}
