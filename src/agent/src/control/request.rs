//! The body of `PUT /control`: one order in JSON, and who gives it and why.

use std::{ops::RangeInclusive, time::Duration};

use jiff::{SignedDuration, Timestamp};
use policy::{Mode, Size};
use program::{
    error_chain::with_causes,
    time_text::{DAY, SECOND, time},
};
use serde_json::{Map, Value};

/// How long an ordered mode may hold; longer, it is one for the settings.
const HOLDS: RangeInclusive<Duration> = SECOND..=DAY.saturating_mul(31);

/// Characters of `who` and `why`.
const LONGEST_NOTE: usize = 200;

const ORDERS: [&str; 5] = ["pause", "resume", "mode", "limits", "size"];
const OTHERS: [&str; 4] = ["for", "until", "who", "why"];

/// What is ordered, before it is known what that means now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Pause,
    Resume,
    Mode(Mode, Option<Duration>),
    OwnMode,
    /// One that is not given stays as it is.
    Limits {
        min: Option<u32>,
        max: Option<u32>,
    },
    OwnLimits,
    Size(Size),
}

/// One order, and who gives it and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) asked: Asked,
    pub(super) who: Option<String>,
    pub(super) why: Option<String>,
}

/// What is wrong with a body: the key, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    #[error("the body is not a JSON object ({0}); write one such as {{\"pause\": true}}")]
    NoObject(String),
    #[error("unknown key `{key}`{hint}")]
    UnknownKey { key: String, hint: String },
    #[error("there is no order: write one of {}", ORDERS.map(|key| format!("`{key}`")).join(", "))]
    NoOrder,
    #[error("`{0}` and `{1}` are two orders; give one after the other")]
    TwoOrders(&'static str, &'static str),
    #[error("`{0}`: {1}")]
    Value(&'static str, String),
}

impl Request {
    pub(super) fn parse(body: &[u8], now: Timestamp) -> Result<Self, RequestError> {
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| RequestError::NoObject(error.to_string()))?;
        let Value::Object(object) = value else {
            return Err(RequestError::NoObject("it is another value".to_owned()));
        };
        for key in object.keys() {
            known(key)?;
        }
        let mut orders = ORDERS.into_iter().filter(|key| object.contains_key(*key));
        let order = orders.next().ok_or(RequestError::NoOrder)?;
        if let Some(other) = orders.next() {
            return Err(RequestError::TwoOrders(order, other));
        }
        let holds = holds(&object, order, now)?;
        Ok(Self {
            asked: asked(order, &object[order], holds)?,
            who: note(&object, "who")?,
            why: note(&object, "why")?,
        })
    }
}

impl Asked {
    /// The order in words.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Pause => "pause".to_owned(),
            Self::Resume => "resume".to_owned(),
            Self::Mode(mode, None) => format!("mode {mode}"),
            Self::Mode(mode, Some(time)) => {
                format!("mode {mode} for {}", humantime::format_duration(*time))
            }
            Self::OwnMode => "the settings' mode".to_owned(),
            Self::Limits { min, max } => {
                let part =
                    |name: &str, size: &Option<u32>| size.map(|size| format!(" {name} {size}"));
                let parts = [part("min", min), part("max", max)];
                format!("limits{}", parts.into_iter().flatten().collect::<String>())
            }
            Self::OwnLimits => "the settings' limits".to_owned(),
            Self::Size(size) => format!("size {size}"),
        }
    }
}

fn known(key: &str) -> Result<(), RequestError> {
    let mut keys = ORDERS.into_iter().chain(OTHERS);
    if keys.clone().any(|known| known == key) {
        return Ok(());
    }
    let near = keys.find(|known| strsim::levenshtein(known, key) * 2 <= known.len());
    let hint = near.map_or_else(
        || format!("; known are {}, {}", ORDERS.join(", "), OTHERS.join(", ")),
        |near| format!("; did you mean `{near}`?"),
    );
    let key = key.chars().filter(|c| !c.is_control()).take(60).collect();
    Err(RequestError::UnknownKey { key, hint })
}

