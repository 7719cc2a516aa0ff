//! Whether each part of the agent works, and what is wrong where one does not.
//!
//! Every API operation has a check of its own, which only a success of that operation clears: a
//! read that works says nothing about a key that may not write.

use std::{collections::BTreeMap, time::Duration};

use policy::Moment;
use serde::Serialize;

use super::target::{OPERATIONS, TargetError};

/// Whether one part works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// Which part.
    pub(crate) name: &'static str,
    /// What is wrong; absent when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

/// A check of one pool of several.
#[derive(Debug, Serialize)]
pub(crate) struct PoolCheck<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'a str>,
    #[serde(flatten)]
    check: &'a Check,
}

impl Check {
    pub(crate) fn of_pool<'a>(&'a self, pool: Option<&'a str>) -> PoolCheck<'a> {
        PoolCheck { pool, check: self }
    }
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
    /// The lease's store answers.
    Lease,
    /// No other autoscaler changes the pool.
    Others,
}

impl Part {
    const ALL: [Self; 9] = [
        Self::Discovery,
        Self::Addresses,
        Self::File,
        Self::Journal,
        Self::Actors,
        Self::Pool,
        Self::Members,
        Self::Lease,
        Self::Others,
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
            Self::Lease => "lease",
            Self::Others => "others",
        }
    }
}

/// What is wrong, part by part.
#[derive(Debug, Default)]
pub(super) struct Health {
    parts: BTreeMap<Part, String>,
    operations: BTreeMap<&'static str, Trouble>,
}

/// What a call's end changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    None,
    /// Something, but nothing that is not in the log by another line.
    Untold,
    Fails,
    WorksAgain,
}

/// An operation that has not succeeded since it first failed.
#[derive(Debug)]
struct Trouble {
    since: Moment,
    failures: u32,
    /// Whether one of the failures does not pass by itself.
    needs_operator: bool,
    /// Whether one of them was more than a call held back.
    is_told: bool,
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

    /// Notes how a call ended; says what of it is worth a line.
    pub(super) fn call_ended(
        &mut self,
        operation: &'static str,
        error: Option<&TargetError>,
        now: Moment,
    ) -> News {
        let Some(error) = error else {
            return match self.operations.remove(operation) {
                Some(trouble) if trouble.is_told => News::WorksAgain,
                Some(_) => News::Untold,
                None => News::None,
            };
        };
        let trouble = self.operations.entry(operation).or_insert(Trouble {
            since: now,
            failures: 0,
            needs_operator: false,
            is_told: false,
            latest: String::new(),
        });
        let needed_operator = trouble.needs_operator;
        trouble.failures = trouble.failures.saturating_add(1);
        trouble.needs_operator |= error.needs_operator;
        trouble.latest = error.to_string();
        // Another operation was told to wait, and its failure has been told.
        let is_first = !trouble.is_told && !error.is_paused;
        trouble.is_told |= is_first;
        if is_first || trouble.needs_operator != needed_operator {
            News::Fails
        } else if trouble.failures == 1 {
            News::Untold
        } else {
            News::None
        }
    }

    /// Whether the operation's last answer was a failure.
    pub(super) fn fails(&self, operation: &str) -> bool {
        self.operations.contains_key(operation)
    }

    /// What is wrong with an operation whose last answer was a failure, red or not yet.
    pub(super) fn failure(&self, operation: &str, now: Moment) -> Option<String> {
        let trouble = self.operations.get(operation)?;
        Some(format!("{operation}: {}", trouble.text(now)))
    }

    /// Every check. A failure that may pass by itself turns its check red when it has lasted for
    /// `patience`.
    pub(super) fn checks(&self, now: Moment, patience: Duration) -> Vec<Check> {
        let parts = Part::ALL.iter().map(|part| Check {
            name: part.name(),
            problem: self.parts.get(part).cloned(),
        });
        let operations = OPERATIONS.into_iter().map(|name| {
            let trouble = self.operations.get(name);
            let red = trouble.filter(|t| t.is_red(now, patience));
            Check {
                name,
                problem: red.map(|trouble| trouble.text(now)),
            }
        });
        parts.chain(operations).collect()
    }
}

