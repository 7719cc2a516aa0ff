//! Misbehaviour on request, as a client meets it.

use std::time::Duration;

use local_cloud::{Fault, FaultKind};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use test_support::Api;
use tokio::time::{Instant, timeout};

async fn api_with_pool() -> (Api, String) {
    let api = Api::without_processes().await;
    let pool = api.pool(1).await;
    (api, format!("/instance-pool/{pool}"))
}

async fn size(api: &Api, path: &str) -> Value {
    api.get(path).await.body["size"].clone()
}

#[tokio::test]
async fn the_first_calls_fail_and_the_next_ones_do_not() {
    let (api, path) = api_with_pool().await;
    let scale = format!("{path}:scale");
    let faults = json!([
        { "operation": "scale-instance-pool", "count": 2, "fault": "fail", "status": 500 },
        { "operation": "scale-instance-pool", "count": 1, "fault": "rate-limit", "retry_after_s": 3 },
    ]);
    let set = api
        .local(Method::PUT, "/faults", Some(faults.clone()))
        .await;
    assert_eq!((set.status, &set.body), (StatusCode::OK, &faults));
    for _ in 0..2 {
        api.put(&scale, json!({ "size": 2 }))
            .await
            .refused(500, "fails this call as asked");
    }
    let left = api.local(Method::GET, "/faults", None).await.body;
    assert_eq!(left.as_array().unwrap().len(), 1);
    let limited = api.put(&scale, json!({ "size": 2 })).await;
    limited.refused(429, "");
    assert_eq!(limited.headers[header::RETRY_AFTER], "3");
    assert_eq!(size(&api, &path).await, 1, "none of them was applied");
    let scaled = api.put(&scale, json!({ "size": 2 })).await;
    api.done(scaled).await;
    assert_eq!(api.cloud.status().calls["scale-instance-pool"], 4);
    api.cloud.stop().await;
}

#[tokio::test]
async fn an_applied_call_without_an_answer_ends_with_a_closed_connection() {
    let (api, path) = api_with_pool().await;
    api.cloud.faults().add(Fault::new(
        "scale-instance-pool",
        1,
        FaultKind::ApplyWithoutAnswer,
    ));
    let body = br#"{"size":2}"#;
    let error = api
        .request(&Method::PUT, &format!("{path}:scale"), body)
        .send()
        .await
        .unwrap_err();
    assert!(
        error.is_request() && !error.is_connect() && !error.is_timeout(),
        "{error:?}"
    );
    assert_eq!(size(&api, &path).await, 2);
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_hanging_call_is_not_applied_and_does_not_keep_the_cloud_from_stopping() {
    let (api, path) = api_with_pool().await;
    let scale = format!("{path}:scale");
    api.cloud
        .faults()
        .add(Fault::new("scale-instance-pool", 2, FaultKind::Hang));
    let call = api.request(&Method::PUT, &scale, br#"{"size":2}"#);
    let waited = timeout(Duration::from_millis(300), call.send()).await;
    assert!(waited.is_err(), "{waited:?}");
    assert_eq!(size(&api, &path).await, 1);

    let hanging = tokio::spawn(api.request(&Method::PUT, &scale, br#"{"size":2}"#).send());
    api.until("the call", |status| status.faults.is_empty())
        .await;
    timeout(test_support::PATIENCE, api.cloud.stop())
        .await
        .expect("it stops");
    hanging.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn a_slow_call_is_applied_and_answered() {
    let (api, path) = api_with_pool().await;
    api.cloud.faults().add(Fault {
        delay_ms: Some(300),
        ..Fault::new("*", 1, FaultKind::Slow)
    });
    let started = Instant::now();
    assert_eq!(size(&api, &path).await, 1);
    assert!(started.elapsed() >= Duration::from_millis(300));
    api.cloud.stop().await;
}

#[tokio::test]
async fn faults_that_make_no_sense_are_refused_and_clearing_ends_them() {
    let (api, path) = api_with_pool().await;
    let set = async |faults: Value| api.local(Method::PUT, "/faults", Some(faults)).await;
    set(json!({})).await.refused(400, "no list of faults");
    set(json!([{ "operation": "scale", "count": 1, "fault": "fail" }]))
        .await
        .refused(400, "\"scale\"");
    set(json!([{ "operation": "*", "count": 1, "fault": "explode" }]))
        .await
        .refused(400, "explode");
    set(json!([{ "operation": "*", "count": 1, "fault": "fail", "status": 200 }]))
        .await
        .refused(400, "status");
    for operation in ["list-instances", "*"] {
        let fault = json!({ "operation": operation, "count": 1, "fault": "fail-operation" });
        set(json!([fault])).await.refused(400, "changes something");
    }
    let edit = |edits: Value| json!([{ "operation": "*", "count": 1, "fault": "edit-answer", "edits": edits }]);
    set(edit(json!([]))).await.refused(400, "at least one");
    set(edit(json!([{ "path": "state" }])))
        .await
        .refused(400, "JSON pointer");
    api.local(Method::PUT, "/shortage", Some(json!([])))
        .await
        .refused(400, "type and message");
    set(json!([{ "operation": "*", "count": 1, "fault": "fail" }])).await;
    api.local(Method::DELETE, "/faults", None).await;
    assert_eq!(size(&api, &path).await, 1);
    api.cloud.stop().await;
}

#[tokio::test]
async fn an_answer_can_be_changed_and_a_refusal_can_say_what_it_is_told_to() {
    let (api, path) = api_with_pool().await;
    let faults = json!([
        { "operation": "get-instance-pool", "count": 1, "fault": "edit-answer",
          "edits": [{ "path": "/state", "value": null }, { "path": "/instances" }] },
        { "operation": "scale-instance-pool", "count": 1, "fault": "fail", "status": 403,
          "message": "Locked by NLB 0c1b" },
        { "operation": "scale-instance-pool", "count": 1, "fault": "fail-operation",
          "reason": "busy", "message": "later" },
    ]);
    let set = api
        .local(Method::PUT, "/faults", Some(faults.clone()))
        .await;
    assert_eq!(set.body, faults);
    let edited = api.get(&path).await.body;
    assert_eq!(
        (&edited["state"], &edited["size"]),
        (&Value::Null, &json!(1))
    );
    assert!(edited.get("instances").is_none());
    assert_eq!(api.get(&path).await.body["state"], "running");
    let scale = format!("{path}:scale");
    api.put(&scale, json!({ "size": 2 }))
        .await
        .refused(403, "Locked by NLB 0c1b");
    let taken = api.put(&scale, json!({ "size": 2 })).await.body;
    assert_eq!(taken["state"], "pending");
    let operation = format!("/operation/{}", taken["id"].as_str().unwrap());
    let ended = loop {
        let operation = api.get(&operation).await.body;
        if operation["state"] != "pending" {
            break operation;
        }
    };
    let said = (&ended["state"], &ended["reason"], &ended["message"]);
    assert_eq!(said, (&json!("failure"), &json!("busy"), &json!("later")));
    assert_eq!(size(&api, &path).await, 1);
    api.cloud.stop().await;
}
