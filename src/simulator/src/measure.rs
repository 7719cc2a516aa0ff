//! What happened in a run, and how good it was.

use serde::Serialize;

use crate::{
    fleet::Fate,
    settings::WorldSettings,
    time::{HOUR, Micros, SECOND, seconds, times},
    trace::Trace,
};

/// How finely requests are counted.
pub(crate) const BUCKET: Micros = 10 * SECOND;
/// A load is recovered from when the SLO is met for a minute.
const GOOD_BUCKETS: usize = 6;

/// A change of the pool's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) at: Micros,
    pub(crate) from: u32,
    pub(crate) to: u32,
}

/// Members from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Members {
    pub(crate) at: Micros,
    /// Those that get requests.
    pub(crate) serving: u32,
    /// Those that are paid for.
    pub(crate) billed: u32,
}

/// The requests of some seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) offered: u32,
    /// Answered too late, or refused.
    pub(crate) missed: u32,
}

/// Everything that is kept of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) end: Micros,
    slo: Micros,
    pub(crate) members: Vec<Members>,
    pub(crate) actions: Vec<Action>,
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) answered: u64,
    pub(crate) refused: u64,
    pub(crate) lost: u64,
}

impl Record {
    pub(crate) fn new(end: Micros, slo: Micros) -> Self {
        let buckets = usize::try_from(end / BUCKET).unwrap_or(0) + 1;
        Self {
            end,
            slo,
            members: Vec::new(),
            actions: Vec::new(),
            buckets: vec![Bucket::default(); buckets],
            answered: 0,
            refused: 0,
            lost: 0,
        }
    }

    #[inline]
    pub(crate) fn request(&mut self, at: Micros, fate: Fate) {
        let bucket = &mut self.buckets[(at / BUCKET) as usize];
        bucket.offered += 1;
        match fate {
            Fate::Answered(after) => {
                self.answered += 1;
                bucket.missed += u32::from(after > self.slo);
            }
            Fate::Refused => {
                self.refused += 1;
                bucket.missed += 1;
            }
        }
    }

    pub(crate) fn members(&mut self, at: Micros, serving: u32, billed: u32) {
        let now = Members {
            at,
            serving,
            billed,
        };
        match self.members.last_mut() {
            Some(last) if (last.serving, last.billed) == (serving, billed) => {}
            Some(last) if last.at == at => *last = now,
            _ => self.members.push(now),
        }
    }

    /// Spans of time with the members in them.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (Micros, Micros, Members)> + '_ {
        let ends = self.members.iter().skip(1).map(|next| next.at);
        let spans = self.members.iter().zip(ends.chain([self.end]));
        spans.map(|(members, end)| (members.at, end, *members))
    }
}

/// How good a run was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Hours of all members together that are paid for.
    pub instance_hours: f64,
    /// The same as a multiple of the clairvoyant's.
    pub cost: f64,
    /// Requests that came.
    pub requests: u64,
    /// Percent of them that missed the SLO: answered too late, or refused.
    pub missed_percent: f64,
    /// How much is missing of the members needed, in percent of them, averaged over time.
    pub under_accuracy_percent: f64,
    /// How much there is more than the members needed, in percent of them, averaged over time.
    pub over_accuracy_percent: f64,
    /// Percent of the time with too few members.
    pub under_timeshare_percent: f64,
    /// Percent of the time with too many.
    pub over_timeshare_percent: f64,
    /// Changes of the pool's size.
    pub actions_per_hour: f64,
    /// Changes against the direction of the one before.
    pub reversals_per_hour: f64,
    /// From the step of the load to the first minute in which the SLO is met again.
    pub recovery_s: Option<f64>,
}

impl Figures {
    /// Of a run of this trace, in which `needed` members were needed in each of its segments. The
    /// cost is relative to the clairvoyant's instance-hours, where they are known.
    pub(crate) fn of(
        record: &Record,
        trace: &Trace,
        settings: &WorldSettings,
        needed: &[u32],
        clairvoyant: Option<f64>,
    ) -> Self {
        let hours = record.end as f64 / HOUR as f64;
        let offered: u64 = record.buckets.iter().map(|b| u64::from(b.offered)).sum();
        let missed: u64 = record.buckets.iter().map(|b| u64::from(b.missed)).sum();
        let instance_hours = record
            .spans()
            .map(|(from, to, members)| (to - from) as f64 * f64::from(members.billed))
            .sum::<f64>()
            / HOUR as f64;
        let mut figures = Self {
            instance_hours,
            cost: clairvoyant.map_or(1.0, |least| instance_hours / least),
            requests: offered,
            missed_percent: 100.0 * missed as f64 / offered.max(1) as f64,
            actions_per_hour: record.actions.len() as f64 / hours,
            reversals_per_hour: reversals(&record.actions) as f64 / hours,
            recovery_s: trace
                .step_at
                .map(|step| recovery(record, step, settings.slo_misses)),
            ..Self::default()
        };
        figures.take_elasticity(record, trace, needed);
        figures
    }

