use std::time::Duration;

use super::{Due, RateFactor, Schedule};
use crate::{
    plan::{Arrivals, Load},
    slice::Slice,
};

fn all(profile: &str, arrivals: Arrivals, workers: usize) -> Vec<u64> {
    let load = Load::Open(profile.parse().expect("valid"));
    let mut times = Vec::new();
    for worker in 0..workers {
        let mut schedule = Schedule::new(&load, arrivals, None, worker, workers);
        while let Some(due) = schedule.take(u64::MAX) {
            times.push(due.at);
        }
    }
    times.sort_unstable();
    times
}

#[test]
fn workers_together_make_the_whole_curve() {
    let one = all("2s@50, 3s:50..400", Arrivals::Even, 1);
    assert_eq!(one.len(), 100 + 675);
    for workers in 2..6 {
        assert_eq!(all("2s@50, 3s:50..400", Arrivals::Even, workers), one);
    }
}

#[test]
fn slices_with_any_number_of_workers_make_the_whole_curve() {
    let load = Load::Open("2s@50, 3s:50..400".parse().expect("valid"));
    let mut times = Vec::new();
    for (slice, workers) in [("1/3", 1), ("2/3", 4), ("3/3", 2)] {
        let slice: Slice = slice.parse().expect("a slice");
        for worker in 0..workers {
            let (index, all) = slice.place(worker, workers);
            let mut schedule = Schedule::new(&load, Arrivals::Even, None, index, all);
            times.extend(std::iter::from_fn(|| Some(schedule.take(u64::MAX)?.at)));
        }
    }
    times.sort_unstable();
    assert_eq!(times, all("2s@50, 3s:50..400", Arrivals::Even, 1));
}

#[test]
fn poisson_arrivals_are_exponential_and_repeatable() {
    let times = all("100s@100", Arrivals::Poisson { seed: 7 }, 3);
    assert_eq!(times, all("100s@100", Arrivals::Poisson { seed: 7 }, 3));
    assert_ne!(times, all("100s@100", Arrivals::Poisson { seed: 8 }, 3));
    // Ten thousand arrivals: their number has a standard deviation of 100, and so has the gaps'
    // spread of 1 %.
    assert!((9_500..10_500).contains(&times.len()), "{}", times.len());
    let gaps: Vec<f64> = times
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) as f64 / 1e9)
        .collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    assert!(
        (variance.sqrt() / mean - 1.0).abs() < 0.06,
        "a Poisson process has a deviation equal to its mean"
    );
}

#[test]
fn ending_counts_what_was_due() {
    let load = Load::Open("1s@100".parse().expect("valid"));
    let mut schedule = Schedule::new(&load, Arrivals::Even, None, 0, 1);
    assert_eq!(schedule.take(5_000_000).map(|due| due.at), Some(0));
    assert_eq!(schedule.end(55_000_000), 5);
    assert_eq!((schedule.peek(), schedule.take(u64::MAX)), (None, None));
}

/// How many of a schedule's requests are due in each of these seconds, while the factor is set
/// at the start of each.
fn in_each_second(arrivals: Arrivals, workers: usize, factors: &[f64]) -> Vec<usize> {
    let load = Load::Open("60s@100".parse().expect("valid"));
    let factor = RateFactor::default();
    let mut schedules: Vec<Schedule> = (0..workers)
        .map(|worker| Schedule::new(&load, arrivals, None, worker, workers).with_factor(&factor))
        .collect();
    let counts = (1..).zip(factors).map(|(second, set)| {
        factor.set(*set);
        let end = second * 1_000_000_000 - 1;
        let due = |schedule: &mut Schedule| std::iter::from_fn(|| schedule.take(end)).count();
        schedules.iter_mut().map(due).sum()
    });
    counts.collect()
}

#[test]
fn a_factor_changes_the_rate_from_the_next_request_on() {
    for workers in [1, 3] {
        let counts = in_each_second(Arrivals::Even, workers, &[1.0, 1.5, 0.25, 1.0, 4.0, 1.0]);
        for (count, expected) in counts.into_iter().zip([100_usize, 150, 25, 100, 400, 100]) {
            // A worker's next request was drawn before the factor changed: at a quarter of the
            // rate in the time of four.
            assert!(
                count.abs_diff(expected) <= 4 * workers,
                "{count}, not {expected}"
            );
        }
    }
    let factors = [[1.0; 15], [2.0; 15]].concat();
    let counts = in_each_second(Arrivals::Poisson { seed: 7 }, 2, &factors);
    let sum = |counts: &[usize]| counts.iter().sum::<usize>() as f64;
    let ratio = sum(&counts[15..]) / sum(&counts[..15]);
    assert!((ratio - 2.0).abs() < 0.2, "{ratio}");
}

