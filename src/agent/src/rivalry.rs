//! Notices another autoscaler by what it does to the pool, where no lease keeps two apart.
//!
//! An operator resizes now and then, for reasons of their own. Another autoscaler hears the same
//! load: it changes the size again and again, in the direction in which this agent decides, too.

use std::{collections::VecDeque, time::Duration};

use policy::{Decision, Direction, Moment, Reason, Resize, Size, Verdict};

/// A change belongs to a decision that is no older than this, or comes no later.
const NEAR: Duration = Duration::from_secs(60);
/// Changes that far back count.
const MEMORY: Duration = Duration::from_secs(30 * 60);
/// So many are no operator's.
const MANY: usize = 3;

/// What is known of changes that this agent did not order.
#[derive(Debug, Default)]
pub(super) struct Rivalry {
    size: Option<Size>,
    /// When the read began that showed it.
    began: Moment,
    /// The agent's own change that the next read may show.
    own: Option<Resize>,
    own_ended: Option<Moment>,
    /// When this agent last decided about a request, for each direction.
    decided: [Option<Moment>; 2],
    /// Changes of others that no decision was near yet.
    open: VecDeque<(Moment, Direction)>,
    /// Those near a decision.
    near: VecDeque<Moment>,
}

fn index(direction: Direction) -> usize {
    match direction {
        Direction::Up => 0,
        Direction::Down => 1,
    }
}

impl Rivalry {
    /// Notes a decision of this agent.
    pub(super) fn decided(&mut self, decision: &Decision) {
        let Some(direction) = decision.direction else {
            return;
        };
        match decision.verdict {
            // While the agent is paused, somebody else sees to the pool.
            Verdict::Held if decision.reason == Reason::Paused => return,
            Verdict::Acted | Verdict::Held | Verdict::Refused | Verdict::Draining => {}
            // Somebody may follow what is only recommended.
            _ => return,
        }
        self.decided[index(direction)] = Some(decision.at);
        self.match_open();
    }

    /// This agent changes the size, and the change has not shown yet.
    pub(super) fn acts(&mut self, resize: Resize) {
        (self.own, self.own_ended) = (Some(resize), None);
    }

    /// That change has ended: a read that begins from now on shows what came of it.
    pub(super) fn acted(&mut self, now: Moment) {
        self.own_ended.get_or_insert(now);
    }

    /// Takes a read of the pool in that began at a moment; says whether it shows a change that
    /// somebody else made.
    pub(super) fn read(&mut self, size: Size, began: Moment, now: Moment) -> bool {
        if began < self.began {
            return false;
        }
        self.began = began;
        let before = self.size.replace(size);
        let own = self.own;
        if self.own_ended.is_some_and(|ended| ended <= began) {
            self.own = None;
        }
        let is_own = own.is_some_and(|own| size == own.to() || size == own.from());
        let from = own.map(Resize::to).or(before);
        let direction = from.and_then(|from| Direction::between(from.0, size.0));
        let foreign = direction.filter(|_| !is_own && before != Some(size));
        if let Some(direction) = foreign {
            self.open.push_back((now, direction));
        }
        self.match_open();
        self.open.retain(|(at, _)| now.since(*at) <= NEAR);
        self.near.retain(|at| now.since(*at) <= MEMORY);
        foreign.is_some()
    }

    /// What others are to be told, if anything.
    pub(super) fn problem(&self) -> Option<String> {
        let count = self.near.len();
        (count >= MANY).then(|| {
            format!(
                "another autoscaler seems to scale this pool: its size changed {count} times in {} minutes in the direction of this agent's own decisions, and this agent did not do it; stop one of the two, or set lease.bucket for both",
                MEMORY.as_secs() / 60
            )
        })
    }

