//! Reads the documents that monitoring systems send, told apart by their content:
//!
//! * Grafana since version 8, and Alertmanager: a `status` and a list of `alerts` with labels
//!   (<https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/>,
//!   <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>).
//! * Grafana's older alerting: a `ruleName` and a `state`.
//! * Whatever a template of the sender's makes of them, on `/up` and `/down`.
//!
//! It looks at the few members that matter, and at each by itself: whatever else a document holds,
//! however odd or deep, it cannot hide that there is no alarm. Of a member that occurs twice, the
//! more careful reading counts.

use std::io;

use policy::StepSize;
use serde_json::{error::Category, value::RawValue};

use super::{
    Ask, Conventions, Ignored, MAX_BODY,
    json_walk::{each_member, elements, members},
    pools::MeantFor,
};

/// Grafana's annotation for the reason of a state that no value led to
/// (<https://grafana.com/docs/grafana/latest/alerting/fundamentals/alert-rule-evaluation/nodata-and-error-states/>).
const STATE_REASON: &str = "grafana_state_reason";

/// The label of a rule that asks for a step of its own.
const STEP: &str = "step";
/// The annotation that holds the rule's value, for senders that list none.
const VALUE: &str = "value";

/// Why a body is none of the documents.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Not JSON.
    #[error(
        "the body is not JSON; expected an alert of Grafana or Alertmanager, or use /up or /down, which need no body"
    )]
    NotJson {
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// JSON of another kind.
    #[error(
        "the body is JSON but no known alert; expected `alerts` (Grafana, Alertmanager) or `ruleName` and `state` (Grafana before version 11)"
    )]
    Unknown,
    /// A document of Grafana or Alertmanager without a list of alerts.
    #[error("`alerts` is not a list; expected the alerts of Grafana or Alertmanager")]
    NoList,
    /// The compression is broken.
    #[error("the body cannot be decompressed; expected gzip or plain JSON of an alert")]
    Compressed { source: io::Error },
    /// It holds more than a body may.
    #[error("the alert is larger than {MAX_BODY} bytes when decompressed")]
    TooLarge,
}

#[derive(Debug, Default)]
pub(super) struct Document {
    /// What it says as a whole.
    pub whole: Statement,
    /// Its alerts.
    pub alerts: Alerts,
    /// Whether it has a member `ruleName`.
    pub has_rule_name: bool,
    /// Whether it has a member `state`.
    pub has_state: bool,
}

/// The member `alerts`.
#[derive(Debug, Default)]
pub(super) enum Alerts {
    /// There is none.
    #[default]
    Missing,
    /// It is not a list.
    Odd,
    /// What each says; `None` for one that is no object.
    List(Vec<Option<Statement>>),
}

/// What an alert or a whole document says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Statement {
    /// Whether it fires.
    pub status: Status,
    /// Why it is no measurement, by its name.
    pub name: Option<Ignored>,
    /// Why it is no measurement, by its annotations.
    pub reason: Option<Ignored>,
    /// What it asks for, by its label.
    pub ask: Label<Ask>,
    /// The step that its rule asks for.
    pub step: Label<StepSize>,
    /// The number that its rule looked at, as Grafana lists it.
    pub listed_value: Label<Number>,
    /// That number as the rule's author wrote it into an annotation.
    pub noted_value: Label<Number>,
    /// Which pool it is meant for, by its labels.
    pub meant_for: MeantFor,
}

/// Whether an alert fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Status {
    /// It does not say.
    #[default]
    Unsaid,
    /// It does.
    Firing,
    /// It does not.
    Not(Ignored),
}

/// What is said in one place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Label<T> {
    /// Nothing.
    #[default]
    Absent,
    /// It is clear.
    Is(T),
    /// It is no such thing, or two different ones.
    Odd,
}

/// A finite number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number(pub f64);

/// Reads a document.
pub(super) fn parse(text: &str, conventions: &Conventions) -> Result<Document, PayloadError> {
    let mut document = Document::default();
    members(text, |key, value| {
        if key == "alerts" {
            return document.alerts.add(value, conventions);
        }
        document.has_rule_name |= key == "rulename";
        document.has_state |= key == "state";
        document.whole.add(key, value, conventions);
    })
    .map_err(|source| match source.classify() {
        Category::Data => PayloadError::Unknown,
        _ => PayloadError::NotJson { source },
    })?;
    Ok(document)
}

impl Alerts {
    fn add(&mut self, value: &RawValue, conventions: &Conventions) {
        let mut list = match std::mem::take(self) {
            Self::List(list) => list,
            Self::Odd => return *self = Self::Odd,
            Self::Missing => Vec::new(),
        };
        let is_list = elements(value.get(), |alert| {
            let mut statement = Statement::default();
            let read = members(alert.get(), |key, value| {
                statement.add(key, value, conventions);
            });
            list.push(read.ok().map(|()| statement));
        });
        *self = match is_list {
            Err(_) if !is_null(value) => Self::Odd,
            _ => Self::List(list),
        };
    }
}

