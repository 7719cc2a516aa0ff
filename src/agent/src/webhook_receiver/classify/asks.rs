//! How many members an alert asks for: by its value, by a label, by the table of severity.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    tests::{conventions, grafana, together},
    *,
};

fn classified(document: &Value) -> Classified {
    let body = document.to_string();
    together(classify_body(None, body.as_bytes(), &conventions("scale")).expect("a known document"))
}

/// A firing alert with these labels, values and annotations.
fn firing(labels: &Value, values: &Value, annotations: &Value) -> Value {
    let mut document = grafana("firing", labels, annotations);
    document["alerts"][0]["values"] = values.clone();
    document
}

fn at_least(values: &Value, annotations: &Value) -> Classified {
    classified(&firing(
        &json!({ "scale": "at-least" }),
        values,
        annotations,
    ))
}

fn up(labels: &Value, values: &Value) -> Classified {
    let mut labels = labels.clone();
    labels["scale"] = "up".into();
    classified(&firing(&labels, values, &json!({})))
}

const AT_LEAST: Alert = Alert::Firing(Ask::AtLeast);

#[test]
fn an_alert_can_ask_for_at_least_so_many_members() {
    for (values, annotations, expected) in [
        (json!({ "A": 3, "C": 1 }), json!({}), 3),
        (json!({ "A": 2.1, "C": 1 }), json!({}), 3),
        (json!({ "A": 0 }), json!({}), 0),
        (json!({ "A": 10_000 }), json!({}), 10_000),
        (json!(null), json!({ "value": "4" }), 4),
        (json!({ "B": 9 }), json!({ "value": "4.0" }), 4),
        // What the author wrote on purpose counts.
        (json!({ "A": 9 }), json!({ "value": "4" }), 4),
    ] {
        let found = at_least(&values, &annotations);
        assert_eq!(found.alerts, [AT_LEAST], "{values} {annotations}");
        assert_eq!(
            found.at_least,
            Some(Size(expected)),
            "{values} {annotations}"
        );
    }
}

#[test]
fn without_a_number_of_members_it_asks_for_nothing() {
    for (values, annotations, why) in [
        (json!({}), json!({}), Ignored::NoValue),
        (json!(null), json!({}), Ignored::NoValue),
        (json!({ "C": 1 }), json!({}), Ignored::NoValue),
        (json!({ "a": 3 }), json!({}), Ignored::NoValue),
        (json!({ "A": null }), json!({}), Ignored::BadValue),
        (json!({ "A": "3" }), json!({}), Ignored::BadValue),
        (json!({ "A": "NaN" }), json!({}), Ignored::BadValue),
        (json!({ "A": -1 }), json!({}), Ignored::BadValue),
        (json!({ "A": 1e9 }), json!({}), Ignored::BadValue),
        (json!({ "A": [3] }), json!({}), Ignored::BadValue),
        (json!(7), json!({}), Ignored::BadValue),
        (json!([3]), json!({}), Ignored::BadValue),
        (
            json!({ "A": 3 }),
            json!({ "value": "many" }),
            Ignored::BadValue,
        ),
        (
            json!({ "A": 3 }),
            json!({ "value": "NaN" }),
            Ignored::BadValue,
        ),
        (json!({}), json!({ "value": "inf" }), Ignored::BadValue),
        (json!({}), json!({ "value": "" }), Ignored::BadValue),
    ] {
        let found = at_least(&values, &annotations);
        assert_eq!(
            found.alerts,
            [Alert::Ignored(why)],
            "{values} {annotations}"
        );
        assert_eq!(found.at_least, None);
    }
}

#[test]
fn a_value_that_comes_twice_must_be_the_same() {
    let body = |second: &str| {
        format!(
            r#"{{"status":"firing","alerts":[{{"labels":{{"scale":"at-least"}},
            "values":{{"A":3,"A":{second}}}}}]}}"#
        )
    };
    let found = |second| {
        let body = body(second);
        together(classify_body(None, body.as_bytes(), &conventions("scale")).unwrap())
    };
    assert_eq!(found("3").at_least, Some(Size(3)));
    assert_eq!(found("300").alerts, [Alert::Ignored(Ignored::BadValue)]);
}