#[test]
fn a_factor_reaches_the_end_of_the_profile_and_counts_what_was_due() {
    let load = Load::Open("1s@100".parse().expect("valid"));
    let factor = RateFactor::default();
    let mut schedule = Schedule::new(&load, Arrivals::Even, None, 0, 1).with_factor(&factor);
    factor.set(2.0);
    let mut take = |now| schedule.take(now).map(|due| due.at);
    assert_eq!(take(0), Some(0));
    assert_eq!(take(5_000_000), Some(5_000_000));
    assert_eq!(schedule.backlog(110_000_000), 20);
    let rest = std::iter::from_fn(|| schedule.take(u64::MAX));
    assert_eq!(rest.last().map(|due| due.at), Some(995_000_000));
}

#[test]
fn a_closed_loop_is_always_due_until_its_end() {
    let load = Load::Closed(Duration::from_nanos(10));
    let mut schedule = Schedule::new(&load, Arrivals::Even, None, 0, 1);
    let mut at = |now| schedule.take(now).map(|due| due.at);
    assert_eq!((at(3), at(9), at(10)), (Some(3), Some(9), None));
}

#[test]
fn a_number_of_requests_is_kept_exactly_by_all_slices_and_workers_together() {
    let open = Load::Open("2s@50, 3s:50..400".parse().expect("valid"));
    let closed = Load::Closed(Duration::from_secs(1));
    for (load, arrivals) in [
        (&open, Arrivals::Even),
        (&open, Arrivals::Poisson { seed: 3 }),
        (&closed, Arrivals::Even),
    ] {
        for requests in [0, 1, 5, 101] {
            let mut numbers = Vec::new();
            for slice in ["1/3", "2/3", "3/3"] {
                let slice: Slice = slice.parse().expect("a slice");
                for worker in 0..4 {
                    let (index, all) = slice.place(worker, 4);
                    let mut schedule = Schedule::new(load, arrivals, Some(requests), index, all);
                    let now = if load == &closed { 0 } else { u64::MAX };
                    numbers.extend(std::iter::from_fn(|| Some(schedule.take(now)?.number)));
                    assert!(schedule.has_reached_limit() && schedule.peek().is_none());
                    assert_eq!(schedule.backlog(u64::MAX), 0);
                }
            }
            numbers.sort_unstable();
            assert_eq!(numbers, (0..requests).collect::<Vec<_>>(), "{load:?}");
        }
    }
    let mut few = Schedule::new(&open, Arrivals::Even, Some(776), 0, 1);
    assert_eq!(std::iter::from_fn(|| few.take(u64::MAX)).count(), 775);
    assert!(!few.has_reached_limit(), "the profile has fewer");
}

#[test]
fn turns_are_taken_over_all_workers_and_in_a_closed_loop_by_each() {
    let open = Load::Open("1s@100".parse().expect("valid"));
    let turns = |load: &Load, worker| {
        let mut schedule = Schedule::new(load, Arrivals::Even, None, worker, 2);
        [(); 3].map(|()| schedule.take(900_000_000).expect("due").turn)
    };
    assert_eq!((turns(&open, 0), turns(&open, 1)), ([0, 2, 4], [1, 3, 5]));
    let closed = Load::Closed(Duration::from_secs(1));
    assert_eq!(
        (turns(&closed, 0), turns(&closed, 1)),
        ([0, 1, 2], [1, 2, 3])
    );
}

#[test]
fn looking_ahead_finds_the_last_that_is_close_and_changes_nothing() {
    let load = Load::Open("2s@50, 3s:50..400".parse().expect("valid"));
    for arrivals in [Arrivals::Even, Arrivals::Poisson { seed: 5 }] {
        for (workers, limit) in [(1, None), (3, None), (2, Some(71))] {
            let mut plain = Schedule::new(&load, arrivals, limit, 0, workers);
            let mut looked = Schedule::new(&load, arrivals, limit, 0, workers);
            let expected: Vec<_> = std::iter::from_fn(|| plain.take(u64::MAX)).collect();
            for (index, due) in expected.iter().enumerate() {
                for slack in [0, 5_000_000, 40_000_000] {
                    let close = |later: &&Due| later.at <= due.at + slack;
                    let last = expected[index..].iter().take_while(close).last();
                    assert_eq!(looked.last_within(slack), last.map(|last| last.at));
                }
                assert!(!looked.has_reached_limit());
                assert_eq!(looked.take(u64::MAX), Some(*due));
            }
            assert_eq!((looked.last_within(1), looked.take(u64::MAX)), (None, None));
            assert_eq!(looked.has_reached_limit(), plain.has_reached_limit());
        }
    }
}

#[test]
fn ending_after_looking_ahead_counts_the_same() {
    let load = Load::Open("1s@100".parse().expect("valid"));
    let mut schedule = Schedule::new(&load, Arrivals::Even, None, 0, 1);
    assert_eq!(schedule.last_within(95_000_000), Some(90_000_000));
    assert_eq!(schedule.end(55_000_000), 6);
    assert_eq!(
        (schedule.last_within(1), schedule.take(u64::MAX)),
        (None, None)
    );
}
