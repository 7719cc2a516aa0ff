//! What Prometheus knows of the members: scrapes, and CPU use over a window of them.

use std::collections::{BTreeMap, VecDeque};

use alert_rules::{CpuQuery, Young};

use crate::{
    fleet::MemberNumber,
    time::{Micros, micros},
};

/// One scrape that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scrape {
    pub(crate) at: Micros,
    /// CPU time used since the machine runs.
    pub(crate) busy: Micros,
    /// All CPU time since then.
    pub(crate) total: Micros,
}

/// One member as Prometheus sees it.
#[derive(Clone, Debug, Default)]
struct Target {
    scrapes: VecDeque<Scrape>,
    /// Whether the last scrape was answered.
    is_up: bool,
}

/// All members that are scraped.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    targets: BTreeMap<MemberNumber, Target>,
    longest_window: Micros,
}

impl Targets {
    /// Keeps scrapes for this long.
    pub(crate) fn new(longest_window: Micros) -> Self {
        Self {
            targets: BTreeMap::new(),
            longest_window,
        }
    }

    /// Takes in who the members are; returns those that are new.
    pub(crate) fn discover(&mut self, members: &[MemberNumber]) -> Vec<MemberNumber> {
        self.targets.retain(|number, _| members.contains(number));
        let new = members
            .iter()
            .filter(|number| !self.targets.contains_key(number));
        let new: Vec<MemberNumber> = new.copied().collect();
        for number in &new {
            self.targets.insert(*number, Target::default());
        }
        new
    }

    /// Whether a member is scraped.
    pub(crate) fn has(&self, number: MemberNumber) -> bool {
        self.targets.contains_key(&number)
    }

    /// Takes in a scrape, or that none was answered; says whether the member is still scraped.
    pub(crate) fn scraped(&mut self, number: MemberNumber, answer: Option<Scrape>) -> bool {
        let Some(target) = self.targets.get_mut(&number) else {
            return false;
        };
        target.is_up = answer.is_some();
        if let Some(scrape) = answer {
            target.scrapes.push_back(scrape);
            let oldest = scrape.at - self.longest_window;
            while target
                .scrapes
                .front()
                .is_some_and(|first| first.at < oldest)
            {
                target.scrapes.pop_front();
            }
        }
        true
    }

    /// The average that a rule asks for, if there is one.
    pub(crate) fn average(&self, query: &CpuQuery, now: Micros) -> Option<f64> {
        let window = micros(query.window);
        let young_for = micros(query.young_for);
        let (mut sum, mut count, mut reporting, mut is_any_young) = (0.0, 0_u32, 0_u32, false);
        for target in self.targets.values() {
            let Some(busy) = target.busy(now, window) else {
                continue;
            };
            reporting += 1;
            let is_young = target.age().is_none_or(|age| age < young_for);
            is_any_young |= is_young;
            if query.young == Young::LeftOut && is_young {
                continue;
            }
            sum += busy;
            count += 1;
        }
        let needed = query.quorum * self.targets.len() as f64;
        let is_silent = query.young == Young::Silence && is_any_young;
        let is_known = count > 0 && f64::from(reporting) >= needed && !is_silent;
        is_known.then(|| sum / f64::from(count))
    }
}

impl Target {
    /// By the member's own clock, at the last scrape.
    fn age(&self) -> Option<Micros> {
        self.scrapes.back().map(|scrape| scrape.total)
    }

