//! Whether each part of the agent works, and what is wrong where one does not.
//!
//! Every API operation has a check of its own, which only a success of that operation clears: a read
//! that works says nothing about a key that may not write.

use std::{collections::BTreeMap, time::Duration};

use exoscale::{ClientError, ErrorKind, calls::ApiCall};
use policy::Moment;
use serde::Serialize;

/// Whether one part works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which part.
    pub name: &'static str,
    /// What is wrong; absent when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A part that is checked, apart from the API's operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The members are listed often enough.
    Discovery,
    /// Every running member has an address to be found at.
    Addresses,
    /// The discovery file is written.
    File,
    /// The journal is written.
    Journal,
    /// Every actor answers.
    Actors,
    /// The provider keeps the pool at rest.
    Pool,
    /// Growth brings members that serve.
    Members,
}

impl Part {
    const ALL: [Self; 7] = [
        Self::Discovery,
        Self::Addresses,
        Self::File,
        Self::Journal,
        Self::Actors,
        Self::Pool,
        Self::Members,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Addresses => "addresses",
            Self::File => "file",
            Self::Journal => "journal",
            Self::Actors => "actors",
            Self::Pool => "pool",
            Self::Members => "members",
        }
    }
}

/// The operations that the agent calls.
const OPERATIONS: [ApiCall; 6] = [
    ApiCall::GetInstancePool,
    ApiCall::ListInstances,
    ApiCall::GetLoadBalancer,
    ApiCall::GetOperation,
    ApiCall::ScaleInstancePool,
    ApiCall::EvictInstancePoolMembers,
];

/// What is wrong, part by part.
#[derive(Debug, Default)]
pub(super) struct Health {
    parts: BTreeMap<Part, String>,
    operations: BTreeMap<ApiCall, Trouble>,
}

/// An operation that has not succeeded since it first failed.
#[derive(Debug)]
struct Trouble {
    since: Moment,
    failures: u32,
    /// Whether one of the failures does not pass by itself.
    needs_somebody: bool,
    latest: String,
}

impl Health {
    /// Sets or clears what is wrong with a part; says whether that is a change.
    pub(super) fn set(&mut self, part: Part, problem: Option<String>) -> bool {
        let is_change = self.parts.get(&part) != problem.as_ref();
        match problem {
            Some(problem) => self.parts.insert(part, problem),
            None => self.parts.remove(&part),
        };
        is_change
    }

    /// Notes how a call ended; says whether the operation's state changed, which is worth a line.
    pub(super) fn answered(
        &mut self,
        call: ApiCall,
        error: Option<&ClientError>,
        now: Moment,
    ) -> bool {
        let Some(error) = error else {
            return self.operations.remove(&call).is_some();
        };
        let is_first = !self.operations.contains_key(&call);
        let trouble = self.operations.entry(call).or_insert(Trouble {
            since: now,
            failures: 0,
            needs_somebody: false,
            latest: String::new(),
        });
        let needed_somebody = trouble.needs_somebody;
        trouble.failures = trouble.failures.saturating_add(1);
        trouble.needs_somebody |= needs_somebody(error);
        trouble.latest = error.to_string();
        is_first || trouble.needs_somebody != needed_somebody
    }

    /// Whether the operation's last answer was a failure.
    pub(super) fn fails(&self, call: ApiCall) -> bool {
        self.operations.contains_key(&call)
    }

    /// Every check. A failure that may pass by itself turns its check red when it has lasted for
    /// `patience`.
    pub(super) fn checks(&self, now: Moment, patience: Duration) -> Vec<Check> {
        let parts = Part::ALL.iter().map(|part| Check {
            name: part.name(),
            problem: self.parts.get(part).cloned(),
        });
        let operations = OPERATIONS.iter().map(|call| {
            let trouble = self.operations.get(call);
            let red = trouble.filter(|t| t.is_red(now, patience));
            Check {
                name: call.id(),
                problem: red.map(|trouble| trouble.text(now)),
            }
        });
        parts.chain(operations).collect()
    }
}

impl Trouble {
    fn is_red(&self, now: Moment, patience: Duration) -> bool {
        self.needs_somebody || (self.failures > 1 && now.since(self.since) > patience)
    }

    fn text(&self, now: Moment) -> String {
        match self.failures {
            1 => self.latest.clone(),
            failures => format!(
                "{} (failed {failures} times in {:.0} s)",
                self.latest,
                now.since(self.since).as_secs_f64()
            ),
        }
    }
}

/// Whether somebody must do something before the operation can succeed.
fn needs_somebody(error: &ClientError) -> bool {
    matches!(
        error.kind,
        ErrorKind::Unauthorized { .. } | ErrorKind::NotFound { .. } | ErrorKind::Malformed { .. }
    ) || error.is_capacity()
        || matches!(error.kind, ErrorKind::Api { status, .. } if (400..500).contains(&status))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    fn error(kind: ErrorKind) -> ClientError {
        ClientError::for_tests(ApiCall::GetInstancePool, kind)
    }

    fn refused(status: u16) -> ClientError {
        let message = format!("no {status}");
        error(match status {
            401 | 403 => ErrorKind::Unauthorized { status, message },
            404 => ErrorKind::NotFound { message },
            _ => ErrorKind::Api { status, message },
        })
    }

    fn problem(health: &Health, name: &str, now: Moment) -> Option<String> {
        let checks = health.checks(now, PATIENCE);
        let check = checks.into_iter().find(|check| check.name == name);
        check.expect("there is such a check").problem
    }

    #[test]
    fn one_operations_success_says_nothing_about_another() {
        let mut health = Health::default();
        health.answered(ApiCall::ScaleInstancePool, Some(&refused(403)), at(1));
        health.answered(ApiCall::GetInstancePool, None, at(2));
        let text = problem(&health, "scale-instance-pool", at(2)).expect("it is red");
        assert!(text.contains("no 403"), "{text}");
        assert_eq!(problem(&health, "get-instance-pool", at(2)), None);
        health.answered(ApiCall::ScaleInstancePool, None, at(3));
        assert_eq!(problem(&health, "scale-instance-pool", at(3)), None);
    }

    #[test]
    fn the_latest_cause_is_shown_until_a_success() {
        let mut health = Health::default();
        let call = ApiCall::GetInstancePool;
        health.answered(call, Some(&refused(401)), at(1));
        health.answered(call, Some(&refused(503)), at(2));
        let text = problem(&health, call.id(), at(2)).expect("it stays red");
        assert!(text.contains("no 503") && !text.contains("401"), "{text}");
    }

    #[test]
    fn what_may_pass_is_red_when_it_lasts() {
        let mut health = Health::default();
        let call = ApiCall::ListInstances;
        health.answered(call, Some(&refused(503)), at(0));
        assert_eq!(problem(&health, call.id(), at(61)), None, "one failure");
        health.answered(call, Some(&refused(503)), at(30));
        assert_eq!(problem(&health, call.id(), at(60)), None);
        assert!(problem(&health, call.id(), at(61)).is_some());
    }

    #[test]
    fn a_change_is_told_once() {
        let mut health = Health::default();
        let call = ApiCall::GetLoadBalancer;
        assert!(health.answered(call, Some(&refused(503)), at(0)));
        assert!(!health.answered(call, Some(&refused(503)), at(1)));
        assert!(health.answered(call, Some(&refused(403)), at(2)));
        assert!(!health.answered(call, Some(&refused(403)), at(3)));
        assert!(health.answered(call, None, at(4)));
        assert!(!health.answered(call, None, at(5)));
    }
}