fn asked(
    order: &'static str,
    value: &Value,
    holds: Option<Duration>,
) -> Result<Asked, RequestError> {
    let wrong = |what: &str| RequestError::Value(order, what.to_owned());
    match (order, value) {
        ("pause", Value::Bool(true)) => Ok(Asked::Pause),
        ("pause", _) => Err(wrong("write true; to end a pause write {\"resume\": true}")),
        ("resume", Value::Bool(true)) => Ok(Asked::Resume),
        ("resume", _) => Err(wrong(
            "write true; to begin a pause write {\"pause\": true}",
        )),
        ("mode", Value::Null) => Ok(Asked::OwnMode),
        ("mode", Value::String(text)) => {
            let mode = text.replace('_', "-").parse::<Mode>();
            let mode = mode.map_err(|error| wrong(&error.to_string()))?;
            Ok(Asked::Mode(mode, holds))
        }
        ("mode", _) => Err(wrong(
            "write `on`, `scale-out-only`, `recommend` or `pinned=N`, or null for the settings' mode",
        )),
        ("limits", Value::Null) => Ok(Asked::OwnLimits),
        ("limits", Value::Object(limits)) => limits_of(limits),
        ("limits", _) => Err(wrong(
            "write {\"min\": 2, \"max\": 8}, one of both, or null for the settings' limits",
        )),
        _ => size(order, value).map(|size| Asked::Size(Size(size))),
    }
}

fn limits_of(limits: &Map<String, Value>) -> Result<Asked, RequestError> {
    let unknown = limits.keys().find(|key| *key != "min" && *key != "max");
    if unknown.is_some() || limits.is_empty() {
        let message = "its keys are `min` and `max`: write one of them or both".to_owned();
        return Err(RequestError::Value("limits", message));
    }
    let side = |name, key| limits.get(key).map(|value| size(name, value)).transpose();
    Ok(Asked::Limits {
        min: side("limits.min", "min")?,
        max: side("limits.max", "max")?,
    })
}

fn size(key: &'static str, value: &Value) -> Result<u32, RequestError> {
    let size = value.as_u64().and_then(|size| u32::try_from(size).ok());
    size.filter(|size| *size > 0).ok_or_else(|| {
        RequestError::Value(key, "write a whole number of members from 1".to_owned())
    })
}

/// How long a mode is to hold, by `for` or by `until`.
fn holds(
    object: &Map<String, Value>,
    order: &'static str,
    now: Timestamp,
) -> Result<Option<Duration>, RequestError> {
    let wrong = |key, what: String| Err(RequestError::Value(key, what));
    let (key, value) = match (object.get("for"), object.get("until")) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return wrong("until", "give `for` or `until`, not both".to_owned()),
        (Some(value), None) => ("for", value),
        (None, Some(value)) => ("until", value),
    };
    if order != "mode" || object[order].is_null() {
        return wrong(
            key,
            "only an ordered mode ends by itself; leave it out".to_owned(),
        );
    }
    let Value::String(text) = value else {
        return wrong(
            key,
            "write a text, such as \"2h\" or \"2026-03-01T18:00:00Z\"".to_owned(),
        );
    };
    if key == "for" {
        return match time(text, &HOLDS) {
            Ok(time) => Ok(Some(time)),
            Err(error) => wrong(key, format!("it is {}", with_causes(&error))),
        };
    }
    let Ok(until) = text.parse::<Timestamp>() else {
        return wrong(key, "write a time such as 2026-03-01T18:00:00Z".to_owned());
    };
    match until.duration_since(now) {
        left if left <= SignedDuration::ZERO => wrong(key, "that time is over".to_owned()),
        left if left.unsigned_abs() > *HOLDS.end() => {
            wrong(key, "that is more than 31 days from now".to_owned())
        }
        left => Ok(Some(left.unsigned_abs())),
    }
}

