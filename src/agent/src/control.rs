//! Control of the running agent: who may give orders, how they are written, and what there is to
//! see of them.
//!
//! An order goes to the scaler and so to the policy, which follows it or says why not. Nothing here
//! decides anything.

mod request;
mod routes;

use std::{sync::Arc, time::Duration};

use actix::Message;
use actix_web::http::header::HeaderMap;
use jiff::{Timestamp, Unit};
use parking_lot::RwLock;
use policy::{Bounds, Moment, Order, OrderError, State};
use serde::{Deserialize, Serialize};

pub(crate) use self::routes::{Controller, configure};
use crate::{
    clock::Clock, config::Token, metrics::Counters, pool_actors::PoolActors,
    webhook_receiver::Authentication,
};

/// Who may give orders, and how far.
#[derive(Clone, Debug)]
pub struct ControlSettings {
    /// What must be shown; without one nobody may.
    pub token: Option<Token>,
    /// The largest size that ordered limits may allow.
    pub max_size: u32,
}

impl ControlSettings {
    /// Whether the token is shown.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        let authentication = Authentication {
            bearer: self.token.clone(),
            ..Authentication::default()
        };
        self.token.is_some() && authentication.admits(headers, b"", Timestamp::now())
    }
}

/// Who gave an order, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// The order in words.
    pub(crate) order: String,
    pub(crate) who: Option<String>,
    pub(crate) why: Option<String>,
    /// When it was given.
    pub(crate) at: Timestamp,
}

/// To the scaler: follow this order.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<(), OrderError>")]
pub(crate) struct Command {
    pub(crate) order: Order,
    pub(crate) note: Note,
}

/// What the route needs.
#[derive(Clone, Debug)]
pub(crate) struct ControlState {
    pub(crate) settings: Arc<RwLock<ControlSettings>>,
    pub(crate) pools: Arc<[PoolActors]>,
    pub(crate) counters: Counters,
    pub(crate) clock: Clock,
    /// How long a body may take.
    pub(crate) body_timeout: Duration,
}

/// The orders in force, as `/status` shows them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct ControlView {
    /// Whether nothing is changed.
    pub(crate) paused: bool,
    /// The mode that is ordered instead of the settings'.
    pub(crate) mode: Option<String>,
    /// When it ends by itself.
    pub(crate) until: Option<Timestamp>,
    /// The limits that are ordered instead of the settings'.
    pub(crate) limits: Option<LimitsView>,
    /// The size that was ordered and is not reached yet.
    pub(crate) size: Option<u32>,
    /// How soon the pool may get it, as of the last event.
    pub(crate) size_in_s: Option<f64>,
    /// The latest order,
    pub(crate) order: Option<String>,
    /// who gave it,
    pub(crate) who: Option<String>,
    /// why,
    pub(crate) why: Option<String>,
    /// and when.
    pub(crate) at: Option<Timestamp>,
}

/// Limits that are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct LimitsView {
    pub(crate) min: u32,
    pub(crate) max: u32,
}

impl From<Bounds> for LimitsView {
    fn from(bounds: Bounds) -> Self {
        Self {
            min: bounds.min().0,
            max: bounds.max().0,
        }
    }
}

impl ControlView {
    pub(crate) fn of(state: &State, note: Option<&Note>, now: Moment) -> Self {
        let control = state.control();
        let size = control.size.map(|ordered| ordered.size.0);
        let acts_at = state.acts_at().filter(|_| size.is_some());
        let until = control.mode.and_then(|ordered| ordered.until);
        Self {
            paused: control.paused,
            mode: control.mode.map(|ordered| ordered.mode.to_string()),
            until: until.map(|until| wall_clock(until, now)),
            limits: control.limits.map(LimitsView::from),
            size,
            size_in_s: acts_at.map(|at| at.since(now).as_secs_f64()),
            order: note.map(|note| note.order.clone()),
            who: note.and_then(|note| note.who.clone()),
            why: note.and_then(|note| note.why.clone()),
            at: note.map(|note| note.at),
        }
    }
}

/// A moment by the wall clock, to the second.
fn wall_clock(moment: Moment, now: Moment) -> Timestamp {
    let at = at_wall_clock(moment, now, Timestamp::now());
    at.round(Unit::Second).unwrap_or(at)
}

/// A moment by a wall clock that shows `wall` now.
pub(crate) fn at_wall_clock(moment: Moment, now: Moment, wall: Timestamp) -> Timestamp {
    let later = wall.saturating_add(moment.since(now));
    let later = later.unwrap_or(Timestamp::MAX);
    later
        .saturating_sub(now.since(moment))
        .unwrap_or(Timestamp::MIN)
}

/// The other way round; one before the agent's start becomes the start.
pub(crate) fn at_moment(at: Timestamp, now: Moment, wall: Timestamp) -> Moment {
    let ahead = Duration::try_from(at.duration_since(wall)).unwrap_or_default();
    let behind = Duration::try_from(wall.duration_since(at)).unwrap_or_default();
    now + ahead - behind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_by_the_wall_clock_and_back() {
        let at = |seconds| Moment::at(Duration::from_secs(seconds));
        let wall = Timestamp::from_second(1_700_000_000).unwrap();
        for (moment, seconds) in [(40, -60), (100, 0), (170, 70)] {
            let told = at_wall_clock(at(moment), at(100), wall);
            assert_eq!(told.as_second(), 1_700_000_000 + seconds);
            assert_eq!(at_moment(told, at(100), wall), at(moment));
        }
        let early = Timestamp::from_second(0).unwrap();
        assert_eq!(at_moment(early, at(100), wall), Moment::START);
        let never = at_wall_clock(Moment::at(Duration::MAX), at(100), wall);
        assert!(never > wall);
    }
}