impl Statement {
    /// Takes one member in. `key` is in small letters.
    fn add(&mut self, key: &str, value: &RawValue, conventions: &Conventions) {
        match key {
            "status" | "state" => self.status = self.status.and(Status::of(value)),
            "labels" | "commonlabels" | "grouplabels" | "tags" => {
                self.add_labels(value, conventions);
            }
            "annotations" | "commonannotations" => self.add_annotations(value),
            "values" => self.add_values(value, &conventions.value_name),
            "alertname" | "rulename" => self.name = self.name.or(name(value)),
            "title" => self.name = self.name.or(mentioned(value.get())),
            _ => {}
        }
    }

    fn add_labels(&mut self, labels: &RawValue, conventions: &Conventions) {
        let read = each_member(labels.get(), |key, value| {
            if key.eq_ignore_ascii_case("alertname") {
                self.name = self.name.or(name(value));
            }
            if key == STEP {
                let step = string(value).and_then(|text| text.parse().ok());
                self.step = self.step.and(Label::of(step));
            }
            if key == conventions.direction_label {
                self.ask = self.ask.and(Label::ask(value));
            }
            conventions
                .pools
                .note(&mut self.meant_for, key, || string(value));
        });
        if read.is_err() {
            self.name = self.name.or(mentioned(labels.get()));
        }
    }

    fn add_values(&mut self, values: &RawValue, name: &str) {
        let read = each_member(values.get(), |key, value| {
            if key == name {
                // Of a text, nobody knows what it measures.
                let number = number(value).filter(|_| string(value).is_none());
                self.listed_value = self.listed_value.and(Label::of(number));
            }
        });
        if read.is_err() && !is_null(values) {
            self.listed_value = Label::Odd;
        }
    }

    fn add_annotations(&mut self, annotations: &RawValue) {
        let read = members(annotations.get(), |key, value| {
            if key == VALUE {
                self.noted_value = self.noted_value.and(Label::of(number(value)));
            }
            if key == STATE_REASON {
                let text = string(value).unwrap_or_else(|| value.get().to_owned());
                self.reason = self.reason.or(state_reason(&text));
            }
        });
        if read.is_err() && annotations.get().contains(STATE_REASON) {
            self.reason = self.reason.or(state_reason(annotations.get()));
        }
    }
}

impl Status {
    fn of(value: &RawValue) -> Self {
        let Some(text) = string(value) else {
            return if is_null(value) {
                Self::Unsaid
            } else {
                Self::Not(Ignored::Malformed)
            };
        };
        match text.trim().to_ascii_lowercase().as_str() {
            "" => Self::Unsaid,
            "firing" | "alerting" => Self::Firing,
            "resolved" | "ok" | "normal" => Self::Not(Ignored::Resolved),
            "no_data" | "nodata" => Self::Not(Ignored::NoData),
            "error" => Self::Not(Ignored::ErrorAlert),
            _ => Self::Not(Ignored::NotFiring),
        }
    }

    /// Both are said: one "no" is enough.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Not(_), _) | (_, Self::Unsaid) => self,
            _ => other,
        }
    }
}

impl<T: Copy + PartialEq> Label<T> {
    fn of(read: Option<T>) -> Self {
        read.map_or(Self::Odd, Self::Is)
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (one, Self::Absent) | (Self::Absent, one) => one,
            (one, other) if one == other => one,
            _ => Self::Odd,
        }
    }

    /// This, or where nothing is said the other.
    pub(super) fn or(self, other: Self) -> Self {
        match self {
            Self::Absent => other,
            said => said,
        }
    }
}

impl Label<Ask> {
    /// A value that is no text says nothing.
    fn ask(value: &RawValue) -> Self {
        string(value).map_or(Self::Absent, |text| Self::of(Ask::from_label(&text)))
    }
}

/// A number, or the text of one.
fn number(value: &RawValue) -> Option<Number> {
    let number = match string(value) {
        Some(text) => text.trim().parse().ok()?,
        None => serde_json::from_str(value.get()).ok()?,
    };
    f64::is_finite(number).then_some(Number(number))
}

/// The names under which Grafana sends what nobody measured: its own troubles, with the labels of
/// the rule, and tests.
fn unmeasured(name: &str) -> Option<Ignored> {
    match name.trim().to_ascii_lowercase().as_str() {
        "datasourcenodata" => Some(Ignored::NoData),
        "datasourceerror" => Some(Ignored::ErrorAlert),
        "testalert" | "test notification" => Some(Ignored::Test),
        _ => None,
    }
}

fn name(value: &RawValue) -> Option<Ignored> {
    match string(value) {
        Some(name) => unmeasured(&name),
        None => mentioned(value.get()),
    }
}

/// Such a name as a word of some text.
fn mentioned(text: &str) -> Option<Ignored> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .find_map(unmeasured)
}

/// A rule may be set to fire as itself on missing data, on an error, or to keep its last state;
/// only this annotation then tells that nothing was measured.
fn state_reason(text: &str) -> Option<Ignored> {
    let text = text.to_ascii_lowercase();
    if text.contains("nodata") {
        Some(Ignored::NoData)
    } else if text.contains("error") {
        Some(Ignored::ErrorAlert)
    } else {
        None
    }
}

fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}