fn note(object: &Map<String, Value>, key: &'static str) -> Result<Option<String>, RequestError> {
    let text = match object.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim(),
        Some(_) => return Err(RequestError::Value(key, "write a text".to_owned())),
    };
    if text.chars().count() > LONGEST_NOTE || text.chars().any(char::is_control) {
        let message = format!("write one line of {LONGEST_NOTE} characters at most");
        return Err(RequestError::Value(key, message));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(body: &str) -> Result<Asked, String> {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let request = Request::parse(body.as_bytes(), now);
        request.map(|r| r.asked).map_err(|error| error.to_string())
    }

    #[test]
    fn each_order_is_read() {
        let hours = |hours: u64| Some(Duration::from_secs(3_600 * hours));
        for (body, asked) in [
            (r#"{"pause":true}"#, Asked::Pause),
            (r#"{"resume":true,"why":"done"}"#, Asked::Resume),
            (
                r#"{"mode":"pinned=4","for":"2h"}"#,
                Asked::Mode(Mode::Pinned(Size(4)), hours(2)),
            ),
            (
                r#"{"mode":"scale_out_only","until":"2026-03-01T15:00:00Z"}"#,
                Asked::Mode(Mode::ScaleOutOnly, hours(3)),
            ),
            (r#"{"mode":null}"#, Asked::OwnMode),
            (
                r#"{"limits":{"min":2,"max":8}}"#,
                Asked::Limits {
                    min: Some(2),
                    max: Some(8),
                },
            ),
            (
                r#"{"limits":{"max":8}}"#,
                Asked::Limits {
                    min: None,
                    max: Some(8),
                },
            ),
            (r#"{"limits":null}"#, Asked::OwnLimits),
            (r#"{"size":4}"#, Asked::Size(Size(4))),
        ] {
            assert_eq!(parse(body), Ok(asked), "{body}");
        }
    }

    #[test]
    fn what_is_wrong_names_the_key_and_the_fix() {
        for (body, parts) in [
            ("", ["not a JSON object", "{\"pause\": true}"]),
            ("[]", ["not a JSON object", "{\"pause\": true}"]),
            ("{}", ["no order", "`pause`"]),
            (r#"{"why":"x"}"#, ["no order", "`size`"]),
            (
                r#"{"paus":true}"#,
                ["unknown key `paus`", "did you mean `pause`"],
            ),
            (r#"{"pause":true,"x":1}"#, ["unknown key `x`", "known are"]),
            (
                r#"{"pause":true,"size":4}"#,
                ["`pause` and `size`", "one after the other"],
            ),
            (r#"{"pause":false}"#, ["`pause`", "resume"]),
            (r#"{"resume":1}"#, ["`resume`", "true"]),
            (r#"{"mode":"off"}"#, ["`mode`", "`pinned=N`"]),
            (r#"{"mode":4}"#, ["`mode`", "`pinned=N`"]),
            (
                r#"{"mode":"on","for":"soon"}"#,
                ["`for`", "for example 60s"],
            ),
            (r#"{"mode":"on","for":"99d"}"#, ["`for`", "longer than"]),
            (
                r#"{"mode":"on","until":"2026-03-01T11:00:00Z"}"#,
                ["`until`", "over"],
            ),
            (
                r#"{"mode":"on","until":"2027-03-01T11:00:00Z"}"#,
                ["`until`", "31 days"],
            ),
            (
                r#"{"mode":"on","until":"noon"}"#,
                ["`until`", "2026-03-01T18:00:00Z"],
            ),
            (
                r#"{"mode":"on","until":1,"for":"1h"}"#,
                ["`until`", "not both"],
            ),
            (
                r#"{"pause":true,"for":"1h"}"#,
                ["`for`", "only an ordered mode"],
            ),
            (
                r#"{"mode":null,"for":"1h"}"#,
                ["`for`", "only an ordered mode"],
            ),
            (r#"{"limits":{}}"#, ["`limits`", "`min` and `max`"]),
            (r#"{"limits":{"low":1}}"#, ["`limits`", "`min` and `max`"]),
            (r#"{"limits":{"min":0}}"#, ["`limits.min`", "from 1"]),
            (r#"{"limits":[2,8]}"#, ["`limits`", "null"]),
            (r#"{"size":0}"#, ["`size`", "from 1"]),
            (r#"{"size":"4"}"#, ["`size`", "whole number"]),
            (r#"{"size":4.5}"#, ["`size`", "whole number"]),
            (r#"{"size":4,"who":7}"#, ["`who`", "text"]),
            ("{\"size\":4,\"why\":\"a\\nb\"}", ["`why`", "one line"]),
        ] {
            let said = parse(body).unwrap_err();
            for part in parts {
                assert!(said.contains(part), "{body}: {part}: {said}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body: Vec<u8>, key in "[a-z]{1,8}", value in "[0-9\"\\[\\]{}:,.e-]{0,12}") {
            let _ = Request::parse(&body, Timestamp::now());
            let text = format!("{{\"{key}\":{value},\"mode\":\"on\",\"for\":{value}}}");
            let _ = Request::parse(text.as_bytes(), Timestamp::now());
        }
    }
}
