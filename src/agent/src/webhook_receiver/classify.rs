//! What an alert asks for, if anything. No I/O: bytes in, alerts out.

use policy::{AskedSteps, Direction, SeverityTable, Size, StepCause, StepSize};

use super::{
    PayloadError, Pools, decode,
    payload::{self, Alerts, Document, Label, Number, Statement, Status},
    pools::MeantFor,
};

/// What an alert can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// More members or fewer.
    Change(Direction),
    /// At least as many members as its value says.
    AtLeast,
}

impl Ask {
    /// The label's values, beside `up` and `down`.
    const AT_LEAST: &'static str = "at-least";

    pub(super) fn from_label(text: &str) -> Option<Self> {
        let directions = [Direction::Up, Direction::Down];
        let direction = directions.into_iter().find(|d| d.as_str() == text);
        let at_least = (text == Self::AT_LEAST).then_some(Self::AtLeast);
        direction.map(Self::Change).or(at_least)
    }

    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Change(direction) => direction.as_str(),
            Self::AtLeast => Self::AT_LEAST,
        }
    }
}

/// One alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// It fires.
    Firing(Ask),
    /// It asks for nothing.
    Ignored(Ignored),
}

/// How the alerts of a sender are read.
#[derive(Clone, Debug)]
pub struct Conventions {
    /// The label whose value is `up`, `down` or `at-least`.
    pub direction_label: String,
    /// The name, in Grafana's list of an alert's values, of the one that its rule looked at.
    pub value_name: String,
    /// The pools that alerts may be meant for, each with the steps that a value asks for.
    pub pools: Pools,
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
    /// It asks for at least so many members, and does not say how many.
    NoValue,
    /// The number of members is negative, beyond any pool, or no number.
    BadValue,
    /// Its label `step` names no step.
    BadStep,
    /// It does not say which of several pools it is meant for.
    NoPool,
    /// Its labels are no pool's, or not those of one alone.
    UnknownPool,
    /// Its labels are those of another pool than its sender asked for.
    OtherPool,
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
            Self::NoValue => "no_value",
            Self::BadValue => "bad_value",
            Self::BadStep => "bad_step",
            Self::NoPool => "no_pool",
            Self::UnknownPool => "unknown_pool",
            Self::OtherPool => "other_pool",
        }
    }
}

/// The alerts of one body that are meant for one pool, and what those that fire ask for together.
#[derive(Clone, Debug, Default)]
pub struct Classified {
    /// The pool's place among the agent's; `None` where nobody knows which one is meant.
    pub pool: Option<usize>,
    /// Each alert.
    pub alerts: Vec<Alert>,
    /// The steps that those ask for which ask for more members.
    pub steps: AskedSteps,
    /// The largest number of members that one asks for at least.
    pub at_least: Option<Size>,
    /// The average CPU use that one of those tells of, as a share, which ask for a change.
    pub cpu: Option<f64>,
}

/// The most members that an alert may ask for; the settings know no larger pool.
const MOST_MEMBERS: f64 = 10_000.0;

/// How a body came in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Way {
    /// The direction of `/up` and `/down`; `None` for `/webhook`, where only the direction label
    /// tells it.
    pub path: Option<Direction>,
    /// The place of the pool that the sender asked for, beside what labels say.
    pub pool: Option<usize>,
}

impl From<Option<Direction>> for Way {
    fn from(path: Option<Direction>) -> Self {
        Self { path, pool: None }
    }
}

/// Says what a body asks for, pool by pool.
///
/// On `/up` and `/down` an empty body is an alarm, for senders that send none. Any other body must
/// say that it fires: one that says otherwise, or says nothing, or cannot be read, is no alarm
/// (guarantee G3).
pub fn classify_body(
    way: impl Into<Way>,
    body: &[u8],
    conventions: &Conventions,
) -> Result<Vec<Classified>, PayloadError> {
    let way = way.into();
    let mut found = Found {
        way,
        conventions,
        pools: Vec::new(),
    };
    if let (Some(path), true) = (way.path, body.is_empty()) {
        let empty = Statement {
            status: Status::Firing,
            ..Statement::default()
        };
        found.add(Some(empty), empty, |_| Alert::Firing(Ask::Change(path)));
        return Ok(found.pools);
    }
    let document = payload::parse(&decode::text(body)?, conventions)?;
    match way.path {
        None => found.webhook(&document)?,
        Some(path) => found.bare(&document, path),
    }
    Ok(found.pools)
}

/// What was found of a body.
struct Found<'a> {
    way: Way,
    conventions: &'a Conventions,
    pools: Vec<Classified>,
}

