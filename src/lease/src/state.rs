//! The protocol: what to send next, and what an answer means.
//!
//! Times are those of the caller's monotonic clock, which must go on while the machine sleeps.

use std::time::Duration;

use jiff::Timestamp;

use super::record::Record;

/// How long things take, all of it from one duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a lease lasts that nobody renews.
    pub duration: Duration,
}

impl Timing {
    /// A holder stops so much earlier than others may take over: clocks do not run alike.
    pub fn margin(self) -> Duration {
        self.duration / 5
    }

    /// How often a holder renews, and how often the others look.
    pub fn interval(self) -> Duration {
        self.duration / 3
    }

    /// After this, a request is given up.
    pub fn request_timeout(self) -> Duration {
        self.duration / 4
    }

    /// Until a request that failed is sent again.
    fn retry(self) -> Duration {
        self.duration / 10
    }
}

/// The object as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which content it is.
    pub etag: String,
    /// The content.
    pub record: Record,
}

/// What must hold of the object for a write to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is none.
    Absent,
    /// It has this `ETag`.
    Matches(String),
}

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Read the object.
    Read,
    /// Write it, if the condition holds.
    Write(Record, Condition),
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The object that was read; `None` where there is none.
    Read(Option<Seen>),
    /// It was written, and has this `ETag`.
    Written(String),
    /// The condition did not hold.
    Rejected,
    /// It certainly did not happen.
    Failed,
    /// Nobody knows whether it happened.
    Unknown,
}

/// The lease in the caller's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The number of this tenure.
    pub number: u64,
    /// It may be believed before this moment.
    pub until: Duration,
    /// Whoever held it before changed nothing after this moment; `None` where nobody did.
    pub others_ended: Option<Duration>,
}

/// What was seen last, and since when.
#[derive(Clone, Debug)]
struct Sight {
    object: Option<Seen>,
    since: Duration,
}

impl Sight {
    /// Whether a holder ended in the middle of a change, and none has ended one since.
    fn is_acting(&self) -> bool {
        let object = self.object.as_ref();
        object.is_some_and(|seen| seen.record.acting)
    }

    fn etag(&self) -> Option<&str> {
        self.object.as_ref().map(|seen| seen.etag.as_str())
    }
}

/// A request on its way.
#[derive(Clone, Debug)]
struct Sent {
    at: Duration,
    record: Option<Record>,
}

/// One program's part in the lease.
#[derive(Clone, Debug)]
pub struct Lease {
    name: String,
    timing: Timing,
    /// The largest number that was seen, here or in an earlier life.
    number: u64,
    sight: Option<Sight>,
    holding: Option<Holding>,
    sent: Option<Sent>,
    /// Nothing is sent before this moment.
    not_before: Duration,
    /// The next look or renewal.
    due: Duration,
    must_read: bool,
    /// The write by which this one made the object, and when the object is there for a duration.
    proof: Option<(u64, Duration)>,
    writes: u64,
    /// When somebody's last action was first seen.
    action_seen: Option<(Option<Timestamp>, Duration)>,
    /// This program's own last action, which the next write tells, and whether it goes on.
    own_action: Option<(Timestamp, bool)>,
    is_stamped: bool,
    part: Part,
}

/// Whether one still takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Taken,
    Resigning,
    Gone,
}

impl Lease {
    /// Begins without the lease. `name` must be of this process alone; `number` is the largest that
    /// an earlier life has seen.
    pub fn new(name: String, timing: Timing, number: u64) -> Self {
        Self {
            name,
            timing,
            number,
            sight: None,
            holding: None,
            sent: None,
            not_before: Duration::ZERO,
            due: Duration::ZERO,
            must_read: true,
            proof: None,
            writes: 0,
            action_seen: None,
            own_action: None,
            is_stamped: true,
            part: Part::Taken,
        }
    }

    /// The lease, while it may be believed.
    pub fn held(&self, now: Duration) -> Option<Holding> {
        let holding = self.holding.filter(|_| self.part == Part::Taken)?;
        (now < holding.until).then_some(holding)
    }

