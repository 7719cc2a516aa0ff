//! Whom a monitoring instance tells of trouble.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{SECRET, file, install, monitoring, refusal, serve};

#[tokio::test]
async fn without_an_operator_it_says_that_nobody_is_told() {
    for nobody in [
        None,
        Some(json!({})),
        Some(json!({ "emails": [], "smtp": null, "webhook": null })),
    ] {
        let mut document = monitoring();
        match nobody {
            Some(nobody) => document["operator"] = nobody,
            None => drop(document.as_object_mut().unwrap().remove("operator")),
        }
        let folder = TempDir::new().unwrap();
        let server = serve(document.to_string()).await;
        let ended = install(&server, folder.path(), &[]).await;
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.success(), "{said}");
        assert!(
            said.contains("Nobody is told of the operator's alerts"),
            "{said}"
        );
        assert_eq!(file(folder.path(), "operator-contact-point.yml"), "");
        assert_eq!(file(folder.path(), "smtp-password"), "");
        assert!(!file(folder.path(), "grafana.env").contains("SMTP"));
    }
}

/// The document with another value at this place of `operator`.
fn with_operator(place: &str, value: Value) -> Value {
    let mut document = monitoring();
    let pointer = format!("/operator/{place}");
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Array(list) => list[name.parse::<usize>().unwrap()] = value,
        object => object[name] = value,
    }
    document
}

#[tokio::test]
async fn a_part_of_whom_to_tell_that_is_missing_or_unknown_is_named() {
    for (place, value, said) in [
        ("phone", json!("+43"), "unknown field `phone`"),
        ("emails", json!([]), "operator.emails: is empty"),
        ("smtp", Value::Null, "operator.smtp: is missing"),
        ("smtp/user", Value::Null, "operator.smtp: needs user and"),
        ("smtp/password", Value::Null, "operator.smtp: needs user"),
    ] {
        let text = refusal(&with_operator(place, value), &[]).await;
        assert!(text.contains(said), "{place}: {text}");
    }
}

#[tokio::test]
async fn what_is_no_address_of_the_operator_is_named_and_not_shown() {
    for (place, field, values) in [
        (
            "emails/0",
            "emails[0]",
            "ops | a@b.c;d@e.f | Ops <a@b.c> | $HOME@b.c",
        ),
        (
            "smtp/host",
            "smtp.host",
            "mail.example.com | a.b:0 | :587 | a\"b:587",
        ),
        ("smtp/from", "smtp.from", "autoscaler | a@b@c"),
        ("smtp/user", "smtp.user", "a$b | a\nGF_X=1 | "),
        (
            "smtp/password",
            "smtp.password",
            "a\nSECRET | %(SECRET)s | ",
        ),
        (
            "webhook/url",
            "webhook.url",
            "a.b/SECRET | file:///SECRET | https://a.b/{SECRET | https://a b/",
        ),
        ("webhook/token", "webhook.token", "a SECRET | "),
    ] {
        for value in values.split(" | ") {
            let document = with_operator(place, json!(value.replace("SECRET", SECRET)));
            let text = refusal(&document, &[]).await;
            let said = format!("operator.{field}: must be");
            assert!(text.contains(&said), "{value:?}: {text}");
        }
    }
}
