//! The protocol, one rule at a time.

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
