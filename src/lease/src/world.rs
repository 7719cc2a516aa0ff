//! Many agents, a store and the network between them, in virtual time: clocks run differently,
//! answers are lost or late, agents are cut off, killed and started again.

mod cases;

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use super::{Answer, Condition, Lease, Record, Request, Seen, Timing};

const DURATION: Duration = Duration::from_secs(15);
/// How long a simulation runs, in milliseconds.
const END: u64 = 400_000;

/// What is drawn for one agent.
#[derive(Clone, Debug)]
struct Character {
    /// When it first starts.
    start: u64,
    /// How much faster its clock runs, in thousandths. The margin is a fifth; half of it for each.
    rate: i64,
    /// Where its clock began.
    offset: u64,
}

/// What happens to agents.
#[derive(Clone, Debug)]
struct Trouble {
    agent: usize,
    at: u64,
    kind: TroubleKind,
}

#[derive(Clone, Debug)]
enum TroubleKind {
    /// Ends without a word, and is started again after so long.
    Kill(u64),
    /// Gives the lease up, and is started again after so long.
    Stop(u64),
    /// Reaches the store no more for so long. Requests on their way may arrive.
    Part(u64),
    /// Does nothing for so long, and then goes on where it was.
    Freeze(u64),
    /// Somebody removes the object.
    Delete,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// A request reaches the store.
    Arrives {
        life: usize,
        message: usize,
    },
    /// An answer reaches the agent, or it stops waiting.
    Answered {
        life: usize,
        message: usize,
    },
    Wake {
        life: usize,
    },
    Trouble {
        index: usize,
    },
    Start {
        agent: usize,
    },
}

/// A request and what came of it.
#[derive(Debug)]
struct Message {
    request: Request,
    answer: Answer,
    is_lost: bool,
}

#[derive(Debug)]
struct Life {
    agent: usize,
    lease: Lease,
    /// The message that is waited for.
    waits_for: Option<usize>,
    is_alive: bool,
    frozen_until: u64,
}

struct World {
    characters: Vec<Character>,
    troubles: Vec<Trouble>,
    parted_until: Vec<u64>,
    lives: Vec<Life>,
    messages: Vec<Message>,
    queue: BinaryHeap<Reverse<(u64, usize, What)>>,
    queued: usize,
    object: Option<Seen>,
    writes: u64,
    now: u64,
    noise: Vec<u8>,
    next_noise: usize,
    /// Who believed, and with which number, at every change.
    tenures: Vec<(u64, usize, u64)>,
    /// Since when one ought to lead: the last moment at which one did, or the end of trouble.
    idle_since: u64,
    is_meddled: bool,
}

impl World {
    fn new(characters: Vec<Character>, troubles: Vec<Trouble>, noise: Vec<u8>) -> Self {
        let mut world = Self {
            parted_until: vec![0; characters.len()],
            lives: Vec::new(),
            messages: Vec::new(),
            queue: BinaryHeap::new(),
            queued: 0,
            object: None,
            writes: 0,
            now: 0,
            noise,
            next_noise: 0,
            tenures: Vec::new(),
            idle_since: 0,
            is_meddled: false,
            characters,
            troubles,
        };
        for agent in 0..world.characters.len() {
            let start = world.characters[agent].start;
            world.at(start, What::Start { agent });
        }
        for index in 0..world.troubles.len() {
            let at = world.troubles[index].at;
            world.at(at, What::Trouble { index });
        }
        world
    }

    fn at(&mut self, time: u64, what: What) {
        self.queued += 1;
        self.queue.push(Reverse((time, self.queued, what)));
    }

    fn noise(&mut self) -> u64 {
        self.next_noise = (self.next_noise + 1) % self.noise.len();
        u64::from(self.noise[self.next_noise])
    }

    /// An agent's own clock.
    fn clock(&self, agent: usize, time: u64) -> Duration {
        let Character { rate, offset, .. } = self.characters[agent];
        let time = time * u64::try_from(1000 + rate).unwrap() / 1000;
        Duration::from_millis(time + offset)
    }

