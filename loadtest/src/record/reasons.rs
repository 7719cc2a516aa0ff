//! Why requests failed, in words: a bounded number of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::failure::Failure;

/// Different reasons kept for each kind of failure; what comes later is counted together.
const MAX_REASONS: usize = 8;
/// A reason's length in characters: some quote what a server sent.
const MAX_LENGTH: usize = 400;
const OTHERS: &str = "(other reasons)";

/// How often requests failed for which reason, by the kind of failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reasons(BTreeMap<Failure, BTreeMap<String, u64>>);

impl Reasons {
    /// The reasons for one kind of failure, with how often each was met.
    pub fn of(&self, failure: Failure) -> impl Iterator<Item = (&str, u64)> {
        let reasons = self.0.get(&failure).into_iter().flatten();
        reasons.map(|(reason, count)| (reason.as_str(), *count))
    }

    pub(crate) fn count(&mut self, failure: Failure, reason: &str, times: u64) {
        let known = self.0.entry(failure).or_default();
        let mut reason = clean(reason);
        if known.len() >= MAX_REASONS && !known.contains_key(&reason) {
            OTHERS.clone_into(&mut reason);
        }
        *known.entry(reason).or_default() += times;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (failure, reasons) in &other.0 {
            for (reason, times) in reasons {
                self.count(*failure, reason, *times);
            }
        }
    }
}

/// A reason in one line that is safe on a terminal.
fn clean(reason: &str) -> String {
    let safe = |c: char| if c.is_control() { ' ' } else { c };
    reason.chars().take(MAX_LENGTH).map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::{Failure, MAX_REASONS, OTHERS, Reasons};

    #[test]
    fn they_are_counted_and_their_number_is_bounded() {
        let mut reasons = Reasons::default();
        for n in 0..100 {
            reasons.count(Failure::Protocol, &format!("reason {n}\u{1b}[2J"), 1);
            reasons.count(Failure::Tls, "expired", 2);
        }
        let mut twice = reasons.clone();
        twice.add(&reasons);
        let protocol: Vec<_> = twice.of(Failure::Protocol).collect();
        assert_eq!(protocol.len(), MAX_REASONS + 1);
        assert!(protocol.contains(&(OTHERS, 2 * (100 - MAX_REASONS as u64))));
        assert!(
            !protocol.iter().any(|(reason, _)| reason.contains('\u{1b}')),
            "{protocol:?}"
        );
        assert_eq!(
            twice.of(Failure::Tls).collect::<Vec<_>>(),
            [("expired", 400)]
        );
        assert_eq!(twice.of(Failure::Closed).count(), 0);
    }
}
