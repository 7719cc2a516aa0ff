//! Misbehaviour on request: makes the next calls of an operation go wrong in a chosen way.

use std::{fmt, time::Duration};

use clap::ValueEnum;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{clients::plain, edits::Edit};

/// How long a slowed call takes when its fault does not say.
const SLOW: Duration = Duration::from_secs(5);

/// How a call misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Answered with an error (`status`, default 503; `message`; `retry_after_s`) and not applied.
    Fail,
    /// Not applied and not answered: for `delay_ms`, or until the client or the cloud gives up.
    Hang,
    /// Answered 429 with `Retry-After` (`retry_after_s`, default 1) and not applied.
    RateLimit,
    /// Applied, then (after `delay_ms`, default 0) the connection closes without an answer: the
    /// client cannot know whether it was applied.
    ApplyWithoutAnswer,
    /// Applied and answered properly, after `delay_ms` (default 5 s).
    Slow,
    /// Taken, and answered with an operation that then fails (`reason`, default `unavailable`;
    /// `message`) without effect. Only for calls that change something.
    FailOperation,
    /// Applied, and answered with `edits` made to the answer.
    EditAnswer,
}

/// One entry of `PUT /_local/faults`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The API's operation id, such as `scale-instance-pool`, or `*` for any.
    pub operation: String,
    /// How many calls misbehave.
    pub count: u32,
    /// The API key whose calls misbehave; those of all keys when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// In which way.
    #[serde(rename = "fault")]
    pub kind: FaultKind,
    /// HTTP status of [`FaultKind::Fail`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Seconds, in the `Retry-After` header of [`FaultKind::RateLimit`] and [`FaultKind::Fail`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    /// Milliseconds; see [`FaultKind`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// What [`FaultKind::Fail`] and [`FaultKind::FailOperation`] say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// A word of the API's list, for [`FaultKind::FailOperation`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Changes to the answer, for [`FaultKind::EditAnswer`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edit>,
}

impl Fault {
    /// `count` calls of `operation` that misbehave as `kind`, with its default settings.
    pub fn new(operation: impl Into<String>, count: u32, kind: FaultKind) -> Self {
        Self {
            operation: operation.into(),
            count,
            key: None,
            kind,
            status: None,
            retry_after_s: None,
            delay_ms: None,
            message: None,
            reason: None,
            edits: Vec::new(),
        }
    }

    /// `count` calls that are answered with this status and message.
    pub fn fail(
        operation: impl Into<String>,
        count: u32,
        status: u16,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status: Some(status),
            message: Some(message.into()),
            ..Self::new(operation, count, FaultKind::Fail)
        }
    }

    /// `count` calls whose answer is changed.
    pub fn edit(operation: impl Into<String>, count: u32, edits: Vec<Edit>) -> Self {
        Self {
            edits,
            ..Self::new(operation, count, FaultKind::EditAnswer)
        }
    }

    /// A delay that was set, for a person to read.
    fn for_a_time(&self) -> String {
        self.delay_ms
            .map(|delay| format!(" for {delay} ms"))
            .unwrap_or_default()
    }

    pub(crate) fn delay(&self) -> Option<Duration> {
        self.delay_ms.map(Duration::from_millis)
    }

    /// How long a slowed call takes.
    pub(crate) fn delay_when_slow(&self) -> Duration {
        self.delay().unwrap_or(SLOW)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = if self.count == 1 { "call" } else { "calls" };
        write!(f, "{}: {} {calls} to ", self.operation, self.count)?;
        match self.kind {
            FaultKind::Fail => write!(f, "fail with status {}", self.status.unwrap_or(503)),
            FaultKind::RateLimit => f.write_str("be answered 429"),
            FaultKind::Hang => write!(f, "hang{}", self.for_a_time()),
            FaultKind::Slow => write!(f, "be slow{}", self.for_a_time()),
            FaultKind::ApplyWithoutAnswer => f.write_str("be applied without an answer"),
            FaultKind::FailOperation => f.write_str("begin an operation that fails"),
            FaultKind::EditAnswer => f.write_str("have the answer changed"),
        }?;
        if let Some(key) = &self.key {
            write!(f, ", of key {}", plain(key, 80))?;
        }
        if let Some(seconds) = self.retry_after_s {
            write!(f, ", to be tried again after {seconds} s")?;
        }
        Ok(())
    }
}

/// The faults that are left. The first entry that fits a call is used.
#[derive(Debug, Default)]
pub struct Faults {
    left: Mutex<Vec<Fault>>,
}

impl Faults {
    /// Replaces all faults.
    pub fn set(&self, faults: Vec<Fault>) {
        let mut left = self.left.lock();
        *left = faults;
        left.retain(|fault| fault.count > 0);
    }

    /// Adds one fault after those that are there.
    pub fn add(&self, fault: Fault) {
        if fault.count > 0 {
            self.left.lock().push(fault);
        }
    }

    /// What is left.
    pub fn left(&self) -> Vec<Fault> {
        self.left.lock().clone()
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.left.lock().clear();
    }

    /// Uses up one count of the first fault that fits.
    pub(crate) fn take(&self, operation: &str, key: Option<&str>) -> Option<Fault> {
        let mut left = self.left.lock();
        let fits = |fault: &Fault| {
            (fault.operation == operation || fault.operation == "*")
                && (fault.key.is_none() || fault.key.as_deref() == key)
        };
        let position = left.iter().position(fits)?;
        let fault = left.get_mut(position)?;
        fault.count -= 1;
        let taken = fault.clone();
        if fault.count == 0 {
            left.remove(position);
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_used_count_times_and_only_for_its_operation() {
        let faults = Faults::default();
        faults.set(vec![
            Fault::new("scale-instance-pool", 2, FaultKind::Fail),
            Fault::new("*", 1, FaultKind::Hang),
        ]);
        let kinds = |operation| faults.take(operation, None).map(|fault| fault.kind);
        assert_eq!(kinds("scale-instance-pool"), Some(FaultKind::Fail));
        assert_eq!(faults.left()[0].count, 1);
        assert_eq!(kinds("list-instances"), Some(FaultKind::Hang));
        assert_eq!(kinds("list-instances"), None);
        assert_eq!(kinds("scale-instance-pool"), Some(FaultKind::Fail));
        assert_eq!(kinds("scale-instance-pool"), None);
    }

    #[test]
    fn a_fault_can_be_of_one_key() {
        let faults = Faults::default();
        faults.add(Fault {
            key: Some("EXOa".to_owned()),
            ..Fault::new("*", 1, FaultKind::Hang)
        });
        assert_eq!(faults.take("get-object", None), None);
        assert_eq!(faults.take("get-object", Some("EXOb")), None);
        assert!(faults.take("get-object", Some("EXOa")).is_some());
    }

    #[test]
    fn the_documented_form_is_read() {
        let text = r#"[{"operation":"scale-instance-pool","count":2,"fault":"rate-limit","retry_after_s":3}]"#;
        let faults: Vec<Fault> = serde_json::from_str(text).unwrap();
        assert_eq!(faults[0].kind, FaultKind::RateLimit);
        assert_eq!(faults[0].retry_after_s, Some(3));
        assert!(
            serde_json::from_str::<Fault>(r#"{"operation":"x","count":1,"fault":"boom"}"#).is_err()
        );
    }
}