    /// When an agent's clock shows a time.
    fn world_time(&self, agent: usize, own: Duration) -> u64 {
        let Character { rate, offset, .. } = self.characters[agent];
        let own = u64::try_from(own.as_millis())
            .unwrap()
            .saturating_sub(offset);
        own * 1000 / u64::try_from(1000 + rate).unwrap() + 1
    }

    fn run(&mut self) {
        while let Some(Reverse((time, _, what))) = self.queue.pop() {
            if time > END {
                break;
            }
            // Beliefs end between events, too.
            self.check(self.now);
            self.now = time;
            match what {
                What::Start { agent } => self.start(agent),
                What::Trouble { index } => self.trouble(index),
                What::Arrives { life, message } => self.arrive(life, message),
                What::Answered { life, message } => self.take_answer(life, message),
                What::Wake { life } => self.poll(life),
            }
            self.check(self.now);
        }
    }

    /// The lives that would act now.
    fn believers(&self, time: u64) -> Vec<(usize, u64)> {
        let lives = self.lives.iter().enumerate();
        let lives = lives.filter(|(_, life)| life.is_alive && life.frozen_until <= time);
        lives
            .filter_map(|(index, life)| {
                let held = life.lease.held(self.clock(life.agent, time));
                held.map(|holding| (index, holding.number))
            })
            .collect()
    }

    fn check(&mut self, time: u64) {
        let believers = self.believers(time);
        assert!(believers.len() <= 1, "at {time}: {believers:?}");
        if !believers.is_empty() {
            self.idle_since = self.idle_since.max(time);
        }
        let idle = Duration::from_millis(time.saturating_sub(self.idle_since));
        let is_expected = self.lives.iter().any(|life| life.is_alive);
        assert!(
            !is_expected || idle <= 3 * DURATION,
            "nobody leads since {} at {time}",
            self.idle_since
        );
        if let [(life, number)] = believers[..]
            && self
                .tenures
                .last()
                .is_none_or(|(_, last, known)| (*last, *known) != (life, number))
        {
            // With the object its number is gone, for those who did not see it.
            if let Some((_, last, before)) = self.tenures.last().filter(|_| !self.is_meddled) {
                assert!(number > *before, "{number} after {before}");
                // One that never believed may have come in between.
                let is_another = *last != life || number > before + 1;
                assert!(is_another, "{number} after {before}, the same holder");
            }
            self.tenures.push((time, life, number));
        }
    }

    fn start(&mut self, agent: usize) {
        if self.lives.iter().all(|life| !life.is_alive) {
            self.expect_none_until(self.now);
        }
        let name = format!("agent-{agent}-{}", self.lives.len());
        let timing = Timing { duration: DURATION };
        self.lives.push(Life {
            agent,
            lease: Lease::new(name, timing, 0),
            waits_for: None,
            is_alive: true,
            frozen_until: 0,
        });
        self.poll(self.lives.len() - 1);
    }

    fn trouble(&mut self, index: usize) {
        let Trouble { agent, kind, .. } = self.troubles[index].clone();
        let life = self
            .lives
            .iter()
            .rposition(|life| life.agent == agent && life.is_alive);
        match (kind, life) {
            (TroubleKind::Kill(pause), Some(life)) => {
                self.lives[life].is_alive = false;
                if self.lives.iter().all(|life| !life.is_alive) {
                    self.expect_none_until(self.now + pause);
                }
                self.at(self.now + pause, What::Start { agent });
            }
            (TroubleKind::Stop(pause), Some(life)) => {
                self.lives[life].lease.resign();
                self.poll(life);
                let end = self.now + 5_000;
                self.troubles.push(Trouble {
                    agent,
                    at: end,
                    kind: TroubleKind::Kill(pause),
                });
                self.at(
                    end,
                    What::Trouble {
                        index: self.troubles.len() - 1,
                    },
                );
            }
            (TroubleKind::Part(time), _) => {
                self.parted_until[agent] = self.now + time;
                self.expect_none_until(self.now + time);
            }
            (TroubleKind::Freeze(time), Some(life)) => {
                self.lives[life].frozen_until = self.now + time;
                self.expect_none_until(self.now + time);
                self.at(self.now + time, What::Wake { life });
            }
            (TroubleKind::Delete, _) => {
                self.object = None;
                self.is_meddled = true;
                self.expect_none_until(self.now);
            }
            (_, None) => {}
        }
    }

