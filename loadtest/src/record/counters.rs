//! What is counted. The same types go from a worker's record over the tick and the run into every
//! report.

use std::{collections::BTreeMap, ops::AddAssign};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{failure::Failure, reasons::Reasons};

/// What became of the plan: `scheduled = sent + late + skipped + unsent`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    /// Intended starts that have passed.
    pub scheduled: u64,
    /// Sent on time.
    pub sent: u64,
    /// Sent, but later than [`Plan::late_after`](crate::Plan::late_after).
    pub late: u64,
    /// Left out by the catch-up policy.
    pub skipped: u64,
    /// Not sent before the end of the run.
    #[serde(alias = "abandoned")]
    pub unsent: u64,
}

impl Accounts {
    /// Requests that were sent, on time or late.
    pub fn started(&self) -> u64 {
        self.sent + self.late
    }

    /// The part of the plan that was sent, 0 to 1.
    pub(crate) fn delivered(&self) -> f64 {
        if self.scheduled == 0 {
            1.0
        } else {
            self.started() as f64 / self.scheduled as f64
        }
    }
}

impl AddAssign for Accounts {
    fn add_assign(&mut self, other: Self) {
        self.scheduled += other.scheduled;
        self.sent += other.sent;
        self.late += other.late;
        self.skipped += other.skipped;
        self.unsent += other.unsent;
    }
}

/// What happened to the requests that were sent, and on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Requests sent during the warm-up, which nothing else counts.
    pub warm_up: u64,
    /// Requests that ended with a status below 400.
    pub ok: u64,
    /// Requests that failed, by kind.
    pub failures: BTreeMap<Failure, u64>,
    /// The failures' reasons, as far as there is more to say than their kind.
    #[serde(default)]
    pub reasons: Reasons,
    #[serde(deserialize_with = "by_status")]
    pub statuses: BTreeMap<u16, u64>,
    /// Requests that waited because every connection was busy.
    pub queued: u64,
    /// Requests sent again because the server had closed an idle connection.
    pub retried: u64,
    /// Redirects that were followed.
    #[serde(default)]
    pub redirects: u64,
    pub connected: u64,
    pub bytes_received: u64,
}

impl Counters {
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        // Whole, so that a new counter cannot be left out.
        let Self {
            warm_up,
            ok,
            failures,
            reasons,
            statuses,
            queued,
            retried,
            redirects,
            connected,
            bytes_received,
        } = other;
        self.warm_up += warm_up;
        self.ok += ok;
        add_each(&mut self.failures, failures);
        self.reasons.add(reasons);
        add_each(&mut self.statuses, statuses);
        self.queued += queued;
        self.retried += retried;
        self.redirects += redirects;
        self.connected += connected;
        self.bytes_received += bytes_received;
    }
}

/// Adds counts to those under the same key.
pub(crate) fn add_each<K: Ord + Clone>(total: &mut BTreeMap<K, u64>, part: &BTreeMap<K, u64>) {
    for (key, count) in part {
        *total.entry(key.clone()).or_default() += count;
    }
}

/// Numbers as keys are texts in JSON, and inside a flattened struct serde leaves them so.
fn by_status<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<u16, u64>, D::Error> {
    let texts = BTreeMap::<String, u64>::deserialize(from)?;
    let numbers = texts.into_iter().map(|(status, count)| {
        let status = status.parse();
        status
            .map(|status| (status, count))
            .map_err(|_| D::Error::custom("a status is a number"))
    });
    numbers.collect()
}

/// All that one part of a run counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) accounts: Accounts,
    #[serde(flatten)]
    pub(crate) counters: Counters,
    /// Requests sent, by the stage they were intended in; the warm-up's too.
    pub(crate) stages: Vec<u64>,
}

impl Counts {
    /// Requests that were sent, in the warm-up too.
    pub(crate) fn started(&self) -> u64 {
        self.accounts.started() + self.counters.warm_up
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.accounts += other.accounts;
        self.counters.add(&other.counters);
        if self.stages.len() < other.stages.len() {
            self.stages.resize(other.stages.len(), 0);
        }
        for (total, part) in self.stages.iter_mut().zip(&other.stages) {
            *total += part;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn counts_of_an_earlier_version_are_read() {
        let text = r#"{"accounts":{"scheduled":3,"sent":1,"late":0,"skipped":0,"abandoned":2},"warm_up":0,"ok":1,
            "failures":{"refused":4},"statuses":{"200":1},"queued":0,"retried":0,"connected":1,"bytes_received":9,
            "stages":[3]}"#;
        let counts: Counts = serde_json::from_str(text).expect("valid");
        assert_eq!((counts.accounts.unsent, counts.counters.failed()), (2, 4));
        assert_eq!(
            (counts.counters.statuses[&200], &*counts.stages),
            (1, &[3][..])
        );
    }
}
