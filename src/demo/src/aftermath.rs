//! What came of each thing that a person did to the run: measured in the record, by the cloud's
//! stamps where it has them, and never said of what was not seen.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::{
    done::Done,
    timeline::{Action, Direction, InterventionEvent, Sample, Timeline},
};

/// How long a killed instance may be without a successor, at speed 1: the health checks, the pool's
/// own look and a boot, with a margin of two.
const REPLACED_WITHIN: Duration = Duration::from_secs(240);

/// What came of one intervention.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Aftermath {
    /// What was seen, in words; empty where there is nothing to say.
    pub(crate) text: String,
    /// Whether what is promised held; none where nothing is promised, or too little was seen.
    pub(crate) held: Option<bool>,
}

impl Aftermath {
    fn seen(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            held: None,
        }
    }

    fn promise(held: bool, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            held: Some(held),
        }
    }

    /// The sign before the words.
    pub(crate) fn mark(&self) -> &'static str {
        Self::sign(self.held)
    }

    /// The sign for whether a promise held.
    pub(crate) fn sign(held: Option<bool>) -> &'static str {
        match held {
            Some(true) => "✓",
            Some(false) => "✗",
            None => "·",
        }
    }
}

/// What came of each intervention, in their order.
pub(crate) fn aftermaths(run: &Timeline) -> Vec<Aftermath> {
    let events = run.interventions.iter().enumerate();
    events.map(|(place, event)| of(run, event, place)).collect()
}

fn of(run: &Timeline, event: &InterventionEvent, place: usize) -> Aftermath {
    let since = event.at + event.took;
    let later = &run.interventions[place + 1..];
    let ended = later.iter().find(|other| other.done.ends(&event.done));
    let meanwhile = Meanwhile {
        run,
        since,
        until: ended.map_or_else(|| run.end(), |other| other.at).max(since),
        is_over: ended.is_some(),
    };
    match &event.done {
        Done::InstanceKilled { name } => killed(run, event.at, name),
        Done::ApiBroken => meanwhile.broken(),
        Done::Paused => meanwhile.paused(),
        Done::MonitoringCut => meanwhile.blind(),
        Done::ApiMended | Done::Resumed => acted_after(run, event.at),
        Done::MonitoringMended => known_after(run, since),
        Done::AgentRestarted {
            waited,
            waits,
            back_after,
        } => restarted(run, event.at, [*waited, *waits], *back_after),
        Done::LoadChanged { factor } => {
            meanwhile.at_another_load(event.at, [run.load_factor(place), *factor])
        }
        Done::Nothing(_) => Aftermath::default(),
    }
}

/// What is in force from one moment to another.
struct Meanwhile<'a> {
    run: &'a Timeline,
    since: Duration,
    until: Duration,
    /// Whether a person ended it, and not the run's end.
    is_over: bool,
}

impl Meanwhile<'_> {
    fn holds(&self, at: Duration) -> bool {
        at > self.since && at < self.until
    }

    fn resizes(&self) -> usize {
        self.run
            .resizes
            .iter()
            .filter(|at| self.holds(**at))
            .count()
    }

    fn lasted(&self) -> String {
        let end = if self.is_over { "" } else { " so far" };
        format!(
            "for {}{end}",
            seconds(self.until.saturating_sub(self.since))
        )
    }

    /// No call of the API works: the pool stays, and so does what Prometheus and the load balancer
    /// know of it.
    fn broken(&self) -> Aftermath {
        let (since, until) = (self.since, self.until);
        let with_instances = lost_with_instances(self.run, since, until);
        let lost = lost(self.run, since, until).saturating_sub(with_instances);
        let resizes = self.resizes();
        Aftermath::promise(
            lost == 0 && resizes == 0,
            format!(
                "{}: {}, {}",
                self.lasted(),
                changes(resizes),
                requests(lost)
            ),
        )
    }

    /// Guarantee G18.
    fn paused(&self) -> Aftermath {
        let resizes = self.resizes();
        let text = format!("{}: {} while paused", self.lasted(), changes(resizes));
        Aftermath::promise(resizes == 0, text)
    }

    /// Guarantee G3: what is not known never shrinks the pool. An alert from before the cut may,
    /// for as long as it lives.
    fn blind(&self) -> Aftermath {
        let ins = self.run.actions.iter();
        let ins = ins.filter(|action| action.direction == Direction::Down && self.holds(action.at));
        let after: Vec<Duration> = ins
            .map(|action| action.at.saturating_sub(self.since))
            .collect();
        let lifetime = self.run.settings.alert_lifetime;
        let held = after.iter().all(|after| *after <= lifetime);
        let lasted = self.lasted();
        Aftermath::promise(
            held,
            match after.last() {
                None => format!("{lasted}: did not scale in blind"),
                Some(after) if held => format!(
                    "{lasted}: scaled in after {}, by an alert from before",
                    seconds(*after)
                ),
                Some(after) => format!("{lasted}: scaled in blind, after {}", seconds(*after)),
            },
        )
    }

    fn at_another_load(&self, at: Duration, factors: [f64; 2]) -> Aftermath {
        let phase = self.run.phases.iter().rfind(|phase| phase.at <= at);
        let planned = phase.map_or(0.0, |phase| phase.rate);
        let [before, after] = factors.map(|factor| planned * factor);
        let then = next_action(self.run, self.since).filter(|action| self.holds(action.at));
        let then = then.map_or_else(
            || "no change of size".to_owned(),
            |action| changed(action, self.since),
        );
        Aftermath::seen(format!("{before:.1} to {after:.1} req/s, {then}"))
    }
}