    /// The share of CPU time used between the first and the last scrape of the window, which does
    /// not include its beginning.
    fn busy(&self, now: Micros, window: Micros) -> Option<f64> {
        if !self.is_up {
            return None;
        }
        let since = now - window;
        let first = self.scrapes.iter().find(|scrape| scrape.at > since)?;
        let last = self.scrapes.back()?;
        let total = last.total - first.total;
        (total > 0).then(|| (last.busy - first.busy) as f64 / total as f64)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use rule_evaluator::{
        exposition::CpuCounter,
        observation::{MemberReading, Observation},
        rate::CpuHistory,
    };

    use super::*;
    use crate::time::{SECOND, duration, seconds};

    fn query(young: Young, quorum: f64) -> CpuQuery {
        CpuQuery {
            job: String::new(),
            window: Duration::from_secs(60),
            young_for: Duration::from_secs(90),
            young,
            quorum,
        }
    }

    #[test]
    fn a_window_reaches_from_its_first_scrape_to_its_last() {
        let mut targets = Targets::new(60 * SECOND);
        assert_eq!(targets.discover(&[3]), [3]);
        for at in (0..=120).step_by(15) {
            let at = at * SECOND;
            let scrape = Scrape {
                at,
                busy: at.min(60 * SECOND),
                total: at + 3600 * SECOND,
            };
            assert!(targets.scraped(3, Some(scrape)));
        }
        let up = query(Young::LeftOut, 0.0);
        assert_eq!(targets.average(&up, 120 * SECOND), Some(0.0), "(60, 120]");
        assert_eq!(targets.average(&up, 119 * SECOND), Some(0.0));
        assert!(targets.scraped(3, None));
        assert_eq!(targets.average(&up, 121 * SECOND), None, "not up");
        assert!(targets.discover(&[]).is_empty());
        assert!(!targets.scraped(3, None));
    }

    /// A scrape a member and step, or none: whether it answers, and the busy share since then.
    fn lives() -> impl Strategy<Value = Vec<(i64, Vec<(bool, f64)>)>> {
        let scrapes = proptest::collection::vec((prop::bool::weighted(0.9), 0.0_f64..=1.0), 1..12);
        proptest::collection::vec((-200_i64..100, scrapes), 1..6)
    }

    proptest! {
        /// The rule evaluator's own history and conclusions, which are those of the alert rules.
        #[test]
        fn the_rule_evaluator_concludes_the_same(lives in lives()) {
            let window = Duration::from_secs(60);
            let mut targets = Targets::new(60 * SECOND);
            let numbers: Vec<MemberNumber> = (0..lives.len()).collect();
            targets.discover(&numbers);
            let mut readings = Vec::new();
            // A moment after the last scrape, so that no scrape lies on the window's edge.
            let now = 12 * 15 * SECOND + SECOND;
            for (number, (runs_from, scrapes)) in lives.iter().enumerate() {
                let runs_from = runs_from * SECOND;
                let (mut history, mut busy, mut age) = (CpuHistory::default(), 0, None);
                let mut is_up = false;
                let mut last = runs_from;
                let first = 13 - i64::try_from(scrapes.len()).expect("a few");
                for (step, (answers, share)) in (first..).zip(scrapes) {
                    let at = step * 15 * SECOND;
                    is_up = *answers && at > runs_from;
                    if !is_up {
                        targets.scraped(number, None);
                        continue;
                    }
                    busy += ((at - last) as f64 * share) as Micros;
                    last = at;
                    let total = at - runs_from;
                    targets.scraped(number, Some(Scrape { at, busy, total }));
                    age = Some(duration(total));
                    let counter = |mode: &str, time| CpuCounter {
                        key: ("0".to_owned(), mode.to_owned()),
                        seconds: seconds(time),
                    };
                    let counters = vec![counter("user", busy), counter("idle", total - busy)];
                    history.push(duration(at), counters, window);
                }
                readings.push(MemberReading {
                    instance: number.to_string(),
                    cpu: history.busy(duration(now), window).filter(|_| is_up),
                    age,
                });
            }
            let observation = Observation { members: readings };
            let young = Duration::from_secs(90);
            for (found, expected) in [
                (targets.average(&query(Young::LeftOut, 0.0), now), observation.for_scale_out(young)),
                (targets.average(&query(Young::Silence, 0.8), now), observation.for_scale_in(0.8, young)),
            ] {
                prop_assert_eq!(found.is_some(), expected.is_some());
                let difference = found.unwrap_or(0.0) - expected.unwrap_or(0.0);
                prop_assert!(difference.abs() < 1e-4, "{:?} for {:?}", found, expected);
            }
        }
    }
}
