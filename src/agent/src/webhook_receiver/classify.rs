//! What an alert asks for, if anything. No I/O: bytes in, alerts out.

use policy::Direction;

use super::{
    PayloadError, decode,
    payload::{self, Alerts, Document, Label, Statement, Status},
};

/// One alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// It asks for a change of size.
    Firing(Direction),
    /// It asks for nothing.
    Ignored(Ignored),
}

/// Why an alert asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// The load is back to normal.
    Resolved,
    /// Likewise, and it was an alert that asks for fewer members: the request is withdrawn.
    DownResolved,
    /// The monitoring had no data: absence of load was not measured (guarantee G3).
    NoData,
    /// The monitoring failed.
    ErrorAlert,
    /// Somebody tries the contact point out.
    Test,
    /// No label says which way.
    NoDirection,
    /// Its label says the other way than the path that it came in by.
    OtherDirection,
    /// It does not say that it fires.
    NotFiring,
    /// It is no object, or its status is no text.
    Malformed,
    /// The body on `/up` or `/down` is no alert at all.
    Unreadable,
    /// The body on `/up` or `/down` is too large.
    TooLarge,
    /// There was no memory for a large body on `/up` or `/down`.
    NoRoom,
}

impl Ignored {
    /// The reason's code, for metrics and answers.
    pub fn code(self) -> &'static str {
        match self {
            Self::Resolved | Self::DownResolved => "resolved",
            Self::NoData => "no_data",
            Self::ErrorAlert => "error_alert",
            Self::Test => "test",
            Self::NoDirection => "no_direction",
            Self::OtherDirection => "other_direction",
            Self::NotFiring => "not_firing",
            Self::Malformed => "malformed",
            Self::Unreadable => "unreadable",
            Self::TooLarge => "too_large",
            Self::NoRoom => "no_room",
        }
    }
}

/// All alerts of one body.
pub type Classified = Vec<Alert>;

/// Says what a body asks for. `path` is the direction of `/up` and `/down`, and `None` for
/// `/webhook`, where only `direction_label`, the label whose value is `up` or `down`, tells it.
///
/// On `/up` and `/down` an empty body is an alarm, for senders that send none. Any other body must
/// say that it fires: one that says otherwise, or says nothing, or cannot be read, is no alarm
/// (guarantee G3).
pub fn classify_body(
    path: Option<Direction>,
    body: &[u8],
    direction_label: &str,
) -> Result<Classified, PayloadError> {
    let Some(path) = path else {
        let document = payload::parse(&decode::text(body)?, direction_label)?;
        return webhook(&document);
    };
    if body.is_empty() {
        return Ok(vec![Alert::Firing(path)]);
    }
    let document = payload::parse(&decode::text(body)?, direction_label)?;
    Ok(bare(&document, path))
}

fn webhook(document: &Document) -> Result<Classified, PayloadError> {
    let whole = document.whole;
    let direction = |label| match label {
        Label::Is(direction) => Alert::Firing(direction),
        Label::Absent | Label::Odd => Alert::Ignored(Ignored::NoDirection),
    };
    match &document.alerts {
        Alerts::List(list) => Ok(each(list, whole, direction)),
        Alerts::Odd => Err(PayloadError::NoList),
        Alerts::Missing if document.has_rule_name && document.has_state => {
            Ok(each(&[Some(whole)], whole, direction))
        }
        Alerts::Missing => Err(PayloadError::Unknown),
    }
}

fn bare(document: &Document, path: Direction) -> Classified {
    let whole = document.whole;
    let direction = |label| match label {
        Label::Is(other) if other != path => Alert::Ignored(Ignored::OtherDirection),
        _ => Alert::Firing(path),
    };
    match &document.alerts {
        Alerts::List(list) if !list.is_empty() => each(list, whole, direction),
        // A template of the sender's may keep nothing but a status.
        _ => each(&[Some(whole)], whole, direction),
    }
}

fn each(
    list: &[Option<Statement>],
    whole: Statement,
    direction: impl Fn(Label) -> Alert,
) -> Classified {
    let alert = |statement: &Option<Statement>| match statement {
        Some(statement) => match why_not(*statement, whole) {
            Some(Ignored::Resolved)
                if direction(statement.direction) == Alert::Firing(Direction::Down) =>
            {
                Alert::Ignored(Ignored::DownResolved)
            }
            Some(why) => Alert::Ignored(why),
            None => direction(statement.direction),
        },
        None => Alert::Ignored(Ignored::Malformed),
    };
    list.iter().map(alert).collect()
}

/// Why an alert is none. A document that is no alarm as a whole holds none.
fn why_not(alert: Statement, whole: Statement) -> Option<Ignored> {
    let status = match (whole.status, alert.status) {
        (Status::Not(_), _) | (_, Status::Unsaid) => whole.status,
        _ => alert.status,
    };
    match (alert.name.or(whole.name), status) {
        (Some(why), _) | (None, Status::Not(why)) => Some(why),
        (None, Status::Unsaid) => Some(Ignored::NotFiring),
        (None, Status::Firing) => alert.reason.or(whole.reason),
    }
}

#[cfg(test)]
mod odd_bodies;
#[cfg(test)]
mod tests;
