//! Progress as lines, for logs and pipes.

use std::fmt::Write as _;

use loadtest::{Latency, Plan, Progress};
use tokio::sync::watch;

use super::ending::say;

/// Writes a line for each tick to standard error, until the run's end.
pub(crate) async fn show(plan: &Plan, mut progress: watch::Receiver<Progress>) {
    let settings = plan.describe();
    say(&format!(
        "{} {}, {}: {}",
        settings["method"], settings["target"], settings["mode"], settings["profile"]
    ));
    let mut known = 0;
    while progress.changed().await.is_ok() {
        let tick = progress.borrow_and_update().clone();
        // After the last whole tick usually only a moment is left, in which nothing happened.
        if !(tick.finished && tick.started + tick.succeeded + tick.failed < f64::EPSILON) {
            say(&line(&tick));
        }
        for backend in tick.backends.iter().skip(known) {
            if &*backend.name != "-" {
                say(&format!("{:>7}  backend {} responding", "", backend.name));
            }
        }
        known = tick.backends.len().max(known);
        if tick.finished {
            break;
        }
    }
}

/// A tick in one line, which fits 80 columns while nothing fails.
fn line(tick: &Progress) -> String {
    let Latency {
        count, p50, p99, ..
    } = tick.response;
    let [p50, p99] = [p50, p99].map(|nanos| {
        if count > 0 {
            loadtest::show_nanos(nanos)
        } else {
            "-".to_owned()
        }
    });
    let mut line = format!(
        "{:>6.1}s  target {:>7.1}/s  sent {:>7.1}/s  ok {:>7.1}/s  p50 {p50:>6}  p99 {p99:>6}",
        tick.elapsed.as_secs_f64(),
        tick.asked,
        tick.started,
        tick.succeeded,
    );
    if tick.backlog > 0 {
        // Writing to a String cannot fail, here and below.
        let _ = write!(line, "  overdue {}", tick.backlog);
    }
    for (failure, count) in &tick.failures {
        let _ = write!(line, "  {failure} {count}");
    }
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use loadtest::{Failure, Latency, Progress};

    #[test]
    fn a_line_has_the_rates_the_percentiles_and_the_failures() {
        let tick = Progress {
            elapsed: Duration::from_secs(3),
            asked: 50.0,
            started: 49.0,
            response: Latency {
                count: 1,
                p50: 1_500_000,
                ..Latency::default()
            },
            failures: [(Failure::Refused, 2)].into(),
            ..Progress::default()
        };
        let line = super::line(&tick);
        for part in [
            "3.0s",
            "target    50.0/s",
            "sent    49.0/s",
            "p50 1.50ms",
            "refused 2",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        let short = super::line(&Progress {
            failures: [].into(),
            ..tick
        });
        assert!(short.chars().count() <= 80, "{short}");
    }
}