impl Found<'_> {
    fn webhook(&mut self, document: &Document) -> Result<(), PayloadError> {
        let whole = document.whole;
        let ask = |label| match label {
            Label::Is(ask) => Alert::Firing(ask),
            Label::Absent | Label::Odd => Alert::Ignored(Ignored::NoDirection),
        };
        match &document.alerts {
            Alerts::List(list) => self.each(list, whole, ask),
            Alerts::Odd => return Err(PayloadError::NoList),
            Alerts::Missing if document.has_rule_name && document.has_state => {
                self.each(&[Some(whole)], whole, ask);
            }
            Alerts::Missing => return Err(PayloadError::Unknown),
        }
        Ok(())
    }

    fn bare(&mut self, document: &Document, path: Direction) {
        let whole = document.whole;
        let path = Ask::Change(path);
        let ask = |label| match label {
            Label::Is(other) if other != path => Alert::Ignored(Ignored::OtherDirection),
            _ => Alert::Firing(path),
        };
        match &document.alerts {
            Alerts::List(list) if !list.is_empty() => self.each(list, whole, ask),
            // A template of the sender's may keep nothing but a status.
            _ => self.each(&[Some(whole)], whole, ask),
        }
    }

    fn each(
        &mut self,
        list: &[Option<Statement>],
        whole: Statement,
        ask: impl Fn(Label<Ask>) -> Alert,
    ) {
        for statement in list {
            self.add(*statement, whole, &ask);
        }
    }

    fn add(
        &mut self,
        statement: Option<Statement>,
        whole: Statement,
        ask: impl Fn(Label<Ask>) -> Alert,
    ) {
        let pools = &self.conventions.pools;
        let pool = match statement {
            Some(statement) => pools.meant(statement.meant_for, self.way.pool),
            None => pools.meant(MeantFor::default(), self.way.pool),
        };
        let at = pool.ok();
        let known = self.pools.iter().position(|found| found.pool == at);
        let known = known.unwrap_or_else(|| {
            self.pools.push(Classified {
                pool: at,
                ..Classified::default()
            });
            self.pools.len() - 1
        });
        let found = &mut self.pools[known];
        let alert = match statement {
            None => Alert::Ignored(Ignored::Malformed),
            Some(said) => match (why_not(said, whole), ask(said.ask)) {
                (Some(Ignored::Resolved), Alert::Firing(Ask::Change(Direction::Down))) => {
                    Alert::Ignored(Ignored::DownResolved)
                }
                (Some(why), _) => Alert::Ignored(why),
                (None, Alert::Firing(ask)) => {
                    let added = pool.and_then(|at| found.add(ask, said, pools.severity(at)));
                    added.map_or_else(Alert::Ignored, |()| Alert::Firing(ask))
                }
                (None, ignored @ Alert::Ignored(_)) => ignored,
            },
        };
        found.alerts.push(alert);
    }
}

impl Classified {
    /// Takes in what a firing alert asks for.
    fn add(&mut self, ask: Ask, said: Statement, severity: &SeverityTable) -> Result<(), Ignored> {
        // What the rule's author wrote down on purpose counts more than what Grafana lists.
        let value = said.noted_value.or(said.listed_value);
        if let (Ask::Change(_), Label::Is(Number(value))) = (ask, value)
            && (0.0..=1.0).contains(&value)
        {
            self.cpu = Some(value);
        }
        match ask {
            Ask::Change(Direction::Up) => {
                let steps = asked_steps(said.step, value, severity)?;
                self.steps = self.steps.and(steps);
            }
            Ask::Change(Direction::Down) => {}
            Ask::AtLeast => {
                let members = members(value)?;
                self.at_least = self.at_least.max(Some(members));
            }
        }
        Ok(())
    }
}

/// A rule that names a step knows better than the table of severity.
fn asked_steps(
    step: Label<StepSize>,
    value: Label<Number>,
    severity: &SeverityTable,
) -> Result<AskedSteps, Ignored> {
    match (step, value) {
        (Label::Is(size), _) => Ok(AskedSteps::new(size, StepCause::Label)),
        (Label::Odd, _) => Err(Ignored::BadStep),
        (Label::Absent, Label::Is(Number(value))) => Ok(severity.asked_by(value)),
        // Without a value it is an alert all the same.
        (Label::Absent, Label::Absent | Label::Odd) => Ok(AskedSteps::default()),
    }
}

fn members(value: Label<Number>) -> Result<Size, Ignored> {
    match value {
        Label::Absent => Err(Ignored::NoValue),
        Label::Is(Number(value)) if (0.0..=MOST_MEMBERS).contains(&value) => {
            // Whole and in range.
            Ok(Size(value.ceil() as u32))
        }
        Label::Is(_) | Label::Odd => Err(Ignored::BadValue),
    }
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
mod asks;
#[cfg(test)]
mod odd_bodies;
#[cfg(test)]
mod tests;