    /// Whom the object names, as last seen.
    pub fn holder(&self) -> Option<&str> {
        let object = self.sight.as_ref()?.object.as_ref()?;
        object.record.holder.as_deref()
    }

    /// The largest number seen.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Has the object say, by the next write, that a change begins now or, with `acting` false, has
    /// ended.
    pub fn stamp(&mut self, at: Timestamp, acting: bool) {
        self.own_action = Some((at, acting));
        self.is_stamped = false;
    }

    /// Whether the object says what [`Lease::stamp`] asked for.
    pub fn is_stamped(&self) -> bool {
        self.is_stamped
    }

    /// Gives the lease up, and takes it no more.
    pub fn resign(&mut self) {
        if self.part == Part::Taken {
            self.part = Part::Resigning;
        }
    }

    /// Whether there is nothing more to send.
    pub fn is_gone(&self) -> bool {
        self.part == Part::Gone
    }

    /// The next request; `None` until [`Lease::wake_at`], or while one is on its way.
    pub fn next(&mut self, now: Duration) -> Option<Request> {
        if self.sent.is_some() || self.is_gone() || now < self.not_before {
            return None;
        }
        let request = self.choose(now)?;
        let record = match &request {
            Request::Read => None,
            Request::Write(record, _) => Some(record.clone()),
        };
        self.sent = Some(Sent { at: now, record });
        self.due = now + self.timing.interval();
        Some(request)
    }

    fn choose(&mut self, now: Duration) -> Option<Request> {
        let Some(sight) = self.sight.clone().filter(|_| !self.must_read) else {
            return Some(Request::Read);
        };
        let holder = sight.object.as_ref().map(|seen| seen.record.holder.clone());
        let is_own = holder
            .as_ref()
            .is_some_and(|h| h.as_deref() == Some(&self.name));
        let number = sight.object.as_ref().map_or(0, |seen| seen.record.number);
        let made = sight.object.as_ref().and_then(|seen| seen.record.made);
        if self.part == Part::Resigning {
            // One that must not be believed yet expires: whoever found it free would not wait.
            let is_own = is_own && made.is_none();
            if !is_own {
                self.part = Part::Gone;
            }
            return is_own.then(|| self.write(&sight, None, number, None));
        }
        let own = Some(self.name.clone());
        if is_own {
            let made = made.filter(|_| self.proof.is_none_or(|(_, proven)| now < proven));
            let is_due = now >= self.renewal(&sight, now);
            return is_due.then(|| self.write(&sight, own, number, made));
        }
        if holder.is_none() {
            let (number, made) = (self.number + 1, self.writes + 1);
            return Some(self.write(&sight, own, number, Some(made)));
        }
        if holder == Some(None) || now >= self.expires(&sight) {
            let number = self.number + 1;
            return Some(self.write(&sight, own, number, None));
        }
        (now >= self.due).then_some(Request::Read)
    }

    /// When the own lease is to be renewed.
    fn renewal(&self, sight: &Sight, now: Duration) -> Duration {
        let made = sight.object.as_ref().and_then(|seen| seen.record.made);
        match (made, self.proof) {
            (Some(_), Some((_, proven))) => self.due.min(proven),
            _ if !self.is_stamped || self.held(now).is_none() => now,
            _ => self.due,
        }
    }

    /// When a lease is over that somebody else holds.
    fn expires(&self, sight: &Sight) -> Duration {
        let own = self.timing.duration;
        let written = sight.object.as_ref().map(|seen| seen.record.duration());
        sight.since.saturating_add(own.max(written.unwrap_or(own)))
    }

