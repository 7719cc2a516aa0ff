//! Keeps senders from filling the log: what an outsider can cause at will is written a few times,
//! then counted.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// Lines of one kind that are written in each period.
const LINES: u32 = 5;
const PERIOD: Duration = Duration::from_secs(10);

/// Decides which lines are written.
#[derive(Debug, Default)]
pub(crate) struct ThrottledLog {
    kinds: Mutex<BTreeMap<&'static str, Kind>>,
}

#[derive(Debug)]
struct Kind {
    since: Instant,
    written: u32,
    suppressed: u64,
}

impl ThrottledLog {
    /// Writes a line unless there were too many of its kind. `write` gets the number of lines that
    /// were left out since the last one, if there were any.
    pub(crate) fn line(&self, kind: &'static str, write: impl FnOnce(Option<u64>)) {
        if let Some(suppressed) = self.admit(kind, Instant::now()) {
            write((suppressed > 0).then_some(suppressed));
        }
    }

    fn admit(&self, kind: &'static str, now: Instant) -> Option<u64> {
        let mut kinds = self.kinds.lock();
        let kind = kinds.entry(kind).or_insert(Kind {
            since: now,
            written: 0,
            suppressed: 0,
        });
        if now.saturating_duration_since(kind.since) >= PERIOD {
            kind.since = now;
            kind.written = 0;
        }
        if kind.written == LINES {
            kind.suppressed += 1;
            return None;
        }
        kind.written += 1;
        Some(std::mem::take(&mut kind.suppressed))
    }
}

/// Who sent a request, as a line names them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) Option<SocketAddr>);

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_few_lines_and_a_count() {
        let log = ThrottledLog::default();
        let start = Instant::now();
        let mut written = Vec::new();
        for millisecond in 0..25_000 {
            let now = start + Duration::from_millis(millisecond);
            if let Some(suppressed) = log.admit("refused", now) {
                written.push(suppressed);
            }
        }
        let each_period = [0, 0, 0, 0, 0, 9_995, 0, 0, 0, 0, 9_995, 0, 0, 0, 0];
        assert_eq!(written, each_period);
    }

    #[test]
    fn one_kind_does_not_hide_another() {
        let log = ThrottledLog::default();
        let now = Instant::now();
        while log.admit("refused", now).is_some() {}
        assert_eq!(log.admit("ignored", now), Some(0));
    }
}
