//! The protocol: what to send next, and what an answer means.
//!
//! Times are those of the caller's monotonic clock, which must go on while the machine sleeps.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    exchange::{Answer, Condition, Holding, Request, Seen, Timing},
    record::Record,
};

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
mod tests;
