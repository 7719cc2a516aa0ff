use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

fn entry(text: &str) -> Result<Entry, EntryError> {
    let settings: EntrySettings = toml::from_str(text).expect("a row");
    settings.try_into()
}

fn row(days: &str, from: &str, to: &str, zone: &str, min: u32) -> Entry {
    let text = format!(
        "days = \"{days}\"\nfrom = \"{from}\"\nto = \"{to}\"\ntime_zone = \"{zone}\"\nmin_size = {min}\n"
    );
    entry(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn moment(text: &str) -> Timestamp {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn min_at(schedule: &Schedule, at: &str) -> Option<u32> {
    schedule
        .at(moment(at))
        .map(|entry| entry.settings().min_size)
}

const NOW: &str = "2026-01-01T00:00:00Z";

fn schedule(entries: Vec<Entry>) -> Schedule {
    Schedule::new(entries, moment(NOW)).expect("no overlap")
}

#[test]
fn office_hours_hold_on_working_days_in_their_zone() {
    let office = schedule(vec![row("mon-fri", "08:00", "18:00", "Europe/Vienna", 4)]);
    // Vienna is an hour ahead in winter, two in summer. The 15th of January 2026 is a Thursday.
    for (at, expected) in [
        ("2026-01-15T06:59:59Z", None),
        ("2026-01-15T07:00:00Z", Some(4)),
        ("2026-01-15T16:59:59Z", Some(4)),
        ("2026-01-15T17:00:00Z", None),
        ("2026-01-17T10:00:00Z", None),
        ("2026-07-15T06:00:00Z", Some(4)),
        ("2026-07-15T16:00:00Z", None),
    ] {
        assert_eq!(min_at(&office, at), expected, "{at}");
    }
    let next = |at: &str| office.next_change(moment(at));
    assert_eq!(
        next("2026-01-15T05:00:00Z"),
        Some(moment("2026-01-15T07:00:00Z"))
    );
    assert_eq!(
        next("2026-01-15T07:00:00Z"),
        Some(moment("2026-01-15T17:00:00Z"))
    );
    assert_eq!(
        next("2026-01-16T17:00:00Z"),
        Some(moment("2026-01-19T07:00:00Z"))
    );
    assert_eq!(Schedule::default().next_change(moment(NOW)), None);
}

#[test]
fn a_night_ends_on_the_next_day_and_a_whole_day_has_no_gap() {
    let nights = schedule(vec![row("fri", "22:00", "06:00", "UTC", 2)]);
    // The 2nd of January 2026 is a Friday.
    for (at, expected) in [
        ("2026-01-02T05:00:00Z", None),
        ("2026-01-02T22:00:00Z", Some(2)),
        ("2026-01-03T05:59:00Z", Some(2)),
        ("2026-01-03T06:00:00Z", None),
    ] {
        assert_eq!(min_at(&nights, at), expected, "{at}");
    }
    let always = schedule(vec![row("daily", "00:00", "24:00", "Europe/Vienna", 3)]);
    for at in [
        "2026-03-29T01:30:00Z",
        "2026-10-25T00:30:00Z",
        "2026-01-01T23:00:00Z",
    ] {
        assert_eq!(min_at(&always, at), Some(3), "{at}");
    }
}

#[test]
fn a_change_of_the_clocks_neither_loses_nor_doubles_a_row() {
    // In Vienna, 02:00 to 03:00 was skipped on 29 March 2026 and came twice on 25 October.
    let skipped = schedule(vec![row("daily", "02:30", "04:00", "Europe/Vienna", 5)]);
    let on_the_29th = |at: &str| min_at(&skipped, at);
    assert_eq!(on_the_29th("2026-03-29T01:29:59Z"), None);
    assert_eq!(
        on_the_29th("2026-03-29T01:30:00Z"),
        Some(5),
        "03:30 in summer time"
    );
    assert_eq!(on_the_29th("2026-03-29T02:00:00Z"), None);
    let twice = schedule(vec![row("daily", "02:30", "03:30", "Europe/Vienna", 5)]);
    let on_the_25th = |at: &str| min_at(&twice, at);
    assert_eq!(
        on_the_25th("2026-10-25T00:30:00Z"),
        Some(5),
        "the first 02:30"
    );
    assert_eq!(
        on_the_25th("2026-10-25T02:29:00Z"),
        Some(5),
        "two hours long that day"
    );
    assert_eq!(on_the_25th("2026-10-25T02:30:00Z"), None);
    // A row that lies in the gap alone is moved behind it.
    let gap = schedule(vec![row("daily", "02:15", "02:45", "Europe/Vienna", 5)]);
    assert_eq!(min_at(&gap, "2026-03-29T01:20:00Z"), Some(5));
}

#[test]
fn rows_that_overlap_are_named() {
    let overlap = |one: Entry, two: Entry| Schedule::new(vec![one, two], moment(NOW)).unwrap_err();
    let found = overlap(
        row("mon-fri", "08:00", "18:00", "Europe/Vienna", 4),
        row("fri", "17:00", "20:00", "Europe/Vienna", 6),
    );
    assert_eq!((found.first, found.second), (1, 2));
    assert!(found.to_string().contains("rows 1 and 2"), "{found}");
    // Over midnight, and by the zones alone.
    overlap(
        row("fri", "22:00", "06:00", "UTC", 2),
        row("sat", "05:00", "08:00", "UTC", 3),
    );
    overlap(
        row("daily", "08:00", "10:00", "Europe/Vienna", 2),
        row("daily", "07:30", "07:45", "UTC", 3),
    );
    // Only in summer time.
    let found = overlap(
        row("daily", "08:00", "09:00", "Europe/Vienna", 2),
        row("daily", "06:00", "06:30", "UTC", 3),
    );
    assert!(found.at > moment("2026-03-28T00:00:00Z"), "{found}");
    schedule(vec![
        row("mon-fri", "08:00", "18:00", "Europe/Vienna", 4),
        row("mon-fri", "18:00", "22:00", "Europe/Vienna", 2),
    ]);
}

#[test]
fn rows_that_make_no_sense_are_refused_with_the_key() {
    let text = |key: &str, value: &str| {
        let mut row = vec![
            ("from", "\"08:00\""),
            ("to", "\"18:00\""),
            ("time_zone", "\"UTC\""),
            ("min_size", "2"),
        ];
        row.retain(|(name, _)| *name != key);
        row.push((key, value));
        let lines = row.iter().map(|(key, value)| format!("{key} = {value}\n"));
        lines.collect::<String>()
    };
    for (key, value, says) in [
        ("days", "\"monday\"", "monday"),
        ("from", "\"8\"", "`8`"),
        ("from", "\"25:00\"", "`25:00`"),
        ("from", "\"08:00+02\"", "`08:00+02`"),
        ("to", "\"08:00\"", "00:00 and 24:00"),
        ("to", "\"24:01\"", "`24:01`"),
        ("time_zone", "\"Europe/Wien\"", "Europe/Wien"),
        ("time_zone", "\"\"", "unknown"),
        ("min_size", "0", "at least 1"),
        ("max_size", "1", "smaller"),
    ] {
        let error = entry(&text(key, value)).expect_err(key).to_string();
        assert!(error.starts_with(&format!("{key}: ")), "{error}");
        assert!(error.contains(says), "{error}");
    }
    let unknown = toml::from_str::<EntrySettings>(&text("until", "\"18:00\"")).unwrap_err();
    assert!(unknown.to_string().contains("until"), "{unknown}");
}

proptest! {
    /// Between two changes the same row holds, in every zone and through every change of the
    /// clocks.
    #[test]
    fn what_holds_changes_only_when_it_is_said(
        zone in prop::sample::select(vec!["UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
        from in 0u32..24,
        length in 1u32..24,
        day in 0i64..400,
        minute in 0i64..1440,
    ) {
        let clock = |hour: u32| format!("{:02}:00", hour % 24);
        let rows = schedule(vec![row("mon-sat", &clock(from), &clock(from + length), zone, 2)]);
        let now = moment(NOW) + SignedDuration::from_mins(day * 1440 + minute);
        let next = rows.next_change(now).expect("there are rows");
        prop_assert!(next > now);
        let before = next - SignedDuration::from_secs(1);
        prop_assert_eq!(rows.at(now).is_some(), rows.at(before).is_some());
        prop_assert_ne!(rows.at(before).is_some(), rows.at(next).is_some());
        prop_assert!(TimeZone::get(zone).is_ok());
    }
}