fn killed(run: &Timeline, at: Duration, name: &str) -> Aftermath {
    let wanted = run.sample_at(at).map_or(0, |sample| sample.desired);
    let is_gone = |sample: &&Sample| sample.members.iter().all(|member| member.name != name);
    let later = run.samples.iter().filter(|sample| sample.at > at);
    let mut without = later.filter(is_gone);
    let whole = without.find(|sample| sample.desired > 0 && sample.healthy >= sample.desired);
    let Some(whole) = whole else {
        let so_far = run.end().saturating_sub(at);
        let text = format!("not replaced yet, after {}", seconds(so_far));
        let is_late = so_far > run.settings.speed.scale(REPLACED_WITHIN);
        return Aftermath {
            text,
            held: is_late.then_some(false),
        };
    };
    let lost = requests(lost(run, at, whole.at));
    let after = seconds(whole.at.saturating_sub(at));
    if whole.desired < wanted {
        return Aftermath::seen(format!(
            "given up after {after}, the pool shrank to {}; {lost}",
            whole.desired
        ));
    }
    Aftermath::promise(true, format!("replaced after {after}; {lost}"))
}

/// An agent that was killed keeps the request that waited, and the cooldown (guarantees G2 and G4).
fn restarted(run: &Timeline, at: Duration, waits: [bool; 2], back_after: Duration) -> Aftermath {
    let before = run.resizes.iter().rfind(|resize| **resize <= at);
    let after = run.resizes.iter().find(|resize| **resize > at);
    let gap = before
        .zip(after)
        .map(|(before, after)| after.saturating_sub(*before));
    let is_kept = gap.is_none_or(|gap| gap + Duration::from_millis(1) >= run.settings.cooldown);
    let request = match waits {
        [false, _] => None,
        [true, survived] => Some(survived),
    };
    let mut text = format!("back after {}", seconds(back_after));
    text += match request {
        Some(true) => "; pending request survived",
        Some(false) => "; pending request lost",
        None => "; no request was pending",
    };
    if let Some(gap) = gap {
        let cooldown = if is_kept {
            "cooldown kept"
        } else {
            "cooldown broken"
        };
        text = format!("{text}; {cooldown} ({})", seconds(gap));
    }
    Aftermath {
        text,
        held: request.or(gap.map(|_| is_kept)).map(|held| held && is_kept),
    }
}

/// What the agent did once it could again, at this time at the earliest: it may act before the key
/// is done.
fn acted_after(run: &Timeline, at: Duration) -> Aftermath {
    let Some(sample) = run.sample_at(at) else {
        return Aftermath::default();
    };
    let fires = |rule| {
        let mut spans = run.firing_spans(rule).into_iter();
        spans.any(|(from, to)| from <= at && to >= at)
    };
    let settings = &run.settings;
    let waiting = if fires(Direction::Up) && sample.desired < settings.max_size {
        Some(Direction::Up)
    } else if fires(Direction::Down) && sample.desired > settings.min_size {
        Some(Direction::Down)
    } else {
        None
    };
    let then = next_action(run, at);
    let words = |action| changed(action, at);
    match (waiting, then) {
        (Some(waiting), Some(action)) if action.direction == waiting => {
            Aftermath::promise(true, format!("acted on what waited: {}", words(action)))
        }
        (Some(_), Some(action)) => Aftermath::seen(format!(
            "what waited was over before it could; {}",
            words(action)
        )),
        (Some(_), None) => Aftermath::seen("an alert waits, and was not acted on yet"),
        (None, Some(action)) => Aftermath::seen(format!("nothing waited; {}", words(action))),
        (None, None) => Aftermath::seen("nothing waited"),
    }
}

fn known_after(run: &Timeline, since: Duration) -> Aftermath {
    let known = run
        .samples
        .iter()
        .find(|sample| sample.at > since && sample.cpu.is_some());
    Aftermath::seen(match known {
        Some(sample) => format!(
            "CPU use known again after {}",
            seconds(sample.at.saturating_sub(since))
        ),
        None => "CPU use not known again yet".to_owned(),
    })
}

fn next_action(run: &Timeline, since: Duration) -> Option<&Action> {
    run.actions.iter().find(|action| action.at > since)
}

fn changed(action: &Action, since: Duration) -> String {
    let after = seconds(action.at.saturating_sub(since));
    format!("{} → {} after {after}", action.from, action.to)
}

/// Requests that failed between two moments.
fn lost(run: &Timeline, from: Duration, to: Duration) -> u64 {
    let failed = |at| run.sample_at(at).map_or(0, |sample| sample.failed);
    failed(to).saturating_sub(failed(from))
}

/// Those of them that a person killed together with an instance: they failed within a cooldown of
/// it, in which the load balancer notices and leaves the instance out.
pub(crate) fn lost_with_instances(run: &Timeline, from: Duration, to: Duration) -> u64 {
    let kills = run.interventions.iter();
    let kills = kills.filter(|event| matches!(event.done, Done::InstanceKilled { .. }));
    let mut counted_until = from;
    let losses = kills.map(|event| {
        let begin = event.at.max(counted_until);
        let end = (event.at + run.settings.cooldown).min(to);
        counted_until = counted_until.max(end);
        lost(run, begin, end.max(begin))
    });
    losses.sum()
}

fn requests(lost: u64) -> String {
    match lost {
        0 => "no request lost".to_owned(),
        1 => "1 request lost".to_owned(),
        more => format!("{more} requests lost"),
    }
}

fn changes(count: usize) -> String {
    match count {
        0 => "nothing changed".to_owned(),
        1 => "changed once".to_owned(),
        more => format!("changed {more} times"),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
