//! Recommendations of the past minutes: what keeps a policy from shrinking too soon.

use std::collections::VecDeque;

use crate::time::Micros;

/// The sizes that a policy recommended within a time, which is its stabilisation window.
#[derive(Clone, Debug)]
pub(super) struct Recommended {
    within: Micros,
    sizes: VecDeque<(Micros, u32)>,
}

impl Recommended {
    pub(super) fn new(within: Micros) -> Self {
        Self {
            within,
            sizes: VecDeque::new(),
        }
    }

    /// Takes in what is recommended now; the largest size of the window, which is this one at
    /// least.
    pub(super) fn most_with(&mut self, size: u32, now: Micros) -> u32 {
        self.sizes.push_back((now, size));
        let oldest = now - self.within;
        while self.sizes.front().is_some_and(|(at, _)| *at < oldest) {
            self.sizes.pop_front();
        }
        let sizes = self.sizes.iter().map(|(_, size)| *size);
        sizes.max().unwrap_or(size)
    }
}