#[test]
fn at_least_asks_for_nothing_when_it_resolves_or_comes_by_the_path_of_a_direction() {
    let labels = json!({ "scale": "at-least" });
    let mut document = firing(&labels, &json!({ "A": 3 }), &json!({}));
    let body = document.to_string();
    for path in [Direction::Up, Direction::Down] {
        let found =
            together(classify_body(Some(path), body.as_bytes(), &conventions("scale")).unwrap());
        assert_eq!(found.alerts, [Alert::Ignored(Ignored::OtherDirection)]);
    }
    document["alerts"][0]["status"] = "resolved".into();
    let found = classified(&document);
    assert_eq!(found.alerts, [Alert::Ignored(Ignored::Resolved)]);
    assert_eq!(found.at_least, None);
}

#[test]
fn an_up_alert_asks_for_the_step_of_its_label_or_of_its_severity() {
    let strongest = |found: Classified| {
        let chosen = found.steps.strongest(StepSize::ONE, Size(4));
        (chosen.size.to_string(), chosen.cause)
    };
    for (labels, values, size, cause) in [
        (json!({}), json!({ "A": 0.85 }), "1", StepCause::Default),
        (
            json!({}),
            json!({ "A": 0.96 }),
            "150%",
            StepCause::Severity(policy::CpuShare(950)),
        ),
        (
            json!({ "step": "2" }),
            json!({ "A": 0.85 }),
            "2",
            StepCause::Label,
        ),
        // The label is the rule's own word.
        (
            json!({ "step": "50%" }),
            json!({ "A": 0.99 }),
            "50%",
            StepCause::Label,
        ),
        // Values that are no CPU use change nothing.
        (json!({}), json!({ "A": 97 }), "1", StepCause::Default),
        (json!({}), json!({ "A": "0.99" }), "1", StepCause::Default),
        (json!({}), json!({ "A": -0.99 }), "1", StepCause::Default),
        (json!({}), json!(null), "1", StepCause::Default),
    ] {
        let found = up(&labels, &values);
        assert_eq!(found.alerts, [Alert::Firing(Ask::Change(Direction::Up))]);
        assert_eq!(
            strongest(found),
            (size.to_owned(), cause),
            "{labels} {values}"
        );
    }
}

#[test]
fn a_label_that_names_no_step_makes_the_alert_none() {
    for step in [
        json!("0%"),
        json!("much"),
        json!(""),
        json!("1e3"),
        json!(2),
        json!(null),
    ] {
        let found = up(&json!({ "step": step }), &json!({ "A": 0.99 }));
        assert_eq!(found.alerts, [Alert::Ignored(Ignored::BadStep)], "{step}");
        assert_eq!(found.steps, AskedSteps::default());
    }
    // A rule that asks for fewer members has the step of the settings.
    let labels = json!({ "scale": "down", "step": "much" });
    let found = classified(&firing(&labels, &json!({}), &json!({})));
    assert_eq!(found.alerts, [Alert::Firing(Ask::Change(Direction::Down))]);
}

proptest! {
    /// Whatever stands in the place of the value, no more is asked for than a pool can have.
    #[test]
    fn no_value_asks_for_more_than_a_pool_can_have(value in any::<f64>(), text in ".{0,20}") {
        for (values, annotations) in [
            (json!({ "A": value }), json!({})),
            (json!({ "A": text }), json!({})),
            (json!({}), json!({ "value": value.to_string() })),
            (json!({}), json!({ "value": text })),
        ] {
            let found = at_least(&values, &annotations);
            prop_assert!(found.at_least.is_none_or(|members| members <= Size(10_000)));
            let is_ignored = matches!(found.alerts[0], Alert::Ignored(_));
            prop_assert_eq!(found.at_least.is_none(), is_ignored);
        }
    }
}