    /// Nobody promises that one leads before this.
    fn expect_none_until(&mut self, time: u64) {
        self.idle_since = self.idle_since.max(time);
    }

    /// Lets an agent send what it wants to.
    fn poll(&mut self, life: usize) {
        let Life {
            agent,
            is_alive,
            frozen_until,
            ..
        } = self.lives[life];
        if !is_alive || frozen_until > self.now {
            return;
        }
        let own = self.clock(agent, self.now);
        let lease = &mut self.lives[life].lease;
        let Some(request) = lease.next(own) else {
            if let Some(at) = lease.wake_at(own) {
                let at = self.world_time(agent, at).max(self.now + 1);
                self.at(at, What::Wake { life });
            }
            return;
        };
        let message = self.messages.len();
        let is_parted = self.parted_until[agent] > self.now;
        let (way, back, fate) = (self.noise(), self.noise(), self.noise());
        if matches!(fate % 16, 1..=3) {
            // How soon a lease is taken is promised where answers come.
            self.expect_none_until(self.now);
        }
        // A few requests are so late that nobody waits for them any more.
        let way = if fate % 16 == 1 { way * 200 } else { way };
        let answer = match &request {
            Request::Read => Answer::Failed,
            Request::Write(..) => Answer::Unknown,
        };
        self.messages.push(Message {
            request,
            answer,
            is_lost: is_parted || fate % 16 == 2,
        });
        self.lives[life].waits_for = Some(message);
        if !is_parted && fate % 16 != 3 {
            self.at(self.now + way, What::Arrives { life, message });
            self.at(self.now + way + back, What::Answered { life, message });
        }
        let timeout = Timing { duration: DURATION }.request_timeout();
        let timeout = self.world_time(agent, own + timeout);
        self.at(timeout, What::Answered { life, message });
    }

    /// What the store does, all in one step.
    fn arrive(&mut self, _: usize, message: usize) {
        let answer = match self.messages[message].request.clone() {
            Request::Read => Answer::Read(self.object.clone()),
            Request::Write(record, condition) => self.store(record, &condition),
        };
        let message = &mut self.messages[message];
        if !message.is_lost {
            message.answer = answer;
        }
    }

    fn store(&mut self, record: Record, condition: &Condition) -> Answer {
        let holds = match (condition, &self.object) {
            (Condition::Absent, None) => true,
            (Condition::Matches(etag), Some(seen)) => *etag == seen.etag,
            _ => false,
        };
        if !holds {
            return Answer::Rejected;
        }
        self.writes += 1;
        // As S3's, made of the content alone.
        let etag = String::from_utf8(record.to_bytes()).unwrap();
        if let Some(seen) = &self.object {
            assert_ne!(seen.etag, etag, "two writes are alike");
            let before = &seen.record;
            let is_taken = record.holder.is_some() && record.holder != before.holder;
            let expected = before.number + u64::from(is_taken);
            // Who knew an object that is gone goes on from its number.
            let fits = record.number == expected || (self.is_meddled && record.number > expected);
            assert!(fits, "{before:?}, then {record:?}");
        }
        self.object = Some(Seen {
            etag: etag.clone(),
            record,
        });
        Answer::Written(etag)
    }

    fn take_answer(&mut self, life: usize, message: usize) {
        let Life {
            agent,
            is_alive,
            frozen_until,
            waits_for,
            ..
        } = self.lives[life];
        if !is_alive || waits_for != Some(message) {
            return;
        }
        if frozen_until > self.now {
            self.at(frozen_until, What::Answered { life, message });
            return;
        }
        let own = self.clock(agent, self.now);
        let answer = self.messages[message].answer.clone();
        let life_of = &mut self.lives[life];
        life_of.waits_for = None;
        life_of.lease.answered(answer, own);
        self.poll(life);
    }
}