    /// The measures of SPEC's research group: supply against demand.
    fn take_elasticity(&mut self, record: &Record, trace: &Trace, needed: &[u32]) {
        let total = record.end as f64 / 100.0;
        for (from, to, members) in record.spans() {
            let mut at = from;
            while at < to {
                let place = (at / trace.segment) as usize;
                let end = to.min(times(place + 1, trace.segment));
                let share = (end - at) as f64 / total;
                let demand = f64::from(needed[place]);
                let more = f64::from(members.serving) - demand;
                if more < 0.0 {
                    self.under_accuracy_percent += share * -more / demand;
                    self.under_timeshare_percent += share;
                } else if more > 0.0 {
                    self.over_accuracy_percent += share * more / demand;
                    self.over_timeshare_percent += share;
                }
                at = end;
            }
        }
    }

    /// The mean of the same run with several seeds.
    pub(crate) fn mean(of: &[Self]) -> Self {
        let mean =
            |value: fn(&Self) -> f64| of.iter().map(value).sum::<f64>() / of.len().max(1) as f64;
        let recoveries: Vec<f64> = of.iter().filter_map(|one| one.recovery_s).collect();
        let recovery = recoveries.iter().sum::<f64>() / recoveries.len().max(1) as f64;
        Self {
            instance_hours: mean(|f| f.instance_hours),
            cost: mean(|f| f.cost),
            requests: of.iter().map(|f| f.requests).sum::<u64>() / of.len().max(1) as u64,
            missed_percent: mean(|f| f.missed_percent),
            under_accuracy_percent: mean(|f| f.under_accuracy_percent),
            over_accuracy_percent: mean(|f| f.over_accuracy_percent),
            under_timeshare_percent: mean(|f| f.under_timeshare_percent),
            over_timeshare_percent: mean(|f| f.over_timeshare_percent),
            actions_per_hour: mean(|f| f.actions_per_hour),
            reversals_per_hour: mean(|f| f.reversals_per_hour),
            recovery_s: (!recoveries.is_empty()).then_some(recovery),
        }
    }

    /// The mean over several traces: of ratios, such as the cost, the geometric one.
    pub(crate) fn mean_over_traces(of: &[Self]) -> Self {
        let logs = of.iter().map(|one| libm::log(one.cost)).sum::<f64>();
        Self {
            cost: libm::exp(logs / of.len().max(1) as f64),
            ..Self::mean(of)
        }
    }
}

fn reversals(actions: &[Action]) -> usize {
    let is_up = |action: &Action| action.to > action.from;
    actions
        .windows(2)
        .filter(|pair| is_up(&pair[0]) != is_up(&pair[1]))
        .count()
}

/// Seconds from the step to the first minute in which no more miss than may.
fn recovery(record: &Record, step: Micros, may_miss: f64) -> f64 {
    let first = (step / BUCKET) as usize;
    let after = record.buckets.get(first..).unwrap_or_default();
    let is_good = |minute: &[Bucket]| {
        let offered: u32 = minute.iter().map(|bucket| bucket.offered).sum();
        let missed: u32 = minute.iter().map(|bucket| bucket.missed).sum();
        f64::from(missed) <= may_miss * f64::from(offered)
    };
    let good = after.windows(GOOD_BUCKETS).position(is_good);
    seconds(good.map_or(record.end - step, |place| times(place, BUCKET)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::MINUTE;

    fn record(members: &[(Micros, u32)]) -> Record {
        let mut record = Record::new(4 * MINUTE, SECOND);
        for (minute, serving) in members {
            record.members(minute * MINUTE, *serving, *serving);
        }
        record
    }

    fn trace() -> Trace {
        Trace {
            name: String::new(),
            segment: MINUTE,
            load: vec![0.5, 1.5, 1.5, 0.5],
            step_at: Some(MINUTE),
        }
    }

    #[test]
    fn supply_is_compared_with_demand_over_time() {
        let record = record(&[(0, 1), (2, 3), (3, 1)]);
        let settings = WorldSettings::default();
        let figures = Figures::of(&record, &trace(), &settings, &[1, 2, 2, 1], Some(0.05));
        assert!((figures.instance_hours - 0.1).abs() < 1e-9);
        assert!((figures.cost - 2.0).abs() < 1e-9);
        assert!((figures.under_accuracy_percent - 12.5).abs() < 1e-9);
        assert!((figures.over_accuracy_percent - 12.5).abs() < 1e-9);
        assert!((figures.under_timeshare_percent - 25.0).abs() < 1e-9);
        assert!((figures.over_timeshare_percent - 25.0).abs() < 1e-9);
    }

    #[test]
    fn a_step_is_recovered_from_in_the_first_good_minute() {
        let mut record = record(&[(0, 1)]);
        for second in 0..240 {
            let late = (60..100).contains(&second);
            let after = if late { 2 * SECOND } else { SECOND };
            record.request(second * SECOND, Fate::Answered(after));
        }
        assert!((recovery(&record, MINUTE, 0.01) - 40.0).abs() < 1e-9);
        let figures = Figures::of(&record, &trace(), &WorldSettings::default(), &[1; 4], None);
        assert!((figures.missed_percent - 100.0 / 6.0).abs() < 1e-9);
    }

    #[test]
    fn a_reversal_goes_against_the_action_before() {
        let action = |from, to| Action { at: 0, from, to };
        let actions = [action(1, 2), action(2, 4), action(4, 3), action(3, 4)];
        assert_eq!(reversals(&actions), 2);
        assert_eq!(reversals(&[]), 0);
    }
}