    fn write(
        &mut self,
        sight: &Sight,
        holder: Option<String>,
        number: u64,
        made: Option<u64>,
    ) -> Request {
        self.writes += 1;
        let known = self.action_seen.and_then(|(last_action, _)| last_action);
        let was_acting = sight.is_acting();
        let record = Record {
            holder,
            number,
            write: self.writes,
            writer: self.name.clone(),
            made,
            duration_ms: u64::try_from(self.timing.duration.as_millis()).unwrap_or(u64::MAX),
            last_action: self.own_action.map(|(at, _)| at).or(known),
            acting: self.own_action.map_or(was_acting, |(_, acting)| acting),
        };
        let condition = match sight.etag() {
            Some(etag) => Condition::Matches(etag.to_owned()),
            None => Condition::Absent,
        };
        Request::Write(record, condition)
    }

    /// Takes an answer in. `now` is when it came.
    pub fn answered(&mut self, answer: Answer, now: Duration) {
        let Some(sent) = self.sent.take() else {
            return;
        };
        match (answer, sent.record) {
            (Answer::Read(object), None) => self.see(object, now),
            (Answer::Written(etag), Some(record)) => self.written(etag, record, sent.at, now),
            (Answer::Failed, _) => self.not_before = now + self.timing.retry(),
            (Answer::Rejected, _) => self.must_read = true,
            // An answer to something else says nothing.
            (Answer::Unknown | Answer::Read(_) | Answer::Written(_), _) => {
                self.must_read = true;
                self.not_before = now + self.timing.retry();
            }
        }
    }

    fn see(&mut self, object: Option<Seen>, now: Duration) {
        self.must_read = false;
        let number = object.as_ref().map_or(0, |seen| seen.record.number);
        let last_action = object.as_ref().and_then(|seen| seen.record.last_action);
        self.number = self.number.max(number);
        let is_own = object
            .as_ref()
            .is_some_and(|seen| seen.record.writer == self.name);
        let is_known = self
            .action_seen
            .is_some_and(|(known, _)| known == last_action);
        if !is_own {
            // What this one did is older than what the other tells.
            (self.own_action, self.is_stamped) = (None, true);
            if !is_known {
                self.action_seen = Some((last_action, now));
            }
        }
        let is_held = object
            .as_ref()
            .is_some_and(|seen| seen.record.holder.as_deref() == Some(&self.name));
        if is_held {
            let made = object.as_ref().and_then(|seen| seen.record.made);
            self.wait_for_proof(made, now);
        } else {
            // Somebody else wrote: whatever this one believed is over.
            self.holding = None;
        }
        let etag = object.as_ref().map(|seen| seen.etag.as_str());
        let is_same = self
            .sight
            .as_ref()
            .is_some_and(|sight| sight.etag() == etag);
        if !is_same {
            self.sight = Some(Sight { object, since: now });
        }
    }

    fn written(&mut self, etag: String, record: Record, sent: Duration, now: Duration) {
        let is_given_up = record.holder.is_none();
        let was_acting = self.sight.as_ref().is_some_and(Sight::is_acting);
        let (number, made, last_action) = (record.number, record.made, record.last_action);
        let told = (last_action, record.acting);
        self.is_stamped |= self
            .own_action
            .is_none_or(|(at, acting)| (Some(at), acting) == told);
        self.number = self.number.max(number);
        let object = Some(Seen { etag, record });
        self.sight = Some(Sight { object, since: now });
        if is_given_up {
            self.holding = None;
            self.part = Part::Gone;
            return;
        }
        self.wait_for_proof(made, now);
        if made.is_some() {
            return;
        }
        let until = sent + self.timing.duration.saturating_sub(self.timing.margin());
        let others_ended = match self.holding {
            Some(holding) if holding.number == number => holding.others_ended,
            // It may have gone on until its holder had to stop, which is before now.
            _ if was_acting => Some(sent),
            _ => self.action_seen.map(|(_, seen)| seen),
        };
        self.holding = Some(Holding {
            number,
            until,
            others_ended,
        });
    }

    /// Counts from now how long an object is there that this one made.
    fn wait_for_proof(&mut self, made: Option<u64>, now: Duration) {
        let known = self.proof.filter(|(write, _)| Some(*write) == made);
        let proven = now + self.timing.duration;
        self.proof = made.map(|write| known.unwrap_or((write, proven)));
    }