    fn match_open(&mut self) {
        let decided = self.decided;
        let is_near = |(at, direction): &(Moment, Direction)| {
            let decision = decided[index(*direction)];
            decision.is_some_and(|decision| at.since(decision).max(decision.since(*at)) <= NEAR)
        };
        let (near, open) = self.open.drain(..).partition::<Vec<_>, _>(is_near);
        self.open = open.into();
        self.near.extend(near.into_iter().map(|(at, _)| at));
        while self.near.len() > 4 * MANY {
            self.near.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use policy::Bounds;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    fn decision(second: u64, verdict: Verdict, direction: Direction) -> Decision {
        Decision {
            at: at(second),
            verdict,
            reason: Reason::HighLoad,
            direction: Some(direction),
            signals: 1,
            from: None,
            to: None,
            step: None,
        }
    }

    fn resize(from: u32, direction: Direction) -> Resize {
        let bounds = Bounds::new(1, 100).unwrap();
        bounds.resize(Size(from), direction, 1).unwrap()
    }

    fn see(rivalry: &mut Rivalry, size: u32, second: u64) -> bool {
        rivalry.read(Size(size), at(second), at(second))
    }

    /// Reads these sizes 10 s apart, with an "up" decision at each.
    fn busy(sizes: &[u32]) -> Rivalry {
        let mut rivalry = Rivalry::default();
        for (second, size) in (0..).step_by(10).zip(sizes) {
            rivalry.decided(&decision(second, Verdict::Held, Direction::Up));
            see(&mut rivalry, *size, second);
        }
        rivalry
    }

    #[test]
    fn changes_again_and_again_in_our_direction_are_another_autoscalers() {
        assert_eq!(busy(&[2, 3, 4]).problem(), None);
        let said = busy(&[2, 3, 4, 5]).problem().unwrap();
        assert!(
            said.starts_with(
                "another autoscaler seems to scale this pool: its size changed 3 times"
            )
        );
        // Against our direction: somebody who wants something else.
        assert_eq!(busy(&[9, 8, 7, 6, 5]).problem(), None);
        assert_eq!(busy(&[2, 2, 2, 2, 2, 2]).problem(), None);
    }

    #[test]
    fn an_operators_single_resize_is_none_however_large() {
        assert_eq!(busy(&[2, 2, 9, 9, 9, 9, 9]).problem(), None);
    }

    #[test]
    fn changes_that_no_alert_of_ours_is_near_are_an_operators() {
        let mut rivalry = Rivalry::default();
        for (second, size) in (0..).step_by(300).zip(1..20) {
            rivalry.decided(&decision(second + 150, Verdict::Refused, Direction::Up));
            see(&mut rivalry, size, second);
        }
        assert_eq!(rivalry.problem(), None);
    }

    #[test]
    fn our_own_changes_are_ours_also_while_they_are_under_way() {
        let mut rivalry = Rivalry::default();
        see(&mut rivalry, 2, 0);
        for step in 0..10 {
            let (second, size) = (step * 60, 2 + u32::try_from(step).unwrap());
            rivalry.decided(&decision(second, Verdict::Acted, Direction::Up));
            rivalry.acts(resize(size, Direction::Up));
            // Before and after the API took it, by a read from before its end, and after that.
            assert!(!see(&mut rivalry, size, second + 1));
            assert!(!see(&mut rivalry, size + 1, second + 2));
            rivalry.acted(at(second + 3));
            assert!(!rivalry.read(Size(size), at(second + 1), at(second + 3)));
            assert!(!rivalry.read(Size(size), at(second + 2), at(second + 3)));
            assert!(!see(&mut rivalry, size + 1, second + 3));
            assert!(!see(&mut rivalry, size + 1, second + 30));
        }
        assert_eq!(rivalry.problem(), None);
    }

    #[test]
    fn while_the_agent_is_paused_somebody_else_sees_to_the_pool() {
        let mut rivalry = Rivalry::default();
        for (second, size) in (0..).step_by(10).zip(1..9) {
            let held = decision(second, Verdict::Held, Direction::Up);
            rivalry.decided(&Decision {
                reason: Reason::Paused,
                ..held
            });
            see(&mut rivalry, size, second);
        }
        assert_eq!(rivalry.problem(), None);
    }

    #[test]
    fn what_is_recommended_may_be_followed_and_what_is_long_ago_is_forgotten() {
        let mut rivalry = Rivalry::default();
        for (second, size) in (0..).step_by(10).zip(1..9) {
            rivalry.decided(&decision(second, Verdict::Recommended, Direction::Up));
            see(&mut rivalry, size, second);
        }
        assert_eq!(rivalry.problem(), None);
        let mut rivalry = busy(&[2, 3, 4, 5]);
        assert!(rivalry.problem().is_some());
        see(&mut rivalry, 5, 30 * 60 + 40);
        assert_eq!(rivalry.problem(), None);
    }
}