impl Trouble {
    fn is_red(&self, now: Moment, patience: Duration) -> bool {
        self.needs_operator || (self.failures > 1 && now.since(self.since) > patience)
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

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    fn passing() -> TargetError {
        TargetError::passing("no 503")
    }

    fn refused() -> TargetError {
        TargetError {
            needs_operator: true,
            ..TargetError::passing("no 403")
        }
    }

    fn problem(health: &Health, name: &str, now: Moment) -> Option<String> {
        let checks = health.checks(now, PATIENCE);
        let check = checks.into_iter().find(|check| check.name == name);
        check.expect("there is such a check").problem
    }

    #[test]
    fn one_operations_success_says_nothing_about_another() {
        let mut health = Health::default();
        health.call_ended("scale-instance-pool", Some(&refused()), at(1));
        health.call_ended("get-instance-pool", None, at(2));
        let text = problem(&health, "scale-instance-pool", at(2)).expect("it is red");
        assert!(text.contains("no 403"), "{text}");
        assert_eq!(problem(&health, "get-instance-pool", at(2)), None);
        health.call_ended("scale-instance-pool", None, at(3));
        assert_eq!(problem(&health, "scale-instance-pool", at(3)), None);
    }

    #[test]
    fn the_latest_cause_is_shown_until_a_success() {
        let mut health = Health::default();
        let call = "get-instance-pool";
        health.call_ended(call, Some(&refused()), at(1));
        health.call_ended(call, Some(&passing()), at(2));
        let text = problem(&health, call, at(2)).expect("it stays red");
        assert!(text.contains("no 503") && !text.contains("403"), "{text}");
    }

    #[test]
    fn what_may_pass_is_red_when_it_lasts() {
        let mut health = Health::default();
        let call = "list-instances";
        health.call_ended(call, Some(&passing()), at(0));
        assert_eq!(problem(&health, call, at(61)), None, "one failure");
        health.call_ended(call, Some(&passing()), at(30));
        assert_eq!(problem(&health, call, at(60)), None);
        assert!(problem(&health, call, at(61)).is_some());
    }

    #[test]
    fn a_change_is_told_once() {
        let mut health = Health::default();
        let (passing, refused) = (passing(), refused());
        let mut ended = |error, second| health.call_ended("get-load-balancer", error, at(second));
        assert_eq!(ended(Some(&passing), 0), News::Fails);
        assert_eq!(ended(Some(&passing), 1), News::None);
        assert_eq!(ended(Some(&refused), 2), News::Fails);
        assert_eq!(ended(Some(&refused), 3), News::None);
        assert_eq!(ended(None, 4), News::WorksAgain);
        assert_eq!(ended(None, 5), News::None);
    }

    #[test]
    fn a_call_that_an_asked_pause_holds_back_is_no_news() {
        let mut health = Health::default();
        let paused = TargetError {
            is_paused: true,
            ..passing()
        };
        let operation = "list-instances";
        let told = health.call_ended(operation, Some(&paused), at(0));
        assert_eq!(told, News::Untold);
        assert!(health.fails(operation), "what is known is old");
        let failure = health.failure(operation, at(0)).expect("it can be told");
        assert!(failure.starts_with("list-instances: "), "{failure}");
        assert_eq!(health.call_ended(operation, None, at(5)), News::Untold);
        health.call_ended(operation, Some(&paused), at(10));
        let told = health.call_ended(operation, Some(&passing()), at(30));
        assert_eq!(told, News::Fails);
        let told = health.call_ended(operation, Some(&paused), at(31));
        assert_eq!(told, News::None);
        assert_eq!(health.call_ended(operation, None, at(60)), News::WorksAgain);
    }

    #[test]
    fn a_long_pause_is_red() {
        let mut health = Health::default();
        let paused = TargetError {
            is_paused: true,
            ..passing()
        };
        for second in [0, 30, 61] {
            health.call_ended("list-instances", Some(&paused), at(second));
        }
        assert!(problem(&health, "list-instances", at(61)).is_some());
    }
}