    /// When to ask [`Lease::next`] again; `None` while a request is on its way, and at the end.
    pub fn wake_at(&self, now: Duration) -> Option<Duration> {
        if self.sent.is_some() || self.is_gone() {
            return None;
        }
        let at = match &self.sight {
            Some(sight) if !self.must_read && self.part == Part::Taken => match self.holder() {
                Some(holder) if holder == self.name => self.renewal(sight, now),
                Some(_) => self.due.min(self.expires(sight)),
                None => now,
            },
            _ => now,
        };
        Some(at.max(self.not_before).max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: Duration = Duration::from_secs(15);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn lease(name: &str) -> Lease {
        Lease::new(name.to_owned(), Timing { duration: D }, 0)
    }

    fn seen(etag: &str, record: &Record) -> Answer {
        Answer::Read(Some(Seen {
            etag: etag.to_owned(),
            record: record.clone(),
        }))
    }

    fn written(request: Option<Request>) -> (Record, Condition) {
        match request {
            Some(Request::Write(record, condition)) => (record, condition),
            other => panic!("{other:?}"),
        }
    }

    /// One that holds since 15 s; it made the lease at the start.
    fn holder(name: &str) -> (Lease, Record) {
        let mut lease = lease(name);
        assert_eq!(lease.next(at(0)), Some(Request::Read));
        lease.answered(Answer::Read(None), at(0));
        let (_, condition) = written(lease.next(at(0)));
        assert_eq!(condition, Condition::Absent);
        lease.answered(Answer::Written("0".to_owned()), at(0));
        let (record, _) = written(lease.next(at(15)));
        lease.answered(Answer::Written("1".to_owned()), at(16));
        (lease, record)
    }

    #[test]
    fn time_counts_from_before_the_write_was_sent_with_a_margin() {
        let (lease, record) = holder("a");
        assert_eq!(record.number, 1);
        let until = lease.held(at(16)).unwrap().until;
        assert_eq!(until, at(15 + 15 - 3));
        assert!(lease.held(until).is_none());
    }

    #[test]
    fn whoever_makes_the_object_believes_a_duration_later() {
        let mut lease = lease("a");
        lease.next(at(0));
        lease.answered(Answer::Read(None), at(1));
        written(lease.next(at(1)));
        lease.answered(Answer::Written("1".to_owned()), at(2));
        assert_eq!(
            (lease.held(at(2)), lease.wake_at(at(2))),
            (None, Some(at(6)))
        );
        for (second, etag) in [(6, "2"), (11, "3"), (16, "4")] {
            written(lease.next(at(second)));
            lease.answered(Answer::Written(etag.to_owned()), at(second));
            assert_eq!(lease.held(at(second)), None, "{second}");
        }
        assert_eq!(lease.wake_at(at(16)), Some(at(17)));
        written(lease.next(at(17)));
        lease.answered(Answer::Written("5".to_owned()), at(17));
        assert!(lease.held(at(17)).is_some());
        // It is gone again: so is the belief.
        written(lease.next(at(22)));
        lease.answered(Answer::Rejected, at(22));
        lease.next(at(22));
        lease.answered(Answer::Read(None), at(22));
        assert_eq!(lease.held(at(22)), None);
        // One that is not proven is left to expire.
        written(lease.next(at(22)));
        lease.answered(Answer::Written("6".to_owned()), at(22));
        lease.resign();
        assert_eq!(lease.next(at(23)), None);
        assert!(lease.is_gone());
    }

    #[test]
    fn a_standby_waits_for_a_whole_duration_without_a_renewal() {
        let (_, mut record) = holder("a");
        let mut standby = lease("b");
        standby.next(at(0));
        standby.answered(seen("1", &record), at(1));
        record.write += 1;
        assert_eq!(standby.next(at(5)), Some(Request::Read));
        standby.answered(seen("2", &record), at(6));
        for second in [10, 15, 20] {
            assert_eq!(standby.next(at(second)), Some(Request::Read), "{second}");
            standby.answered(seen("2", &record), at(second));
        }
        assert_eq!(standby.wake_at(at(20)), Some(at(21)));
        let (claim, condition) = written(standby.next(at(21)));
        assert_eq!((claim.number, claim.holder.as_deref()), (2, Some("b")));
        assert_eq!(condition, Condition::Matches("2".to_owned()));
        standby.answered(Answer::Written("3".to_owned()), at(21));
        let holding = standby.held(at(21)).unwrap();
        // The first look at what the other did last.
        assert_eq!(holding.others_ended, Some(at(1)));
    }

    #[test]
    fn a_lease_that_was_given_up_is_taken_at_once_and_a_stop_gives_it_up() {
        let (mut first, _) = holder("a");
        first.resign();
        assert!(first.held(at(16)).is_none());
        let (record, _) = written(first.next(at(16)));
        assert_eq!((record.holder.as_ref(), record.number), (None, 1));
        first.answered(Answer::Written("2".to_owned()), at(16));
        assert!(first.is_gone());

        let mut second = lease("b");
        second.next(at(0));
        second.answered(seen("2", &record), at(0));
        assert_eq!(written(second.next(at(0))).0.number, 2);
    }

    #[test]
    fn a_lost_answer_is_resolved_by_a_read_and_another_write() {
        let (_, old) = holder("a");
        let free = Record {
            holder: None,
            ..old
        };
        let mut lease = lease("b");
        lease.next(at(0));
        lease.answered(seen("1", &free), at(0));
        let (record, _) = written(lease.next(at(0)));
        lease.answered(Answer::Unknown, at(3));
        assert!(lease.held(at(3)).is_none());
        assert_eq!(lease.next(at(5)), Some(Request::Read));
        lease.answered(seen("2", &record), at(6));
        assert!(lease.held(at(6)).is_none());
        let (again, condition) = written(lease.next(at(6)));
        assert_eq!(again.number, 2);
        assert_ne!(again.write, record.write);
        assert_eq!(condition, Condition::Matches("2".to_owned()));
        lease.answered(Answer::Written("3".to_owned()), at(7));
        assert_eq!(lease.held(at(7)).unwrap().number, 2);
    }

    #[test]
    fn an_action_is_in_the_object_before_it_begins() {
        let (mut lease, _) = holder("a");
        let now = Timestamp::from_second(1_000_000_000).unwrap();
        assert_eq!(lease.next(at(17)), None);
        lease.stamp(now, true);
        assert!(!lease.is_stamped());
        assert_eq!(lease.wake_at(at(17)), Some(at(17)));
        let (record, _) = written(lease.next(at(17)));
        assert_eq!((record.last_action, record.acting), (Some(now), true));
        lease.answered(Answer::Written("2".to_owned()), at(18));
        assert!(lease.is_stamped());
        assert_eq!(lease.held(at(18)).unwrap().until, at(17 + 12));

        // Whoever takes over cannot know how long the change went on.
        let mut standby = self::lease("b");
        standby.next(at(20));
        standby.answered(seen("2", &record), at(20));
        let (claim, _) = written(standby.next(at(40)));
        assert!(claim.acting);
        standby.answered(Answer::Written("3".to_owned()), at(41));
        assert_eq!(standby.held(at(41)).unwrap().others_ended, Some(at(40)));

        lease.stamp(now, false);
        assert!(!written(lease.next(at(19))).0.acting);
    }

    #[test]
    fn another_holder_ends_the_belief_at_once() {
        let (mut lease, record) = holder("a");
        written(lease.next(at(21)));
        lease.answered(Answer::Rejected, at(21));
        assert!(lease.held(at(21)).is_some());
        assert_eq!(lease.next(at(21)), Some(Request::Read));
        let other = Record {
            holder: Some("b".to_owned()),
            number: 2,
            writer: "b".to_owned(),
            ..record
        };
        lease.answered(seen("9", &other), at(21));
        assert!(lease.held(at(21)).is_none());
        assert_eq!((lease.holder(), lease.number()), (Some("b"), 2));
    }
}
